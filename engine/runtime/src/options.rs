//! What an operator chooses when a node starts, and why a node does not start.

use std::path::PathBuf;
use std::sync::Arc;

use berth_inventory::UnixMillis;
use berth_node::{Settings, UnknownZone};
use berth_persistence::{Catalogue, Durability};

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// Where the journal is kept.
    pub data_dir: PathBuf,
    /// The trains that are sold.
    pub catalogue: Arc<Catalogue>,
    /// What "durable" means.
    pub durability: Durability,
    /// Shards; one for each worker thread of the runtime.
    pub workers: u16,
    /// Bounds and times.
    pub settings: Settings,
    /// Start although the wall clock is behind the journal.
    pub accept_clock: bool,
    /// For the `LOCK` file: where the node will listen.
    pub address: String,
}

/// A node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory or its format.
    #[error(transparent)]
    DataDir(#[from] berth_persistence::DataDirError),
    /// Another process has it.
    #[error(transparent)]
    Lock(#[from] berth_persistence::LockError),
    /// Its key.
    #[error(transparent)]
    Key(#[from] berth_persistence::KeyError),
    /// Its snapshots.
    #[error(transparent)]
    Snapshots(#[from] berth_persistence::SnapshotError),
    /// Its log, when read.
    #[error(transparent)]
    Recovery(#[from] berth_persistence::RecoverError),
    /// The system.
    #[error(transparent)]
    File(#[from] berth_persistence::FileError),
    /// The log could not take the first frame.
    #[error(transparent)]
    Log(#[from] berth_persistence::LogError),
    /// The catalogue's zone.
    #[error(transparent)]
    Zone(#[from] UnknownZone),
    /// Time would run backward.
    #[error(
        "the wall clock says {wall}, but the journal has a stamp of {journal}: set the clock, or \
         start with --accept-clock if the stamp was wrong"
    )]
    ClockBehind {
        /// The wall clock.
        wall: UnixMillis,
        /// The last journaled stamp.
        journal: UnixMillis,
    },
    /// Without the event store some history could not be read.
    #[error("the event store cannot be off: {why}; start with --event-store on")]
    EventStoreNeeded {
        /// What it alone has, or will have.
        why: String,
    },
    /// A thread or an actor did not start.
    #[error("the node did not start: {0}")]
    Spawn(String),
}
