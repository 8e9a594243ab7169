//! A run's past, as its actor and a cold read find it: snapshots, and the log behind them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_inventory::{Plan, PlanHash, Run, RunIndex};
use berth_node::{Directory, RunEntry};
use berth_persistence::{
    Catalogue, Covered, DataDir, EncodedSnapshot, FileSnapshots, Lsn, RunPast, SnapshotError,
    SnapshotReader, SnapshotStore as _, Snapshots as _, first_kept, plan_from_text, rebuild_run,
};
use hashbrown::HashMap;
use tokio::sync::watch;

use crate::cold::ColdTables;
use crate::history::Shelf;
use crate::keeper::Keeper;

/// How often a rebuild begins anew because a segment went under it.
const REBUILDS_MAX: u32 = 3;

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

type PlanAndText = (Arc<Plan>, Arc<str>);

/// Plans by hash: those of the catalogue, and those that only the journal still has.
pub(crate) struct PlanBook {
    catalogue: Arc<Catalogue>,
    by_hash: HashMap<PlanHash, usize>,
    others: Mutex<HashMap<PlanHash, PlanAndText>>,
}

impl PlanBook {
    pub fn new(catalogue: &Arc<Catalogue>) -> Self {
        let trains = catalogue.trains().iter().enumerate();
        let by_hash = trains.map(|(place, train)| (train.hash(), place)).collect();
        Self { catalogue: Arc::clone(catalogue), by_hash, others: Mutex::default() }
    }

    /// The plan that a journaled text means; each is built once.
    pub fn parse(&self, text: &str) -> Result<Arc<Plan>, String> {
        let hash = berth_persistence::plan_hash(text);
        if let Some(place) = self.by_hash.get(&hash) {
            return Ok(Arc::clone(self.catalogue.trains()[*place].plan()));
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((plan, _)) = others.get(&hash) {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(plan_from_text(text).map_err(|fault| fault.to_string())?);
        others.insert(hash, (Arc::clone(&plan), Arc::from(text)));
        Ok(plan)
    }

    /// Whether a plan is at hand.
    pub fn has(&self, hash: PlanHash) -> bool {
        let others = || self.others.lock().unwrap_or_else(PoisonError::into_inner);
        self.by_hash.contains_key(&hash) || others().contains_key(&hash)
    }

    /// A plan that is at hand.
    fn plan(&self, hash: PlanHash) -> Result<Arc<Plan>, String> {
        if let Some(place) = self.by_hash.get(&hash) {
            return Ok(Arc::clone(self.catalogue.trains()[*place].plan()));
        }
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = others.get(&hash).map(|(plan, _)| Arc::clone(plan));
        plan.ok_or_else(|| {
            format!("the catalogue text {hash} of its snapshot is nowhere; restore snap/")
        })
    }

    /// The plan with this hash when the catalogue does not have it, from the text that `snapshots`
    /// keep: a run that is cold must not lose its train or its berths to a new catalogue.
    pub fn kept(
        &self,
        hash: PlanHash,
        snapshots: &FileSnapshots,
    ) -> Result<Option<Arc<Plan>>, String> {
        if self.by_hash.contains_key(&hash) {
            return Ok(None);
        }
        let text = self.text(hash).or_else(|| snapshots.plan_text(hash));
        let text = text.ok_or_else(|| {
            format!("the catalogue text {hash} of its snapshot is nowhere; restore snap/")
        })?;
        self.parse(&text).map(Some)
    }

    /// A catalogue text by its hash.
    pub fn text(&self, hash: PlanHash) -> Option<Arc<str>> {
        if let Some(place) = self.by_hash.get(&hash) {
            return Some(Arc::clone(self.catalogue.trains()[*place].text()));
        }
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.get(&hash).map(|(_, text)| Arc::clone(text))
    }

    /// Plans that the catalogue does not have under the same hash.
    pub fn others(&self) -> Vec<PlanAndText> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others: Vec<_> = others.values().cloned().collect();
        others.sort_unstable_by_key(|(plan, _)| plan.hash());
        others
    }
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

    /// The run at its last version, if it has a snapshot.
    pub fn last_version(&self, entry: &RunEntry) -> Result<Option<Run>, String> {
        let Some(index) = entry.index.get() else { return Ok(None) };
        let snapshots = &self.snapshots;
        if snapshots.latest(*index).is_none() {
            return Ok(None);
        }
        let (info, state) = snapshots.load(*index).map_err(|fault| fault.to_string())?;
        let kept = if self.plans.has(info.plan) { None } else { snapshots.plan_text(info.plan) };
        let plan = match kept {
            Some(text) => self.plans.parse(&text)?,
            None => self.plans.plan(info.plan)?,
        };
        Run::from_state(plan, state).map(Some).map_err(|fault| fault.to_string())
    }

    /// The run from its snapshot and the log behind it. Snapshots of others go on meanwhile.
    pub fn rebuild(&self, entry: &RunEntry) -> Result<Box<Run>, String> {
        let index = entry.index.get().ok_or("the run has no number in the journal")?;
        let parse = |text: &str| self.plans.parse(text);
        let find =
            |hash: PlanHash| self.plans.text(hash).or_else(|| self.snapshots.plan_text(hash));
        let mut tries = 1;
        loop {
            let kept = first_kept(&self.dir.log());
            let until = Lsn(*self.settled.borrow());
            let past = RunPast::read(&*self.snapshots, *index)?;
            let rebuilt = rebuild_run(&self.dir, past, *index, until, &parse, &find);
            // A segment may go while it is read, when snapshots no longer need it: then less is to
            // be read.
            let gone = first_kept(&self.dir.log()).ok() != kept.ok();
            if rebuilt.is_ok() || !gone || tries == REBUILDS_MAX {
                return rebuilt;
            }
            tries += 1;
        }
    }

    /// The last frame that snapshots vouch for, whatever happens to the power.
    pub fn covered(&self) -> Result<Lsn, SnapshotError> {
        let mut snapshots = self.writer();
        snapshots.sync()?;
        Ok(snapshots.covered().map_or(Lsn(0), |covered| covered.lsn))
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
        if snapshots.covered().is_none_or(|covered| covered.lsn < lsn) {
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
