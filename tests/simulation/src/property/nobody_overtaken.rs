//! No passenger is overtaken: whoever asks later for a journey that is no shorter gets no berth of the
//! pool while somebody waits for one, and no half while somebody waits for anything.

use berth_inventory::Event;

use super::{EventCase, Property, Verdict, ensure};

/// See the module.
pub struct NobodyOvertaken;

impl Property for NobodyOvertaken {
    fn name(&self) -> &'static str {
        "nobody-overtaken"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        let Event::Held { hold, pool, legs, party, .. } = case.event else { return Ok(()) };
        let (facts, before) = (&case.model.facts, case.before);
        let Some(asked) = facts.pools.get(usize::from(pool.0)) else { return Ok(()) };
        let legs = (legs.from, legs.to);
        for berth in party.iter().filter_map(|seat| seat.berth) {
            let of = facts.berths.get(usize::from(berth.0)).map(|berth| berth.pool);
            let half = asked.halves.is_some() && of == asked.halves;
            let waits = before.inside(asked.waiting, legs);
            let first = if half { waits } else { before.inside(asked.rac, legs).or(waits) };
            ensure(first.is_none(), || {
                format!("hold {hold} gets berth {berth} for legs {legs:?}, {first:?} was first")
            })?;
        }
        Ok(())
    }
}
