//! Conservation per leg: free, held, sold and blocked berths of a pool add up to its berths, on every
//! leg, and the counts that people are told are those of the model.

use berth_inventory::{LegRange, PoolIndex};

use super::{Look, Property, Verdict, ensure};
use crate::oracle::state::Cell;

/// See the module.
pub struct Conservation;

impl Property for Conservation {
    fn name(&self) -> &'static str {
        "conservation"
    }

    fn full(&self, look: &Look<'_>) -> Verdict {
        for (run, model) in &look.oracle.runs {
            let Some(live) = look.node.peek(*run) else { continue };
            let (facts, version) = (&model.facts, live.version().0);
            let Some(state) = model.states.get(version as usize) else { continue };
            if model.replay.is_none() {
                continue;
            }
            let summary = live.summary();
            for (pool, index) in summary.pools.iter().zip(0u8..) {
                let legs = pool.berth_legs;
                let sum = legs.free + legs.held + legs.sold + legs.blocked;
                ensure(sum == legs.capacity, || {
                    format!("run {run} version {version} pool {index}: {legs:?} do not add up")
                })?;
                let mut counts = [0u32; 4];
                for berth in (0..facts.berths.len() as u16)
                    .filter(|berth| facts.berths[usize::from(*berth)].pool == index)
                {
                    for cell in state.trip(facts, berth, (0, facts.legs)) {
                        counts[match cell {
                            Cell::Free => 0,
                            Cell::Held(_) => 1,
                            Cell::Sold(_) => 2,
                            Cell::Blocked => 3,
                        }] += 1;
                    }
                }
                let told = [legs.free, legs.held, legs.sold, legs.blocked];
                ensure(told == counts, || {
                    format!("run {run} pool {index}: told {told:?}, by the rules {counts:?}")
                })?;
                for leg in 0..facts.legs {
                    let trip = LegRange { from: leg, to: leg + 1 };
                    let told = usize::from(live.free(PoolIndex(index), trip));
                    let free = state.free(facts, index, (leg, leg + 1));
                    ensure(told == free, || {
                        format!(
                            "run {run} pool {index} leg {leg}: {told} free, by the rules {free}"
                        )
                    })?;
                }
            }
            let holds = state.live().count();
            ensure(live.live_holds() == holds, || {
                format!("run {run}: {} live holds, by the rules {holds}", live.live_holds())
            })?;
        }
        Ok(())
    }
}
