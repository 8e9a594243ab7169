//! The tonic services: the only place where wire meets domain.
//!
//! Map: `wire` turns messages into commands and answers into messages; `desk` is the seam to the
//! engine; `inventory`, `session`, `availability`, `watch`, `operations`, `journal` are the services;
//! `codec` hands the bytes of Inventory's messages through; `deadline` puts the caller's deadline
//! into the command; `health` follows the engine; `tally` and
//! `metrics` count; `rooms` are the waiting rooms and their guard before a reserve; `server` is the
//! two listeners.
//!
//! Always true: errors are for faults, refusals are answers. Nothing here decides about a berth.

mod availability;
mod codec;
mod deadline;
mod desk;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod health;
mod inventory;
mod journal;
mod metrics;
mod operations;
mod rooms;
mod server;
mod session;
mod shortcut;
mod tally;
mod unary;
mod watch;
mod wire;

/// The vocabulary of waiting rooms.
pub use berth_admission as admission;
pub use rooms::{RoomSetting, Rooms, RoomsFault, Secrets};
pub use server::{JOURNAL_READERS_DEFAULT, ServeError, Server};
