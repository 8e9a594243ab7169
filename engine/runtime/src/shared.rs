//! What ingress, a shard's worker and the journal thread share of one shard.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use berth_node::{Batch, Fault, Lane, LogPoint};
use crossbeam::queue::ArrayQueue;
use ractor::ActorRef;
use tokio::sync::watch;

use crate::alarm::Alarm;
use crate::log_end::EndWords;
use crate::reply::{Back, Post, fail};
use crate::wake::Wake;
use crate::worker::WorkerMessage;

/// Parcels of each lane's queue: about 60 ms of one shard's work.
const QUEUE_ITEMS: usize = 8_192;

pub(crate) struct ShardShared {
    finish: ArrayQueue<Post>,
    take: ArrayQueue<Post>,
    wake: Wake,
    batch: Mutex<Batch<Back>>,
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
            wake: Wake::default(),
            batch: Mutex::new(Batch::new(1)),
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
        if self.wake.call() {
            self.drain();
        }
    }

    fn drain(&self) {
        if let Some(worker) = self.worker.get() {
            // A worker that has stopped answers nothing any more; tickets tell when dropped.
            let _ = worker.cast(WorkerMessage::Drain);
        }
    }

    /// After a drain that left nothing: whether it may rest, or must look again.
    pub fn may_rest(&self) -> bool {
        self.wake.may_rest(|| self.finish.is_empty() && self.take.is_empty())
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
        self.wake.durable()
    }

    pub fn told_lsn(&self) -> u64 {
        self.told_lsn.load(Acquire)
    }

    pub fn set_durable(&self, number: u64, lsn: u64) {
        self.told_lsn.store(lsn, Release);
        let calls = self.wake.group_ended(Some(number));
        self.durable_watch.send_replace(number);
        if calls {
            self.drain();
        }
    }

    /// A group ended and nothing of it is durable: who waits for it must be told.
    pub fn group_failed(&self) {
        if self.wake.group_ended(None) {
            self.drain();
        }
    }

    /// Groups that ended so far; to be asked before what is durable and whether the journal failed.
    pub fn groups_ended(&self) -> u64 {
        self.wake.ended()
    }

    /// Asks to be woken after the next group; under the lock of the batch.
    pub fn starve(&self) {
        self.wake.starve();
    }

    /// After a drain that must wait for a group: whether it must go on at once. See [`Wake`].
    pub fn wait_for_group(&self, seen: u64) -> bool {
        self.wake.wait_for_group(seen)
    }
}

/// Where the log ends, for shards to note.
#[derive(Default)]
pub(crate) struct LogEnd(EndWords);

impl LogEnd {
    pub fn set(&self, point: LogPoint) {
        self.0.set(point.lsn, point.bytes);
    }

    pub fn get(&self) -> LogPoint {
        let (lsn, bytes) = self.0.get();
        LogPoint { lsn, bytes }
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
