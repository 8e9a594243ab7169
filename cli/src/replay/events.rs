//! Events as JSON lines: what happened, in words instead of numbers.
//!
//! Berths, pools and stops are numbers in the journal and names here, through the plan of the run.
//! What cannot be named, because the catalogue text is lost, is null.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Arc;

use berth_inventory::{
    BerthIndex, Event, HeldPassenger, LegRange, ListIndex, PassengerSet, Plan, PlanHash, Pnr,
    PoolIndex, RequestMark, Rest, RunIndex, Standing, UnixMillis,
};
use berth_node::Names;
use berth_persistence::{
    FileSnapshots, NodeRecord, Seen, Snapshots as _, plan_from_text, plan_hash,
};
use hashbrown::HashMap;
use serde::Serialize;

use crate::view::{AllocationView, StopView};

/// Catalogue texts and the plans they make, each made once.
#[derive(Default)]
pub struct PlanBook {
    texts: RefCell<HashMap<PlanHash, Arc<str>>>,
    plans: RefCell<HashMap<PlanHash, Result<Arc<Plan>, String>>>,
}

impl PlanBook {
    /// Keeps a text that was journaled.
    pub fn take(&self, record: &NodeRecord) {
        if let NodeRecord::PlanText { hash, text } = record {
            self.texts.borrow_mut().insert(*hash, Arc::clone(text));
        }
    }

    /// The plan that a text makes.
    pub fn parse(&self, text: &str) -> Result<Arc<Plan>, String> {
        let make = || plan_from_text(text).map(Arc::new).map_err(|fault| fault.to_string());
        self.plans.borrow_mut().entry(plan_hash(text)).or_insert_with(make).clone()
    }

    fn get(&self, hash: PlanHash, snapshots: Option<&FileSnapshots>) -> Option<Arc<Plan>> {
        let text = self.texts.borrow().get(&hash).cloned();
        let text = text.or_else(|| snapshots?.plan_text(hash))?;
        self.parse(&text).ok()
    }
}

/// One event, one line.
#[derive(Debug, Serialize)]
struct EventLine {
    lsn: u64,
    train: Option<String>,
    start_date: Option<String>,
    version: u64,
    at: String,
    #[serde(flatten)]
    event: EventView,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
enum EventView {
    RunCreated {
        plan_hash: String,
        midnight: String,
        extra: bool,
    },
    Held {
        hold_id: String,
        request_id: String,
        class: Option<&'static str>,
        quota: Option<String>,
        from: Option<StopView>,
        to: Option<StopView>,
        expires_at: String,
        allocations: Vec<AllocationView>,
        reference: String,
    },
    Confirmed {
        hold_id: String,
        request_id: String,
        pnr: Option<String>,
        passengers: Vec<u32>,
        keep_rest: bool,
        payment_reference: String,
    },
    Extended {
        hold_id: String,
        request_id: String,
        expires_at: String,
    },
    Released {
        hold_id: String,
        passengers: Vec<u32>,
    },
    Expired {
        hold_id: String,
    },
    HoldsExtended {
        until: String,
        as_of: String,
        span_ms: u64,
    },
    Cancelled {
        pnr: Option<String>,
        passengers: Vec<u32>,
    },
    PnrBlockLeased {
        block: u32,
    },
    SaleSet {
        pools: Vec<PoolView>,
        open: bool,
    },
    BerthsBlocked {
        berths: Vec<PlaceView>,
        from: Option<StopView>,
        to: Option<StopView>,
    },
    BerthsUnblocked {
        berths: Vec<PlaceView>,
        from: Option<StopView>,
        to: Option<StopView>,
    },
    RunRetired,
    Listed {
        hold_id: String,
        passengers: Vec<StandingView>,
    },
    Promoted {
        hold_id: String,
        passenger: u32,
        #[serde(flatten)]
        place: PlaceView,
        list: Option<String>,
        number: Option<u32>,
    },
}

/// A passenger on a list.
#[derive(Debug, Serialize)]
struct StandingView {
    passenger: u32,
    list: Option<String>,
    number: u32,
}

#[derive(Debug, Serialize)]
struct PoolView {
    class: Option<&'static str>,
    quota: Option<String>,
}

#[derive(Debug, Serialize)]
struct PlaceView {
    coach: Option<String>,
    berth: Option<u32>,
    berth_type: Option<&'static str>,
}

/// Kinds of events, in the order of the summary.
pub const KINDS: [&str; 15] = [
    "RUN_CREATED",
    "HELD",
    "CONFIRMED",
    "EXTENDED",
    "RELEASED",
    "EXPIRED",
    "HOLDS_EXTENDED",
    "CANCELLED",
    "PNR_BLOCK_LEASED",
    "SALE_SET",
    "BERTHS_BLOCKED",
    "BERTHS_UNBLOCKED",
    "RUN_RETIRED",
    "LISTED",
    "PROMOTED",
];

/// Place of an event's kind in [`KINDS`].
pub const fn kind_of(event: &Event) -> usize {
    match event {
        Event::RunCreated(_) => 0,
        Event::Held { .. } => 1,
        Event::Confirmed { .. } => 2,
        Event::Extended { .. } => 3,
        Event::Released { .. } => 4,
        Event::Expired { .. } => 5,
        Event::HoldsExtended { .. } => 6,
        Event::Cancelled { .. } => 7,
        Event::PnrBlockLeased { .. } => 8,
        Event::SaleSet { .. } => 9,
        Event::BerthsBlocked { .. } => 10,
        Event::BerthsUnblocked { .. } => 11,
        Event::RunRetired => 12,
        Event::Listed { .. } => 13,
        Event::Promoted { .. } => 14,
    }
}

/// Prints events as they come by.
pub struct Printer<'a> {
    out: &'a mut dyn Write,
    /// Prints PNRs; without the key they are null.
    names: Option<Names>,
    plans: &'a PlanBook,
    snapshots: Option<&'a FileSnapshots>,
    of_run: Vec<Option<Arc<Plan>>>,
    failed: Option<io::Error>,
}

impl<'a> Printer<'a> {
    pub fn new(
        out: &'a mut dyn Write,
        names: Option<Names>,
        plans: &'a PlanBook,
        snapshots: Option<&'a FileSnapshots>,
    ) -> Self {
        Self { out, names, plans, snapshots, of_run: Vec::new(), failed: None }
    }

    /// Whether nobody reads any more.
    pub fn is_done(&self) -> bool {
        self.failed.is_some()
    }

    /// Why printing ended early.
    pub fn finish(self) -> io::Result<()> {
        let Self { out, failed, .. } = self;
        failed.map_or_else(|| out.flush(), Err)
    }

    pub fn print(&mut self, seen: &Seen<'_>) {
        if self.failed.is_some() {
            return;
        }
        let plan = self.plan_of(seen);
        let words = Words { plan: plan.as_deref(), names: self.names.as_ref() };
        let line = EventLine {
            lsn: seen.lsn.0,
            train: seen.run.map(|run| run.train.to_string()),
            start_date: seen.run.map(|run| run.start_date.to_string()),
            version: seen.version.0,
            at: seen.at.to_string(),
            event: words.event(seen.event),
        };
        let written = serde_json::to_writer(&mut *self.out, &line).map_err(io::Error::from);
        self.failed = written.and_then(|()| self.out.write_all(b"\n")).err();
    }

    fn plan_of(&mut self, seen: &Seen<'_>) -> Option<Arc<Plan>> {
        let at = seen.index.0 as usize;
        if at >= self.of_run.len() {
            self.of_run.resize(at + 1, None);
        }
        if self.of_run[at].is_none() {
            let hash = match seen.event {
                Event::RunCreated(created) => Some(created.plan),
                _ => self.in_snapshot(seen.index),
            };
            self.of_run[at] = hash.and_then(|hash| self.plans.get(hash, self.snapshots));
        }
        self.of_run[at].clone()
    }

    fn in_snapshot(&self, index: RunIndex) -> Option<PlanHash> {
        self.snapshots?.latest(index).map(|info| info.plan)
    }
}

/// Names for numbers.
struct Words<'a> {
    plan: Option<&'a Plan>,
    names: Option<&'a Names>,
}

impl Words<'_> {
    fn event(&self, event: &Event) -> EventView {
        match event {
            Event::RunCreated(created) => EventView::RunCreated {
                plan_hash: created.plan.to_string(),
                midnight: created.midnight.to_string(),
                extra: created.extra,
            },
            Event::Held { hold, request, pool, legs, party, expires_at, reference } => {
                let (from, to) = self.ends(*legs);
                let PoolView { class, quota } = self.pool(*pool);
                EventView::Held {
                    hold_id: hold.to_string(),
                    request_id: uuid_of(*request),
                    class,
                    quota,
                    from,
                    to,
                    expires_at: expires_at.to_string(),
                    allocations: self.party(party),
                    reference: reference.to_string(),
                }
            }
            Event::Confirmed { hold, request, pnr, passengers, rest, payment } => {
                EventView::Confirmed {
                    hold_id: hold.to_string(),
                    request_id: uuid_of(*request),
                    pnr: self.pnr(*pnr),
                    passengers: numbers(*passengers),
                    keep_rest: *rest == Rest::Kept,
                    payment_reference: payment.to_string(),
                }
            }
            Event::Extended { hold, request, expires_at } => EventView::Extended {
                hold_id: hold.to_string(),
                request_id: uuid_of(*request),
                expires_at: expires_at.to_string(),
            },
            Event::Released { hold, passengers } => {
                EventView::Released { hold_id: hold.to_string(), passengers: numbers(*passengers) }
            }
            Event::Expired { hold } => EventView::Expired { hold_id: hold.to_string() },
            Event::HoldsExtended { until, as_of, span } => EventView::HoldsExtended {
                until: until.to_string(),
                as_of: as_of.to_string(),
                span_ms: span.0,
            },
            Event::Cancelled { pnr, passengers } => {
                EventView::Cancelled { pnr: self.pnr(*pnr), passengers: numbers(*passengers) }
            }
            Event::PnrBlockLeased { block } => EventView::PnrBlockLeased { block: *block },
            Event::SaleSet { pools, open } => {
                let set = (0..64).filter(|pool| pools >> pool & 1 == 1);
                let pools = set.map(|pool| self.pool(PoolIndex(pool))).collect();
                EventView::SaleSet { pools, open: *open }
            }
            Event::BerthsBlocked { berths, legs } => {
                let (from, to) = self.ends(*legs);
                EventView::BerthsBlocked { berths: self.places(berths), from, to }
            }
            Event::BerthsUnblocked { berths, legs } => {
                let (from, to) = self.ends(*legs);
                EventView::BerthsUnblocked { berths: self.places(berths), from, to }
            }
            Event::RunRetired => EventView::RunRetired,
            Event::Listed { hold, places } => {
                let standing = |(passenger, standing): &(u8, Standing)| StandingView {
                    passenger: u32::from(*passenger) + 1,
                    list: self.list(standing.list),
                    number: standing.number,
                };
                let passengers = places.iter().map(standing).collect();
                EventView::Listed { hold_id: hold.to_string(), passengers }
            }
            Event::Promoted { hold, passenger, berth, standing } => EventView::Promoted {
                hold_id: hold.to_string(),
                passenger: u32::from(*passenger) + 1,
                place: self.place(*berth),
                list: standing.and_then(|standing| self.list(standing.list)),
                number: standing.map(|standing| standing.number),
            },
        }
    }

    fn list(&self, list: ListIndex) -> Option<String> {
        let found = self.plan?.lists().get(usize::from(list.0))?;
        Some(found.label.to_string())
    }

    fn pnr(&self, pnr: Pnr) -> Option<String> {
        self.names.map(|names| names.print_pnr(pnr).to_string())
    }

    fn pool(&self, pool: PoolIndex) -> PoolView {
        let found = self.plan.and_then(|plan| plan.pools().get(pool.0 as usize));
        PoolView {
            class: found.map(|pool| pool.class.code()),
            quota: found.map(|pool| pool.quota.to_string()),
        }
    }

    fn stop(&self, stop: u8) -> Option<StopView> {
        let found = self.plan?.stops().get(usize::from(stop))?;
        Some(StopView { sequence: u32::from(stop) + 1, code: found.code.to_string() })
    }

    fn ends(&self, legs: LegRange) -> (Option<StopView>, Option<StopView>) {
        (self.stop(legs.from), self.stop(legs.to))
    }

    fn place(&self, berth: BerthIndex) -> PlaceView {
        let known = self.plan.filter(|plan| usize::from(berth.0) < plan.places().len());
        let Some(plan) = known else {
            return PlaceView { coach: None, berth: None, berth_type: None };
        };
        let found = plan.berth(berth);
        PlaceView {
            coach: Some(plan.coaches()[usize::from(found.coach)].id.to_string()),
            berth: Some(u32::from(found.number)),
            berth_type: Some(found.berth_type.code()),
        }
    }

    fn places(&self, berths: &[BerthIndex]) -> Vec<PlaceView> {
        berths.iter().map(|berth| self.place(*berth)).collect()
    }

    fn party(&self, party: &[HeldPassenger]) -> Vec<AllocationView> {
        let seat = |(i, held): (usize, &HeldPassenger)| {
            let place = held.berth.map(|berth| self.place(berth));
            AllocationView {
                passenger: i as u32 + 1,
                status: "HELD".to_owned(),
                coach: place.as_ref().and_then(|place| place.coach.clone()),
                berth: place.as_ref().and_then(|place| place.berth),
                berth_type: place.and_then(|place| place.berth_type).map(str::to_owned),
                age_band: held.passenger.age.to_string(),
                sex: held.passenger.sex.to_string(),
                list: None,
            }
        };
        party.iter().enumerate().map(seat).collect()
    }
}

fn uuid_of(request: RequestMark) -> String {
    uuid::Uuid::from_u128(request.id.0).to_string()
}

/// Passengers as people count them.
fn numbers(passengers: PassengerSet) -> Vec<u32> {
    passengers.iter().map(|passenger| passenger as u32 + 1).collect()
}

/// A stamp as the summary shows it; 0 is no stamp.
pub fn stamp(at: UnixMillis) -> Option<String> {
    (at.0 > 0).then(|| at.to_string())
}
