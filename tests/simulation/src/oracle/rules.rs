//! What a command may be answered in a state: the rules once more, plainly.
//!
//! [`rule`] says what must come of a command; which berths are chosen is not its business. Where the
//! rules leave open which of several things about a hold is told first, all of them are accepted.

use berth_inventory::{
    AgeBand, Command, Confirm, HoldId, Passenger, PassengerSet, Reason, Release, Reserve,
    SeatState, Sex,
};

use super::facts::Facts;
use super::state::{Effect, Hold, State};

/// A hold is extended so often.
const EXTENDS_MAX: usize = 256;

/// What must come of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It takes effect.
    Effect,
    /// It is answered from what is there; nothing changes.
    Known,
    /// It is refused for one of these reasons.
    Refused(Vec<Reason>),
    /// Answered from what is there, or refused for one of these reasons.
    KnownOr(Vec<Reason>),
}

fn refused(reason: Reason) -> Expected {
    Expected::Refused(vec![reason])
}

fn known_if(is_known: bool, reason: Reason) -> Expected {
    if is_known { Expected::Known } else { refused(reason) }
}

/// What must come of `command` in `state` at `now`.
pub fn rule(facts: &Facts, state: &State, command: &Command, now: u64) -> Expected {
    let now = now.max(state.last_at);
    match command {
        Command::Reserve(ask) => match state.effect(ask.request.id) {
            Some(Effect::Made(_, digest)) if digest == ask.request.digest => Expected::Known,
            Some(_) => refused(Reason::IdempotencyMismatch),
            None => reserve(facts, state, ask, now),
        },
        Command::Confirm(ask) => match state.effect(ask.request.id) {
            Some(Effect::Booked(_, digest)) if digest == ask.request.digest => Expected::Known,
            Some(_) => refused(Reason::IdempotencyMismatch),
            None => on_hold(state, ask.hold, |hold| confirm(state, hold, ask, now)),
        },
        Command::Extend(ask) => match state.effect(ask.request.id) {
            Some(Effect::Prolonged(_, digest)) if digest == ask.request.digest => Expected::Known,
            Some(_) => refused(Reason::IdempotencyMismatch),
            None => on_hold(state, ask.hold, |hold| match held(state, hold, None, now) {
                Expected::Effect if hold.extends.len() >= EXTENDS_MAX => {
                    refused(Reason::TooManyExtends)
                }
                other => other,
            }),
        },
        Command::Release(ask) => match state.effect(ask.request.id) {
            Some(_) => refused(Reason::IdempotencyMismatch),
            None => on_hold(state, ask.hold, |hold| release(state, hold, ask, now)),
        },
        Command::Cancel(ask) => {
            if state.effect(ask.request.id).is_some() {
                return refused(Reason::IdempotencyMismatch);
            }
            let Some(booking) = state.bookings.get(&ask.pnr) else {
                return refused(Reason::UnknownBooking);
            };
            let asked = ask.passengers.unwrap_or(booking.passengers);
            if asked.is_empty() || !asked.without(booking.passengers).is_empty() {
                return refused(Reason::UnknownPassenger);
            }
            let confirmed = state.holds.get(&booking.hold).map(|h| h.those(SeatState::Confirmed));
            if asked.and(confirmed.unwrap_or_default()).is_empty() {
                Expected::Known
            } else {
                Expected::Effect
            }
        }
        Command::GetHold(hold) => known_if(state.holds.contains_key(hold), Reason::UnknownHold),
        Command::GetBooking(pnr) => {
            known_if(state.bookings.contains_key(pnr), Reason::UnknownBooking)
        }
        Command::SetSale(ask) => {
            if state.effect(ask.request.id).is_some() {
                return refused(Reason::IdempotencyMismatch);
            }
            let pools = pools_of(facts, ask.class, ask.quota);
            let changed = if ask.open { pools & state.closed } else { pools & !state.closed };
            if changed == 0 { Expected::Known } else { Expected::Effect }
        }
        Command::Block(ask) | Command::Unblock(ask) => {
            if state.effect(ask.request.id).is_some() {
                return refused(Reason::IdempotencyMismatch);
            }
            let legs = ask.legs.map_or(Some((0, facts.legs)), |(from, to)| facts.legs(from, to));
            let Some(legs) = legs else {
                return Expected::Refused(vec![Reason::UnknownStop, Reason::BadLegRange]);
            };
            block(facts, state, command, &ask.berths, legs)
        }
        Command::Create(mark) => match state.effect(mark.id) {
            Some(_) => refused(Reason::IdempotencyMismatch),
            None if state.version == 0 => Expected::Effect,
            None => Expected::Known,
        },
        Command::Retire(mark) => match state.effect(mark.id) {
            Some(_) => refused(Reason::IdempotencyMismatch),
            None if state.retired => Expected::Known,
            None => Expected::Effect,
        },
        Command::GetRun | Command::Expire(_) | Command::Grace { .. } => Expected::Known,
    }
}

/// Women, and men of 60 and more.
fn is_for(passenger: Passenger) -> bool {
    match passenger.sex {
        Sex::Female => true,
        Sex::Male => passenger.age == AgeBand::Senior,
        Sex::Transgender | Sex::Unspecified => false,
    }
}

fn reserve(facts: &Facts, state: &State, ask: &Reserve, now: u64) -> Expected {
    let Some(legs) = facts.legs(ask.from, ask.to) else {
        return Expected::Refused(vec![Reason::UnknownStop, Reason::BadLegRange]);
    };
    if facts.pools.iter().all(|pool| pool.class != ask.class) {
        return refused(Reason::UnknownClass);
    }
    let Some(index) = facts.pool(ask.class, ask.quota) else {
        return refused(Reason::UnknownQuota);
    };
    let pool = &facts.pools[usize::from(index)];
    if ask.party.len() > pool.party_max {
        return refused(Reason::TooManyPassengers);
    }
    if pool.for_some && !ask.party.iter().copied().all(is_for) {
        return refused(Reason::NotEligible);
    }
    if now < pool.opens_at {
        return refused(Reason::NotOpen);
    }
    if is_closed(facts, state, index, legs, now) {
        return refused(Reason::Closed);
    }
    match state.shares(facts, ask, index, legs) {
        Err(reason) => return refused(reason),
        Ok(shares) if shares.halves + shares.waiting > 0 => return Expected::Effect,
        Ok(_) => {}
    }
    for name in &ask.berths {
        match facts.named(name) {
            Some(place) if facts.berths[usize::from(place)].pool == index => {
                if !state.is_free(facts, place, legs) {
                    return refused(Reason::BerthTaken);
                }
            }
            _ => return refused(Reason::UnknownBerth),
        }
    }
    if ask.conditions.preferences_are_hard
        && let [passenger] = ask.party.as_slice()
        && let Some(kind) = passenger.preference
    {
        let mut berths = facts.berths.iter().zip(0u16..);
        let fits = |berth: &super::facts::BerthFacts, place: u16| {
            berth.pool == index && berth.kind == kind && state.is_free(facts, place, legs)
        };
        if !berths.any(|(berth, place)| fits(berth, place)) {
            return refused(Reason::PreferenceUnmet);
        }
    }
    Expected::Effect
}

/// Whether nothing is sold of a pool any more on a journey.
pub fn is_closed(facts: &Facts, state: &State, pool: u8, legs: (u8, u8), now: u64) -> bool {
    let departed = facts.departures[usize::from(legs.0)] <= now;
    departed || state.retired || state.closed >> pool & 1 == 1
}

/// The pools that a change of sale means.
pub fn pools_of(
    facts: &Facts,
    class: Option<berth_inventory::TravelClass>,
    quota: Option<berth_inventory::QuotaCode>,
) -> u64 {
    let meant = |pool: &super::facts::PoolFacts| {
        pool.halves_of.is_none()
            && class.is_none_or(|class| class == pool.class)
            && quota.is_none_or(|q| q == pool.quota)
    };
    facts.pools.iter().zip(0..).filter(|(p, _)| meant(p)).fold(0, |all, (_, i)| all | 1 << i)
}

fn on_hold(state: &State, hold: HoldId, rule: impl FnOnce(&Hold) -> Expected) -> Expected {
    state.holds.get(&hold).map_or_else(|| refused(Reason::UnknownHold), |hold| rule(hold))
}

fn confirm(state: &State, hold: &Hold, ask: &Confirm, now: u64) -> Expected {
    if is_stranger(hold, ask.passengers) {
        return refused(Reason::UnknownPassenger);
    }
    held(state, hold, ask.passengers, now)
}

fn release(state: &State, hold: &Hold, ask: &Release, now: u64) -> Expected {
    if is_stranger(hold, ask.passengers) {
        return refused(Reason::UnknownPassenger);
    }
    // Who is given back already is given back.
    let asked = ask.passengers.map(|asked| {
        let open = asked.without(hold.those(SeatState::Released));
        if open.is_empty() { asked } else { open }
    });
    match held(state, hold, asked, now) {
        Expected::Refused(mut reasons) if reasons.contains(&Reason::HoldReleased) => {
            reasons.retain(|reason| *reason != Reason::HoldReleased);
            if reasons.is_empty() { Expected::Known } else { Expected::KnownOr(reasons) }
        }
        other => other,
    }
}

fn is_stranger(hold: &Hold, asked: Option<PassengerSet>) -> bool {
    asked.is_some_and(|asked| asked.is_empty() || !asked.without(hold.everybody()).is_empty())
}

/// Whether all of those asked (`None`: who is still held) are held, or why not.
fn held(state: &State, hold: &Hold, asked: Option<PassengerSet>, now: u64) -> Expected {
    let still = hold.those(SeatState::Held);
    let meant = match asked {
        Some(asked) => asked,
        None if !still.is_empty() => still,
        None => return how_it_ended(hold),
    };
    if !meant.and(hold.those(SeatState::Released)).is_empty() {
        return refused(Reason::HoldReleased);
    }
    let late = !meant.and(still).is_empty() && hold.expires <= now;
    if late || !meant.and(hold.those(SeatState::Expired)).is_empty() {
        return refused(Reason::HoldExpired);
    }
    if !meant.and(hold.those(SeatState::Confirmed)).is_empty() {
        return refused(Reason::AlreadyConfirmed);
    }
    if !meant.and(hold.those(SeatState::Cancelled)).is_empty() {
        // A booking of which somebody still travels counts as one.
        let travels = hold.bookings.iter().filter_map(|pnr| state.bookings.get(pnr)).any(|b| {
            !b.passengers.and(meant).is_empty()
                && !b.passengers.and(hold.those(SeatState::Confirmed)).is_empty()
        });
        let reason = if travels { Reason::AlreadyConfirmed } else { Reason::BookingCancelled };
        return refused(reason);
    }
    Expected::Effect
}

/// Nobody is held any more: one of what became of its passengers is told.
fn how_it_ended(hold: &Hold) -> Expected {
    let told = [
        (SeatState::Released, Reason::HoldReleased),
        (SeatState::Expired, Reason::HoldExpired),
        (SeatState::Confirmed, Reason::AlreadyConfirmed),
        (SeatState::Cancelled, Reason::BookingCancelled),
    ];
    let met = told.into_iter().filter(|(state, _)| !hold.those(*state).is_empty());
    let reasons = met.map(|(_, reason)| reason).collect();
    Expected::Refused(reasons)
}

fn block(
    facts: &Facts,
    state: &State,
    command: &Command,
    names: &[berth_inventory::BerthName],
    legs: (u8, u8),
) -> Expected {
    use super::state::Cell;
    let mut changes = false;
    for name in names {
        let Some(berth) = facts.named(name) else { return refused(Reason::UnknownBerth) };
        // A berth that two share is what its halves are.
        let halves = facts.berths[usize::from(berth)].halves;
        let rows = halves.map_or(vec![berth], |halves| halves.to_vec());
        for row in rows {
            let trip = state.trip(facts, row, legs);
            if matches!(command, Command::Block(_)) {
                if trip.iter().any(|cell| matches!(cell, Cell::Held(_) | Cell::Sold(_))) {
                    return refused(Reason::BerthTaken);
                }
                changes |= trip.contains(&Cell::Free);
            } else {
                changes |= trip.contains(&Cell::Blocked);
            }
        }
    }
    if changes { Expected::Effect } else { Expected::Known }
}
