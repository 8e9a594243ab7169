//! Which sealed segments of the commit log may go, and their going.
//!
//! Nothing goes unless an operator bounds the log. A segment goes when three things are true of
//! it: every event in it is in a snapshot that survives a power cut (the cover mark is behind it),
//! the event store has it (synced), and what the store gives back is what the segment says, chunk
//! by chunk. The oldest goes first, so that what is kept has no hole. From then on the event store
//! is the only place of that history, and is derived no longer.

use berth_inventory::planted;

use crate::disk::{DiskPath, OnDisk};
use crate::event_store::{EventStore, EventStoreError};
use crate::file::{File, FileError};
use crate::log::segment;
use crate::{Lsn, SegmentIndexer};

/// Why a segment beyond the bound is kept all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Recovery needs it: the cover mark is before its end.
    Uncovered,
    /// The event store does not have all of it yet.
    Unindexed,
    /// It is damaged: what, in words. It stays for whoever repairs it, and so do later ones.
    Damaged(String),
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uncovered => write!(f, "snapshots do not hold everything of it yet"),
            Self::Unindexed => write!(f, "the event store does not have it yet"),
            Self::Damaged(why) => write!(f, "it is damaged: {why}"),
        }
    }
}

/// What a look at the bound came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Segments deleted.
    pub segments: u64,
    /// Bytes they took.
    pub bytes: u64,
    /// First frame that is kept.
    pub first_kept: Lsn,
    /// The segment beyond the bound that had to stay, by its first frame, and why.
    pub held: Option<(Lsn, Held)>,
}

/// The first frame that the log in `dir` keeps; 1 when none was ever deleted.
///
/// # Errors
/// What the system says.
pub fn first_kept(dir: &(impl OnDisk + ?Sized)) -> Result<Lsn, FileError> {
    segment::first_kept(&dir.on_disk())
}

/// Lets go of sealed segments of the log in `dir`, oldest first, while sealed segments take more
/// than `keep_bytes`. `covered` is the last frame that a *synced* cover mark vouches for.
///
/// # Errors
/// The event store's: it does not give back what was put, or the log cannot be read.
pub fn retire_segments(
    dir: &(impl OnDisk + ?Sized),
    keep_bytes: u64,
    covered: Lsn,
    store: &dyn EventStore,
) -> Result<Retired, EventStoreError> {
    let dir = &dir.on_disk();
    let ids = segment::list(dir)?;
    let first = Lsn(ids.first().copied().unwrap_or(1));
    let mut retired = Retired { segments: 0, bytes: 0, first_kept: first, held: None };
    let mut sealed = Vec::new();
    for pair in ids.windows(2) {
        let bytes = File::read_only(&segment::on_disk(dir, pair[0]))?.len()?;
        sealed.push((pair[0], pair[1], bytes));
    }
    let mut indexer = None;
    let mut left: u64 = sealed.iter().map(|(.., bytes)| bytes).sum();
    for (id, end, bytes) in sealed {
        if left <= keep_bytes {
            break;
        }
        if let Some(why) = held(dir, id, end, covered, store, &mut indexer)? {
            retired.held = Some((Lsn(id), why));
            break;
        }
        segment::delete_before(dir, Lsn(end))?;
        left -= bytes;
        retired.segments += 1;
        retired.bytes += bytes;
        retired.first_kept = Lsn(end);
    }
    Ok(retired)
}

/// Why the segment of frames `id` to `end - 1` must stay.
fn held(
    dir: &DiskPath,
    id: u64,
    end: u64,
    covered: Lsn,
    store: &dyn EventStore,
    indexer: &mut Option<SegmentIndexer>,
) -> Result<Option<Held>, EventStoreError> {
    // starts-again
    if covered.next().0 < end && !planted!("uncovered-segment-retired") {
        return Ok(Some(Held::Uncovered));
    }
    if store.indexed().next().0 < end {
        // history
        let goes = planted!("unindexed-segment-retired");
        return Ok((!goes).then_some(Held::Unindexed));
    }
    let mut same = true;
    let indexer = indexer.get_or_insert_default();
    let segment = indexer.sort(dir, id, end, None, &mut |chunk| {
        same &= store.holds_chunk(chunk)?;
        Ok(())
    })?;
    if let Some(why) = segment.damage.first() {
        return Ok(Some(Held::Damaged(why.clone())));
    }
    if same && store.holds(&segment)? {
        return Ok(None);
    }
    Err(EventStoreError::Differs { first: Lsn(id), last: Lsn(end - 1) })
}
