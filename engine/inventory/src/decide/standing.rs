//! Why held passengers are not held any more: the refusals that Confirm, Release and Extend share.

use crate::card::Card;
use crate::record::SeatState;
use crate::{PassengerSet, Refusal, Run, UnixMillis};

/// Everybody named is of this party.
pub(super) fn check_party(record: &Card, asked: Option<PassengerSet>) -> Result<(), Refusal> {
    let Some(asked) = asked else { return Ok(()) };
    let strangers = asked.without(record.everybody());
    let stranger = strangers.iter().next().map(|index| index as u8 + 1);
    // Naming nobody is a fault of the edge; it must not come to mean everybody.
    match stranger.or(asked.is_empty().then_some(0)) {
        Some(asked) => {
            Err(Refusal::UnknownPassenger { asked, count: record.everybody().count() as u8 })
        }
        None => Ok(()),
    }
}

/// Nearly always: everybody meant is held, and the deadline is to come.
#[inline]
pub(super) fn all_held(
    record: &Card,
    asked: Option<PassengerSet>,
    now: UnixMillis,
) -> Option<PassengerSet> {
    let held = record.in_state(SeatState::Held);
    let meant = asked.unwrap_or(held);
    // confirm-in-time
    let late = u64::from(crate::planted!("confirm-at-deadline"));
    let in_time = now.0 < record.expires_at.0.saturating_add(late);
    let all = !meant.is_empty() && meant.without(held).is_empty() && in_time;
    all.then_some(meant)
}

/// Those of `asked` (`None` = everybody still held), if all of them are held at `now`; else the
/// first refusal that applies to one of them.
pub(super) fn still_held(
    run: &Run,
    record: &Card,
    asked: Option<PassengerSet>,
    now: UnixMillis,
) -> Result<PassengerSet, Refusal> {
    if let Some(meant) = all_held(record, asked, now) {
        return Ok(meant);
    }
    let held = record.in_state(SeatState::Held);
    let named = match (asked, record.ended()) {
        (Some(named), _) => named,
        (None, None) => held,
        // Nobody is left, so what counts is how the last of them left.
        (None, Some(ended)) => match ended.how {
            SeatState::Released => record.in_state(SeatState::Released),
            SeatState::Expired => record.in_state(SeatState::Expired),
            _ => {
                let last = run.register.bookings_of(record).last();
                last.map_or(PassengerSet::NONE, |last| last.passengers)
            }
        },
    };
    if !named.and(record.in_state(SeatState::Released)).is_empty() {
        let at = record.released_at().expect("somebody was released");
        return Err(Refusal::HoldReleased { hold: record.hold, at });
    }
    let expired = !named.and(record.in_state(SeatState::Expired)).is_empty();
    // At exactly the deadline a hold has expired, whether or not a timer has fired.
    if expired || !named.and(held).is_empty() && record.expires_at <= now {
        let (hold, expires_at) = (record.hold, record.expires_at);
        return Err(Refusal::HoldExpired { hold, expires_at, now });
    }
    if let Some(refusal) = booked(run, record, named, now) {
        return Err(refusal);
    }
    Ok(named)
}

/// Somebody named is booked already: the booking, or when it was cancelled if nothing of it is
/// left.
fn booked(run: &Run, record: &Card, named: PassengerSet, now: UnixMillis) -> Option<Refusal> {
    let confirmed = record.in_state(SeatState::Confirmed);
    if !record.is_booked() {
        return None;
    }
    let of_named = || {
        let all = run.register.bookings_of(record);
        all.filter(|b| !b.passengers.and(named).is_empty())
    };
    // The latest counts.
    if let Some(booking) = of_named().filter(|b| !b.passengers.and(confirmed).is_empty()).last() {
        let booking = Box::new(run.show_booking(record, &booking, now));
        return Some(Refusal::AlreadyConfirmed {
            hold: record.hold,
            booking,
            plan: run.plan.clone(),
        });
    }
    of_named().last().map(|booking| Refusal::BookingCancelled {
        pnr: booking.pnr,
        at: booking.cancelled_at.expect("nobody of it is confirmed any more"),
    })
}
