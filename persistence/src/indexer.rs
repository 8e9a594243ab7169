//! From sealed segments to the event store, a segment at a time, sorted by run.
//!
//! Runs in the background on a thread of the caller's. Nothing waits for it but the deletion of
//! segments.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use berth_inventory::RunIndex;

use crate::event_store::{Chunk, ChunkBuilder, EventStore, EventStoreError, IndexedSegment};
use crate::log::{ReadError, segment};
use crate::{Frame, LogReader, Lsn, NodeRecord, Pace};

/// Sorts the frames of one segment into chunks.
#[derive(Default)]
pub struct SegmentIndexer {
    runs: BTreeMap<RunIndex, ChunkBuilder>,
    segment: IndexedSegment,
}

impl SegmentIndexer {
    /// Takes the next frame in.
    pub fn take(&mut self, frame: &Frame) {
        if self.segment.first.0 == 0 {
            self.segment.first = frame.lsn;
        }
        self.segment.last = frame.lsn;
        for record in &frame.records {
            if let NodeRecord::PlanText { hash, text } = record
                && self.segment.texts.iter().all(|(known, _)| known != hash)
            {
                self.segment.texts.push((*hash, Arc::clone(text)));
            }
        }
        for (_, run, at, version, event) in frame.events() {
            let builder = self.runs.entry(run).or_insert_with(|| ChunkBuilder::new(run, version));
            self.segment.chunks.extend(builder.push(frame.lsn, at, version, event));
        }
    }

    /// The segment, its chunks sorted by run and version.
    pub fn finish(mut self) -> IndexedSegment {
        let rest = self.runs.into_values().filter_map(ChunkBuilder::finish);
        self.segment.chunks.extend(rest);
        self.segment.chunks.sort_by_key(|chunk: &Chunk| (chunk.run, chunk.first));
        self.segment
    }
}

/// Reads the sealed segment `id` of the log in `dir`, which ends before frame `end`.
///
/// # Errors
/// What cannot be read; damage is told in the result and leaves a gap in the history.
pub fn index_segment(dir: &Path, id: u64, end: u64) -> Result<IndexedSegment, EventStoreError> {
    index_at_pace(dir, id, end, None)
}

fn index_at_pace(
    dir: &Path,
    id: u64,
    end: u64,
    pace: Option<&Pace>,
) -> Result<IndexedSegment, EventStoreError> {
    let mut indexer = SegmentIndexer::default();
    let mut damage = Vec::new();
    let reader = LogReader::open_at(dir, Lsn(id)).map_err(Arc::new)?;
    for frame in reader.until(Lsn(end - 1)) {
        match frame {
            Ok(frame) if frame.lsn.0 < end => {
                indexer.take(&frame);
                pace.into_iter().for_each(Pace::step);
            }
            Ok(_) => break,
            Err(ReadError::Damaged(lost)) => damage.push(lost.to_string()),
            Err(ReadError::Torn(cut)) => damage.push(cut.to_string()),
            Err(ReadError::Failed(fault)) => return Err(Arc::new(fault).into()),
        }
    }
    let segment = indexer.finish();
    // The names of segments say which frames were here, whatever became of them.
    Ok(IndexedSegment { first: Lsn(id), last: Lsn(end - 1), damage, ..segment })
}

/// Indexes the next sealed segment of the log in `dir` that `store` does not have; the last frame
/// it has then, or `None` when there is nothing to do. Reads at `pace`, if there is one.
///
/// # Errors
/// [`EventStoreError`]; the store can be rebuilt.
pub fn index_next(
    dir: &Path,
    store: &mut dyn EventStore,
    pace: Option<&Pace>,
) -> Result<Option<IndexedSegment>, EventStoreError> {
    let ids = segment::list(dir)?;
    let next = store.indexed().next().0;
    // A segment is sealed when another one follows it.
    let sealed = ids.windows(2).find(|pair| pair[1] > next);
    let Some(&[id, end]) = sealed else { return Ok(None) };
    let segment = index_at_pace(dir, id, end, pace)?;
    store.put(&segment)?;
    Ok(Some(segment))
}
