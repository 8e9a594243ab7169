//! Seats of a pool that keeps berths for long journeys: what a journey may open, and which berths
//! that leaves it.

use arrayvec::ArrayVec;

use super::reserve;
use crate::choose::{Wish, choose_among};
use crate::{
    BerthIndex, HeldPassenger, LegRange, PARTY_MAX, PoolIndex, Refusal, Reserve, Run, UnixMillis,
};

/// As [`reserve::seats`], out of the berths that the journey may have.
#[cold]
pub(super) fn seats(
    run: &Run,
    ask: &Reserve,
    pool: PoolIndex,
    legs: LegRange,
    now: UnixMillis,
) -> Result<ArrayVec<HeldPassenger, PARTY_MAX>, Refusal> {
    let heads = ask.party.iter().filter(|passenger| passenger.berth_required).count();
    let kept = run.plan.kept(pool, legs, run.leaves_at.since(now));
    let opens = match kept {
        0 => usize::MAX,
        _ => usize::from(run.free(pool, run.plan.route()).saturating_sub(kept)),
    };
    if heads <= opens {
        return reserve::seats(run, ask, pool, legs);
    }
    let left = run.leaves(pool, opens);
    let wish = Wish {
        legs,
        party: ask.party.iter().copied().filter(|passenger| passenger.berth_required).collect(),
        conditions: ask.conditions,
    };
    let chosen = choose_among(&run.plan, &left, &run.rows, &wish)
        .map_err(|no| reserve::refuse(&no, heads as u8, ask, legs))?;
    if ask.berths.is_empty() {
        return Ok(reserve::seated(ask, chosen));
    }
    // Berths are left for so many; of those named, the first that is kept is as good as taken.
    let named = reserve::seats(run, ask, pool, legs)?;
    let is_kept = |berth: &BerthIndex| left.binary_search(berth).is_err();
    match named.iter().filter_map(|held| held.berth).find(is_kept) {
        Some(berth) => Err(Refusal::BerthTaken { berth: run.plan.berth_name(berth), legs }),
        None => Ok(named),
    }
}

impl Run {
    /// The berths of a pool that are taken somewhere, and the first few that are not.
    fn leaves(&self, pool: PoolIndex, opens: usize) -> Vec<BerthIndex> {
        let route = self.plan.route().mask();
        let mut opened = 0;
        let mut may = |berth: &BerthIndex| {
            if !self.rows.is_free(*berth, route) {
                return true;
            }
            opened += 1;
            opened <= opens
        };
        self.plan.pool(pool).berths.iter().copied().filter(|berth| may(berth)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::plan::sample::entry;
    use crate::tests::table::check_on;
    use crate::tests::world::World;
    use crate::{Kept, Plan, PlanHash, PoolEntry, PoolSize, default_pools};

    /// Five stops 30 km apart, one sleeper coach cut to four general berths, of which three are kept
    /// from journeys below 90 km until four hours before the departure, falling to one two hours
    /// later, and from then on one.
    fn plan() -> Arc<Plan> {
        let mut entry = entry(5, &["S1:SL"]);
        let classes = [crate::TravelClass::Sleeper];
        let row = |berths, since, until| Kept { below_km: 90, berths, last: 1, since, until };
        let general = default_pools(&classes).remove(0);
        let other = PoolEntry { quota: "HO".into(), size: PoolSize::Rest, ..general.clone() };
        let kept = vec![row(1, 120, 0), row(3, 240, 120)];
        entry.pools = vec![PoolEntry { size: PoolSize::Berths(4), kept, ..general }, other];
        Arc::new(Plan::new(&entry, PlanHash([3; 32])).expect("a sound train"))
    }

    #[test]
    fn a_short_journey_opens_no_berth_that_is_kept_and_sits_beside_others() {
        check_on(
            &mut World::of(plan()),
            "@0 reserve a H1 SL GN S1..S2 M30 => H1 S1-77:held until 300
             reserve b H2 SL GN S1..S3 M30 => SOLD_OUT 1 berths asked, 0 free in SL GN on stops 1..3
             reserve b H2 SL GN S2..S3 M30 => H2 S1-77:held until 300
             reserve c H3 SL GN S3..S5 M30 M31 => SOLD_OUT 2 berths asked, 1 free in SL GN on stops \
                                                  3..5
             reserve c H3 SL GN S1..S3 M30 berths=S1-78 => SOLD_OUT
             reserve c H3 SL GN S3..S5 M30 berths=S1-78 => BERTH_TAKEN berth S1-78 is taken on stops \
                                                  3..5
             reserve c H3 SL GN S3..S5 M30 berths=S1-77 => H3 S1-77:held until 300
             reserve d H4 SL GN S1..S4 M30 => H4 S1-78:held until 300
             reserve e H5 SL GN S2..S5 M30 M31 => H5 S1-79:held S1-80:held until 300",
        );
    }

    #[test]
    fn what_is_kept_is_given_back_with_time() {
        // The train leaves at 16:42 of the day after.
        check_on(
            &mut World::of(plan()),
            "@0 reserve a H1 SL GN S1..S2 M30 => H1 S1-77:held until 300
             confirm p H1 => P256 1:S1-77:confirmed
             reserve b H2 SL GN S1..S2 M30 => SOLD_OUT
             @132120 reserve b H2 SL GN S1..S2 M30 => SOLD_OUT
             @132121 reserve b H2 SL GN S1..S2 M30 M31 => SOLD_OUT 2 berths asked, 1 free in SL \
                                                            GN on stops 1..2
             @135721 reserve b H2 SL GN S1..S2 M30 M31 M32 => SOLD_OUT 3 berths asked, 2 free in \
                                                            SL GN on stops 1..2
             reserve b H2 SL GN S1..S2 M30 M31 => H2 S1-78:held S1-79:held until 136021
             reserve c H3 SL GN S1..S2 M30 => SOLD_OUT
             @146519 reserve c H3 SL GN S1..S2 M30 => SOLD_OUT",
        );
    }
}
