//! What goes wrong on the way, in words for the operator who has to do something about it.
//!
//! `trouble_of` is the only place that reads a gRPC status for retries. tonic answers an expired
//! deadline with CANCELLED "Timeout expired" on both sides (0.14, `status.rs`), and a broken
//! connection with UNKNOWN, INTERNAL or CANCELLED and a source error: both are put right here.

use core::fmt;
use std::error::Error as _;
use std::time::Duration;

use berth_caller::retry::{Pushback, Trouble};
use berth_proto::RETRY_PUSHBACK_HEADER;
use berth_proto::v1;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A part of a request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Not an address.
    #[error("{address:?} is not a server address ({why}); expected http://HOST:PORT")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody there.
    #[error("no server answers at {address} ({why}); is `berth serve` running there?")]
    Connect {
        /// Where.
        address: String,
        /// What the network says.
        why: String,
    },
    /// The request itself is wrong; nothing happened.
    #[error("{call}: the request is wrong: {message}{}", Violations(.message, .violations))]
    Invalid {
        /// Which call.
        call: &'static str,
        /// What the server says.
        message: String,
        /// Which fields.
        violations: Vec<Violation>,
    },
    /// No answer in time.
    #[error("{call}: no answer after {waited_ms} ms and {attempts} attempts; {}", Fate(.call, .attempts))]
    Deadline {
        /// Which call.
        call: &'static str,
        /// Times it was sent; 0: it never left, for want of a connection or of room in the window.
        attempts: u32,
        /// Milliseconds spent.
        waited_ms: u64,
    },
    /// Over a limit, or the server sheds load.
    #[error("{call}: the server is over a limit: {message}{}", Again(.retry_after_ms))]
    Overloaded {
        /// Which call.
        call: &'static str,
        /// What the server says.
        message: String,
        /// When a retry is welcome, milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// Recovering, draining, its journal failed, or the connection broke.
    #[error(
        "{call}: the server cannot answer now: {message}{}; ask again with the same request id",
        Again(.retry_after_ms)
    )]
    Unavailable {
        /// Which call.
        call: &'static str,
        /// What the server or the network says.
        message: String,
        /// When a retry is welcome, milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// The endpoint failed so often that nobody asks it for a while. Nothing was sent.
    #[error(
        "{call}: the last {failures} tries to reach {address} failed, so nothing is sent there for \
         {again_ms} ms; ask again then with the same request id"
    )]
    CircuitOpen {
        /// Which call.
        call: &'static str,
        /// Which endpoint.
        address: String,
        /// Failures since the last answer.
        failures: u32,
        /// When it is tried again, milliseconds.
        again_ms: u64,
    },
    /// A text that cannot be a token.
    #[error("the token has a character that no header may have; give it as its issuer does")]
    Token,
    /// More callers than a session has places for. Nothing was sent.
    #[error(
        "{call}: {waiting} callers wait in this session already, as many as it has places for; \
         nothing was sent, so ask again when some are answered, or open another session"
    )]
    Crowded {
        /// Which call.
        call: &'static str,
        /// How many wait.
        waiting: usize,
    },
    /// Any other fault.
    #[error("{call} failed with {code:?}: {message}")]
    Fault {
        /// Which call.
        call: &'static str,
        /// Canonical code.
        code: Code,
        /// What the server says.
        message: String,
    },
    /// The answer holds nothing this client knows.
    #[error(
        "{call}: the server's answer is of a kind this client does not know; update the client"
    )]
    UnknownAnswer {
        /// Which call.
        call: &'static str,
    },
    /// The session has ended; the command was not sent or its fate is unknown.
    #[error("the session is over ({why}); send what is unanswered again with the same request ids")]
    SessionOver {
        /// Why.
        why: String,
    },
}

impl ClientError {
    /// The canonical code, for those who map by codes.
    pub const fn code(&self) -> Code {
        match self {
            Self::Address { .. } | Self::Invalid { .. } | Self::Token => Code::InvalidArgument,
            Self::Connect { .. }
            | Self::Unavailable { .. }
            | Self::CircuitOpen { .. }
            | Self::SessionOver { .. } => Code::Unavailable,
            Self::Deadline { .. } => Code::DeadlineExceeded,
            Self::Overloaded { .. } | Self::Crowded { .. } => Code::ResourceExhausted,
            Self::Fault { code, .. } => *code,
            Self::UnknownAnswer { .. } => Code::Unimplemented,
        }
    }

    /// Whether the same message, sent again, may do: it keeps its request id, so it is safe.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.code(), Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded)
    }

    pub(crate) fn from_status(call: &'static str, status: &Status, spent: Spent) -> Self {
        let message = status.message().to_owned();
        let retry_after_ms = match pushback_of(status) {
            Pushback::After(wait) => Some(wait.as_millis() as u64),
            Pushback::None | Pushback::Never => None,
        };
        match trouble_of(status) {
            Trouble::Overloaded => Self::Overloaded { call, message, retry_after_ms },
            Trouble::Unavailable => Self::Unavailable { call, message, retry_after_ms },
            Trouble::Deadline => Self::deadline(call, spent),
            Trouble::Final if status.code() == Code::InvalidArgument => {
                let violations = status.get_details_bad_request().map_or_else(Vec::new, |bad| {
                    let field = |v: tonic_types::FieldViolation| Violation {
                        field: v.field,
                        description: v.description,
                    };
                    bad.field_violations.into_iter().map(field).collect()
                });
                Self::Invalid { call, message, violations }
            }
            Trouble::Final => Self::Fault { call, code: status.code(), message },
        }
    }

    pub(crate) fn deadline(call: &'static str, spent: Spent) -> Self {
        let waited_ms = spent.waited.as_millis() as u64;
        Self::Deadline { call, attempts: spent.attempts, waited_ms }
    }

    pub(crate) fn from_fault(call: &'static str, fault: v1::Fault, spent: Spent) -> Self {
        let retry_after_ms = (fault.retry_after_ms > 0).then_some(u64::from(fault.retry_after_ms));
        let message = fault.message;
        match Code::from_i32(fault.code.cast_signed()) {
            Code::ResourceExhausted => Self::Overloaded { call, message, retry_after_ms },
            Code::Unavailable => Self::Unavailable { call, message, retry_after_ms },
            Code::DeadlineExceeded => Self::deadline(call, spent),
            Code::InvalidArgument => {
                let field = |v: v1::FieldViolation| Violation {
                    field: v.field,
                    description: v.description,
                };
                let violations = fault.violations.into_iter().map(field).collect();
                Self::Invalid { call, message, violations }
            }
            code => Self::Fault { call, code, message },
        }
    }
}

/// What was spent on a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub attempts: u32,
    pub waited: Duration,
}

/// What a status means for a retry.
pub(crate) fn trouble_of(status: &Status) -> Trouble {
    match status.code() {
        Code::ResourceExhausted => Trouble::Overloaded,
        Code::Unavailable => Trouble::Unavailable,
        Code::DeadlineExceeded => Trouble::Deadline,
        Code::Cancelled if status.message() == "Timeout expired" => Trouble::Deadline,
        // Only a status made on this side has a source: the connection broke under the call.
        Code::Unknown | Code::Internal | Code::Cancelled if status.source().is_some() => {
            Trouble::Unavailable
        }
        _ => Trouble::Final,
    }
}

/// Whether the line failed, rather than the server said no: only a status made on this side has a
/// source.
pub(crate) fn is_of_the_line(status: &Status) -> bool {
    status.source().is_some()
}

/// What a fault of one command means for a retry.
pub(crate) fn trouble_of_fault(fault: &v1::Fault) -> (Trouble, Pushback) {
    let trouble = match Code::from_i32(fault.code.cast_signed()) {
        Code::ResourceExhausted => Trouble::Overloaded,
        Code::Unavailable => Trouble::Unavailable,
        // Also DEADLINE_EXCEEDED: the deadline was the caller's.
        _ => Trouble::Final,
    };
    let pushback = match fault.retry_after_ms {
        0 => Pushback::None,
        ms => Pushback::After(Duration::from_millis(u64::from(ms))),
    };
    (trouble, pushback)
}

/// What the server says about when to come back: the trailer first, then `RetryInfo`.
pub(crate) fn pushback_of(status: &Status) -> Pushback {
    if let Some(value) = status.metadata().get(RETRY_PUSHBACK_HEADER) {
        // gRFC A6: negative or unreadable means do not retry.
        return match value.to_str().ok().and_then(|text| text.parse::<u64>().ok()) {
            Some(ms) => Pushback::After(Duration::from_millis(ms)),
            None => Pushback::Never,
        };
    }
    let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    delay.map_or(Pushback::None, Pushback::After)
}

/// The violations that the message does not say already.
struct Violations<'a>(&'a str, &'a [Violation]);
impl fmt::Display for Violations<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut untold = self.1.iter().filter(|v| !self.0.contains(&v.description));
        untold.try_for_each(|v| write!(f, "; {}: {}", v.field, v.description))
    }
}

/// How the names of calls begin that change nothing.
const READS: [&str; 6] = ["Get", "List", "Query", "BatchQuery", "Watch", "Read"];

/// What may have become of a call that was not answered in time.
struct Fate<'a>(&'a str, &'a u32);
impl fmt::Display for Fate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.1 {
            0 => "it was never sent, so ask again when the server is back or less is waiting",
            _ if READS.iter().any(|read| self.0.starts_with(read)) => "ask again",
            _ => "it may have taken effect, so ask again with the same request id",
        })
    }
}

struct Again<'a>(&'a Option<u64>);
impl fmt::Display for Again<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |ms| write!(f, "; come back in {ms} ms"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    const SPENT: Spent = Spent { attempts: 3, waited: Duration::from_millis(1_500) };

    #[test]
    fn tonics_own_timeout_is_a_deadline() {
        let status = Status::cancelled("Timeout expired");
        assert_eq!(trouble_of(&status), Trouble::Deadline);
        let error = ClientError::from_status("Reserve", &status, SPENT);
        assert_eq!(
            error.to_string(),
            "Reserve: no answer after 1500 ms and 3 attempts; it may have taken effect, so ask \
             again with the same request id"
        );
        assert!(error.is_retryable());
        let error = ClientError::from_status("Query", &status, SPENT);
        assert_eq!(
            error.to_string(),
            "Query: no answer after 1500 ms and 3 attempts; ask again",
            "it has no request id"
        );
    }

    #[test]
    fn the_trailer_wins_over_retry_info_and_a_negative_one_forbids() {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(9)));
        let mut status = Status::with_error_details(Code::ResourceExhausted, "full", details);
        assert_eq!(pushback_of(&status), Pushback::After(Duration::from_secs(9)));
        status.metadata_mut().insert(RETRY_PUSHBACK_HEADER, "250".parse().unwrap());
        assert_eq!(pushback_of(&status), Pushback::After(Duration::from_millis(250)));
        let text = ClientError::from_status("Reserve", &status, SPENT).to_string();
        assert_eq!(text, "Reserve: the server is over a limit: full; come back in 250 ms");
        for forbidding in ["-1", "soon", ""] {
            status.metadata_mut().insert(RETRY_PUSHBACK_HEADER, forbidding.parse().unwrap());
            assert_eq!(pushback_of(&status), Pushback::Never, "{forbidding:?}");
        }
    }

    #[test]
    fn a_connection_that_breaks_is_not_an_internal_error() {
        let mut broken = Status::new(Code::Unknown, "h2 protocol error");
        assert_eq!(trouble_of(&broken), Trouble::Final, "a server said so");
        broken.set_source(std::sync::Arc::new(std::io::Error::other("reset")));
        assert_eq!(trouble_of(&broken), Trouble::Unavailable);
    }

    #[test]
    fn violations_name_their_fields() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("ttl", "1 s given, 10 s to 15 min allowed");
        let status = Status::with_error_details(Code::InvalidArgument, "bad request", details);
        let error = ClientError::from_status("Reserve", &status, SPENT);
        assert_eq!(
            error.to_string(),
            "Reserve: the request is wrong: bad request; ttl: 1 s given, 10 s to 15 min allowed"
        );
        assert!(!error.is_retryable());
        let told = "ttl 1 s given, 10 s to 15 min allowed";
        let violations = vec![Violation { field: "ttl".into(), description: told[4..].to_owned() }];
        let error = ClientError::Invalid { call: "Reserve", message: told.into(), violations };
        assert_eq!(error.to_string(), format!("Reserve: the request is wrong: {told}"));
    }
}
