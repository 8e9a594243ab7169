//! Reserve: hold berths for a party, chosen by the machine or named by the caller.

use arrayvec::ArrayVec;

use super::{Decision, Events, Then, behind, kept, named, route};
use crate::choose::{NoBerth, Wish, choose, choose_one, is_soft};
use crate::plan::Door;
use crate::register::RequestKind;
use crate::run::text;
use crate::{
    BerthIndex, Event, HeldPassenger, LegRange, PARTY_MAX, Passenger, Plan, Pool, PoolIndex,
    Refusal, Reserve, Run, UnixMillis,
};

pub(super) fn decide(
    run: &mut Run,
    ask: &Reserve,
    now: UnixMillis,
    events: &mut Events,
) -> Decision {
    if let Some(at) = run.first_effect(ask.request, RequestKind::Reserve)? {
        // no-sold-out-after-effect
        if crate::planted!("sold-out-to-retry") {
            let legs = route::journey(&run.plan, ask.from, ask.to)?;
            seats(run, ask, pool_for(&run.plan, ask, legs)?.0, legs)?;
        }
        // id-once
        if !crate::planted!("retry-takes-effect-again") {
            return Err(run.known_hold(at, now));
        }
    }
    let legs = route::journey(&run.plan, ask.from, ask.to)?;
    let (index, door) = pool_for(&run.plan, ask, legs)?;
    if ask.party.len() > door.party_max as usize {
        let (asked, max, quota) = (ask.party.len() as u8, door.party_max, ask.quota);
        return Err(Refusal::TooManyPassengers { asked, max, quota }.into());
    }
    if let Some(place) = door.eligible.turns_away(&ask.party) {
        return Err(not_eligible(run.plan.pool(index), &ask.party, place).into());
    }
    // Asked once for all pools: most reserves come when all of them are open.
    if now < run.all_open_at && now < run.opens(index) {
        let (class, quota, opens_at) = (ask.class, ask.quota, run.opens(index));
        return Err(Refusal::NotOpen { class, quota, opens_at }.into());
    }
    check_sale(run, index, legs, now)?;
    run.prepare_index(index);
    if ask.party.len() > 1 {
        run.prepare_for_party(index);
    }
    let party = if run.plan.keeps(index) {
        kept::seats(run, ask, index, legs, now)?
    } else if run.is_overtaking(index, legs) {
        return behind::decide(run, ask, (index, legs), 0, now, events);
    } else {
        match seats(run, ask, index, legs) {
            Ok(party) => party,
            Err(Refusal::SoldOut { free, .. }) => {
                return behind::decide(run, ask, (index, legs), free, now, events);
            }
            Err(refusal) => return Err(refusal.into()),
        }
    };
    // From here on the hold must succeed.
    events.push(Event::Held {
        hold: ask.hold,
        request: ask.request,
        pool: index,
        legs,
        party,
        expires_at: now.saturating_add(ask.ttl),
        reference: text(&ask.reference),
    });
    Ok(Then::Hold(ask.hold))
}

/// Who of the party gets which berth of the pool.
pub(super) fn seats(
    run: &Run,
    ask: &Reserve,
    pool: PoolIndex,
    legs: LegRange,
) -> Result<ArrayVec<HeldPassenger, PARTY_MAX>, Refusal> {
    let gaps = run.indexes[pool.0 as usize].as_ref();
    let mut party = ArrayVec::new();
    if let [passenger] = *ask.party.as_slice()
        && passenger.berth_required
        && ask.berths.is_empty()
        && is_soft(passenger, ask.conditions)
    {
        let berth = choose_one(&run.plan, pool, &run.rows, gaps, legs, passenger)
            .map_err(|no| refuse(&no, 1, ask, legs))?;
        party.push(HeldPassenger { passenger, berth: Some(berth) });
        return Ok(party);
    }
    let wish = Wish {
        legs,
        party: ask.party.iter().copied().filter(|passenger| passenger.berth_required).collect(),
        conditions: ask.conditions,
    };
    assert!(!wish.party.is_empty(), "the edge refuses a party in which nobody needs a berth");
    let berths = if ask.berths.is_empty() {
        choose(&run.plan, pool, &run.rows, gaps, &wish)
            .map_err(|no| refuse(&no, wish.party.len() as u8, ask, legs))?
    } else {
        named::berths(run, pool, &ask.berths, &wish, ask)?
    };
    debug_assert_eq!(berths.len(), wish.party.len(), "one berth for each who needs one");
    Ok(seated(ask, berths))
}

/// Everybody who needs one on a berth, in the order of both.
pub(super) fn seated(
    ask: &Reserve,
    berths: ArrayVec<BerthIndex, PARTY_MAX>,
) -> ArrayVec<HeldPassenger, PARTY_MAX> {
    let mut berths = berths.into_iter();
    let seat = |&passenger: &Passenger| HeldPassenger {
        passenger,
        berth: if passenger.berth_required { berths.next() } else { None },
    };
    ask.party.iter().map(seat).collect()
}

/// The pool of the class and quota that sells this journey, and what it asks.
fn pool_for<'a>(
    plan: &'a Plan,
    ask: &Reserve,
    legs: LegRange,
) -> Result<(PoolIndex, &'a Door), Refusal> {
    if let Some(found) = plan.door_for(ask.class, ask.quota, legs) {
        return Ok(found);
    }
    if !plan.classes().contains(&ask.class) {
        let (train, has) = (plan.number(), plan.classes().into());
        return Err(Refusal::UnknownClass { train, class: ask.class, has });
    }
    let named = plan.pools().iter().filter(|pool| pool.halves_of.is_none());
    let sells = named.filter(|pool| pool.class == ask.class && pool.sells(legs));
    let has = sells.map(|pool| pool.quota).collect();
    Err(Refusal::UnknownQuota { class: ask.class, quota: ask.quota, legs, has })
}

#[cold]
fn not_eligible(pool: &Pool, party: &[Passenger], place: usize) -> Refusal {
    let Passenger { age, sex, .. } = party[place];
    let (passenger, whom) = (place as u8, pool.eligible_words.clone());
    Refusal::NotEligible { passenger, age, sex, class: pool.class, quota: pool.quota, whom }
}

/// Sale is not over: the train has not left the boarding stop, and nobody has ended it.
#[inline]
fn check_sale(run: &Run, pool: PoolIndex, legs: LegRange, now: UnixMillis) -> Result<(), Refusal> {
    // No stop is left before the first one is.
    // sale-open: the guard
    let closed = if crate::planted!("closed-sale-sells") { 0 } else { run.closed };
    if now < run.leaves_at && !run.retired && closed >> pool.0 & 1 == 0 {
        return Ok(());
    }
    let closed_at = if now < run.leaves_at {
        None
    } else {
        let departure = run.plan.departure(run.midnight(), legs.from);
        (departure <= now).then_some(departure)
    };
    if closed_at.is_none() && !run.retired && run.closed >> pool.0 & 1 == 0 {
        return Ok(());
    }
    let Pool { class, quota, .. } = *run.plan.pool(pool);
    Err(Refusal::Closed { class, quota, closed_at })
}

pub(super) fn refuse(no: &NoBerth, asked: u8, ask: &Reserve, legs: LegRange) -> Refusal {
    let (class, quota) = (ask.class, ask.quota);
    match *no {
        NoBerth::SoldOut { free } => Refusal::SoldOut { asked, free, class, quota, legs },
        NoBerth::Unmet { condition, asked, free } => {
            Refusal::PreferenceUnmet { condition, asked, free }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::table::check;

    #[test]
    fn refusals_in_order_of_precedence() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
             reserve a H2 3A GN S1..S3 F30 => IDEMPOTENCY_MISMATCH
             reserve b H2 3A GN S9..S3 M30 => UNKNOWN_STOP S9 is not a stop of train 12951
             reserve b H2 3A GN S3..S2 M30 => BAD_LEG_RANGE stop 2 does not come after stop 3
             reserve b H2 3A GN S2..S2 M30 => BAD_LEG_RANGE stop 2 does not come after stop 2
             reserve b H2 2A GN S1..S3 M30 => UNKNOWN_CLASS train 12951 has no 2A; it has 3A SL
             reserve b H2 3A LD S1..S3 M30 => UNKNOWN_QUOTA 3A has no quota LD on stops 1..3; \
                                              it has GN HO TQ
             reserve b H2 3A TQ S1..S3 M30 M30 M30 M30 M30 => TOO_MANY_PASSENGERS 5 passengers \
                                              asked, quota TQ allows 4
             reserve b H2 3A TQ S1..S3 M30 => NOT_OPEN quota TQ of 3A opens at \
                                              2024-10-04T10:00:00.000Z
             close-sale c 3A GN => pools 0b1
             reserve b H2 3A GN S1..S3 M30 => CLOSED sale of 3A GN is closed by the operator
             open-sale c 3A GN => pools 0b1
             reserve b H2 3A GN S1..S3 M30 F30 F31 => SOLD_OUT 3 berths asked, 2 free in 3A GN on \
                                              stops 1..3
             reserve b H2 3A GN S1..S3 M30 berths=B1-1 => BERTH_TAKEN berth B1-1 is taken on \
                                              stops 1..3
             reserve b H2 3A GN S1..S3 M30/LB hard => PREFERENCE_UNMET berth preferences cannot be \
                                              met: 1 asked, 0 possible
             reserve b H2 3A GN S1..S3 M30 berths=B1-99 => UNKNOWN_BERTH train 12951 has no berth \
                                              B1-99 in 3A
             reserve b H2 3A GN S1..S3 M30 => H2 B1-2:held until 300",
        );
    }

    #[test]
    fn a_pool_opens_and_closes_to_the_millisecond() {
        check(
            "@35999.999 reserve a H1 3A TQ S1..S3 M30 => NOT_OPEN
             @36000 reserve a H1 3A TQ S1..S3 M30 => H1 B1-4:held until 36300
             @146519.999 reserve b H2 3A GN S1..S3 M30 => H2 B1-1:held until 146819.999
             @146520 reserve c H3 3A GN S1..S3 M30 => CLOSED sale of 3A GN is closed since \
                                                      2024-10-05T16:42:00.000Z
             reserve c H3 3A GN S2..S3 M30 => H3 B1-2:held until 146820
             @150000 reserve d H4 3A GN S1..S3 M30 => CLOSED sale of 3A GN is closed since \
                                                      2024-10-05T16:42:00.000Z",
        );
    }

    #[test]
    fn a_party_may_be_as_large_as_its_pool_allows() {
        check(
            "@36000 reserve a H1 3A TQ S1..S3 M30 M31 M32 M33 M34 => TOO_MANY_PASSENGERS
             reserve a H1 3A TQ S1..S3 M30 M31 M32 M33 => H1 B1-4:held B1-5:held B1-6:held \
                                                          B1-7:held until 36300",
        );
    }

    #[test]
    fn a_berth_is_sold_again_on_another_part_of_the_route() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 berths=B1-1 => H1 B1-1:held until 300
             reserve b H2 3A GN S3..S4 M30 => H2 B1-1:held until 300
             reserve c H3 3A GN S1..S4 M30 M31 M32 => SOLD_OUT
             reserve d H4 SL GN S2..S4 M30 => H4 S1-1:held until 300
             reserve e H5 SL GN S1..S3 M30 => SOLD_OUT 1 berths asked, 0 free in SL GN on stops 1..3",
        );
    }

    #[test]
    fn a_child_may_travel_without_a_berth() {
        check(
            "@0 reserve a H1 3A GN S1..S2 F30 F4- M33 ref=x => H1 B1-1:held none:held B1-2:held until 300
             confirm b H1 => P256 1:B1-1:confirmed 2:none:confirmed 3:B1-2:confirmed
             cancel c P256 [2] => cancelled 2
             cancel d P256 [1] => cancelled 1
             reserve e H2 3A GN S1..S2 F30 => H2 B1-1:held until 300",
        );
    }

    #[test]
    fn named_berths_go_to_the_passengers_in_their_order() {
        check(
            "@0 reserve a H1 3A GN S1..S2 F30 M4- M33 berths=B1-3,B1-1 => H1 B1-3:held none:held \
                B1-1:held until 300
             reserve b H2 3A GN S1..S2 M33 berths=B1-4 => UNKNOWN_BERTH
             reserve b H2 3A GN S2..S4 M33 M34 berths=B1-2,B1-2 => BERTH_TAKEN
             reserve b H2 3A GN S2..S4 M33 M34 berths=B1-2,B1-3 lower=1 => PREFERENCE_UNMET
             reserve b H2 3A GN S2..S4 M33/UB M34 berths=B1-2,B1-3 hard => PREFERENCE_UNMET
             reserve b H2 3A GN S2..S4 M33/UB M34 berths=B1-3,B1-2 hard one-coach => H2 B1-3:held \
                B1-2:held until 300",
        );
    }

    #[test]
    fn a_retry_is_told_what_was_told_first_and_nothing_happens() {
        check(
            "@0 reserve a H1 3A GN S1..S2 F30 => H1 B1-1:held until 300
             @1 reserve a H2 3A GN S1..S2 F30 => known H1 B1-1:held until 300
             @2 extend x H1 600 => H1 B1-1:held until 602
             reserve a H2 3A GN S1..S2 F30 => known H1 B1-1:held until 602
             close-sale c => pools 0b1111
             reserve a H3 3A GN S1..S2 F30 => known H1 B1-1:held until 602
             confirm a H1 => IDEMPOTENCY_MISMATCH
             release a H1 => IDEMPOTENCY_MISMATCH
             @602 reserve a H3 3A GN S1..S2 F30 => known H1 B1-1:expired until 602
             expire H1 => done
             reserve a H3 3A GN S1..S2 F30 => known H1 B1-1:expired until 602",
        );
    }
}
