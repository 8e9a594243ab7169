//! No berth carries two live allocations on one leg: what is held or blocked was free, and the
//! machine's rows say what the model's cells say.

use berth_inventory::{BerthIndex, Event};

use super::{EventCase, Look, Property, Verdict, ensure};
use crate::oracle::state::{Cell, State};
use crate::oracle::{RunModel, facts::Facts};

/// See the module.
pub struct BerthLegOnce;

impl Property for BerthLegOnce {
    fn name(&self) -> &'static str {
        "berth-leg-once"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        let facts = &case.model.facts;
        match case.event {
            Event::Held { hold, party, legs, pool, .. } => {
                let legs = (legs.from, legs.to);
                let mut seen = Vec::new();
                for berth in party.iter().filter_map(|seat| seat.berth) {
                    let trip = case.before.trip(facts, berth.0, legs);
                    ensure(trip.iter().all(|cell| *cell == Cell::Free), || {
                        format!("hold {hold} takes berth {berth} on legs {legs:?}: {trip:?}")
                    })?;
                    ensure(!seen.contains(&berth), || {
                        format!("hold {hold} takes berth {berth} twice")
                    })?;
                    let of = facts.berths[usize::from(berth.0)].pool;
                    let halves = facts.pools[usize::from(pool.0)].halves;
                    ensure(of == pool.0 || Some(of) == halves, || {
                        format!("hold {hold} of pool {pool} takes berth {berth} of pool {of}")
                    })?;
                    seen.push(berth);
                }
                Ok(())
            }
            Event::BerthsBlocked { berths, legs } => {
                for berth in berths {
                    let trip = case.before.trip(facts, berth.0, (legs.from, legs.to));
                    let taken = |cell: &Cell| matches!(cell, Cell::Held(_) | Cell::Sold(_));
                    ensure(!trip.iter().any(taken), || {
                        format!("berth {berth} is blocked on legs {legs}: {trip:?}")
                    })?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn full(&self, look: &Look<'_>) -> Verdict {
        for (run, model) in &look.oracle.runs {
            let Some(live) = look.node.peek(*run) else { continue };
            let Some(state) = model.states.get(live.version().0 as usize) else { continue };
            if model.replay.is_none() {
                continue;
            }
            same_rows(model, state, |berth| {
                let masks = live.masks(berth);
                (masks.held.0, masks.sold.0, masks.blocked.0)
            })
            .map_err(|what| format!("run {run} in memory, version {}: {what}", live.version()))?;
        }
        Ok(())
    }
}

/// Held, sold and blocked legs of a berth by the model.
pub fn row(facts: &Facts, state: &State, berth: u16) -> (u128, u128, u128) {
    let cells = state.trip(facts, berth, (0, facts.legs)).iter().zip(0..);
    cells.fold((0, 0, 0), |(held, sold, blocked), (cell, leg)| match cell {
        Cell::Free => (held, sold, blocked),
        Cell::Held(_) => (held | 1 << leg, sold, blocked),
        Cell::Sold(_) => (held, sold | 1 << leg, blocked),
        Cell::Blocked => (held, sold, blocked | 1 << leg),
    })
}

fn same_rows(
    model: &RunModel,
    state: &State,
    rows: impl Fn(BerthIndex) -> (u128, u128, u128),
) -> Verdict {
    for berth in 0..model.facts.berths.len() as u16 {
        let (ours, theirs) = (row(&model.facts, state, berth), rows(BerthIndex(berth)));
        ensure(ours == theirs, || {
            format!("berth {berth} is (held, sold, blocked) {theirs:?}, by the rules {ours:?}")
        })?;
    }
    Ok(())
}
