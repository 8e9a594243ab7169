//! Deadlines of callers: they travel in the command, and a call that outlives its own is told so.
//!
//! The caller's `grpc-timeout` is taken when the headers arrive. tonic has a timer of its own that
//! answers CANCELLED, which clients treat differently; ours goes first, by a hair, and answers
//! DEADLINE_EXCEEDED. What was pushed by then happens, and a retry finds it.
//!
//! The same layer gives two faults of tonic's codec the code that callers can act on.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use berth_inventory::{Millis, UnixMillis};
use berth_proto::RETRY_PUSHBACK_HEADER;
use http::{HeaderMap, Request, Response};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::wire::Trouble;

/// How long a call without a deadline may wait for its answer.
const DEFAULT: Duration = Duration::from_secs(30);
/// How much earlier than tonic's own timer ours goes off.
const AHEAD: Duration = Duration::from_millis(2);

/// When a command of this call is no longer worth doing, engine time. An extension of the request.
#[derive(Clone, Copy, Debug)]
struct Deadline(UnixMillis);

/// The deadline of a call, from the extensions of its request.
pub(crate) fn of(extensions: &http::Extensions) -> UnixMillis {
    extensions.get::<Deadline>().map_or(UnixMillis::MAX, |deadline| deadline.0)
}

/// See the module. The clock tells engine time.
#[derive(Clone)]
pub(crate) struct DeadlineLayer<C>(pub C);

impl<S, C: Clone> Layer<S> for DeadlineLayer<C> {
    type Service = WithDeadline<S, C>;

    fn layer(&self, inner: S) -> WithDeadline<S, C> {
        WithDeadline { clock: self.0.clone(), inner }
    }
}

/// See [`DeadlineLayer`].
#[derive(Clone)]
pub(crate) struct WithDeadline<S, C> {
    clock: C,
    inner: S,
}

impl<S, B, C> Service<Request<B>> for WithDeadline<S, C>
where
    C: Fn() -> UnixMillis,
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let timeout = timeout_of(request.headers()).unwrap_or(DEFAULT);
        let span = Millis(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        request.extensions_mut().insert(Deadline((self.clock)().saturating_add(span)));
        let arrived = Instant::now();
        let answer = self.inner.call(request);
        let Some(until) = arrived.checked_add(timeout.saturating_sub(AHEAD)) else {
            return Box::pin(async move { answer.await.map(clear) });
        };
        Box::pin(async move {
            match tokio::time::timeout_at(until, answer).await {
                Ok(answer) => answer.map(clear),
                Err(_) => Ok(too_late(timeout).into_http()),
            }
        })
    }
}

fn too_late(timeout: Duration) -> Status {
    let ms = timeout.as_millis();
    let why = format!("no answer within {ms} ms; retry a change with the same request_id");
    Trouble::new(Code::DeadlineExceeded, why).into_status()
}

/// The `grpc-timeout` header: up to 8 digits and a unit. A malformed one counts as none.
fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3_600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

/// What tonic tells of a message it cannot read, in the words of this package.
fn clear(response: Response<Body>) -> Response<Body> {
    match response.extensions().get::<Status>().and_then(reworded) {
        Some(status) => status.into_http(),
        None => response,
    }
}

/// A message that is no protobuf is the caller's fault, not ours; one that is too long is a limit,
/// and sending it again does not help.
pub(crate) fn reworded(status: &Status) -> Option<Status> {
    let text = status.message();
    if status.code() == Code::Internal && text.contains("failed to decode Protobuf message") {
        return Some(Status::invalid_argument(text));
    }
    if status.code() == Code::OutOfRange && text.contains("decoded message length too large") {
        let mut status = Status::resource_exhausted(text);
        status.metadata_mut().insert(RETRY_PUSHBACK_HEADER, MetadataValue::from_static("-1"));
        return Some(status);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::service_fn;

    fn request(timeout: &str) -> Request<()> {
        let request = Request::builder().header("grpc-timeout", timeout);
        request.body(()).expect("a request")
    }

    /// Tells the deadline it was given.
    async fn told(request: Request<()>) -> Result<Response<Body>, core::convert::Infallible> {
        let deadline = request.extensions().get::<Deadline>().expect("every request has one").0;
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(deadline);
        Ok(response)
    }

    #[tokio::test]
    async fn a_call_that_outlives_its_deadline_is_told_so() {
        let never = service_fn(|_: Request<()>| {
            core::future::pending::<Result<Response<Body>, core::convert::Infallible>>()
        });
        let mut service = DeadlineLayer(|| UnixMillis(1)).layer(never);
        for timeout in ["0n", "1m", "5m"] {
            let response = service.call(request(timeout)).await.expect("an answer");
            let status = Status::from_header_map(response.headers()).expect("a status");
            assert_eq!(status.code(), Code::DeadlineExceeded, "{timeout}");
        }
    }

    #[tokio::test]
    async fn the_deadline_travels_in_engine_time() {
        let mut service = DeadlineLayer(|| UnixMillis(1_000)).layer(service_fn(told));
        for (timeout, expected) in [("250m", 1_250), ("2S", 3_000), ("nonsense", 31_000)] {
            let response = service.call(request(timeout)).await.expect("an answer");
            let deadline = response.extensions().get::<UnixMillis>().copied();
            assert_eq!(deadline, Some(UnixMillis(expected)), "{timeout}");
        }
    }

    #[test]
    fn what_tonic_cannot_read_gets_a_code_to_act_on() {
        let bad = Status::internal("failed to decode Protobuf message: invalid string");
        assert_eq!(reworded(&bad).expect("reworded").code(), Code::InvalidArgument);
        let long = "Error, decoded message length too large: found 9 bytes";
        let long = reworded(&Status::out_of_range(long)).expect("reworded");
        assert_eq!(long.code(), Code::ResourceExhausted);
        assert_eq!(long.metadata().get(RETRY_PUSHBACK_HEADER).expect("a hint"), "-1");
        assert!(reworded(&Status::internal("a fault of ours")).is_none());
    }

    #[test]
    fn timeouts_are_read_as_the_protocol_says() {
        let table = [
            ("1H", Some(Duration::from_secs(3_600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("250m", Some(Duration::from_millis(250))),
            ("7u", Some(Duration::from_micros(7))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("100000000n", None),
            ("S", None),
            ("", None),
            ("-1S", None),
            ("1x", None),
            ("+1S", None),
        ];
        for (text, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().expect("a header value"));
            assert_eq!(timeout_of(&headers), expected, "{text:?}");
        }
        assert_eq!(timeout_of(&HeaderMap::new()), None);
    }
}
