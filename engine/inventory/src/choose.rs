//! Which berths a party gets: one lexicographic key, the same answer every time.
//!
//! Only berths of the pool that are free on every leg of the journey count (a leg on which a coach
//! does not run is blocked). For `n` passengers who need a berth:
//!
//! 1. *Cost* of a set = sum over its berths of (free gap around the journey - journey), in legs. A
//!    set is *allowed* when it meets the hard conditions: everybody in one coach; at least so many
//!    lower berths; with `preferences_are_hard` every **stated** preference met by exactly its type
//!    (the automatic lower berth is never hard). `A` = cost of the cheapest allowed set.
//! 2. *Together*: the sets inside one bay, if the cheapest allowed one of them costs at most
//!    `A + COHESION_LEGS_PER_HEAD * n`; else the sets inside one coach, by the same rule; else all.
//!    (Where one coach is a condition, the cheapest allowed set is in one coach itself, so that rule
//!    is always met there and "all" is never reached.)
//! 3. Of those, the set with the smallest (cost, unmet wishes, tuple of berth indexes ascending). A
//!    wish is the stated preference or the automatic lower berth (`Passenger::wish`).
//! 4. Inside the set: passengers in order get the lowest berth of the type they wish for, then the
//!    others, in order, the lowest berth left. With hard preferences those who stated one go first.
//!
//! A single passenger without a hard condition is found through the gap-class index: tightest gap,
//! then the wish, then the lowest berth; nothing is allocated. For a party (`party`) the index says
//! what the cheapest set can cost and which few berths have a place in a set that matters (`near`).
//! `twin` proves both against the definition by brute force. Source: design section 4, domain 3.2.

mod demand;
mod near;
mod party;
mod tops;
#[cfg(test)]
mod twin;
mod unmet;

use arrayvec::ArrayVec;

use crate::{
    BerthIndex, BerthType, Conditions, GapIndex, LegRange, PARTY_MAX, Passenger, Plan, PoolIndex,
    Rows,
};
use demand::Demand;
use near::Near;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The journey.
    pub legs: LegRange,
    /// The passengers who need a berth, in the order of the request.
    pub party: ArrayVec<Passenger, PARTY_MAX>,
    /// Hard conditions.
    pub conditions: Conditions,
}

/// Why nothing was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBerth {
    /// Fewer berths are free on the journey than passengers need.
    SoldOut {
        /// How many are free.
        free: u16,
    },
    /// Enough are free, but no set of them meets a hard condition.
    Unmet {
        /// The first condition that cannot be met, on top of those before it: "all in one coach",
        /// "lower berths", "berth preferences".
        condition: &'static str,
        /// What it asks for: passengers, lower berths, preferences.
        asked: u8,
        /// The most that is possible.
        free: u16,
    },
}

/// Berths for a party, one for each passenger of `wish.party` in its order.
pub fn choose(
    plan: &Plan,
    pool: PoolIndex,
    rows: &Rows,
    index: Option<&GapIndex>,
    wish: &Wish,
) -> Result<ArrayVec<BerthIndex, PARTY_MAX>, NoBerth> {
    debug_assert!(index.is_none_or(|index| index.pool() == pool), "index of another pool");
    if let [passenger] = *wish.party.as_slice()
        && is_soft(passenger, wish.conditions)
    {
        let berth = choose_one(plan, pool, rows, index, wish.legs, passenger)?;
        return Ok(core::iter::once(berth).collect());
    }
    let berths = plan.pool(pool).berths.as_slice();
    let demand = &Demand::of(wish);
    let near = match index {
        None => Near::anywhere(berths, rows, wish, demand),
        Some(index) => Near::by_index(index, plan, rows, wish, demand)
            .map_err(|free| NoBerth::SoldOut { free })?,
    };
    let search = party::Search { plan, wish, demand, near };
    match search.choose() {
        Some(set) => Ok(demand::assign(plan, wish, &set)),
        None => Err(unmet::explain(plan, berths, rows, wish, demand)),
    }
}

/// As [`choose`], out of these berths only, ascending.
pub(crate) fn choose_among(
    plan: &Plan,
    berths: &[BerthIndex],
    rows: &Rows,
    wish: &Wish,
) -> Result<ArrayVec<BerthIndex, PARTY_MAX>, NoBerth> {
    let demand = &Demand::of(wish);
    let near = Near::anywhere(berths, rows, wish, demand);
    match (party::Search { plan, wish, demand, near }).choose() {
        Some(set) => Ok(demand::assign(plan, wish, &set)),
        None => Err(unmet::explain(plan, berths, rows, wish, demand)),
    }
}

/// Whether nothing that a single passenger asks can refuse a free berth.
pub(crate) const fn is_soft(passenger: Passenger, conditions: Conditions) -> bool {
    conditions.min_lower == 0
        && !(conditions.preferences_are_hard && passenger.preference.is_some())
}

/// The berth of a single passenger that [`is_soft`].
pub(crate) fn choose_one(
    plan: &Plan,
    pool: PoolIndex,
    rows: &Rows,
    index: Option<&GapIndex>,
    legs: LegRange,
    passenger: Passenger,
) -> Result<BerthIndex, NoBerth> {
    let wanted = passenger.wish();
    let found = match index {
        Some(index) => index.find(plan, rows, legs, wanted),
        None => scan(plan, &plan.pool(pool).berths, rows, legs, wanted),
    };
    found.ok_or(NoBerth::SoldOut { free: 0 })
}

/// The single passenger's berth without an index.
fn scan(
    plan: &Plan,
    berths: &[BerthIndex],
    rows: &Rows,
    legs: LegRange,
    wanted: Option<BerthType>,
) -> Option<BerthIndex> {
    let mut best = None;
    rows.each_free(berths, legs, |berth, gap| {
        let missed = wanted.is_some_and(|wanted| plan.berth(berth).berth_type != wanted);
        let key = (gap, missed, berth);
        if best.is_none_or(|best| key < best) {
            best = Some(key);
        }
        true
    });
    best.map(|(_, _, berth)| berth)
}
