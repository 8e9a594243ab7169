//! A fault says the truth: a deadline has passed that is said to have, and a run that is said to be
//! out of service is. (That nothing was done, `effect-has-cause` sees.)

use berth_node::Fault;

use super::{FaultCase, Property, Verdict, ensure};

/// See the module.
pub struct FaultTrue;

impl Property for FaultTrue {
    fn name(&self) -> &'static str {
        "fault-true"
    }

    fn fault(&self, case: &FaultCase<'_>) -> Verdict {
        match case.fault {
            Fault::DeadlineExceeded { .. } => ensure(case.attempt.deadline <= case.now, || {
                format!(
                    "{} is told that its deadline passed: {} at {}",
                    case.attempt, case.attempt.deadline, case.now
                )
            }),
            Fault::Quarantined { run, .. } | Fault::Recovering { run, .. } => {
                ensure(case.attempt.run == Some(*run), || {
                    format!("{} is told of run {run}", case.attempt)
                })
            }
            Fault::Overloaded { .. }
            | Fault::JournalFailed { .. }
            | Fault::Draining
            | Fault::DiskFull { .. } => Ok(()),
        }
    }
}
