//! Block and unblock: an operator takes berths out of sale on some legs, or gives them back.
//!
//! A berth that is blocked already is fine, and one that is not blocked may be unblocked; only
//! berths for which something changes stand in the event. Legs on which a coach does not run stay
//! out of sale whatever is asked (INV-8).

use super::{Decision, Events, Ruling, Then, named, route, take};
use crate::answer::Said;
use crate::{BerthIndex, Block, Event, LegMask, LegRange, Refusal, Run};

pub(super) fn block(run: &Run, ask: &Block, events: &mut Events) -> Decision {
    let legs = legs(run, ask)?;
    for name in &ask.berths {
        let Some(berth) = run.plan.find_berth(name) else { continue };
        let taken = |row| LegMask(run.rows.taken(row).0 & !run.rows.blocked(row).0);
        if rows(run, &[berth]).iter().any(|row| taken(*row).intersects(legs.mask())) {
            return Err(Refusal::BerthTaken { berth: name.clone(), legs }.into());
        }
    }
    let berths = known(run, ask)?;
    let open = |berth: &BerthIndex| legs.mask().0 & !run.rows.blocked(*berth).0 != 0;
    let changed: Vec<BerthIndex> = rows(run, &berths).into_iter().filter(open).collect();
    if changed.is_empty() {
        return Err(Ruling::Known(Said::Berths(berths)));
    }
    // From here on the block must succeed.
    Ok(take(events, Event::BerthsBlocked { berths: changed, legs }, Then::Berths(berths)))
}

pub(super) fn unblock(run: &Run, ask: &Block, events: &mut Events) -> Decision {
    let legs = legs(run, ask)?;
    let berths = known(run, ask)?;
    let blocked = |berth: &BerthIndex| run.operator_blocked(*berth).intersects(legs.mask());
    let changed: Vec<BerthIndex> = rows(run, &berths).into_iter().filter(blocked).collect();
    if changed.is_empty() {
        return Err(Ruling::Known(Said::Berths(berths)));
    }
    // From here on the unblock must succeed.
    Ok(take(events, Event::BerthsUnblocked { berths: changed, legs }, Then::Berths(berths)))
}

fn legs(run: &Run, ask: &Block) -> Result<LegRange, Refusal> {
    run.refuse_reused_id(ask.request.id)?;
    match ask.legs {
        Some((from, to)) => route::journey(&run.plan, from, to),
        None => Ok(run.plan.route()),
    }
}

/// The rows of these berths, ascending: of a shared one its halves.
fn rows(run: &Run, berths: &[BerthIndex]) -> Vec<BerthIndex> {
    let mut rows = Vec::with_capacity(berths.len());
    for berth in berths {
        match run.plan.halves(*berth) {
            // halves-in-pairs
            Some([one, _]) if crate::planted!("one-half-blocked") => rows.push(one),
            Some(halves) => rows.extend(halves),
            None => rows.push(*berth),
        }
    }
    rows.sort_unstable();
    rows
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

#[cfg(test)]
mod tests {
    use crate::tests::table::check;

    #[test]
    fn refusals_in_order_of_precedence() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
             block a Z9-1 S9..S2 => IDEMPOTENCY_MISMATCH
             block b Z9-1,B1-1 S9..S2 => UNKNOWN_STOP
             block b Z9-1,B1-1 S3..S2 => BAD_LEG_RANGE
             block b Z9-1,B1-1 S2..S3 => BERTH_TAKEN berth B1-1 is taken on stops 2..3
             block b Z9-1,B1-1 S3..S4 => UNKNOWN_BERTH train 12951 has no berth Z9-1 in any class
             unblock b Z9-1 => UNKNOWN_BERTH
             block b B1-1 S3..S4 => berths B1-1",
        );
    }

    #[test]
    fn only_what_changes_is_an_event() {
        check(
            "@0 block a B1-2,B1-1 S1..S3 => berths B1-1 B1-2
             block b B1-2,B1-1 S1..S3 => known berths B1-1 B1-2
             block c B1-2,B1-3 S2..S4 => berths B1-2 B1-3
             reserve r H1 3A GN S2..S3 M30 => SOLD_OUT
             reserve r H1 3A GN S3..S4 M30 => H1 B1-1:held until 300
             unblock d B1-1,B1-2 => berths B1-1 B1-2
             unblock e B1-1,B1-2 => known berths B1-1 B1-2
             reserve s H2 3A GN S1..S3 M30 => H2 B1-1:held until 300",
        );
    }

    #[test]
    fn a_coach_is_never_for_sale_where_it_does_not_run() {
        check(
            "@0 unblock a S1-1 => known berths S1-1
             block b S1-1 => berths S1-1
             unblock c S1-1 => berths S1-1
             unblock d S1-1 S1..S2 => known berths S1-1
             reserve r H1 SL GN S1..S4 M30 => SOLD_OUT
             reserve r H1 SL GN S2..S4 M30 => H1 S1-1:held until 300",
        );
    }
}
