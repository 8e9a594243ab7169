//! Half-berths come in pairs: a berth that two share is never sold whole, is blocked with both halves
//! or with none, and carries two passengers at most, each with their number; who has a half is on the
//! list of halves, who has nothing on a waiting list, and whoever needs a berth has one of the three.

use berth_inventory::{Event, ListKind, SeatState};

use super::{AnswerCase, EventCase, Look, Property, Verdict, ensure};
use crate::oracle::facts::Facts;
use crate::oracle::state::{Cell, Hold, State};

/// See the module.
pub struct HalvesInPairs;

impl Property for HalvesInPairs {
    fn name(&self) -> &'static str {
        "halves-in-pairs"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        match case.event {
            Event::BerthsBlocked { .. } | Event::BerthsUnblocked { .. } => {
                pairs(&case.model.facts, case.after)
            }
            Event::Promoted { hold, .. } => {
                let record = case.after.holds.get(hold);
                record.map_or(Ok(()), |record| places(&case.model.facts, record))
            }
            _ => Ok(()),
        }
    }

    /// An answer is of a state between two commands: who was held is listed.
    fn answer(&self, case: &AnswerCase<'_>) -> Verdict {
        let Some(state) = case.state() else { return Ok(()) };
        every(&case.model.facts, state)
    }

    fn full(&self, look: &Look<'_>) -> Verdict {
        for (run, model) in &look.oracle.runs {
            let Some(live) = look.node.peek(*run) else { continue };
            let Some(state) = model.states.get(live.version().0 as usize) else { continue };
            let is = pairs(&model.facts, state).and_then(|()| every(&model.facts, state));
            is.map_err(|what| format!("run {run}: {what}"))?;
        }
        Ok(())
    }
}

fn every(facts: &Facts, state: &State) -> Verdict {
    if facts.lists.is_empty() {
        return Ok(());
    }
    state.holds.values().try_for_each(|hold| places(facts, hold))
}

/// The blocked legs of both halves are the same, and nobody has the whole.
fn pairs(facts: &Facts, state: &State) -> Verdict {
    for [one, other] in facts.shared() {
        let route = (0, facts.legs);
        let both = state.trip(facts, one, route).iter().zip(state.trip(facts, other, route));
        for (leg, (a, b)) in both.enumerate() {
            ensure((*a == Cell::Blocked) == (*b == Cell::Blocked), || {
                format!("the halves {one} and {other} are {a:?} and {b:?} on leg {leg}")
            })?;
        }
    }
    let mut wholes = facts.berths.iter().zip(0u16..).filter(|(berth, _)| berth.halves.is_some());
    let sold = wholes.find(|(_, berth)| !state.is_free(facts, *berth, (0, facts.legs)));
    ensure(sold.is_none(), || format!("{sold:?} is sold by halves, and is not free as a whole"))
}

/// Everybody of a hold has the place that the list says on which they stand.
fn places(facts: &Facts, hold: &Hold) -> Verdict {
    let Some(pool) = facts.pools.get(usize::from(hold.pool)) else { return Ok(()) };
    for (place, seat) in hold.seats.iter().enumerate() {
        if !matches!(seat.state, SeatState::Held | SeatState::Confirmed) {
            continue;
        }
        let now = seat.listed.and_then(|listed| listed.now);
        let list = now.and_then(|now| facts.lists.get(usize::from(now.list.0)));
        let of = seat.berth.map(|berth| facts.berths[usize::from(berth)].pool);
        let right = match list {
            Some(list) if list.pool != hold.pool => false,
            Some(list) if list.kind == ListKind::Rac => of.is_some() && of == pool.halves,
            Some(_) => of.is_none() && seat.passenger.berth_required,
            None if seat.passenger.berth_required => of == Some(hold.pool),
            None => of.is_none(),
        };
        ensure(right, || {
            format!("passenger {place} of {} in pool {} is {seat:?}", hold.id, hold.pool)
        })?;
    }
    Ok(())
}
