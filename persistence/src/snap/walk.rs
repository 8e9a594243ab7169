//! Opening a snapshot log: every frame read once.
//!
//! Snapshots are put many under one sync, so a power cut may take some of those and leave later
//! ones. What stands behind the last cover mark is vouched for by nobody but the commit log, which
//! still has all of it: a tail with a gap is cut where the gap begins, as a torn frame is. A gap
//! before a mark, or in a sealed segment, is damage.

use berth_inventory::PlanHash;

use super::index::{Index, Place};
use crate::disk::DiskPath;
use crate::file::File;
use crate::frame::{Chain, Magic, Named, Whole};
use crate::log::scan::{Scanner, Step};
use crate::log::{DamageKind, ScanError, Tally, segment};
use crate::section::Touch;
use crate::snapshot::{Covered, SnapshotInfo};
use crate::stored::v1::{self, SnapRecord};
use crate::{Cut, Damage, LogEnd, LogPosition, Lsn};

/// What a walk came to, beside the index.
pub struct Walked {
    /// Where the log ends, and what is cut off first.
    pub end: LogEnd,
    /// What is not as it should be, of what counts.
    pub damage: Vec<Damage>,
    /// Bytes of all segments.
    pub bytes: u64,
}

/// A record without its state.
pub enum Record {
    /// A snapshot.
    Snapshot(SnapshotInfo),
    /// A catalogue text.
    Text(PlanHash),
    /// A cover mark.
    Covered(Covered),
}

impl Record {
    /// Enters it into the index.
    pub fn enter(self, index: &mut Index, place: Place) {
        match self {
            Self::Snapshot(info) => index.take(info, place),
            Self::Text(hash) => index.take_text(hash, place),
            Self::Covered(covered) => index.take_covered(covered, place),
        }
    }
}

/// Both a frame's names and the segment's tally.
pub fn touch_of(info: &SnapshotInfo) -> (Named, Touch) {
    let created = Some(info.run);
    let touch = Touch { run: info.index, last: info.version, created };
    (Named { run: info.index, created }, touch)
}

/// What stands behind a gap in the last segment, as long as no mark has come.
struct Tail {
    /// How it was before the gap.
    chain: Chain,
    tally: Tally,
    offset: u64,
    damage: Vec<Damage>,
    behind: Vec<(Record, Place)>,
}

struct Walk<'a> {
    dir: &'a DiskPath,
    index: &'a mut Index,
    chain: Chain,
    tally: Tally,
    damage: Vec<Damage>,
    tail: Option<Tail>,
}

/// Reads the snapshot log in `dir` and enters what counts into `index`.
pub fn walk(dir: &DiskPath, index: &mut Index) -> Result<Walked, ScanError> {
    let mut scanner = Scanner::open(dir, Magic::Snapshot, Lsn(0))?;
    let last = scanner.last_segment();
    let (chain, tally) = (Chain::default(), Tally::default());
    let mut walk = Walk { dir, index, chain, tally, damage: Vec::new(), tail: None };
    loop {
        let step = match scanner.step() {
            Ok(step) => step,
            Err(ScanError::Hole { file, offset, lsn })
                if lsn.0 >= last && file == segment::path(dir, last) =>
            {
                walk.begin_tail(offset);
                break;
            }
            Err(fault) => return Err(fault),
        };
        match step {
            Step::Frame(at, whole) => walk.frame(at, &whole)?,
            Step::Footer(..) => {
                // It is sealed, so everything in it was synced.
                walk.settle();
                walk.tally.clear();
                // Its last frame may be lost; the next one follows it all the same.
                (walk.chain.last, walk.chain.crc) = scanner.link();
            }
            Step::Damage(damage) => walk.damaged(damage, last),
            Step::End => break,
        }
    }
    let bytes = scanner.progress().total;
    let Walk { chain, tally, damage, tail, .. } = walk;
    let end = match tail {
        None => scanner.end(chain, tally),
        Some(Tail { chain, tally, offset, .. }) => {
            let there = File::read_only(&segment::on_disk(dir, last))?.len()?;
            let (file, bytes) = (segment::path(dir, last), there.saturating_sub(offset));
            let cut = Some(Cut { file, offset, bytes, lsn: chain.last.next() });
            LogEnd { chain, segment: last, offset, sealed: false, tally, cut }
        }
    };
    Ok(Walked { end, damage, bytes })
}

impl Walk<'_> {
    fn frame(&mut self, at: LogPosition, whole: &Whole<'_>) -> Result<(), ScanError> {
        let bytes = whole.header.frame_bytes() as u64;
        let place = Place { segment: at.segment, offset: at.offset, bytes };
        let record = v1::decode_snap_record(whole.payload).map_err(|fault| {
            let file = segment::path(self.dir, at.segment);
            ScanError::Content { file, offset: at.offset, lsn: at.lsn, fault }
        })?;
        (self.chain.last, self.chain.crc) = (at.lsn, whole.crc);
        self.chain.names.clear();
        let record = match record {
            SnapRecord::Snapshot(info, _) => {
                let (name, touch) = touch_of(&info);
                self.chain.names.push(name);
                self.tally.take(touch);
                Record::Snapshot(info)
            }
            SnapRecord::PlanText(hash, _) => Record::Text(hash),
            SnapRecord::Covered(covered) => {
                self.settle();
                Record::Covered(covered)
            }
        };
        match &mut self.tail {
            Some(tail) => tail.behind.push((record, place)),
            None => record.enter(self.index, place),
        }
        Ok(())
    }

    fn damaged(&mut self, damage: Damage, last: u64) {
        let in_last = damage.file == segment::path(self.dir, last);
        match &damage.kind {
            DamageKind::Frames { first, .. } if in_last && first.0 >= last => {
                self.begin_tail(damage.offset);
            }
            DamageKind::Frames { .. } | DamageKind::NothingLost => {}
        }
        match &mut self.tail {
            Some(tail) => tail.damage.push(damage),
            None => self.damage.push(damage),
        }
    }

    fn begin_tail(&mut self, offset: u64) {
        let (chain, tally) = (&self.chain, &self.tally);
        self.tail.get_or_insert_with(|| Tail {
            chain: chain.clone(),
            tally: tally.clone(),
            offset,
            damage: Vec::new(),
            behind: Vec::new(),
        });
    }

    /// Something vouches for what stood before it: the gap was no tail.
    fn settle(&mut self) {
        let Some(tail) = self.tail.take() else { return };
        self.damage.extend(tail.damage);
        tail.behind.into_iter().for_each(|(record, place)| record.enter(self.index, place));
    }
}
