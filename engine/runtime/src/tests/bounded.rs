//! A node whose log is bounded, and one whose event store fails: nothing that was told is missed.

use berth_inventory::Version;
use berth_persistence::{EventStore as _, Lsn, StoredEvent};

use super::*;
use crate::HistoryError;

/// Small segments, snapshots all the time, and nothing kept that nobody needs.
fn bounded(dir: &std::path::Path) -> StartOptions {
    let mut options = options(dir);
    options.settings.log_segment_bytes = 16 << 10;
    options.settings.retain_log_bytes = Some(0);
    options.settings.checkpoint_bytes = 0;
    options
}

fn history(engine: &Engine, run: &RunEntry) -> Result<Vec<StoredEvent>, HistoryError> {
    let mut events = Vec::new();
    let history = loop {
        let whole = Version(0)..=Version(u64::MAX);
        let mut history = engine.history(run, whole).expect("it has events");
        events.clear();
        let told = loop {
            match history.next_batch() {
                Ok(Some(batch)) => events.extend(batch),
                Ok(None) => break Ok(()),
                Err(fault) => break Err(fault),
            }
        };
        match told {
            Ok(()) => break history,
            Err(HistoryError::NotYet { .. }) => std::thread::yield_now(),
            Err(fault) => return Err(fault),
        }
    };
    assert!(events.iter().zip(1..).all(|(event, version)| event.version == Version(version)));
    assert!(events.last().is_none_or(|event| event.lsn < history.next_lsn()));
    Ok(events)
}

/// Holds that are released at once, until `is_enough`.
async fn go_on(engine: &Engine, run: &Arc<RunEntry>, ids: u128, is_enough: impl Fn() -> bool) {
    let mut id = ids;
    while !is_enough() {
        for _ in 0..16 {
            let hold = held(engine, run, id).await;
            let release =
                Command::Release(Release { request: mark(id + 1), hold, passengers: None });
            engine.ask(run, release, NEVER).await.unwrap();
            id += 2;
        }
        engine.house.cover().await;
    }
}

/// The indexer opens the event store while the node serves already.
async fn store_is_open(engine: &Engine) {
    while engine.house.stores.shelf.get().is_err() {
        tokio::task::yield_now().await;
    }
}

fn first_kept(engine: &Engine) -> Lsn {
    engine.first_kept().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bounded_log_forgets_nothing_that_was_told() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(bounded(dir.path())).await.unwrap();
    let mut told = Vec::new();
    for (place, train) in ["10001", "10003"].into_iter().enumerate() {
        let run = run_of(&engine, train, 3);
        let id = 10 * (place as u128 + 1);
        let hold = held(&engine, &run, id).await;
        let pnr = booked(&engine, id + 1, hold).await;
        told.push((run.id, id, hold, pnr, engine.front().names.print_pnr(pnr)));
    }
    let last = *engine.durable_lsn().borrow();
    let busy = run_of(&engine, "10001", 4);
    go_on(&engine, &busy, 1_000, || first_kept(&engine) > Lsn(last)).await;
    let mut before = Vec::new();
    for (run, ..) in &told {
        let run = run_of(&engine, &run.train.to_string(), 3);
        let events = history(&engine, &run).unwrap();
        assert!(events[0].lsn < first_kept(&engine), "its creation is in the store only");
        before.push((events, engine.digest(&run).await));
    }
    let of_busy = history(&engine, &busy).unwrap();
    assert_eq!(engine.stop(Duration::from_secs(5)).await, Ok(Vec::new()));
    drop(engine);

    let engine = Engine::start(bounded(dir.path())).await.unwrap();
    assert_eq!(engine.info().report, Vec::<String>::new());
    assert!(first_kept(&engine) > Lsn(last), "the first bookings are not in the log any more");
    store_is_open(&engine).await;
    for ((id, request, hold, pnr, printed), (events, digest)) in told.into_iter().zip(before) {
        let (found, run) = engine.front().by_pnr(&printed).unwrap();
        assert_eq!((found, run.id), (pnr, id), "a PNR leads to its run");
        let answer = engine.ask(&run, Command::GetBooking(pnr), NEVER).await.unwrap();
        let Said::Booking(booking) = answer.said else { panic!("{answer:?}") };
        assert_eq!(booking.hold, hold);
        assert_eq!(held(&engine, &run, request).await, hold, "a retry gets the first answer");
        assert_eq!(booked(&engine, request + 1, hold).await, pnr);
        assert_eq!(engine.digest(&run).await, digest);
        assert!(history(&engine, &run).unwrap() == events, "history is told from the store");
    }
    let again = history(&engine, &run_of(&engine, "10001", 4)).unwrap();
    assert!(again[..of_busy.len()] == of_busy, "without a seam");
    // A run's new PNRs come from a block that nobody has.
    let run = run_of(&engine, "10003", 4);
    let hold = held(&engine, &run, 77).await;
    let fresh = booked(&engine, 78, hold).await;
    assert!(engine.front().by_pnr(&engine.front().names.print_pnr(fresh)).unwrap().1.id == run.id);
    engine.stop(Duration::from_secs(5)).await.unwrap();
    drop(engine);

    // Switched off it would be missed: nothing starts.
    let mut off = bounded(dir.path());
    (off.settings.event_store, off.settings.retain_log_bytes) = (false, None);
    let fault = Engine::start(off).await.map(drop).unwrap_err();
    assert!(matches!(fault, StartError::EventStoreNeeded { .. }), "{fault}");
    assert!(fault.to_string().contains("history before frame"), "{fault}");

    // Without the event store the beginning is nowhere, and that is said.
    std::fs::remove_dir_all(dir.path().join("events")).unwrap();
    let engine = Engine::start(bounded(dir.path())).await.unwrap();
    store_is_open(&engine).await;
    let fault = history(&engine, &run_of(&engine, "10003", 3)).unwrap_err();
    let kept = first_kept(&engine);
    assert!(matches!(fault, HistoryError::NotKept { kept: k, .. } if k == kept), "{fault}");
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_event_store_all_history_is_read_from_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut off = bounded(dir.path());
    off.settings.event_store = false;
    let fault = Engine::start(off.clone()).await.map(drop).unwrap_err();
    assert!(fault.to_string().contains("--retain-log-bytes"), "{fault}");
    off.settings.retain_log_bytes = None;
    let engine = Engine::start(off).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    let segments = || std::fs::read_dir(dir.path().join("log")).unwrap().count();
    go_on(&engine, &run, 1, || segments() > 3).await;
    let told = history(&engine, &run).unwrap();
    assert_eq!(first_kept(&engine), Lsn(1));
    assert_eq!(engine.figures().indexed_lsn.load(Relaxed), 0);
    assert!(!dir.path().join("events").exists(), "nothing is made that is not wanted");
    engine.stop(Duration::from_secs(5)).await.unwrap();
    drop(engine);

    // Switched on again, it takes in what it has not seen.
    let mut on = bounded(dir.path());
    on.settings.retain_log_bytes = None;
    let engine = Engine::start(on).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    let shelf = &engine.house.stores.shelf;
    while !shelf.get().is_ok_and(|store| store.indexed() > Lsn(20)) {
        tokio::task::yield_now().await;
    }
    assert!(history(&engine, &run).unwrap()[..told.len()] == told, "the same, from both");
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_event_store_is_passed_by_and_taken_up_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = bounded(dir.path());
    options.settings.retain_log_bytes = None;
    let engine = Engine::start(options).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    let shelf = &engine.house.stores.shelf;
    let is_indexed = || shelf.get().is_ok_and(|store| store.indexed() > Lsn(20));
    go_on(&engine, &run, 1, is_indexed).await;
    let from_both = history(&engine, &run).unwrap();
    for round in 0..2 {
        shelf.fail("sled panicked: a test");
        assert!(history(&engine, &run).unwrap() == from_both, "round {round}: from the log");
        // The indexer checks the store and puts it back.
        store_is_open(&engine).await;
        assert!(is_indexed(), "it was whole");
        assert!(history(&engine, &run).unwrap() == from_both, "round {round}: from both");
    }
    assert_eq!(first_kept(&engine), Lsn(1), "without a bound every segment is kept");
    engine.stop(Duration::from_secs(5)).await.unwrap();
}
