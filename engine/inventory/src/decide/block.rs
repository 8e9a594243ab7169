//! Block and unblock: an operator takes berths out of sale on some legs, or gives them back.
//!
//! A berth that is blocked already is fine, and one that is not blocked may be unblocked; only
//! berths for which something changes stand in the event. Legs on which a coach does not run stay
//! out of sale whatever is asked (INV-8).

use super::{Decision, Then, Verdict, named, route};
use crate::answer::Said;
use crate::{BerthIndex, Block, Event, LegMask, LegRange, Refusal, Run};

pub(super) fn block(run: &Run, ask: &Block) -> Decision {
    let legs = legs(run, ask)?;
    for name in &ask.berths {
        let Some(berth) = run.plan.find_berth(name) else { continue };
        let taken = LegMask(run.rows.taken(berth).0 & !run.rows.blocked(berth).0);
        if taken.intersects(legs.mask()) {
            return Err(Refusal::BerthTaken { berth: name.clone(), legs });
        }
    }
    let berths = known(run, ask)?;
    let open = |berth: &BerthIndex| legs.mask().0 & !run.rows.blocked(*berth).0 != 0;
    let changed: Vec<BerthIndex> = berths.iter().copied().filter(open).collect();
    if changed.is_empty() {
        return Ok(Verdict::Known(Said::Berths(berths)));
    }
    // From here on the block must succeed.
    Ok(Verdict::take(Event::BerthsBlocked { berths: changed, legs }, Then::Berths(berths)))
}

pub(super) fn unblock(run: &Run, ask: &Block) -> Decision {
    let legs = legs(run, ask)?;
    let berths = known(run, ask)?;
    let blocked = |berth: &BerthIndex| run.operator_blocked(*berth).intersects(legs.mask());
    let changed: Vec<BerthIndex> = berths.iter().copied().filter(blocked).collect();
    if changed.is_empty() {
        return Ok(Verdict::Known(Said::Berths(berths)));
    }
    // From here on the unblock must succeed.
    Ok(Verdict::take(Event::BerthsUnblocked { berths: changed, legs }, Then::Berths(berths)))
}

fn legs(run: &Run, ask: &Block) -> Result<LegRange, Refusal> {
    run.refuse_reused_id(ask.request.id)?;
    match ask.legs {
        Some((from, to)) => route::journey(&run.plan, from, to),
        None => Ok(run.plan.route()),
    }
}

/// The berths asked for, ascending, each once.
fn known(run: &Run, ask: &Block) -> Result<Vec<BerthIndex>, Refusal> {
    let plan = &run.plan;
    let find = |name| plan.find_berth(name).ok_or_else(|| named::unknown(plan, name, None));
    let mut berths = ask.berths.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    berths.sort_unstable();
    berths.dedup();
    Ok(berths)
}
