//! Snapshots on their way to the disk: whatever waits is appended together, under one sync.
//!
//! The first who comes has it done on a thread for blocking work, which goes on as long as somebody
//! waits; nobody lingers. A run's snapshot is kept when its `keep_snapshot` says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_persistence::EncodedSnapshot;
use tokio::sync::oneshot;

use crate::stores::Stores;

/// Snapshots under one sync, at most. Nobody waits for it but who put them.
const AT_ONCE: usize = 1_024;

/// One snapshot, the last frame that has nothing of the run that it has not, and who waits.
struct Waiting {
    snapshot: EncodedSnapshot,
    lsn: u64,
    tell: oneshot::Sender<Result<(), String>>,
}

#[derive(Default)]
struct Line {
    waiting: Vec<Waiting>,
    at_work: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Keeper {
    line: Mutex<Line>,
}

impl Keeper {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the caller must see to it that somebody is at work.
    fn line_up(&self, waiting: Waiting) -> bool {
        let mut line = self.line();
        line.waiting.push(waiting);
        !core::mem::replace(&mut line.at_work, true)
    }
}

/// Ends the work of a thread that panicked: who waits is told by a dropped sender.
struct AtWork<'a>(&'a Keeper);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.waiting.clear();
        line.at_work = false;
    }
}

impl Stores {
    /// Appends a snapshot and makes it survive a power cut. Frames up to `lsn` have no event that
    /// it has not. `None`: the thread that was at it died.
    pub async fn keep_snapshot(
        self: &Arc<Self>,
        snapshot: EncodedSnapshot,
        lsn: u64,
    ) -> Option<Result<(), String>> {
        let (tell, told) = oneshot::channel();
        if self.keeper.line_up(Waiting { snapshot, lsn, tell }) {
            let stores = Arc::clone(self);
            tokio::task::spawn_blocking(move || stores.keep_waiting());
        }
        told.await.ok()
    }

    fn keep_waiting(&self) {
        let at_work = AtWork(&self.keeper);
        loop {
            let mut line = self.keeper.line();
            if line.waiting.is_empty() {
                line.at_work = false;
                core::mem::forget(at_work);
                return;
            }
            let count = line.waiting.len().min(AT_ONCE);
            let group: Vec<_> = line.waiting.drain(..count).collect();
            drop(line);
            let snapshots = group.iter().map(|waiting| (&waiting.snapshot, waiting.lsn));
            let kept = self.put_snapshots(snapshots).map_err(|fault| fault.to_string());
            for waiting in group {
                let _ = waiting.tell.send(kept.clone());
            }
        }
    }
}
