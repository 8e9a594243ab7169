//! From a data directory to a node's parts: lock, format, key, recovery, the first frame.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use berth_inventory::{Millis, Plan, PlanHash, RunId, UnixMillis};
use berth_node::{Calendar, Directory, Front, Grace, LogPoint, Names, Settings, Vitals};
use berth_persistence::{
    CommitLog, DataDir, DirLock, FileLog, FileSnapshots, Keys, LogSettings, Lsn, NodeRecord,
    Recovered as FromDisk, SNAPSHOT_SEGMENT_BYTES, Snapshots as _, first_kept, recover,
};
use hashbrown::HashMap;
use tokio::sync::watch;

use crate::clock::{Clock, wall};
use crate::journal::Journal;
use crate::options::{CLOCK_BEHIND_MAX_MS, StartError, StartOptions};
use crate::stores::{PlanBook, Stores};
use crate::worker::Recovered;

/// What a node is built from.
pub(crate) struct Opened {
    pub lock: DirLock,
    pub clock: Clock,
    pub front: Arc<Front>,
    pub stores: Arc<Stores>,
    pub log: Box<dyn CommitLog>,
    pub log_end: LogPoint,
    pub settled: watch::Sender<u64>,
    pub recovered: Vec<Recovered>,
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
    // A hold that outlived a stop in order is in a snapshot only, and must still expire.
    let waiting: Vec<_> = found
        .cold
        .iter()
        .filter(|index| snapshots.latest(**index).is_some_and(|info| info.live_holds > 0))
        .copied()
        .collect();
    let (started, grace) = record_start(&mut *log, &found, !waiting.is_empty(), &clock, options)?;
    let log_end = LogPoint { lsn: started + 1, bytes: log.bytes() };
    let settled = watch::Sender::new(started);
    let kept = kept_plans(&found, &snapshots, &plans);
    let directory = Arc::new(Directory::new(
        &options.catalogue,
        plans.others(),
        options.workers,
        found.next_run,
        found.next_pnr_block,
    ));
    let journaled_plans: Vec<_> = found.plans.iter().map(|(hash, _)| *hash).collect();
    let TakenIn { refused, mut lost, report } = take_in(&directory, &found, &snapshots, &kept);
    found.report.extend(report);
    lost.sort_unstable_by_key(|run| (run.start_date, run.train));
    let bytes_before = log_end.bytes.saturating_sub(found.suffix_bytes);
    let mut recovered = revive(&directory, &mut found, grace, bytes_before);
    let stores =
        Arc::new(Stores::new(dir, snapshots, plans, Arc::clone(&directory), settled.subscribe()));
    for index in waiting {
        let Some(entry) = directory.by_index(index) else { continue };
        match stores.last_version(&entry) {
            Ok(Some(run)) => {
                recovered.push(Recovered { entry, run: Box::new(run), dirty: None, grace });
            }
            Ok(None) => {}
            Err(why) => {
                found.report.push(out_of_service(entry.id, &why));
                entry.refused.store(Some(Arc::new(why)));
            }
        }
    }
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
        recovered,
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
    if wall.0 + CLOCK_BEHIND_MAX_MS < last_at.0 {
        if !accept {
            return Err(StartError::ClockBehind { wall, journal: last_at });
        }
        // The operator says that the journal's stamp was wrong: time is the wall's again.
        return Ok(Clock::start(UnixMillis(0)));
    }
    Ok(Clock::start(last_at))
}

/// One `NodeStarted` frame; holds live at the last durable stamp get grace if there are any.
fn record_start(
    log: &mut dyn CommitLog,
    found: &FromDisk,
    waiting: bool,
    clock: &Clock,
    options: &StartOptions,
) -> Result<(u64, Option<Grace>), StartError> {
    let at = clock.now();
    let span = Millis(options.settings.grace.as_millis() as u64);
    let anybody = waiting || found.live.iter().any(|live| live.run.live_holds() > 0);
    let grace = anybody.then(|| Grace {
        until: at.saturating_add(span),
        as_of: found.served_at.unwrap_or_default(),
        span: options.settings.holds.grace_span(span),
    });
    let record = NodeRecord::Started {
        grace_until: grace.map(|grace| grace.until),
        at,
        software: crate::SOFTWARE.to_owned(),
    };
    Ok((Journal::record(log, record)?, grace))
}

/// Plans of cold runs that the catalogue does not have any more, or why there is none.
fn kept_plans(
    found: &FromDisk,
    snapshots: &FileSnapshots,
    plans: &PlanBook,
) -> HashMap<PlanHash, Result<Option<Arc<Plan>>, String>> {
    let mut kept = HashMap::new();
    for info in found.cold.iter().filter_map(|index| snapshots.latest(*index)) {
        kept.entry(info.plan).or_insert_with(|| plans.kept(info.plan, snapshots));
    }
    kept
}

/// What came of the runs that the disk knows.
#[derive(Default)]
struct TakenIn {
    /// Runs that recovery refused; its own report names them.
    refused: Vec<RunId>,
    /// Those out of service whose train is not known any more.
    lost: Vec<RunId>,
    /// Runs that were taken out of service here, in words.
    report: Vec<String>,
}

fn out_of_service(run: RunId, why: &str) -> String {
    format!("run {run} is out of service: {why}")
}

/// Notes every run that the disk knows: numbers, PNR blocks, who is refused.
fn take_in(
    directory: &Directory,
    found: &FromDisk,
    snapshots: &FileSnapshots,
    kept: &HashMap<PlanHash, Result<Option<Arc<Plan>>, String>>,
) -> TakenIn {
    let mut taken = TakenIn::default();
    for index in &found.cold {
        let Some(info) = snapshots.latest(*index) else { continue };
        if let Err(why) = &kept[&info.plan] {
            taken.report.push(out_of_service(info.run, why));
        }
        if let Some(train) = directory.train(info.run.train) {
            let entry = directory.run(train, info.run.start_date);
            let plan = match &kept[&info.plan] {
                Ok(plan) => plan.as_ref(),
                Err(why) => {
                    entry.refused.store(Some(Arc::new(why.clone())));
                    None
                }
            };
            directory.adopt(&entry, *index, plan);
            entry.set_kept(info.version);
            entry.extra.store(info.extra, Relaxed);
        } else {
            taken.lost.push(info.run);
        }
    }
    for live in &found.live {
        let id = live.run.id();
        if let Some(train) = directory.train(id.train) {
            let entry = directory.run(train, id.start_date);
            entry.extra.store(live.run.is_extra(), Relaxed);
            directory.adopt(&entry, live.index, Some(live.run.plan()));
        }
    }
    for run in &found.refused {
        taken.refused.push(run.run);
        if let Some(train) = directory.train(run.run.train) {
            let entry = directory.run(train, run.run.start_date);
            entry.refused.store(Some(Arc::new(run.why.clone())));
            directory.adopt(&entry, run.index, None);
        } else {
            taken.lost.push(run.run);
        }
    }
    for (block, index) in &found.pnr_blocks {
        directory.lease_block(*block, *index);
    }
    taken
}

/// The replayed runs, ready for their shards.
fn revive(
    directory: &Directory,
    found: &mut FromDisk,
    grace: Option<Grace>,
    bytes: u64,
) -> Vec<Recovered> {
    let dirty = Some(LogPoint { lsn: found.from.0, bytes });
    let live = core::mem::take(&mut found.live);
    live.into_iter()
        .filter_map(|live| {
            let entry = directory.by_index(live.index)?;
            let grace = grace.filter(|_| live.run.live_holds() > 0);
            Some(Recovered { entry, run: live.run, dirty, grace })
        })
        .collect()
}
