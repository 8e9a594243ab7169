//! What the gap classes say of a party before one of its berths is looked at: what the cheapest set
//! can cost, and which berths a search that may cost so much has to look at.

use super::{GapIndex, Gaps, Width, bit};
use crate::word::Word;
use crate::{BerthIndex, LegRange};

/// The shortest gaps that hold a journey, as many as there are heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortest {
    /// Their legs together: no set of so many berths has less.
    pub(crate) sum: u32,
    /// Legs of the longest of them.
    pub(crate) longest: u32,
}

/// The berths of some gap classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Within {
    /// How many.
    pub(crate) berths: u16,
    /// None of them is below this one.
    pub(crate) lowest: BerthIndex,
}

impl<W: Word> Gaps<W> {
    /// Bit `n - 1` = some gap of `n` legs holds the journey.
    fn lengths(&self, (from, to): (u32, u32)) -> W {
        let too_short = W::first(to - 1);
        let starts = (0..=from).zip(&self.ends);
        starts.fold(W::default(), |all, (start, ends)| all | ends.without(too_short) >> start)
    }

    /// The shortest gaps around a journey; how many there are when that is less than `heads`.
    fn shortest(&self, trip: (u32, u32), heads: u32) -> Result<Shortest, u16> {
        let (from, to) = trip;
        let mut lengths = self.lengths(trip);
        let (mut sum, mut free) = (0, 0);
        while !lengths.is_empty() {
            let len = lengths.trailing_zeros() + 1;
            lengths = lengths.without(bit(len));
            for start in to.saturating_sub(len)..=from.min(self.legs() - len) {
                if self.ends[start as usize].intersects(bit(start + len)) {
                    let count = u32::from(self.cells[self.cell(start, start + len)].count);
                    sum += len * count.min(heads - free);
                    free = heads.min(free + count);
                }
            }
            if free == heads {
                return Ok(Shortest { sum, longest: len });
            }
        }
        Err(free as u16)
    }

    /// The berths whose gap around a journey has at most `longest` legs.
    fn within(&self, (from, to): (u32, u32), longest: u32) -> Within {
        let mut within = Within { berths: 0, lowest: BerthIndex(u16::MAX) };
        for start in to.saturating_sub(longest)..=from {
            let mut ends = self.ends_from(start, to) & W::first(self.legs().min(start + longest));
            while !ends.is_empty() {
                let end = ends.trailing_zeros() + 1;
                ends = ends.without(bit(end));
                let cell = &self.cells[self.cell(start, end)];
                within.berths += cell.count;
                within.lowest = within.lowest.min(BerthIndex(cell.hint()));
            }
        }
        within
    }
}

impl GapIndex {
    /// The shortest gaps that hold a journey, one for each head; how many berths are free on it when
    /// they are fewer.
    pub(crate) fn shortest(&self, legs: LegRange, heads: usize) -> Result<Shortest, u16> {
        let trip = self.inside(legs).ok_or(0u16)?;
        each!(&self.width, gaps => gaps.shortest(trip, heads as u32))
    }

    /// The berths that are free on a journey and whose gap around it has at most `longest` legs.
    pub(crate) fn within(&self, legs: LegRange, longest: u32) -> Within {
        let nobody = Within { berths: 0, lowest: BerthIndex(0) };
        let Some(trip) = self.inside(legs) else { return nobody };
        each!(&self.width, gaps => gaps.within(trip, longest))
    }
}
