//! Nothing happens that nobody asked for: an event stands for a request that reached the node before
//! it, in time, was not answered otherwise, and means the same; the node's own events are few.

use core::fmt::Write as _;

use berth_inventory::{Command, Event, HoldId, Pnr, RequestMark, Rest, Standing};

use super::promoted_once::chain;
use super::{EventCase, Property, Verdict, ensure};
use crate::oracle::attempt::{Attempt, End};
use crate::oracle::rules::pools_of;
use crate::oracle::state::LIFE_MS;

/// See the module.
pub struct EffectHasCause;

impl Property for EffectHasCause {
    fn name(&self) -> &'static str {
        "effect-has-cause"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        match case.event {
            Event::Held { request, .. } => marked(case, *request),
            Event::Confirmed { request, .. } | Event::Extended { request, .. } => {
                marked(case, *request)
            }
            Event::Released { .. }
            | Event::Cancelled { .. }
            | Event::SaleSet { .. }
            | Event::BerthsBlocked { .. }
            | Event::BerthsUnblocked { .. }
            | Event::RunRetired => {
                let any = candidates(case).any(|attempt| means(case, attempt).is_ok());
                ensure(any, || format!("nobody asked for {:?}", case.event))
            }
            // By rule, each with a property of its own.
            Event::RunCreated(_)
            | Event::Expired { .. }
            | Event::HoldsExtended { .. }
            | Event::PnrBlockLeased { .. } => Ok(()),
            Event::Listed { hold, places } => listed(case, *hold, places),
            Event::Promoted { .. } => {
                let (_, cause) = chain(case.model, case.before.version, case.at);
                let gives = cause.is_some_and(gives_back);
                ensure(gives, || format!("{:?}, and {cause:?} gives nothing back", case.event))
            }
        }
    }
}

/// Whether somebody may be waiting for what the event gives back.
fn gives_back(event: &Event) -> bool {
    match event {
        Event::Released { .. }
        | Event::Expired { .. }
        | Event::Cancelled { .. }
        | Event::BerthsUnblocked { .. } => true,
        Event::Confirmed { rest, .. } => *rest == Rest::Released,
        _ => false,
    }
}

/// The hold was just made by a reserve that takes less than a berth, and these are those of it who got
/// no berth of their own.
fn listed(case: &EventCase<'_>, hold: HoldId, places: &[(u8, Standing)]) -> Verdict {
    let words = |what: &str| Err(format!("{what}: {:?}", case.event));
    let held = case.model.events.last().filter(|(at, _)| *at == case.at).map(|(_, held)| held);
    let Some(Event::Held { hold: made, pool, party, .. }) = held else {
        return words("no hold was just made");
    };
    let Some(pool) = case.model.facts.pools.get(usize::from(pool.0)) else { return Ok(()) };
    let mut meant = Vec::new();
    for (seat, place) in party.iter().zip(0u8..).filter(|(seat, _)| seat.passenger.berth_required) {
        let half = seat.berth.map(|berth| {
            let of = case.model.facts.berths.get(usize::from(berth.0)).map(|berth| berth.pool);
            of.is_some() && of == pool.halves
        });
        match half {
            Some(false) => {}
            Some(true) => meant.push((place, pool.rac)),
            None => meant.push((place, pool.waiting)),
        }
    }
    let told: Vec<_> = places.iter().map(|(place, at)| (*place, Some(at.list.0))).collect();
    if *made != hold || told != meant { words("others got no berth") } else { Ok(()) }
}

/// Sendings that may have caused the event.
fn candidates<'a>(case: &'a EventCase<'_>) -> impl Iterator<Item = &'a Attempt> {
    case.oracle.attempts.iter().rev().filter(|attempt| may_cause(case, attempt))
}

fn may_cause(case: &EventCase<'_>, attempt: &Attempt) -> bool {
    attempt.run == Some(case.model.facts.run)
        && matches!(attempt.end, End::Pending | End::Unknown)
        && attempt.arrived.is_some_and(|arrived| arrived <= case.at)
        && case.at < attempt.deadline
}

fn marked(case: &EventCase<'_>, mark: RequestMark) -> Verdict {
    let tags = case.oracle.by_id.get(&mark.id);
    let tags = tags.ok_or_else(|| format!("id {} of {:?} was never sent", mark.id, case.event))?;
    let mut why = format!("no sending of {mark:?} can have caused {:?}:", case.event);
    for tag in tags {
        let attempt = &case.oracle.attempts[*tag as usize];
        if attempt.mark() != Some(mark) {
            continue;
        }
        if may_cause(case, attempt) {
            return means(case, attempt);
        }
        let Attempt { sent, arrived, deadline, end, .. } = attempt;
        let _ = write!(why, " [sent {sent} arrived {arrived:?} deadline {deadline} {end:?}]");
    }
    Err(why)
}

/// Whether the event is what the request asks for.
fn means(case: &EventCase<'_>, attempt: &Attempt) -> Verdict {
    let (facts, before) = (&case.model.facts, case.before);
    let at = case.at.max(before.last_at);
    let differs = |what: &str| Err(format!("{what}: {attempt} came to {:?}", case.event));
    match (case.event, &attempt.command) {
        (Event::Held { pool, legs, party, expires_at, reference, .. }, Command::Reserve(ask)) => {
            let journey = facts.legs(ask.from, ask.to);
            if journey != Some((legs.from, legs.to)) {
                return differs("another journey");
            }
            if facts.pool(ask.class, ask.quota) != Some(pool.0) {
                return differs("another pool");
            }
            let who = party.iter().map(|held| held.passenger);
            if !who.eq(ask.party.iter().copied()) {
                return differs("another party");
            }
            let Ok(shares) = before.shares(facts, ask, pool.0, (legs.from, legs.to)) else {
                return differs("a hold of what is not to be had");
            };
            let mut served = 0;
            for held in party {
                let place = held.berth.and_then(|berth| facts.berths.get(usize::from(berth.0)));
                let (berths, halves) = (shares.berths, facts.pools[usize::from(pool.0)].halves);
                let meant = match served {
                    _ if !held.passenger.berth_required => None,
                    _ if served < berths => Some(pool.0),
                    _ if served < berths + shares.halves => halves,
                    _ => None,
                };
                served += usize::from(held.passenger.berth_required);
                if place.map(|place| place.pool) != meant {
                    return differs("another place than their turn gives");
                }
            }
            let mut named = ask.berths.iter();
            for berth in party.iter().filter_map(|held| held.berth) {
                let Some(name) = named.next() else { break };
                let berth = &facts.berths[usize::from(berth.0)];
                if *berth.coach != *name.coach || berth.number != name.number {
                    return differs("another berth than named");
                }
            }
            if expires_at.0 != at + ask.ttl.0 {
                return differs("another deadline");
            }
            if *reference == ask.reference { Ok(()) } else { differs("another reference") }
        }
        (Event::Confirmed { hold, passengers, rest, payment, .. }, Command::Confirm(ask)) => {
            let held = |hold: &HoldId| {
                before.holds.get(hold).map(|h| h.those(berth_inventory::SeatState::Held))
            };
            let meant = ask.passengers.or_else(|| held(hold));
            if *hold != ask.hold || Some(*passengers) != meant {
                return differs("others are confirmed");
            }
            let same = *rest == ask.rest && *payment == ask.payment;
            if same { Ok(()) } else { differs("other terms") }
        }
        (Event::Extended { hold, expires_at, .. }, Command::Extend(ask)) => {
            let Some(record) = before.holds.get(hold) else { return differs("no such hold") };
            let end = (record.created + ask.life.0).max(record.expires);
            if *hold != ask.hold
                || expires_at.0 != (at + ask.ttl.0).min(end)
                || ask.life.0 != LIFE_MS
            {
                return differs("another deadline");
            }
            Ok(())
        }
        (Event::Released { hold, passengers }, Command::Release(ask)) => {
            let same = *hold == ask.hold
                && ask.passengers.is_none_or(|asked| passengers.without(asked).is_empty());
            if same { Ok(()) } else { differs("others are released") }
        }
        (Event::Cancelled { pnr, passengers }, Command::Cancel(ask)) => {
            let Pnr(number) = *pnr;
            let same = number == ask.pnr.0
                && ask.passengers.is_none_or(|asked| passengers.without(asked).is_empty());
            if same { Ok(()) } else { differs("others are cancelled") }
        }
        (Event::SaleSet { pools, open }, Command::SetSale(ask)) => {
            let meant = pools_of(facts, ask.class, ask.quota);
            let same = *open == ask.open && pools & !meant == 0;
            if same { Ok(()) } else { differs("another sale") }
        }
        (Event::BerthsBlocked { berths, legs }, Command::Block(ask))
        | (Event::BerthsUnblocked { berths, legs }, Command::Unblock(ask)) => {
            let journey = ask.legs.map_or(Some((0, facts.legs)), |(from, to)| facts.legs(from, to));
            let named = |berth: &berth_inventory::BerthIndex| {
                let berth = &facts.berths[usize::from(berth.0)];
                ask.berths.iter().any(|n| *n.coach == *berth.coach && n.number == berth.number)
            };
            let same = journey == Some((legs.from, legs.to)) && berths.iter().all(named);
            if same { Ok(()) } else { differs("other berths") }
        }
        (Event::RunRetired, Command::Retire(_)) => Ok(()),
        _ => differs("something else"),
    }
}
