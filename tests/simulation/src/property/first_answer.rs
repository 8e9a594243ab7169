//! Every retry after an effect gets the first answer: the same hold with the same berths, the same
//! booking, as it stands now; and what is shown is what the model has.

use berth_inventory::{
    BookingView, Command, Event, Freed, HoldView, ListedView, PassengerSet, Promoted, Said,
    SeatState,
};

use super::promoted_once::chain;
use super::{AnswerCase, Property, Verdict, ensure};
use crate::oracle::state::{Effect, Hold, State};
use crate::oracle::{First, is_first};

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
                same_promoted(case, freed)?;
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
                same_promoted(case, freed)?;
            }
            Said::Sale(_) | Said::Berths(_) | Said::Run(_) | Said::Done | Said::Refused(_) => {}
        }
        let Some(mark) = attempt.mark() else { return Ok(()) };
        if let (Some(first), Some(now)) =
            (case.oracle.first.get(&(mark.id, mark.digest)), First::of(&case.answer.said))
        {
            ensure(is_first(first, &now, state), || {
                format!("{attempt} was told {first:?} first, now {now:?}")
            })?;
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

/// Who was promoted by this is told once, as it was: to the first who is answered.
fn same_promoted(case: &AnswerCase<'_>, freed: &Freed) -> Verdict {
    let version = case.answer.version.0;
    let (promoted, cause) = chain(case.model, version, case.answer.at.0);
    // The same may have been asked twice in one millisecond: then one of them is told nobody.
    let same = |command: &Command| match (command, &case.attempt.command) {
        (Command::Release(one), Command::Release(other)) => one.hold == other.hold,
        (Command::Cancel(one), Command::Cancel(other)) => one.pnr == other.pnr,
        _ => false,
    };
    let once = || case.oracle.attempts.iter().filter(|a| same(&a.command)).count() == 1;
    let ours = match (cause, &case.attempt.command) {
        (Some(Event::Released { hold, .. }), Command::Release(ask)) => *hold == ask.hold,
        (Some(Event::Cancelled { pnr, .. }), Command::Cancel(ask)) => *pnr == ask.pnr,
        _ => false,
    };
    if freed.promoted.is_empty() {
        return ensure(!ours || promoted.is_empty() || !once(), || {
            format!("{} promoted {promoted:?} and is told nobody", case.attempt)
        });
    }
    let known = |told: &Promoted, event: &&Event, before: &State| {
        let Some(record) = before.holds.get(&told.hold) else { return false };
        let place = usize::from(told.passenger);
        let paid = |pnr: &&berth_inventory::Pnr| {
            before.bookings.get(pnr).is_some_and(|booking| booking.passengers.contains(place))
        };
        let from = record.seats[place].listed.and_then(|listed| listed.now);
        let (hold, passenger, berth, standing) = (told.hold, told.passenger, told.berth, told.to);
        **event == Event::Promoted { hold, passenger, berth, standing }
            && record.bookings.iter().find(paid).copied() == told.pnr
            && from == Some(told.from)
    };
    let first = version as usize - promoted.len();
    let mut pairs = freed.promoted.iter().zip(promoted.iter().rev()).zip(first..);
    let right = ours
        && freed.promoted.len() == promoted.len()
        && pairs.all(|((told, event), at)| known(told, event, &case.model.states[at]));
    ensure(right, || {
        format!("{} is told of {:?}, {cause:?} made {promoted:?}", case.attempt, freed.promoted)
    })
}

/// Who had no berth at first is shown with the number they got and how many stand before them.
fn same_listed(state: &State, hold: &Hold, listed: Option<&[ListedView]>) -> Verdict {
    let of = |(seat, place): (&crate::oracle::state::Seat, u8)| {
        let listed = seat.listed?;
        let position = |now: berth_inventory::Standing| {
            (now.list, state.lists[usize::from(now.list.0)].position(now.number))
        };
        Some((place, listed.booked, listed.now.map(position)))
    };
    // Of a hold that ended unpaid nobody keeps where its passengers stood.
    let kept = hold.ended.is_none() || !hold.bookings.is_empty();
    let seats = if kept { &hold.seats[..] } else { &[] };
    let ours: Vec<_> = seats.iter().zip(0u8..).filter_map(of).collect();
    let told = listed.unwrap_or_default().iter().map(|view| {
        let now = view.current.map(|current| (current.list, current.position));
        (view.passenger, view.booked, now)
    });
    let told: Vec<_> = told.collect();
    ensure(ours == told, || format!("lists of {} are shown as {told:?}, are {ours:?}", hold.id))
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
    same_listed(state, hold, view.listed.as_deref())?;
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
    same_listed(state, hold, view.listed.as_deref())?;
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
