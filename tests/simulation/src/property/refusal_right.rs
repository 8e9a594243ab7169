//! Every answer is right in the state of which it says it is: a refusal has the reason that the rules
//! give there, and what is told without an effect could be told.

use berth_inventory::{Command, Refusal, Said};

use super::{AnswerCase, Property, Verdict, ensure};
use crate::oracle::rules::{Expected, rule};

/// See the module.
pub struct RefusalRight;

impl Property for RefusalRight {
    fn name(&self) -> &'static str {
        "refusal-right"
    }

    fn answer(&self, case: &AnswerCase<'_>) -> Verdict {
        let Some(state) = case.state() else { return Ok(()) };
        let facts = &case.model.facts;
        let (command, at) = (&case.attempt.command, case.answer.at.0);
        let expected = rule(facts, state, command, at);
        let words = |told: &dyn core::fmt::Display| {
            format!(
                "{} at {at} is told {told} at version {}; by the rules {expected:?}",
                case.attempt, state.version
            )
        };
        match &case.answer.said {
            Said::Refused(refusal) => {
                let right = match &expected {
                    Expected::Refused(reasons) | Expected::KnownOr(reasons) => {
                        reasons.contains(&refusal.reason())
                    }
                    Expected::Effect | Expected::Known => false,
                };
                ensure(right, || words(refusal))?;
                if let (Refusal::SoldOut { asked, free, .. }, Command::Reserve(ask)) =
                    (refusal, command)
                {
                    let legs = facts.legs(ask.from, ask.to).unwrap_or((0, 0));
                    let pool = facts.pool(ask.class, ask.quota).unwrap_or(0);
                    let ours = state.free(facts, pool, legs);
                    // Those that are free and kept for somebody who was first are not counted.
                    let kept = *free == 0 && state.is_overtaking(facts, pool, legs);
                    ensure((usize::from(*free) == ours || kept) && *asked > 0, || {
                        format!("{} is told {refusal}; by the rules {ours} are free", case.attempt)
                    })?;
                }
                if let (Refusal::WaitingFull { free, limit, .. }, Command::Reserve(ask)) =
                    (refusal, command)
                {
                    let pool = facts.pool(ask.class, ask.quota).unwrap_or(0);
                    let list = facts.pools[usize::from(pool)].waiting;
                    let on_it = list.map_or(0, |list| state.list(list).len());
                    let most = list.map_or(0, |list| facts.lists[usize::from(list)].limit);
                    let sum = on_it + usize::from(*free);
                    ensure(*limit == most && sum == usize::from(most), || {
                        format!("{} is told {refusal}; {on_it} of {most} wait", case.attempt)
                    })?;
                }
                Ok(())
            }
            // In the state after its effect a command is answered from what is there.
            Said::Hold(_) | Said::Booking(_) | Said::Released(..) | Said::Cancelled(..) => {
                let right = match command {
                    Command::Extend(_) | Command::Reserve(_) | Command::Confirm(_) => {
                        expected == Expected::Known
                    }
                    _ => matches!(expected, Expected::Known | Expected::KnownOr(_)),
                };
                ensure(right, || words(&"that it is done"))
            }
            Said::Sale(_) | Said::Berths(_) => {
                ensure(expected == Expected::Known, || words(&"that it is done"))
            }
            Said::Run(summary) => {
                // One that has no event yet shows what it would be born as.
                let unborn = case.answer.version.0 == 0 && summary.version.0 == 1;
                ensure(unborn || summary.version == case.answer.version, || words(&summary.version))
            }
            Said::Done => Ok(()),
        }
    }
}
