//! Reads snapshots while they are written: an index under a lock that is held for a look-up, and
//! files that are opened for each read. Nobody who reads waits for a write, a sync or compaction.
//!
//! A place in hand can go stale only because its run has a newer one: then that is read.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use berth_inventory::{PlanHash, RunIndex, RunState, planted};

use super::index::{Index, Kept, Place};
use crate::disk::DiskPath;
use crate::file::{File, FileError};
use crate::frame::{Header, Whole};
use crate::log::segment;
use crate::snapshot::{Covered, SnapshotError, SnapshotInfo, Snapshots, checked_state};
use crate::stored::v1::{self, SnapRecord};

/// See the module.
pub struct SnapshotReader {
    dir: DiskPath,
    index: RwLock<Index>,
}

impl SnapshotReader {
    pub(super) fn new(dir: &DiskPath) -> Self {
        Self { dir: dir.clone(), index: RwLock::default() }
    }

    pub(super) fn dir(&self) -> &DiskPath {
        &self.dir
    }

    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        // Each change of the index is whole when it panics nowhere but in an allocation.
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record at `place`, or why it is none.
    pub(super) fn whole_at<T>(
        &self,
        place: Place,
        take: impl FnOnce(SnapRecord<'_>) -> Result<T, String>,
    ) -> Result<Result<T, String>, FileError> {
        let file = File::read_only(&segment::on_disk(&self.dir, place.segment))?;
        let mut bytes = vec![0; place.bytes as usize];
        let read = file.read_at(&mut bytes, place.offset)?;
        let mut checked = Whole::check(&bytes[..read]);
        // replay-is-memory
        if planted!("damaged-snapshot-loaded") {
            let header = Header::parse(&bytes);
            checked = checked.or_else(|| Whole::split(header?, &bytes[..read]));
        }
        let Some(whole) = checked else {
            return Ok(Err("its CRC is wrong".to_owned()));
        };
        let record = v1::decode_snap_record(whole.payload).map_err(|fault| fault.to_string());
        Ok(record.and_then(take))
    }

    fn state_at(
        &self,
        of: &SnapshotInfo,
        place: Place,
    ) -> Result<(SnapshotInfo, RunState), SnapshotError> {
        let loaded = self.whole_at(place, |record| match record {
            SnapRecord::Snapshot(info, state) if info.index == of.index => {
                match checked_state(&info, state) {
                    Ok(state) => Ok((info, state)),
                    Err(fault) => Err(fault.to_string()),
                }
            }
            _ => Err("another record is in its place".to_owned()),
        });
        loaded?.map_err(|why| SnapshotError::Damaged {
            run: of.run,
            file: segment::path(&self.dir, place.segment),
            offset: place.offset,
            why,
        })
    }

    /// The state that `which` of a run's snapshots holds.
    fn state(
        &self,
        run: RunIndex,
        which: fn(&Kept) -> Option<Place>,
    ) -> Result<(SnapshotInfo, RunState), SnapshotError> {
        let find = || {
            let index = self.index();
            let kept = index.kept(run)?;
            Some((Arc::clone(&kept.latest), which(kept)?))
        };
        let mut found = find();
        loop {
            let Some((info, place)) = found else { return Err(SnapshotError::Missing(run)) };
            let read = self.state_at(&info, place);
            if read.is_ok() {
                return read;
            }
            // Its segment may have gone while it was read: then it is elsewhere by now.
            found = find();
            if found.as_ref().is_some_and(|(_, now)| *now == place) {
                return read;
            }
        }
    }
}

impl Snapshots for SnapshotReader {
    fn runs(&self) -> Vec<RunIndex> {
        self.index().runs().map(|kept| kept.latest.index).collect()
    }

    fn latest(&self, run: RunIndex) -> Option<Arc<SnapshotInfo>> {
        self.index().kept(run).map(|kept| Arc::clone(&kept.latest))
    }

    fn load(&self, run: RunIndex) -> Result<(SnapshotInfo, RunState), SnapshotError> {
        // log-exact
        if planted!("older-snapshot-loaded") && self.load_older(run).is_ok() {
            return self.load_older(run);
        }
        self.state(run, |kept| Some(kept.place))
    }

    fn load_older(&self, run: RunIndex) -> Result<(SnapshotInfo, RunState), SnapshotError> {
        self.state(run, |kept| kept.older.map(|(_, place)| place))
    }

    fn covered(&self) -> Option<Covered> {
        self.index().covered()
    }

    fn vouched(&self) -> Option<Covered> {
        self.index().vouched()
    }

    fn plan_text(&self, hash: PlanHash) -> Option<Arc<str>> {
        let find = || self.index().text(hash);
        let mut found = find();
        loop {
            let place = found?;
            let text = self.whole_at(place, |record| match record {
                SnapRecord::PlanText(found, text) if found == hash => Ok(text),
                _ => Err(String::new()),
            });
            if let Ok(Ok(text)) = text {
                return Some(text);
            }
            found = find();
            if found == Some(place) {
                return None;
            }
        }
    }

    fn has_plan_text(&self, hash: PlanHash) -> bool {
        self.index().text(hash).is_some()
    }
}

#[cfg(test)]
mod tests {
    use berth_inventory::{RunIndex, UnixMillis};

    use crate::conformance::{TEXT, World};
    use crate::{
        Covered, EncodedSnapshot, FileSnapshots, Lsn, Section, SnapshotStore as _, Snapshots as _,
    };

    #[test]
    fn a_reader_finds_what_is_carried_elsewhere_while_it_looks() {
        let dir = tempfile::tempdir().unwrap();
        let mut store =
            FileSnapshots::open(&dir.path().join("snap"), &dir.path().join("cut"), 8 << 10)
                .unwrap();
        let mut world = World::new(5);
        world.create(&mut Section::default());
        world.create(&mut Section::default());
        let hash = world.plan().hash();
        store.put_plan_text(hash, TEXT).unwrap();
        let (still, busy) = (RunIndex(0), RunIndex(1));
        for round in 1..3 {
            world.group(20);
            store.put(&EncodedSnapshot::of(&world.runs[0], still), Lsn(round)).unwrap();
        }
        let (reader, state) = (store.reader(), world.runs[0].state());
        let (older, _) = reader.load_older(still).unwrap();
        std::thread::scope(|scope| {
            let reads = scope.spawn(|| {
                let mut reads = 0_u64;
                // Until the writer is through: its last cover mark is this one.
                while reader.covered().is_none_or(|mark| mark.lsn < Lsn(300)) || reads == 0 {
                    assert_eq!(reader.load(still).unwrap().1, state);
                    assert_eq!(reader.load_older(still).unwrap().0.version, older.version);
                    assert_eq!(reader.plan_text(hash).as_deref(), Some(TEXT));
                    reads += 1;
                }
            });
            let mut carried = 0;
            for round in 3..=300 {
                store.put(&EncodedSnapshot::of(&world.runs[1], busy), Lsn(round)).unwrap();
                let covered =
                    Covered { lsn: Lsn(round), last_at: UnixMillis(1), ..Covered::default() };
                store.set_covered(covered).unwrap();
                while store.compact().unwrap() {
                    carried += 1;
                }
            }
            assert!(carried > 10, "{carried} segments went");
            reads.join().unwrap();
        });
    }
}
