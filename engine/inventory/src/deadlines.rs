//! Which live hold expires first.
//!
//! A heap of (deadline, hold) that forgets lazily: an entry counts only while its hold is live with
//! that very deadline. After [`Deadlines::settle`] the top is such an entry, and at most half of a
//! large heap is not. Derived from the records, so never part of state or digest.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::{HoldId, UnixMillis};

/// Entries that may be stale before a small heap is swept.
const SLACK: usize = 64;

#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines {
    heap: BinaryHeap<Reverse<(UnixMillis, HoldId)>>,
}

impl Deadlines {
    /// `hold` now expires at `at`.
    pub(crate) fn push(&mut self, at: UnixMillis, hold: HoldId) {
        self.heap.push(Reverse((at, hold)));
    }

    /// Drops what no longer counts from the top, and from everywhere once that is the larger part.
    pub(crate) fn settle(&mut self, live: usize, counts: impl Fn(HoldId, UnixMillis) -> bool) {
        while self.heap.peek().is_some_and(|Reverse((at, hold))| !counts(*hold, *at)) {
            self.heap.pop();
        }
        if self.heap.len() > 2 * live + SLACK {
            self.heap.retain(|Reverse((at, hold))| counts(*hold, *at));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<UnixMillis> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_always_counts_and_the_heap_stays_small() {
        let mut deadlines = Deadlines::default();
        for n in 0..10_000u64 {
            deadlines.push(UnixMillis(n), HoldId(n.into()));
            // Only the first and the last three are live.
            deadlines.settle(4, |hold, _| hold.0 == 0 || hold.0 + 3 > u128::from(n));
            assert_eq!(deadlines.next(), Some(UnixMillis(0)));
            assert!(deadlines.heap.len() <= 2 * 4 + SLACK);
        }
        deadlines.settle(0, |_, _| false);
        assert_eq!(deadlines.next(), None);
    }
}
