//! The service Inventory: one call, one command; and the session, many of them over one stream.
//!
//! It is not the generated service: messages are read and written by `wire` directly, and only what
//! is out of the ordinary becomes a generated message. A test holds its list of calls against the
//! descriptor.

use std::sync::Arc;

use berth_inventory::UnixMillis;
use http::header::CONTENT_TYPE;
use prost::bytes::Bytes;
use tonic::body::Body;
use tonic::metadata::GRPC_CONTENT_TYPE;
use tonic::{Code, Request, Response, Status, Streaming};
use tower::service_fn;

use crate::deadline;
use crate::desk::Desk;
use crate::session;
use crate::tally::Kind;
use crate::unary;
use crate::wire::{self, Of, Pen};

/// See the module.
pub(crate) struct Inventory;

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    One(Kind),
    Session,
}

impl Call {
    fn of(path: &str) -> Option<Self> {
        let name = path.strip_prefix('/')?.strip_prefix(Inventory::NAME)?.strip_prefix('/')?;
        Some(match name {
            "Reserve" => Self::One(Kind::Reserve),
            "Confirm" => Self::One(Kind::Confirm),
            "Release" => Self::One(Kind::Release),
            "Extend" => Self::One(Kind::Extend),
            "Cancel" => Self::One(Kind::Cancel),
            "GetHold" => Self::One(Kind::GetHold),
            "GetBooking" => Self::One(Kind::GetBooking),
            "Session" => Self::Session,
            _ => return None,
        })
    }
}

impl Inventory {
    const NAME: &'static str = "berth.v1.Inventory";

    /// Whether a request is one of its calls, or would like to be.
    pub fn is_meant(request: &http::Request<Body>) -> bool {
        let path = request.uri().path();
        path.strip_prefix('/')
            .and_then(|path| path.strip_prefix(Self::NAME))
            .is_some_and(|path| path.starts_with('/'))
    }

    /// Answers one of its calls.
    pub fn answer(desk: &Arc<Desk>, request: http::Request<Body>) -> unary::Answer {
        let desk = Arc::clone(desk);
        match Call::of(request.uri().path()) {
            Some(Call::One(kind)) => Box::pin(async move {
                let deadline = deadline::of(request.extensions());
                let caller = desk.rooms.caller(request.extensions());
                let tell = move |message| one(Arc::clone(&desk), kind, deadline, caller, message);
                unary::serve(request, tell).await
            }),
            Some(Call::Session) => Box::pin(async move {
                let serve = service_fn(|request: Request<Streaming<Bytes>>| {
                    let (_, extensions, inbound) = request.into_parts();
                    let stream = session::stream(Arc::clone(&desk), inbound, &extensions);
                    core::future::ready(Ok::<_, Status>(Response::new(stream)))
                });
                unary::grpc().streaming(serve, request).await
            }),
            None => Box::pin(core::future::ready(unknown())),
        }
    }
}

/// Reads, asks and words one call.
async fn one(
    desk: Arc<Desk>,
    kind: Kind,
    deadline: UnixMillis,
    caller: u64,
    message: Bytes,
) -> Result<Pen, Status> {
    let ask = wire::request(kind, &message, &desk.engine.info().holds)?;
    drop(message);
    let (answer, run) = desk.ask(ask, deadline, caller).await?;
    let mut pen = Pen::default();
    let of = run.as_deref().and_then(Of::run);
    wire::response(&mut pen, kind, &answer, of, &desk.teller())?;
    Ok(pen)
}

/// A call this server does not know.
fn unknown() -> http::Response<Body> {
    let mut response = http::Response::new(Body::default());
    let headers = response.headers_mut();
    headers.insert(Status::GRPC_STATUS, (Code::Unimplemented as i32).into());
    headers.insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_proto::FILE_DESCRIPTOR_SET;
    use prost::Message as _;

    #[test]
    fn every_call_of_the_descriptor_is_served() {
        let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("it decodes");
        let services = set.file.iter().flat_map(|file| &file.service);
        let inventory = services.into_iter().find(|service| service.name() == "Inventory");
        let methods = &inventory.expect("it is there").method;
        for method in methods {
            let call = Call::of(&format!("/{}/{}", Inventory::NAME, method.name()));
            let streams = method.client_streaming();
            assert_eq!(call == Some(Call::Session), streams, "{}", method.name());
            assert!(call.is_some(), "{}", method.name());
        }
        assert_eq!(methods.len(), 8, "a call more needs a place in `Call::of`");
        for path in ["", "/", "/berth.v1.Inventory", "/berth.v1.Inventory/", "/x/Reserve"] {
            assert_eq!(Call::of(path), None, "{path}");
        }
    }
}
