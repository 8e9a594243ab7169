//! What is wrong with a catalogue entry: the train, the field, the value and what is allowed.

use super::kept::SINCE_MAX;
use crate::layout::layouts;
use crate::{
    CoachId, EligibleFault, NameError, PARTY_MAX, QuotaCode, StationCode, TravelClass, WAITING_MAX,
};

/// Last minute a timetable may name: the longest tour of the network takes 8 days, 30 are allowed.
pub(super) const MINUTE_MAX: u32 = 30 * 1_440;
/// Longest name of a train, bytes.
pub(super) const TRAIN_NAME_BYTES_MAX: usize = 128;
/// Longest name of a rule book with its hash, bytes.
pub(super) const RULES_BYTES_MAX: usize = 64;
/// Longest id of a coach, bytes.
const COACH_ID_BYTES_MAX: usize = size_of::<CoachId>();

/// A catalogue entry that is no train.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("train {train:?}: {fault}")]
pub struct PlanError {
    /// The start of the number the entry gives.
    pub train: Box<str>,
    /// What is wrong.
    pub fault: PlanFault,
}

pub(super) type Checked<T> = Result<T, PlanFault>;

/// What is wrong with an entry. Stops are 1-based, as people count them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// A number, station code or quota that is no name.
    #[error("{field} {error}")]
    Name {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        error: NameError,
    },
    /// The train's name is too long.
    #[error("name of {bytes} bytes; at most {TRAIN_NAME_BYTES_MAX} allowed")]
    LongName {
        /// How long.
        bytes: usize,
    },
    /// The rule book's name is too long.
    #[error("rules of {bytes} bytes; 1 to {RULES_BYTES_MAX} allowed")]
    LongRules {
        /// How long.
        bytes: usize,
    },
    /// Running days that are no days of the week.
    #[error("days {bits:#x}; 7 bits from Monday allowed")]
    Days {
        /// What was given.
        bits: u8,
    },
    /// Too many or too few of something.
    #[error("{count} {what}; {min} to {max} allowed")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// Fewest.
        min: usize,
        /// Most.
        max: usize,
    },
    /// A time is missing.
    #[error("stop {stop} ({code}) has no {what}; only the {may_lack} may lack it")]
    NoTime {
        /// Which stop.
        stop: usize,
        /// Its station.
        code: StationCode,
        /// Arrival or departure.
        what: &'static str,
        /// Which stop may be without it.
        may_lack: &'static str,
    },
    /// A timetable runs backwards.
    #[error("stop {stop} ({code}) {what} at minute {minute}, before minute {before} of {of}")]
    TimeBackwards {
        /// Which stop.
        stop: usize,
        /// Its station.
        code: StationCode,
        /// Arrives or departs.
        what: &'static str,
        /// When.
        minute: u32,
        /// The later moment that should have come first.
        before: u32,
        /// What that moment is.
        of: &'static str,
    },
    /// A time that no train has.
    #[error("stop {stop} ({code}) has minute {minute}; at most {MINUTE_MAX} (30 days) allowed")]
    Minute {
        /// Which stop.
        stop: usize,
        /// Its station.
        code: StationCode,
        /// The minute.
        minute: u32,
    },
    /// Kilometres run backwards.
    #[error("stop {stop} ({code}) is at km {km}, the stop before it at km {before}")]
    KmBackwards {
        /// Which stop.
        stop: usize,
        /// Its station.
        code: StationCode,
        /// Its kilometre.
        km: u32,
        /// The stop before it.
        before: u32,
    },
    /// A coach id that is no id.
    #[error("coach id {id:?} is not 1 to {COACH_ID_BYTES_MAX} characters of A-Z, a-z, 0-9")]
    CoachId {
        /// The start of what was given.
        id: Box<str>,
    },
    /// Two coaches with one id.
    #[error("coach id {id:?} is given to coach {first} and coach {second}; ids must differ")]
    CoachTwice {
        /// The id.
        id: Box<str>,
        /// 1-based place of the first.
        first: usize,
        /// 1-based place of the second.
        second: usize,
    },
    /// A layout that is not in the table.
    #[error("coach {coach} has unknown layout {layout:?}; known: {}", Known)]
    UnknownLayout {
        /// The coach.
        coach: Box<str>,
        /// The start of what was given.
        layout: Box<str>,
    },
    /// A coach that runs where the train does not.
    #[error("coach {coach} runs on stops {first} to {last}; 1 to {stops} allowed, forward")]
    CoachStops {
        /// The coach.
        coach: Box<str>,
        /// First stop given.
        first: u16,
        /// Last stop given.
        last: u16,
        /// Stops of the train.
        stops: usize,
    },
    /// Nothing to sell.
    #[error("no reserved coach; at least 1 needed")]
    NoCoach,
    /// A pool of a class that no coach has.
    #[error("pool {quota} of class {class}; the train has {}", codes(.has))]
    PoolClass {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
        /// The classes of the train.
        has: Box<[TravelClass]>,
    },
    /// A class that nobody may buy in the ordinary way.
    #[error("class {class} has no pool of quota GN; one is needed")]
    NoGeneralPool {
        /// The class.
        class: TravelClass,
    },
    /// A party size that no reserve has.
    #[error("pool {quota} of {class} has party_max {party_max}; 1 to {PARTY_MAX} allowed")]
    PartyMax {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
        /// What was given.
        party_max: u8,
    },
    /// A word for who may travel that says nothing.
    #[error("pool {quota} of {class}: {fault}")]
    Eligible {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
        /// What is wrong.
        fault: EligibleFault,
    },
    /// An opening that is no moment of a day.
    #[error(
        "pool {quota} of {class} opens {days} days before at minute {minute}; \
         0 to 366 days and minutes 0 to 1439 allowed"
    )]
    Opens {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
        /// Days before the start.
        days: u16,
        /// Minute of the day.
        minute: u16,
    },
    /// A row of kept berths that says nothing.
    #[error(
        "pool {quota} of {class} keeps {berths} berths, then {last}, from journeys below {below_km} \
         km from {since} to {until} minutes before departure; at least 1 berth and 1 km, falling, \
         and at most {SINCE_MAX} minutes allowed"
    )]
    Kept {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
        /// Kilometres.
        below_km: u32,
        /// Berths at first.
        berths: u16,
        /// Berths at last.
        last: u16,
        /// Minutes at which it begins to fall.
        since: u32,
        /// Minutes at which it ends.
        until: u32,
    },
    /// Who waits for a berth that is kept from them would wait beside it.
    #[error(
        "pool {quota} of {class} keeps berths for long journeys and has RAC or a waiting list; give \
         it one of the two"
    )]
    KeptAndWaited {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
    },
    /// More than everything.
    #[error("pool {quota} of {class} has a share of {share} %; 0 to 100 allowed")]
    Share {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
        /// Per cent.
        share: u8,
    },
    /// A window outside the route, or backwards.
    #[error("pool {quota} of {class} has {what} {first} to {last}; 1 to {stops} allowed, forward")]
    Window {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
        /// Board or alight.
        what: &'static str,
        /// First stop.
        first: u16,
        /// Last stop.
        last: u16,
        /// Stops of the train.
        stops: u16,
    },
    /// No journey fits the pool's windows.
    #[error("pool {quota} of {class} boards from stop {board} and alights by stop {alight}")]
    EmptyWindow {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
        /// First boarding stop.
        board: u16,
        /// Last alighting stop.
        alight: u16,
    },
    /// Two pools of one class and quota sell one journey.
    #[error("two pools {quota} of {class} sell stops {board} to {alight}; at most one may")]
    SameJourney {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
        /// A boarding stop both have.
        board: u16,
        /// An alighting stop both have.
        alight: u16,
    },
    /// Two pools of a class want what is left.
    #[error("two pools of {class} take the rest; at most one may")]
    TwoRests {
        /// Class.
        class: TravelClass,
    },
    /// The sizes are more than there is.
    #[error("pools of {class} ask for {asked} berths; the class has {total}")]
    PoolsTooLarge {
        /// Class.
        class: TravelClass,
        /// Sum of the sizes up to the one that was too much.
        asked: usize,
        /// Berths of the class.
        total: usize,
    },
    /// Berths that no pool sells.
    #[error("{left} of {total} berths of {class} are in no pool; let one pool take the rest")]
    BerthsLeft {
        /// Class.
        class: TravelClass,
        /// Left over.
        left: usize,
        /// Berths of the class.
        total: usize,
    },
    /// A pool that shares out side lowers its class does not have.
    #[error(
        "pool {quota} of {class} sells {rac} berths a coach as RAC; no coach of the class has a side lower"
    )]
    NoSideLower {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
        /// Asked for.
        rac: u8,
    },
    /// Two pools of a class share berths.
    #[error("two pools of {class} sell berths as RAC; at most one may")]
    TwoRacs {
        /// Class.
        class: TravelClass,
    },
    /// A waiting list for nobody.
    #[error("pool {quota} of {class} has a waiting list of {limit}; 1 to {WAITING_MAX} allowed")]
    WaitingLimit {
        /// Quota.
        quota: QuotaCode,
        /// Class.
        class: TravelClass,
        /// What was given.
        limit: u16,
    },
}

impl PlanFault {
    pub(super) fn name(field: &'static str) -> impl Fn(NameError) -> Self {
        move |error| Self::Name { field, error }
    }
}

/// The names of all layouts.
struct Known;
impl core::fmt::Display for Known {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (i, layout) in layouts().iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { " " }, layout.name())?;
        }
        Ok(())
    }
}

fn codes(classes: &[TravelClass]) -> String {
    classes.iter().map(|class| class.code()).collect::<Vec<_>>().join(" ")
}
