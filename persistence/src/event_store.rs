//! The history of runs by run: what the commit log has by time, sorted for questions.
//!
//! The store is *derived*: it is filled from sealed segments and can be rebuilt from them at any
//! time, so nothing that is told to a caller waits for it. Events lie in chunks of at most
//! [`CHUNK_BYTES_MAX`], each of one run, with the bytes that they have in the log and a CRC.

mod chunk;
mod chunk_file;
mod manifest;
mod memory;
mod sled_store;

use std::path::PathBuf;
use std::sync::Arc;

use berth_inventory::{Event, PlanHash, RunIndex, UnixMillis, Version};

pub use chunk::{CHUNK_BYTES_MAX, Chunk};
pub(crate) use chunk::{ChunkBuilder, RawSpan};
pub use memory::MemoryEvents;
pub use sled_store::{Aside, Opened, SledEvents};

use crate::codec::CodecFault;
use crate::file::FileError;
use crate::{Lsn, ScanError};

/// An event as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// The version it made.
    pub version: Version,
    /// The frame it is in.
    pub lsn: Lsn,
    /// When.
    pub at: UnixMillis,
    /// What happened.
    pub event: Event,
}

/// What one sealed segment comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexedSegment {
    /// First frame.
    pub first: Lsn,
    /// Last frame.
    pub last: Lsn,
    /// Chunks.
    pub chunks: u64,
    /// Catalogue texts.
    pub texts: Vec<(PlanHash, Arc<str>)>,
    /// Lost frames, in words.
    pub damage: Vec<String>,
}

/// The event store cannot answer. It never holds up a command; rebuild it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EventStoreError {
    /// The system failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The commit log could not be read for it.
    #[error(transparent)]
    Scan(#[from] Arc<ScanError>),
    /// The embedded store failed or panicked.
    #[error(
        "event store {}: {what} failed: {why}; it is derived and is rebuilt from the segments at \
         the next start",
        dir.display()
    )]
    Store {
        /// Its directory.
        dir: PathBuf,
        /// What was being done.
        what: &'static str,
        /// What it said.
        why: String,
    },
    /// A chunk is not what was put.
    #[error(
        "event store: the chunk of run number {run} from version {first} on is damaged: {fault}; \
         the store is derived and is rebuilt from the segments at the next start"
    )]
    Damaged {
        /// The run.
        run: RunIndex,
        /// First version of the chunk.
        first: Version,
        /// What is wrong.
        fault: CodecFault,
    },
    /// The store does not give back what was put.
    #[error(
        "event store: it does not give back what the log has in frames {first} to {last}; it is \
         derived and is rebuilt from the segments"
    )]
    Differs {
        /// First frame of the segment.
        first: Lsn,
        /// Last frame of the segment.
        last: Lsn,
    },
    /// A chunk of no segment.
    #[error("event store: a chunk was put before its segment was begun")]
    NotBegun,
    /// Segments must be put in order.
    #[error("segment of frames {first} to {last} does not follow frame {indexed}")]
    OutOfOrder {
        /// First frame of the segment.
        first: Lsn,
        /// Last frame of the segment.
        last: Lsn,
        /// Last frame indexed.
        indexed: Lsn,
    },
}

/// Where the history of runs is kept. One writer.
pub trait EventStore: Send {
    /// Begins to take a sealed segment in. One that was begun before and not ended is forgotten.
    fn begin(&mut self, first: Lsn, last: Lsn) -> Result<(), EventStoreError>;

    /// Takes a chunk of the segment in, run by run, those of a run in their order.
    fn put(&mut self, chunk: &Chunk<'_>) -> Result<(), EventStoreError>;

    /// Ends the segment; on return it survives a power cut.
    fn end(&mut self, texts: &[(PlanHash, Arc<str>)]) -> Result<(), EventStoreError>;

    /// Last frame taken in; 0 = none.
    fn indexed(&self) -> Lsn;

    /// Hands the events of a run from version `from` on to `visit`, in order, until it returns
    /// false. The newest events are not here yet: they are in the log behind [`Self::indexed`].
    fn history(
        &self,
        run: RunIndex,
        from: Version,
        visit: &mut dyn FnMut(StoredEvent) -> bool,
    ) -> Result<(), EventStoreError>;

    /// A catalogue text.
    fn plan_text(&self, hash: PlanHash) -> Result<Option<Arc<str>>, EventStoreError>;

    /// Whether the chunk is here, as it was put.
    fn holds_chunk(&self, chunk: &Chunk<'_>) -> Result<bool, EventStoreError>;

    /// Whether everything else of `segment` is here.
    fn holds(&self, segment: &IndexedSegment) -> Result<bool, EventStoreError>;

    /// Reads everything and compares it with what was put.
    fn check(&self) -> Result<(), EventStoreError>;
}

/// Visits the events of a chunk from version `from` on.
pub(crate) fn visit_chunk(
    chunk: &Chunk<'_>,
    from: Version,
    visit: &mut dyn FnMut(StoredEvent) -> bool,
) -> Result<bool, EventStoreError> {
    let (run, first) = (chunk.run, chunk.first);
    for event in chunk.events() {
        let event = event.map_err(|fault| EventStoreError::Damaged { run, first, fault })?;
        if event.version >= from && !visit(event) {
            return Ok(false);
        }
    }
    Ok(true)
}
