//! A reserve for which the pool has not berths enough: a half of a shared berth, or the waiting list.
//!
//! In the order of the request, passengers get what is left: berths, then halves (RAC), then numbers
//! of the waiting list, as far as the request takes them; so the status of one party may differ by
//! passenger. A hard condition is about berths, so a request with one takes nothing else. Nobody gets
//! a place for which somebody waits who rides no further (INV-13 and `is_overtaking`). Source: domain
//! 1.7.

use arrayvec::ArrayVec;

use super::{Decision, Events, Then};
use crate::choose::{Wish, choose};
use crate::lists::Standing;
use crate::run::text;
use crate::{
    BerthIndex, Conditions, Event, HeldPassenger, LegRange, ListIndex, PARTY_MAX, Passenger,
    PoolIndex, Refusal, Reserve, Run, UnixMillis,
};

/// Who gets which place, and the numbers of those who get no berth of their own.
type Places = (ArrayVec<HeldPassenger, PARTY_MAX>, ArrayVec<(u8, Standing), PARTY_MAX>);

/// Holds what there is for a party that is more than the `free` berths of the pool which it may take.
#[cold]
pub(super) fn decide(
    run: &mut Run,
    ask: &Reserve,
    (pool, legs): (PoolIndex, LegRange),
    free: u16,
    now: UnixMillis,
    events: &mut Events,
) -> Decision {
    let (party, places) = places(run, ask, pool, legs, free)?;
    // From here on the hold must succeed.
    let (hold, request, reference) = (ask.hold, ask.request, text(&ask.reference));
    let expires_at = now.saturating_add(ask.ttl);
    events.push(Event::Held { hold, request, pool, legs, party, expires_at, reference });
    if !places.is_empty() {
        events.push(Event::Listed { hold, places });
    }
    Ok(Then::Hold(hold))
}

/// Places for a party that is more than the `free` berths of the pool which it may take.
fn places(
    run: &mut Run,
    ask: &Reserve,
    pool: PoolIndex,
    legs: LegRange,
    free: u16,
) -> Result<Places, Refusal> {
    let behind = run.plan.pool(pool).behind;
    let needing = ask.party.iter().filter(|passenger| passenger.berth_required).count();
    let Conditions { rac, waiting, .. } = ask.conditions;
    let soft = ask.berths.is_empty() && !ask.conditions.are_hard();
    let berths = usize::from(free).min(needing);
    // effect-has-cause
    let any = rac || waiting || crate::planted!("half-without-asking");
    let halves_free = match behind.halves.filter(|_| any && soft) {
        Some(halves) if !run.is_overtaking_for_a_half(pool, legs) => run.free(halves, legs),
        _ => 0,
    };
    let halves = usize::from(halves_free).min(needing - berths);
    let wait = needing - berths - halves;
    let list = behind.waiting.filter(|_| waiting && soft);
    if wait > 0 {
        check_room(run, ask, legs, wait as u8, free, list)?;
    }
    let mut taken = take(run, ask, pool, legs, 0, berths);
    if let Some(pool) = behind.halves {
        taken.extend(take(run, ask, pool, legs, berths, halves));
    }
    let mut taken = taken.into_iter();
    let (mut party, mut listed) = (ArrayVec::new(), ArrayVec::new());
    let (mut served, mut on_rac, mut on_waiting) = (0, 0, 0);
    for (place, &passenger) in ask.party.iter().enumerate() {
        let berth = if passenger.berth_required { taken.next() } else { None };
        party.push(HeldPassenger { passenger, berth });
        if !passenger.berth_required {
            continue;
        }
        served += 1;
        let (list, before) = if served <= berths {
            continue;
        } else if served <= berths + halves {
            (behind.rac, &mut on_rac)
        } else {
            (list, &mut on_waiting)
        };
        let list = list.expect("who gets no berth has a list");
        listed.push((place as u8, Standing { list, number: next_number(run, list) + *before }));
        *before += 1;
    }
    Ok((party, listed))
}

/// Whether so many may wait.
fn check_room(
    run: &Run,
    ask: &Reserve,
    legs: LegRange,
    wait: u8,
    free: u16,
    list: Option<ListIndex>,
) -> Result<(), Refusal> {
    let (class, quota) = (ask.class, ask.quota);
    let Some(list) = list else {
        let asked = ask.party.iter().filter(|passenger| passenger.berth_required).count() as u8;
        return Err(Refusal::SoldOut { asked, free, class, quota, legs });
    };
    let on_it = run.lists.as_deref().map_or(0, |lists| lists.len(list));
    let (limit, label) = (run.plan.list(list).limit, run.plan.list(list).label);
    let free = limit.saturating_sub(on_it);
    // refusal-right
    if u16::from(wait) > free && !crate::planted!("waiting-list-without-end") {
        return Err(Refusal::WaitingFull { asked: wait, free, limit, label, class, quota });
    }
    Ok(())
}

fn next_number(run: &Run, list: ListIndex) -> u32 {
    run.lists.as_deref().map_or(1, |lists| lists.order(list).next())
}

/// Places of one pool for `count` passengers from the `first` on that need one.
fn take(
    run: &mut Run,
    ask: &Reserve,
    pool: PoolIndex,
    legs: LegRange,
    first: usize,
    count: usize,
) -> ArrayVec<BerthIndex, PARTY_MAX> {
    if count == 0 {
        return ArrayVec::new();
    }
    run.prepare_index(pool);
    if count > 1 {
        run.prepare_for_party(pool);
    }
    let needing = ask.party.iter().filter(|passenger| passenger.berth_required);
    let party: ArrayVec<Passenger, PARTY_MAX> = needing.skip(first).take(count).copied().collect();
    let wish = Wish { legs, party, conditions: Conditions::default() };
    let index = run.indexes[usize::from(pool.0)].as_ref();
    choose(&run.plan, pool, &run.rows, index, &wish).expect("so many places were counted as free")
}

#[cfg(test)]
mod tests {
    use crate::tests::table::check_on;
    use crate::tests::world::World;

    /// 3A: three berths of GN and the two halves of one side lower; then a waiting list of three.
    fn check(table: &str) {
        check_on(&mut World::with_lists(), table);
    }

    #[test]
    fn berths_then_halves_then_numbers_then_regret() {
        check(
            "@0 reserve a H1 3A GN S1..S4 M30 M31 M32 => H1 B1-1:held B1-2:held B1-3:held until 300
             reserve b H2 3A GN S1..S4 M30 => SOLD_OUT 1 berths asked, 0 free in 3A GN on stops 1..4
             reserve b H2 3A GN S1..S4 M30 wl => H2 B1-7:held(RAC1/1) until 300
             release c H2 => released 1
             reserve d H3 3A GN S1..S4 M30 rac => H3 B1-7:held(RAC1/1) until 300
             reserve e H4 3A GN S1..S4 F30 M31 M32 rac wl => H4 B1-7:held(RAC2/2) \
                                               none:held(GNWL1/1) none:held(GNWL2/2) until 300
             reserve f H5 3A GN S1..S4 F30 M31 rac wl => WL_FULL 2 places asked on waiting list \
                                               GNWL of 3A, 1 of 3 left
             reserve f H5 3A GN S1..S4 F30 rac wl => H5 none:held(GNWL3/3) until 300",
        );
    }

    #[test]
    fn a_party_may_differ_by_passenger() {
        check(
            "@0 reserve a H1 3A GN S1..S4 M30 M31 => H1 B1-1:held B1-2:held until 300
             reserve b H2 3A GN S1..S4 M30 F4- M31 F32 M33 rac wl => H2 B1-3:held none:held \
                                 B1-7:held(RAC1/1) B1-7:held(RAC2/2) none:held(GNWL1/1) until 300
             confirm c H2 => P256 1:B1-3:confirmed 2:none:confirmed 3:B1-7:confirmed(RAC1/1) \
                                 4:B1-7:confirmed(RAC2/2) 5:none:confirmed(GNWL1/1)
             cancel d P256 [3] => cancelled 3 promoted H2[5]:GNWL1->B1-7(RAC3)
             booking P256 => known P256 1:B1-3:confirmed 2:none:confirmed \
                                 3:B1-7:cancelled(RAC1/-) 4:B1-7:confirmed(RAC2/1) \
                                 5:B1-7:confirmed(GNWL1/RAC2)",
        );
    }

    #[test]
    fn a_hard_condition_is_about_berths() {
        check(
            "@0 reserve a H1 3A GN S1..S4 M30 M31 => H1 B1-1:held B1-2:held until 300
             reserve b H2 3A GN S1..S4 M30 M31 rac wl one-coach => SOLD_OUT
             reserve b H2 3A GN S1..S4 M30 rac wl berths=B1-1 => BERTH_TAKEN
             reserve b H2 3A GN S1..S4 M30 rac wl berths=B1-7 => UNKNOWN_BERTH",
        );
    }

    #[test]
    fn a_half_is_sold_again_on_another_part_of_the_route() {
        check(
            "@0 reserve a H1 3A GN S1..S4 M30 M31 M32 => H1 B1-1:held B1-2:held B1-3:held until 300
             reserve b H2 3A GN S1..S2 M30 M31 rac => H2 B1-7:held(RAC1/1) B1-7:held(RAC2/2) until 300
             reserve c H3 3A GN S2..S4 M30 rac => H3 B1-7:held(RAC3/3) until 300
             block d B1-7 => BERTH_TAKEN
             release e H2 => released 1,2
             block d B1-7 S1..S2 => berths B1-7
             reserve f H4 3A GN S1..S2 M30 rac => SOLD_OUT
             unblock g B1-7 => berths B1-7
             reserve f H4 3A GN S1..S2 M30 rac => H4 B1-7:held(RAC4/2) until 300",
        );
    }
}
