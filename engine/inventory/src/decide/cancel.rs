//! Cancel: booked passengers give their berths back. Doing it again is fine.
//!
//! BOOKING_CANCELLED is never said here: whoever is cancelled already is part of the answer. It is
//! what Confirm, Release and Extend of a hold get whose booking has nobody left.

use super::standing::check_party;
use super::{Decision, Events, Ruling, Then, take};
use crate::record::SeatState;
use crate::{Cancel, Event, Refusal, Run, UnixMillis};

pub(super) fn decide(run: &Run, ask: Cancel, now: UnixMillis, events: &mut Events) -> Decision {
    run.refuse_reused_id(ask.request.id)?;
    let (record, booking) =
        run.register.booked(ask.pnr).ok_or(Refusal::UnknownBooking { pnr: ask.pnr })?;
    check_party(record, ask.passengers)?;
    let asked = ask.passengers.unwrap_or(booking.passengers);
    if let Some(stranger) = asked.without(booking.passengers).iter().next() {
        let count = booking.passengers.count() as u8;
        return Err(Refusal::UnknownPassenger { asked: stranger as u8 + 1, count }.into());
    }
    let passengers = asked.and(record.in_state(SeatState::Confirmed));
    if passengers.is_empty() {
        return Err(Ruling::Known(run.say_cancelled(record, &booking, ask.passengers, now)));
    }
    // From here on the cancel must succeed.
    let cancelled = Event::Cancelled { pnr: ask.pnr, passengers };
    Ok(take(events, cancelled, Then::Cancelled(ask.pnr, ask.passengers)))
}

#[cfg(test)]
mod tests {
    use crate::tests::table::check;

    #[test]
    fn refusals_in_order_of_precedence() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 F30 M31 => H1 B1-1:held B1-2:held B1-3:held until 300
             confirm b H1 [1,3] => P256 1:B1-1:confirmed 3:B1-3:confirmed
             cancel a P9 [8] => IDEMPOTENCY_MISMATCH
             cancel b P9 [8] => IDEMPOTENCY_MISMATCH
             cancel c P9 [8] => UNKNOWN_BOOKING
             cancel c P256 [8] => UNKNOWN_PASSENGER
             cancel c P256 [2] => UNKNOWN_PASSENGER passenger 2 asked, the party has 2
             cancel c P256 [] => UNKNOWN_PASSENGER
             cancel c P256 [3] => cancelled 3",
        );
    }

    #[test]
    fn cancelling_again_is_fine_and_says_what_was_cancelled() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 F30 M31 => H1 B1-1:held B1-2:held B1-3:held until 300
             confirm b H1 [1,3] => P256 1:B1-1:confirmed 3:B1-3:confirmed
             cancel c P256 [1] => cancelled 1
             cancel c P256 [1] => known cancelled 1
             booking P256 => known P256 1:B1-1:cancelled 3:B1-3:confirmed
             cancel d P256 => cancelled 1,3
             cancel d P256 => known cancelled 1,3
             cancel e P256 [3] => known cancelled 3
             reserve f H2 3A GN S1..S3 M30 M31 M32 => H2 B1-1:held B1-2:held B1-3:held until 300",
        );
    }
}
