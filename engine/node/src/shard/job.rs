//! What a shard has done outside, and what comes back: the jobs of run actors.

use std::sync::Arc;

use berth_inventory::{Run, RunCreated};

use crate::directory::RunEntry;
use crate::published::Published;

/// Work for a run's actor, off the hot path.
#[derive(Debug)]
pub enum Job {
    /// Find the run's last version: its snapshot, or its plan if it has no event yet.
    Load,
    /// Rebuild the run from its snapshot and the log.
    Rebuild,
    /// Encode the state and append it to the snapshots once `batch` of this shard is durable.
    Snapshot {
        /// The state.
        state: Box<Run>,
        /// It rests on batches up to this one.
        batch: u64,
        /// Frames up to this one have no event that the state has not.
        lsn: u64,
        /// Keep the state until the snapshot is durable; the run goes cold then.
        passivate: bool,
    },
}

/// What a shard wants done.
#[derive(Debug)]
pub enum Effect {
    /// Hand a job to the run's actor (started if there is none).
    Start {
        /// Which run.
        run: Arc<RunEntry>,
        /// To be given back with the result.
        epoch: u32,
        /// What to do.
        job: Job,
    },
    /// The run is cold: its actor may go.
    Stop(Arc<RunEntry>),
}

/// How a job ended.
pub enum JobDone {
    /// The run's last version.
    Loaded {
        /// Its state.
        run: Box<Run>,
        /// What readers see of it.
        published: Arc<Published>,
        /// Its latest snapshot is damaged: it needs another.
        lacks_snapshot: bool,
    },
    /// The run has no event yet; this would be its first.
    Fresh {
        /// Its state at version 1.
        run: Box<Run>,
        /// What readers will see of it.
        published: Arc<Published>,
        /// The event that makes it.
        created: Box<RunCreated>,
    },
    /// The state is encoded and comes back; the snapshot is on its way to the disk.
    Encoded(Box<Run>),
    /// The snapshot of a passivating run is durable.
    Passivated(Box<Run>),
    /// The job failed; the state comes back if it was lent.
    Failed {
        /// What happened and what to do.
        why: String,
        /// The lent state.
        run: Option<Box<Run>>,
    },
}
