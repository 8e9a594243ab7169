//! Calls of Inventory and Availability.Query go straight to their answers, past the router that finds
//! every other call by its path.

use core::task::{Context, Poll};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{Either, Map};
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use crate::availability;
use crate::desk::Desk;
use crate::inventory::Inventory;
use crate::unary::Answer;

/// See the module. A listener that does not sell has nothing to cut short.
#[derive(Clone)]
pub(crate) struct Shortcut(pub Option<Arc<Desk>>);

impl<S> Layer<S> for Shortcut {
    type Service = Beside<S>;

    fn layer(&self, others: S) -> Beside<S> {
        Beside { desk: self.0.clone(), others }
    }
}

/// See [`Shortcut`].
#[derive(Clone)]
pub(crate) struct Beside<S> {
    desk: Option<Arc<Desk>>,
    others: S,
}

impl<S> Service<Request<Body>> for Beside<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future =
        Either<S::Future, Map<Answer, fn(Response<Body>) -> Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // What is cut short is always ready.
        self.others.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = match &self.desk {
            Some(desk) if Inventory::is_meant(&request) => Inventory::answer(desk, request),
            Some(desk) if request.uri().path() == availability::QUERY => {
                availability::answer_query(desk, request)
            }
            _ => return Either::Left(self.others.call(request)),
        };
        Either::Right(answer.map(Ok))
    }
}
