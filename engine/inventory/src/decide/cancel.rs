//! Cancel: booked passengers give their berths back. Doing it again is fine.
//!
//! BOOKING_CANCELLED is never said here: whoever is cancelled already is part of the answer. It is
//! what Confirm, Release and Extend of a hold get whose booking has nobody left.

use super::standing::check_party;
use super::{Decision, Then, Verdict};
use crate::record::SeatState;
use crate::{Cancel, Event, Refusal, Run, UnixMillis};

pub(super) fn decide(run: &Run, ask: Cancel, now: UnixMillis) -> Decision {
    run.refuse_reused_id(ask.request.id)?;
    let (record, booking) =
        run.register.booked(ask.pnr).ok_or(Refusal::UnknownBooking { pnr: ask.pnr })?;
    check_party(record, ask.passengers)?;
    let asked = ask.passengers.unwrap_or(booking.passengers);
    if let Some(stranger) = asked.without(booking.passengers).iter().next() {
        let count = booking.passengers.count() as u8;
        return Err(Refusal::UnknownPassenger { asked: stranger as u8 + 1, count });
    }
    let passengers = asked.and(record.in_state(SeatState::Confirmed));
    if passengers.is_empty() {
        return Ok(Verdict::Known(run.say_cancelled(record, booking, ask.passengers, now)));
    }
    // From here on the cancel must succeed.
    let cancelled = Event::Cancelled { pnr: ask.pnr, passengers };
    Ok(Verdict::take(cancelled, Then::Cancelled(ask.pnr, ask.passengers)))
}
