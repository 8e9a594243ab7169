//! What ingress, a shard's worker and the journal thread share of one shard.

use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Release, SeqCst},
};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use berth_node::{Batch, Fault, Lane, LogPoint};
use crossbeam::queue::ArrayQueue;
use ractor::ActorRef;
use tokio::sync::watch;

use crate::alarm::Alarm;
use crate::reply::{Back, Post, fail};
use crate::worker::WorkerMessage;

/// Parcels of each lane's queue: about 60 ms of one shard's work.
const QUEUE_ITEMS: usize = 8_192;

pub(crate) struct ShardShared {
    finish: ArrayQueue<Post>,
    take: ArrayQueue<Post>,
    /// A drain is on its way or at work.
    scheduled: AtomicBool,
    /// The shard stopped for want of room in its batch.
    starved: AtomicBool,
    batch: Mutex<Batch<Back>>,
    durable: AtomicU64,
    /// The frame in which the last durable batch is.
    told_lsn: AtomicU64,
    pub durable_watch: watch::Sender<u64>,
    worker: OnceLock<ActorRef<WorkerMessage>>,
    /// Rings when something is due though nobody asks.
    pub alarm: Alarm,
}

impl ShardShared {
    pub fn new() -> Self {
        Self {
            finish: ArrayQueue::new(QUEUE_ITEMS),
            take: ArrayQueue::new(QUEUE_ITEMS),
            scheduled: AtomicBool::new(false),
            starved: AtomicBool::new(false),
            batch: Mutex::new(Batch::new(1)),
            durable: AtomicU64::new(0),
            told_lsn: AtomicU64::new(0),
            durable_watch: watch::Sender::new(0),
            worker: OnceLock::new(),
            alarm: Alarm::new(),
        }
    }

    pub fn attach(&self, worker: ActorRef<WorkerMessage>) {
        let _ = self.worker.set(worker);
    }

    pub fn queue(&self, lane: Lane) -> &ArrayQueue<Post> {
        match lane {
            Lane::Finish => &self.finish,
            Lane::Take => &self.take,
        }
    }

    /// Parcels waiting in both lanes.
    pub fn depth(&self) -> usize {
        self.finish.len() + self.take.len()
    }

    /// One wake in flight at most; after a push.
    pub fn wake(&self) {
        if !self.scheduled.load(SeqCst)
            && !self.scheduled.swap(true, SeqCst)
            && let Some(worker) = self.worker.get()
        {
            // A worker that has stopped answers nothing any more; tickets tell when dropped.
            let _ = worker.cast(WorkerMessage::Drain);
        }
    }

    /// After a drain that left nothing: whether it may rest, or must look again.
    pub fn may_rest(&self) -> bool {
        self.scheduled.store(false, SeqCst);
        self.finish.is_empty() && self.take.is_empty() || self.scheduled.swap(true, SeqCst)
    }

    pub fn send(&self, message: WorkerMessage) {
        if let Some(worker) = self.worker.get() {
            let _ = worker.cast(message);
        }
    }

    pub fn batch(&self) -> MutexGuard<'_, Batch<Back>> {
        // A panic inside a run's step is caught under the lock and leaves the batch whole.
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn durable(&self) -> u64 {
        self.durable.load(SeqCst)
    }

    pub fn told_lsn(&self) -> u64 {
        self.told_lsn.load(Acquire)
    }

    pub fn set_durable(&self, number: u64, lsn: u64) {
        self.told_lsn.store(lsn, Release);
        self.durable.store(number, SeqCst);
        self.durable_watch.send_replace(number);
        if self.starved.swap(false, SeqCst) {
            self.wake();
        }
    }

    /// Asks to be woken after the next group; under the lock of the batch.
    pub fn starve(&self) {
        self.starved.store(true, SeqCst);
    }

    /// After a drain that must wait for a group: whether it may go on at once, because the group
    /// ended meanwhile and its wake found the drain still scheduled.
    /// `seen` is what the drain knew as durable: a group may have ended before it asked to be woken.
    pub fn wait_for_group(&self, seen: u64) -> bool {
        self.scheduled.store(false, SeqCst);
        let ended = !self.starved.load(SeqCst) || self.durable() != seen;
        ended && !self.scheduled.swap(true, SeqCst)
    }
}

/// Where the log ends, for shards to note: two words, read together often enough.
#[derive(Default)]
pub(crate) struct LogEnd {
    lsn: AtomicU64,
    bytes: AtomicU64,
}

impl LogEnd {
    pub fn set(&self, point: LogPoint) {
        // A reader between the two stores sees an earlier byte count: it only snapshots earlier.
        self.lsn.store(point.lsn, Release);
        self.bytes.store(point.bytes, Release);
    }

    pub fn get(&self) -> LogPoint {
        let bytes = self.bytes.load(Acquire);
        LogPoint { lsn: self.lsn.load(Acquire), bytes }
    }
}

impl ShardShared {
    /// Nobody writes any more: whoever still waits is told that the node is going.
    pub fn abandon(&self) {
        let done = core::mem::take(&mut self.batch().done);
        let queued = core::iter::from_fn(|| self.finish.pop().or_else(|| self.take.pop()));
        done.into_iter().chain(queued).for_each(|post| fail(post, &Fault::Draining));
    }

    /// A control question to the worker; `None` when it is gone.
    pub async fn call<R: Send + 'static>(
        &self,
        question: impl FnOnce(ractor::RpcReplyPort<R>) -> WorkerMessage,
    ) -> Option<R> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.worker.get()?.cast(question(sender.into())).ok()?;
        receiver.await.ok()
    }
}
