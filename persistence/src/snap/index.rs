//! Which snapshots there are and where: the last two of each run, every text, the cover mark.

use std::sync::Arc;

use berth_inventory::{PlanHash, RunIndex, Version};
use hashbrown::HashMap;

use crate::snapshot::{Covered, SnapshotInfo};

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Id of its segment.
    pub segment: u64,
    /// Byte of its frame.
    pub offset: u64,
    /// Bytes of the frame.
    pub bytes: u64,
}

/// The snapshots of one run.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What is known of the latest.
    pub latest: Arc<SnapshotInfo>,
    /// Where it is.
    pub place: Place,
    /// The one before it.
    pub older: Option<(Version, Place)>,
}

/// The index of a snapshot log.
#[derive(Debug, Default)]
pub struct Index {
    runs: Vec<Option<Kept>>,
    texts: HashMap<PlanHash, Place>,
    covered: Option<(Covered, Place)>,
    /// Snapshots that the cover mark vouches for may be lost.
    doubted: bool,
    live_bytes: u64,
}

impl Index {
    /// Takes a snapshot in; whichever two are latest by version stay.
    pub fn take(&mut self, info: SnapshotInfo, place: Place) {
        let (at, info) = (info.index.0 as usize, Arc::new(info));
        if at >= self.runs.len() {
            self.runs.resize(at + 1, None);
        }
        self.live_bytes += place.bytes;
        let Some(kept) = &mut self.runs[at] else {
            self.runs[at] = Some(Kept { latest: info, place, older: None });
            return;
        };
        let dropped = if info.version > kept.latest.version {
            let older = (kept.latest.version, kept.place);
            (kept.latest, kept.place) = (info, place);
            kept.older.replace(older).map(|(_, place)| place)
        } else if info.version == kept.latest.version {
            // A copy made by compaction, or the same state put again.
            kept.latest = info;
            Some(core::mem::replace(&mut kept.place, place))
        } else if kept.older.is_none_or(|(version, _)| version <= info.version) {
            kept.older.replace((info.version, place)).map(|(_, place)| place)
        } else {
            Some(place)
        };
        self.live_bytes -= dropped.map_or(0, |place| place.bytes);
    }

    /// Takes a catalogue text in.
    pub fn take_text(&mut self, hash: PlanHash, place: Place) {
        self.live_bytes += place.bytes;
        let before = self.texts.insert(hash, place);
        self.live_bytes -= before.map_or(0, |place| place.bytes);
    }

    /// Takes a cover mark in; the furthest stays.
    pub fn take_covered(&mut self, covered: Covered, place: Place) {
        if self.covered.is_some_and(|(before, _)| before.lsn > covered.lsn) {
            return;
        }
        self.live_bytes += place.bytes;
        let before = self.covered.replace((covered, place));
        self.live_bytes -= before.map_or(0, |(_, place)| place.bytes);
    }

    /// The snapshots of a run.
    pub fn kept(&self, run: RunIndex) -> Option<&Kept> {
        self.runs.get(run.0 as usize)?.as_ref()
    }

    /// Every run with a snapshot, ascending.
    pub fn runs(&self) -> impl Iterator<Item = &Kept> {
        self.runs.iter().flatten()
    }

    /// Where a catalogue text is.
    pub fn text(&self, hash: PlanHash) -> Option<Place> {
        self.texts.get(&hash).copied()
    }

    /// The furthest cover mark.
    pub fn covered(&self) -> Option<Covered> {
        self.covered.map(|(covered, _)| covered)
    }

    /// The furthest cover mark, unless it is doubted.
    pub fn vouched(&self) -> Option<Covered> {
        self.covered().filter(|_| !self.doubted)
    }

    /// Frames were found damaged: until somebody vouches anew, the cover mark says too much.
    pub fn doubt(&mut self) {
        self.doubted = true;
    }

    /// A cover mark was put by somebody who has read the whole log: what he says, all snapshots of
    /// now have.
    pub fn trust(&mut self, covered: Covered) {
        self.doubted &= self.covered().is_some_and(|furthest| furthest.lsn > covered.lsn);
    }

    /// Bytes of what the index points to.
    pub fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// Places in a segment that still matter, in the order of their bytes.
    pub fn places_in(&self, segment: u64) -> Vec<Place> {
        let of_runs = self.runs().flat_map(|kept| {
            [Some(kept.place), kept.older.map(|(_, place)| place)].into_iter().flatten()
        });
        let of_texts = self.texts.values().copied();
        let of_cover = self.covered.map(|(_, place)| place);
        // In the order of their bytes: the order of the map reaches nothing.
        let mut places: Vec<Place> = of_runs.chain(of_texts).chain(of_cover).collect();
        places.retain(|place| place.segment == segment);
        places.sort_unstable_by_key(|place| place.offset);
        places
    }
}
