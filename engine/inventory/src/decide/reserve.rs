//! Reserve: hold berths for a party, chosen by the machine or named by the caller.

use arrayvec::ArrayVec;

use super::{Decision, Then, Verdict, named, route};
use crate::answer::Said;
use crate::choose::{NoBerth, Wish, choose};
use crate::register::RequestKind;
use crate::{
    Event, HOLD_LIFE_MAX_MS, HeldPassenger, LegRange, Millis, Plan, PoolIndex, Refusal, Reserve,
    Run, UnixMillis,
};

pub(super) fn decide(run: &mut Run, ask: &Reserve, now: UnixMillis) -> Decision {
    if let Some(record) = run.first_effect(ask.request, RequestKind::Reserve)? {
        return Ok(Verdict::Known(Said::Hold(Box::new(run.show_hold(record, now)))));
    }
    let legs = route::journey(&run.plan, ask.from, ask.to)?;
    let index = pool_for(&run.plan, ask, legs)?;
    let pool = run.plan.pool(index);
    if ask.party.len() > pool.party_max as usize {
        let (asked, max, quota) = (ask.party.len() as u8, pool.party_max, pool.quota);
        return Err(Refusal::TooManyPassengers { asked, max, quota });
    }
    let opens_at = run.opens(index);
    if now < opens_at {
        return Err(Refusal::NotOpen { class: pool.class, quota: pool.quota, opens_at });
    }
    if let Some(closed_at) = closed(run, index, legs, now) {
        return Err(Refusal::Closed { class: pool.class, quota: pool.quota, closed_at });
    }
    let wish = Wish {
        legs,
        party: ask.party.iter().copied().filter(|passenger| passenger.berth_required).collect(),
        conditions: ask.conditions,
    };
    assert!(!wish.party.is_empty(), "the edge refuses a party in which nobody needs a berth");
    run.prepare_index(index);
    let berths = if ask.berths.is_empty() {
        let gaps = run.indexes[index.0 as usize].as_ref();
        choose(&run.plan, index, &run.rows, gaps, &wish)
            .map_err(|no| refuse(&no, &wish, ask, legs))?
    } else {
        named::berths(run, index, &ask.berths, &wish, ask)?
    };
    // From here on the hold must succeed.
    debug_assert_eq!(berths.len(), wish.party.len(), "one berth for each who needs one");
    assert!(run.register.get(ask.hold).is_none(), "hold id {} was drawn twice", ask.hold);
    let mut berths = berths.into_iter();
    let party: ArrayVec<HeldPassenger, _> = (ask.party.iter())
        .map(|&passenger| HeldPassenger {
            passenger,
            berth: if passenger.berth_required { berths.next() } else { None },
        })
        .collect();
    let held = Event::Held {
        hold: ask.hold,
        request: ask.request,
        pool: index,
        legs,
        party,
        expires_at: now.saturating_add(ask.ttl.min(Millis(HOLD_LIFE_MAX_MS))),
        reference: ask.reference.clone(),
    };
    Ok(Verdict::take(held, Then::Hold(ask.hold)))
}

/// The pool of the class and quota that sells this journey.
fn pool_for(plan: &Plan, ask: &Reserve, legs: LegRange) -> Result<PoolIndex, Refusal> {
    if let Some(pool) = plan.pool_for(ask.class, ask.quota, legs) {
        return Ok(pool);
    }
    if !plan.classes().contains(&ask.class) {
        let (train, has) = (plan.number(), plan.classes().into());
        return Err(Refusal::UnknownClass { train, class: ask.class, has });
    }
    let sells = plan.pools().iter().filter(|pool| pool.class == ask.class && pool.sells(legs));
    let has = sells.map(|pool| pool.quota).collect();
    Err(Refusal::UnknownQuota { class: ask.class, quota: ask.quota, legs, has })
}

/// Whether sale is over: the train has left the boarding stop, or somebody has ended it. The
/// inner value is the departure, if that is the reason.
fn closed(
    run: &Run,
    pool: PoolIndex,
    legs: LegRange,
    now: UnixMillis,
) -> Option<Option<UnixMillis>> {
    let departure = run.plan.departure(run.midnight(), legs.from);
    if departure <= now {
        return Some(Some(departure));
    }
    (run.retired || run.closed >> pool.0 & 1 == 1).then_some(None)
}

fn refuse(no: &NoBerth, wish: &Wish, ask: &Reserve, legs: LegRange) -> Refusal {
    let (class, quota) = (ask.class, ask.quota);
    match *no {
        NoBerth::SoldOut { free } => {
            Refusal::SoldOut { asked: wish.party.len() as u8, free, class, quota, legs }
        }
        NoBerth::Unmet { condition, asked, free } => {
            Refusal::PreferenceUnmet { condition, asked, free }
        }
    }
}
