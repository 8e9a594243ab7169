//! From the caller's stops to legs.

use crate::{LegRange, Plan, Refusal, StopRef};

/// The legs between two stops as the caller names them.
#[inline]
pub(super) fn journey(plan: &Plan, from: StopRef, to: StopRef) -> Result<LegRange, Refusal> {
    match (plan.resolve(from), plan.resolve(to)) {
        (Some(from), Some(to)) if from < to => Ok(LegRange { from, to }),
        _ => Err(refuse(plan, from, to)),
    }
}

/// Why there is no such journey.
#[cold]
fn refuse(plan: &Plan, from: StopRef, to: StopRef) -> Refusal {
    let people = |stop: u8| u16::from(stop) + 1;
    match (plan.resolve(from), plan.resolve(to)) {
        (None, _) => Refusal::UnknownStop { train: plan.number(), stop: from },
        (_, None) => Refusal::UnknownStop { train: plan.number(), stop: to },
        (Some(from), Some(to)) => Refusal::BadLegRange { from: people(from), to: people(to) },
    }
}
