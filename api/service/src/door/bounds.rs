//! What bounds a listener and each of its connections, with the reasons. Every default underneath
//! that is "none" (streams, connections, handshakes, age) is set here.

use core::time::Duration;

use berth_proto::REQUEST_BYTES_MAX;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

/// Bytes a stream may send before it is read: one message of the largest size.
const STREAM_WINDOW: u32 = REQUEST_BYTES_MAX as u32;
/// Bytes a connection may send before it is read. With `connections` it bounds what all callers
/// together can make a node keep for them: 4 GiB, if every one of them is hostile.
const CONNECTION_WINDOW: u32 = 4 * STREAM_WINDOW;
/// Bytes of all headers of a request: a token of 4 KiB fits several times.
const HEADER_LIST_BYTES: u32 = 16 << 10;
/// Answers that wait to be sent on one stream.
const SEND_BUFFER: usize = 400 << 10;
/// Streams that were opened and reset before they were looked at, beyond which the connection ends
/// (CVE-2023-44487).
const PENDING_RESETS: usize = 20;
/// Streams that had to be reset because of what the caller sent, beyond which it ends.
const ERROR_RESETS: usize = 256;
/// A silent peer is asked for a sign of life after so long ...
const KEEPALIVE: Duration = Duration::from_secs(20);
/// ... and given up after so long.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// See the module. A time of zero means for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address: IPv4, or the /64 of IPv6. A quarter of all, so that
    /// four must be hostile before nobody else gets in.
    pub connections_per_address: usize,
    /// Calls of one connection at once; a busy backend uses sessions instead.
    pub streams: u32,
    /// From accept to the end of the TLS handshake, and from there to the first bytes of HTTP/2. A
    /// peer at the other end of the world needs less than one second.
    pub handshake: Duration,
    /// After so long, give or take a tenth, a connection is asked to leave: what is under way is
    /// answered, the caller connects anew, and load spreads over nodes that were added since.
    pub age: Duration,
    /// How long it may take to leave.
    pub age_grace: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 4_096,
            connections_per_address: 1_024,
            streams: 256,
            handshake: Duration::from_secs(5),
            age: Duration::from_secs(30 * 60),
            age_grace: Duration::from_secs(30),
        }
    }
}

impl Bounds {
    /// How HTTP is spoken within these bounds; HTTP/1 only where scrapers come.
    pub(super) fn http(&self, with_http1: bool) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        if !with_http1 {
            builder = builder.http2_only();
        }
        builder
            .http2()
            .timer(TokioTimer::new())
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_stream_window_size(STREAM_WINDOW)
            .max_concurrent_streams(self.streams)
            .max_header_list_size(HEADER_LIST_BYTES)
            .max_send_buf_size(SEND_BUFFER)
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_local_error_reset_streams(ERROR_RESETS)
            .keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT);
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.handshake)
            .max_buf_size(HEADER_LIST_BYTES as usize);
        builder
    }
}
