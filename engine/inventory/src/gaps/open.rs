//! Where in a pool a journey can still be free: the legs that some berth of a block has free.
//!
//! A pool whose berths are one run of numbers is cut into at most 64 blocks of 16 berths or a power
//! of two more. A change only marks its block as stale, so that a single passenger pays next to
//! nothing for it; a party has the stale ones looked at again and then skips every block that has
//! no berth free on some leg of its journey.

use super::{GapIndex, Gaps, Width};
use crate::word::Word;
use crate::{BerthIndex, LegRange, Rows};

/// Berths of the smallest block, as a power of two.
const SMALLEST: u32 = 4;
/// Most blocks: a bit each.
const BLOCKS: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Open<W> {
    /// Legs free somewhere in each block; does not count where that is stale.
    legs: Box<[W]>,
    stale: u64,
    /// First berth of the first block.
    first: u16,
    /// Berths of a block, as a power of two.
    shift: u32,
}

impl<W: Word> Open<W> {
    /// Of the berths `run.0..run.1`; of a pool that is no run of numbers nothing is known.
    pub(super) fn new(run: Option<(u16, u16)>) -> Self {
        let (first, end) = run.unwrap_or((0, 0));
        let berths = usize::from(end - first);
        let mut shift = SMALLEST;
        while berths.div_ceil(1 << shift) > BLOCKS {
            shift += 1;
        }
        let legs = vec![W::default(); berths.div_ceil(1 << shift)].into();
        Self { legs, stale: u64::MAX, first, shift }
    }

    /// A berth of the pool changed.
    #[inline]
    pub(super) fn touch(&mut self, berth: BerthIndex) {
        // Of a pool that is no run the shift may say anything, and nobody asks.
        self.stale |= 1u64.wrapping_shl(u32::from(berth.0.wrapping_sub(self.first)) >> self.shift);
    }

    fn look_again(&mut self, rows: &Rows, end: u16) {
        while self.stale != 0 {
            let block = self.stale.trailing_zeros();
            self.stale &= self.stale - 1;
            if let Some(legs) = self.legs.get_mut(block as usize) {
                let from = self.first + (block << self.shift) as u16;
                let to = end.min(from + (1u16 << self.shift));
                *legs = W::narrow(rows.open(usize::from(from)..usize::from(to)));
            }
        }
    }

    /// Bit `i` = a journey may be free in block `i`.
    fn may_hold(&self, trip: W) -> u64 {
        let bit = |(block, legs): (usize, &W)| u64::from(trip.without(*legs).is_empty()) << block;
        self.legs.iter().enumerate().map(bit).fold(self.stale, |all, bit| all | bit)
    }
}

/// The blocks in which a journey may be free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    /// Bit `i` = block `i`.
    left: u64,
    shift: u32,
}

impl Blocks {
    /// The whole pool is one block.
    pub(crate) const ALL: Self = Self { left: 1, shift: 63 };

    /// Calls `visit` with the blocks as places among the pool's berths, ascending, until it says
    /// stop (`false`).
    #[inline]
    pub(crate) fn each<'a, T>(self, berths: &'a [T], mut visit: impl FnMut(&'a [T]) -> bool) {
        let mut left = self.left;
        while left != 0 {
            let from = (left.trailing_zeros() as usize) << self.shift;
            left &= left - 1;
            let to = berths.len().min(from + (1 << self.shift));
            if from >= to || !visit(&berths[from..to]) {
                return;
            }
        }
    }
}

impl<W: Word> Gaps<W> {
    fn blocks(&self, trip: Option<(u32, u32)>, lowest: BerthIndex) -> Blocks {
        let Open { first, shift, .. } = self.open;
        let below = u32::from(lowest.0.saturating_sub(first)) >> shift;
        let from_there = u64::MAX.checked_shl(below).unwrap_or(0);
        let open = trip.map_or(u64::MAX, |(from, to)| self.open.may_hold(W::range(from, to)));
        Blocks { left: open & from_there, shift }
    }
}

impl GapIndex {
    /// Before a party is looked for: what changed since the last one is looked at again.
    pub(crate) fn look_again(&mut self, rows: &Rows) {
        if let Some((_, end)) = self.run {
            each!(&mut self.width, gaps => gaps.open.look_again(rows, end));
        }
    }

    /// The blocks from the berth `lowest` on: those in which a journey may be free, or all.
    pub(crate) fn blocks(&self, legs: Option<LegRange>, lowest: BerthIndex) -> Blocks {
        if self.run.is_none() {
            return Blocks::ALL;
        }
        let trip = legs.and_then(|legs| self.inside(legs));
        each!(&self.width, gaps => gaps.blocks(trip, lowest))
    }
}
