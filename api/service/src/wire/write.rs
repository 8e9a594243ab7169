//! Answers of runs straight into the bytes of responses, without the messages between.
//!
//! Byte for byte what prost makes of the messages in `answer`, `said` and `refusal`, which stay the
//! definition of what is told: rare refusals and faults still go that way.

#[cfg(test)]
pub(super) mod tests;

use berth_engine::node::{Names, RunEntry, Work};
use berth_engine::prefetch_all;
use berth_inventory::{
    Answer, BookingView, Freed, HoldView, LegRange, ListedView, PassengerSet, Plan, PoolIndex,
    Refusal, RunId, Said, SeatView,
};

use super::answer::Teller;
use super::fault::Trouble;
use super::lists;
use super::pen::Pen;
use super::refusal::refusal;
use crate::tally::Kind;

/// The run that an answer is about.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    /// Its name.
    pub run: RunId,
    /// What indexes in the answer mean.
    pub plan: &'a Plan,
}

impl<'a> Of<'a> {
    /// A run that was asked; it is or was live, so its plan is fixed.
    pub fn run(entry: &'a RunEntry) -> Option<Self> {
        entry.plan.get().map(|plan| Self { run: entry.id, plan })
    }
}

/// Has what the words of an answer need fetched, one step further with each call: the run's entry,
/// its plan, its berth, stops and pool, the coach.
#[inline]
pub(crate) fn foresee(step: usize, work: &Work) {
    if step == 0 {
        return prefetch_all(&**work.run);
    }
    let Some(Ok(Answer { said, .. })) = work.outcome() else { return };
    let (seat, pool, legs) = match said {
        Said::Hold(view) | Said::Released(view, _) => (view.party.first(), view.pool, view.legs),
        Said::Booking(view) | Said::Cancelled(view, _) => {
            (view.party.first().map(|(_, seat)| seat), view.pool, view.legs)
        }
        _ => return,
    };
    let Some(plan) = work.run.plan.get() else { return };
    if step == 1 {
        return prefetch_all(&**plan);
    }
    let berth = seat.and_then(|seat| plan.places().get(usize::from(seat.berth?.0)));
    if step == 2 {
        berth.into_iter().for_each(prefetch_all);
        plan.pools().get(usize::from(pool.0)).into_iter().for_each(prefetch_all);
        for stop in [legs.from, legs.to] {
            plan.stops().get(usize::from(stop)).into_iter().for_each(prefetch_all);
        }
        return;
    }
    let coach = berth.and_then(|berth| plan.coaches().get(usize::from(berth.coach)));
    coach.into_iter().for_each(prefetch_all);
}

/// The response to a call.
///
/// # Errors
/// The run answered what was not asked.
pub(crate) fn response(
    pen: &mut Pen,
    kind: Kind,
    answer: &Answer,
    of: Option<Of<'_>>,
    teller: &Teller,
) -> Result<(), Trouble> {
    if let (Kind::Confirm, Said::Booking(BookingView { rest_until: Some(at), .. })) =
        (kind, &answer.said)
    {
        pen.instant(5, *at);
    }
    outcome(pen, kind, &answer.said, of, &teller.names)?;
    pen.instant(2, teller.now);
    pen.number(1, answer.version.0);
    Ok(())
}

/// The answer to one command of a session, as a field of its message.
pub(crate) fn session_answer(
    pen: &mut Pen,
    correlation: u64,
    kind: Kind,
    answer: &Answer,
    of: Option<Of<'_>>,
    teller: &Teller,
) {
    let mark = pen.mark();
    let written = response(pen, kind, answer, of, teller);
    let field = field(kind).ok_or_else(|| Trouble::nonsense(kind.name(), &answer.said));
    match written.and(field) {
        Ok(field) => {
            pen.close(field, mark);
            pen.number(1, correlation);
            pen.close(1, mark);
        }
        Err(trouble) => {
            pen.back_to(mark);
            session_fault(pen, correlation, trouble);
        }
    }
}

/// The fault of one command of a session, as a field of its message.
pub(crate) fn session_fault(pen: &mut Pen, correlation: u64, trouble: Trouble) {
    let mark = pen.mark();
    pen.message(9, &trouble.into_fault());
    pen.number(1, correlation);
    pen.close(1, mark);
}

/// The field of a `SessionAnswer` that answers a kind of command; operators have no sessions.
const fn field(kind: Kind) -> Option<u8> {
    match kind {
        Kind::Reserve => Some(2),
        Kind::Confirm => Some(3),
        Kind::Release => Some(4),
        Kind::Extend => Some(5),
        Kind::Cancel => Some(6),
        Kind::GetHold => Some(7),
        Kind::GetBooking => Some(8),
        _ => None,
    }
}

/// Fields 3 and 4 of every response: what was done, or the refusal.
fn outcome(
    pen: &mut Pen,
    kind: Kind,
    said: &Said,
    of: Option<Of<'_>>,
    names: &Names,
) -> Result<(), Trouble> {
    let mark = pen.mark();
    let field = match (kind, said, of) {
        (Kind::Reserve | Kind::Extend | Kind::GetHold, Said::Hold(view), Some(of)) => {
            hold(pen, view, of, names);
            3
        }
        (Kind::Confirm | Kind::GetBooking, Said::Booking(view), Some(of)) => {
            booking(pen, view, of, names);
            3
        }
        (Kind::Release, Said::Released(view, freed), Some(of)) => {
            people(pen, freed, of.plan, names);
            let inside = pen.mark();
            hold(pen, view, of, names);
            pen.close(1, inside);
            3
        }
        (Kind::Cancel, Said::Cancelled(view, freed), Some(of)) => {
            people(pen, freed, of.plan, names);
            let inside = pen.mark();
            booking(pen, view, of, names);
            pen.close(1, inside);
            3
        }
        (_, Said::Refused(why), _) => {
            refused(pen, why, names);
            return Ok(());
        }
        (_, other, _) => return Err(Trouble::nonsense(kind.name(), other)),
    };
    pen.close(field, mark);
    Ok(())
}

pub(super) fn refused(pen: &mut Pen, why: &Refusal, names: &Names) {
    // The refusal of which a Tatkal minute is made; the others may take their time.
    let Refusal::SoldOut { asked, free, class, quota, legs } = why else {
        return pen.message(4, &refusal(why, names));
    };
    let mark = pen.mark();
    pen.said(8, (*free).into());
    pen.said(6, (*asked).into());
    pen.close(4, mark);
    pen.number(3, u64::from(why.is_retryable()));
    // "{asked} berths asked, {free} free in {class} {quota} on stops {legs}"
    let text = pen.mark();
    pen.decimal(u32::from(legs.to) + 1);
    pen.plain("..");
    pen.decimal(u32::from(legs.from) + 1);
    pen.plain(" on stops ");
    pen.plain(quota.as_str());
    pen.plain(" ");
    pen.plain(class.code());
    pen.plain(" free in ");
    pen.decimal((*free).into());
    pen.plain(" berths asked, ");
    pen.decimal((*asked).into());
    pen.close(2, text);
    pen.number(1, why.reason() as u64);
    pen.close(4, mark);
}

fn hold(pen: &mut Pen, view: &HoldView, of: Of<'_>, names: &Names) {
    for pnr in view.bookings.iter().rev() {
        pen.text(13, &names.print_pnr(*pnr));
    }
    pen.text(12, &view.reference);
    for (place, seat) in view.party.iter().enumerate().rev() {
        allocation(pen, of.plan, place, seat, view.listed.as_deref());
    }
    pen.instant(10, view.expires_at);
    pen.instant(9, view.created_at);
    journey(pen, of, view.pool, view.legs, 4);
    run(pen, of.run, 2);
    pen.hex(1, view.hold.0);
}

fn booking(pen: &mut Pen, view: &BookingView, of: Of<'_>, names: &Names) {
    pen.text(13, &view.reference);
    pen.text(12, &view.payment);
    for (place, seat) in view.party.iter().rev() {
        allocation(pen, of.plan, usize::from(*place), seat, view.listed.as_deref());
    }
    pen.instant(10, view.confirmed_at);
    journey(pen, of, view.pool, view.legs, 5);
    run(pen, of.run, 3);
    pen.hex(2, view.hold.0);
    pen.text(1, &names.print_pnr(view.pnr));
}

/// The five fields from the date at the boarding stop on, the first of which is `first`.
fn journey(pen: &mut Pen, of: Of<'_>, pool: PoolIndex, legs: LegRange, first: u8) {
    let pool = of.plan.pool(pool);
    stop(pen, first + 4, of.plan, legs.to);
    stop(pen, first + 3, of.plan, legs.from);
    pen.text(first + 2, pool.quota.as_str());
    pen.number(first + 1, pool.class as u64);
    pen.date(first, of.run.start_date.plus(of.plan.boarding_day_offset(legs.from)));
}

/// Train and start date, from field `first` on.
fn run(pen: &mut Pen, run: RunId, first: u8) {
    pen.date(first + 1, run.start_date);
    pen.name(first, run.train.as_bytes());
}

pub(super) fn stop(pen: &mut Pen, field: u8, plan: &Plan, at: u8) {
    let mark = pen.mark();
    pen.name(2, plan.stops()[usize::from(at)].code.as_bytes());
    pen.number(1, u64::from(at) + 1);
    pen.close(field, mark);
}

fn allocation(
    pen: &mut Pen,
    plan: &Plan,
    place: usize,
    seat: &SeatView,
    listed: Option<&[ListedView]>,
) {
    let mark = pen.mark();
    if let Some(listed) = lists::of(listed, place) {
        pen.message(8, &lists::status(plan, listed, seat.state));
    }
    pen.number(7, seat.passenger.sex as u64);
    pen.number(6, seat.passenger.age as u64);
    if let Some(berth) = seat.berth {
        let berth = plan.berth(berth);
        pen.number(5, berth.berth_type as u64);
        pen.number(4, berth.number.into());
        pen.name(3, plan.coaches()[usize::from(berth.coach)].id.as_bytes());
    }
    pen.number(2, seat.state as u64);
    pen.number(1, place as u64 + 1);
    pen.close(11, mark);
}

/// Field 2 of what was given back: places as people count them, packed; field 3, who got a better
/// place by it.
fn people(pen: &mut Pen, freed: &Freed, plan: &Plan, names: &Names) {
    for promoted in freed.promoted.iter().rev() {
        pen.message(3, &lists::promotion(plan, promoted, names));
    }
    if freed.passengers != PassengerSet::NONE {
        let mark = pen.mark();
        for place in (0..8).rev().filter(|place| freed.passengers.contains(*place)) {
            pen.one(place as u8 + 1);
        }
        pen.close(2, mark);
    }
}
