//! Confirm: held berths become a booking. Never searches, and does not ask whether sale is open.

use super::standing::{check_party, still_held};
use super::{Decision, Events, Ruling, Then};
use crate::answer::Said;
use crate::register::RequestKind;
use crate::run::text;
use crate::{Confirm, Event, PNR_BLOCK, Pnr, Run, UnixMillis};

pub(super) fn decide(run: &Run, ask: &Confirm, now: UnixMillis, events: &mut Events) -> Decision {
    if let Some(at) = run.first_effect(ask.request, RequestKind::Confirm)? {
        let view = run.register.look(at, |record| {
            let booking = run.register.bookings_of(record).find(|b| b.request.id == ask.request.id);
            let booking = booking.expect("a remembered confirm stands in its record (INV-6)");
            run.show_booking(record, &booking, now)
        });
        return Err(Ruling::Known(Said::Booking(view)));
    }
    let at = run.find_hold(ask.hold)?;
    let passengers = run.register.look(at, |record| {
        check_party(record, ask.passengers)?;
        still_held(run, record, ask.passengers, now)
    })?;
    // From here on the confirm must succeed.
    assert!(!passengers.is_empty(), "a live hold holds somebody (INV-10)");
    let pnr = run.register.bookings.next().unwrap_or_else(|| {
        let block = ask.pnr_block.expect(
            "the run has no PNR number left: a confirm must bring a block (needs_pnr_block)",
        );
        events.push(Event::PnrBlockLeased { block });
        Pnr(u64::from(block) * PNR_BLOCK)
    });
    events.push(Event::Confirmed {
        hold: ask.hold,
        request: ask.request,
        pnr,
        passengers,
        rest: ask.rest,
        payment: text(&ask.payment),
    });
    Ok(Then::Booking(pnr))
}

#[cfg(test)]
mod tests {
    use crate::tests::table::check;

    #[test]
    fn refusals_in_order_of_precedence() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 F30 M31 => H1 B1-1:held B1-2:held B1-3:held until 300
             release b H1 [1] => released 1
             confirm c H1 [2] keep => P256 2:B1-2:confirmed rest until 300
             @300 confirm a H9 [8] => IDEMPOTENCY_MISMATCH
             confirm d H9 [8] => UNKNOWN_HOLD hold 00000000000000000000000000000009 is not known here: \
                            never made, or forgotten some time after it ended
             confirm d H1 [1,2,3,4] => UNKNOWN_PASSENGER passenger 4 asked, the party has 3
             confirm d H1 [] => UNKNOWN_PASSENGER
             confirm d H1 [1,2,3] => HOLD_RELEASED
             confirm d H1 [2,3] => HOLD_EXPIRED
             confirm d H1 => HOLD_EXPIRED
             confirm d H1 [2] => ALREADY_CONFIRMED
             cancel e P256 => cancelled 2
             confirm d H1 [2] => BOOKING_CANCELLED",
        );
    }

    #[test]
    fn at_exactly_the_deadline_a_hold_has_expired_even_if_no_timer_fired() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 ttl=60 => H1 B1-1:held until 60
             reserve b H2 3A GN S1..S3 M30 ttl=60 => H2 B1-2:held until 60
             @59.999 confirm c H1 => P256 1:B1-1:confirmed
             @60 confirm d H2 => HOLD_EXPIRED hold 00000000000000000000000000000002 expired at \
                                 2024-10-04T00:01:00.000Z, it is 2024-10-04T00:01:00.000Z; reserve anew
             expire H2 => done
             @61 confirm d H2 => HOLD_EXPIRED",
        );
    }

    #[test]
    fn a_part_is_booked_and_the_rest_released_or_kept() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 F30 M31 => H1 B1-1:held B1-2:held B1-3:held until 300
             @1 confirm b H1 [1] keep => P256 1:B1-1:confirmed rest until 300
             @2 get H1 => known H1 B1-1:confirmed B1-2:held B1-3:held until 300
             confirm c H1 [3] => P257 3:B1-3:confirmed
             get H1 => known H1 B1-1:confirmed B1-2:released B1-3:confirmed until 300
             confirm c H1 [3] => known P257 3:B1-3:confirmed
             confirm d H1 [2] => HOLD_RELEASED
             confirm d H1 => ALREADY_CONFIRMED
             @400 reserve e H2 3A GN S1..S3 M30 => H2 B1-2:held until 700
             confirm b H1 [1] keep => known P256 1:B1-1:confirmed",
        );
    }

    #[test]
    fn a_booking_says_until_when_the_rest_is_held_by_now() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 F30 M31 => H1 B1-1:held B1-2:held B1-3:held until 300
             confirm b H1 [1] keep => P256 1:B1-1:confirmed rest until 300
             extend c H1 600 => H1 B1-1:confirmed B1-2:held B1-3:held until 600
             confirm b H1 [1] keep => known P256 1:B1-1:confirmed rest until 600
             release d H1 [2] => released 2
             booking P256 => known P256 1:B1-1:confirmed rest until 600
             @599.999 confirm b H1 [1] keep => known P256 1:B1-1:confirmed rest until 600
             @600 confirm b H1 [1] keep => known P256 1:B1-1:confirmed
             expire H1 => done
             confirm b H1 [1] keep => known P256 1:B1-1:confirmed",
        );
    }

    #[test]
    fn paid_holds_are_booked_whatever_became_of_sale() {
        check(
            "@146500 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 146800
             reserve b H2 3A GN S1..S3 M30 => H2 B1-2:held until 146800
             close-sale c 3A => pools 0b111
             @146510 confirm d H1 => P256 1:B1-1:confirmed
             @146530 confirm e H2 => P257 1:B1-2:confirmed",
        );
    }

    #[test]
    fn confirm_again_with_a_new_id_shows_the_booking() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
             confirm b H1 => P256 1:B1-1:confirmed
             @1000 confirm c H1 => ALREADY_CONFIRMED hold 00000000000000000000000000000001 is \
                                   already confirmed
             confirm b H1 => known P256 1:B1-1:confirmed
             cancel d P256 => cancelled 1
             confirm b H1 => known P256 1:B1-1:cancelled
             confirm c H1 => BOOKING_CANCELLED the booking was cancelled at 2024-10-04T00:16:40.000Z",
        );
    }

    #[test]
    fn a_second_block_of_numbers_is_leased_when_the_first_is_used_up() {
        use crate::tests::table::{check_on, parse};
        use crate::tests::world::World;

        let mut world = World::new();
        for n in 0..256 {
            let reserve = format!("reserve r{n} H{n} SL GN S2..S3 M30 ttl=60");
            let words: Vec<&str> = reserve.split(' ').collect();
            world.ask(&parse(&words), n).took();
            let (request, hold) = (format!("c{n}"), format!("H{n}"));
            world.ask(&parse(&["confirm", &request, &hold]), n).took();
            let pnr = format!("P{}", 256 + n);
            world.ask(&parse(&["cancel", &format!("x{n}"), &pnr]), n).took();
        }
        assert!(world.run.needs_pnr_block());
        check_on(
            &mut world,
            "@9 reserve a H999 3A GN S1..S3 M30 => H999 B1-1:held until 309
             confirm b H999 => P512 1:B1-1:confirmed",
        );
        assert!(!world.run.needs_pnr_block());
    }
}
