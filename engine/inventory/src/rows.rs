//! Which legs of which berth are taken, sold and blocked: three bit sets a berth, bit 0 = first leg.
//!
//! `taken` is what is held, sold or blocked; held is what of it is neither sold nor blocked. The
//! three states never share a leg of a berth. Width is that of the route (`word`). Changes assert what they rely on: a violation is a broken invariant and
//! must stop the run, never be written down.

use core::ops::Range;

use crate::word::Word;
use crate::{BerthIndex, LEGS_MAX, LegMask, LegRange, Plan};

/// Berths looked at in one step of a scan.
const STEP: usize = 16;

/// What is taken and sold of one berth, side by side: whoever takes or frees a berth is asked for
/// both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Row<W> {
    taken: W,
    sold: W,
}

#[derive(Clone, Debug)]
struct Table<W> {
    rows: Box<[Row<W>]>,
    /// Empty as long as nothing was ever blocked, which is so for most runs.
    blocked: Box<[W]>,
}

impl<W: Word> Table<W> {
    fn new(berths: usize) -> Self {
        Self { rows: vec![Row::default(); berths].into(), blocked: Box::default() }
    }

    fn blocked(&self, berth: usize) -> W {
        // The places of an empty table are all past its end.
        self.blocked.get(berth).copied().unwrap_or_default()
    }

    fn held(&self, berth: usize) -> W {
        let row = self.rows[berth];
        row.taken.without(row.sold | self.blocked(berth))
    }

    fn allocated(&self, berth: usize) -> W {
        self.rows[berth].taken.without(self.blocked(berth))
    }

    /// What was taken before.
    #[inline]
    fn hold(&mut self, berth: usize, mask: W) -> W {
        let taken = &mut self.rows[berth].taken;
        let before = *taken;
        assert!(!before.intersects(mask), "hold of {mask:?} on berth {berth}, taken {before:?}");
        *taken = before | mask;
        before
    }

    fn sell(&mut self, berth: usize, mask: W) {
        let held = self.held(berth);
        assert!(mask.without(held).is_empty(), "sale of {mask:?} on berth {berth}, held {held:?}");
        let row = &mut self.rows[berth];
        row.sold = row.sold | mask;
    }

    /// What is taken afterwards.
    #[inline]
    fn free(&mut self, berth: usize, mask: W) -> W {
        let allocated = self.allocated(berth);
        let all = mask.without(allocated).is_empty();
        assert!(all, "freeing {mask:?} on berth {berth}, held or sold {allocated:?}");
        let row = &mut self.rows[berth];
        *row = Row { taken: row.taken.without(mask), sold: row.sold.without(mask) };
        row.taken
    }

    fn block(&mut self, berth: usize, mask: W) {
        let allocated = self.allocated(berth);
        let none = !allocated.intersects(mask);
        assert!(none, "block of {mask:?} on berth {berth}, held or sold {allocated:?}");
        if self.blocked.is_empty() {
            self.blocked = vec![W::default(); self.rows.len()].into();
        }
        let row = &mut self.rows[berth];
        row.taken = row.taken | mask;
        self.blocked[berth] = self.blocked[berth] | mask;
    }

    fn unblock(&mut self, berth: usize, mask: W) {
        let back = self.blocked(berth) & mask;
        if !back.is_empty() {
            let row = &mut self.rows[berth];
            row.taken = row.taken.without(back);
            self.blocked[berth] = self.blocked[berth].without(back);
        }
    }

    fn each_free(
        &self,
        berths: &[BerthIndex],
        legs: LegRange,
        route: u32,
        mut visit: impl FnMut(BerthIndex, u8) -> bool,
    ) -> bool {
        let (from, to) = (u32::from(legs.from), u32::from(legs.to));
        let wanted = W::narrow(legs.mask());
        let gap = |taken: W| {
            let (start, end) = taken.gap_around(from, to, route);
            (end - start) as u8
        };
        // Mostly the berths of a pool are one run of numbers, and then several rows are looked at
        // in one step.
        let first = match berths {
            [first, .., last] if usize::from(last.0 - first.0) + 1 == berths.len() => *first,
            _ => {
                return berths.iter().all(|berth| {
                    let taken = self.rows[usize::from(berth.0)].taken;
                    taken.intersects(wanted) || visit(*berth, gap(taken))
                });
            }
        };
        let first = usize::from(first.0);
        let rows = &self.rows[first..first + berths.len()];
        let free = |row: &Row<W>| !row.taken.intersects(wanted);
        for (step, rows) in rows.chunks(STEP).enumerate() {
            // Without a branch in it the compiler compares several rows at a time.
            if !rows.iter().fold(false, |any, row| any | free(row)) {
                continue;
            }
            let first = (first + step * STEP) as u16;
            for (row, berth) in rows.iter().zip(first..) {
                if free(row) && !visit(BerthIndex(berth), gap(row.taken)) {
                    return false;
                }
            }
        }
        true
    }

    fn open(&self, berths: Range<usize>, route: u32) -> W {
        let route = W::first(route);
        route.without(self.rows[berths].iter().fold(route, |all, row| all & row.taken))
    }

    fn each_like(
        &self,
        berths: Range<usize>,
        window: W,
        border: W,
        mut visit: impl FnMut(usize) -> bool,
    ) {
        let first = berths.start;
        let like = |row: &Row<W>| row.taken & window == border;
        // Mostly the very first is one, and the only one that is wanted.
        if self.rows.get(first).is_some_and(like) && berths.end > first && !visit(first) {
            return;
        }
        let first = first + 1;
        let berths = first..berths.end.max(first);
        for (step, rows) in self.rows[berths].chunks(STEP).enumerate() {
            // Without a branch in it the compiler compares several rows at a time.
            if !rows.iter().fold(false, |any, row| any | like(row)) {
                continue;
            }
            for (place, _) in rows.iter().enumerate().filter(|(_, row)| like(row)) {
                if !visit(first + step * STEP + place) {
                    return;
                }
            }
        }
    }
}

/// Whether the legs were ever blocked is not seen.
impl<W: Word> PartialEq for Table<W> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
            && (0..self.rows.len()).all(|berth| self.blocked(berth) == other.blocked(berth))
    }
}
impl<W: Word> Eq for Table<W> {}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Width {
    W32(Table<u32>),
    W64(Table<u64>),
    W128(Table<u128>),
}

/// Runs one expression for whichever width the table has.
macro_rules! each {
    ($width:expr, $table:ident => $body:expr) => {
        match $width {
            Width::W32($table) => $body,
            Width::W64($table) => $body,
            Width::W128($table) => $body,
        }
    };
}

/// The rows of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    legs: u8,
    width: Width,
}

impl Rows {
    /// Everything free. Panics unless `legs` is 1 to 127.
    pub fn new(berths: usize, legs: usize) -> Self {
        assert!((1..=LEGS_MAX).contains(&legs), "{legs} legs, 1 to {LEGS_MAX} are possible");
        let width = match legs {
            ..=32 => Width::W32(Table::new(berths)),
            33..=64 => Width::W64(Table::new(berths)),
            _ => Width::W128(Table::new(berths)),
        };
        Self { legs: legs as u8, width }
    }

    /// The rows of a run nobody has touched: free, except where a coach does not run.
    pub fn of(plan: &Plan) -> Self {
        let mut rows = Self::new(plan.places().len(), plan.legs_count());
        let route = plan.route();
        for coach in plan.coaches().iter().filter(|c| c.legs != route) {
            let outside = LegMask(route.mask().0 & !coach.legs.mask().0);
            for berth in (coach.first.0..coach.first.0 + coach.count).map(BerthIndex) {
                rows.block(berth, outside);
                for half in plan.halves(berth).into_iter().flatten() {
                    rows.block(half, outside);
                }
            }
        }
        rows
    }

    /// Number of berths.
    pub fn berths(&self) -> usize {
        each!(&self.width, t => t.rows.len())
    }

    /// Number of legs of the route.
    pub const fn legs(&self) -> u8 {
        self.legs
    }

    /// Legs held, sold or blocked.
    pub fn taken(&self, berth: BerthIndex) -> LegMask {
        each!(&self.width, t => t.rows[usize::from(berth.0)].taken.mask())
    }

    /// Legs held.
    pub fn held(&self, berth: BerthIndex) -> LegMask {
        each!(&self.width, t => t.held(usize::from(berth.0)).mask())
    }

    /// Legs sold.
    pub fn sold(&self, berth: BerthIndex) -> LegMask {
        each!(&self.width, t => t.rows[usize::from(berth.0)].sold.mask())
    }

    /// Legs out of sale.
    pub fn blocked(&self, berth: BerthIndex) -> LegMask {
        each!(&self.width, t => t.blocked(usize::from(berth.0)).mask())
    }

    /// Whether no leg of the set is taken.
    pub fn is_free(&self, berth: BerthIndex, mask: LegMask) -> bool {
        !self.taken(berth).intersects(mask)
    }

    // Not inlined: in the loop over a party the compiler would compute the masks of every width
    // ahead of it.

    /// The free legs of a journey become held; what was taken before.
    #[inline(never)]
    pub(crate) fn hold_trip(&mut self, berth: BerthIndex, legs: LegRange) -> LegMask {
        let (from, to) = self.trip(legs);
        each!(&mut self.width, t => t.hold(usize::from(berth.0), Word::range(from, to)).mask())
    }

    /// The held legs of a journey become sold.
    pub(crate) fn sell_trip(&mut self, berth: BerthIndex, legs: LegRange) {
        let (from, to) = self.trip(legs);
        each!(&mut self.width, t => t.sell(usize::from(berth.0), Word::range(from, to)));
    }

    /// The held or sold legs of a journey become free; what is taken afterwards.
    #[inline(never)]
    pub(crate) fn free_trip(&mut self, berth: BerthIndex, legs: LegRange) -> LegMask {
        let (from, to) = self.trip(legs);
        each!(&mut self.width, t => t.free(usize::from(berth.0), Word::range(from, to)).mask())
    }

    #[inline]
    fn trip(&self, legs: LegRange) -> (u32, u32) {
        assert!(legs.to <= self.legs, "{legs} is outside the route of {} legs", self.legs);
        (legs.from.into(), legs.to.into())
    }

    /// Free legs become held.
    pub fn hold(&mut self, berth: BerthIndex, mask: LegMask) {
        self.inside(mask);
        each!(&mut self.width, t => {
            t.hold(usize::from(berth.0), Word::narrow(mask));
        });
    }

    /// Held legs become sold.
    pub fn sell(&mut self, berth: BerthIndex, mask: LegMask) {
        self.inside(mask);
        each!(&mut self.width, t => t.sell(usize::from(berth.0), Word::narrow(mask)));
    }

    /// Held or sold legs become free.
    pub fn free(&mut self, berth: BerthIndex, mask: LegMask) {
        self.inside(mask);
        each!(&mut self.width, t => {
            t.free(usize::from(berth.0), Word::narrow(mask));
        });
    }

    /// Free legs go out of sale; legs that are out already stay so.
    pub fn block(&mut self, berth: BerthIndex, mask: LegMask) {
        self.inside(mask);
        each!(&mut self.width, t => t.block(usize::from(berth.0), Word::narrow(mask)));
    }

    /// Blocked legs become free; legs that were not blocked keep their state. A leg on which the
    /// coach does not run must not be in `mask`.
    pub fn unblock(&mut self, berth: BerthIndex, mask: LegMask) {
        self.inside(mask);
        each!(&mut self.width, t => t.unblock(usize::from(berth.0), Word::narrow(mask)));
    }

    /// Calls `visit` with every berth of `berths` that is free on all of `legs` and the length of
    /// the free gap around them, in the order given, until it says stop (`false`); whether it did
    /// not.
    pub(crate) fn each_free(
        &self,
        berths: &[BerthIndex],
        legs: LegRange,
        visit: impl FnMut(BerthIndex, u8) -> bool,
    ) -> bool {
        let route = u32::from(self.legs);
        if u32::from(legs.to) > route {
            return true;
        }
        each!(&self.width, t => t.each_free(berths, legs, route, visit))
    }

    /// The legs that some berth of these has free.
    pub(crate) fn open(&self, berths: Range<usize>) -> LegMask {
        each!(&self.width, t => t.open(berths, self.legs.into()).mask())
    }

    /// Calls `visit` with every berth whose taken legs inside `window` are exactly `border`,
    /// ascending, until it says stop (`false`). The words are of the route's width.
    #[inline]
    pub(crate) fn each_like<W: Word>(
        &self,
        berths: Range<usize>,
        window: W,
        border: W,
        visit: impl FnMut(usize) -> bool,
    ) {
        let (window, border) = (window.mask(), border.mask());
        each!(&self.width, t => {
            t.each_like(berths, Word::narrow(window), Word::narrow(border), visit);
        });
    }

    fn inside(&self, mask: LegMask) {
        let outside = mask.0 >> self.legs;
        assert!(outside == 0, "{mask:?} is outside the route of {} legs", self.legs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const B: BerthIndex = BerthIndex(1);

    fn range(from: u8, to: u8) -> LegMask {
        LegRange { from, to }.mask()
    }

    #[test]
    fn states_are_disjoint_at_every_width() {
        for legs in [1, 2, 31, 32, 33, 63, 64, 65, 126, 127] {
            let mut rows = Rows::new(3, usize::from(legs));
            let last = range(legs - 1, legs);
            rows.hold(B, last);
            assert_eq!((rows.held(B), rows.sold(B)), (last, LegMask::EMPTY), "{legs}");
            rows.sell(B, last);
            assert_eq!((rows.held(B), rows.sold(B)), (LegMask::EMPTY, last), "{legs}");
            assert!(!rows.is_free(B, range(0, legs)) && rows.is_free(BerthIndex(0), last));
            rows.free(B, last);
            rows.block(B, range(0, legs));
            assert_eq!((rows.taken(B), rows.blocked(B)), (range(0, legs), range(0, legs)));
            rows.unblock(B, range(0, legs));
            assert_eq!(rows, Rows::new(3, usize::from(legs)));
        }
    }

    #[test]
    fn a_block_is_a_union_and_an_unblock_leaves_the_rest() {
        let mut rows = Rows::new(2, 10);
        rows.hold(B, range(0, 2));
        rows.block(B, range(4, 6));
        rows.block(B, range(5, 8));
        assert_eq!(rows.blocked(B), range(4, 8));
        rows.unblock(B, range(0, 6));
        assert_eq!((rows.held(B), rows.blocked(B)), (range(0, 2), range(6, 8)));
    }

    #[test]
    fn a_coach_that_does_not_run_is_blocked() {
        let mut entry = crate::plan::sample::entry(6, &["S1:SL", "S2:SL"]);
        entry.coaches[1].stops = Some((2, 4));
        let plan = Plan::new(&entry, crate::PlanHash([0; 32])).unwrap();
        let rows = Rows::of(&plan);
        assert_eq!(rows.taken(BerthIndex(79)), LegMask::EMPTY);
        assert_eq!(rows.blocked(BerthIndex(80)), LegMask(0b11001));
    }

    #[test]
    fn broken_preconditions_panic() {
        type Step = fn(&mut Rows);
        let steps: [(&str, Step); 7] = [
            ("hold of a held leg", |r| r.hold(B, range(1, 3))),
            ("hold outside the route", |r| r.hold(B, range(9, 11))),
            ("sale of a free leg", |r| r.sell(B, range(0, 3))),
            ("freeing a free leg", |r| r.free(B, range(5, 6))),
            ("freeing a blocked leg", |r| r.free(B, range(8, 9))),
            ("block of a held leg", |r| r.block(B, range(0, 1))),
            ("unblock outside the route", |r| r.unblock(B, range(0, 11))),
        ];
        for (what, step) in steps {
            let outcome = std::panic::catch_unwind(|| {
                let mut rows = Rows::new(2, 10);
                rows.hold(B, range(0, 2));
                rows.block(B, range(8, 9));
                step(&mut rows);
            });
            assert!(outcome.is_err(), "{what} was let through");
        }
    }
}
