//! Gap counts: cell `(s, e)` of a pool counts its berths whose maximal free gap is exactly legs
//! `s .. e`; the berths free on a journey are the sum of the cells that hold it.
//!
//! Four cells of 16 bits share a word, so that a sum reads a quarter of what it would. A row has the
//! gaps that start together, the longest first: those that hold a journey lead every row, and the
//! same mask cuts the last word of each. A berth has at most one maximal gap around a journey, so no
//! quarter of a sum exceeds the number of berths, which 16 bits hold. Between two publications cells
//! may say anything; what is summed then is not used.

use berth_inventory::{LegRange, PoolIndex};

use super::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Cells of one word, and bits of one cell.
const CELLS: usize = 4;
const BITS: usize = 16;

/// See the module.
pub(super) struct GapCells {
    words: Box<[AtomicU64]>,
    legs: usize,
}

impl GapCells {
    /// Of so many pools, all zero.
    pub fn new(pools: usize, legs: usize) -> Self {
        let words = (0..pools * words_of(legs)).map(|_| AtomicU64::new(0)).collect();
        Self { words, legs }
    }

    /// Bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        self.words.len() * size_of::<AtomicU64>()
    }

    /// Berths of `pool` free on every leg of `legs`.
    pub fn free(&self, pool: PoolIndex, legs: LegRange) -> u32 {
        // Gaps of a row that end at or behind the end of the journey.
        let wanted = self.legs + 1 - usize::from(legs.to);
        let (whole, rest) = (wanted / CELLS, wanted % CELLS);
        let mask = (1u64 << (rest * BITS)) - 1;
        let mut row = &self.words[usize::from(pool.0) * words_of(self.legs)..];
        let mut sum = 0u64;
        for start in 0..=usize::from(legs.from) {
            for word in &row[..whole] {
                sum = sum.wrapping_add(word.load(Relaxed));
            }
            if mask != 0 {
                sum = sum.wrapping_add(row[whole].load(Relaxed) & mask);
            }
            row = &row[(self.legs - start).div_ceil(CELLS)..];
        }
        (0..CELLS).map(|cell| u32::from((sum >> (cell * BITS)) as u16)).sum()
    }

    /// Berths of `pool` free on the whole route.
    pub fn whole(&self, pool: usize) -> u16 {
        self.words[pool * words_of(self.legs)].load(Relaxed) as u16
    }

    /// Where the count of such gaps stands.
    #[inline]
    pub fn word(&self, pool: PoolIndex, start: usize, run: usize) -> *const u8 {
        core::ptr::from_ref(self.cell(pool, start, run).0).cast()
    }

    /// One berth of `pool` more, or one less, whose gap of `run` legs starts at `start`. Only one
    /// thread calls this.
    #[inline]
    pub fn count(&self, pool: PoolIndex, start: usize, run: usize, more: bool) {
        let (word, one) = self.cell(pool, start, run);
        let before = word.load(Relaxed);
        let after = if more { before.wrapping_add(one) } else { before.wrapping_sub(one) };
        word.store(after, Relaxed);
    }

    /// The word of a cell, and one in that cell.
    #[inline]
    fn cell(&self, pool: PoolIndex, start: usize, run: usize) -> (&AtomicU64, u64) {
        let place = self.legs - (start + run);
        let row = words_of(self.legs) - words_of(self.legs - start);
        let word = usize::from(pool.0) * words_of(self.legs) + row + place / CELLS;
        (&self.words[word], 1 << (place % CELLS * BITS))
    }
}

/// Words of a pool: those of rows of 1 to `legs` cells.
const fn words_of(legs: usize) -> usize {
    let (full, rest) = (legs / CELLS, legs % CELLS);
    (full + 1) * (CELLS / 2 * full + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_room_for_its_gaps_and_no_word_more() {
        for legs in [1, 2, 3, 4, 5, 7, 24, 31, 32, 64, 127] {
            assert_eq!(
                words_of(legs),
                (1..=legs).map(|row| row.div_ceil(CELLS)).sum::<usize>(),
                "{legs}"
            );
        }
    }

    #[test]
    fn a_journey_has_the_gaps_that_hold_it_and_no_other() {
        for legs in [1, 2, 5, 8, 24, 33] {
            let cells = GapCells::new(2, legs);
            let pool = PoolIndex(1);
            let gaps = || (0..legs).flat_map(|s| (s + 1..=legs).map(move |e| (s, e)));
            // As many berths as no other gap has.
            let berths = |(s, e): (usize, usize)| s * 7 + e * 3 + 1;
            for gap in gaps() {
                for _ in 0..=berths(gap) {
                    cells.count(pool, gap.0, gap.1 - gap.0, true);
                }
                cells.count(pool, gap.0, gap.1 - gap.0, false);
            }
            assert_eq!(usize::from(cells.whole(1)), berths((0, legs)));
            for (from, to) in gaps() {
                let holds = gaps().filter(|(s, e)| *s <= from && *e >= to);
                let sum: usize = holds.map(berths).sum();
                let journey = LegRange { from: from as u8, to: to as u8 };
                assert_eq!(cells.free(pool, journey) as usize, sum, "{from} to {to} of {legs}");
                assert_eq!(cells.free(PoolIndex(0), journey), 0, "another pool's");
            }
        }
    }
}
