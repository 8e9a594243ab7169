//! Streams of answers that end in order: when the credential of their caller expires, or their
//! connection is asked to leave. A session ends itself, for it answers first what it has read.

use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll};

use berth_engine::Engine;
use futures_util::FutureExt as _;
use futures_util::future::{Either, Map};
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame};
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::access::{Lane, rule};
use crate::stay::Stay;

/// See the module.
#[derive(Clone)]
pub(crate) struct EndingLayer(pub Engine);

/// See the module.
#[derive(Clone)]
pub(crate) struct Ending<S> {
    engine: Engine,
    inner: S,
}

impl<S> Layer<S> for EndingLayer {
    type Service = Ending<S>;

    fn layer(&self, inner: S) -> Ending<S> {
        Ending { engine: self.0.clone(), inner }
    }
}

type Answered = Result<Response<Body>, Infallible>;
type Bounding = Box<dyn FnOnce(Answered) -> Answered + Send>;

impl<S> Service<Request<Body>> for Ending<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Map<S::Future, Bounding>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if rule(request.uri().path()).is_none_or(|rule| rule.lane != Lane::Stream) {
            return Either::Left(self.inner.call(request));
        }
        let stay = Stay::of(request.extensions(), self.engine.now());
        let bound: Bounding = Box::new(move |answered| {
            answered.map(|response| response.map(|body| Body::new(Bounded::Open(body, stay))))
        });
        Either::Right(self.inner.call(request).map(bound))
    }
}

/// The body of such a stream.
enum Bounded {
    Open(Body, Stay),
    Over,
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self::Open(body, stay) = &mut *self else { return Poll::Ready(None) };
        let Poll::Ready(why) = stay.poll_over(cx) else { return Pin::new(body).poll_frame(cx) };
        *self = Self::Over;
        let mut trailers = HeaderMap::new();
        let told = why.into_status().add_header(&mut trailers);
        Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Open(body, _) => body.is_end_stream(),
            Self::Over => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Caller, Roles};
    use berth_inventory::UnixMillis;
    use std::sync::Arc;
    use tonic::Code;

    /// A body that never says anything.
    struct Endless;

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_stream_that_never_ends_ends_when_its_time_is_over() {
        let caller = Caller::of_certificate("somebody", Roles::AUDITOR);
        let mut extensions = http::Extensions::new();
        extensions.insert(Arc::new(Caller { expires: Some(UnixMillis(7)), ..caller }));
        let stay = Stay::of(&extensions, UnixMillis(7));
        let endless = Body::new(Endless);
        let mut bounded = Body::new(Bounded::Open(endless, stay));
        let frame = core::future::poll_fn(|cx| Pin::new(&mut bounded).poll_frame(cx)).await;
        let trailers = frame.expect("one").expect("no fault").into_trailers().expect("trailers");
        let status = Status::from_header_map(&trailers).expect("a status");
        assert_eq!(status.code(), Code::Unauthenticated);
        assert!(bounded.is_end_stream());
    }
}
