//! What a user can do to a server from outside while it is hammered: kill it, read slowly, give up.
//!
//! Kills end its own server as kill -9 does and start it again where it was. Slow readers open
//! streams and hardly read them: a session that is asked far more than is read, and watches. Calls
//! that are given up are made by the clients themselves (`flow`). A clock cannot be skewed from
//! outside without rights over the machine, so it is not.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use berth_client::Client;
use berth_client::v1::{self, session_command::Command};
use clap::ValueEnum;
use futures_util::stream;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::sync::oneshot;

use super::SoakError;
use super::memory::{Memory, MemoryView};
use super::report::SpreadView;
use super::server::OwnServer;
use super::stage::{Stage, stop};

/// Between two looks at the server.
const LOOK: Duration = Duration::from_millis(500);
/// Between two reads of a slow reader.
const READ_EVERY: Duration = Duration::from_millis(500);
/// Slow readers of each kind.
const READERS: usize = 4;
/// Commands in a message of a slow session.
const COMMANDS: u64 = 256;
/// Messages that a slow session sends before it reads one.
const AHEAD: usize = 4;

/// A fault from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// kill -9 of the server that soak started, and a start in the same place
    Kill,
    /// Streams that are read twice a second, whatever is sent on them
    Slow,
    /// Every sixteenth call is given up by its caller before it is answered, and made again
    Cancel,
}

/// What was done to the server.
#[derive(Debug, Default, Serialize)]
pub struct FaultsView {
    /// Kills, and how long it was away after each: until it served again.
    pub kills: u64,
    pub away_ms: Option<SpreadView>,
    /// Streams that were read slowly, messages read from them, and how often one was opened anew.
    pub slow_readers: u64,
    pub slow_reads: u64,
    pub slow_opened: u64,
    /// Calls that were given up.
    pub cancelled: u64,
}

/// What came of the time beside the load.
#[derive(Debug)]
pub struct Driven {
    pub kills: u64,
    pub away_ms: Histogram<u64>,
    pub memory: Option<MemoryView>,
}

impl Driven {
    /// What was done, for the report.
    pub fn faults(&self, slow: Option<SlowReaders>, given_up: &AtomicU64) -> FaultsView {
        let away_ms = (self.kills > 0).then(|| SpreadView::of(&self.away_ms));
        let cancelled = given_up.load(Relaxed);
        let mut view =
            FaultsView { kills: self.kills, away_ms, cancelled, ..FaultsView::default() };
        if let Some(slow) = slow {
            slow.end(&mut view);
        }
        view
    }
}

/// Looks after its own server, if there is one, until `over`; kills it every so often.
pub async fn drive(
    mut own: Option<&mut OwnServer>,
    kill_every: Option<Duration>,
    mut over: oneshot::Receiver<()>,
) -> Result<Driven, SoakError> {
    let mut memory = Memory::default();
    let mut away_ms = Histogram::new_with_max(3_600_000, 3).expect("3 digits are allowed");
    let (mut kills, mut killed) = (0, Instant::now());
    loop {
        tokio::select! {
            _ = &mut over => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        let Some(own) = own.as_deref_mut() else { continue };
        if let Some(pid) = own.pid() {
            memory.look(pid);
        }
        if kill_every.is_some_and(|every| killed.elapsed() >= every) {
            let begun = Instant::now();
            own.kill_and_start().await?;
            away_ms.saturating_record(begun.elapsed().as_millis() as u64);
            memory.another();
            (kills, killed) = (kills + 1, Instant::now());
        }
    }
    Ok(Driven { kills, away_ms, memory: memory.view() })
}

/// Reads slowly until it is dropped; counts reads and openings.
#[derive(Debug, Default)]
pub struct SlowReaders {
    tasks: tokio::task::JoinSet<()>,
    reads: Arc<AtomicU64>,
    opened: Arc<AtomicU64>,
}

impl SlowReaders {
    /// Opens them on this server.
    pub fn open(server: &str, stage: &Stage) -> Self {
        let mut readers = Self::default();
        for number in 0..READERS * 2 {
            let server = server.to_owned();
            let (reads, opened) = (readers.reads.clone(), readers.opened.clone());
            let run = &stage.runs[number % stage.runs.len()];
            let watch = v1::WatchRequest {
                run: Some(run.reference()),
                from_stop: Some(stop(0)),
                to_stop: Some(stop(run.legs)),
                min_interval: Some(crate::view::duration(Duration::from_millis(10))),
                ..v1::WatchRequest::default()
            };
            let count = |counter: &AtomicU64| {
                counter.fetch_add(1, Relaxed);
            };
            readers.tasks.spawn(async move {
                loop {
                    count(&opened);
                    let read = || count(&reads);
                    // A stream ends with its server; then the next one is opened.
                    if number % 2 == 0 {
                        drop(watch_slowly(&server, &watch, read).await);
                    } else {
                        drop(ask_and_hardly_read(&server, read).await);
                    }
                    tokio::time::sleep(READ_EVERY).await;
                }
            });
        }
        readers
    }

    /// Writes down what they came to.
    pub fn end(mut self, view: &mut FaultsView) {
        self.tasks.abort_all();
        view.slow_readers = (READERS * 2) as u64;
        (view.slow_reads, view.slow_opened) = (self.reads.load(Relaxed), self.opened.load(Relaxed));
    }
}

async fn watch_slowly(
    server: &str,
    ask: &v1::WatchRequest,
    read: impl Fn(),
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let client = Client::connect(server).await?;
    let mut answers = client.watch(ask.clone()).await?;
    while answers.message().await?.is_some() {
        read();
        tokio::time::sleep(READ_EVERY).await;
    }
    Ok(())
}

/// Asks for holds that nobody has, far faster than it reads.
async fn ask_and_hardly_read(
    server: &str,
    read: impl Fn(),
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    use berth_client::proto::v1::inventory_client::InventoryClient;
    let channel = tonic::transport::Endpoint::from_shared(server.to_owned())?.connect().await?;
    let nobodys = |correlation_id| v1::SessionCommand {
        correlation_id,
        command: Some(Command::GetHold(v1::GetHoldRequest { hold_id: "0".repeat(32) })),
        ..v1::SessionCommand::default()
    };
    let (send, sent) = tokio::sync::mpsc::channel(AHEAD);
    let messages = stream::unfold(sent, |mut sent| async move { Some((sent.recv().await?, sent)) });
    let mut answers = InventoryClient::new(channel).session(messages).await?.into_inner();
    let mut next = 0;
    loop {
        for _ in 0..AHEAD {
            let commands = (next..next + COMMANDS).map(nobodys).collect();
            // No room: the server does not read on either, which is what is wanted.
            if send.try_send(v1::SessionRequest { commands }).is_ok() {
                next += COMMANDS;
            }
        }
        if answers.message().await?.is_none() {
            return Ok(());
        }
        read();
        tokio::time::sleep(READ_EVERY).await;
    }
}
