//! One call on its short way: a message in, a message out.
//!
//! tonic reads a call's message as a stream of messages and writes the answer as one, for which it
//! keeps two buffers and two kilobytes of state a call. A request as every client sends it, one
//! whole message without compression, needs neither. Whatever is odd (a message in pieces, several
//! or none, a compression flag, an encoding) goes tonic's way with every byte it came with, so that
//! faults and their words have one source.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::collections::VecDeque;

use axum::body::HttpBody;
use berth_proto::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use prost::bytes::Bytes;
use tonic::body::Body;
use tonic::metadata::GRPC_CONTENT_TYPE;
use tonic::server::Grpc;
use tonic::{Code, Status};
use tower::service_fn;

use crate::codec::Raw;
use crate::wire::Pen;

/// Flag and length before a message.
const PREFIX: usize = 5;

/// How the caller's messages are compressed.
const ENCODING: &str = "grpc-encoding";

/// A call being answered.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Serves a call: `tell` words the answer to its message. What is odd goes tonic's way to the same
/// `tell`.
pub(crate) async fn serve<T, F>(request: Request<Body>, tell: T) -> Response<Body>
where
    T: Fn(Bytes) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Pen, Status>> + Send + 'static,
{
    let told = match read(request).await {
        Read::Message(message) => tell(message).await,
        Read::Failed(status) => Err(status),
        Read::Odd(request) => return odd(request, tell).await,
    };
    match told {
        Ok(pen) => response(pen.into_framed()),
        Err(status) => status.into_http(),
    }
}

/// A call whose request is not as most are: tonic reads it, and says what is wrong with it.
fn odd<T, F>(request: Request<Body>, tell: T) -> Answer
where
    T: Fn(Bytes) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Pen, Status>> + Send + 'static,
{
    Box::pin(async move {
        let serve = service_fn(|request: tonic::Request<Bytes>| {
            let told = tell(request.into_inner());
            async { Ok::<_, Status>(tonic::Response::new(told.await?.into_bytes())) }
        });
        grpc().unary(serve, request).await
    })
}

/// tonic's own way, within our limits.
pub(crate) fn grpc() -> Grpc<Raw> {
    Grpc::new(Raw)
        .max_decoding_message_size(REQUEST_BYTES_MAX)
        .max_encoding_message_size(RESPONSE_BYTES_MAX)
}

/// A request whose body was looked at.
enum Read {
    /// Its one message.
    Message(Bytes),
    /// For tonic: as it came.
    Odd(Request<Body>),
    /// The caller's stream failed.
    Failed(Status),
}

/// Reads a request's body.
async fn read(request: Request<Body>) -> Read {
    if request.headers().get(ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Read::Odd(request);
    }
    let (parts, mut body) = request.into_parts();
    let mut seen = VecDeque::new();
    loop {
        match core::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            // How some clients end a stream.
            Some(Ok(frame)) if frame.data_ref().is_some_and(Bytes::is_empty) => {}
            Some(Ok(frame)) => seen.push_back(frame),
            Some(Err(status)) => return Read::Failed(status),
            None => break,
        }
        // A second piece is odd already.
        if seen.len() > 1 || body.is_end_stream() {
            break;
        }
    }
    let rest_is_end = seen.iter().skip(1).all(Frame::is_trailers);
    match seen.front().and_then(Frame::data_ref).and_then(message) {
        Some(message) if rest_is_end && (seen.len() > 1 || body.is_end_stream()) => {
            Read::Message(message)
        }
        _ => {
            let body = Body::new(Replay { seen, rest: body });
            Read::Odd(Request::from_parts(parts, body))
        }
    }
}

/// The message of a piece that is one and no more.
fn message(piece: &Bytes) -> Option<Bytes> {
    let (&[flag, a, b, c, d], message) = piece.split_first_chunk()?;
    let is_whole = u32::from_be_bytes([a, b, c, d]) as usize == message.len();
    (flag == 0 && is_whole && message.len() <= REQUEST_BYTES_MAX).then(|| piece.slice(PREFIX..))
}

/// The response of a call that was answered; the message comes with its prefix.
fn response(message: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(Reply::Message(message)));
    response.headers_mut().insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
    response
}

/// What was read already, then the rest.
struct Replay {
    seen: VecDeque<Frame<Bytes>>,
    rest: Body,
}

impl HttpBody for Replay {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.seen.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.seen.is_empty() && self.rest.is_end_stream()
    }
}

/// One message, then the word that all is well.
enum Reply {
    Message(Bytes),
    Status,
    Over,
}

impl HttpBody for Reply {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(match core::mem::replace(&mut *self, Self::Over) {
            Self::Message(message) => {
                *self = Self::Status;
                Some(Ok(Frame::data(message)))
            }
            Self::Status => {
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert(Status::GRPC_STATUS, HeaderValue::from(Code::Ok as i32));
                Some(Ok(Frame::trailers(trailers)))
            }
            Self::Over => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static [u8]) -> Frame<Bytes> {
        Frame::data(Bytes::from_static(text))
    }

    async fn read_pieces(pieces: impl IntoIterator<Item = Frame<Bytes>>) -> Read {
        let replay = Replay { seen: pieces.into_iter().collect(), rest: Body::empty() };
        read(Request::new(Body::new(replay))).await
    }

    /// All that comes out of a body.
    async fn all(mut body: Body) -> (Vec<u8>, bool) {
        let (mut data, mut ended) = (Vec::new(), false);
        while let Some(frame) = core::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
        {
            let frame = frame.expect("a frame");
            ended |= frame.is_trailers();
            data.extend(frame.data_ref().into_iter().flatten());
        }
        (data, ended)
    }

    #[tokio::test]
    async fn one_whole_message_is_read_with_or_without_trailers() {
        let ends = [None, Some(bytes(b"")), Some(Frame::trailers(HeaderMap::new()))];
        for end in ends {
            let read = read_pieces([bytes(b"\0\0\0\0\x02ok")].into_iter().chain(end)).await;
            assert!(matches!(read, Read::Message(message) if *message == *b"ok"));
        }
        let empty = read_pieces([bytes(b"\0\0\0\0\0")]).await;
        assert!(matches!(empty, Read::Message(message) if message.is_empty()));
    }

    #[tokio::test]
    async fn what_is_odd_goes_on_with_every_byte() {
        let odd: [&[&'static [u8]]; 8] = [
            &[],
            &[b""],
            &[b"\0\0\0\0"],
            &[b"\x01\0\0\0\x02ok"],
            &[b"\0\0\0\0\x02", b"ok"],
            &[b"\0\0\0\0\x02ok", b"\0\0\0\0\x02ok"],
            &[b"\0\0\0\0\x02okk"],
            &[b"\0\0\0\0\x03ok"],
        ];
        for pieces in odd {
            match read_pieces(pieces.iter().map(|piece| bytes(piece))).await {
                Read::Odd(request) => {
                    assert_eq!(all(request.into_body()).await.0, pieces.concat());
                }
                _ => panic!("{pieces:?} is odd"),
            }
        }
        let mut encoded = Request::new(Body::new(Replay {
            seen: [bytes(b"\0\0\0\0\x02ok")].into(),
            rest: Body::empty(),
        }));
        let gzip = HeaderValue::from_static("gzip");
        encoded.headers_mut().insert(ENCODING, gzip);
        assert!(matches!(read(encoded).await, Read::Odd(_)));
    }

    #[tokio::test]
    async fn a_response_is_its_message_and_then_the_status() {
        let response = response(Bytes::from_static(b"\0\0\0\0\x02ok"));
        assert_eq!(response.headers()[CONTENT_TYPE], "application/grpc");
        assert_eq!(all(response.into_body()).await, (b"\0\0\0\0\x02ok".to_vec(), true));
    }
}
