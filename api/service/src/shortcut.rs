//! Calls of Inventory go straight to it, past the router that finds every other service by its path.

use core::convert::Infallible;
use core::task::{Context, Poll};

use futures_util::TryFutureExt as _;
use futures_util::future::{Either, MapErr};
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use crate::inventory::Inventory;

/// See the module. A listener without an Inventory has nothing to cut short.
#[derive(Clone)]
pub(crate) struct Shortcut(pub Option<Inventory>);

impl<S> Layer<S> for Shortcut {
    type Service = Beside<S>;

    fn layer(&self, others: S) -> Beside<S> {
        Beside { inventory: self.0.clone(), others }
    }
}

/// See [`Shortcut`].
#[derive(Clone)]
pub(crate) struct Beside<S> {
    inventory: Option<Inventory>,
    others: S,
}

type Never<E> = fn(Infallible) -> E;

impl<S> Service<Request<Body>> for Beside<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future =
        Either<S::Future, MapErr<<Inventory as Service<Request<Body>>>::Future, Never<S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // Inventory is always ready.
        self.others.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match &mut self.inventory {
            Some(inventory) if Inventory::is_meant(&request) => {
                let never: Never<S::Error> = |never| match never {};
                Either::Right(inventory.call(request).map_err(never))
            }
            _ => Either::Left(self.others.call(request)),
        }
    }
}
