//! One run's place in its shard. State is in one place at a time: here, or away in its actor.

use std::collections::VecDeque;
use std::sync::Arc;

use berth_inventory::{Run, RunCreated, UnixMillis, Version, planted};

use super::slots::Seat;
use crate::ask::Work;
use crate::directory::RunEntry;
use crate::published::Published;
use crate::settings::{QUARANTINE_PANICS, QUARANTINE_WINDOW_MS};

/// A place in the log, from which a restart would have to read for this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPoint {
    /// A frame at or before the first event without snapshot.
    pub lsn: u64,
    /// Bytes of log before that frame, over all segments.
    pub bytes: u64,
}

/// Why a run's state is not in its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Being loaded for the first command.
    Load,
    /// Being encoded; comes back at once.
    Encode,
    /// Being encoded for the last time; stays away until the snapshot is durable.
    Passivate,
    /// Lost to a panic; its last batch is not durable yet.
    Fence,
    /// Lost to a panic; being rebuilt from snapshot and log.
    Rebuild,
}

/// A live run's state and what goes with it.
pub(crate) struct Live {
    pub run: Box<Run>,
    pub published: Arc<Published>,
    /// The slot it is in, for its deadlines.
    pub seat: Seat,
    /// When the alarm for its earliest deadline rings; the end of time = none is set.
    pub alarm: UnixMillis,
    /// Its first event, not journaled yet: a run that only refused leaves no trace.
    pub unborn: Option<Box<RunCreated>>,
}

pub(crate) enum Place {
    Here(Live),
    Away(Errand),
}

/// A command that waits in its slot, and the way of its answer; `None` for the node's own.
pub(crate) struct Waiting<T> {
    pub work: Work,
    pub to: Option<T>,
}

pub(crate) struct Slot<T> {
    pub entry: Arc<RunEntry>,
    /// Which slot it is, in which life.
    pub seat: Seat,
    /// Raised by every hand-over; an input with another epoch is dropped.
    pub epoch: u32,
    pub place: Place,
    /// Kept here while the state is lent.
    pub published: Option<Arc<Published>>,
    pub waiting: VecDeque<Waiting<T>>,
    /// Batch of its last event; 0 = none in this life of the node.
    pub last_batch: u64,
    /// Bytes it wrote into `last_batch`.
    pub batch_bytes: usize,
    /// Its publication in `last_batch`.
    pub publication: u32,
    pub touched: UnixMillis,
    /// First event without a durable snapshot.
    pub dirty: Option<LogPoint>,
    /// First event after the version that is being snapshotted.
    pub dirty_next: Option<LogPoint>,
    pub snapshot_under_way: Option<Version>,
    /// Commands of the take lane executed since the id filter was rotated.
    pub executed: u32,
    /// Its live holds, as they are counted in the shard's figures.
    pub holds: i64,
    panics: Vec<UnixMillis>,
}

impl<T> Slot<T> {
    pub fn new(entry: Arc<RunEntry>, place: Place, now: UnixMillis) -> Self {
        Self {
            entry,
            seat: Seat { slot: 0, life: 0 },
            epoch: 0,
            place,
            published: None,
            waiting: VecDeque::new(),
            last_batch: 0,
            batch_bytes: 0,
            publication: 0,
            touched: now,
            dirty: None,
            dirty_next: None,
            snapshot_under_way: None,
            executed: 0,
            holds: 0,
            panics: Vec::new(),
        }
    }

    /// Notes an event at `point`; whether it is the first since the run was snapshotted last, or
    /// lent for a snapshot.
    pub fn wrote(&mut self, batch: u64, bytes: usize, point: LogPoint) -> bool {
        if self.last_batch != batch {
            self.last_batch = batch;
            self.batch_bytes = 0;
        }
        self.batch_bytes += bytes;
        let mut first = self.dirty.is_none();
        self.dirty.get_or_insert(point);
        if self.snapshot_under_way.is_some() {
            first |= self.dirty_next.is_none();
            self.dirty_next.get_or_insert(point);
        }
        first
    }

    /// A snapshot is durable: only what came after it counts.
    pub fn snapshotted(&mut self, version: Version) {
        if self.snapshot_under_way == Some(version) {
            self.snapshot_under_way = None;
            // starts-again
            self.dirty = self.dirty_next.take().filter(|_| !planted!("clean-too-soon"));
        }
    }

    /// Notes how many live holds it has now; by how many more than at the last count.
    pub fn count_holds(&mut self, live: usize) -> i64 {
        let live = i64::try_from(live).unwrap_or(i64::MAX);
        live - core::mem::replace(&mut self.holds, live)
    }

    /// Notes a panic; whether it was one too many.
    pub fn panicked(&mut self, now: UnixMillis) -> bool {
        self.panics.retain(|at| now.since(*at).0 < QUARANTINE_WINDOW_MS);
        self.panics.push(now);
        self.panics.len() >= QUARANTINE_PANICS
    }
}
