//! Release: held berths are given back by their holder. Doing it again is fine.

use super::standing::{all_held, check_party, still_held};
use super::{Decision, Events, Ruling, Then};
use crate::card::Card;
use crate::record::SeatState;
use crate::register::At;
use crate::{Event, PassengerSet, Refusal, Release, Run, UnixMillis};

pub(super) fn decide(run: &Run, ask: &Release, now: UnixMillis, events: &mut Events) -> Decision {
    let passengers = match common(run, ask, now) {
        Some(passengers) => passengers,
        None => releasable(run, ask, now)?,
    };
    // From here on the release must succeed.
    events.push(Event::Released { hold: ask.hold, passengers });
    Ok(Then::Released(ask.hold, ask.passengers))
}

/// Nearly always: the id is new, and everybody meant is held.
#[inline]
fn common(run: &Run, ask: &Release, now: UnixMillis) -> Option<PassengerSet> {
    if run.register.knows(ask.request.id) {
        return None;
    }
    match run.register.find(ask.hold)? {
        At::Card(card) => all_held(run.register.card(card), ask.passengers, now),
        At::Past(_) => None,
    }
}

/// Who is given back, or why nobody is.
#[cold]
fn releasable(run: &Run, ask: &Release, now: UnixMillis) -> Result<PassengerSet, Ruling> {
    run.refuse_reused_id(ask.request.id)?;
    let at = run.find_hold(ask.hold)?;
    run.register.look(at, |record| {
        check_party(record, ask.passengers)?;
        match still_held(run, record, to_release(record, ask.passengers), now) {
            // Who is given back already is given back.
            Err(Refusal::HoldReleased { .. }) => {
                Err(Ruling::Known(run.say_released(record, ask.passengers, now)))
            }
            other => other.map_err(Ruling::Refused),
        }
    })
}

/// Those named who are not given back yet; if that is nobody, those named.
fn to_release(record: &Card, asked: Option<PassengerSet>) -> Option<PassengerSet> {
    let asked = asked?;
    let open = asked.without(record.in_state(SeatState::Released));
    Some(if open.is_empty() { asked } else { open })
}

#[cfg(test)]
mod tests {
    use crate::tests::table::check;

    #[test]
    fn refusals_in_order_of_precedence() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 F30 M31 => H1 B1-1:held B1-2:held B1-3:held until 300
             confirm c H1 [2] keep => P256 2:B1-2:confirmed rest until 300
             @300 release a H9 => IDEMPOTENCY_MISMATCH
             release d H9 [8] => UNKNOWN_HOLD
             release d H1 [2,4] => UNKNOWN_PASSENGER
             release d H1 [2,3] => HOLD_EXPIRED
             release d H1 => HOLD_EXPIRED
             release d H1 [2] => ALREADY_CONFIRMED
             cancel e P256 => cancelled 2
             release d H1 [2] => BOOKING_CANCELLED",
        );
    }

    #[test]
    fn releasing_again_is_fine() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 F30 M31 => H1 B1-1:held B1-2:held B1-3:held until 300
             release b H1 [1] => released 1
             release b H1 [1] => known released 1
             release c H1 [1,2] => released 1,2
             release d H1 => released 1,2,3
             release d H1 => known released 1,2,3
             release e H1 => known released 1,2,3
             @400 release e H1 [3] => known released 3
             confirm f H1 => HOLD_RELEASED hold 00000000000000000000000000000001 was released at \
                             2024-10-04T00:00:00.000Z; reserve anew
             reserve g H2 3A GN S1..S3 M30 => H2 B1-1:held until 700",
        );
    }
}
