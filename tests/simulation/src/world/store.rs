//! The event store, in its version in memory: fed from sealed segments, sometimes late, sometimes
//! lost; and segments of the log that go once nobody needs them.

use berth_persistence::{
    DiskPath, EventStoreError, Lsn, MemoryEvents, first_kept, retire_segments,
};

use super::World;
use crate::fault::Fault;
use crate::property::Violation;

impl World {
    /// The indexer takes the next sealed segment.
    pub(super) fn index(&mut self) -> Result<(), Violation> {
        if self.indexer_rests > self.steady && !self.urged {
            return Ok(());
        }
        if self.strikes(Fault::EventStoreBehind, 200) {
            self.note(Fault::EventStoreBehind);
            self.indexer_rests = self.steady + self.luck.below(30_000);
            return Ok(());
        }
        // Once a segment has gone, the store is the only place of it: it may go though its going failed.
        let whole = |log: &DiskPath| first_kept(log).is_ok_and(|first| first == Lsn(1));
        if self.strikes(Fault::EventStoreLost, 20) && whole(&self.node_mut().dir().log()) {
            self.note(Fault::EventStoreLost);
            self.events = MemoryEvents::new();
        }
        let log = self.node_mut().dir().log();
        let wrong = |what: String| Violation { property: "history", what };
        let indexed = self.indexer.next(&log, &mut self.events, None);
        let indexed = indexed.map_err(|fault| wrong(fault.to_string()))?;
        if let Some(damage) = indexed.and_then(|segment| segment.damage.first().cloned()) {
            return Err(wrong(format!("a sealed segment is damaged: {damage}")));
        }
        if self.retains {
            self.retire(&log)?;
        }
        Ok(())
    }

    /// Segments that snapshots and event store have go.
    fn retire(&mut self, log: &DiskPath) -> Result<(), Violation> {
        if !self.allows(Fault::Retention) {
            return Ok(());
        }
        let Some(covered) = self.node_mut().synced_cover() else { return Ok(()) };
        let retired = match retire_segments(log, 0, covered, &self.events) {
            Ok(retired) => retired,
            // The disk would not; the next look tries again.
            Err(EventStoreError::File(_)) => return Ok(()),
            Err(fault) => {
                let what = format!("segments cannot go: {fault}");
                return Err(Violation { property: "history", what });
            }
        };
        for _ in 0..retired.segments {
            self.note(Fault::Retention);
        }
        Ok(())
    }
}
