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

/// Runs one expression for whichever width the index has.
macro_rules! each {
    ($width:expr, $gaps:ident => $body:expr) => {
        match $width {
            Width::W32($gaps) => $body,
            Width::W64($gaps) => $body,
            Width::W128($gaps) => $body,
        }
    };
}

mod open;
mod reach;
mod together;

use core::sync::atomic::{AtomicU16, Ordering::Relaxed};

use crate::foresee::address;
use crate::word::Word;
use crate::{BerthIndex, BerthType, INDEX_MIN_BERTHS, LegMask, LegRange, Plan, PoolIndex, Rows};
pub(crate) use open::Blocks;
pub(crate) use reach::{Shortest, Within};
pub(crate) use together::{ByType, TYPES, Together};

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

#[derive(Debug, Default)]
struct Cell {
    /// Berths with this gap.
    count: u16,
    /// No berth below this one has it. A cache: it makes a search shorter, never another.
    hint: AtomicU16,
}

impl Cell {
    #[inline]
    fn hint(&self) -> u16 {
        self.hint.load(Relaxed)
    }
}

/// Which pool, in eight bytes.
#[derive(Clone, Copy, Debug)]
struct Place {
    pool: PoolIndex,
    /// Legs of the route.
    legs: u8,
    /// Whether its berths are one run of numbers; else others' stand between them.
    is_run: bool,
    /// Berths of one of its blocks, as a power of two.
    block: u8,
    /// Its first berth, and one after its last.
    first: u16,
    end: u16,
}

impl Place {
    fn of(plan: &Plan, pool: PoolIndex) -> Self {
        let berths = plan.pool(pool).berths.as_slice();
        let (first, end) = match berths {
            [first, .., last] => (first.0, last.0 + 1),
            [only] => (only.0, only.0 + 1),
            [] => (0, 0),
        };
        let is_run = usize::from(end - first) == berths.len();
        let legs = plan.legs_count() as u8;
        Self { pool, legs, is_run, block: open::block(end - first), first, end }
    }
}

/// Counts in the width of the route. What every command of the pool looks at comes to one cache line
/// with the width.
#[derive(Debug)]
struct Gaps<W> {
    /// Per start, bit `e - 1` = some berth has the gap `[s, e)`.
    ends: Box<[W]>,
    /// Row by row of starts, ends ascending: cell `(s, e)` for `s < e`.
    cells: Box<[Cell]>,
    /// Blocks in which a berth changed since they were looked at.
    stale: u64,
    for_parties: Box<ForParties<W>>,
    place: Place,
}

/// What only a party is searched by.
#[derive(Debug)]
struct ForParties<W> {
    together: Together,
    open: Box<[W]>,
}

impl<W: Word> Gaps<W> {
    fn new(place: Place, together: Together) -> Self {
        let legs = usize::from(place.legs);
        Self {
            place,
            stale: u64::MAX,
            for_parties: Box::new(ForParties { together, open: open::unknown(place) }),
            ends: vec![W::default(); legs].into(),
            cells: (0..legs * (legs + 1) / 2).map(|_| Cell::default()).collect(),
        }
    }

    #[inline]
    fn legs(&self) -> u32 {
        self.place.legs.into()
    }

    fn count(&mut self, berth: BerthIndex, taken: LegMask) {
        W::narrow(taken).each_gap(W::first(self.legs()), |start, end| self.add(berth, start, end));
    }

    fn update(&mut self, berth: BerthIndex, old: LegMask, new: LegMask) {
        let (old, new) = (W::narrow(old), W::narrow(new));
        let changed = old ^ new;
        if changed.is_empty() {
            return;
        }
        self.touch(berth);
        // Only gaps that touch a changed leg differ: from after the last leg taken (in both) below
        // the change up to the first leg taken above it.
        let (lowest, highest) = (changed.trailing_zeros(), W::BITS - changed.leading_zeros());
        let (start, end) = old.gap_around(lowest, highest, self.legs());
        let region = W::range(start, end);
        old.each_gap(region, |start, end| self.remove(berth, start, end));
        new.each_gap(region, |start, end| self.add(berth, start, end));
    }

    fn free(&self, (from, to): (u32, u32)) -> u16 {
        let mut free = 0;
        for start in 0..=from {
            let mut ends = self.ends_from(start, to);
            while !ends.is_empty() {
                let end = ends.trailing_zeros() + 1;
                free += self.cells[self.cell(start, end)].count;
                ends = ends.without(W::first(end));
            }
        }
        free
    }

    /// Length of the shortest gap around the journey, and where those of that length begin.
    #[inline]
    fn tightest(&self, (from, to): (u32, u32)) -> Option<(u32, W)> {
        let too_short = W::first(to - 1);
        let (mut best, mut starts) = (u32::MAX, W::default());
        // From the journey's own start back; what begins further back is at least that much longer.
        let (mut start, mut least) = (from, to - from);
        loop {
            let ends = self.ends[start as usize].without(too_short);
            if !ends.is_empty() {
                let len = ends.trailing_zeros() + 1 - start;
                if len < best {
                    (best, starts) = (len, W::default());
                }
                if len == best {
                    starts = starts | bit(start + 1);
                }
            }
            if start == 0 || least >= best {
                break;
            }
            (start, least) = (start - 1, least + 1);
        }
        (best != u32::MAX).then_some((best, starts))
    }

    /// A berth is taken on `from..to`, where it was free with `before` taken.
    #[inline]
    fn take(&mut self, berth: BerthIndex, (from, to): (u32, u32), before: W) {
        self.touch(berth);
        let (start, end) = before.gap_around(from, to, self.legs());
        self.remove(berth, start, end);
        if start < from {
            self.add(berth, start, from);
        }
        if to < end {
            self.add(berth, to, end);
        }
    }

    /// A berth is free on `from..to`, all of which was taken; `after` is taken now.
    #[inline]
    fn give(&mut self, berth: BerthIndex, (from, to): (u32, u32), after: W) {
        self.touch(berth);
        let (start, end) = after.gap_around(from, to, self.legs());
        if start < from {
            self.remove(berth, start, from);
        }
        if to < end {
            self.remove(berth, to, end);
        }
        self.add(berth, start, end);
    }

    #[inline]
    fn add(&mut self, berth: BerthIndex, start: u32, end: u32) {
        let index = self.cell(start, end);
        let cell = &mut self.cells[index];
        let hint = cell.hint.get_mut();
        *hint = if cell.count == 0 { berth.0 } else { berth.0.min(*hint) };
        cell.count += 1;
        let ends = &mut self.ends[start as usize];
        *ends = *ends | bit(end);
    }

    #[inline]
    fn remove(&mut self, berth: BerthIndex, start: u32, end: u32) {
        let index = self.cell(start, end);
        let cell = &mut self.cells[index];
        assert!(cell.count > 0, "berth {berth} leaves gap {start}..{end}, which no berth has");
        cell.count -= 1;
        if cell.count == 0 {
            let ends = &mut self.ends[start as usize];
            *ends = ends.without(bit(end));
        }
    }

    #[inline]
    fn cell(&self, start: u32, end: u32) -> usize {
        // Rows of legs, legs - 1, ... cells; `2 * legs + 1 >= start` keeps the product positive.
        (start * (2 * self.legs() + 1 - start) / 2 + end - start - 1) as usize
    }

    /// The ends of gaps from `start` that reach `to`.
    fn ends_from(&self, start: u32, to: u32) -> W {
        self.ends[start as usize].without(W::first(to - 1))
    }
}

/// The bit of an end, and of the start before it.
#[inline]
fn bit<W: Word>(end: u32) -> W {
    W::range(end - 1, end)
}

#[derive(Debug)]
enum Width {
    W32(Gaps<u32>),
    W64(Gaps<u64>),
    W128(Gaps<u128>),
}

/// The gap-class index of one pool.
#[derive(Debug)]
#[repr(align(64))]
pub struct GapIndex {
    width: Width,
}
const _: () = assert!(size_of::<Option<GapIndex>>() == 64);

impl GapIndex {
    /// Whether a pool is large enough for an index.
    pub fn is_worth_it(plan: &Plan, pool: PoolIndex) -> bool {
        plan.pool(pool).berths.len() > INDEX_MIN_BERTHS
    }

    /// Counts the gaps of a pool as its rows are now.
    pub fn build(pool: PoolIndex, rows: &Rows, plan: &Plan) -> Self {
        let berths = &plan.pool(pool).berths;
        let (place, together) = (Place::of(plan, pool), Together::of(plan, berths));
        let mut width = match place.legs {
            ..=32 => Width::W32(Gaps::new(place, together)),
            33..=64 => Width::W64(Gaps::new(place, together)),
            _ => Width::W128(Gaps::new(place, together)),
        };
        for berth in berths {
            each!(&mut width, gaps => gaps.count(*berth, rows.taken(*berth)));
        }
        let mut index = Self { width };
        index.look_again(rows);
        index
    }

    #[inline]
    fn place(&self) -> Place {
        each!(&self.width, gaps => gaps.place)
    }

    /// The pool it is of.
    pub fn pool(&self) -> PoolIndex {
        self.place().pool
    }

    /// A berth of the pool changed from `old` to `new` taken legs.
    pub fn update(&mut self, berth: BerthIndex, old: LegMask, new: LegMask) {
        each!(&mut self.width, gaps => gaps.update(berth, old, new));
    }

    /// A berth of the pool is taken on a journey, where it was free with `before` taken.
    #[inline(never)]
    pub(crate) fn take(&mut self, berth: BerthIndex, legs: LegRange, before: LegMask) {
        let trip = (legs.from.into(), legs.to.into());
        each!(&mut self.width, gaps => gaps.take(berth, trip, Word::narrow(before)));
    }

    /// A berth of the pool is free on a journey, all of which was taken; `after` is taken now.
    #[inline(never)]
    pub(crate) fn give(&mut self, berth: BerthIndex, legs: LegRange, after: LegMask) {
        let trip = (legs.from.into(), legs.to.into());
        each!(&mut self.width, gaps => gaps.give(berth, trip, Word::narrow(after)));
    }

    /// How many berths of the pool are free on all these legs.
    pub fn free(&self, legs: LegRange) -> u16 {
        let Some(legs) = self.inside(legs) else { return 0 };
        each!(&self.width, gaps => gaps.free(legs))
    }

    /// The most berths of each type that its pool has together.
    pub(crate) fn together(&self) -> &Together {
        each!(&self.width, gaps => &gaps.for_parties.together)
    }

    /// Where a search for this journey begins.
    #[inline]
    pub(crate) fn foresee(&self, legs: LegRange, fetch: impl Fn(*const u8)) {
        let Some((from, _)) = self.inside(legs) else { return };
        each!(&self.width, gaps => {
            fetch(address(&gaps.ends[0]));
            fetch(address(&gaps.ends[from as usize]));
            fetch(address(&gaps.cells[gaps.cell(0, gaps.legs())]));
        });
    }

    fn inside(&self, legs: LegRange) -> Option<(u32, u32)> {
        let fits = legs.to <= self.place().legs && !legs.is_empty();
        fits.then_some((legs.from.into(), legs.to.into()))
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
        let (from, to) = self.inside(legs)?;
        each!(&self.width, gaps => gaps.find(plan, rows, (from, to), wanted))
    }
}

impl<W: Word> Gaps<W> {
    #[inline]
    fn find(
        &self,
        plan: &Plan,
        rows: &Rows,
        trip: (u32, u32),
        wanted: Option<BerthType>,
    ) -> Option<BerthIndex> {
        let (len, mut starts) = self.tightest(trip)?;
        let (mut any, mut match_) = (None, None);
        while !starts.is_empty() {
            let start = starts.trailing_zeros();
            starts = starts.without(W::first(start + 1));
            let found = self.lowest(plan, rows, (start, start + len), wanted);
            any = lower(any, found.0);
            match_ = lower(match_, found.1);
        }
        match_.or(any)
    }

    /// The lowest berth with one gap, and the lowest of the wanted type.
    #[inline]
    fn lowest(
        &self,
        plan: &Plan,
        rows: &Rows,
        (start, end): (u32, u32),
        wanted: Option<BerthType>,
    ) -> (Option<BerthIndex>, Option<BerthIndex>) {
        let cell = &self.cells[self.cell(start, end)];
        // The gap with the leg before and the leg behind it, if the route has them: those two are
        // taken, the gap is free.
        let window = W::range(start.saturating_sub(1), self.legs().min(end + 1));
        let border = window.without(W::range(start, end));
        let hint = cell.hint();
        let Place { pool, is_run, first, end: last, .. } = self.place;
        let (mut any, mut match_) = (None, None);
        let mut left = cell.count;
        rows.each_like(usize::from(hint.max(first))..usize::from(last), window, border, |berth| {
            let berth = BerthIndex(berth as u16);
            // Between the runs of a pool stand berths of others.
            if !is_run && plan.berth(berth).pool != pool {
                return true;
            }
            any = any.or(Some(berth));
            left -= 1;
            if wanted.is_some_and(|wanted| plan.berth(berth).berth_type == wanted) {
                match_ = Some(berth);
            }
            wanted.is_some() && match_.is_none() && left > 0
        });
        if let Some(berth) = any
            && berth.0 != hint
        {
            cell.hint.store(berth.0, Relaxed);
        }
        (any, match_)
    }
}

/// Equal when they say the same; hints are a cache.
impl PartialEq for GapIndex {
    fn eq(&self, other: &Self) -> bool {
        fn counts(index: &GapIndex) -> Vec<u16> {
            each!(&index.width, gaps => gaps.cells.iter().map(|cell| cell.count).collect())
        }
        self.pool() == other.pool() && counts(self) == counts(other)
    }
}
impl Eq for GapIndex {}

fn lower(a: Option<BerthIndex>, b: Option<BerthIndex>) -> Option<BerthIndex> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
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
        assert_eq!(index.find(&plan, &rows, legs, None), Some(BerthIndex(5)));
        assert_eq!(index.free(legs), 24);
        assert_eq!(index.free(LegRange { from: 0, to: 8 }), 22);
        assert_eq!(index.free(LegRange { from: 0, to: 9 }), 0);
        assert_eq!(index, GapIndex::build(PoolIndex(0), &rows, &plan));
    }
}
