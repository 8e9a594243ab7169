//! Why no set of berths was allowed. Only called when there is none, so it may take its time.

use super::demand::Demand;
use super::{NoBerth, Wish};
use crate::gaps::{ByType, TYPES};
use crate::{BerthIndex, BerthType, Plan, Rows};

const LOWER: usize = BerthType::Lower as usize;

/// Names the first condition that cannot be met, on top of those before it: one coach, then lower
/// berths, then preferences; and the most that is possible.
pub(super) fn explain(
    plan: &Plan,
    berths: &[BerthIndex],
    rows: &Rows,
    wish: &Wish,
    demand: &Demand,
) -> NoBerth {
    let mut free = 0;
    let mut regions: Vec<ByType<u16>> = Vec::new();
    let mut last = None;
    rows.each_free(berths, wish.legs, |berth, _| {
        free += 1;
        let row = plan.berth(berth);
        let region = wish.conditions.one_coach.then_some(row.coach);
        if regions.is_empty() || last != region {
            last = region;
            regions.push([0; TYPES]);
        }
        if let Some(counts) = regions.last_mut() {
            counts[row.berth_type as usize] += 1;
        }
        true
    });
    let heads = demand.heads as u16;
    if free < heads {
        return NoBerth::SoldOut { free };
    }
    let unmet = |condition, asked, free| NoBerth::Unmet { condition, asked, free };
    let most = |regions: &[ByType<u16>], of: &dyn Fn(&ByType<u16>) -> u16| {
        regions.iter().map(of).max().unwrap_or(0)
    };

    let room = most(&regions, &|counts| counts.iter().sum());
    if room < heads {
        return unmet("all in one coach", heads as u8, room);
    }
    regions.retain(|counts| counts.iter().sum::<u16>() >= heads);

    let asked = wish.conditions.min_lower;
    let lower = most(&regions, &|counts| counts[LOWER].min(heads));
    if lower < u16::from(asked) {
        return unmet("lower berths", asked, lower);
    }
    regions.retain(|counts| counts[LOWER] >= u16::from(asked));

    let preferences = most(&regions, &|counts| preferences_met(counts, demand, asked));
    unmet("berth preferences", demand.preferred.iter().sum(), preferences)
}

/// The most stated preferences that a set of a region can meet with at least `min_lower` lower
/// berths in it.
fn preferences_met(counts: &ByType<u16>, demand: &Demand, min_lower: u8) -> u16 {
    let met = |t: usize| u16::from(demand.preferred[t]).min(counts[t]);
    let others: u16 = (0..TYPES).filter(|t| *t != LOWER).map(met).sum();
    let lower = u16::from(min_lower).max(met(LOWER));
    met(LOWER) + others.min((demand.heads as u16).saturating_sub(lower))
}
