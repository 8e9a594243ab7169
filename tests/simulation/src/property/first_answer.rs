//! Every retry after an effect gets the first answer: the same hold with the same berths, the same
//! booking, as it stands now; and what is shown is what the model has.

use berth_inventory::{BookingView, Command, Freed, HoldView, PassengerSet, Said, SeatState};

use super::{AnswerCase, Property, Verdict, ensure};
use crate::oracle::First;
use crate::oracle::state::{Effect, State};

/// See the module.
pub struct FirstAnswer;

impl Property for FirstAnswer {
    fn name(&self) -> &'static str {
        "first-answer"
    }

    fn answer(&self, case: &AnswerCase<'_>) -> Verdict {
        let Some(state) = case.state() else { return Ok(()) };
        let attempt = case.attempt;
        let seen = case.answer.at.0.max(state.last_at);
        match &case.answer.said {
            Said::Hold(view) => same_hold(state, view, seen)?,
            Said::Released(view, freed) => {
                same_hold(state, view, seen)?;
                let Command::Release(ask) = &attempt.command else {
                    return Err(format!("{attempt} is told of a release"));
                };
                let released = state.holds[&view.hold].those(SeatState::Released);
                same_freed(freed, ask.passengers.map_or(released, |asked| asked.and(released)))?;
            }
            Said::Booking(view) => same_booking(state, view, seen)?,
            Said::Cancelled(view, freed) => {
                same_booking(state, view, seen)?;
                let Command::Cancel(ask) = &attempt.command else {
                    return Err(format!("{attempt} is told of a cancel"));
                };
                let booking = &state.bookings[&view.pnr];
                let cancelled = state.holds[&booking.hold].those(SeatState::Cancelled);
                let asked = ask.passengers.unwrap_or(booking.passengers).and(booking.passengers);
                same_freed(freed, asked.and(cancelled))?;
            }
            Said::Sale(_) | Said::Berths(_) | Said::Run(_) | Said::Done | Said::Refused(_) => {}
        }
        let Some(mark) = attempt.mark() else { return Ok(()) };
        if let (Some(first), Some(now)) =
            (case.oracle.first.get(&(mark.id, mark.digest)), First::of(&case.answer.said))
        {
            ensure(*first == now, || format!("{attempt} was told {first:?} first, now {now:?}"))?;
        }
        // What it says took effect did so, by this very request.
        let effect = state.effect(mark.id);
        let took = match (&attempt.command, &case.answer.said, effect) {
            (Command::Confirm(_), Said::Booking(view), Some(Effect::Booked(pnr, digest))) => {
                pnr == view.pnr && digest == mark.digest
            }
            (Command::Reserve(_), Said::Hold(view), Some(Effect::Made(hold, digest)))
            | (Command::Extend(_), Said::Hold(view), Some(Effect::Prolonged(hold, digest))) => {
                hold == view.hold && digest == mark.digest
            }
            (Command::Reserve(_) | Command::Confirm(_) | Command::Extend(_), said, _) => {
                matches!(said, Said::Refused(_))
            }
            _ => true,
        };
        ensure(took, || {
            format!(
                "{attempt} is told {:?} at version {}, where its id is {effect:?}",
                case.answer.said, case.answer.version
            )
        })
    }
}

fn same_freed(freed: &Freed, meant: PassengerSet) -> Verdict {
    ensure(freed.passengers == meant, || {
        format!("{:?} are told to be given back, {meant:?} are", freed.passengers)
    })
}

fn same_hold(state: &State, view: &HoldView, seen: u64) -> Verdict {
    let Some(hold) = state.holds.get(&view.hold) else {
        return Err(format!(
            "hold {} is shown, which version {} has not",
            view.hold, state.version
        ));
    };
    let head = (view.created_at.0, view.expires_at.0, (view.legs.from, view.legs.to), view.pool.0);
    let ours = (hold.created, hold.expires, hold.legs, hold.pool);
    ensure(head == ours, || format!("hold {} is shown as {head:?}, it is {ours:?}", view.hold))?;
    ensure(view.bookings == hold.bookings, || {
        format!("hold {} is shown with {:?}, it has {:?}", view.hold, view.bookings, hold.bookings)
    })?;
    ensure(view.party.len() == hold.seats.len(), || {
        format!("hold {} is shown with {} passengers", view.hold, view.party.len())
    })?;
    for (place, seat) in view.party.iter().enumerate() {
        let ours = &hold.seats[place];
        let meant = (ours.berth, hold.seen(place, seen));
        let told = (seat.berth.map(|berth| berth.0), seat.state);
        ensure(told == meant && seat.passenger == ours.passenger, || {
            format!("passenger {place} of hold {} is shown as {told:?}, is {meant:?}", view.hold)
        })?;
    }
    Ok(())
}

fn same_booking(state: &State, view: &BookingView, seen: u64) -> Verdict {
    let Some(booking) = state.bookings.get(&view.pnr) else {
        return Err(format!(
            "booking {:?} is shown, which version {} has not",
            view.pnr, state.version
        ));
    };
    let hold = &state.holds[&booking.hold];
    let rest = (hold.ended.is_none() && seen < hold.expires).then_some(hold.expires);
    let ours = (booking.hold, booking.confirmed, rest);
    let told = (view.hold, view.confirmed_at.0, view.rest_until.map(|at| at.0));
    ensure(told == ours, || format!("booking {:?} is shown as {told:?}, is {ours:?}", view.pnr))?;
    let who = view.party.iter().map(|(place, _)| usize::from(*place));
    ensure(who.eq(booking.passengers.iter()), || {
        format!("booking {:?} is shown with others than {:?}", view.pnr, booking.passengers)
    })?;
    for (place, seat) in &view.party {
        let place = usize::from(*place);
        let meant = (hold.seats[place].berth, hold.seen(place, seen));
        let told = (seat.berth.map(|berth| berth.0), seat.state);
        ensure(told == meant, || {
            format!("passenger {place} of {:?} is shown as {told:?}, is {meant:?}", view.pnr)
        })?;
    }
    Ok(())
}
