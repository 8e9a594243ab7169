//! Which live hold expires first.
//!
//! Deadlines come mostly in their order (most holds ask for the same time to live), so those that
//! do stand in a queue, and only the others in a heap. Both forget lazily: an entry counts only
//! while a live hold on its card has that very deadline. `first` is such an entry at any time, and
//! at most half of a large queue and heap is not. Derived from the records, so never part of state
//! or digest.

use core::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::UnixMillis;

/// Entries that may be stale before little is swept.
const SLACK: usize = 64;

/// A deadline and the card of the hold that has it.
type Entry = (UnixMillis, u32);

#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Deadlines {
    /// The earliest that counts.
    first: Option<Entry>,
    in_order: VecDeque<Entry>,
    others: BinaryHeap<Reverse<Entry>>,
}

impl Deadlines {
    /// The hold on `card` now expires at `at`.
    pub(crate) fn push(&mut self, at: UnixMillis, card: u32) {
        if self.in_order.back().is_none_or(|last| last.0 <= at) {
            self.in_order.push_back((at, card));
        } else {
            self.others.push(Reverse((at, card)));
        }
        if self.first.is_none_or(|first| at < first.0) {
            self.first = Some((at, card));
        }
    }

    /// The hold on `card` has ended or got another deadline; `live` holds are left.
    pub(crate) fn drop(
        &mut self,
        card: u32,
        live: usize,
        counts: impl Fn(u32, UnixMillis) -> bool,
    ) {
        if self.in_order.len() + self.others.len() > 2 * live + SLACK {
            self.in_order.retain(|(at, card)| counts(*card, *at));
            self.others.retain(|Reverse((at, card))| counts(*card, *at));
        } else if self.first.is_none_or(|first| first.1 != card) {
            return;
        }
        while self.in_order.front().is_some_and(|(at, card)| !counts(*card, *at)) {
            self.in_order.pop_front();
        }
        while self.others.peek().is_some_and(|Reverse((at, card))| !counts(*card, *at)) {
            self.others.pop();
        }
        let other = self.others.peek().map(|Reverse(entry)| *entry);
        self.first = self.in_order.front().copied().into_iter().chain(other).min();
    }

    /// The earliest deadline and the card of its hold.
    pub(crate) fn first(&self) -> Option<Entry> {
        self.first
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<UnixMillis> {
        self.first.map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_always_counts_and_nothing_piles_up() {
        // Every third deadline is out of order, or none is.
        for third in [3, u32::MAX] {
            nothing_piles_up(third);
        }
    }

    fn nothing_piles_up(third: u32) {
        let of = |n: u32| UnixMillis(u64::from(if n.is_multiple_of(third) { n / 2 } else { n }));
        let mut deadlines = Deadlines::default();
        for n in 0..10_000u32 {
            deadlines.push(of(n), n);
            // Only the first and the last three are live.
            let counts = |card: u32, at: UnixMillis| {
                at == of(card) && (card == 0 || card + 3 > n) && card <= n
            };
            if n > 3 {
                deadlines.drop(n - 3, 4, counts);
            }
            assert_eq!(deadlines.next(), Some(UnixMillis(0)));
            assert!(deadlines.in_order.len() + deadlines.others.len() <= 2 * 4 + SLACK + 2);
        }
        deadlines.drop(0, 0, |card, at| card == 9_998 && at == of(9_998));
        assert_eq!(deadlines.next(), Some(of(9_998)));
        deadlines.drop(9_998, 0, |_, _| false);
        assert_eq!(deadlines.next(), None);
    }
}
