//! The tonic services: the only place where wire meets domain.
//!
//! Map: `wire` turns messages into commands and answers into messages; `desk` is the seam to the
//! engine; `inventory`, `session`, `availability`, `watch`, `operations`, `journal` are the services;
//! `codec` hands the bytes of Inventory's messages through; `deadline` puts the caller's deadline
//! into the command; `health` follows the engine; `tally` and
//! `metrics` count; `rooms` are the waiting rooms and their guard before a reserve; `server` puts the two
//! listeners together, `door` is one of them with its connections, `guard` looks at every call with
//! `access` (credentials, roles) and `rates`, `turned_away` counts who was not let in; `stay` says how long
//! a stream lasts, `ending` ends those of answers.
//!
//! Always true: errors are for faults, refusals are answers. Nothing here decides about a berth.

mod access;
mod availability;
mod codec;
mod deadline;
mod desk;
mod door;
mod ending;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod guard;
mod health;
mod inventory;
mod journal;
mod metrics;
mod operations;
mod rates;
mod rooms;
mod server;
mod session;
mod shortcut;
mod stay;
mod tally;
mod turned_away;
mod unary;
mod watch;
mod wire;

pub use access::{Access, KeysError, Roles, TokenSettings, Tokens, UnknownRole};
/// The vocabulary of waiting rooms.
pub use berth_admission as admission;
pub use door::{Bounds, Tls, TlsError, TlsFiles};
pub use rates::{NoRate, Rate, RateSettings};
pub use rooms::{RoomSetting, Rooms, RoomsFault, Secrets};
pub use server::{JOURNAL_READERS_DEFAULT, ServeError, Server};
