//! What a party asks of a set of berths, counted by berth type; and who gets which berth of it.

use arrayvec::ArrayVec;

use super::Wish;
use crate::gaps::{ByType, TYPES};
use crate::{BerthIndex, BerthType, PARTY_MAX, Plan};

/// What a party asks of a set.
pub(super) struct Demand {
    /// Berths needed.
    pub(super) heads: usize,
    /// Berths of each type that a set must have: hard preferences and lower berths.
    pub(super) required: ByType<u8>,
    /// Hard preferences alone.
    pub(super) preferred: ByType<u8>,
    /// Wishes for each type, hard or not.
    pub(super) wished: ByType<u8>,
}

impl Demand {
    pub(super) fn of(wish: &Wish) -> Self {
        let mut demand = Self {
            heads: wish.party.len(),
            required: [0; TYPES],
            preferred: [0; TYPES],
            wished: [0; TYPES],
        };
        for passenger in &wish.party {
            if let Some(wish) = passenger.wish() {
                demand.wished[wish as usize] += 1;
            }
            if let Some(preference) = passenger.preference
                && wish.conditions.preferences_are_hard
            {
                demand.preferred[preference as usize] += 1;
            }
        }
        demand.required = demand.preferred;
        let lower = &mut demand.required[BerthType::Lower as usize];
        *lower = (*lower).max(wish.conditions.min_lower);
        demand
    }

    /// Whether a set must have berths of some type.
    pub(super) fn is_hard(&self) -> bool {
        self.required.iter().any(|required| *required > 0)
    }

    /// Whether no set can have what is required where there are so many of each type at most.
    pub(super) fn is_beyond(&self, most: &ByType<u8>) -> bool {
        self.required.iter().zip(most).any(|(required, most)| required > most)
    }

    /// Wishes that a set with so many berths of each type leaves unmet.
    pub(super) fn unmet(&self, has: &ByType<u8>) -> u8 {
        self.wished.iter().zip(has).map(|(wished, has)| wished.saturating_sub(*has)).sum()
    }
}

/// Gives the berths of a set (ascending, one a head) to the passengers.
pub(super) fn assign(
    plan: &Plan,
    wish: &Wish,
    set: &[BerthIndex],
) -> ArrayVec<BerthIndex, PARTY_MAX> {
    assert_eq!(set.len(), wish.party.len(), "a berth for each passenger");
    let mut left: ArrayVec<BerthIndex, PARTY_MAX> = set.iter().copied().collect();
    let mut given: ArrayVec<Option<BerthIndex>, PARTY_MAX> = set.iter().map(|_| None).collect();
    let hard = wish.conditions.preferences_are_hard;
    for hard_ones in [true, false] {
        for (passenger, berth) in wish.party.iter().zip(&mut given) {
            if hard_ones == (hard && passenger.preference.is_some())
                && let Some(wanted) = passenger.wish()
                && let Some(place) = left.iter().position(|b| plan.berth(*b).berth_type == wanted)
            {
                *berth = Some(left.remove(place));
            }
        }
    }
    let mut left = left.into_iter();
    given.into_iter().filter_map(|berth| berth.or_else(|| left.next())).collect()
}
