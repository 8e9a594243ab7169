//! After an id took effect, no retry of it within the window is answered SOLD_OUT, or refused for
//! any other reason than that it means something else.

use berth_inventory::{Reason, Said};

use super::{AnswerCase, Property, Verdict, ensure};

/// See the module.
pub struct NoSoldOutAfterEffect;

impl Property for NoSoldOutAfterEffect {
    fn name(&self) -> &'static str {
        "no-sold-out-after-effect"
    }

    fn answer(&self, case: &AnswerCase<'_>) -> Verdict {
        let Said::Refused(refusal) = &case.answer.said else { return Ok(()) };
        let Some(mark) = case.attempt.mark() else { return Ok(()) };
        // By what is durable now, not by the version the answer says: the effect may be newer.
        let Some(effect) = case.model.state().effect(mark.id) else { return Ok(()) };
        let arrived = case.attempt.arrived.unwrap_or(0);
        let state = case.state();
        let known_then = state.is_some_and(|state| state.effect(mark.id).is_some());
        let mismatch = refusal.reason() == Reason::IdempotencyMismatch;
        // Decided before the effect, told after it: two sendings at the same time, both right.
        ensure(mismatch || !known_then && !case.fast && arrived <= case.answer.at.0, || {
            format!("{} took effect as {effect:?} and is told {refusal}", case.attempt)
        })
    }
}
