//! The two listeners: the public one sells and answers enquiries, the admin one operates, tells
//! history and gives `/metrics`.
//!
//! What bounds connections is in `door`. A stop drains the engine first, so that health tells of it
//! and streams end by themselves, then lets connections finish for a bounded time.

use core::future::Future;
use core::time::Duration;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::routing::get;
use berth_engine::Engine;
use berth_proto::v1::availability_server::AvailabilityServer;
use berth_proto::v1::journal_server::JournalServer;
use berth_proto::v1::operations_server::OperationsServer;
use berth_proto::v1::waiting_room_server::WaitingRoomServer;
use berth_proto::{FILE_DESCRIPTOR_SET, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic_health::server::health_reporter;
use tonic_reflection::server::Builder as Reflection;
use tower::Layer as _;

use crate::access::Access;
use crate::availability::Availability;
use crate::deadline::DeadlineLayer;
use crate::desk::Desk;
use crate::door::{Bounds, Door, Side, Tls};
use crate::ending::EndingLayer;
use crate::guard::{Guard, Orders};
use crate::journal::Journal;
use crate::operations::Operations;
use crate::rates::{RateSettings, Rates};
use crate::rooms::{self, Rooms, WaitingRoom};
use crate::shortcut::Shortcut;
use crate::tally::Tally;
use crate::{health, metrics};

/// How long connections may take to finish after a stop was asked for.
const GOODBYE: Duration = Duration::from_secs(3);
/// Readers of history at once, unless set otherwise.
pub const JOURNAL_READERS_DEFAULT: usize = 16;
/// What the public reflection names: operations and journal are nobody's business there.
const PUBLIC_NAMES: [&str; 4] = [
    "berth.v1.Inventory",
    "berth.v1.Availability",
    "berth.v1.WaitingRoom",
    "grpc.health.v1.Health",
];

/// The listeners could not be opened, or one of them failed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A socket.
    #[error("the {listener} listener cannot be used: {fault}; name another address")]
    Socket {
        /// `public` or `admin`.
        listener: &'static str,
        /// What the system says.
        fault: io::Error,
    },
    /// The recorder of metrics.
    #[error("metrics cannot be recorded: {0}; another recorder runs in this process")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The reflection services.
    #[error("reflection cannot be served: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Both listeners, bound and not serving yet.
pub struct Server {
    desk: Arc<Desk>,
    public: Door,
    admin: Door,
    journal_readers: usize,
    bounds: Bounds,
    tls: Option<Arc<Tls>>,
    access: Option<Arc<Access>>,
    rates: RateSettings,
}

impl Server {
    /// Takes listeners that are bound already (port 0 is allowed) and the zone of the catalogue,
    /// which the server only tells. To be called in a tokio runtime.
    ///
    /// # Errors
    /// A listener that cannot be used.
    pub fn new(
        engine: Engine,
        zone: impl Into<String>,
        public: TcpListener,
        admin: TcpListener,
    ) -> Result<Self, ServeError> {
        let open = |side, listener| {
            let fault = |fault| ServeError::Socket { listener: Side::name(side), fault };
            Door::new(side, listener).map_err(fault)
        };
        let public = open(Side::Public, public)?;
        let admin = open(Side::Admin, admin)?;
        let desk = Arc::new(Desk {
            engine,
            tally: Tally::default(),
            rooms: Arc::default(),
            turned_away: Arc::default(),
            listen: public.address.to_string(),
            admin_listen: admin.address.to_string(),
            zone: zone.into(),
        });
        Ok(Self {
            desk,
            public,
            admin,
            journal_readers: JOURNAL_READERS_DEFAULT,
            bounds: Bounds::default(),
            tls: None,
            access: None,
            rates: RateSettings::default(),
        })
    }

    /// What bounds the connections of each listener.
    #[must_use]
    pub fn bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// Speaks TLS on both listeners.
    #[must_use]
    pub fn tls(self, tls: Arc<Tls>) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Asks callers who they are, on both listeners.
    #[must_use]
    pub fn access(self, access: Arc<Access>) -> Self {
        Self { access: Some(access), ..self }
    }

    /// How much callers of the public listener may ask for.
    #[must_use]
    pub fn rates(self, rates: RateSettings) -> Self {
        Self { rates, ..self }
    }

    /// How many Journal.Read and Journal.Follow may be under way at once.
    #[must_use]
    pub fn journal_readers(self, journal_readers: usize) -> Self {
        Self { journal_readers, ..self }
    }

    /// Waiting rooms before sales; without them there are none.
    #[must_use]
    pub fn rooms(mut self, rooms: Rooms) -> Self {
        let desk = Arc::get_mut(&mut self.desk).expect("nobody has it before it serves");
        desk.rooms = Arc::new(rooms);
        self
    }

    /// The real address of the public listener.
    pub fn listen(&self) -> SocketAddr {
        self.public.address
    }

    /// The real address of the admin listener.
    pub fn admin_listen(&self) -> SocketAddr {
        self.admin.address
    }

    /// Serves until `stop` is ready. Then the engine is drained and connections get a few seconds to
    /// finish; what was asked and not answered by then is safe to ask again. The engine itself is
    /// left to be stopped.
    ///
    /// # Errors
    /// A listener that failed, or could not begin.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
        let Self { desk, public, admin, journal_readers, bounds, tls, access, rates } = self;
        let recorder = metrics::recorder()?;
        let (stopping, stopped) = watch::channel(false);
        let (reporter, health_service) = health_reporter();
        let health_service = health_service
            .max_decoding_message_size(REQUEST_BYTES_MAX)
            .max_encoding_message_size(RESPONSE_BYTES_MAX);
        // Before the first connection: nobody is told a state that was never true.
        let teller = health::Teller::begin(desk.engine.health_watch(), reporter).await;
        let helpers =
            [tokio::spawn(teller.follow()), tokio::spawn(metrics::upkeep(recorder.clone()))];
        let keeper = tokio::spawn(rooms::keep(Arc::clone(&desk), stopped.clone()));
        let inside = public.address.ip().is_loopback();
        let public_routes =
            reflected(public_routes(&desk).add_service(health_service.clone()), inside, true)?;
        let admin_routes = admin_routes(&desk, journal_readers).add_service(health_service);
        let admin_routes = with_metrics(reflected(admin_routes, true, false)?, &desk, recorder);
        let engine = desk.engine.clone();
        let now = {
            let engine = desk.engine.clone();
            move || engine.now()
        };
        let deadlines = DeadlineLayer(now);
        let endings = EndingLayer(desk.engine.clone());
        let selling =
            Shortcut(Some(Arc::clone(&desk))).layer(endings.layer(public_routes.prepare()));
        let away = &desk.turned_away;
        let guard = |rates, audits| {
            let (access, engine) = (access.clone(), desk.engine.clone());
            Guard::new(Orders { access, rates, audits, engine, away: Arc::clone(away) })
        };
        let guarded = guard(Rates::new(rates, Arc::clone(away)), false);
        let selling = deadlines.layer(guarded.layer(selling));
        let operating =
            deadlines.layer(guard(None, true).layer(endings.layer(admin_routes.prepare())));
        let both = async {
            tokio::join!(
                public.serve(selling, bounds, tls.clone(), Arc::clone(away), stopped.clone()),
                admin.serve(operating, bounds, tls, Arc::clone(away), stopped.clone()),
            )
        };
        tokio::pin!(both);
        tokio::select! {
            ((), ()) = &mut both => {}
            () = stop => {
                engine.drain();
                stopping.send_replace(true);
                // Whoever still holds a connection open is left behind.
                let _ = tokio::time::timeout(GOODBYE, both).await;
            }
        }
        helpers.iter().for_each(tokio::task::JoinHandle::abort);
        // Its last word saves the next start from skipping numbers.
        stopping.send_replace(true);
        let _ = keeper.await;
        Ok(())
    }
}

/// A service with its limits in and out.
macro_rules! limited {
    ($server:ident($service:expr)) => {
        $server::new($service)
            .max_decoding_message_size(REQUEST_BYTES_MAX)
            .max_encoding_message_size(RESPONSE_BYTES_MAX)
    };
}

fn public_routes(desk: &Arc<Desk>) -> Routes {
    Routes::new(limited!(AvailabilityServer(Availability { desk: Arc::clone(desk) })))
        .add_service(limited!(WaitingRoomServer(WaitingRoom { desk: Arc::clone(desk) })))
}

fn admin_routes(desk: &Arc<Desk>, journal_readers: usize) -> Routes {
    Routes::new(limited!(OperationsServer(Operations { desk: Arc::clone(desk) })))
        .add_service(limited!(JournalServer(Journal::new(desk, journal_readers))))
}

/// Adds reflection, in both of its versions, if it is wanted.
fn reflected(routes: Routes, wanted: bool, public: bool) -> Result<Routes, ServeError> {
    if !wanted {
        return Ok(routes);
    }
    let builder = || {
        let all = Reflection::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        let named: &[&str] = if public { &PUBLIC_NAMES } else { &[] };
        named.iter().fold(all, |builder, name| builder.with_service_name(*name))
    };
    let v1 = builder().build_v1()?.max_decoding_message_size(REQUEST_BYTES_MAX);
    let v1alpha = builder().build_v1alpha()?.max_decoding_message_size(REQUEST_BYTES_MAX);
    let routes = routes.add_service(v1.max_encoding_message_size(RESPONSE_BYTES_MAX));
    Ok(routes.add_service(v1alpha.max_encoding_message_size(RESPONSE_BYTES_MAX)))
}

fn with_metrics(routes: Routes, desk: &Arc<Desk>, recorder: PrometheusHandle) -> Routes {
    let desk = Arc::clone(desk);
    let text = get(move || async move {
        let content = [("content-type", "text/plain; version=0.0.4; charset=utf-8")];
        (content, metrics::render(&desk, &recorder).await)
    });
    Routes::from(routes.into_axum_router().route("/metrics", text))
}
