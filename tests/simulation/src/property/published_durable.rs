//! Published availability shows a durable version and nothing else, and never an old one when
//! nothing is under way.

use berth_inventory::{BerthIndex, LegRange, PoolIndex};
use berth_node::BerthState;

use super::{Look, Property, Verdict, ensure};
use crate::oracle::state::Cell;

/// See the module.
pub struct PublishedDurable;

impl Property for PublishedDurable {
    fn name(&self) -> &'static str {
        "published-durable"
    }

    fn step(&self, look: &Look<'_>) -> Verdict {
        for (run, model) in &look.oracle.runs {
            let Some(published) = look.node.published(*run) else { continue };
            let (shown, durable) = (published.head().version.0, model.version());
            ensure(shown <= durable, || {
                format!("run {run} shows version {shown}, version {durable} is durable")
            })?;
        }
        Ok(())
    }

    fn full(&self, look: &Look<'_>) -> Verdict {
        for (run, model) in &look.oracle.runs {
            if look.node.is_out_of_service(*run) || model.replay.is_none() {
                continue;
            }
            let Some(published) = look.node.published(*run) else {
                let (kept, durable) = (look.node.kept(*run), model.version());
                ensure(!look.quiet || kept == durable, || {
                    format!("run {run} is cold at version {kept}, version {durable} is durable")
                })?;
                continue;
            };
            let (facts, head) = (&model.facts, published.head());
            let Some(state) = model.states.get(head.version.0 as usize) else { continue };
            ensure(!look.quiet || state.version == model.version(), || {
                format!("run {run} shows version {}, {} is durable", head.version, model.version())
            })?;
            let words = (head.closed, head.retired);
            ensure(words == (state.closed, state.retired), || {
                format!("run {run} shows closed, retired as {words:?} at version {}", head.version)
            })?;
            for berth in 0..facts.whole {
                for leg in 0..facts.legs {
                    let cell = |berth: u16| match state.trip(facts, berth, (leg, leg + 1))[0] {
                        Cell::Free => BerthState::Free,
                        Cell::Held(_) => BerthState::Held,
                        Cell::Sold(_) => BerthState::Sold,
                        Cell::Blocked => BerthState::Blocked,
                    };
                    let meant = facts.berths[usize::from(berth)]
                        .halves
                        .map_or_else(|| cell(berth), |[one, other]| both(cell(one), cell(other)));
                    let legs = LegRange { from: leg, to: leg + 1 };
                    let shown = published.berth_state(BerthIndex(berth), legs);
                    ensure(shown == meant, || {
                        format!(
                            "run {run} shows berth {berth} leg {leg} as {shown:?}, is {meant:?}"
                        )
                    })?;
                }
            }
            for pool in 0..facts.pools.len() as u8 {
                for (from, to) in [(0, facts.legs), (0, 1), (facts.legs - 1, facts.legs)] {
                    let shown = published.free(PoolIndex(pool), LegRange { from, to }) as usize;
                    let free = state.free(facts, pool, (from, to));
                    ensure(shown == free, || {
                        format!("run {run} shows {shown} free in pool {pool}, {from}..{to}: {free}")
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// A berth that two share is free while a half of it is; else it is sold if a half is sold.
fn both(one: BerthState, other: BerthState) -> BerthState {
    let rank = [BerthState::Free, BerthState::Sold, BerthState::Held, BerthState::Blocked];
    rank.into_iter().find(|state| *state == one || *state == other).unwrap_or(one)
}
