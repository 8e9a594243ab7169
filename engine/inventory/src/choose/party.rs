//! The cheapest set of berths inside one bay, one coach, or anywhere.
//!
//! Exact without looking at sets. Inside one type a best set holds the berths that come first by
//! (gap, index): swapping in an earlier one never makes the key worse. So a set is "how many of each
//! type", the cost of one more of a type never falls, and a wish met by it is only worth something
//! for the first so many of a type: a separable convex problem under lower bounds per type, for
//! which taking first what is required and then always the cheapest next berth is optimal. Ties go
//! to a berth that meets a wish still unmet, then to the lowest index; whichever tied berths are
//! left, taking the lowest of them makes the ascending tuple smallest. Sets with so many of each type
//! are the bases of a matroid, so once the berths seen hold a set that reaches the lowest possible
//! (cost, unmet), no later berth has a place in the best one and the search may stop.

use arrayvec::ArrayVec;

use super::Wish;
use super::demand::{ByType, Demand, TYPES};
use crate::{BerthIndex, COHESION_LEGS_PER_HEAD, PARTY_MAX, Plan, Rows};

/// How close together a set is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Bay,
    Coach,
    Anywhere,
}

/// A set with its key: compares as the definition does.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Set {
    /// Sum of the gaps: the cost plus a constant.
    gaps: u32,
    unmet: u8,
    berths: ArrayVec<BerthIndex, PARTY_MAX>,
}

/// The party's search: where, on which journey, for what.
pub(super) struct Search<'a> {
    pub(super) plan: &'a Plan,
    pub(super) rows: &'a Rows,
    /// The berths of the pool, ascending.
    pub(super) berths: &'a [BerthIndex],
    pub(super) wish: &'a Wish,
    pub(super) demand: &'a Demand,
    /// No free berth has a shorter gap: the tightest of the index, or the journey itself.
    pub(super) least: u8,
}

/// What can be left out of a search.
struct Bounds {
    /// Sets with more gap legs than this do not matter.
    limit: u32,
    /// No set is below this (gaps, unmet).
    floor: (u32, u8),
}

impl Search<'_> {
    /// The berths of the party, ascending; `None` when no allowed set exists.
    pub(super) fn choose(&self) -> Option<ArrayVec<BerthIndex, PARTY_MAX>> {
        let widest = if self.wish.conditions.one_coach { Level::Coach } else { Level::Anywhere };
        let heads = self.demand.heads as u32;
        let floor = (heads * u32::from(self.least), 0);
        let cheapest = self.best_at(widest, &Bounds { limit: u32::MAX, floor })?;
        if self.in_one_bay(&cheapest.berths) {
            // The best of all sets is also the best of those in a bay.
            return Some(cheapest.berths);
        }
        let limit = cheapest.gaps + COHESION_LEGS_PER_HEAD * heads;
        let bounds = Bounds { limit, floor: (cheapest.gaps, cheapest.unmet) };
        for level in [Level::Bay, Level::Coach] {
            if level != widest
                && let Some(set) = self.best_at(level, &bounds)
            {
                return Some(set.berths);
            }
        }
        Some(cheapest.berths)
    }

    fn in_one_bay(&self, berths: &[BerthIndex]) -> bool {
        let place = |b: &BerthIndex| (self.plan.berth(*b).coach, self.plan.berth(*b).bay);
        berths.iter().all(|b| place(b) == place(&berths[0]))
    }

    /// The best allowed set inside one region of this level, within the bounds. Regions and berths
    /// come in ascending order, so the first set that reaches the floor is the best.
    fn best_at(&self, level: Level, bounds: &Bounds) -> Option<Set> {
        let heads = self.demand.heads;
        let others = heads.saturating_sub(1) as u32 * u32::from(self.least);
        let mut limit = bounds.limit;
        let mut best: Option<Set> = None;
        let mut region = (0, 0);
        let mut tops = Tops::new(heads);
        // Berths seen with the shortest gap, and at how many it is worth looking for a perfect set.
        let (mut tight, mut look_at) = (0, heads);
        self.rows.each_free(self.berths, self.wish.legs, |berth, gap| {
            if u32::from(gap) + others > limit {
                return true;
            }
            let row = self.plan.berth(berth);
            let here = match level {
                Level::Bay => (row.coach, row.bay),
                Level::Coach => (row.coach, 0),
                Level::Anywhere => (0, 0),
            };
            if here != region {
                region = here;
                tops.close(self.demand, &mut best);
                if let Some(set) = &best {
                    limit = limit.min(set.gaps);
                    if (set.gaps, set.unmet) == bounds.floor {
                        return false;
                    }
                }
            }
            tops.offer(row.berth_type as usize, gap, berth);
            if level == Level::Anywhere && gap == self.least {
                tight += 1;
                if tight == look_at {
                    look_at *= 2;
                    let set = tops.pick(self.demand);
                    return set.is_none_or(|set| (set.gaps, set.unmet) != bounds.floor);
                }
            }
            true
        });
        tops.close(self.demand, &mut best);
        best.filter(|set| set.gaps <= bounds.limit)
    }
}

/// The first berths of each type by (gap, index), as many as a party can need.
struct Tops {
    heads: usize,
    /// Berths offered, of whatever type.
    offered: usize,
    lists: ByType<ArrayVec<(u8, BerthIndex), PARTY_MAX>>,
}

impl Tops {
    fn new(heads: usize) -> Self {
        Self { heads, offered: 0, lists: [const { ArrayVec::new_const() }; TYPES] }
    }

    /// One more berth; indexes ascend from call to call.
    fn offer(&mut self, berth_type: usize, gap: u8, berth: BerthIndex) {
        self.offered += 1;
        let list = &mut self.lists[berth_type];
        if list.len() == self.heads {
            if list.last().is_none_or(|(worst, _)| *worst <= gap) {
                return;
            }
            list.pop();
        }
        let place = list.iter().rposition(|(g, _)| *g <= gap).map_or(0, |place| place + 1);
        list.insert(place, (gap, berth));
    }

    /// Ends a region: keeps its set if it is better, and forgets the region.
    fn close(&mut self, demand: &Demand, best: &mut Option<Set>) {
        if self.offered >= self.heads
            && let Some(set) = self.pick(demand)
            && best.as_ref().is_none_or(|best| set < *best)
        {
            *best = Some(set);
        }
        if self.offered > 0 {
            self.offered = 0;
            self.lists.iter_mut().for_each(ArrayVec::clear);
        }
    }

    /// The best allowed set of the region.
    fn pick(&self, demand: &Demand) -> Option<Set> {
        let mut set = Set { gaps: 0, unmet: 0, berths: ArrayVec::new() };
        let mut has: ByType<u8> = [0; TYPES];
        if demand.required.iter().map(|n| usize::from(*n)).sum::<usize>() > demand.heads {
            return None;
        }
        for (berth_type, required) in demand.required.iter().enumerate() {
            for _ in 0..*required {
                self.take(berth_type, &mut has, &mut set)?;
            }
        }
        while set.berths.len() < demand.heads {
            let mut next = None;
            for (berth_type, list) in self.lists.iter().enumerate() {
                let taken = has[berth_type];
                if let Some((gap, berth)) = list.get(usize::from(taken)) {
                    let key = (*gap, taken >= demand.wished[berth_type], *berth, berth_type);
                    if next.is_none_or(|next| key < next) {
                        next = Some(key);
                    }
                }
            }
            let (_, _, _, berth_type) = next?;
            self.take(berth_type, &mut has, &mut set)?;
        }
        set.unmet = demand.unmet(&has);
        set.berths.sort_unstable();
        Some(set)
    }

    fn take(&self, berth_type: usize, has: &mut ByType<u8>, set: &mut Set) -> Option<()> {
        let (gap, berth) = self.lists[berth_type].get(usize::from(has[berth_type]))?;
        has[berth_type] += 1;
        set.gaps += u32::from(*gap);
        set.berths.push(*berth);
        Some(())
    }
}
