//! From a data directory to a node's parts: lock, format, key, recovery, the first frame.

use std::sync::Arc;

use berth_inventory::{PlanHash, RunId, UnixMillis};
use berth_node::{
    Calendar, ClockBehind, Front, LogPoint, Names, PlanBook, Restart, Revived, Risen, Settings,
    Vitals, engine_start,
};
use berth_persistence::{
    CommitLog, DataDir, DirLock, FileLog, FileSnapshots, Keys, LogSettings, Lsn,
    SNAPSHOT_SEGMENT_BYTES, first_kept, recover,
};
use tokio::sync::watch;

use crate::clock::{Clock, wall};
use crate::journal::Journal;
use crate::options::{StartError, StartOptions};
use crate::stores::Stores;

/// What a node is built from.
pub(crate) struct Opened {
    pub lock: DirLock,
    pub clock: Clock,
    pub front: Arc<Front>,
    pub stores: Arc<Stores>,
    pub log: Box<dyn CommitLog>,
    pub log_end: LogPoint,
    pub settled: watch::Sender<u64>,
    pub recovered: Vec<Revived>,
    pub journaled_plans: Vec<PlanHash>,
    pub grace_until: Option<UnixMillis>,
    pub report: Vec<String>,
    pub refused: Vec<RunId>,
    pub lost: Vec<RunId>,
}

/// Opens and recovers. Blocks; nothing is written before everything was read.
pub(crate) fn open(options: &StartOptions) -> Result<Opened, StartError> {
    let dir = DataDir::open(&options.data_dir)?;
    let lock = DirLock::take(dir.root(), wall())?;
    let keys = Keys::open(dir.root())?;
    may_do_without_event_store(&dir, &options.settings)?;
    let calendar = Calendar::new(options.catalogue.zone(), options.settings.open_days)?;
    let snapshots = FileSnapshots::open(&dir.snap(), &dir.cut(), SNAPSHOT_SEGMENT_BYTES)?;
    let plans = PlanBook::new(&options.catalogue);
    let mut found = {
        let parse = |text: &str| plans.parse(text);
        recover(&dir, &snapshots, &parse, &|hash| plans.text(hash))?
    };
    let last_at = found.last_at.unwrap_or_default();
    let clock = start_clock(last_at, options.accept_clock)?;
    let end = core::mem::take(&mut found.end);
    let segment_bytes = options.settings.log_segment_bytes;
    let segments = LogSettings { segment_bytes, ..LogSettings::default() };
    let mut log: Box<dyn CommitLog> =
        Box::new(FileLog::resume(&dir.log(), &dir.cut(), segments, end)?);
    let restart = Restart {
        catalogue: &options.catalogue,
        dir: &dir,
        snapshots: &snapshots,
        plans: &plans,
        settings: &options.settings,
        shards: options.workers,
    };
    let waiting = restart.waiting(&found);
    let at = clock.now();
    let grace = restart.grace(&found, &waiting, at);
    let started = Journal::record(&mut *log, Restart::started(grace, at, crate::SOFTWARE))?;
    let log_end = LogPoint { lsn: started + 1, bytes: log.bytes() };
    let settled = watch::Sender::new(started);
    let Risen { directory, revived, journaled_plans, refused, lost } =
        restart.rise(&mut found, waiting, grace, log_end);
    let stores =
        Arc::new(Stores::new(dir, snapshots, plans, Arc::clone(&directory), settled.subscribe()));
    let vitals = Vitals::new(options.settings.min_free_bytes, options.settings.max_log_bytes);
    let front = Arc::new(Front {
        directory,
        names: Arc::new(Names::new(keys.bytes(), started)),
        vitals: Arc::new(vitals),
        calendar,
    });
    lock.serves_on(&options.address)?;
    Ok(Opened {
        lock,
        clock,
        front,
        stores,
        log,
        log_end,
        settled,
        recovered: revived,
        journaled_plans,
        grace_until: grace.map(|grace| grace.until),
        report: found.report,
        refused,
        lost,
    })
}

/// Without the event store history is read from the log: all of it must be there, and stay.
fn may_do_without_event_store(dir: &DataDir, settings: &Settings) -> Result<(), StartError> {
    if settings.event_store {
        return Ok(());
    }
    let kept = first_kept(&dir.log())?;
    let why = if kept > Lsn(1) {
        format!("it alone has the history before frame {kept}, with which the log begins")
    } else if settings.retain_log_bytes.is_some() {
        "--retain-log-bytes lets segments go whose history it must have".to_owned()
    } else {
        return Ok(());
    };
    Err(StartError::EventStoreNeeded { why })
}

fn start_clock(last_at: UnixMillis, accept: bool) -> Result<Clock, StartError> {
    let wall = wall();
    let at = engine_start(wall, last_at, accept)
        .map_err(|ClockBehind| StartError::ClockBehind { wall, journal: last_at })?;
    Ok(Clock::start(at))
}
