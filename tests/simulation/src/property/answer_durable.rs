//! Nothing is told to anyone before it is durable: the version of an answer is in the log.

use super::{AnswerCase, Property, Verdict, ensure};

/// See the module.
pub struct AnswerDurable;

impl Property for AnswerDurable {
    fn name(&self) -> &'static str {
        "answer-durable"
    }

    fn answer(&self, case: &AnswerCase<'_>) -> Verdict {
        let durable = case.model.version();
        ensure(case.answer.version.0 <= durable, || {
            format!(
                "{} is told of version {}, version {durable} is durable",
                case.attempt, case.answer.version
            )
        })
    }
}
