//! A run that went cold while the node goes on: whoever asks gets what he got, and nobody wakes it
//! by looking.

use std::time::Duration;

use berth_inventory::{Command, LegRange, Release, Said};
use berth_node::{BerthState, PoolRow};
use berth_persistence::FileSnapshots;

use super::{NEVER, booked, held, mark, options, run_of};
use crate::Engine;

/// Everything a reader is shown of a run.
type Shown = (berth_inventory::Version, Vec<(Vec<PoolRow>, Vec<BerthState>)>);

async fn shown(engine: &Engine, run: &std::sync::Arc<berth_node::RunEntry>) -> Shown {
    let table = engine.table(run).await.unwrap();
    let now = engine.now();
    let all = (0..4).flat_map(|from| (from + 1..=4).map(move |to| LegRange { from, to }));
    let all = all.map(|legs| (table.rows(legs, now).1, table.berths(legs).1));
    (table.version().0, all.collect())
}

async fn all_at_rest(engine: &Engine) {
    while engine.stats().await.0.live > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_went_cold_says_what_it_said_and_knows_what_it_knew() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.settings.idle = Duration::from_millis(100);
    let engine = Engine::start(options).await.unwrap();
    let runs: Vec<_> = (1..40).map(|day| run_of(&engine, "10001", day)).collect();
    let mut before = Vec::new();
    for (n, run) in runs.iter().enumerate() {
        let id = 10 * n as u128 + 1;
        let (kept, gone) = (held(&engine, run, id).await, held(&engine, run, id + 1).await);
        let pnr = booked(&engine, id + 2, kept).await;
        let release =
            Command::Release(Release { request: mark(id + 3), hold: gone, passengers: None });
        engine.ask(run, release.clone(), NEVER).await.unwrap();
        before.push((id, kept, gone, pnr, release, shown(&engine, run).await));
    }
    all_at_rest(&engine).await;
    for (run, (.., shown_before)) in runs.iter().zip(&before) {
        assert!(run.published.load().is_none(), "its words are let go");
        // From the snapshot, then from what was read of it before.
        for _ in 0..2 {
            assert!(shown(&engine, run).await == *shown_before, "{run:?}");
        }
        assert_eq!(engine.last_told(run), (shown_before.0, false));
    }
    assert_eq!(engine.stats().await.0.live, 0, "nobody was woken");
    for (run, (id, kept, gone, pnr, release, shown_before)) in runs.iter().zip(before) {
        assert!(std::sync::Arc::ptr_eq(&engine.front().by_hold(kept).unwrap(), run));
        assert_eq!(held(&engine, run, id).await, kept, "a retry gets the first answer");
        assert_eq!(held(&engine, run, id + 1).await, gone);
        assert_eq!(booked(&engine, id + 2, kept).await, pnr);
        let again = engine.ask(run, release, NEVER).await.unwrap();
        assert!(matches!(again.said, Said::Released { .. }), "{again:?}");
        assert!(shown(&engine, run).await == shown_before, "nothing has happened to it");
        // It lives, changes and rests again: what was read of it before is not shown any more.
        held(&engine, run, id + 4).await;
        let release = Command::Release(Release {
            request: mark(id + 5),
            hold: held(&engine, run, id + 4).await,
            passengers: None,
        });
        engine.ask(run, release, NEVER).await.unwrap();
    }
    all_at_rest(&engine).await;
    for run in &runs {
        assert_eq!(shown(&engine, run).await.0.0, 8, "two events more");
    }
    assert_eq!(engine.stop(Duration::from_secs(5)).await, Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_or_wakes_a_cold_run_waits_for_no_sync_of_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.settings.idle = Duration::from_millis(100);
    let engine = Engine::start(options).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    let hold = held(&engine, &run, 1).await;
    booked(&engine, 2, hold).await;
    let before = shown(&engine, &run).await;
    all_at_rest(&engine).await;
    // As long as a sync may take, and longer.
    let stores = std::sync::Arc::clone(&engine.house.stores);
    let (begin, begun) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        let _writer = stores.writer();
        begin.send(()).unwrap();
        let _ = ended.recv();
    });
    begun.recv().unwrap();
    assert!(shown(&engine, &run).await == before);
    assert_eq!(engine.last_told(&run), (before.0, false));
    held(&engine, &run, 3).await;
    assert_eq!(engine.stats().await.0.live, 1);
    drop(end);
    writer.join().unwrap();
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_that_cannot_be_written_cost_the_next_start_a_replay_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.settings.idle = Duration::from_millis(20);
    let engine = Engine::start(options.clone()).await.unwrap();
    let snap = engine.house.stores.dir().snap();
    *engine.house.stores.writer() = FileSnapshots::read_only(&snap).unwrap();
    let run = run_of(&engine, "10001", 1);
    let hold = held(&engine, &run, 1).await;
    let pnr = booked(&engine, 2, hold).await;
    let before = shown(&engine, &run).await;
    // It is idle, is to leave, and cannot.
    while !engine.house.stores.keeps_no_snapshots() {
        tokio::task::yield_now().await;
    }
    assert_eq!(booked(&engine, 2, hold).await, pnr, "it stays, and serves");
    assert_eq!(engine.stop(Duration::from_secs(60)).await, Ok(vec![run.id]), "without waiting");
    drop(engine);
    let engine = Engine::start(options).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    assert!(shown(&engine, &run).await == before);
    assert_eq!(booked(&engine, 2, hold).await, pnr);
    all_at_rest(&engine).await;
    assert_eq!(engine.stop(Duration::from_secs(5)).await, Ok(Vec::new()));
}
