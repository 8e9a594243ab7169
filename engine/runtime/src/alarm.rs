//! Wakes a shard when its next look is due, and not before: a node with nothing due sleeps.
//!
//! The worker says after every message when that is. Whoever makes an earlier deadline does so in
//! the worker, so nobody else has to set it. Always true: an instant that was set is either waited
//! for, or its wake is followed by a drain, after which the worker sets the next.

use std::time::Duration;

use berth_inventory::UnixMillis;

use super::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use super::sync::{Notify, notified_within};

const NEVER: u64 = UnixMillis::MAX.0;

/// See the module.
pub(crate) struct Alarm {
    at: AtomicU64,
    changed: Notify,
    over: AtomicBool,
}

impl Alarm {
    pub fn new() -> Self {
        Self { at: AtomicU64::new(NEVER), changed: Notify::new(), over: AtomicBool::new(false) }
    }

    /// The worker's next look, if there will be one.
    pub fn set(&self, at: Option<UnixMillis>) {
        let at = at.map_or(NEVER, |at| at.0);
        // One that rings too early finds out by itself.
        if at < self.at.swap(at, SeqCst) {
            self.changed.notify_one();
        }
    }

    /// Whether it should have rung: timers stand still while the machine sleeps, deadlines do not.
    pub fn is_over(&self, now: UnixMillis) -> bool {
        self.at.load(SeqCst) <= now.0
    }

    /// Nobody is to be woken any more.
    pub fn end(&self) {
        self.over.store(true, SeqCst);
        self.changed.notify_one();
    }

    /// Waits for the looks and wakes their shard, until it is ended.
    pub async fn ring(&self, now: impl Fn() -> UnixMillis, wake: impl Fn()) {
        while !self.over.load(SeqCst) {
            let at = self.at.load(SeqCst);
            let left = at.saturating_sub(now().0);
            if at == NEVER {
                self.changed.notified().await;
            } else if left > 0 {
                notified_within(&self.changed, Duration::from_millis(left)).await;
            } else if self.at.compare_exchange(at, NEVER, SeqCst, SeqCst).is_ok() {
                wake();
            }
        }
    }
}
