//! The shell around the node: ractor actors, crossbeam queues, tokio and threads. Decides nothing.
//!
//! Map: `engine` starts and stops a node, `handle` is what its users hold; `open` recovers a data
//! directory; `worker` is a shard's actor, `run_actor` a live run's, `supervisor` their root;
//! `journal` is the thread that makes groups durable, publishes and answers; `indexer` feeds the
//! event store and bounds the log, `history` reads one run from both; `housekeeping` looks at disk
//! and clock, `alarm` wakes a shard when something is due; `stores` reads a run's past, `cold` shows
//! it to readers, `keeper` writes it. How threads wait for each other: `wake` (a worker), `kick` (the
//! journal), `tray` (a stream), over `sync`.

mod alarm;
mod clock;
mod cold;
mod engine;
mod handle;
mod history;
mod housekeeping;
mod indexer;
mod journal;
mod keeper;
mod kick;
mod log_end;
mod open;
mod options;
mod reply;
mod run_actor;
mod shared;
mod standings;
mod stores;
mod supervisor;
mod sync;
mod tray;
mod wake;
mod worker;

#[cfg(test)]
mod tests;

pub use berth_node::CLOCK_BEHIND_MAX_MS;
pub use engine::{EngineInfo, Figures};
pub use handle::{ANSWERS_AHEAD, Engine, Session};
pub use history::{HistoryError, RunHistory};
pub use options::{StartError, StartOptions};
pub use reply::Lost;

// The handle speaks in these: whoever holds an engine needs no edge of its own to them.
pub use berth_kernel::prefetch_all;
pub use berth_node as node;
pub use berth_persistence as persistence;

/// Name and version, as journals and answers carry it.
pub const SOFTWARE: &str = concat!("berth ", env!("CARGO_PKG_VERSION"));
