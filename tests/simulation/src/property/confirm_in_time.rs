//! No confirm, extend or release after the effective deadline: at exactly the deadline a hold is over.

use berth_inventory::{Event, HoldId, PassengerSet, SeatState};

use super::{EventCase, Property, Verdict, ensure};

/// See the module.
pub struct ConfirmInTime;

impl Property for ConfirmInTime {
    fn name(&self) -> &'static str {
        "confirm-in-time"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        match case.event {
            Event::Confirmed { hold, passengers, pnr, .. } => {
                in_time(case, *hold, Some(*passengers))?;
                let leased = case.before.blocks.iter().any(|b| u64::from(*b) == pnr.0 / 256);
                ensure(leased, || format!("booking {pnr:?} is of no block that the run leased"))
            }
            Event::Extended { hold, .. } => in_time(case, *hold, None),
            Event::Released { hold, passengers } => in_time(case, *hold, Some(*passengers)),
            Event::Cancelled { pnr, passengers } => {
                let booking = case.before.bookings.get(pnr);
                let hold = booking.and_then(|booking| case.before.holds.get(&booking.hold));
                let (Some(booking), Some(hold)) = (booking, hold) else {
                    return Err(format!("booking {pnr:?} is cancelled, which there is not"));
                };
                let travel = hold.those(SeatState::Confirmed).and(booking.passengers);
                ensure(!passengers.is_empty() && passengers.without(travel).is_empty(), || {
                    format!("{passengers:?} of {pnr:?} are cancelled, {travel:?} travel")
                })
            }
            _ => Ok(()),
        }
    }
}

fn in_time(case: &EventCase<'_>, hold: HoldId, who: Option<PassengerSet>) -> Verdict {
    let at = case.at.max(case.before.last_at);
    let Some(record) = case.before.holds.get(&hold) else {
        return Err(format!("{:?} of a hold that there is not", case.event));
    };
    ensure(at < record.expires, || {
        format!("{:?} at {at}, the hold's deadline was {}", case.event, record.expires)
    })?;
    let held = record.those(SeatState::Held);
    let who = who.unwrap_or(held);
    ensure(!who.is_empty() && who.without(held).is_empty(), || {
        format!("{:?}, but only {held:?} are held", case.event)
    })
}
