//! The Rust client of Berth.
//!
//! [`Client`] speaks to the public listener (sell, enquire), [`Admin`] to the admin listener
//! (operate, read history). Both put a deadline on each call and retry what is safe to retry, with
//! the same request id, within a budget; a circuit breaker leaves an endpoint alone that does not
//! answer. `client.reserve(..).await` from thousands of tasks is cheap: their commands travel
//! together in one stream. [`Session`] is the same with bounds and streams of one's own.
//!
//! A refusal is an answer, not an error: look into the `outcome` of the response. [`ClientError`] is
//! for faults.

mod client;
mod credentials;
mod error;
mod health;
mod line;
mod request_id;
mod session;

pub use berth_proto as proto;
pub use berth_proto::v1;

pub use berth_caller::breaker::{Breaker, BreakerPolicy, Leave};
pub use berth_caller::retry::{Budget, GiveUp, Next, Policy, Pushback, Trouble};
pub use client::{Admin, Client};
pub use credentials::{Credentials, Token};
pub use error::{ClientError, Violation};
pub use line::{Calls, Options};
pub use request_id::{RequestId, new_request_id};
pub use session::{Session, SessionOptions};
