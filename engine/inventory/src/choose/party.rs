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
//!
//! Which berths are looked at at all is `near`'s; a region's best set is `tops`'s.

use arrayvec::ArrayVec;

use super::Wish;
use super::demand::Demand;
use super::near::Near;
use super::tops::{Set, Tops};
use crate::{BerthIndex, COHESION_LEGS_PER_HEAD, PARTY_MAX, Plan};

/// How close together a set is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Bay,
    Coach,
    Anywhere,
}

/// The party's search: where, on which journey, for what.
pub(super) struct Search<'a> {
    pub(super) plan: &'a Plan,
    pub(super) wish: &'a Wish,
    pub(super) demand: &'a Demand,
    pub(super) near: Near<'a>,
}

/// What can be left out of a search.
#[derive(Clone, Copy)]
struct Bounds {
    /// Sets with more gap legs than this do not matter.
    limit: u32,
    /// No set is below this (gaps, unmet).
    floor: (u32, u8),
}

impl Search<'_> {
    /// The berths of the party, ascending; `None` when no allowed set exists.
    pub(super) fn choose(&self) -> Option<ArrayVec<BerthIndex, PARTY_MAX>> {
        let floor = (self.near.least, 0);
        if let Some(limit) = self.near.limit {
            let bounds = Bounds { limit, floor };
            let levels = [Level::Bay, Level::Coach, Level::Anywhere];
            return levels.into_iter().find_map(|level| Some(self.best_at(level, bounds)?.berths));
        }
        let widest = if self.wish.conditions.one_coach { Level::Coach } else { Level::Anywhere };
        let cheapest = self.best_at(widest, Bounds { limit: u32::MAX, floor })?;
        if self.in_one_bay(&cheapest.berths) {
            // The best of all sets is also the best of those in a bay.
            return Some(cheapest.berths);
        }
        let limit = cheapest.gaps + COHESION_LEGS_PER_HEAD * self.demand.heads as u32;
        let bounds = Bounds { limit, floor: cheapest.worth() };
        for level in [Level::Bay, Level::Coach] {
            if level != widest
                && let Some(set) = self.best_at(level, bounds)
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
    fn best_at(&self, level: Level, bounds: Bounds) -> Option<Set> {
        let most = match level {
            Level::Bay => self.near.together.map(|together| &together.bay),
            Level::Coach => self.near.together.map(|together| &together.coach),
            Level::Anywhere => None,
        };
        if most.is_some_and(|most| self.demand.is_beyond(most)) {
            return None;
        }
        // No set of this level leaves fewer wishes unmet, whatever it costs.
        let unmet = most.map_or(0, |most| self.demand.unmet(most));
        let floor = (bounds.floor.0, bounds.floor.1.max(unmet));
        let mut limit = bounds.limit;
        let mut best: Option<Set> = None;
        let mut region = (0, 0);
        let mut tops = Tops::new(self.demand);
        // At how many berths of a region it is worth looking for a set that reaches the floor.
        let mut look_at = self.demand.heads;
        self.near.each(|berth, gap| {
            if u32::from(gap) + self.near.others > limit {
                return true;
            }
            let row = self.plan.berth(berth);
            let here = match level {
                Level::Bay => (row.coach, row.bay),
                Level::Coach => (row.coach, 0),
                Level::Anywhere => (0, 0),
            };
            if here != region {
                (region, look_at) = (here, self.demand.heads);
                if let Some(set) = tops.close(best.as_ref().map(Set::worth)) {
                    let found = set.worth();
                    best = Some(set);
                    if found == floor {
                        return false;
                    }
                    // A later region must be cheaper, or as cheap and have fewer wishes unmet.
                    limit = limit.min(found.0 - u32::from(found.1 <= unmet));
                }
            }
            tops.offer(row.berth_type as usize, gap, berth);
            // A bay is soon at its end.
            if tops.offered == look_at && (level != Level::Bay || tops.gaps == floor.0) {
                look_at *= 2;
                return tops.worth() != Some(floor);
            }
            true
        });
        let last = tops.close(best.as_ref().map(Set::worth));
        last.or(best).filter(|set| set.gaps <= bounds.limit)
    }
}
