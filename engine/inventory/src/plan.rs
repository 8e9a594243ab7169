//! A train as data, checked: stops, coaches, berths and pools, shared by all its runs.
//!
//! An [`Entry`] is what a catalogue says (texts and numbers, unchecked); a [`Plan`] is what it
//! means, every berth spelled out. `Plan::new` is the only way from one to the other.

use crate::{
    BerthIndex, BerthType, Date, LegRange, PlanHash, PoolIndex, QuotaCode, RunningDays, Side,
    StationCode, StopRef, TrainNumber, TravelClass, UnixMillis,
};

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
    pub id: Box<str>,
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
}

/// A checked train. Immutable; shared by `Arc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    hash: PlanHash,
    number: TrainNumber,
    name: Box<str>,
    days: RunningDays,
    stops: Vec<Stop>,
    coaches: Vec<Coach>,
    berths: Vec<Berth>,
    pools: Vec<Pool>,
}
