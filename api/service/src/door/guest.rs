//! One connection: handshake, greeting, calls, goodbye.

use core::convert::Infallible;
use core::future::Future;
use core::pin::pin;
use core::time::Duration;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::body::Body;
use tower::Service;

use super::Side;
use super::bounds::Bounds;
use super::crowd::{Place, counted};
use super::pulse::Pulse;
use super::tls::Tls;
use super::wire::{Watched, Wire};
use crate::turned_away::{Away, TurnedAway};

/// A connection, as its calls know it: an extension of every request.
#[derive(Debug)]
pub(crate) struct Visit {
    /// Where it comes from, as limits count it.
    pub address: IpAddr,
    /// The names in the certificate that the peer proved to have, if it was asked for one.
    pub names: Vec<String>,
    /// When it will be asked to leave.
    pub leaves: Option<Instant>,
}

/// What the connections of one listener share.
pub(super) struct Guests<S> {
    side: Side,
    bounds: Bounds,
    tls: Option<Arc<Tls>>,
    service: S,
    http: Builder<TokioExecutor>,
    pub away: Arc<TurnedAway>,
}

impl<S> Guests<S> {
    pub fn new(
        side: Side,
        bounds: Bounds,
        tls: Option<Arc<Tls>>,
        service: S,
        away: Arc<TurnedAway>,
    ) -> Self {
        Self { side, bounds, tls, service, http: bounds.http(side == Side::Admin), away }
    }
}

/// Hosts a connection until it is gone. `place` and `leave` are let go of then.
pub(super) async fn host<S>(
    guests: Arc<Guests<S>>,
    socket: TcpStream,
    peer: SocketAddr,
    place: Place,
    leave: watch::Receiver<()>,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let side = guests.side;
    if let Err(away) = talk(&guests, socket, peer, leave).await {
        guests.away.count(side, away);
        tracing::debug!(side = side.name(), why = away.name(), "a connection was ended");
    }
    guests.away.went(side);
    drop(place);
}

async fn talk<S>(
    guests: &Guests<S>,
    socket: TcpStream,
    peer: SocketAddr,
    mut leave: watch::Receiver<()>,
) -> Result<(), Away>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let bounds = &guests.bounds;
    let (wire, names) = match &guests.tls {
        None => (Wire::Plain(socket), Vec::new()),
        Some(tls) => {
            let accepted = tokio::time::timeout(bounds.handshake, tls.accept(socket)).await;
            let stream = accepted.map_err(|_| Away::HandshakeSlow)?.map_err(|fault| {
                tracing::debug!(side = guests.side.name(), %fault, "no TLS");
                Away::Handshake
            })?;
            let names = Tls::names(&stream);
            (Wire::Tls(Box::new(stream)), names)
        }
    };
    let leaves = leaving_time(bounds.age);
    let visit = Arc::new(Visit { address: counted(peer.ip()), names, leaves });
    let pulse = Arc::new(Pulse::default());
    let io = TokioIo::new(Watched::new(wire, Arc::clone(&pulse)));
    let service = Entrance { service: guests.service.clone(), visit };
    let mut connection = pin!(guests.http.serve_connection(io, service));
    let mut stage = Stage::Greeting;
    let mut alarm = pin!(tokio::time::sleep(bounds.handshake));
    let mut is_asked = false;
    loop {
        tokio::select! {
            ended = &mut connection => {
                return ended.map_err(|fault| reason(&*fault, &pulse)).or_else(silent);
            }
            () = &mut alarm, if stage != Stage::Settled => {
                stage = match stage {
                    Stage::Greeting if !pulse.has_greeted() => return Err(Away::Greeting),
                    Stage::Greeting => match leaves {
                        Some(at) => {
                            alarm.as_mut().reset(at);
                            Stage::Inside
                        }
                        None => Stage::Settled,
                    },
                    Stage::Inside => {
                        connection.as_mut().graceful_shutdown();
                        alarm.as_mut().reset(Instant::now() + bounds.age_grace);
                        Stage::Leaving
                    }
                    Stage::Leaving => return Err(Away::Age),
                    Stage::Settled => Stage::Settled,
                };
            }
            _ = leave.changed(), if !is_asked => {
                is_asked = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What the alarm of a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The first bytes of HTTP/2.
    Greeting,
    /// The end of its age.
    Inside,
    /// That it has gone.
    Leaving,
    /// Nothing: it may stay for ever.
    Settled,
}

/// When a connection of now is asked to leave: a tenth sooner or later than others, in steps of the
/// golden ratio, so that they do not all come back at once.
fn leaving_time(age: Duration) -> Option<Instant> {
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
    static CAME: AtomicU64 = AtomicU64::new(0);
    if age.is_zero() {
        return None;
    }
    let step = CAME.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed) >> 32;
    let spread = age.as_nanos() as u64 / 5;
    let extra = ((u128::from(spread) * u128::from(step)) >> 32) as u64;
    Some(Instant::now() + age - age / 10 + Duration::from_nanos(extra))
}

/// Why HTTP ended: what the peer did, if it did something.
fn reason(fault: &(dyn Error + Send + Sync + 'static), pulse: &Pulse) -> Option<Away> {
    if pulse.has_flooded() {
        return Some(Away::Flood);
    }
    let mut next: Option<&(dyn Error + 'static)> = Some(fault);
    while let Some(cause) = next {
        if let Some(h2) = cause.downcast_ref::<h2::Error>()
            && h2.is_library()
            && let Some(reason) = h2.reason()
        {
            return match reason {
                h2::Reason::ENHANCE_YOUR_CALM => Some(Away::Flood),
                h2::Reason::NO_ERROR => None,
                _ => Some(Away::Protocol),
            };
        }
        if let Some(http) = cause.downcast_ref::<hyper::Error>()
            && (http.is_parse() || http.is_timeout())
        {
            return Some(if http.is_parse() { Away::Protocol } else { Away::Silent });
        }
        next = cause.source();
    }
    None
}

/// A connection that broke is nobody's fault.
fn silent(why: Option<Away>) -> Result<(), Away> {
    why.map_or(Ok(()), Err)
}

/// Lets the calls of a connection in, each with the [`Visit`] it belongs to.
struct Entrance<S> {
    service: S,
    visit: Arc<Visit>,
}

impl<S> hyper::service::Service<Request<Incoming>> for Entrance<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    S::Future: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Arc::clone(&self.visit));
        // Every service of ours is always ready.
        self.service.clone().call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_leave_one_after_the_other() {
        let age = Duration::from_secs(1_000);
        let begun = Instant::now();
        let times: Vec<Duration> =
            (0..50).map(|_| leaving_time(age).expect("an age") - begun).collect();
        let (least, most) = (Duration::from_secs(900), Duration::from_secs(1_101));
        assert!(times.iter().all(|time| (least..most).contains(time)), "{times:?}");
        let spread = times.iter().max().expect("some").abs_diff(*times.iter().min().expect("some"));
        assert!(spread > Duration::from_secs(150), "{times:?}");
        assert!(leaving_time(Duration::ZERO).is_none());
    }
}
