//! A node from start to stop: recovery, actors, threads, and the way down in order.

use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use berth_inventory::{RunId, UnixMillis};
use berth_node::{Front, Health, HoldTimes, Revived, Shard};
use berth_persistence::{CommitLog, NodeRecord};
use ractor::{Actor, ActorCell, ActorRef};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::handle::Engine;
use crate::journal::{Journal, JournalHandle};
use crate::open::{Opened, open};
use crate::options::{StartError, StartOptions};
use crate::reply::Teller;
use crate::run_actor::RunStores;
use crate::shared::{LogEnd, ShardShared};
use crate::stores::Stores;
use crate::supervisor::Root;
use crate::worker::{ShardWorker, WorkerMessage, Workplace};

/// Between two looks whether a stop may go on.
const TICK: Duration = Duration::from_millis(10);

/// What a node says of itself.
#[derive(Clone, Debug)]
pub struct EngineInfo {
    /// Name and version.
    pub software: String,
    /// Where the journal is.
    pub data_dir: std::path::PathBuf,
    /// What "durable" means.
    pub durability: berth_persistence::Durability,
    /// When it started.
    pub started_at: UnixMillis,
    /// Holds live before the restart live at least until then.
    pub grace_until: Option<UnixMillis>,
    /// How long berths are held.
    pub holds: HoldTimes,
    /// Shards.
    pub shards: u16,
    /// Trains of the catalogue.
    pub trains: usize,
    /// Runs with events that were replayed into memory.
    pub recovered: usize,
    /// What recovery found, in words, one finding each.
    pub report: Vec<String>,
    /// Runs refused because their journal is damaged.
    pub refused: Vec<RunId>,
    /// Runs out of service whose train neither the catalogue nor the journal knows any more.
    pub lost: Vec<RunId>,
    /// How long recovery took.
    pub recovery: Duration,
}

/// Figures that no shard has.
#[derive(Debug, Default)]
pub struct Figures {
    /// Groups committed since the start.
    pub groups: AtomicU64,
    /// Last frame in the event store.
    pub indexed_lsn: AtomicU64,
    /// Reserves refused without the queue.
    pub fast_refusals: AtomicU64,
    /// Bytes of log let go since the start.
    pub retired_log_bytes: AtomicU64,
    /// Bytes of log that a restart now would replay.
    pub suffix_bytes: AtomicU64,
}

impl Figures {
    /// About how long a restart now would take: 1 GiB of log in 4 s.
    pub fn restart_estimate(&self) -> Duration {
        Duration::from_millis(self.suffix_bytes.load(Relaxed) / ((1 << 30) / 4_000))
    }
}

/// Everything of a node that lives as long as it.
pub(crate) struct House {
    pub front: Arc<Front>,
    pub shards: Vec<Arc<ShardShared>>,
    pub clock: Clock,
    pub health: watch::Sender<Health>,
    pub stores: Arc<Stores>,
    pub log_end: Arc<LogEnd>,
    pub durable_lsn: watch::Sender<u64>,
    pub info: EngineInfo,
    pub figures: Arc<Figures>,
    pub fatal: watch::Sender<Option<String>>,
    pub stopping: Arc<AtomicBool>,
    /// Ends with the house.
    _teller: Teller,
    journal: JournalHandle,
    journal_thread: Mutex<Option<JoinHandle<Box<dyn CommitLog>>>>,
    indexer_thread: Mutex<Option<JoinHandle<()>>>,
    /// Floor and end of the log when the cover was noted last.
    covered: Mutex<Option<(u64, u64)>>,
    root: ActorRef<()>,
    _lock: berth_persistence::DirLock,
}

impl Engine {
    /// Recovers the data directory and starts the node. When this returns, every run with events
    /// behind its snapshot is live and commands are taken.
    ///
    /// # Errors
    /// See [`StartError`]; nothing was written unless the journal itself failed.
    pub async fn start(options: StartOptions) -> Result<Self, StartError> {
        let begun = Instant::now();
        let opening = options.clone();
        let opened = tokio::task::spawn_blocking(move || open(&opening));
        let opened = opened.await.map_err(|panic| StartError::Spawn(panic.to_string()))??;
        let house = build(&options, opened, begun).await?;
        let engine = Self { house: Arc::new(house) };
        engine.house.front.vitals.serve();
        engine.house.health.send_replace(engine.house.front.vitals.health());
        crate::housekeeping::start(&engine.house);
        Ok(engine)
    }

    /// What the node says of itself.
    pub fn info(&self) -> &EngineInfo {
        &self.house.info
    }

    /// Figures that no shard has.
    pub fn figures(&self) -> &Figures {
        &self.house.figures
    }

    /// Waits until the node cannot go on, and says why: the process should end.
    pub async fn fatal(&self) -> String {
        let mut fatal = self.house.fatal.subscribe();
        match fatal.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes nothing new from here on; what came in is finished. Health is NOT_SERVING.
    pub fn drain(&self) {
        self.house.front.vitals.drain();
        self.house.health.send_replace(self.house.front.vitals.health());
    }

    /// Drains, commits, snapshots and stops within `limit`. Returns the runs that were not
    /// snapshotted in time: nothing of them is lost, the next start replays them.
    ///
    /// # Errors
    /// The journal's failure.
    pub async fn stop(&self, limit: Duration) -> Result<Vec<RunId>, String> {
        let house = &self.house;
        let begun = Instant::now();
        let deadline = begun + limit.saturating_sub(Duration::from_secs(1));
        self.drain();
        let failed = || house.front.vitals.journal_fault().map(|fault| fault.to_string());
        while Instant::now() < deadline && failed().is_none() && !house.is_quiet().await {
            tokio::time::sleep(TICK).await;
        }
        while Instant::now() < deadline && failed().is_none() {
            let mut dirty = 0;
            for shard in &house.shards {
                dirty += shard.call(WorkerMessage::SnapshotAll).await.unwrap_or(0);
            }
            if dirty == 0 || house.stores.keeps_no_snapshots() {
                break;
            }
            tokio::time::sleep(TICK).await;
        }
        let mut left = Vec::new();
        for shard in &house.shards {
            left.extend(shard.call(WorkerMessage::DirtyRuns).await.unwrap_or_default());
        }
        left.sort_unstable();
        let _ = tokio::time::timeout_at(deadline.into(), house.cover()).await;
        house.stopping.store(true, SeqCst);
        house.journal.kick();
        let thread = house.journal_thread.lock().ok().and_then(|mut thread| thread.take());
        let now = house.clock.now();
        let ended = tokio::task::spawn_blocking(move || -> Result<(), String> {
            let Some(thread) = thread else { return Ok(()) };
            let mut log = thread.join().map_err(|_| "the journal thread died".to_owned())?;
            Journal::record(&mut *log, NodeRecord::CleanStop { at: now })
                .map(|_| ())
                .map_err(|fault| fault.to_string())
        });
        let ended = ended.await.map_err(|panic| panic.to_string()).and_then(|ended| ended);
        // What came too late for the last group is told so.
        house.shards.iter().for_each(|shard| shard.abandon());
        house.root.stop_children_and_wait(None, Some(Duration::from_millis(200))).await;
        house.root.stop(None);
        if let Some(indexer) = house.indexer_thread.lock().ok().and_then(|mut t| t.take()) {
            indexer.thread().unpark();
            // The event store is derived: a segment in hand is indexed by the next start.
            let joined = tokio::task::spawn_blocking(move || indexer.join());
            let _ = tokio::time::timeout_at((begun + limit).into(), joined).await;
        }
        ended.map(|()| left)
    }
}

impl House {
    /// Nothing queued, nothing in a batch, nothing waiting in a slot that could go on.
    async fn is_quiet(&self) -> bool {
        for shard in &self.shards {
            let empty = shard.depth() == 0 && shard.batch().is_empty();
            let busy = shard.call(WorkerMessage::Busy).await.unwrap_or(false);
            if !empty || busy {
                return false;
            }
        }
        true
    }

    /// Notes on the disk from which frame on a restart must read.
    pub async fn cover(&self) {
        // Before asking: an event after the answers is at or behind this frame.
        let end = self.log_end.get();
        let mut floor = end;
        for shard in &self.shards {
            match shard.call(WorkerMessage::Floor).await {
                Some(Some(point)) => floor = floor.min(point),
                Some(None) => {}
                None => return,
            }
        }
        self.figures.suffix_bytes.store(end.bytes.saturating_sub(floor.bytes), Relaxed);
        // Once an operator has restored what was damaged, all of the log is needed again. And the
        // mark carries a stamp: not before the grace of this start is on the disk.
        let graceless = self.info.grace_until.is_some() && self.figures.groups.load(Relaxed) == 0;
        if !self.info.refused.is_empty() || graceless {
            return;
        }
        let looked_at = (floor.lsn, end.lsn);
        let before = self.covered.lock().map(|mut covered| covered.replace(looked_at));
        if before.is_ok_and(|before| before == Some(looked_at)) {
            // Nothing was written since, and no snapshot that would matter.
            return;
        }
        let (stores, now) = (Arc::clone(&self.stores), self.clock.now());
        let noted = tokio::task::spawn_blocking(move || stores.cover(floor.lsn, now)).await;
        if let Ok(Err(fault)) = noted {
            tracing::warn!(%fault, "restart will read more of the log than it must");
        }
    }
}

async fn build(
    options: &StartOptions,
    opened: Opened,
    begun: Instant,
) -> Result<House, StartError> {
    let spawn = |why: &dyn core::fmt::Display| StartError::Spawn(why.to_string());
    let fatal = watch::Sender::new(None);
    let (root, _) = Actor::spawn(None, Root, fatal.clone()).await.map_err(|fault| spawn(&fault))?;
    let shards: Vec<_> = (0..options.workers).map(|_| Arc::new(ShardShared::new())).collect();
    let log_end = Arc::new(LogEnd::default());
    log_end.set(opened.log_end);
    let journal = JournalHandle::default();
    let health = watch::Sender::new(Health::Recovering);
    let durable_lsn = watch::Sender::new(opened.log_end.lsn.saturating_sub(1));
    let settled = opened.settled;
    let stopping = Arc::new(AtomicBool::new(false));
    let front = Arc::clone(&opened.front);
    let calendar = Arc::new(front.calendar.clone());
    for (number, shared) in shards.iter().enumerate() {
        let now = opened.clock.now();
        let mut shard = Shard::new(
            number as u16,
            options.workers,
            Arc::clone(&front.directory),
            Arc::clone(&front.names),
            &options.settings,
            now,
        );
        shard.know_plans(opened.journaled_plans.iter().copied());
        let place = Workplace {
            shared: Arc::clone(shared),
            journal: journal.clone(),
            log_end: Arc::clone(&log_end),
            clock: opened.clock.clone(),
            vitals: Arc::clone(&front.vitals),
            stores: RunStores {
                stores: Arc::clone(&opened.stores),
                calendar: Arc::clone(&calendar),
            },
        };
        let name = Some(format!("berth-shard-{number}-{}", root.get_id()));
        let (worker, _) =
            Actor::spawn_linked(name, ShardWorker, (shard, place), ActorCell::from(root.clone()))
                .await
                .map_err(|fault| spawn(&fault))?;
        shared.attach(worker);
    }
    let recovered = opened.recovered.len();
    install(&shards, opened.recovered).await;
    let figures = Arc::new(Figures::default());
    let teller = Teller::start();
    let thread = Journal {
        calls: teller.calls(),
        figures: Arc::clone(&figures),
        log: opened.log,
        durability: options.durability,
        shards: shards.clone(),
        front: Arc::clone(&front),
        health: health.clone(),
        log_end: Arc::clone(&log_end),
        stop: Arc::clone(&stopping),
        durable_lsn: durable_lsn.clone(),
        settled,
        fatal: fatal.clone(),
    };
    let journal_thread = thread.start(&journal).map_err(|fault| spawn(&fault))?;
    let indexer_thread = if options.settings.event_store {
        let (stores, stopping) = (Arc::clone(&opened.stores), Arc::clone(&stopping));
        let retain = options.settings.retain_log_bytes;
        let started = crate::indexer::start(stores, stopping, Arc::clone(&figures), retain);
        Some(started.map_err(|fault| spawn(&fault))?)
    } else {
        opened.stores.shelf.switch_off();
        None
    };
    Ok(House {
        info: EngineInfo {
            software: crate::SOFTWARE.to_owned(),
            data_dir: options.data_dir.clone(),
            durability: options.durability,
            started_at: opened.clock.now(),
            grace_until: opened.grace_until,
            holds: options.settings.holds,
            shards: options.workers,
            trains: options.catalogue.len(),
            recovered,
            report: opened.report,
            refused: opened.refused,
            lost: opened.lost,
            recovery: begun.elapsed(),
        },
        front,
        figures,
        shards,
        clock: opened.clock,
        health,
        stores: opened.stores,
        log_end,
        durable_lsn,
        fatal,
        stopping,
        _teller: teller,
        journal,
        journal_thread: Mutex::new(Some(journal_thread)),
        indexer_thread: Mutex::new(indexer_thread),
        covered: Mutex::new(None),
        root,
        _lock: opened.lock,
    })
}

/// Hands every recovered run to its shard, before anybody may ask.
async fn install(shards: &[Arc<ShardShared>], recovered: Vec<Revived>) {
    let mut heaps: Vec<Vec<Revived>> = shards.iter().map(|_| Vec::new()).collect();
    for run in recovered {
        heaps[usize::from(run.entry.shard)].push(run);
    }
    for (shard, heap) in shards.iter().zip(heaps) {
        shard.call(|reply| WorkerMessage::Install(heap, reply)).await;
    }
}
