//! What a list of runs is told: nobody is asked, nobody is woken, nobody is forgotten.

use std::sync::Arc;
use std::time::Duration;

use berth_inventory::{Command, Millis, Run, RunIndex, UnixMillis};
use berth_node::{Standing, When, Whereabouts};
use berth_persistence::{
    Catalogue, DataDir, EncodedSnapshot, FileSnapshots, Lsn, SNAPSHOT_SEGMENT_BYTES,
    SnapshotStore as _,
};

use super::{NEVER, held, mark, options, run_of, train};
use crate::{Engine, StartError, StartOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_runs_wakes_none_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let runs = [run_of(&engine, "10001", 3), run_of(&engine, "10001", 4)];
    assert_eq!(engine.standings(&runs).await, [None, None]);
    held(&engine, &runs[1], 1).await;
    let here = Standing { at: Whereabouts::Here, live_holds: 1 };
    assert_eq!(engine.standings(&runs).await, [None, Some(here)]);
    assert_eq!(engine.last_told(&runs[0]), Default::default());
    let told = engine.last_told(&runs[1]);
    assert_eq!((told.0.0, told.1), (2, false));
    let retire = engine.ask(&runs[1], Command::Retire(mark(2)), NEVER).await.unwrap();
    assert_eq!(engine.last_told(&runs[1]), (retire.version, true));
    engine.stop(Duration::from_secs(5)).await.unwrap();
    drop(engine);

    let engine = Engine::start(options(dir.path())).await.unwrap();
    let run = run_of(&engine, "10001", 4);
    assert_eq!(engine.last_told(&run), (retire.version, true), "its snapshot says it");
    assert_eq!(engine.standings(&[run]).await, [None], "and it is still cold");
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_outside_the_calendar_is_there_once_it_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let (front, now) = (engine.front(), engine.now());
    let date = front.calendar.last_open(now).plus(30);
    let number = "10001".parse().unwrap();
    let find = || front.locate(number, When::Start(date), None, now);
    let run = front.create(number, date, now).unwrap();
    assert!(find().is_err(), "an order that was not accepted leaves nothing behind");
    let late = engine.ask(&run, Command::Create(mark(1)), UnixMillis(1)).await;
    assert!(late.is_err() && find().is_err(), "{late:?}");
    engine.ask(&run, Command::Create(mark(1)), NEVER).await.unwrap();
    assert!(Arc::ptr_eq(&find().unwrap(), &run));
    let is_extra =
        |run: &berth_node::RunEntry| run.extra.load(std::sync::atomic::Ordering::Relaxed);
    assert!(is_extra(&run));
    // Another of the same train, inside the calendar.
    let plain = run_of(&engine, "10001", 2);
    held(&engine, &plain, 2).await;
    engine.stop(Duration::from_secs(5)).await.unwrap();
    drop((run, plain, engine));

    let engine = Engine::start(options(dir.path())).await.unwrap();
    let find = |when| engine.front().locate(number, when, None, engine.now()).unwrap();
    let (run, plain) = (find(When::Start(date)), run_of(&engine, "10001", 2));
    assert_eq!(engine.standings(&[Arc::clone(&run)]).await, [None], "it is cold");
    assert!(is_extra(&run), "its snapshot says that no calendar made it");
    assert!(!is_extra(&plain));
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_run_of_which_nobody_has_the_train_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let date = engine.front().calendar.today(engine.now()).plus(2);
    engine.stop(Duration::from_secs(5)).await.unwrap();

    // Its snapshot is there, the text of its train is not.
    let trains = [train("10009", &["B1:3A"])];
    let stranger = Catalogue::from_entries("Asia/Kolkata", &trains).unwrap();
    let plan = Arc::clone(stranger.trains()[0].plan());
    let created = engine.front().calendar.run_created(&plan, date, false);
    drop(engine);
    let run = Run::new(plan, &created, UnixMillis(0));
    let data = DataDir::open(dir.path()).unwrap();
    let mut snapshots =
        FileSnapshots::open(&data.snap(), &data.cut(), SNAPSHOT_SEGMENT_BYTES).unwrap();
    snapshots.put(&EncodedSnapshot::of(&run, RunIndex(0)), Lsn(1)).unwrap();
    snapshots.sync().unwrap();
    drop(snapshots);

    let engine = Engine::start(options(dir.path())).await.unwrap();
    assert_eq!(engine.info().lost, [run.id()]);
    let named = format!("run {} is out of service: the catalogue text", run.id());
    let report = &engine.info().report;
    assert!(report.iter().any(|line| line.starts_with(&named)), "{report:?}");
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn a_wall_clock_behind_the_journal_is_not_served_by_unless_it_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let ahead = engine.now().saturating_add(Millis(3_600_000));
    let date = engine.front().calendar.today(engine.now()).plus(2);
    engine.stop(Duration::from_secs(5)).await.unwrap();
    // Its last event came when the clock was an hour ahead.
    let trains = options(dir.path()).catalogue;
    let plan = Arc::clone(trains.trains()[0].plan());
    let created = engine.front().calendar.run_created(&plan, date, false);
    drop(engine);
    let run = Run::new(plan, &created, ahead);
    let data = DataDir::open(dir.path()).unwrap();
    let mut snapshots =
        FileSnapshots::open(&data.snap(), &data.cut(), SNAPSHOT_SEGMENT_BYTES).unwrap();
    let text = trains.trains()[0].text();
    snapshots.put_plan_text(run.plan().hash(), text).unwrap();
    snapshots.put(&EncodedSnapshot::of(&run, RunIndex(0)), Lsn(1)).unwrap();
    snapshots.sync().unwrap();
    drop(snapshots);

    let refused = Engine::start(options(dir.path())).await.err().unwrap();
    let (text, StartError::ClockBehind { wall, journal }) = (refused.to_string(), refused) else {
        panic!("it started, or another fault kept it from starting");
    };
    assert_eq!(journal, ahead);
    let both = [wall.to_string(), journal.to_string(), "--accept-clock".to_owned()];
    assert!(both.iter().all(|part| text.contains(part)), "{text}");
    let accepted = StartOptions { accept_clock: true, ..options(dir.path()) };
    let engine = Engine::start(accepted).await.unwrap();
    assert!(engine.now() < ahead, "time is the wall's again");
    engine.stop(Duration::from_secs(5)).await.unwrap();
}
