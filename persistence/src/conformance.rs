//! One suite per trait, run against every implementation: what a disk, a log, a snapshot store and
//! an event store must do, whatever they are made of. Public so that another implementation of a
//! trait, in another crate, can be held to the same.
//!
//! Every function panics with what was expected; that is how a test fails.
#![allow(clippy::missing_panics_doc, reason = "a suite is made of assertions")]

mod commit_log;
mod disk;
mod event_store;
mod snapshot_store;
mod world;

pub use commit_log::{commit_log, some_failure};
pub use disk::disk;
pub use event_store::event_store;
pub use snapshot_store::snapshot_store;
pub use world::{TEXT, World, no_text, parse};
