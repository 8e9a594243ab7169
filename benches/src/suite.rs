//! The suites: each gives a section of the report, and the rows of the goals that it can measure.

mod admin;
pub mod client;
pub mod core;
pub mod echo;
pub mod expiry;
mod flow;
pub mod growth;
pub mod memory;
pub mod network;
pub mod peers;
pub mod read;
pub mod recover;
pub mod session;
mod stand;
pub mod unary;
pub mod wal;

use crate::fault::Bench;
use crate::goal::Goal;
use crate::report::Section;
use crate::setup::Setup;

/// One suite.
pub struct Suite {
    /// As the command line names it.
    pub name: &'static str,
    /// What it measures, in a line.
    pub about: &'static str,
    /// Measures everything for the report; `None` when all it does is rows of goals.
    pub run: Option<fn(&Setup) -> Bench<Section>>,
    /// Measures its rows of the goals. A row that fails is a row that says so, so that one fault
    /// does not hide the others: see [`Target::failed`](crate::goal::Target::failed).
    pub goals: Option<fn(&Setup) -> Vec<Goal>>,
    /// Whether its goals need something that may not be installed, and a longer time.
    pub peers: bool,
}

/// All of them, in the order in which goals are told.
pub const SUITES: &[Suite] = &[
    Suite {
        name: "echo",
        about: "tonic and the protos without an engine",
        run: Some(echo::run),
        goals: None,
        peers: false,
    },
    Suite {
        name: "unary",
        about: "one call a command, against the echo",
        run: Some(unary::run),
        goals: Some(unary::goals),
        peers: false,
    },
    Suite {
        name: "session",
        about: "many commands a message, against the echo",
        run: Some(session::run),
        goals: Some(session::goals),
        peers: false,
    },
    Suite {
        name: "client",
        about: "the Rust client's typed calls, against raw session batches",
        run: Some(client::run),
        goals: Some(client::goals),
        peers: false,
    },
    Suite {
        name: "wal",
        about: "one durable write of this disk, without Berth",
        run: Some(wal::run),
        goals: None,
        peers: false,
    },
    Suite {
        name: "core",
        about: "the pure machine of one run with its encoding",
        run: Some(core::run),
        goals: Some(core::goals),
        peers: false,
    },
    Suite {
        name: "recover",
        about: "from a log without snapshots to a node that serves",
        run: Some(recover::run),
        goals: Some(recover::goals),
        peers: false,
    },
    Suite {
        name: "memory",
        about: "a whole network: all of it live, and all of it at rest",
        run: Some(memory::run),
        goals: Some(memory::goals),
        peers: false,
    },
    Suite {
        name: "peers",
        about: "the same work on Redis and PostgreSQL, side by side",
        run: Some(peers::run),
        goals: Some(peers::goals),
        peers: true,
    },
    Suite {
        name: "read",
        about: "availability queries beside a write load",
        run: Some(read::run),
        goals: Some(read::goals),
        peers: false,
    },
    Suite {
        name: "expiry",
        about: "a million live holds run out, and nothing due",
        run: Some(expiry::run),
        goals: Some(expiry::goals),
        peers: false,
    },
    Suite {
        name: "growth",
        about: "CPU a command by runs, share sold, legs and connections",
        run: Some(growth::run),
        goals: Some(growth::goals),
        peers: false,
    },
];

/// The suite of this name.
pub fn find(name: &str) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.name == name)
}
