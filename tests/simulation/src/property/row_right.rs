//! What the public is told of a pool is what the rules make of the version it is told of: free berths,
//! else free halves, else how many wait, and whether one more may.

use berth_inventory::{LegRange, ListIndex, UnixMillis};
use berth_node::{RunTable, SaleStatus};

use super::{Look, Property, Verdict, ensure};
use crate::oracle::facts::Facts;
use crate::oracle::state::State;

/// See the module.
pub struct RowRight;

impl Property for RowRight {
    fn name(&self) -> &'static str {
        "row-right"
    }

    fn full(&self, look: &Look<'_>) -> Verdict {
        for (run, model) in &look.oracle.runs {
            if look.node.is_out_of_service(*run) || model.replay.is_none() {
                continue;
            }
            let Some(published) = look.node.published(*run) else { continue };
            let version = published.head().version;
            let Some(state) = model.states.get(version.0 as usize) else { continue };
            let facts = &model.facts;
            for (list, index) in state.lists.iter().zip(0u8..) {
                let (told, ours) = (published.waiting(ListIndex(index)), list.places.len());
                ensure(usize::from(told) == ours, || {
                    format!("run {run} {version}: {told} are told to be on list {index}: {ours}")
                })?;
            }
            let table = RunTable::published(*run, published);
            for legs in [(0, facts.legs), (0, 1), (facts.legs - 1, facts.legs)] {
                let (from, to) = legs;
                let (_, rows) = table.rows(LegRange { from, to }, UnixMillis(look.now));
                for row in rows {
                    let meant = status(facts, state, row.pool.0, legs, look.now);
                    ensure(row.status == meant, || {
                        let (told, pool) = (row.status, row.pool);
                        format!("run {run} {version} pool {pool} {legs:?}: {told:?}, is {meant:?}")
                    })?;
                }
            }
        }
        Ok(())
    }
}

fn status(facts: &Facts, state: &State, pool: u8, legs: (u8, u8), now: u64) -> SaleStatus {
    let words = &facts.pools[usize::from(pool)];
    let gone = facts.departures[usize::from(legs.0)] <= now;
    if words.opens_at > now && !gone {
        return SaleStatus::NotOpen(UnixMillis(words.opens_at));
    }
    if gone || state.retired || state.closed >> pool & 1 == 1 {
        return SaleStatus::Closed;
    }
    let free = state.free(facts, pool, legs) as u16;
    if free > 0 {
        return SaleStatus::Available(free);
    }
    let halves = words.halves.map_or(0, |halves| state.free(facts, halves, legs)) as u16;
    let list = words.waiting.map(|list| &facts.lists[usize::from(list)]);
    let waiting = words.waiting.map_or(0, |list| state.list(list).len()) as u16;
    match list {
        _ if halves > 0 && waiting == 0 => SaleStatus::Rac(halves),
        Some(list) if waiting < list.limit => SaleStatus::Waiting(waiting),
        Some(_) => SaleStatus::Regret(waiting),
        None => SaleStatus::SoldOut,
    }
}
