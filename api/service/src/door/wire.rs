//! The bytes of a connection: plain or TLS, and watched on their way in.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::flood::Watch;
use super::pulse::Pulse;

/// What carries the bytes.
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// See the module.
pub(super) struct Watched {
    wire: Wire,
    watch: Watch,
    pulse: Arc<Pulse>,
}

impl Watched {
    pub fn new(wire: Wire, pulse: Arc<Pulse>) -> Self {
        Self { wire, watch: Watch::default(), pulse }
    }
}

/// Does the same with either.
macro_rules! either {
    ($self:ident.$call:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().wire {
            Wire::Plain(wire) => Pin::new(wire).$call($($argument),*),
            Wire::Tls(wire) => Pin::new(&mut **wire).$call($($argument),*),
        }
    };
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = match &mut this.wire {
            Wire::Plain(wire) => Pin::new(wire).poll_read(cx, buf),
            Wire::Tls(wire) => Pin::new(&mut **wire).poll_read(cx, buf),
        };
        let had_greeted = this.watch.has_greeted();
        if this.watch.look(&buf.filled()[before..], Instant::now).is_err() {
            this.pulse.flood();
            return Poll::Ready(Err(io::Error::other("a flood of frames that ask for nothing")));
        }
        if !had_greeted && this.watch.has_greeted() {
            this.pulse.greet();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = match &mut this.wire {
            Wire::Plain(wire) => Pin::new(wire).poll_write(cx, bytes),
            Wire::Tls(wire) => Pin::new(&mut **wire).poll_write(cx, bytes),
        };
        noted(&mut this.watch, polled)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = match &mut this.wire {
            Wire::Plain(wire) => Pin::new(wire).poll_write_vectored(cx, slices),
            Wire::Tls(wire) => Pin::new(&mut **wire).poll_write_vectored(cx, slices),
        };
        noted(&mut this.watch, polled)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Plain(wire) => wire.is_write_vectored(),
            Wire::Tls(wire) => wire.is_write_vectored(),
        }
    }
}

/// Notes what was written.
fn noted(watch: &mut Watch, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    if let Poll::Ready(Ok(bytes)) = &polled {
        watch.sent(*bytes);
    }
    polled
}
