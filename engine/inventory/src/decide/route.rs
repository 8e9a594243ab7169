//! From the caller's stops to legs.

use crate::{LegRange, Plan, Refusal, StopRef};

/// The legs between two stops as the caller names them.
pub(super) fn journey(plan: &Plan, from: StopRef, to: StopRef) -> Result<LegRange, Refusal> {
    let place =
        |stop| plan.resolve(stop).ok_or(Refusal::UnknownStop { train: plan.number(), stop });
    let (from, to) = (place(from)?, place(to)?);
    let people = |stop: u8| u16::from(stop) + 1;
    LegRange::new(from, to).ok_or(Refusal::BadLegRange { from: people(from), to: people(to) })
}
