//! Nothing is held of a pool that has not opened, is closed, or whose train has left, nor of a run
//! that is over.

use berth_inventory::Event;

use super::{EventCase, Property, Verdict, ensure};
use crate::oracle::rules::is_closed;

/// See the module.
pub struct SaleOpen;

impl Property for SaleOpen {
    fn name(&self) -> &'static str {
        "sale-open"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        let Event::Held { hold, pool, legs, party, .. } = case.event else { return Ok(()) };
        let (facts, at) = (&case.model.facts, case.at.max(case.before.last_at));
        let row = &facts.pools[usize::from(pool.0)];
        ensure(row.opens_at <= at, || {
            format!("hold {hold} of pool {pool} at {at}, which opens at {}", row.opens_at)
        })?;
        ensure(party.len() <= row.party_max, || {
            format!("hold {hold} has {} passengers, {} may", party.len(), row.party_max)
        })?;
        ensure(!is_closed(facts, case.before, pool.0, (legs.from, legs.to), at), || {
            format!("hold {hold} of pool {pool} on legs {legs} at {at}, where sale is closed")
        })
    }
}
