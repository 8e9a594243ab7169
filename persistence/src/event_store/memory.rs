//! The event store without a disk, for tests and simulation. Same chunks.

use std::collections::BTreeMap;
use std::sync::Arc;

use berth_inventory::{PlanHash, RunIndex, Version};

use super::{Chunk, EventStore, EventStoreError, IndexedSegment, StoredEvent, visit_chunk};
use crate::Lsn;

/// Chunks in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryEvents {
    chunks: BTreeMap<(RunIndex, Version), Chunk>,
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
    fn put(&mut self, segment: &IndexedSegment) -> Result<(), EventStoreError> {
        let (first, last, indexed) = (segment.first, segment.last, self.indexed);
        if indexed.0 > 0 && first != indexed.next() {
            return Err(EventStoreError::OutOfOrder { first, last, indexed });
        }
        for chunk in &segment.chunks {
            self.chunks.insert((chunk.run, chunk.first), chunk.clone());
        }
        self.texts.extend(segment.texts.iter().cloned());
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
        for (_, chunk) in before.into_iter().chain(after) {
            if !visit_chunk(chunk, from, visit)? {
                break;
            }
        }
        Ok(())
    }

    fn plan_text(&self, hash: PlanHash) -> Result<Option<Arc<str>>, EventStoreError> {
        Ok(self.texts.get(&hash).cloned())
    }

    fn holds(&self, segment: &IndexedSegment) -> Result<bool, EventStoreError> {
        let same = |chunk: &Chunk| self.chunks.get(&(chunk.run, chunk.first)) == Some(chunk);
        let texts = segment.texts.iter().all(|(hash, _)| self.texts.contains_key(hash));
        Ok(segment.last <= self.indexed && texts && segment.chunks.iter().all(same))
    }

    fn check(&self) -> Result<(), EventStoreError> {
        for chunk in self.chunks.values() {
            visit_chunk(chunk, Version(0), &mut |_| true)?;
        }
        Ok(())
    }
}
