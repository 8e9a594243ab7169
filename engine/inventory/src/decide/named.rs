//! Berths that the caller names: for a Reserve, and for operators.

use arrayvec::ArrayVec;

use crate::choose::Wish;
use crate::{
    BerthIndex, BerthName, BerthType, PARTY_MAX, Plan, PoolIndex, Refusal, Reserve, Run,
    TravelClass,
};

/// The berths a Reserve names, aligned with the passengers that need one, in the order of
/// PRECEDENCE: sold out, taken, condition unmet, unknown.
pub(super) fn berths(
    run: &Run,
    pool: PoolIndex,
    names: &[BerthName],
    wish: &Wish,
    ask: &Reserve,
) -> Result<ArrayVec<BerthIndex, PARTY_MAX>, Refusal> {
    assert_eq!(names.len(), wish.party.len(), "the edge counts named berths");
    let (asked, legs) = (names.len() as u8, wish.legs);
    let free = run.free(pool, legs);
    if free < u16::from(asked) {
        let (class, quota) = (ask.class, ask.quota);
        return Err(Refusal::SoldOut { asked, free, class, quota, legs });
    }
    let of_pool = |berth: &BerthIndex| run.plan.berth(*berth).pool == pool;
    let found: ArrayVec<_, PARTY_MAX> =
        names.iter().map(|name| run.plan.find_berth(name).filter(of_pool)).collect();
    for (place, (name, berth)) in names.iter().zip(&found).enumerate() {
        let Some(berth) = berth else { continue };
        // A berth named twice is taken by the first who named it.
        let twice = found[..place].contains(&Some(*berth));
        if twice || run.rows.taken(*berth).intersects(legs.mask()) {
            return Err(Refusal::BerthTaken { berth: name.clone(), legs });
        }
    }
    check_conditions(&run.plan, names, &found, wish)?;
    names
        .iter()
        .zip(&found)
        .map(|(name, berth)| berth.ok_or_else(|| unknown(&run.plan, name, Some(ask.class))))
        .collect()
}

/// Hard conditions against the berths as named; a berth that does not exist meets none.
fn check_conditions(
    plan: &Plan,
    names: &[BerthName],
    found: &[Option<BerthIndex>],
    wish: &Wish,
) -> Result<(), Refusal> {
    let unmet = |condition, asked: usize, free: usize| Refusal::PreferenceUnmet {
        condition,
        asked: asked as u8,
        free: free as u16,
    };
    let kind = |berth: &Option<BerthIndex>| berth.map(|b| plan.berth(b).berth_type);
    if wish.conditions.one_coach {
        let together = |name: &BerthName| names.iter().filter(|n| n.coach == name.coach).count();
        let most = names.iter().map(together).max().unwrap_or(0);
        if most < names.len() {
            return Err(unmet("all in one coach", names.len(), most));
        }
    }
    let lower = found.iter().filter(|b| kind(b) == Some(BerthType::Lower)).count();
    if lower < wish.conditions.min_lower as usize {
        return Err(unmet("lower berths", wish.conditions.min_lower as usize, lower));
    }
    if wish.conditions.preferences_are_hard {
        let stated = wish.party.iter().zip(found).filter(|(p, _)| p.preference.is_some());
        let met = stated.clone().filter(|(p, berth)| kind(berth) == p.preference).count();
        if met < stated.clone().count() {
            return Err(unmet("berth preferences", stated.count(), met));
        }
    }
    Ok(())
}

pub(super) fn unknown(plan: &Plan, berth: &BerthName, class: Option<TravelClass>) -> Refusal {
    Refusal::UnknownBerth { train: plan.number(), berth: berth.clone(), class }
}
