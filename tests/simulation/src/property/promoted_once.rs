//! No double promotion: who is promoted stands on a list, gets a better place than they had, one that
//! is free, and no command gives one passenger two places of a kind.

use berth_inventory::{Event, ListKind, SeatState};

use super::{EventCase, Property, Verdict, ensure};
use crate::oracle::RunModel;
use crate::oracle::state::Cell;

/// See the module.
pub struct PromotedOnce;

/// The promotions that came last in a run, newest first, all of one instant, and the event before
/// them.
pub fn chain(model: &RunModel, version: u64, at: u64) -> (Vec<&Event>, Option<&Event>) {
    let events = model.events.iter().take(version as usize).rev();
    let mut promoted = Vec::new();
    for (stamp, event) in events {
        if *stamp != at || !matches!(event, Event::Promoted { .. }) {
            return (promoted, (*stamp == at).then_some(event));
        }
        promoted.push(event);
    }
    (promoted, None)
}

impl Property for PromotedOnce {
    fn name(&self) -> &'static str {
        "promoted-once"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        let Event::Promoted { hold, passenger, berth, standing } = case.event else {
            return Ok(());
        };
        let (facts, before) = (&case.model.facts, case.before);
        let record = before.holds.get(hold);
        let seat = record.and_then(|record| record.seats.get(usize::from(*passenger)));
        let (Some(record), Some(seat)) = (record, seat) else {
            return Err(format!("passenger {passenger} of {hold} is promoted, whom there is not"));
        };
        let live = matches!(seat.state, SeatState::Held | SeatState::Confirmed);
        let from = seat.listed.and_then(|listed| listed.now);
        let (Some(from), true) = (from, live) else {
            return Err(format!("{seat:?} of {hold} is promoted and waits for nothing"));
        };
        let waited = facts.lists[usize::from(from.list.0)].kind == ListKind::Waiting;
        ensure(standing.is_none() || waited, || {
            format!("passenger {passenger} of {hold} leaves {from:?} for {standing:?}: no better")
        })?;
        let trip = before.trip(facts, berth.0, record.legs);
        ensure(trip.iter().all(|cell| *cell == Cell::Free), || {
            format!("passenger {passenger} of {hold} is promoted to berth {berth}: {trip:?}")
        })?;
        let same = |other: &&Event| {
            matches!(other, Event::Promoted { hold: h, passenger: p, standing: s, .. }
                if h == hold && p == passenger && s.is_some() == standing.is_some())
        };
        let (promoted, _) = chain(case.model, before.version, case.at);
        ensure(!promoted.iter().any(same), || {
            format!("passenger {passenger} of {hold} is promoted a second time by one command")
        })
    }
}
