//! Faults: what is told as a status of a call, or as the fault of one command of a session.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;

use berth_engine::node::Fault;
use berth_inventory::Millis;
use berth_proto::{RETRY_PUSHBACK_HEADER, v1};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use super::check::Invalid;

/// How long a caller is asked to wait when the disk is full: somebody has to make room first.
const RETRY_DISK_FULL: Millis = Millis(5_000);

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trouble {
    code: Code,
    message: String,
    retry_after: Option<Millis>,
    violations: Vec<v1::FieldViolation>,
}

impl Trouble {
    /// Without a hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None, violations: Vec::new() }
    }

    /// With a hint.
    pub fn retry_after(self, span: Millis) -> Self {
        Self { retry_after: Some(span), ..self }
    }

    /// A fault of ours: the machine said what nobody asked.
    pub fn nonsense(call: &str, said: &impl fmt::Debug) -> Self {
        tracing::error!(call, ?said, "a run answered what was not asked");
        Self::new(
            Code::Internal,
            format!("{call} was answered with something else; retry with the same request_id"),
        )
    }

    /// Its code.
    #[cfg(test)]
    pub fn code(&self) -> Code {
        self.code
    }

    /// As the status of a call.
    pub fn into_status(self) -> Status {
        let mut details = ErrorDetails::new();
        if !self.violations.is_empty() {
            let violations = self.violations.into_iter();
            let violations: Vec<FieldViolation> =
                violations.map(|v| FieldViolation::new(v.field, v.description)).collect();
            details.set_bad_request(violations);
        }
        let mut metadata = MetadataMap::new();
        if let Some(span) = self.retry_after {
            let ms = jittered(span).0;
            details.set_retry_info(Some(Duration::from_millis(ms)));
            metadata.insert(RETRY_PUSHBACK_HEADER, MetadataValue::from(ms));
        }
        Status::with_error_details_and_metadata(self.code, self.message, details, metadata)
    }

    /// As the fault of one command.
    pub fn into_fault(self) -> v1::Fault {
        v1::Fault {
            code: (self.code as i32).cast_unsigned(),
            message: self.message,
            retry_after_ms: self.retry_after.map_or(0, |span| jittered(span).0 as u32),
            violations: self.violations,
        }
    }
}

impl From<Invalid> for Trouble {
    fn from(invalid: Invalid) -> Self {
        let first = &invalid.violations[0];
        let more = match invalid.violations.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let message = format!("{} {}{more}", first.field, first.description);
        let violations = invalid.violations;
        Self { code: Code::InvalidArgument, message, retry_after: None, violations }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        let (code, retry_after) = match &fault {
            Fault::Overloaded { retry_after, .. } => (Code::ResourceExhausted, Some(*retry_after)),
            Fault::DiskFull { .. } => (Code::ResourceExhausted, Some(RETRY_DISK_FULL)),
            Fault::DeadlineExceeded { .. } => (Code::DeadlineExceeded, None),
            Fault::Recovering { retry_after, .. } => (Code::Unavailable, Some(*retry_after)),
            Fault::Quarantined { .. } | Fault::JournalFailed { .. } | Fault::Draining => {
                (Code::Unavailable, None)
            }
        };
        Self { code, message: fault.to_string(), retry_after, violations: Vec::new() }
    }
}

impl From<Trouble> for Status {
    fn from(trouble: Trouble) -> Self {
        trouble.into_status()
    }
}

/// One to one and a half times `span`, spread evenly over the callers that are told one after the
/// other (steps of the golden ratio), so that they do not come back together.
fn jittered(span: Millis) -> Millis {
    static TOLD: AtomicU64 = AtomicU64::new(0);
    let step = TOLD.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed) >> 32;
    Millis(span.0 + ((span.0 * step) >> 33))
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_inventory::{Date, RunId};

    fn overloaded() -> Trouble {
        Fault::Overloaded { what: "the queue of this run", retry_after: Millis(50) }.into()
    }

    #[test]
    fn faults_have_their_codes_and_only_some_a_hint() {
        let run = RunId {
            train: "12951".parse().expect("a number"),
            start_date: Date::from_days(20_000),
        };
        let why: std::sync::Arc<str> = "why".into();
        let table = [
            (
                Fault::Overloaded { what: "x", retry_after: Millis(9) },
                Code::ResourceExhausted,
                true,
            ),
            (Fault::DiskFull { why: why.clone() }, Code::ResourceExhausted, true),
            (Fault::DeadlineExceeded { late: Millis(3) }, Code::DeadlineExceeded, false),
            (Fault::Recovering { run, retry_after: Millis(100) }, Code::Unavailable, true),
            (Fault::Quarantined { run, why: why.clone() }, Code::Unavailable, false),
            (Fault::JournalFailed { why }, Code::Unavailable, false),
            (Fault::Draining, Code::Unavailable, false),
        ];
        for (fault, code, hint) in table {
            let status = Trouble::from(fault.clone()).into_status();
            assert_eq!(status.code(), code, "{fault}");
            assert_eq!(status.metadata().contains_key(RETRY_PUSHBACK_HEADER), hint, "{fault}");
            let info = status.get_details_retry_info();
            assert_eq!(info.is_some_and(|info| info.retry_delay.is_some()), hint, "{fault}");
            assert_eq!(Trouble::from(fault).into_fault().retry_after_ms > 0, hint);
        }
    }

    #[test]
    fn callers_are_told_different_times_that_are_long_enough() {
        let told: std::collections::BTreeSet<_> =
            (0..20).map(|_| overloaded().into_fault().retry_after_ms).collect();
        assert!(told.len() > 5, "{told:?}");
        assert!(told.iter().all(|ms| (50..75).contains(ms)), "{told:?}");
    }

    #[test]
    fn every_violation_travels() {
        let invalid = Invalid {
            violations: ["a", "b"]
                .map(|field| v1::FieldViolation { field: field.into(), description: "x".into() })
                .into(),
        };
        let status = Trouble::from(invalid.clone()).into_status();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "a x (and 1 more)");
        let bad = status.get_details_bad_request().expect("field violations");
        assert_eq!(bad.field_violations.len(), 2);
        assert_eq!(Trouble::from(invalid).into_fault().violations.len(), 2);
    }
}
