//! The Rust client of Berth.
//!
//! [`Client`] speaks to the public listener (sell, enquire), [`Admin`] to the admin listener
//! (operate, read history). Both put a deadline on each call and retry what is safe to retry, with
//! the same request id. [`Session`] is the cheap way for a busy backend: commands are submitted one
//! by one and travel many to a message.
//!
//! A refusal is an answer, not an error: look into the `outcome` of the response. [`ClientError`] is
//! for faults.

mod client;
mod error;
mod retry;
mod session;

pub use berth_proto as proto;
pub use berth_proto::v1;

pub use client::{Admin, Client, Options, RequestId, new_request_id};
pub use error::{ClientError, Violation};
pub use retry::{Budget, GiveUp, Next, Policy, Pushback, Trouble};
pub use session::{Session, SessionOptions};
