//! When a shard's worker must be called: one call in flight at most, and none is missed.
//!
//! Who has pushed asks [`Wake::call`]. A worker that found nothing may rest only after it has said
//! that it does and looked once more; one that waits for a group says so under the lock of its
//! batch, and may rest only if no group has ended since it looked. Always true: whatever is pushed,
//! and whatever waits for a group, is seen by a drain that begins afterwards.

use super::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// See the module.
#[derive(Default)]
pub(crate) struct Wake {
    /// A drain is on its way or at work.
    scheduled: AtomicBool,
    /// The worker stopped until a group ends.
    starved: AtomicBool,
    /// Groups that ended, well or not.
    ended: AtomicU64,
    /// The last durable batch.
    durable: AtomicU64,
}

impl Wake {
    /// After a push: whether the worker must be told to drain.
    pub fn call(&self) -> bool {
        !self.scheduled.load(SeqCst) && !self.scheduled.swap(true, SeqCst)
    }

    /// After a drain that left nothing: whether it may rest, or must look again.
    pub fn may_rest(&self, is_empty: impl FnOnce() -> bool) -> bool {
        self.scheduled.store(false, SeqCst);
        is_empty() || self.scheduled.swap(true, SeqCst)
    }

    /// The last durable batch.
    pub fn durable(&self) -> u64 {
        self.durable.load(SeqCst)
    }

    /// Groups that ended so far; to be asked before what is durable and whether the journal failed.
    pub fn ended(&self) -> u64 {
        self.ended.load(SeqCst)
    }

    /// Asks to be called after the next group; under the lock of the batch.
    pub fn starve(&self) {
        self.starved.store(true, SeqCst);
    }

    /// After a drain that must wait for a group: whether it must go on at once, because one ended
    /// meanwhile and its call found the drain still scheduled. `seen` is how many had ended when
    /// the drain looked: one may have ended before it asked to be called.
    pub fn wait_for_group(&self, seen: u64) -> bool {
        self.scheduled.store(false, SeqCst);
        let ended = !self.starved.load(SeqCst) || self.ended() != seen;
        ended && !self.scheduled.swap(true, SeqCst)
    }

    /// A group ended, and with it that batch is durable, or none is: whether the worker must be
    /// told to drain.
    pub fn group_ended(&self, durable: Option<u64>) -> bool {
        if let Some(number) = durable {
            self.durable.store(number, SeqCst);
        }
        self.ended.fetch_add(1, SeqCst);
        self.starved.swap(false, SeqCst) && self.call()
    }
}
