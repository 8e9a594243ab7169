//! Snapshots without a disk, for tests and simulation. Encoded all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use berth_inventory::{PlanHash, RunIndex, RunState};

use crate::snapshot::{
    Covered, EncodedSnapshot, SnapshotError, SnapshotInfo, SnapshotStore, Snapshots, checked_state,
};
use crate::{Cut, Damage, Lsn};

/// Snapshots in memory.
#[derive(Clone, Debug, Default)]
pub struct MemorySnapshots {
    /// The last two of each run, latest first.
    runs: BTreeMap<RunIndex, Vec<EncodedSnapshot>>,
    texts: BTreeMap<PlanHash, Arc<str>>,
    covered: Option<Covered>,
}

impl MemorySnapshots {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn nth(&self, run: RunIndex, place: usize) -> Result<(SnapshotInfo, RunState), SnapshotError> {
        let kept = self.runs.get(&run).and_then(|kept| kept.get(place));
        let kept = kept.ok_or(SnapshotError::Missing(run))?;
        let state = checked_state(&kept.info, &kept.state).map_err(|fault| {
            let (file, why) = ("memory".into(), fault.to_string());
            SnapshotError::Damaged { run: kept.info.run, file, offset: 0, why }
        })?;
        Ok((kept.info.clone(), state))
    }
}

impl Snapshots for MemorySnapshots {
    fn runs(&self) -> Vec<RunIndex> {
        self.runs.keys().copied().collect()
    }

    fn latest(&self, run: RunIndex) -> Option<Arc<SnapshotInfo>> {
        self.runs.get(&run)?.first().map(|kept| Arc::new(kept.info.clone()))
    }

    fn load(&self, run: RunIndex) -> Result<(SnapshotInfo, RunState), SnapshotError> {
        self.nth(run, 0)
    }

    fn load_older(&self, run: RunIndex) -> Result<(SnapshotInfo, RunState), SnapshotError> {
        self.nth(run, 1)
    }

    fn covered(&self) -> Option<Covered> {
        self.covered
    }

    fn vouched(&self) -> Option<Covered> {
        self.covered
    }

    fn plan_text(&self, hash: PlanHash) -> Option<Arc<str>> {
        self.texts.get(&hash).cloned()
    }

    fn has_plan_text(&self, hash: PlanHash) -> bool {
        self.texts.contains_key(&hash)
    }
}

impl SnapshotStore for MemorySnapshots {
    fn put(&mut self, snapshot: &EncodedSnapshot, lsn: Lsn) -> Result<(), SnapshotError> {
        let mut snapshot = snapshot.clone();
        snapshot.info.lsn = lsn;
        let kept = self.runs.entry(snapshot.info.index).or_default();
        kept.retain(|k| k.info.version != snapshot.info.version);
        kept.push(snapshot);
        kept.sort_by_key(|k| core::cmp::Reverse(k.info.version));
        kept.truncate(2);
        Ok(())
    }

    fn put_plan_text(&mut self, hash: PlanHash, text: &str) -> Result<(), SnapshotError> {
        self.texts.entry(hash).or_insert_with(|| text.into());
        Ok(())
    }

    fn set_covered(&mut self, covered: Covered) -> Result<(), SnapshotError> {
        if self.covered.is_none_or(|before| before.lsn <= covered.lsn) {
            self.covered = Some(covered);
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SnapshotError> {
        Ok(())
    }

    fn bytes(&self) -> (u64, u64) {
        let live = self.runs.values().flatten().map(|kept| kept.len_bytes() as u64).sum();
        (live, live)
    }

    fn compact(&mut self) -> Result<bool, SnapshotError> {
        Ok(false)
    }

    fn damage(&self) -> &[Damage] {
        &[]
    }

    fn torn(&self) -> Option<&Cut> {
        None
    }
}
