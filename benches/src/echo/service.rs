//! The services of an echo, as generated code would have them but for the types.

use core::convert::Infallible;
use core::future::{Future, Ready as Now, ready};
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use berth_proto::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, v1};
use futures_util::Stream;
use prost::Message;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::{Grpc, NamedService, StreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::replies::{Answers, Ready, Replies};
use super::requests::{Asked, Frames, Reading};

type Served = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// The service Inventory.
#[derive(Clone)]
pub struct Seats {
    pub replies: Arc<Replies>,
    pub reading: Reading,
}

/// The service Availability: queries only.
#[derive(Clone)]
pub struct Enquiries {
    pub replies: Arc<Replies>,
}

impl NamedService for Seats {
    const NAME: &'static str = "berth.v1.Inventory";
}

impl NamedService for Enquiries {
    const NAME: &'static str = "berth.v1.Availability";
}

fn unimplemented() -> Served {
    Box::pin(ready(Ok(Status::unimplemented("an echo knows what benches ask").into_http())))
}

impl Service<http::Request<Body>> for Seats {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Served;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Served {
        let replies = &self.replies;
        match (request.uri().path(), self.reading) {
            ("/berth.v1.Inventory/Session", Reading::Prost) => {
                session::<v1::SessionRequest>(Arc::clone(replies), request)
            }
            ("/berth.v1.Inventory/Session", Reading::Frames) => {
                session::<Frames>(Arc::clone(replies), request)
            }
            (path, Reading::Prost) => match path {
                "/berth.v1.Inventory/Reserve" => {
                    unary::<v1::ReserveRequest>(replies.call(3), request)
                }
                "/berth.v1.Inventory/Confirm" => {
                    unary::<v1::ConfirmRequest>(replies.call(4), request)
                }
                "/berth.v1.Inventory/Release" => {
                    unary::<v1::ReleaseRequest>(replies.call(5), request)
                }
                "/berth.v1.Inventory/Cancel" => {
                    unary::<v1::CancelRequest>(replies.call(7), request)
                }
                _ => unimplemented(),
            },
            (path, Reading::Frames) => match path {
                "/berth.v1.Inventory/Reserve" => unary::<Ready>(replies.call(3), request),
                "/berth.v1.Inventory/Confirm" => unary::<Ready>(replies.call(4), request),
                "/berth.v1.Inventory/Release" => unary::<Ready>(replies.call(5), request),
                "/berth.v1.Inventory/Cancel" => unary::<Ready>(replies.call(7), request),
                _ => unimplemented(),
            },
        }
    }
}

impl Service<http::Request<Body>> for Enquiries {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Served;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Served {
        match request.uri().path() {
            "/berth.v1.Availability/Query" => {
                unary::<v1::QueryRequest>(Ready(self.replies.query.clone()), request)
            }
            _ => unimplemented(),
        }
    }
}

fn unary<M>(reply: Ready, request: http::Request<Body>) -> Served
where
    M: Message + Default + Send + 'static,
{
    Box::pin(async move {
        let codec = ProstCodec::<Ready, M>::default();
        let mut grpc = Grpc::new(codec)
            .apply_max_message_size_config(Some(REQUEST_BYTES_MAX), Some(RESPONSE_BYTES_MAX));
        Ok(grpc.unary(Reply(reply, PhantomData), request).await)
    })
}

fn session<M: Asked>(replies: Arc<Replies>, request: http::Request<Body>) -> Served {
    Box::pin(async move {
        let codec = ProstCodec::<Answers, M>::default();
        let mut grpc = Grpc::new(codec)
            .apply_max_message_size_config(Some(REQUEST_BYTES_MAX), Some(RESPONSE_BYTES_MAX));
        Ok(grpc.streaming(Replying(replies, PhantomData), request).await)
    })
}

/// Answers any call with one reply.
struct Reply<M>(Ready, PhantomData<M>);

impl<M> UnaryService<M> for Reply<M> {
    type Response = Ready;
    type Future = Now<Result<Response<Ready>, Status>>;

    fn call(&mut self, _: Request<M>) -> Self::Future {
        ready(Ok(Response::new(self.0.clone())))
    }
}

/// Answers every message of a session with one of as many answers.
struct Replying<M>(Arc<Replies>, PhantomData<M>);

impl<M: Asked> StreamingService<M> for Replying<M> {
    type Response = Answers;
    type ResponseStream = Echoed<M>;
    type Future = Now<Result<Response<Echoed<M>>, Status>>;

    fn call(&mut self, request: Request<Streaming<M>>) -> Self::Future {
        let echoed = Echoed { inbound: request.into_inner(), replies: Arc::clone(&self.0) };
        ready(Ok(Response::new(echoed)))
    }
}

/// The stream of answers.
pub struct Echoed<M> {
    inbound: Streaming<M>,
    replies: Arc<Replies>,
}

impl<M: Asked> Stream for Echoed<M> {
    type Item = Result<Answers, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let replies = Arc::clone(&self.replies);
        let answer = |message: M| Answers::new(message.asked(), replies);
        Pin::new(&mut self.inbound).poll_next(cx).map(|m| m.map(|m| m.map(answer)))
    }
}
