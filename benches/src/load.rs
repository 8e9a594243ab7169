//! The load: seat commands to a server or its echo, and what came of them.
//!
//! One slot is one customer: reserve; then, of a hundred holds, some are paid for and cancelled, the
//! others given back, so that trains never fill up and a round can go on for ever. Commands are
//! written as bytes and answers read where they lie, because the client shares the cores with the
//! server: what it costs is reported beside what the server costs.
//! Latency counts from the moment a command was handed to its connection (closed loop), or from the
//! moment it was due (open loop): a server that stalls is not asked less, so nothing is left out.

pub mod answer;
pub mod command;
pub mod connection;
mod round;
mod session;
mod slots;
pub mod stage;
mod tick;
mod unary;
pub mod zipf;

pub use round::{Calls, Load, Outcome, Pressure, Style, fresh_salt};
pub use stage::{HOT_BENCH, HOT_REAL, Spread, Stage};
