//! A train as data, checked: stops, coaches, berths and pools, shared by all its runs.
//!
//! An [`Entry`] is what a catalogue says (texts and numbers, unchecked); a [`Plan`] is what it
//! means, every berth spelled out. `Plan::new` is the only way from one to the other.
//!
//! Always true of a plan: 2 to 128 stops, times and kilometres never run backwards; berths in coach
//! order, then by number; every berth in exactly one pool and every pool's berths ascending; every
//! class has a general pool; at most one pool of a (class, quota) sells a given journey.
//! Units: minutes from 00:00 of day 1 in the catalogue's zone, kilometres from the origin.

mod check;
mod fault;
mod kept;
mod lists;
mod pools;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use crate::{
    BerthIndex, BerthName, BerthType, CoachId, Eligible, LegRange, ListIndex, PlanHash, PoolIndex,
    QuotaCode, RunningDays, Side, StationCode, StopRef, TrainNumber, TravelClass, UnixMillis,
};

pub use fault::{PlanError, PlanFault};
pub use kept::Kept;
pub use lists::{Behind, List, ListKind, Promotion, WaitingEntry};
pub use pools::default_pools;

/// A stop as a catalogue says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopEntry {
    /// Station code.
    pub code: String,
    /// Kilometres from the origin.
    pub km: u32,
    /// Arrival, minutes from 00:00 of day 1; `None` at the origin.
    pub arrival: Option<u32>,
    /// Departure, minutes from 00:00 of day 1; `None` at the terminus.
    pub departure: Option<u32>,
}

/// A coach as a catalogue says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoachEntry {
    /// Id painted on the coach, such as `B3`.
    pub id: String,
    /// Layout: a code of the layout table (`3A`, `1A+2A`), LHB unless `/ICF` follows.
    pub layout: String,
    /// Stops between which it runs, 1-based; `None` = the whole route.
    pub stops: Option<(u16, u16)>,
}

/// How many berths a pool has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolSize {
    /// So many berths.
    Berths(u16),
    /// Per cent of the class's berths, rounded down.
    Share(u8),
    /// What the other pools of the class leave.
    Rest,
}

/// When a pool opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// As soon as the run is open at all.
    WithRun,
    /// `days` before the start date, `minute` minutes after midnight, in the catalogue's zone.
    Before {
        /// Days before the start date.
        days: u16,
        /// Minute of that day.
        minute: u16,
    },
}

/// A quota pool as a catalogue says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolEntry {
    /// Quota code.
    pub quota: String,
    /// Class.
    pub class: TravelClass,
    /// Size.
    pub size: PoolSize,
    /// Stops at which its passengers may board, 1-based and inclusive; `None` = any.
    pub board: Option<(u16, u16)>,
    /// Stops at which they may alight, 1-based and inclusive; `None` = any.
    pub alight: Option<(u16, u16)>,
    /// When it opens.
    pub opens: Opens,
    /// Most passengers of one reserve.
    pub party_max: u8,
    /// Who may travel on it, in words such as `F 45+`; empty = everybody.
    pub eligible: Vec<String>,
    /// Side lowers of each coach that are sold to two passengers each (RAC); 0 = none.
    pub rac: u8,
    /// The waiting list behind it.
    pub waiting: Option<WaitingEntry>,
    /// Who gets a place that has become free.
    pub promotion: Promotion,
    /// Berths it keeps for long journeys; empty = none.
    pub kept: Vec<Kept>,
}

/// A train as a catalogue says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number.
    pub number: String,
    /// Name.
    pub name: String,
    /// Days on which it starts.
    pub days: RunningDays,
    /// 2 to 128 stops in order.
    pub stops: Vec<StopEntry>,
    /// Coaches in order; coaches that are no inventory are left out by the importer.
    pub coaches: Vec<CoachEntry>,
    /// Pools; empty = `default_pools`.
    pub pools: Vec<PoolEntry>,
    /// The rule book that the pools come from, as `NAME@HASH`; `None` = they are the train's own.
    pub rules: Option<Box<str>>,
}

/// A checked stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Station.
    pub code: StationCode,
    /// Kilometres from the origin.
    pub km: u32,
    /// Arrival, minutes from 00:00 of day 1 (at the origin: the departure).
    pub arrival: u32,
    /// Departure, minutes from 00:00 of day 1 (at the terminus: the arrival).
    pub departure: u32,
}

/// A checked coach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coach {
    /// Id.
    pub id: CoachId,
    /// Layout's name in the layout table, with its build: `3A/LHB`.
    pub layout: Box<str>,
    /// Legs it runs on; outside them its berths are blocked.
    pub legs: LegRange,
    /// Its berths: `first .. first + count`.
    pub first: BerthIndex,
    /// How many.
    pub count: u16,
}

/// One berth of the train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Berth {
    /// Index of its coach.
    pub coach: u8,
    /// Number painted on it.
    pub number: u16,
    /// Class it is sold in.
    pub class: TravelClass,
    /// Kind.
    pub berth_type: BerthType,
    /// Bay or cabin or row group, counted from 1 in the coach.
    pub bay: u8,
    /// Row across the coach, counted from 1.
    pub row: u8,
    /// Side of the aisle.
    pub side: Side,
    /// Pool it belongs to.
    pub pool: PoolIndex,
}

/// A checked pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Quota code.
    pub quota: QuotaCode,
    /// Class.
    pub class: TravelClass,
    /// Its berths, ascending.
    pub berths: Vec<BerthIndex>,
    /// 0-based stops at which its passengers may board, inclusive.
    pub board: (u8, u8),
    /// 0-based stops at which they may alight, inclusive.
    pub alight: (u8, u8),
    /// When it opens.
    pub opens: Opens,
    /// Most passengers of one reserve.
    pub party_max: u8,
    /// Who may travel on it.
    pub eligible: Eligible,
    /// The same in the catalogue's words; empty = everybody.
    pub eligible_words: Box<str>,
    /// While pools are handed out: the berths it shares.
    withheld: Vec<BerthIndex>,
    /// The pool whose shared berths it has, as halves; `None` for a pool that a reserve can name.
    pub halves_of: Option<PoolIndex>,
    /// What it sells when its berths are gone.
    pub behind: Behind,
    /// Berths it keeps for long journeys.
    pub kept: Box<[Kept]>,
}

/// Which journeys a pool sells to whom: the pool as one reserve sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    class: TravelClass,
    quota: QuotaCode,
    board: (u8, u8),
    alight: (u8, u8),
    /// Most passengers of one reserve.
    pub(crate) party_max: u8,
    /// Who may travel on it.
    pub(crate) eligible: Eligible,
}

impl Door {
    const fn of(pool: &Pool) -> Self {
        let Pool { class, quota, board, alight, party_max, eligible, .. } = *pool;
        Self { class, quota, board, alight, party_max, eligible }
    }

    const fn sells(&self, legs: LegRange) -> bool {
        self.board.0 <= legs.from
            && legs.from <= self.board.1
            && self.alight.0 <= legs.to
            && legs.to <= self.alight.1
    }
}

/// A checked train. Immutable; shared by `Arc`.
///
/// In this order: what a reserve looks at stands side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Plan {
    stops: Vec<Stop>,
    /// What a reserve asks of each pool, side by side.
    doors: Box<[Door]>,
    /// Bit `i` = pool `i` keeps berths for long journeys.
    keeping: u64,
    /// Every row: the berths of the train, then the halves of those that are shared.
    berths: Vec<Berth>,
    pools: Vec<Pool>,
    /// How many of them are berths of the train.
    whole: usize,
    lists: Vec<List>,
    /// The berths that are shared, in the order of their halves.
    shared: Vec<BerthIndex>,
    coaches: Vec<Coach>,
    hash: PlanHash,
    number: TrainNumber,
    name: Box<str>,
    days: RunningDays,
    classes: Vec<TravelClass>,
    rules: Option<Box<str>>,
    /// Every coach runs the whole route, so a pool's capacity is its size on every journey.
    all_coaches_whole: bool,
}

impl Plan {
    /// Checks an entry and spells it out. `hash` is the content hash of the entry's text.
    pub fn new(entry: &Entry, hash: PlanHash) -> Result<Self, PlanError> {
        check::plan(entry, hash)
    }

    /// Content hash of the catalogue entry it was made from.
    pub const fn hash(&self) -> PlanHash {
        self.hash
    }

    /// The train's number.
    pub const fn number(&self) -> TrainNumber {
        self.number
    }

    /// The train's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Days of the week on which it starts at its origin.
    pub const fn days(&self) -> RunningDays {
        self.days
    }

    /// The rule book that its pools come from, as `NAME@HASH`, if they come from one.
    pub fn rules(&self) -> Option<&str> {
        self.rules.as_deref()
    }

    /// Its stops in order, 2 to 128.
    pub fn stops(&self) -> &[Stop] {
        &self.stops
    }

    /// Its coaches in order.
    pub fn coaches(&self) -> &[Coach] {
        &self.coaches
    }

    /// Its berths, by `BerthIndex`, as passengers see them in the train.
    pub fn berths(&self) -> &[Berth] {
        &self.berths[..self.whole]
    }

    /// Everything that a passenger can be given, by `BerthIndex`: its berths, then the halves of
    /// those that two passengers share.
    pub fn places(&self) -> &[Berth] {
        &self.berths
    }

    /// Whether a place is a half of a berth.
    #[inline]
    pub const fn is_half(&self, place: BerthIndex) -> bool {
        place.0 as usize >= self.whole
    }

    /// The other half of a half.
    pub fn other_half(&self, half: BerthIndex) -> BerthIndex {
        let place = half.0 - self.whole as u16;
        BerthIndex(self.whole as u16 + (place ^ 1))
    }

    /// The halves of a berth that two passengers share.
    pub fn halves(&self, berth: BerthIndex) -> Option<[BerthIndex; 2]> {
        let place = self.shared.iter().position(|shared| *shared == berth)?;
        let first = (self.whole + 2 * place) as u16;
        Some([BerthIndex(first), BerthIndex(first + 1)])
    }

    /// Its pools, by `PoolIndex`: those that a reserve can name, then those of halves.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// The orders in which places that become free are given, by `ListIndex`; none for a train
    /// whose pools neither share berths nor have waiting lists.
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// One list. Panics when the plan has no such list.
    pub fn list(&self, list: ListIndex) -> &List {
        &self.lists[usize::from(list.0)]
    }

    /// Its classes, in the order of their numbers, each once.
    pub fn classes(&self) -> &[TravelClass] {
        &self.classes
    }

    /// Number of legs: one less than stops, 1 to 127.
    pub fn legs_count(&self) -> usize {
        self.stops.len() - 1
    }

    /// The whole route.
    pub fn route(&self) -> LegRange {
        LegRange { from: 0, to: self.legs_count() as u8 }
    }

    /// One berth. Panics when the plan has no such berth.
    pub fn berth(&self, berth: BerthIndex) -> &Berth {
        &self.berths[usize::from(berth.0)]
    }

    /// One pool. Panics when the plan has no such pool.
    pub fn pool(&self, pool: PoolIndex) -> &Pool {
        &self.pools[usize::from(pool.0)]
    }

    /// The legs on which a berth's coach runs.
    pub fn berth_legs(&self, berth: BerthIndex) -> LegRange {
        self.coaches[usize::from(self.berth(berth).coach)].legs
    }

    /// The berth people call so, if there is one.
    pub fn find_berth(&self, name: &BerthName) -> Option<BerthIndex> {
        let coach = self.coaches.iter().find(|c| c.id.as_str() == &*name.coach)?;
        // Numbers of a layout are 1, 2, 3 ... without a hole.
        let place = name.number.checked_sub(1).filter(|place| *place < coach.count)?;
        Some(BerthIndex(coach.first.0 + place))
    }

    /// What people call a berth. Panics when the plan has no such berth.
    pub fn berth_name(&self, berth: BerthIndex) -> BerthName {
        let row = self.berth(berth);
        let coach = self.coaches[usize::from(row.coach)].id.as_str().into();
        BerthName { coach, number: row.number }
    }

    /// The 0-based stop that is meant, if it is on the route. Occurrence 0 means the first visit.
    #[inline]
    pub fn resolve(&self, stop: StopRef) -> Option<u8> {
        match stop {
            StopRef::Sequence(sequence) => {
                let place = usize::from(sequence).wrapping_sub(1);
                (place < self.stops.len()).then_some(place as u8)
            }
            StopRef::Station { code, occurrence } => self.find_stop(code, occurrence),
        }
    }

    fn find_stop(&self, code: StationCode, occurrence: u8) -> Option<u8> {
        let mut visits = (0..self.stops.len()).filter(|i| self.stops[*i].code == code);
        visits.nth(usize::from(occurrence.max(1)) - 1).map(|place| place as u8)
    }

    /// The pool that sells this journey in this class and quota; at most one does.
    pub fn pool_for(
        &self,
        class: TravelClass,
        quota: QuotaCode,
        legs: LegRange,
    ) -> Option<PoolIndex> {
        self.door_for(class, quota, legs).map(|(pool, _)| pool)
    }

    /// The pool that sells this journey, and what it asks.
    pub(crate) fn door_for(
        &self,
        class: TravelClass,
        quota: QuotaCode,
        legs: LegRange,
    ) -> Option<(PoolIndex, &Door)> {
        let sells = |d: &&Door| d.class == class && d.quota == quota && d.sells(legs);
        let mut doors = self.doors.iter().zip(0..);
        doors.find(|(door, _)| sells(door)).map(|(door, pool)| (PoolIndex(pool), door))
    }

    /// The instant at which the run leaves a 0-based stop (at the terminus: arrives), when
    /// `midnight` is 00:00 of its start date.
    pub fn departure(&self, midnight: UnixMillis, stop: u8) -> UnixMillis {
        let minutes = u64::from(self.stops[usize::from(stop)].departure);
        midnight.saturating_add(crate::Millis(minutes * 60_000))
    }

    /// Days between the start date and the date of departure from a 0-based stop.
    pub fn boarding_day_offset(&self, stop: u8) -> i32 {
        (self.stops[usize::from(stop)].departure / 1_440).cast_signed()
    }

    /// Berths of a pool whose coach runs on all these legs: what a run nobody has touched has free.
    pub fn capacity(&self, pool: PoolIndex, legs: LegRange) -> u16 {
        let berths = &self.pool(pool).berths;
        if self.all_coaches_whole && self.route().contains(legs) {
            return berths.len() as u16;
        }
        berths.iter().filter(|b| self.berth_legs(**b).contains(legs)).count() as u16
    }
}

impl Pool {
    /// Whether a journey begins and ends inside the pool's windows.
    pub const fn sells(&self, legs: LegRange) -> bool {
        Door::of(self).sells(legs)
    }
}
