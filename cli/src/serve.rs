//! `berth serve`: a node with its listeners, from settings to the exit code.
//!
//! Exit codes: 0 stopped in order; 1 did not start; 2 its settings are wrong; 4 the journal is
//! damaged in a way that nobody may start on; 70 the node could not go on; 75 stopped, but
//! not every run was snapshotted (nothing is lost; the next start replays them).

mod doors;
mod files;
mod heap;
mod rooms;
mod settings;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use berth_api::Server;
use berth_engine::{Engine, StartOptions};
use berth_inventory::RunId;
use berth_persistence::Durability;
use tokio::signal::unix::{Signal, SignalKind, signal};

use doors::{Doors, KEYS_LOOKED_AT};
pub use settings::ServeArgs;
use settings::{ServeError, ServeSettings};

/// Of the time for a stop in order, what is not the engine's part.
const STOP_MARGIN: Duration = Duration::from_secs(2);
/// How long clients get to take their last answers after everything is written.
const GOODBYE: Duration = Duration::from_secs(1);
/// sysexits(3): an internal fault.
const EXIT_SOFTWARE: u8 = 70;
/// sysexits(3): try again later; here: stopped, with work left for the next start.
const EXIT_TEMPFAIL: u8 = 75;

/// Runs a node until it is told to stop.
pub fn run(args: &ServeArgs) -> ExitCode {
    heap::set_up();
    crate::logs::start();
    let served = args.resolve().and_then(|settings| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(usize::from(settings.workers))
            .enable_all()
            .build()
            .map_err(ServeError::Runtime)?;
        let served = runtime.block_on(serve(settings));
        // Nothing is left to wait for; a blocked reader must not hold the process.
        runtime.shutdown_timeout(Duration::from_millis(200));
        served
    });
    served.unwrap_or_else(|fault| {
        eprintln!("berth: {fault}");
        fault.exit().into()
    })
}

async fn serve(settings: ServeSettings) -> Result<ExitCode, ServeError> {
    let (durability, stop_limit) = (settings.durability, settings.stop);
    let doors = Arc::new(settings.doors);
    files::make_room(doors.bounds.connections);
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Runtime)?;
    let catalogue = crate::catalogue::load(settings.catalogue.as_deref(), &settings.rules)?;
    let catalogue = Arc::new(catalogue);
    let zone = catalogue.zone().to_owned();
    let rules = settings.rules.book.reference();
    let public = bind(&settings.listen, "--listen")?;
    let admin = bind(&settings.admin_listen, "--admin-listen")?;
    let address = public.local_addr().map_err(ServeError::Runtime)?;
    let engine = Engine::start(StartOptions {
        data_dir: settings.data_dir.clone(),
        catalogue,
        durability,
        workers: settings.workers,
        settings: settings.node,
        accept_clock: settings.accept_clock,
        address: address.to_string(),
    })
    .await?;
    engine.info().report.iter().for_each(|line| tracing::warn!("{line}"));
    let server = Server::new(engine.clone(), zone, public, admin)?
        .journal_readers(settings.journal_readers.into())
        .rooms(rooms::open(settings.rooms, &settings.data_dir, engine.now())?)
        .bounds(doors.bounds)
        .rates(doors.rates);
    let server = doors.tls.iter().fold(server, |server, tls| server.tls(Arc::clone(tls)));
    let server = doors.access.iter().fold(server, |server, it| server.access(Arc::clone(it)));
    let renewal = tokio::spawn(renew(doors, signal(SignalKind::hangup())));
    let ready =
        format!("berth is serving on {}, admin on {}", server.listen(), server.admin_listen());
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let stopping = async move { drop(stopped.wait_for(|stop| *stop).await) };
    let mut server = tokio::spawn(server.run(stopping));
    if durability != Durability::Power {
        eprintln!("berth answers under durability {durability}: a power cut may lose answers");
    }
    println!("{ready}");
    let info = engine.info();
    let recovery_ms = info.recovery.as_millis() as u64;
    tracing::info!(%durability, recovery_ms, recovered = info.recovered, %rules, "{ready}");
    let ended = tokio::select! {
        _ = tokio::signal::ctrl_c() => Ended::Asked,
        _ = terminate.recv() => Ended::Asked,
        why = engine.fatal() => Ended::Fatal(why),
        server = &mut server => Ended::Fatal(match server {
            Ok(Ok(())) => "the listeners closed".to_owned(),
            Ok(Err(fault)) => fault.to_string(),
            Err(panic) => panic.to_string(),
        }),
    };
    renewal.abort();
    if let Ended::Fatal(why) = ended {
        eprintln!("berth: the node cannot go on: {why}; nothing answered is lost, start it again");
        return Ok(ExitCode::from(EXIT_SOFTWARE));
    }
    tracing::info!("stopping: draining, committing, snapshotting");
    stop.send_replace(true);
    let left = engine.stop(stop_limit.saturating_sub(STOP_MARGIN)).await;
    let _ = tokio::time::timeout(GOODBYE, server).await;
    Ok(say_goodbye(left))
}

/// Reads certificates and keys again on SIGHUP, and keys also when they change.
async fn renew(doors: Arc<Doors>, hangup: std::io::Result<Signal>) {
    let mut ticks = tokio::time::interval(KEYS_LOOKED_AT);
    let Ok(mut hangup) = hangup else { return };
    loop {
        let is_asked = tokio::select! {
            asked = hangup.recv() => asked.is_some(),
            _ = ticks.tick() => false,
        };
        if is_asked {
            doors.reload();
        } else {
            doors.refresh();
        }
    }
}

enum Ended {
    /// SIGTERM or Ctrl-C.
    Asked,
    /// The node cannot go on.
    Fatal(String),
}

fn say_goodbye(left: Result<Vec<RunId>, String>) -> ExitCode {
    match left {
        Ok(left) if left.is_empty() => ExitCode::SUCCESS,
        Ok(left) => {
            let names: Vec<_> = left.iter().take(20).map(ToString::to_string).collect();
            let (more, names) = (if left.len() > 20 { " ..." } else { "" }, names.join(" "));
            let (count, were) = (left.len(), if left.len() == 1 { "run was" } else { "runs were" });
            eprintln!(
                "berth: stopped before {count} {were} snapshotted ({names}{more}); nothing is \
                 lost, the next start replays what they have"
            );
            ExitCode::from(EXIT_TEMPFAIL)
        }
        Err(why) => {
            eprintln!("berth: {why}");
            ExitCode::from(EXIT_SOFTWARE)
        }
    }
}

fn bind(address: &str, flag: &'static str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|source| ServeError::Bind {
        address: address.to_owned(),
        flag,
        source,
    })
}
