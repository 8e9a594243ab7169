//! From sealed segments to the event store, a segment at a time, sorted by run.
//!
//! Runs in the background on a thread of the caller's. Nothing waits for it but the deletion of
//! segments. Events go from frame to chunk with the bytes that they have, walked over and not
//! decoded. Memory: a wave and a chunk, whatever the length of a segment, kept from one to the next.

use std::sync::Arc;

use berth_inventory::{PlanHash, planted};

use crate::codec::CodecFault;
use crate::disk::{DiskPath, OnDisk};
use crate::event_store::{
    Chunk, ChunkBuilder, EventStore, EventStoreError, IndexedSegment, RawSpan,
};
use crate::group::{SpanHead, Visit, for_each_part};
use crate::log::{ReadError, segment};
use crate::stored::v1;
use crate::wave::{Sorted, Wave};
use crate::{Found, LogPosition, Lsn, NodeRecord, Pace, ScanError, walk_log};

/// Bytes of spans that are sorted at once: a run has a chunk for each time. Half as much or twice as
/// much costs the same time.
const WAVE_BYTES: usize = 32 << 20;

/// What takes finished chunks.
pub(crate) type Put<'a> = &'a mut dyn FnMut(&Chunk<'_>) -> Result<(), EventStoreError>;

/// Sorts the frames of one segment after another into chunks.
#[derive(Debug)]
pub struct SegmentIndexer {
    wave: Wave,
    sorted: Sorted,
    builder: ChunkBuilder,
    texts: Vec<(PlanHash, Arc<str>)>,
    chunks: u64,
}

impl Default for SegmentIndexer {
    fn default() -> Self {
        let (sorted, builder) = (Sorted::default(), ChunkBuilder::default());
        Self { wave: Wave::of(WAVE_BYTES), sorted, builder, texts: Vec::new(), chunks: 0 }
    }
}

/// Takes a frame in.
struct Gathering<'a> {
    wave: &'a mut Wave,
    texts: &'a mut Vec<(PlanHash, Arc<str>)>,
}

impl Visit<CodecFault> for Gathering<'_> {
    fn record(&mut self, record: NodeRecord) -> Result<(), CodecFault> {
        if let NodeRecord::PlanText { hash, text } = record
            && self.texts.iter().all(|(known, _)| *known != hash)
        {
            self.texts.push((hash, text));
        }
        Ok(())
    }

    #[inline]
    fn span(&mut self, head: SpanHead, events: &mut &[u8]) -> Result<(), CodecFault> {
        let begin = *events;
        for _ in 0..head.count {
            v1::walk_event(events)?;
        }
        self.wave.take(&head, &begin[..begin.len() - events.len()]);
        Ok(())
    }
}

impl SegmentIndexer {
    /// Takes the payload of the frame at `at` in.
    pub(crate) fn take(&mut self, at: LogPosition, payload: &[u8]) -> Result<(), CodecFault> {
        self.wave.begin(at);
        for_each_part(payload, &mut Gathering { wave: &mut self.wave, texts: &mut self.texts })
    }

    /// Hands what was taken in to `put`, run by run.
    fn drain(&mut self, put: Put<'_>) -> Result<(), EventStoreError> {
        let Self { wave, sorted, builder, chunks, .. } = self;
        let mut finish = |builder: &mut ChunkBuilder| match builder.finish() {
            Some(chunk) => {
                *chunks += 1;
                put(&chunk)
            }
            None => Ok(()),
        };
        for part in wave.parts() {
            sorted.sort(part);
            for (run, spans) in sorted.runs(part) {
                builder.begin(run);
                for (head, events) in spans {
                    let (lsn, at) = (wave.frame(head.frame).lsn, head.at);
                    let span = RawSpan { lsn, at, first: head.first, count: head.count, events };
                    if !builder.fits(&span) {
                        finish(builder)?;
                        builder.begin(run);
                    }
                    builder.push(&span);
                }
                finish(builder)?;
            }
        }
        wave.clear();
        Ok(())
    }

    /// Hands the chunks of what was taken in to `put`, run by run; what it came to. Then the next
    /// segment may be taken in.
    pub(crate) fn finish(
        &mut self,
        first: Lsn,
        last: Lsn,
        put: Put<'_>,
    ) -> Result<IndexedSegment, EventStoreError> {
        self.drain(put)?;
        let (texts, chunks) = (core::mem::take(&mut self.texts), self.chunks);
        self.chunks = 0;
        Ok(IndexedSegment { first, last, chunks, texts, damage: Vec::new() })
    }

    fn forget(&mut self) {
        self.wave.clear();
        self.texts.clear();
        self.chunks = 0;
    }

    /// Hands the chunks of the sealed segment `id` of the log in `dir`, which ends before frame
    /// `end`, to `put`. Damage is told in the result and leaves a gap in the history.
    pub(crate) fn sort(
        &mut self,
        dir: &DiskPath,
        id: u64,
        end: u64,
        pace: Option<&Pace>,
        put: Put<'_>,
    ) -> Result<IndexedSegment, EventStoreError> {
        self.forget();
        let (mut damage, mut failed) = (Vec::new(), Ok(()));
        let walked = walk_log(dir, Lsn(id), Lsn(end - 1), &mut |found, _| {
            match found {
                Found::Frame(frame) if frame.at.lsn.0 < end => {
                    failed = self
                        .take_raw(dir, frame.at, frame.payload())
                        .and_then(|()| if self.wave.is_full() { self.drain(put) } else { Ok(()) });
                    pace.into_iter().for_each(Pace::step);
                    return failed.is_ok();
                }
                Found::Frame(_) => return false,
                Found::Footer(..) => {}
                Found::Damage(lost) => damage.push(lost.to_string()),
                Found::Torn(cut) => damage.push(ReadError::Torn(cut).to_string()),
            }
            true
        });
        walked.map_err(Arc::new)?;
        failed?;
        // The names of segments say which frames were here, whatever became of them.
        let segment = self.finish(Lsn(id), Lsn(end - 1), put)?;
        Ok(IndexedSegment { damage, ..segment })
    }

    fn take_raw(
        &mut self,
        dir: &DiskPath,
        at: LogPosition,
        payload: &[u8],
    ) -> Result<(), EventStoreError> {
        self.take(at, payload).map_err(|fault| {
            let (file, offset, lsn) = (segment::path(dir, at.segment), at.offset, at.lsn);
            Arc::new(ScanError::Content { file, offset, lsn, fault }).into()
        })
    }

    /// Indexes the next sealed segment of the log in `dir` that `store` does not have; what it came
    /// to, or `None` when there is nothing to do. Works at `pace`, if there is one.
    ///
    /// # Errors
    /// [`EventStoreError`]; the store can be rebuilt.
    pub fn next(
        &mut self,
        dir: &(impl OnDisk + ?Sized),
        store: &mut dyn EventStore,
        pace: Option<&Pace>,
    ) -> Result<Option<IndexedSegment>, EventStoreError> {
        let dir = &dir.on_disk();
        let ids = segment::list(dir)?;
        let next = store.indexed().next().0;
        // history
        let skipped = usize::from(planted!("segment-not-indexed") && next == 1 && ids.len() > 2);
        // A segment is sealed when another one follows it.
        let sealed = ids.windows(2).skip(skipped).find(|pair| pair[1] > next);
        let Some(&[id, end]) = sealed else { return Ok(None) };
        store.begin(Lsn(id), Lsn(end - 1))?;
        let segment = self.sort(dir, id, end, pace, &mut |chunk| {
            store.put(chunk)?;
            pace.into_iter().for_each(Pace::step);
            Ok(())
        })?;
        store.end(&segment.texts)?;
        Ok(Some(segment))
    }
}

/// As [`SegmentIndexer::next`], for one segment.
///
/// # Errors
/// [`EventStoreError`]; the store can be rebuilt.
pub fn index_next(
    dir: &(impl OnDisk + ?Sized),
    store: &mut dyn EventStore,
    pace: Option<&Pace>,
) -> Result<Option<IndexedSegment>, EventStoreError> {
    SegmentIndexer::default().next(dir, store, pace)
}
