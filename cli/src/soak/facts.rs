//! The journal as facts, whichever way it was read: replayed from a data directory, or through
//! Journal.Read of the admin listener.
//!
//! Runs and berths are numbered as on the stage, stops and passengers from 0, times in milliseconds.

use std::path::Path;
use std::sync::Arc;

use berth_client::{Admin, v1};
use berth_inventory::{BerthIndex, Event, Plan, Rest, Run};
use berth_node::Names;
use berth_persistence::{
    DataDir, Keys, MemorySnapshots, Replay, Seen, Visitor, plan_from_text, replay,
};
use hashbrown::HashMap;

use super::SoakError;
use super::effect::ms;
use super::stage::{Stage, StageRun};

/// What one event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Held {
        hold: u128,
        request: u128,
        from: u8,
        to: u8,
        seats: Vec<u16>,
        expires_at: u64,
        ours: bool,
    },
    Confirmed {
        hold: u128,
        request: u128,
        pnr: u64,
        passengers: u8,
        rest_released: bool,
    },
    Extended {
        hold: u128,
        request: u128,
        expires_at: u64,
    },
    Released {
        hold: u128,
        passengers: u8,
    },
    Expired {
        hold: u128,
    },
    Grace {
        until: u64,
        as_of: u64,
        span: u64,
    },
    Cancelled {
        pnr: u64,
        passengers: u8,
    },
    Blocked {
        berths: Vec<u16>,
        legs: u128,
        blocked: bool,
    },
    Retired,
    /// Says nothing of berths: the run's birth, leases of numbers, sale.
    Other,
}

/// One event with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub lsn: u64,
    pub run: u32,
    pub version: u64,
    pub at: u64,
    pub fact: Fact,
}

/// A run at the end of a replay.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    pub name: String,
    pub version: u64,
    pub digest: String,
    /// Broken invariants, in words.
    pub broken: Vec<String>,
}

/// What reading the journal came to.
#[derive(Debug, Default)]
pub struct Read {
    pub source: &'static str,
    pub events: u64,
    pub first_lsn: u64,
    pub last_lsn: u64,
    /// What is damaged.
    pub damage: Vec<String>,
    /// Runs of a replay; none when the journal was read from a live server.
    pub rebuilt: Vec<Rebuilt>,
    /// Events with our reference on a run that is not on the stage.
    pub off_stage: Vec<String>,
}

/// Replays a data directory that nobody serves any more.
pub fn from_directory(
    root: &Path,
    stage: &Stage,
    reference: &str,
    take: &mut dyn FnMut(&Entry),
) -> Result<Read, SoakError> {
    let fault = |why: String| SoakError::Journal { why };
    let dir = DataDir::read_only(root).map_err(|e| fault(e.to_string()))?;
    let keys = Keys::read(root).map_err(|e| fault(e.to_string()))?;
    let parse = |text: &str| plan_from_text(text).map(Arc::new).map_err(|e| e.to_string());
    let mut visitor = Replaying {
        stage,
        reference,
        names: Names::new(keys.bytes(), 0),
        plans: HashMap::new(),
        texts: HashMap::new(),
        read: Read { source: "data directory", ..Read::default() },
        take,
    };
    let replayed =
        replay(&dir, &Replay::default(), &MemorySnapshots::new(), &parse, &|_| None, &mut visitor)
            .map_err(|e| fault(e.to_string()))?;
    let mut read = visitor.read;
    read.events = replayed.events;
    (read.first_lsn, read.last_lsn) = (replayed.first.0, replayed.last.0);
    read.damage = replayed.damage;
    read.rebuilt = replayed.runs.iter().map(|(_, run)| rebuilt(run)).collect();
    Ok(read)
}

fn rebuilt(run: &Run) -> Rebuilt {
    Rebuilt {
        name: run.id().to_string(),
        version: run.version().0,
        digest: run.digest().to_string(),
        broken: run.check().iter().map(|violation| format!("{violation:?}")).collect(),
    }
}

struct Replaying<'a> {
    stage: &'a Stage,
    reference: &'a str,
    names: Names,
    /// Plans of the runs seen, by run number in the journal.
    plans: HashMap<u32, Arc<Plan>>,
    texts: HashMap<[u8; 32], Arc<Plan>>,
    read: Read,
    take: &'a mut dyn FnMut(&Entry),
}

impl Visitor for Replaying<'_> {
    fn record(&mut self, _: berth_persistence::Lsn, record: &berth_persistence::NodeRecord) {
        if let berth_persistence::NodeRecord::PlanText { hash, text } = record
            && let Ok(plan) = plan_from_text(text)
        {
            self.texts.insert(hash.0, Arc::new(plan));
        }
    }

    fn event(&mut self, seen: &Seen<'_>) {
        if let Event::RunCreated(created) = seen.event
            && let Some(plan) = self.texts.get(&created.plan.0)
        {
            self.plans.insert(seen.index.0, Arc::clone(plan));
        }
        let name = seen.run.map(|run| run.to_string()).unwrap_or_default();
        let Some(run) = self.stage.find(&name) else {
            if matches!(seen.event, Event::Held { reference, .. } if **reference == *self.reference)
            {
                self.read.off_stage.push(format!("run {name} version {}", seen.version));
            }
            return;
        };
        let fact = match self.plans.get(&seen.index.0) {
            Some(plan) => self.fact(plan, self.stage.run(run), seen.event),
            None => Fact::Other,
        };
        (self.take)(&Entry { lsn: seen.lsn.0, run, version: seen.version.0, at: seen.at.0, fact });
    }
}

impl Replaying<'_> {
    fn fact(&self, plan: &Plan, run: &StageRun, event: &Event) -> Fact {
        let berth = |index: BerthIndex| {
            let name = plan.berth_name(index);
            run.berth(&name.coach, u32::from(name.number)).unwrap_or(u16::MAX - 1)
        };
        let printed =
            |pnr: berth_inventory::Pnr| self.names.print_pnr(pnr).parse().unwrap_or_default();
        match event {
            Event::Held { hold, request, legs, party, expires_at, reference, .. } => Fact::Held {
                hold: hold.0,
                request: request.id.0,
                from: legs.from,
                to: legs.to,
                seats: party.iter().map(|p| p.berth.map_or(u16::MAX, berth)).collect(),
                expires_at: expires_at.0,
                ours: **reference == *self.reference,
            },
            Event::Confirmed { hold, request, pnr, passengers, rest, .. } => Fact::Confirmed {
                hold: hold.0,
                request: request.id.0,
                pnr: printed(*pnr),
                passengers: passengers.0,
                rest_released: *rest == Rest::Released,
            },
            Event::Extended { hold, request, expires_at } => {
                Fact::Extended { hold: hold.0, request: request.id.0, expires_at: expires_at.0 }
            }
            Event::Released { hold, passengers } => {
                Fact::Released { hold: hold.0, passengers: passengers.0 }
            }
            Event::Expired { hold } => Fact::Expired { hold: hold.0 },
            Event::HoldsExtended { until, as_of, span } => {
                Fact::Grace { until: until.0, as_of: as_of.0, span: span.0 }
            }
            Event::Cancelled { pnr, passengers } => {
                Fact::Cancelled { pnr: printed(*pnr), passengers: passengers.0 }
            }
            Event::BerthsBlocked { berths, legs } | Event::BerthsUnblocked { berths, legs } => {
                Fact::Blocked {
                    berths: berths.iter().copied().map(berth).collect(),
                    legs: legs.mask().0,
                    blocked: matches!(event, Event::BerthsBlocked { .. }),
                }
            }
            Event::RunRetired => Fact::Retired,
            // No train of a soak has lists.
            Event::RunCreated(_)
            | Event::PnrBlockLeased { .. }
            | Event::SaleSet { .. }
            | Event::Listed { .. }
            | Event::Promoted { .. } => Fact::Other,
        }
    }
}

/// Reads the journal of a live server, run by run: what it wrote since the soak began.
pub async fn from_server(
    admin: &Admin,
    stage: &Stage,
    reference: &str,
    take: &mut dyn FnMut(&Entry),
) -> Result<Read, SoakError> {
    let mut read = Read { source: "Journal.Read", ..Read::default() };
    for (number, run) in stage.runs.iter().enumerate() {
        let range = v1::RunRange {
            train: run.train.clone(),
            start_date: run.start_date.clone(),
            first_version: 0,
            last_version: 0,
        };
        let range = Some(v1::read_request::Range::Run(range));
        let mut answers = admin.read_journal(v1::ReadRequest { range, limit: 0 }).await?;
        let broken = |status: tonic::Status| SoakError::Journal { why: status.to_string() };
        while let Some(answer) = answers.message().await.map_err(broken)? {
            for event in answer.events {
                let (lsn, version) = (event.lsn, event.run_version);
                let at = ms(event.at.as_ref());
                let fact = wire_fact(run, reference, event.event);
                take(&Entry { lsn, run: number as u32, version, at, fact });
                read.events += 1;
                read.last_lsn = read.last_lsn.max(lsn);
                if read.first_lsn == 0 || lsn < read.first_lsn {
                    read.first_lsn = lsn;
                }
            }
        }
    }
    Ok(read)
}

fn wire_fact(run: &StageRun, reference: &str, event: Option<v1::journal_event::Event>) -> Fact {
    use v1::journal_event::Event as Wire;
    let id = |text: &str| u128::from_str_radix(text, 16).unwrap_or_default();
    let uuid = |text: &str| uuid::Uuid::try_parse(text).map_or(0, |id| id.as_u128());
    let place = |stop: Option<v1::Stop>| {
        stop.map_or(0, |stop| u8::try_from(stop.sequence.saturating_sub(1)).unwrap_or(u8::MAX))
    };
    let people = |numbers: &[u32]| {
        numbers.iter().filter(|n| (1..=8).contains(*n)).fold(0, |set: u8, n| set | 1 << (n - 1))
    };
    let change = |berths: &[v1::BerthName], from, to, blocked| Fact::Blocked {
        berths: berths.iter().filter_map(|b| run.berth(&b.coach, b.number)).collect(),
        legs: super::ledger::legs(place(from), place(to)),
        blocked,
    };
    let number = |pnr: &str| pnr.parse().unwrap_or_default();
    match event {
        Some(Wire::Held(held)) => Fact::Held {
            hold: id(&held.hold_id),
            request: uuid(&held.request_id),
            from: place(held.from_stop),
            to: place(held.to_stop),
            seats: held
                .allocations
                .iter()
                .map(|seat| match seat.berth {
                    0 => u16::MAX,
                    painted => run.berth(&seat.coach, painted).unwrap_or(u16::MAX - 1),
                })
                .collect(),
            expires_at: ms(held.expires_at.as_ref()),
            ours: held.reference == reference,
        },
        Some(Wire::Confirmed(done)) => Fact::Confirmed {
            hold: id(&done.hold_id),
            request: uuid(&done.request_id),
            pnr: number(&done.pnr),
            passengers: people(&done.passengers),
            rest_released: !done.keep_rest,
        },
        Some(Wire::Extended(done)) => Fact::Extended {
            hold: id(&done.hold_id),
            request: uuid(&done.request_id),
            expires_at: ms(done.expires_at.as_ref()),
        },
        Some(Wire::Released(done)) => {
            Fact::Released { hold: id(&done.hold_id), passengers: people(&done.passengers) }
        }
        Some(Wire::Expired(done)) => Fact::Expired { hold: id(&done.hold_id) },
        Some(Wire::HoldsExtended(done)) => Fact::Grace {
            until: ms(done.until.as_ref()),
            as_of: ms(done.as_of.as_ref()),
            span: done.span_ms,
        },
        Some(Wire::Cancelled(done)) => {
            Fact::Cancelled { pnr: number(&done.pnr), passengers: people(&done.passengers) }
        }
        Some(Wire::BerthsBlocked(done)) => change(&done.berths, done.from_stop, done.to_stop, true),
        Some(Wire::BerthsUnblocked(done)) => {
            change(&done.berths, done.from_stop, done.to_stop, false)
        }
        Some(Wire::RunRetired(_)) => Fact::Retired,
        _ => Fact::Other,
    }
}
