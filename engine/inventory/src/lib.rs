//! The pure machine of one train run: what is free, who holds what, and why a wish is refused.
//!
//! A [`Run`] is one dated train. Commands are *decided* (may be refused, change nothing) and the
//! events that follow are *applied* (cannot fail). Time, ids and the plan are arguments: this crate
//! knows no clock, no random source, no I/O and no serialisation, so that replay is the same
//! function.
//!
//! Map: `plan` (the train as data) uses `layout` (berth tables) and `pool`; `run` owns `rows`,
//! `gaps` and `record`; `decide` asks `choose` for berths; `apply` is the only writer.

mod answer;
mod apply;
mod card;
mod choose;
mod class;
mod command;
mod date;
mod deadlines;
mod decide;
mod digest;
mod eligible;
mod event;
mod foresee;
mod gaps;
mod ids;
mod invariant;
mod layout;
mod legs;
mod limits;
mod lists;
mod passenger;
mod plan;
pub mod planted;
mod promote;
mod record;
mod refusal;
mod register;
mod reseat;
mod rows;
mod run;
mod state;
mod summary;
#[cfg(test)]
mod tests;
mod time;
mod word;

pub use answer::{Answer, BookingView, Current, Freed, HoldView, ListedView, Said, SeatView};
pub use choose::{NoBerth, Wish, choose};
pub use class::{BerthType, CodeError, QuotaCode, Side, TravelClass};
pub use command::{
    BerthName, Block, Cancel, Command, Conditions, Confirm, Extend, Release, Reserve, Rest,
    SaleChange, StopRef,
};
pub use date::{Date, DateError, RunningDays};
pub use decide::{EVENTS_MAX, Events, Ruling, Then};
pub use digest::Digest;
pub use eligible::{Eligible, EligibleFault};
pub use event::{Event, HeldPassenger, RunCreated};
pub use gaps::{GapIndex, gap_of};
pub use ids::{
    BerthIndex, CoachId, HoldId, ListIndex, NameError, PlanHash, Pnr, PoolIndex, RequestId,
    RequestMark, RunId, RunIndex, ShortName, StationCode, TrainNumber, Version,
};
pub use invariant::Violation;
pub use layout::{
    BAY_BERTHS_MAX, COACH_BERTHS_MAX, CoachCode, Layout, LayoutBerth, coach_code, layout, layouts,
};
pub use legs::{LegMask, LegRange};
pub use limits::*;
pub use lists::{Listed, Promoted, Standing};
pub use passenger::{AgeBand, Passenger, PassengerSet, Sex};
pub use plan::{
    Behind, Berth, Coach, CoachEntry, Entry, Kept, List, ListKind, Opens, Plan, PlanError,
    PlanFault, Pool, PoolEntry, PoolSize, Promotion, Stop, StopEntry, WaitingEntry, default_pools,
};
pub use record::{Booking, Ended, Record, Seat, SeatState};
pub use refusal::{PRECEDENCE, Reason, Refusal};
pub use reseat::{Reseating, Sitting, make_room};
pub use rows::Rows;
pub use run::{Changes, Masks, Run};
pub use state::{RunState, StateFault};
pub use summary::{BerthLegs, PoolSummary, RunSummary};
pub use time::{Millis, UnixMillis};
