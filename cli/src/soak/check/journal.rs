//! The journal against the answers, and against itself.
//!
//! Goes through the events once, in their order within each run, with a small machine of its own
//! (who holds which berth-legs) that shares no code with the engine. Every answered change must be
//! found exactly once; nothing else may carry our references; what was unknown may be there or not.

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

    fn confirmed(&mut self, entry: &Entry) {
        let Fact::Confirmed { hold, request, pnr, passengers, rest_released } = entry.fact else {
            return;
        };
        match self.deeds.get(&request).copied() {
            Some(at) => {
                let (answered, seen) =
                    (self.ledger.moves[at as usize], self.deeds_seen[at as usize]);
                self.deeds_seen[at as usize] = true;
                let meant = self.ledger.holds[answered.hold as usize].hold == hold;
                let same = match (answered.deed, answered.sure) {
                    (Deed::Confirmed { rest_released: told, .. }, Sure::Unknown) => {
                        told == rest_released
                    }
                    (Deed::Confirmed { pnr: told, rest_released: rest }, _) => {
                        (told, rest, answered.passengers) == (pnr, rest_released, passengers)
                    }
                    _ => false,
                };
                if seen {
                    self.wrong(
                        TWICE,
                        entry,
                        format_args!("request {} took effect before", uuid(request)),
                    );
                } else if !meant || !same {
                    let what = format!(
                        "request {} was answered {answered:?}, its event is {:?}",
                        uuid(request),
                        entry.fact
                    );
                    self.wrong(DIFFERS, entry, what);
                }
            }
            None if self.told(hold).is_some() => {
                let what = format!(
                    "hold {hold:032x} confirmed by request {}, which nobody sent",
                    uuid(request)
                );
                self.wrong(UNEXPLAINED, entry, what);
            }
            None => self.stranger(entry),
        }
        if let Some(kept) = self.kept.get(&hold) {
            let (expires_at, rest) = (kept.expires_at, kept.held & !passengers);
            if entry.at >= expires_at {
                self.wrong(
                    ORDER,
                    entry,
                    format_args!(
                        "hold {hold:032x} confirmed at or after its deadline {expires_at}"
                    ),
                );
            }
            let odd = self.shift(hold, passengers, true, true);
            self.refuse_odd(entry, hold, odd);
            if rest_released {
                self.shift(hold, rest, true, false);
                if let Some(told) = self.told(hold) {
                    self.marks[told as usize].rest |= rest;
                }
            }
        }
        if self.pnrs.insert(pnr, hold).is_some() {
            self.wrong(TWICE, entry, format_args!("PNR {pnr} was given before"));
        }
    }

    fn refuse_odd(&mut self, entry: &Entry, hold: u128, odd: u8) {
        if odd != 0 {
            let what = format!(
                "passengers (bits) {odd:b} of hold {hold:032x} are not in a state for it: {:?}",
                entry.fact
            );
            self.wrong(ORDER, entry, what);
        }
    }

    fn extended(&mut self, entry: &Entry, hold: u128, request: u128, expires_at: u64) {
        match self.deeds.get(&request).copied() {
            Some(at) => {
                let (answered, seen) =
                    (self.ledger.moves[at as usize], self.deeds_seen[at as usize]);
                self.deeds_seen[at as usize] = true;
                let meant = self.ledger.holds[answered.hold as usize].hold == hold;
                let same = match (answered.deed, answered.sure) {
                    (Deed::Extended { .. }, Sure::Unknown) => true,
                    (Deed::Extended { expires_at: told }, _) => told == expires_at,
                    _ => false,
                };
                if seen {
                    self.wrong(
                        TWICE,
                        entry,
                        format_args!("request {} took effect before", uuid(request)),
                    );
                } else if !meant || !same {
                    let what = format!(
                        "request {} was answered {answered:?}, its event is {:?}",
                        uuid(request),
                        entry.fact
                    );
                    self.wrong(DIFFERS, entry, what);
                }
            }
            None if self.told(hold).is_some() => {
                let what = format!(
                    "hold {hold:032x} extended by request {}, which nobody sent",
                    uuid(request)
                );
                self.wrong(UNEXPLAINED, entry, what);
            }
            None => self.stranger(entry),
        }
        if let Some(kept) = self.kept.get_mut(&hold) {
            kept.expires_at = expires_at;
        }
    }

    fn released(&mut self, entry: &Entry, hold: u128, passengers: u8) {
        if let Some(told) = self.told(hold) {
            let may = meant(self.ledger, told, |deed| deed == Deed::Released);
            let twice = self.marks[told as usize].released & passengers;
            self.marks[told as usize].released |= passengers;
            if twice != 0 {
                self.wrong(
                    TWICE,
                    entry,
                    format_args!(
                        "passengers (bits) {twice:b} of hold {hold:032x} were released before"
                    ),
                );
            } else if passengers & !may != 0 {
                self.wrong(UNEXPLAINED, entry, format_args!("passengers (bits) {passengers:b} of hold {hold:032x} released; asked for {may:b}"));
            }
        } else {
            self.stranger(entry);
        }
        let odd = self.shift(hold, passengers, true, false);
        self.refuse_odd(entry, hold, odd);
    }

    fn cancelled(&mut self, entry: &Entry, pnr: u64, passengers: u8) {
        let hold = self.pnrs.get(&pnr).copied().unwrap_or_default();
        if let Some(told) = self.told(hold) {
            let may = meant(self.ledger, told, |deed| deed == Deed::Cancelled { pnr });
            let twice = self.marks[told as usize].cancelled & passengers;
            self.marks[told as usize].cancelled |= passengers;
            if twice != 0 {
                self.wrong(
                    TWICE,
                    entry,
                    format_args!("passengers (bits) {twice:b} of PNR {pnr} were cancelled before"),
                );
            } else if passengers & !may != 0 {
                self.wrong(
                    UNEXPLAINED,
                    entry,
                    format_args!(
                        "passengers (bits) {passengers:b} of PNR {pnr} cancelled; asked for {may:b}"
                    ),
                );
            }
        } else {
            self.stranger(entry);
        }
        let odd = self.shift(hold, passengers, false, false);
        self.refuse_odd(entry, hold, odd);
    }

    fn expired(&mut self, entry: &Entry, hold: u128) {
        let Some(kept) = self.kept.get(&hold) else {
            return self.wrong(
                ORDER,
                entry,
                format_args!("hold {hold:032x} expired, but there is none"),
            );
        };
        let (expires_at, who, ours) = (kept.expires_at, kept.held, kept.told.is_some());
        let rows = &mut self.given_back[entry.run as usize];
        for (_, berth) in kept.seats.iter().enumerate().filter(|(p, _)| who >> p & 1 == 1) {
            if let Some(row) = rows.get_mut(usize::from(*berth)) {
                *row |= kept.legs;
            }
        }
        if entry.at < expires_at {
            let what = format!(
                "hold {hold:032x} expired {} ms before its deadline {expires_at}",
                expires_at - entry.at
            );
            self.wrong(EARLY, entry, what);
        } else if ours {
            self.lateness.saturating_record(entry.at - expires_at);
        }
        if who == 0 {
            self.wrong(ORDER, entry, format_args!("hold {hold:032x} expired, but had ended"));
        }
        self.shift(hold, who, true, false);
    }

    /// The rule of a restart: live holds with an early deadline get more time.
    fn grace(&mut self, entry: &Entry, until: u64, as_of: u64, span: u64) {
        let mut prolonged: Vec<u128> = Vec::new();
        let live = |kept: &Kept| kept.run == entry.run && kept.held != 0 && kept.expires_at > as_of;
        // The order does not matter: each is changed by itself.
        #[allow(clippy::iter_over_hash_type)]
        for (hold, kept) in &self.kept {
            if live(kept) && kept.expires_at < until {
                prolonged.push(*hold);
            }
        }
        for hold in prolonged {
            if let Some(kept) = self.kept.get_mut(&hold) {
                let life = kept.created_at + berth_inventory::HOLD_LIFE_MAX_MS + span;
                kept.expires_at = kept.expires_at.max(until.min(life));
            }
        }
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
