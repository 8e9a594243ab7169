//! Where in a pool a journey can still be free: the legs that some berth of a block has free.
//!
//! A pool whose berths are one run of numbers is cut into at most 64 blocks of 16 berths or a power
//! of two more. A change only marks its block as stale, so that a single passenger pays next to
//! nothing for it; a party has the stale ones looked at again and then skips every block that has
//! no berth free on some leg of its journey.

use super::{GapIndex, Gaps, Place, Width};
use crate::word::Word;
use crate::{BerthIndex, LegRange, Rows};

/// Berths of the smallest block, as a power of two.
const SMALLEST: u32 = 4;
/// Most blocks: a bit each.
const BLOCKS: usize = 64;

/// Berths of a block of a pool that spans so many, as a power of two.
pub(super) fn block(berths: u16) -> u8 {
    let blocks = |shift: &u32| usize::from(berths).div_ceil(1 << shift);
    (SMALLEST..u16::BITS).find(|shift| blocks(shift) <= BLOCKS).unwrap_or(SMALLEST) as u8
}

/// The legs free somewhere in each block, before it is looked at; of a pool that is no run of
/// numbers nothing is ever known.
pub(super) fn unknown<W: Word>(place: Place) -> Box<[W]> {
    let berths = if place.is_run { usize::from(place.end - place.first) } else { 0 };
    vec![W::default(); berths.div_ceil(1 << place.block)].into()
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
    /// A berth of the pool changed.
    #[inline]
    pub(super) fn touch(&mut self, berth: BerthIndex) {
        let Place { first, block, .. } = self.place;
        self.stale |= 1u64.wrapping_shl(u32::from(berth.0 - first) >> block);
    }

    fn look_again(&mut self, rows: &Rows) {
        let Place { first, end, block: shift, .. } = self.place;
        while self.stale != 0 {
            let block = self.stale.trailing_zeros();
            self.stale &= self.stale - 1;
            if let Some(legs) = self.for_parties.open.get_mut(block as usize) {
                let from = first + (block << shift) as u16;
                let to = end.min(from + (1u16 << shift));
                *legs = W::narrow(rows.open(usize::from(from)..usize::from(to)));
            }
        }
    }

    /// Bit `i` = a journey may be free in block `i`.
    fn may_hold(&self, trip: W) -> u64 {
        let bit = |(block, legs): (usize, &W)| u64::from(trip.without(*legs).is_empty()) << block;
        let open = self.for_parties.open.iter().enumerate();
        open.map(bit).fold(self.stale, |all, bit| all | bit)
    }

    fn blocks(&self, trip: Option<(u32, u32)>, lowest: BerthIndex) -> Blocks {
        let Place { is_run, first, block, .. } = self.place;
        if !is_run {
            return Blocks::ALL;
        }
        let below = u32::from(lowest.0.saturating_sub(first)) >> block;
        let from_there = u64::MAX.checked_shl(below).unwrap_or(0);
        let open = trip.map_or(u64::MAX, |(from, to)| self.may_hold(W::range(from, to)));
        Blocks { left: open & from_there, shift: block.into() }
    }
}

impl GapIndex {
    /// Before a party is looked for: what changed since the last one is looked at again.
    pub(crate) fn look_again(&mut self, rows: &Rows) {
        each!(&mut self.width, gaps => gaps.look_again(rows));
    }

    /// The blocks from the berth `lowest` on: those in which a journey may be free, or all.
    pub(crate) fn blocks(&self, legs: Option<LegRange>, lowest: BerthIndex) -> Blocks {
        let trip = legs.and_then(|legs| self.inside(legs));
        each!(&self.width, gaps => gaps.blocks(trip, lowest))
    }
}
