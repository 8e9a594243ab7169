//! `recover`: from a log without snapshots to a node that serves, on one core.
//!
//! The log is written by the machine through the log's own door, and is in the page cache when it
//! is read: what is measured is checking, decoding and applying, not the disk. Two figures: the
//! replay alone, and the whole start of a node with one shard on one thread.

mod history;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use berth_engine::{Engine, StartOptions};
use berth_inventory::UnixMillis;
use berth_node::Settings;
use berth_persistence::{
    Catalogue, DataDir, Durability, FileSnapshots, SNAPSHOT_SEGMENT_BYTES, plan_from_text, recover,
};

use crate::fault::{Bench, BenchError};
use crate::goal::{Goal, Target, number};
use crate::paired::Estimate;
use crate::report::{Section, Table};
use crate::setup::Setup;

/// Events of the log.
const EVENTS: u64 = 2_000_000;
/// Events of a short log.
const EVENTS_QUICK: u64 = 200_000;
/// What a stop may take: that of the journal's thread, and nothing for snapshots.
const STOP_LIMIT: Duration = Duration::from_secs(1);
/// Starts of one figure.
const STARTS: usize = 5;

/// The row of the goals.
const SERVING: Target =
    Target::high("recovery, log suffix to serving, one core", "M events/s", 5.0, 12.0);

/// What a replay found, and how long it took.
#[derive(Clone, Copy, Debug)]
pub struct Replayed {
    /// Events applied.
    pub events: u64,
    /// Runs rebuilt.
    pub runs: usize,
    /// From the first file opened to the last run.
    pub took: Duration,
}

fn fault(why: &dyn core::fmt::Display) -> BenchError {
    BenchError::Other(format!("recovery: {why}"))
}

/// Replays the log below `root`, and nothing else.
///
/// # Errors
/// What recovery says.
pub fn replay(root: &Path, catalogue: &Arc<Catalogue>) -> Bench<Replayed> {
    let begun = Instant::now();
    let dir = DataDir::open(root).map_err(|why| fault(&why))?;
    let snapshots = FileSnapshots::open(&dir.snap(), &dir.cut(), SNAPSHOT_SEGMENT_BYTES)
        .map_err(|why| fault(&why))?;
    let parse = |text: &str| plan_from_text(text).map(Arc::new).map_err(|why| why.to_string());
    let text = |hash| {
        let train = catalogue.trains().iter().find(|train| train.hash() == hash)?;
        Some(Arc::clone(train.text()))
    };
    let found = recover(&dir, &snapshots, &parse, &text).map_err(|why| fault(&why))?;
    let took = begun.elapsed();
    Ok(Replayed { events: found.events, runs: found.live.len(), took })
}

/// Starts a node with one shard on one thread below `root`; how long until it serves.
fn serve(root: &Path, catalogue: &Arc<Catalogue>) -> Bench<(usize, Duration)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::io("make a runtime"))?;
    let options = StartOptions {
        data_dir: root.to_owned(),
        catalogue: Arc::clone(catalogue),
        durability: Durability::Power,
        workers: 1,
        settings: Settings { min_free_bytes: 0, ..Settings::default() },
        accept_clock: false,
        address: "bench".into(),
    };
    let begun = Instant::now();
    runtime.block_on(async {
        let engine = Engine::start(options).await.map_err(|why| fault(&why))?;
        let took = begun.elapsed();
        let runs = engine.info().recovered;
        // Too short for a snapshot, which would make the next start cheaper; its threads end.
        engine.stop(STOP_LIMIT).await.map_err(|why| fault(&why))?;
        Ok((runs, took))
    })
}

/// Rates of the replay and of the start, million events a second, and what they were measured on.
struct Rates {
    history: history::History,
    replay: Vec<f64>,
    serving: Vec<f64>,
}

fn measure(setup: &Setup) -> Bench<Rates> {
    let root = setup.place.fresh("recover");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = UnixMillis(now.map_or(0, |now| now.as_millis() as u64));
    let events = if setup.quick { EVENTS_QUICK } else { EVENTS };
    let history = history::write(&root, events, now)?;
    let (mut replay_rates, mut serving) = (Vec::new(), Vec::new());
    for _ in 0..if setup.quick { 1 } else { STARTS } {
        let replayed = replay(&root, &history.catalogue)?;
        if (replayed.events, replayed.runs) != (history.events, history.runs) {
            let (events, runs) = (history.events, history.runs);
            return Err(fault(&format!("{replayed:?}, written were {events} events, {runs} runs")));
        }
        replay_rates.push(replayed.events as f64 / replayed.took.as_secs_f64() / 1e6);
        let (runs, took) = serve(&root, &history.catalogue)?;
        if runs != history.runs {
            return Err(fault(&format!("{runs} of {} runs are live", history.runs)));
        }
        serving.push(history.events as f64 / took.as_secs_f64() / 1e6);
    }
    std::fs::remove_dir_all(&root).map_err(BenchError::io(format!("remove {}", root.display())))?;
    Ok(Rates { history, replay: replay_rates, serving })
}

/// The suite.
///
/// # Errors
/// The disk, or a recovery that did not find what was written.
pub fn run(setup: &Setup) -> Bench<Section> {
    let Rates { history, replay, serving } = measure(setup)?;
    let mut table = Table::new("", &["what", "M events/s", "90 % interval", "seconds"]);
    for (what, rates) in [("replay alone", &replay), ("to serving, one shard", &serving)] {
        let found = Estimate::of(rates);
        table.row(vec![
            what.into(),
            number(found.value),
            format!("{} .. {}", number(found.low), number(found.high)),
            number(history.events as f64 / 1e6 / found.value),
        ]);
    }
    let note = format!(
        "{} events of {} runs in {} MiB of log, no snapshot, in the page cache; one core. Each run \
         has 1,200 berths and 24 legs; of four holds three are booked and one is given back.",
        number(history.events as f64),
        number(history.runs as f64),
        history.bytes >> 20
    );
    let title = "Recovery".into();
    Ok(Section { suite: "recover", title, notes: vec![note], tables: vec![table], plots: vec![] })
}

/// Its row of the goals.
pub fn goals(setup: &Setup) -> Vec<Goal> {
    vec![match measure(setup) {
        Ok(rates) => SERVING.reached(&Estimate::of(&rates.serving)),
        Err(why) => SERVING.failed(why),
    }]
}
