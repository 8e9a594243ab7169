//! A fast refusal is right for some state between the request's arrival and its answer: one that
//! is no older than what was ever told of the run. And it is never given to an id that is under way or has taken effect.

use berth_inventory::{Reason, Said};

use super::{AnswerCase, Property, Verdict, ensure};
use crate::oracle::attempt::End;

/// See the module.
pub struct FastRefusal;

impl Property for FastRefusal {
    fn name(&self) -> &'static str {
        "fast-refusal"
    }

    fn answer(&self, case: &AnswerCase<'_>) -> Verdict {
        if !case.fast {
            return Ok(());
        }
        let Said::Refused(refusal) = &case.answer.said else {
            return Err(format!(
                "{} is told {:?} without the queue",
                case.attempt, case.answer.said
            ));
        };
        let reason = refusal.reason();
        ensure(matches!(reason, Reason::SoldOut | Reason::WlFull), || {
            format!("{} is refused without the queue: {refusal}", case.attempt)
        })?;
        // It came and was answered at once: what is durable and not told to anyone yet may come after.
        let (version, told) = (case.answer.version.0, case.model.told);
        ensure(version >= told, || {
            format!("{} is refused by version {version}, version {told} was told", case.attempt)
        })?;
        let Some(mark) = case.attempt.mark() else { return Ok(()) };
        let tags = case.oracle.by_id.get(&mark.id).into_iter().flatten();
        for tag in tags {
            let other = &case.oracle.attempts[*tag as usize];
            let same = core::ptr::eq(other, case.attempt);
            ensure(same || other.end != End::Pending, || {
                format!("{} is refused fast while the same id is under way", case.attempt)
            })?;
        }
        Ok(())
    }
}
