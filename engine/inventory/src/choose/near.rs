//! Which berths a party's search looks at, and what it knows before the first of them.
//!
//! The gap classes say what a set costs at least (the shortest gaps, one a head). Where no type is
//! required and no coach, that is the cheapest allowed set itself, so that what sitting together may
//! cost is known, and with it the longest gap that has a place in any set that matters: only berths
//! of those classes are looked at, and none behind the last of them. Few such berths are listed once
//! for all levels of the search. A pool without an index is scanned.

use arrayvec::ArrayVec;

use super::Wish;
use super::demand::Demand;
use crate::gaps::{Blocks, Shortest, Together, Within};
use crate::{BerthIndex, COHESION_LEGS_PER_HEAD, GapIndex, LegRange, Plan, Rows};

/// So many berths are few: a nearly full pool, or few tight gaps.
const FEW: usize = 64;

/// See the module.
pub(super) struct Near<'a> {
    looked_at: LookedAt<'a>,
    /// No set has less gap legs.
    pub(super) least: u32,
    /// No set has less in all its berths but one.
    pub(super) others: u32,
    /// Sets with more gap legs do not matter; `None` = the search has to find out.
    pub(super) limit: Option<u32>,
    /// What the pool has side by side.
    pub(super) together: Option<&'a Together>,
}

enum LookedAt<'a> {
    Few(ArrayVec<(BerthIndex, u8), FEW>),
    Many(Many<'a>),
}

struct Many<'a> {
    rows: &'a Rows,
    legs: LegRange,
    /// Berths of the pool, ascending.
    berths: &'a [BerthIndex],
    /// Those of its blocks that count.
    blocks: Blocks,
    /// Only gaps up to this many legs count.
    longest: u32,
    /// How many berths with such a gap there are, at most.
    count: usize,
}

impl<'a> Near<'a> {
    /// All free berths of a pool without an index.
    pub(super) fn anywhere(
        berths: &'a [BerthIndex],
        rows: &'a Rows,
        wish: &Wish,
        demand: &Demand,
    ) -> Self {
        let (legs, journey, heads) = (wish.legs, wish.legs.len(), demand.heads as u32);
        let (longest, count) = (rows.legs().into(), berths.len());
        Self {
            looked_at: LookedAt::Many(Many {
                rows,
                legs,
                berths,
                blocks: Blocks::ALL,
                longest,
                count,
            }),
            least: journey * heads,
            others: journey * heads.saturating_sub(1),
            limit: None,
            together: None,
        }
    }

    /// Those of a pool that its index names; how many are free when they are too few.
    pub(super) fn by_index(
        index: &'a GapIndex,
        plan: &'a Plan,
        rows: &'a Rows,
        wish: &Wish,
        demand: &Demand,
    ) -> Result<Self, u16> {
        let (legs, heads) = (wish.legs, demand.heads as u32);
        let Shortest { sum: least, longest } = index.shortest(legs, demand.heads)?;
        let others = least - longest;
        let free_choice = !wish.conditions.one_coach && !demand.is_hard();
        let limit = free_choice.then_some(least + COHESION_LEGS_PER_HEAD * heads);
        let longest = limit.map_or(rows.legs().into(), |limit| limit - others);
        let Within { berths: count, lowest } = index.within(legs, longest);
        let berths = plan.pool(index.pool()).berths.as_slice();
        let count = usize::from(count);
        // Where many berths are free, every block has one.
        let blocks = index.blocks((count <= FEW).then_some(legs), lowest);
        let many = Many { rows, legs, berths, blocks, longest, count };
        let looked_at = if count <= FEW {
            let mut few = ArrayVec::new();
            many.each(|berth, gap| {
                few.push((berth, gap));
                true
            });
            LookedAt::Few(few)
        } else {
            LookedAt::Many(many)
        };
        Ok(Self { looked_at, least, others, limit, together: Some(index.together()) })
    }

    /// Calls `visit` with the berths and their gaps, ascending, until it says stop (`false`).
    #[inline]
    pub(super) fn each(&self, mut visit: impl FnMut(BerthIndex, u8) -> bool) {
        match &self.looked_at {
            LookedAt::Few(few) => {
                few.iter().all(|(berth, gap)| visit(*berth, *gap));
            }
            LookedAt::Many(many) => many.each(visit),
        }
    }
}

impl Many<'_> {
    #[inline]
    fn each(&self, mut visit: impl FnMut(BerthIndex, u8) -> bool) {
        let mut left = self.count;
        self.blocks.each(self.berths, |berths| {
            self.rows.each_free(berths, self.legs, |berth, gap| {
                if u32::from(gap) > self.longest {
                    return true;
                }
                left -= 1;
                visit(berth, gap) && left > 0
            })
        });
    }
}
