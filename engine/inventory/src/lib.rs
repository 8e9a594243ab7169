//! The pure machine of one train run: what is free, who holds what, and why a wish is refused.
//!
//! A [`Run`] is one dated train. Commands are *decided* (`&self`, may be refused) and the events
//! that follow are *applied* (cannot fail). Time, ids and the plan are arguments: this crate knows
//! no clock, no random source, no I/O and no serialisation, so that replay is the same function.
//!
//! Map: `plan` (the train as data) uses `layout` (berth tables) and `pool`; `run` owns `rows`,
//! `gaps` and `record`; `decide` asks `choose` for berths; `apply` is the only writer.

mod answer;
mod class;
mod command;
mod date;
mod event;
mod ids;
mod legs;
mod limits;
mod passenger;
mod refusal;
mod time;

pub use answer::{Answer, BookingView, CancelView, HoldView, ReleaseView, SaleView};
pub use class::{BerthType, QuotaCode, Side, TravelClass};
pub use command::{
    BerthName, Block, Cancel, Command, Conditions, Confirm, Extend, Release, Reserve, Rest,
    SaleChange, StopRef,
};
pub use date::{Date, RunningDays};
pub use event::{Event, HeldPassenger, RunCreated};
pub use ids::{
    BerthIndex, HoldId, PlanHash, Pnr, PoolIndex, RequestId, RequestMark, RunId, RunIndex,
    StationCode, TrainNumber, Version,
};
pub use legs::{LegMask, LegRange};
pub use limits::*;
pub use passenger::{AgeBand, Passenger, PassengerSet, Sex};
pub use refusal::{Reason, Refusal};
pub use time::{Millis, UnixMillis};
