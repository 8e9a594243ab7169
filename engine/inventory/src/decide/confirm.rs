//! Confirm: held berths become a booking. Never searches, and does not ask whether sale is open.

use arrayvec::ArrayVec;

use super::standing::{check_party, still_held};
use super::{Decision, Then, Verdict};
use crate::answer::Said;
use crate::register::RequestKind;
use crate::{Confirm, Event, PNR_BLOCK, Pnr, Run, UnixMillis};

pub(super) fn decide(run: &Run, ask: &Confirm, now: UnixMillis) -> Decision {
    if let Some(record) = run.first_effect(ask.request, RequestKind::Confirm)? {
        let booking = record.bookings.iter().find(|b| b.request.id == ask.request.id);
        let booking = booking.expect("a remembered confirm stands in its record (INV-6)");
        let view = run.show_booking(record, booking, now);
        return Ok(Verdict::Known(Said::Booking(Box::new(view))));
    }
    let record = run.find_hold(ask.hold)?;
    check_party(record, ask.passengers)?;
    let passengers = still_held(run, record, ask.passengers, now)?;
    // From here on the confirm must succeed.
    assert!(!passengers.is_empty(), "a live hold holds somebody (INV-10)");
    let mut events = ArrayVec::new();
    let pnr = run.next_pnr().unwrap_or_else(|| {
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
        payment: ask.payment.clone(),
    });
    Ok(Verdict::Take { events, then: Then::Booking(pnr) })
}
