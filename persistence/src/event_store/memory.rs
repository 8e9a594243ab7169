//! The event store without a disk, for tests and simulation. Same chunks.

use std::collections::BTreeMap;
use std::sync::Arc;

use berth_inventory::{PlanHash, RunIndex, Version};

use super::{Chunk, EventStore, EventStoreError, IndexedSegment, StoredEvent, visit_chunk};
use crate::Lsn;

type Chunks = BTreeMap<(RunIndex, Version), Box<[u8]>>;

/// Chunks in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryEvents {
    chunks: Chunks,
    /// Of the segment that was begun: its last frame, and what was put.
    begun: Option<(Lsn, Chunks)>,
    texts: BTreeMap<PlanHash, Arc<str>>,
    indexed: Lsn,
}

impl MemoryEvents {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl EventStore for MemoryEvents {
    fn begin(&mut self, first: Lsn, last: Lsn) -> Result<(), EventStoreError> {
        let indexed = self.indexed;
        if indexed.0 > 0 && first != indexed.next() {
            return Err(EventStoreError::OutOfOrder { first, last, indexed });
        }
        self.begun = Some((last, Chunks::new()));
        Ok(())
    }

    fn put(&mut self, chunk: &Chunk<'_>) -> Result<(), EventStoreError> {
        let (_, chunks) = self.begun.as_mut().ok_or(EventStoreError::NotBegun)?;
        chunks.insert((chunk.run, chunk.first), chunk.bytes().into());
        Ok(())
    }

    fn end(&mut self, texts: &[(PlanHash, Arc<str>)]) -> Result<(), EventStoreError> {
        let (last, chunks) = self.begun.take().ok_or(EventStoreError::NotBegun)?;
        self.chunks.extend(chunks);
        self.texts.extend(texts.iter().cloned());
        self.indexed = last;
        Ok(())
    }

    fn indexed(&self) -> Lsn {
        self.indexed
    }

    fn history(
        &self,
        run: RunIndex,
        from: Version,
        visit: &mut dyn FnMut(StoredEvent) -> bool,
    ) -> Result<(), EventStoreError> {
        let before = self.chunks.range((run, Version(0))..=(run, from)).next_back();
        let after = self.chunks.range((run, from.next())..=(run, Version(u64::MAX)));
        for (key, bytes) in before.into_iter().chain(after) {
            if !visit_chunk(&read(*key, bytes)?, from, visit)? {
                break;
            }
        }
        Ok(())
    }

    fn plan_text(&self, hash: PlanHash) -> Result<Option<Arc<str>>, EventStoreError> {
        Ok(self.texts.get(&hash).cloned())
    }

    fn holds_chunk(&self, chunk: &Chunk<'_>) -> Result<bool, EventStoreError> {
        let found = self.chunks.get(&(chunk.run, chunk.first));
        Ok(found.is_some_and(|bytes| **bytes == *chunk.bytes()))
    }

    fn holds(&self, segment: &IndexedSegment) -> Result<bool, EventStoreError> {
        let texts = segment.texts.iter().all(|(hash, _)| self.texts.contains_key(hash));
        Ok(segment.last <= self.indexed && texts)
    }

    fn check(&self) -> Result<(), EventStoreError> {
        for (key, bytes) in &self.chunks {
            visit_chunk(&read(*key, bytes)?, Version(0), &mut |_| true)?;
        }
        Ok(())
    }
}

fn read((run, first): (RunIndex, Version), bytes: &[u8]) -> Result<Chunk<'_>, EventStoreError> {
    Chunk::read(bytes).map_err(|fault| EventStoreError::Damaged { run, first, fault })
}
