//! Every decision between ingress and journal, without I/O: one thread and one seed can drive it.
//!
//! Map: `shard` executes the commands of its runs and owns their slots; `batch` is what it has
//! ready for the next group; `directory` and `published` are what readers and ingress see;
//! `front` finds the run of a request and refuses fast; `calendar` says which runs are open;
//! `names` draws hold ids and PNRs; `alarms` says when to look at a run; `vitals` is the state of the
//! journal; `restart` goes from what recovery found to a node, with its `plans`; `past_runs` brings a
//! run from snapshot and log.
//! This crate knows no clock, no thread, no socket and no file.

mod alarms;
mod ask;
mod batch;
mod calendar;
mod directory;
mod filter;
mod front;
mod health;
mod names;
mod past_runs;
mod plans;
mod published;
mod restart;
mod settings;
mod shard;
mod sync;
mod table;
mod under_way;
mod vitals;
#[cfg(test)]
mod world;

pub use ask::{Fault, Lane, Outcome, Parcel, State, Way, When, Work};
pub use batch::Batch;
pub use calendar::{Calendar, UnknownZone};
pub use directory::{Directory, Light, RunEntry, Title, Train, TrainSource};
pub use front::{Front, Permit, Trail};
pub use health::Health;
pub use names::{HoldOrigin, Names};
pub use past_runs::RunPasts;
pub use plans::PlanBook;
pub use published::{BerthState, Head, Published};
pub use restart::{CLOCK_BEHIND_MAX_MS, ClockBehind, Restart, Revived, Risen, engine_start};
pub use settings::*;
pub use shard::{
    Docket, EXPIRY_LATE_BOUNDS_MS, Effect, Grace, Job, JobDone, LogPoint, Seat, Shard, ShardStats,
    Standing, Whereabouts,
};
pub use table::{PoolRow, RunTable, SaleStatus};
pub use under_way::UnderWay;
pub use vitals::Vitals;
