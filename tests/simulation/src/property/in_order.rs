//! Commands of one run and lane are executed in the order in which they reached the node: what an
//! earlier one is told is of no later version than what a later one is told.

use berth_node::Lane;

use super::{AnswerCase, Property, Verdict, ensure};

/// See the module.
pub struct InOrder;

impl Property for InOrder {
    fn name(&self) -> &'static str {
        "in-order"
    }

    fn answer(&self, case: &AnswerCase<'_>) -> Verdict {
        let key = (case.model.facts.run, Lane::of(&case.attempt.command) as u8);
        let Some(told) = case.oracle.told_in_order.get(&key).filter(|_| !case.fast) else {
            return Ok(());
        };
        let (order, version) = (case.attempt.order, case.answer.version.0);
        let before = told.range(..order).next_back().map_or(0, |(_, version)| *version);
        let after = told.range(order..).next().map_or(u64::MAX, |(_, version)| *version);
        ensure(before <= version && version <= after, || {
            format!(
                "{} is told of version {version}; one that came before it was told of {before}, one \
                 that came after it of {after}",
                case.attempt
            )
        })
    }
}
