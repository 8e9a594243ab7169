//! The journal against the answers, and against itself.
//!
//! Goes through the events once, in their order within each run, with a small machine of its own
//! (who holds which berth-legs) that shares no code with the engine. Every answered change must be
//! found exactly once; nothing else may carry our references; what was unknown may be there or not.

mod deeds;

use std::collections::VecDeque;

use hashbrown::HashMap;
use hdrhistogram::Histogram;

use crate::soak::facts::{Entry, Fact};
use crate::soak::findings::Findings;
use crate::soak::ledger::{Deed, Ledger, NO_BERTH, Sure, legs};
use crate::soak::stage::Stage;

/// An event that the answers do not explain.
pub const UNEXPLAINED: &str = "journal-unexplained";
/// An answered change that the journal does not have.
pub const MISSING: &str = "answered-not-journaled";
/// One request or one change twice.
pub const TWICE: &str = "took-effect-twice";
/// The answer and its event differ.
pub const DIFFERS: &str = "journal-differs";
/// A berth-leg given to two.
pub const BERTH_TWICE: &str = "journal-berth-leg-twice";
/// Versions with a gap, events for what is over.
pub const ORDER: &str = "journal-order";
/// Expired before its deadline.
pub const EARLY: &str = "expired-early";

/// Ended holds that are still known, so that an event after the end is told apart from nonsense.
const ENDED_KEPT: usize = 100_000;

/// A hold as the journal has it.
struct Kept {
    run: u32,
    legs: u128,
    seats: Vec<u16>,
    held: u8,
    booked: u8,
    created_at: u64,
    expires_at: u64,
    /// Its place in the ledger.
    told: Option<u32>,
}

/// Who has which legs of a berth, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Legs {
    pub held: u128,
    pub sold: u128,
    pub blocked: u128,
}

/// One run as the journal leaves it.
#[derive(Clone, Debug, Default)]
pub struct Twin {
    pub version: u64,
    pub berths: Vec<Legs>,
    /// Whether somebody else changed it, too.
    pub strangers: bool,
    pub retired: bool,
}

/// What of a hold in the ledger was seen.
#[derive(Clone, Copy, Default)]
struct Marks {
    held: bool,
    released: u8,
    cancelled: u8,
    rest: u8,
}

/// See the module.
pub struct JournalCheck<'a> {
    stage: &'a Stage,
    ledger: &'a Ledger,
    reserves: HashMap<u128, Option<u32>>,
    deeds: HashMap<u128, u32>,
    marks: Vec<Marks>,
    deeds_seen: Vec<bool>,
    unknown_seen: HashMap<u128, ()>,
    kept: HashMap<u128, Kept>,
    ended: VecDeque<u128>,
    pnrs: HashMap<u64, u128>,
    runs: Vec<Twin>,
    lateness: Histogram<u64>,
    /// Legs of each berth that an expiry gave back and nobody holds yet.
    given_back: Vec<Vec<u128>>,
    held_again: u64,
    findings: Findings,
}

fn uuid(request: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(request)
}

impl<'a> JournalCheck<'a> {
    /// For what these clients were told. The ledger is joined.
    pub fn new(stage: &'a Stage, ledger: &'a Ledger) -> Self {
        let told = ledger.holds.iter().enumerate().map(|(i, h)| (h.request, Some(i as u32)));
        let unknown = ledger.unknown.iter().map(|u| (u.request, None));
        let by_request = |m: &&crate::soak::ledger::Move| {
            matches!(m.deed, Deed::Confirmed { .. } | Deed::Extended { .. })
        };
        let deeds = ledger.moves.iter().enumerate().filter(|(_, m)| by_request(m));
        Self {
            stage,
            ledger,
            reserves: told.chain(unknown).collect(),
            deeds: deeds.map(|(i, m)| (m.request, i as u32)).collect(),
            marks: vec![Marks::default(); ledger.holds.len()],
            deeds_seen: vec![false; ledger.moves.len()],
            unknown_seen: HashMap::new(),
            kept: HashMap::new(),
            ended: VecDeque::new(),
            pnrs: HashMap::new(),
            runs: stage
                .runs
                .iter()
                .map(|run| Twin { berths: vec![Legs::default(); run.berths()], ..Twin::default() })
                .collect(),
            lateness: Histogram::new_with_max(3_600_000, 3).expect("3 digits are allowed"),
            given_back: stage.runs.iter().map(|run| vec![0; run.berths()]).collect(),
            held_again: 0,
            findings: Findings::default(),
        }
    }

    fn wrong(&mut self, check: &'static str, entry: &Entry, what: impl std::fmt::Display) {
        let run = self.stage.run(entry.run).name.clone();
        let place =
            format!("version {} (LSN {}, at {} ms): {what}", entry.version, entry.lsn, entry.at);
        self.findings.add(check, &run, place);
    }

    /// Takes the next event of its run.
    pub fn take(&mut self, entry: &Entry) {
        let before = self.runs[entry.run as usize].version;
        if before != 0 && entry.version != before + 1 {
            self.wrong(ORDER, entry, format_args!("follows version {before}"));
        }
        self.runs[entry.run as usize].version = entry.version;
        match &entry.fact {
            Fact::Held { .. } => self.held(entry),
            Fact::Confirmed { .. } => self.confirmed(entry),
            Fact::Extended { hold, request, expires_at } => {
                self.extended(entry, *hold, *request, *expires_at);
            }
            Fact::Released { hold, passengers } => self.released(entry, *hold, *passengers),
            Fact::Expired { hold } => self.expired(entry, *hold),
            Fact::Cancelled { pnr, passengers } => self.cancelled(entry, *pnr, *passengers),
            Fact::Grace { until, as_of, span } => self.grace(entry, *until, *as_of, *span),
            Fact::Blocked { berths, legs, blocked } => {
                let twin = &mut self.runs[entry.run as usize];
                twin.strangers = true;
                for berth in berths {
                    let Some(row) = twin.berths.get_mut(usize::from(*berth)) else { continue };
                    if *blocked { row.blocked |= legs } else { row.blocked &= !legs }
                }
            }
            Fact::Retired => self.runs[entry.run as usize].retired = true,
            Fact::Other => {}
        }
    }

    fn held(&mut self, entry: &Entry) {
        let Fact::Held { hold, request, from, to, seats, expires_at, ours } = &entry.fact else {
            return;
        };
        let mask = legs(*from, *to);
        let told = self.reserves.get(request).copied();
        match told {
            Some(Some(number)) => {
                let answered = &self.ledger.holds[number as usize];
                let marks = &mut self.marks[number as usize];
                if marks.held {
                    let what = format!(
                        "request {} took effect before: again hold {hold:032x}",
                        uuid(*request)
                    );
                    self.wrong(TWICE, entry, what);
                } else {
                    marks.held = true;
                    let same_seats = seats[..] == answered.seats[..usize::from(answered.party)];
                    let same = answered.hold == *hold
                        && (answered.from, answered.to, answered.run) == (*from, *to, entry.run)
                        && answered.created_at == entry.at
                        && same_seats;
                    if !same {
                        let what = format!(
                            "request {} was answered {answered:?}, its event is {:?}",
                            uuid(*request),
                            entry.fact
                        );
                        self.wrong(DIFFERS, entry, what);
                    }
                }
            }
            Some(None) => {
                if self.unknown_seen.insert(*request, ()).is_some() {
                    let what =
                        format!("request {} (unanswered) took effect before", uuid(*request));
                    self.wrong(TWICE, entry, what);
                }
            }
            None if *ours => {
                let what = format!(
                    "hold {hold:032x} of request {}: nobody was told of it",
                    uuid(*request)
                );
                self.wrong(UNEXPLAINED, entry, what);
            }
            None => self.runs[entry.run as usize].strangers = true,
        }
        for berth in seats.iter().filter(|berth| **berth != NO_BERTH) {
            let Some(row) = self.runs[entry.run as usize].berths.get_mut(usize::from(*berth))
            else {
                self.wrong(
                    DIFFERS,
                    entry,
                    format_args!("names berth number {berth}, which is not there"),
                );
                continue;
            };
            let taken = (row.held | row.sold | row.blocked) & mask;
            row.held |= mask;
            let given_back = &mut self.given_back[entry.run as usize][usize::from(*berth)];
            self.held_again += u64::from(*given_back & mask != 0);
            *given_back &= !mask;
            if taken != 0 {
                let name = self.stage.run(entry.run).berth_name(*berth);
                let what = format!(
                    "hold {hold:032x} (request {}) takes {name} on stops {}..{}, taken on legs {taken:b}",
                    uuid(*request),
                    from + 1,
                    to + 1
                );
                self.wrong(BERTH_TWICE, entry, what);
            }
        }
        let kept = Kept {
            run: entry.run,
            legs: mask,
            seats: seats.clone(),
            held: ((1_u16 << seats.len().min(8)) - 1) as u8,
            booked: 0,
            created_at: entry.at,
            expires_at: *expires_at,
            told: told.flatten(),
        };
        if self.kept.insert(*hold, kept).is_some() {
            self.wrong(TWICE, entry, format_args!("hold {hold:032x} exists already"));
        }
    }

    /// Frees or sells berths of some passengers of a hold. Returns who of them were not as expected.
    fn shift(&mut self, hold: u128, who: u8, held: bool, sell: bool) -> u8 {
        let Some(kept) = self.kept.get_mut(&hold) else { return who };
        let have = if held { kept.held } else { kept.booked };
        let (odd, who) = (who & !have, who & have);
        for (place, berth) in kept.seats.iter().enumerate() {
            if who >> place & 1 == 0 {
                continue;
            }
            let row = self.runs[kept.run as usize].berths.get_mut(usize::from(*berth));
            let Some(row) = row else { continue };
            if held {
                row.held &= !kept.legs;
            } else {
                row.sold &= !kept.legs;
            }
            if sell {
                row.sold |= kept.legs;
            }
        }
        if held {
            kept.held &= !who;
        } else {
            kept.booked &= !who;
        }
        if sell {
            kept.booked |= who;
        }
        if kept.held == 0 && kept.booked == 0 {
            self.ended.push_back(hold);
            if self.ended.len() > ENDED_KEPT {
                self.ended.pop_front().and_then(|oldest| self.kept.remove(&oldest));
            }
        }
        odd
    }

    fn told(&self, hold: u128) -> Option<u32> {
        self.kept.get(&hold).and_then(|kept| kept.told)
    }

    fn stranger(&mut self, entry: &Entry) {
        self.runs[entry.run as usize].strangers = true;
    }

    /// What it came to.
    pub fn journaled(self) -> Journaled {
        let Self { runs: twins, lateness, held_again, findings, .. } = self;
        Journaled { twins, lateness, held_again, findings }
    }

    /// After the last event: what was answered and did not come.
    pub fn finish(&mut self) {
        for (number, told) in self.ledger.holds.iter().enumerate() {
            let run = &self.stage.run(told.run).name;
            let marks = self.marks[number];
            if !marks.held {
                let what = format!(
                    "hold {:032x} of request {}, answered at version {}",
                    told.hold,
                    uuid(told.request),
                    told.version
                );
                self.findings.add(MISSING, run, what);
                continue;
            }
            for step in self.ledger.moves_of(number as u32) {
                if step.sure == Sure::Unknown {
                    continue;
                }
                let missing = match step.deed {
                    Deed::Confirmed { .. } | Deed::Extended { .. } => {
                        let at = self.deeds.get(&step.request).copied();
                        !at.is_some_and(|at| self.deeds_seen[at as usize])
                    }
                    Deed::Released => step.passengers & !(marks.released | marks.rest) != 0,
                    Deed::Cancelled { .. } => step.passengers & !marks.cancelled != 0,
                };
                if missing {
                    let what = format!(
                        "{step:?} of hold {:032x}, request {}",
                        told.hold,
                        uuid(step.request)
                    );
                    self.findings.add(MISSING, run, what);
                }
            }
        }
    }
}

/// What the journal says, once it was read.
pub struct Journaled {
    pub twins: Vec<Twin>,
    /// How late holds expired, milliseconds after their deadline.
    pub lateness: Histogram<u64>,
    /// Berths held again on legs that an expiry had given back.
    pub held_again: u64,
    pub findings: Findings,
}

/// For whom a deed was asked, answered or not.
fn meant(ledger: &Ledger, hold: u32, is: impl Fn(Deed) -> bool) -> u8 {
    let moves = ledger.moves_of(hold).iter().filter(|step| is(step.deed));
    moves.fold(0, |set, step| set | step.passengers)
}

#[cfg(test)]
mod tests;
