//! A run's past, as its actor and a cold read find it: snapshots, and the log behind them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_inventory::{Run, RunIndex};
use berth_node::{Directory, PlanBook, RunEntry, RunPasts};
use berth_persistence::{
    Covered, DataDir, EncodedSnapshot, FileSnapshots, Lsn, SnapshotError, SnapshotReader,
    SnapshotStore as _, Snapshots as _,
};
use tokio::sync::watch;

use crate::cold::ColdTables;
use crate::history::Shelf;
use crate::keeper::Keeper;

/// See the module.
pub(crate) struct Stores {
    dir: DataDir,
    /// Held while snapshots are written, synced and compacted.
    writer: Mutex<FileSnapshots>,
    /// A snapshot could not be written: none is until the next start.
    failed: AtomicBool,
    /// What readers see meanwhile: they wait for none of that.
    snapshots: Arc<SnapshotReader>,
    plans: PlanBook,
    directory: Arc<Directory>,
    /// History by run.
    pub shelf: Shelf,
    /// Snapshots on their way to the disk.
    pub keeper: Keeper,
    /// What cold runs said to readers last.
    pub cold: ColdTables,
    /// The last frame that survives a power cut: nothing later may rest on an unsynced one.
    settled: watch::Receiver<u64>,
}

impl Stores {
    pub fn new(
        dir: DataDir,
        snapshots: FileSnapshots,
        plans: PlanBook,
        directory: Arc<Directory>,
        settled: watch::Receiver<u64>,
    ) -> Self {
        Self {
            dir,
            snapshots: snapshots.reader(),
            writer: Mutex::new(snapshots),
            failed: AtomicBool::new(false),
            plans,
            directory,
            shelf: Shelf::default(),
            keeper: Keeper::default(),
            cold: ColdTables::default(),
            settled,
        }
    }

    /// The data directory.
    pub fn root(&self) -> &Path {
        self.dir.root()
    }

    pub fn dir(&self) -> &DataDir {
        &self.dir
    }

    /// Where the past of runs is read. Snapshots of others go on meanwhile.
    pub fn pasts(&self) -> RunPasts<'_> {
        RunPasts { dir: &self.dir, snapshots: &*self.snapshots, plans: &self.plans }
    }

    /// The run at its last version, if it has a snapshot.
    pub fn last_version(&self, entry: &RunEntry) -> Result<Option<Run>, String> {
        let found = self.pasts().last_version(entry, || self.settled_now())?;
        Ok(found.map(|found| *found.run))
    }

    /// The last frame that survives a power cut, now.
    pub fn settled_now(&self) -> u64 {
        *self.settled.borrow()
    }

    /// The run from its snapshot and the log behind it.
    #[cfg(test)]
    pub fn rebuild(&self, entry: &RunEntry) -> Result<Box<Run>, String> {
        self.pasts().rebuilt(entry, || self.settled_now())
    }

    /// The last frame that snapshots vouch for, whatever happens to the power.
    pub fn covered(&self) -> Result<Lsn, SnapshotError> {
        let mut snapshots = self.writer();
        snapshots.sync()?;
        Ok(snapshots.vouched().map_or(Lsn(0), |covered| covered.lsn))
    }

    pub fn encode_snapshot(entry: &RunEntry, run: &Run) -> EncodedSnapshot {
        let index: RunIndex = *entry.index.get().expect("a run with events has its number");
        EncodedSnapshot::of(run, index)
    }

    /// Appends snapshots and makes them survive a power cut, all of them or none.
    pub fn put_snapshots<'a>(
        &self,
        those: impl Iterator<Item = (&'a EncodedSnapshot, u64)>,
    ) -> Result<(), SnapshotError> {
        let put = self.try_put(those);
        if let Err(fault) = &put
            && !self.failed.swap(true, Relaxed)
        {
            tracing::error!(
                %fault,
                "snapshots cannot be written; the log keeps the events, idle runs stay in memory, \
                 and a restart has more to replay"
            );
        }
        put
    }

    /// Whether snapshots cannot be written any more.
    pub fn keeps_no_snapshots(&self) -> bool {
        self.failed.load(Relaxed)
    }

    fn try_put<'a>(
        &self,
        those: impl Iterator<Item = (&'a EncodedSnapshot, u64)>,
    ) -> Result<(), SnapshotError> {
        let mut snapshots = self.writer();
        for (snapshot, lsn) in those {
            let hash = snapshot.info.plan;
            if !snapshots.has_plan_text(hash)
                && let Some(text) = self.plans.text(hash)
            {
                snapshots.put_plan_text(hash, &text)?;
            }
            snapshots.put(snapshot, Lsn(lsn))?;
        }
        snapshots.sync()
    }

    /// Notes that restart needs frames from `floor` on only, and lets go of dead snapshots.
    pub fn cover(
        &self,
        floor: u64,
        last_at: berth_inventory::UnixMillis,
    ) -> Result<(), SnapshotError> {
        let mut snapshots = self.writer();
        let lsn = Lsn(floor.saturating_sub(1).min(*self.settled.borrow()));
        if snapshots.wants_mark(lsn) {
            snapshots.set_covered(Covered {
                lsn,
                last_at,
                next_run: RunIndex(self.directory.numbered()),
                next_pnr_block: self.directory.blocks_drawn(),
            })?;
            snapshots.sync()?;
        }
        while snapshots.compact()? {}
        Ok(())
    }

    /// Version and end of a run as its latest snapshot has them.
    pub fn last_kept(&self, entry: &RunEntry) -> Option<(berth_inventory::Version, bool)> {
        let index = *entry.index.get()?;
        self.snapshots.latest(index).map(|info| (info.version, info.retired))
    }

    /// The version of a run's latest snapshot.
    pub fn snapshot_version(&self, entry: &RunEntry) -> Option<berth_inventory::Version> {
        self.snapshots.latest(*entry.index.get()?).map(|info| info.version)
    }

    /// The last frame that survives a power cut.
    pub fn settled(&self) -> watch::Receiver<u64> {
        self.settled.clone()
    }

    /// Held while snapshots are written and synced.
    pub(crate) fn writer(&self) -> MutexGuard<'_, FileSnapshots> {
        // The store poisons itself when a write fails; a panic elsewhere leaves it whole.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
