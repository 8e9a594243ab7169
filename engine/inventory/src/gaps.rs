//! Free gaps of a pool's berths, counted by where they begin and end.
//!
//! A *gap* `[s, e)` of a berth is a longest stretch of free legs. The index keeps, for every
//! `(s, e)`, how many berths of the pool have that gap, per `s` the set of ends that occur, and a
//! lower bound of the lowest berth in the cell. The tightest gap around a journey `[a, b)` is then
//! found without looking at a berth (for `s` from `a` down: the first end from `b` on), and the free
//! berths of a journey are the sum of the cells with `s <= a` and `e >= b`.
//!
//! Always the lowest-numbered berth of the shortest gaps, so that a replay or a naive twin finds the
//! same one. Worth its memory (4 bytes a cell, `legs * (legs + 1) / 2` cells) only for pools of more
//! than `INDEX_MIN_BERTHS` berths. Source: limits 3b, variant C3 (59 ns against 981 for a scan of
//! 1,200 berths).

use core::sync::atomic::{AtomicU16, Ordering::Relaxed};

use crate::{BerthIndex, BerthType, INDEX_MIN_BERTHS, LegMask, LegRange, Plan, PoolIndex, Rows};

/// The maximal free gap around a journey, as `(first leg, one after the last)`; `None` when a leg of
/// it is taken or it leaves the route. Total for every mask and range.
pub const fn gap_of(taken: LegMask, legs: LegRange, legs_count: u8) -> Option<(u8, u8)> {
    if legs.is_empty() || legs.to > legs_count || taken.intersects(legs.mask()) {
        return None;
    }
    let below = taken.0 & LegMask::first(legs.from as usize).0;
    let start = 128 - below.leading_zeros();
    let above = taken.0 & !LegMask::first(legs.to as usize).0;
    // 128 when nothing is taken above.
    let end = above.trailing_zeros();
    let end = if end < legs_count as u32 { end as u8 } else { legs_count };
    Some((start as u8, end))
}

/// The gaps of a row inside `region`, ascending.
fn gaps(taken: LegMask, region: LegMask) -> impl Iterator<Item = (u8, u8)> {
    let mut free = !taken.0 & region.0;
    core::iter::from_fn(move || {
        if free == 0 {
            return None;
        }
        let start = free.trailing_zeros();
        let end = start + (!(free >> start)).trailing_zeros();
        free &= !LegMask::first(end as usize).0;
        Some((start as u8, end as u8))
    })
}

#[derive(Debug, Default)]
struct Cell {
    /// Berths with this gap.
    count: u16,
    /// No berth below this one has it. A cache: it makes a search shorter, never another.
    hint: AtomicU16,
}

/// The gap-class index of one pool.
#[derive(Debug)]
pub struct GapIndex {
    pool: PoolIndex,
    legs: u8,
    /// Row by row of starts, ends ascending: cell `(s, e)` for `s < e`.
    cells: Box<[Cell]>,
    /// Per start, bit `e` = some berth has the gap `[s, e)`.
    ends: Box<[u128]>,
}

impl GapIndex {
    /// Whether a pool is large enough for an index.
    pub fn is_worth_it(plan: &Plan, pool: PoolIndex) -> bool {
        plan.pool(pool).berths.len() > INDEX_MIN_BERTHS
    }

    /// Counts the gaps of a pool as its rows are now.
    pub fn build(pool: PoolIndex, rows: &Rows, plan: &Plan) -> Self {
        let legs = rows.legs();
        let cells = usize::from(legs) * (usize::from(legs) + 1) / 2;
        let mut index = Self {
            pool,
            legs,
            cells: (0..cells).map(|_| Cell::default()).collect(),
            ends: vec![0; usize::from(legs)].into(),
        };
        let route = LegMask::first(usize::from(legs));
        for berth in &plan.pool(pool).berths {
            for (start, end) in gaps(rows.taken(*berth), route) {
                index.add(*berth, start, end);
            }
        }
        index
    }

    /// The pool it is of.
    pub const fn pool(&self) -> PoolIndex {
        self.pool
    }

    /// A berth of the pool changed from `old` to `new` taken legs.
    pub fn update(&mut self, berth: BerthIndex, old: LegMask, new: LegMask) {
        let changed = old.0 ^ new.0;
        if changed == 0 {
            return;
        }
        // Only gaps that touch a changed leg differ: from after the last leg taken (in both) below
        // the change up to the first leg taken above it.
        let lowest = changed.trailing_zeros() as usize;
        let highest = 127 - changed.leading_zeros() as usize;
        let below = old.0 & LegMask::first(lowest).0;
        let above = old.0 & !LegMask::first(highest + 1).0;
        let start = 128 - below.leading_zeros() as usize;
        let end = (above.trailing_zeros() as usize).min(usize::from(self.legs));
        let region = LegMask(LegMask::first(end).0 & !LegMask::first(start).0);
        for (start, end) in gaps(old, region) {
            self.remove(berth, start, end);
        }
        for (start, end) in gaps(new, region) {
            self.add(berth, start, end);
        }
    }

    /// How many berths of the pool are free on all these legs.
    pub fn free(&self, legs: LegRange) -> u16 {
        if legs.to > self.legs || legs.is_empty() {
            return 0;
        }
        let mut free = 0;
        for start in 0..=legs.from {
            let mut ends = self.ends_from(start, legs.to);
            while ends != 0 {
                free += self.cells[self.cell(start, ends.trailing_zeros() as u8)].count;
                ends &= ends - 1;
            }
        }
        free
    }

    /// Length of the shortest gap that holds the journey.
    pub fn tightest(&self, legs: LegRange) -> Option<u8> {
        if legs.to > self.legs || legs.is_empty() {
            return None;
        }
        let mut best = None;
        for start in (0..=legs.from).rev() {
            if best.is_some_and(|best| legs.to - start >= best) {
                break;
            }
            let ends = self.ends_from(start, legs.to);
            if ends != 0 {
                let len = ends.trailing_zeros() as u8 - start;
                best = Some(best.map_or(len, |best: u8| best.min(len)));
            }
        }
        best
    }

    /// Among the berths whose gap around the journey is as short as any: the lowest of the wanted
    /// type, else the lowest. `None` when no berth is free on the journey.
    pub fn find(
        &self,
        plan: &Plan,
        rows: &Rows,
        legs: LegRange,
        wanted: Option<BerthType>,
    ) -> Option<BerthIndex> {
        let len = self.tightest(legs)?;
        let (mut any, mut match_) = (None, None);
        for start in (legs.to.saturating_sub(len)..=legs.from).take_while(|s| s + len <= self.legs)
        {
            if self.ends[usize::from(start)] >> (start + len) & 1 == 1 {
                let found = self.lowest(plan, rows, (start, start + len), wanted);
                any = lower(any, found.0);
                match_ = lower(match_, found.1);
            }
        }
        match_.or(any)
    }

    /// The lowest berth of one cell, and the lowest of the wanted type.
    fn lowest(
        &self,
        plan: &Plan,
        rows: &Rows,
        (start, end): (u8, u8),
        wanted: Option<BerthType>,
    ) -> (Option<BerthIndex>, Option<BerthIndex>) {
        let cell = &self.cells[self.cell(start, end)];
        let route = LegMask::first(usize::from(self.legs)).0;
        // The gap with the leg before and the leg behind it, if the route has them: those two are
        // taken, the gap is free.
        let window = LegMask::first(usize::from(end) + 1).0
            & !LegMask::first(usize::from(start).saturating_sub(1)).0
            & route;
        let gap = LegRange { from: start, to: end }.mask().0;
        let border = LegMask(window & !gap);
        let berths = from_hint(&plan.pool(self.pool).berths, cell.hint.load(Relaxed));
        let (mut any, mut match_) = (None, None);
        let mut left = cell.count;
        rows.each_like(berths, LegMask(window), border, |berth| {
            any = any.or(Some(berth));
            left -= 1;
            if wanted.is_some_and(|wanted| plan.berth(berth).berth_type == wanted) {
                match_ = Some(berth);
            }
            wanted.is_some() && match_.is_none() && left > 0
        });
        if let Some(berth) = any {
            cell.hint.store(berth.0, Relaxed);
        }
        (any, match_)
    }

    fn add(&mut self, berth: BerthIndex, start: u8, end: u8) {
        let index = self.cell(start, end);
        let cell = &mut self.cells[index];
        let hint = cell.hint.get_mut();
        *hint = if cell.count == 0 { berth.0 } else { berth.0.min(*hint) };
        cell.count += 1;
        self.ends[usize::from(start)] |= 1 << end;
    }

    fn remove(&mut self, berth: BerthIndex, start: u8, end: u8) {
        let index = self.cell(start, end);
        let cell = &mut self.cells[index];
        assert!(cell.count > 0, "berth {berth} leaves gap {start}..{end}, which no berth has");
        cell.count -= 1;
        if cell.count == 0 {
            self.ends[usize::from(start)] &= !(1 << end);
        }
    }

    fn cell(&self, start: u8, end: u8) -> usize {
        let (start, end, legs) = (usize::from(start), usize::from(end), usize::from(self.legs));
        // Rows of legs, legs - 1, ... cells; `2 * legs + 1 >= start` keeps the product positive.
        start * (2 * legs + 1 - start) / 2 + end - start - 1
    }

    /// The ends of gaps from `start` that reach `to`; `to` <= 127.
    fn ends_from(&self, start: u8, to: u8) -> u128 {
        self.ends[usize::from(start)] & !LegMask::first(usize::from(to)).0
    }
}

/// Equal when they say the same; hints are a cache.
impl PartialEq for GapIndex {
    fn eq(&self, other: &Self) -> bool {
        let counts = |index: &Self| index.cells.iter().map(|c| c.count).collect::<Vec<_>>();
        (self.pool, self.legs, &self.ends) == (other.pool, other.legs, &other.ends)
            && counts(self) == counts(other)
    }
}
impl Eq for GapIndex {}

fn lower(a: Option<BerthIndex>, b: Option<BerthIndex>) -> Option<BerthIndex> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The berths from `hint` on. Most pools are one run of numbers, so the place is a subtraction.
fn from_hint(berths: &[BerthIndex], hint: u16) -> &[BerthIndex] {
    let first = berths.first().map_or(0, |b| b.0);
    let guess = usize::from(hint.saturating_sub(first));
    let place = match berths.get(guess) {
        Some(berth) if berth.0 == hint => guess,
        _ => berths.partition_point(|b| b.0 < hint),
    };
    &berths[place..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gap_of_is_total_and_exact() {
        for legs_count in [1u8, 2, 31, 32, 33, 63, 64, 65, 126, 127] {
            for taken in [0, 1, 0b100_0001, 1 << 31, 1 << 63 | 1, u128::MAX >> 2, u128::MAX] {
                for from in 0..=legs_count {
                    for to in 0..=127 {
                        let legs = LegRange { from, to };
                        let free = |leg: u8| taken >> leg & 1 == 0;
                        let fits = from < to && to <= legs_count && (from..to).all(free);
                        let naive = fits.then(|| {
                            let start = (0..from).rev().take_while(|l| free(*l)).count() as u8;
                            let end = (to..legs_count).take_while(|l| free(*l)).count() as u8;
                            (from - start, to + end)
                        });
                        assert_eq!(gap_of(LegMask(taken), legs, legs_count), naive);
                    }
                }
            }
        }
    }

    #[test]
    fn gaps_of_a_row() {
        let all = |taken, legs| gaps(LegMask(taken), LegMask::first(legs)).collect::<Vec<_>>();
        assert_eq!(all(0b0110_0100, 8), [(0, 2), (3, 5), (7, 8)]);
        assert_eq!(all(0, 127), [(0, 127)]);
        assert_eq!(all(u128::MAX, 127), []);
        assert_eq!(all(0, 128), [(0, 128)]);
    }

    #[test]
    fn the_lowest_berth_of_the_shortest_gap() {
        let plan = crate::plan::sample::of_bays(8, &[vec![vec![BerthType::Lower; 8]; 3]]);
        let mut rows = Rows::of(&plan);
        let mut index = GapIndex::build(PoolIndex(0), &rows, &plan);
        let legs = LegRange { from: 2, to: 4 };
        assert_eq!(index.find(&plan, &rows, legs, None), Some(BerthIndex(0)));
        for (berth, taken) in [(5, LegRange { from: 4, to: 6 }), (3, LegRange { from: 0, to: 1 })] {
            rows.hold(BerthIndex(berth), taken.mask());
            index.update(BerthIndex(berth), LegMask::EMPTY, taken.mask());
        }
        assert_eq!(index.tightest(legs), Some(4));
        assert_eq!(index.find(&plan, &rows, legs, None), Some(BerthIndex(5)));
        assert_eq!(index.free(legs), 24);
        assert_eq!(index.free(LegRange { from: 0, to: 8 }), 22);
        assert_eq!(index.free(LegRange { from: 0, to: 9 }), 0);
        assert_eq!(index, GapIndex::build(PoolIndex(0), &rows, &plan));
    }
}
