//! Snapshots in segment files of their own, framed like the commit log.
//!
//! One record a frame: a snapshot, a catalogue text, or a cover mark. Opening reads every frame
//! once and keeps an index; a state is decoded only when its run is loaded. Compaction never
//! rewrites in place: what still matters of the oldest segment is appended again, synced, and
//! the segment removed, so that the log stays one chain.

use std::sync::Arc;

use berth_inventory::{PlanHash, RunIndex, RunState, Version, planted};

use super::index::Place;
use super::reader::SnapshotReader;
use super::walk::{Record, Walked, touch_of, walk};
use crate::disk::{DiskPath, OnDisk};
use crate::file::FileError;
use crate::frame::{Magic, Named};
use crate::log::appender::Appender;
use crate::log::{DamageKind, segment};
use crate::section::Touch;
use crate::snapshot::{
    Covered, EncodedSnapshot, SnapshotError, SnapshotInfo, SnapshotStore, Snapshots,
};
use crate::stored::v1::{self, SnapRecord};
use crate::{Cut, Damage, LogEnd, Lsn};

/// Bytes of one segment of the snapshot log, unless said otherwise.
pub const SNAPSHOT_SEGMENT_BYTES: u64 = 64 << 20;

/// Snapshots in a directory of segment files.
///
/// One thread writes; any may read meanwhile, through [`FileSnapshots::reader`].
pub struct FileSnapshots {
    reader: Arc<SnapshotReader>,
    appender: Option<Appender>,
    damage: Vec<Damage>,
    torn: Option<Cut>,
    failed: Option<FileError>,
    bytes: u64,
}

/// Where a kept snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPlace {
    /// The version it holds.
    pub version: Version,
    /// Id of its segment file.
    pub segment: u64,
    /// Byte of its frame there.
    pub offset: u64,
    /// Bytes of the frame.
    pub bytes: u64,
}

impl FileSnapshots {
    /// Opens the snapshots in `dir` for reading and writing; a torn tail is moved to `cut_dir`.
    ///
    /// # Errors
    /// What the system refuses, a newer format, or a log that cannot be read.
    pub fn open(
        dir: &(impl OnDisk + ?Sized),
        cut_dir: &(impl OnDisk + ?Sized),
        segment_bytes: u64,
    ) -> Result<Self, SnapshotError> {
        let (dir, cut_dir) = (&dir.on_disk(), &cut_dir.on_disk());
        let (mut store, end) = Self::scan(dir)?;
        store.appender = Some(Appender::resume(dir, cut_dir, Magic::Snapshot, segment_bytes, end)?);
        Ok(store)
    }

    /// Opens the snapshots in `dir` and never writes there.
    ///
    /// # Errors
    /// As [`FileSnapshots::open`].
    pub fn read_only(dir: &(impl OnDisk + ?Sized)) -> Result<Self, SnapshotError> {
        Ok(Self::scan(&dir.on_disk())?.0)
    }

    /// Where the kept snapshots of a run are, the latest first: at most two.
    pub fn places(&self, run: RunIndex) -> Vec<SnapshotPlace> {
        let index = self.reader.index();
        let Some(kept) = index.kept(run) else { return Vec::new() };
        let latest = Some((kept.latest.version, kept.place));
        let place = |(version, Place { segment, offset, bytes })| SnapshotPlace {
            version,
            segment,
            offset,
            bytes,
        };
        latest.into_iter().chain(kept.older).map(place).collect()
    }

    /// For whoever reads while snapshots are put: he waits for no write and no sync.
    pub fn reader(&self) -> Arc<SnapshotReader> {
        Arc::clone(&self.reader)
    }

    fn scan(dir: &DiskPath) -> Result<(Self, LogEnd), SnapshotError> {
        let reader = Arc::new(SnapshotReader::new(dir));
        let Walked { end, damage, bytes } = walk(dir, &mut reader.index_mut()).map_err(Arc::new)?;
        if damage.iter().any(|damage| matches!(damage.kind, DamageKind::Frames { .. })) {
            reader.index_mut().doubt();
        }
        let torn = end.cut.clone();
        Ok((Self { reader, appender: None, damage, torn, failed: None, bytes }, end))
    }

    /// Appends one record; the first failure ends the writing.
    fn append(
        &mut self,
        touch: Option<(Named, Touch)>,
        payload: &[u8],
    ) -> Result<Place, SnapshotError> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone().into());
        }
        let appender = self.appender.as_mut().ok_or(SnapshotError::ReadOnly)?;
        let mut write = || {
            if appender.is_full_for(payload.len()) {
                appender.roll(None)?;
            }
            let (name, touch) = touch.unzip();
            let names = name.into_iter().collect();
            let at = appender.append(names, touch.into_iter(), |out| {
                out.extend_from_slice(payload);
            });
            let place = Place {
                segment: at.segment,
                offset: at.offset,
                bytes: appender.open_bytes() - at.offset,
            };
            appender.write().map(|()| place)
        };
        write().map_err(|fault| {
            self.failed = Some(fault.clone());
            fault.into()
        })
    }

    /// Appends a cover mark.
    fn mark(&mut self, covered: Covered) -> Result<(), SnapshotError> {
        // A power cut must not take what it vouches for and leave the mark.
        self.sync()?;
        let mut payload = Vec::new();
        v1::encode_covered(&covered, &mut payload);
        let place = self.append(None, &payload)?;
        self.reader.index_mut().take_covered(covered, place);
        Ok(())
    }

    /// Appends the record at `place` again.
    fn carry(&mut self, place: Place) -> Result<(), SnapshotError> {
        let read = self.reader.whole_at(place, |record| {
            let mut payload = Vec::new();
            Ok(match record {
                SnapRecord::Snapshot(info, state) => {
                    v1::encode_snapshot(&info, state, &mut payload);
                    (Record::Snapshot(info), payload)
                }
                SnapRecord::PlanText(hash, text) => {
                    v1::encode_plan_text(hash, &text, &mut payload);
                    (Record::Text(hash), payload)
                }
                SnapRecord::Covered(covered) => {
                    v1::encode_covered(&covered, &mut payload);
                    (Record::Covered(covered), payload)
                }
            })
        })?;
        let Ok((what, payload)) = read else {
            // Damaged: it stays where it is, for somebody to look at; nothing is lost by that.
            return Err(SnapshotError::File(FileError::new(
                "compaction of",
                &segment::path(self.reader.dir(), place.segment),
                std::io::Error::new(std::io::ErrorKind::InvalidData, "a record is damaged"),
            )));
        };
        let touch = match &what {
            Record::Snapshot(info) => Some(touch_of(info)),
            Record::Text(_) | Record::Covered(_) => None,
        };
        let place = self.append(touch, &payload)?;
        what.enter(&mut self.reader.index_mut(), place);
        Ok(())
    }
}

impl Snapshots for FileSnapshots {
    fn runs(&self) -> Vec<RunIndex> {
        self.reader.runs()
    }

    fn latest(&self, run: RunIndex) -> Option<Arc<SnapshotInfo>> {
        self.reader.latest(run)
    }

    fn load(&self, run: RunIndex) -> Result<(SnapshotInfo, RunState), SnapshotError> {
        self.reader.load(run)
    }

    fn load_older(&self, run: RunIndex) -> Result<(SnapshotInfo, RunState), SnapshotError> {
        self.reader.load_older(run)
    }

    fn covered(&self) -> Option<Covered> {
        self.reader.covered()
    }

    fn vouched(&self) -> Option<Covered> {
        self.reader.vouched()
    }

    fn plan_text(&self, hash: PlanHash) -> Option<Arc<str>> {
        self.reader.plan_text(hash)
    }

    fn has_plan_text(&self, hash: PlanHash) -> bool {
        self.reader.has_plan_text(hash)
    }
}

impl SnapshotStore for FileSnapshots {
    fn put(&mut self, snapshot: &EncodedSnapshot, lsn: Lsn) -> Result<(), SnapshotError> {
        let info = SnapshotInfo { lsn, ..snapshot.info.clone() };
        let mut payload = Vec::with_capacity(snapshot.state.len() + 128);
        v1::encode_snapshot(&info, &snapshot.state, &mut payload);
        let place = self.append(Some(touch_of(&info)), &payload)?;
        self.reader.index_mut().take(info, place);
        Ok(())
    }

    fn put_plan_text(&mut self, hash: PlanHash, text: &str) -> Result<(), SnapshotError> {
        if self.has_plan_text(hash) {
            return Ok(());
        }
        let mut payload = Vec::with_capacity(text.len() + 64);
        v1::encode_plan_text(hash, text, &mut payload);
        let place = self.append(None, &payload)?;
        self.reader.index_mut().take_text(hash, place);
        Ok(())
    }

    fn set_covered(&mut self, covered: Covered) -> Result<(), SnapshotError> {
        self.mark(covered)?;
        self.reader.index_mut().trust(covered);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SnapshotError> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone().into());
        }
        // starts-again
        if planted!("snapshot-unsynced") {
            return Ok(());
        }
        let appender = self.appender.as_mut().ok_or(SnapshotError::ReadOnly)?;
        appender.sync().map_err(|fault| {
            self.failed = Some(fault.clone());
            fault.into()
        })
    }

    fn bytes(&self) -> (u64, u64) {
        (
            self.appender.as_ref().map_or(self.bytes, Appender::bytes),
            self.reader.index().live_bytes(),
        )
    }

    fn compact(&mut self) -> Result<bool, SnapshotError> {
        let (all, live) = self.bytes();
        let ids = segment::list(self.reader.dir())?;
        let open = self.appender.as_ref().ok_or(SnapshotError::ReadOnly)?.open_segment();
        let (Some(oldest), Some(next)) = (ids.first().copied(), ids.get(1).copied()) else {
            return Ok(false);
        };
        // A damaged segment is what says that the mark is doubted: as long as it is, none may go.
        let damaged = !self.damage.is_empty();
        let doubted = damaged && self.vouched().is_none();
        if oldest >= open || doubted || !damaged && all < live.saturating_mul(2) {
            return Ok(false);
        }
        let places = self.reader.index().places_in(oldest);
        for place in places {
            self.carry(place)?;
        }
        // The cover mark vouches for what stands before it: it goes last.
        if let Some(covered) = self.covered() {
            self.mark(covered)?;
        }
        self.sync()?;
        let appender = self.appender.as_mut().ok_or(SnapshotError::ReadOnly)?;
        appender.delete_before(Lsn(next))?;
        let gone = segment::path(self.reader.dir(), oldest);
        self.damage.retain(|damage| damage.file != gone);
        Ok(true)
    }

    fn damage(&self) -> &[Damage] {
        &self.damage
    }

    fn torn(&self) -> Option<&Cut> {
        self.torn.as_ref()
    }
}
