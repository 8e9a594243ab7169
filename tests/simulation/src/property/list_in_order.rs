//! Lists keep their order: numbers rise, what is given back goes to whoever is next by the rule of the
//! pool, and nobody waits for a place that is free.

use berth_inventory::Event;

use super::{AnswerCase, EventCase, Look, Property, Verdict, ensure};
use crate::oracle::facts::Facts;
use crate::oracle::lists::List;
use crate::oracle::state::State;

/// See the module.
pub struct ListInOrder;

impl Property for ListInOrder {
    fn name(&self) -> &'static str {
        "list-in-order"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        let (facts, before) = (&case.model.facts, case.before);
        match case.event {
            Event::Listed { hold, places } => {
                let mut next: Vec<u32> = before.lists.iter().map(List::next).collect();
                for (passenger, standing) in places {
                    let meant = next.get_mut(usize::from(standing.list.0));
                    let meant = meant.ok_or_else(|| format!("there is no list {standing:?}"))?;
                    ensure(standing.number == *meant, || {
                        format!(
                            "passenger {passenger} of {hold} gets {standing:?}, next is {meant}"
                        )
                    })?;
                    *meant += 1;
                }
                Ok(())
            }
            Event::Promoted { hold, passenger, berth, standing } => {
                let Some(place) = facts.berths.get(usize::from(berth.0)) else {
                    return Err(format!("{hold} is promoted to berth {berth}, which there is not"));
                };
                let sold = facts.pools.get(usize::from(place.pool));
                let pool = sold.map_or(0, |pool| pool.halves_of.unwrap_or(place.pool));
                let due = before.due_in(facts, pool);
                let told = Some((*hold, *passenger, place.pool));
                let meant = due.map(|due| (due.waiter.hold, due.waiter.passenger, due.pool));
                ensure(told == meant, || {
                    format!("{told:?} (hold, passenger, pool) is promoted, next is {meant:?}")
                })?;
                let Some(to) = standing else { return Ok(()) };
                let next = before.lists.get(usize::from(to.list.0)).map(List::next);
                ensure(next == Some(to.number), || {
                    format!("passenger {passenger} of {hold} gets {to:?}, next is {next:?}")
                })
            }
            _ => Ok(()),
        }
    }

    /// An answer is of a state between two commands: all that was due is done.
    fn answer(&self, case: &AnswerCase<'_>) -> Verdict {
        let Some(state) = case.state() else { return Ok(()) };
        nobody_is_due(&case.model.facts, state)
    }

    fn full(&self, look: &Look<'_>) -> Verdict {
        for (run, model) in &look.oracle.runs {
            let Some(live) = look.node.peek(*run) else { continue };
            let Some(state) = model.states.get(live.version().0 as usize) else { continue };
            nobody_is_due(&model.facts, state).map_err(|what| format!("run {run}: {what}"))?;
            let counts = state.lists.iter().map(|list| list.places.len() as u16);
            let (told, counts) = (live.waiting(), counts.collect::<Vec<_>>());
            ensure(model.replay.is_none() || told[..] == counts[..], || {
                format!("run {run}: {told:?} wait, by the rules {counts:?}")
            })?;
        }
        Ok(())
    }
}

fn nobody_is_due(facts: &Facts, state: &State) -> Verdict {
    let due = state.due(facts);
    ensure(due.is_none(), || {
        format!("at version {} a place is free for {due:?}, who waits", state.version)
    })
}
