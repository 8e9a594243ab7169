//! Wakes a shard when its next look is due, and not before: a node with nothing due sleeps.
//!
//! The worker says after every message when that is. Whoever makes an earlier deadline does so in
//! the worker, so nobody else has to set it. Always true: an instant that was set is either waited
//! for, or its wake is followed by a drain, after which the worker sets the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use berth_inventory::UnixMillis;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::shared::ShardShared;

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
}

/// Waits for the shard's looks until the node ends.
pub(crate) async fn ring(shard: Arc<ShardShared>, clock: Clock) {
    let alarm = &shard.alarm;
    while !alarm.over.load(SeqCst) {
        let at = alarm.at.load(SeqCst);
        let left = at.saturating_sub(clock.now().0);
        if at == NEVER {
            alarm.changed.notified().await;
        } else if left > 0 {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(left)) => {}
                () = alarm.changed.notified() => {}
            }
        } else if alarm.at.compare_exchange(at, NEVER, SeqCst, SeqCst).is_ok() {
            shard.wake();
        }
    }
}
