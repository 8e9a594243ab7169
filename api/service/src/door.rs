//! A listener and its connections, from accept to goodbye.
//!
//! The accept loop is our own, for the one underneath has no bound on connections, none on a
//! handshake and none on what comes before the first request. What bounds a connection is in
//! [`Bounds`]; whoever passes one is counted (`turned_away`) and hung up on, the others are served.
//! Always true: a place is taken before the handshake and given back when the connection is gone.

mod bounds;
mod crowd;
mod flood;
mod guest;
mod pulse;
mod tls;
mod wire;

use core::time::Duration;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tonic::body::Body;
use tower::Service;

pub use self::bounds::Bounds;
use self::crowd::{Crowd, Full};
pub(crate) use self::guest::Visit;
use self::guest::{Guests, host};
pub use self::tls::{Tls, TlsError, TlsFiles};
use crate::turned_away::{Away, TurnedAway};

/// How long a listener that cannot accept (no file descriptor is left) waits for one to come back.
const OUT_OF_PLACES: Duration = Duration::from_millis(50);

/// Which of the two listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Public,
    Admin,
}

impl Side {
    pub const ALL: [Self; 2] = [Self::Public, Self::Admin];

    /// Its name in metrics and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Admin => "admin",
        }
    }
}

/// See the module.
pub(crate) struct Door {
    pub side: Side,
    pub address: SocketAddr,
    listener: TcpListener,
}

impl Door {
    /// To be called in a tokio runtime.
    pub fn new(side: Side, listener: std::net::TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        Ok(Self { side, address, listener: TcpListener::from_std(listener)? })
    }

    /// Lets connections in until `stopped`, then lets them finish.
    pub async fn serve<S>(
        self,
        service: S,
        bounds: Bounds,
        tls: Option<Arc<Tls>>,
        away: Arc<TurnedAway>,
        mut stopped: watch::Receiver<bool>,
    ) where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let crowd = Crowd::new(bounds.connections, bounds.connections_per_address);
        let (leaving, leave) = watch::channel(());
        let guests = Arc::new(Guests::new(self.side, bounds, tls, service, away));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(fault) => {
                    guests.away.count(self.side, Away::Accept);
                    tracing::debug!(side = self.side.name(), %fault, "cannot accept");
                    if is_of_us(&fault) {
                        tokio::time::sleep(OUT_OF_PLACES).await;
                    }
                    continue;
                }
            };
            match crowd.enter(peer.ip()) {
                Ok(place) => {
                    guests.away.came(self.side);
                    let _ = socket.set_nodelay(true);
                    tokio::spawn(host(Arc::clone(&guests), socket, peer, place, leave.clone()));
                }
                Err(full) => {
                    guests.away.count(self.side, full.into());
                    refuse(socket);
                }
            }
        }
        drop((self.listener, leave));
        leaving.send_replace(());
        leaving.closed().await;
    }
}

impl From<Full> for Away {
    fn from(full: Full) -> Self {
        match full {
            Full::Address => Self::AddressFull,
            Full::House => Self::Full,
        }
    }
}

/// Hangs up at once: no word would be read before a handshake.
fn refuse(socket: TcpStream) {
    drop(socket);
}

/// Whether the next accept would fail just as well: what failed is ours, not the caller's.
fn is_of_us(fault: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    !matches!(fault.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
