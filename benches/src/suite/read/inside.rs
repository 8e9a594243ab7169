//! Queries in this process, beside a node that writes as fast as it can.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use berth_engine::{Engine, StartOptions};
use berth_inventory::{LegRange, PoolIndex, Said, UnixMillis};
use berth_node::{RunEntry, Settings, When};
use berth_persistence::{Catalogue, Durability};
use futures_util::FutureExt as _;
use rustix::time::{ClockId, clock_gettime};

use crate::fault::{Bench, BenchError};
use crate::paired::Dice;
use crate::setup::Setup;
use crate::suite::core::caller::Caller;
use crate::suite::core::train::{Journeys, Shape, entry};

/// Trains and days: 1,000 runs.
const TRAINS: usize = 20;
const DAYS: i32 = 50;
/// Callers that reserve and give back.
const CALLERS: u64 = 512;
/// Queries of one sample.
const QUERIES: usize = 20_000;
/// Samples of each figure.
const SAMPLES: usize = 11;

/// Nanoseconds of the asking thread's CPU a query, sample by sample.
pub struct Inside {
    /// The whole table of one run.
    pub hot: Vec<f64>,
    /// The whole table, of a run of 1,000.
    pub spread: Vec<f64>,
    /// Free berths of one pool of one run, published words only.
    pub count: Vec<f64>,
    /// Commands a second meanwhile.
    pub writes: f64,
}

/// Measures.
///
/// # Errors
/// The node does not start or stop.
pub fn measure(setup: &Setup) -> Bench<Inside> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(BenchError::io("make a runtime"))?;
    let fault = |why: &dyn core::fmt::Display| BenchError::Other(format!("a node: {why}"));
    let entries: Vec<_> = (0..TRAINS).map(|n| entry(10_000 + n, Shape::PROMISED)).collect();
    let catalogue = Catalogue::from_entries("Asia/Kolkata", &entries);
    let data = setup.place.fresh("read");
    let options = StartOptions {
        data_dir: data.clone(),
        catalogue: Arc::new(catalogue.map_err(|why| fault(&why))?),
        durability: Durability::Power,
        workers: 2,
        settings: Settings { min_free_bytes: 0, ..Settings::default() },
        accept_clock: false,
        address: "bench".into(),
    };
    let engine = runtime.block_on(Engine::start(options)).map_err(|why| fault(&why))?;
    let runs = Arc::new(runs(&engine)?);
    let written = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS)
        .map(|seed| {
            let (engine, runs) = (engine.clone(), Arc::clone(&runs));
            runtime.spawn(write(engine, runs, seed, Arc::clone(&written), Arc::clone(&over)))
        })
        .collect();
    // Every run has something published before anybody asks.
    let all = || runs.iter().all(|run| run.published.load().is_some());
    let limit = Instant::now() + Duration::from_secs(60);
    while !all()
        && Instant::now() < limit
        && !callers.iter().any(tokio::task::JoinHandle::is_finished)
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    let (before, begun) = (written.load(Ordering::Relaxed), Instant::now());
    let samples = if setup.quick { 2 } else { SAMPLES };
    let one = &runs[..1];
    let hot = (0..samples).map(|seed| tables(&engine, one, seed as u64)).collect();
    let spread = (0..samples).map(|seed| tables(&engine, &runs, seed as u64)).collect();
    let count = (0..samples).map(|seed| counts(&runs[0], seed as u64)).collect();
    let writes = (written.load(Ordering::Relaxed) - before) as f64 / begun.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        runtime.block_on(caller).map_err(|why| fault(&why))??;
    }
    runtime.block_on(engine.stop(Duration::from_secs(20))).map_err(|why| fault(&why))?;
    std::fs::remove_dir_all(&data).map_err(BenchError::io(format!("remove {}", data.display())))?;
    Ok(Inside { hot, spread, count, writes })
}

fn runs(engine: &Engine) -> Bench<Vec<Arc<RunEntry>>> {
    let now = engine.now();
    let front = engine.front();
    let today = front.calendar.today(now);
    let mut runs = Vec::new();
    for train in 0..TRAINS {
        for day in 1..=DAYS {
            let number = (10_000 + train).to_string().parse().expect("a number");
            let found = front.locate(number, When::Start(today.plus(day)), None, now);
            runs.push(found.map_err(|why| BenchError::Other(format!("a run: {why:?}")))?);
        }
    }
    Ok(runs)
}

/// One caller: reserves on the next run and gives back, until all is over.
async fn write(
    engine: Engine,
    runs: Arc<Vec<Arc<RunEntry>>>,
    seed: u64,
    written: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
) -> Bench<()> {
    let mut caller = Caller::new(seed + 1, Shape::PROMISED.legs);
    let mut at = seed as usize * 2;
    while !over.load(Ordering::Relaxed) {
        at += 1;
        let run = &runs[at % runs.len()];
        let reserve = caller.reserve().0.clone();
        let answer = engine.ask(run, reserve, UnixMillis::MAX).await;
        let Ok(Said::Hold(view)) = answer.map(|answer| answer.said) else {
            return Err(BenchError::Other("a reserve was not granted".into()));
        };
        let release = caller.release(view.hold);
        if engine.ask(run, release, UnixMillis::MAX).await.is_err() {
            return Err(BenchError::Other("a hold was not given back".into()));
        }
        written.fetch_add(2, Ordering::Relaxed);
    }
    Ok(())
}

/// CPU of this thread so far.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Journeys and places of runs, drawn before anything is measured.
fn drawn(runs: usize, seed: u64) -> Vec<(usize, LegRange)> {
    let (mut journeys, mut dice) = (Journeys::new(seed, Shape::PROMISED.legs), Dice(seed));
    let legs = |(from, to): (u16, u16)| LegRange { from: from as u8 - 1, to: to as u8 - 1 };
    (0..QUERIES).map(|_| (dice.below(runs), legs(journeys.draw()))).collect()
}

/// The table of a run, as a user of the engine gets it.
fn tables(engine: &Engine, runs: &[Arc<RunEntry>], seed: u64) -> f64 {
    let queries = drawn(runs.len(), seed);
    let now = engine.now();
    let before = cpu();
    for (run, legs) in &queries {
        let table = engine.table(&runs[*run]).now_or_never();
        let table = table.expect("a published run needs no disk").expect("a sound run");
        black_box(table.rows(*legs, now));
    }
    cpu().checked_sub(before).unwrap().as_nanos() as f64 / QUERIES as f64
}

/// The free berths of the one pool, from the published words.
fn counts(run: &Arc<RunEntry>, seed: u64) -> f64 {
    let queries = drawn(1, seed);
    let before = cpu();
    for (_, legs) in &queries {
        let published = run.published.load();
        let published = published.as_ref().expect("it is published");
        black_box(published.read(|p| p.free(PoolIndex(0), *legs)));
    }
    cpu().checked_sub(before).unwrap().as_nanos() as f64 / QUERIES as f64
}
