//! A whole node on a temporary directory: what is told survives, whatever ends the process.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use berth_inventory::{
    AgeBand, Command, Conditions, Confirm, HoldId, Millis, Passenger, Pnr, Refusal, Release,
    RequestId, RequestMark, Reserve, Rest, RunningDays, Said, SeatState, Sex, StopRef, TravelClass,
    UnixMillis,
};
use berth_inventory::{CoachEntry, Date, Entry, StopEntry};
use berth_node::{Health, RunEntry, SaleStatus, Settings, When};
use berth_persistence::{Catalogue, Durability};

use crate::{Engine, StartError, StartOptions};

mod bounded;
mod cold;
mod standing;

const NEVER: UnixMillis = UnixMillis::MAX;

fn train(number: &str, coaches: &[&str]) -> Entry {
    let stop = |place: u32, code: &str| StopEntry {
        code: code.into(),
        km: place * 100,
        arrival: (place > 0).then_some(600 + place * 60),
        departure: (place < 4).then_some(605 + place * 60),
    };
    let coach = |text: &&str| {
        let (id, layout) = text.split_once(':').unwrap();
        CoachEntry { id: id.into(), layout: layout.into(), stops: None }
    };
    Entry {
        rules: None,
        number: number.into(),
        name: format!("TEST {number}"),
        days: RunningDays::DAILY,
        stops: ["AAA", "BBB", "CCC", "DDD", "EEE"]
            .iter()
            .enumerate()
            .map(|(place, code)| stop(place as u32, code))
            .collect(),
        coaches: coaches.iter().map(coach).collect(),
        pools: Vec::new(),
    }
}

fn options(dir: &std::path::Path) -> StartOptions {
    let trains = [
        train("10001", &["B1:3A", "S1:SL"]),
        train("10002", &["C1:CC"]),
        train("10003", &["B1:3A"]),
    ];
    StartOptions {
        data_dir: dir.to_owned(),
        catalogue: Arc::new(Catalogue::from_entries("Asia/Kolkata", &trains).unwrap()),
        durability: Durability::Power,
        workers: 2,
        settings: Settings { min_free_bytes: 0, ..Settings::default() },
        accept_clock: false,
        address: "test".into(),
    }
}

fn run_of(engine: &Engine, train: &str, days: i32) -> Arc<RunEntry> {
    let now = engine.now();
    let today: Date = engine.front().calendar.today(now);
    let when = When::Start(today.plus(days));
    engine.front().locate(train.parse().unwrap(), when, None, now).unwrap()
}

fn mark(id: u128) -> RequestMark {
    RequestMark { id: RequestId(id), digest: id as u64 }
}

fn reserve(id: u128, class: TravelClass) -> Command {
    let passenger =
        Passenger { age: AgeBand::Adult, sex: Sex::Male, berth_required: true, preference: None };
    Command::Reserve(Reserve {
        request: mark(id),
        hold: HoldId(0),
        class,
        quota: "GN".parse().unwrap(),
        from: StopRef::Sequence(1),
        to: StopRef::Sequence(5),
        party: core::iter::once(passenger).collect(),
        conditions: Conditions::default(),
        berths: Vec::new(),
        ttl: Millis(300_000),
        reference: "ref".into(),
    })
}

fn confirm(id: u128, hold: HoldId) -> Command {
    Command::Confirm(Confirm {
        request: mark(id),
        hold,
        passengers: None,
        rest: Rest::Released,
        payment: "pay".into(),
        pnr_block: None,
    })
}

async fn held(engine: &Engine, run: &Arc<RunEntry>, id: u128) -> HoldId {
    match engine.ask(run, reserve(id, TravelClass::ThirdAc), NEVER).await.unwrap().said {
        Said::Hold(view) => view.hold,
        said => panic!("expected a hold, got {said:?}"),
    }
}

async fn booked(engine: &Engine, id: u128, hold: HoldId) -> Pnr {
    let run = engine.front().by_hold(hold).unwrap();
    match engine.ask(&run, confirm(id, hold), NEVER).await.unwrap().said {
        Said::Booking(view) => view.pnr,
        said => panic!("expected a booking, got {said:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_survives_a_stop_and_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let run = run_of(&engine, "10001", 3);
    let hold = held(&engine, &run, 1).await;
    let kept = held(&engine, &run, 2).await;
    let pnr = booked(&engine, 3, hold).await;
    let printed = engine.front().names.print_pnr(pnr);
    let digest = engine.digest(&run).await.expect("the run is live");
    assert_eq!(engine.stop(Duration::from_secs(5)).await, Ok(Vec::new()));
    assert_eq!(engine.health(), Health::Draining);
    drop(engine);

    let engine = Engine::start(options(dir.path())).await.unwrap();
    assert_eq!(engine.info().report, Vec::<String>::new());
    let (found, run) = engine.front().by_pnr(&printed).unwrap();
    assert_eq!(found, pnr);
    let answer = engine.ask(&run, Command::GetBooking(pnr), NEVER).await.unwrap();
    let Said::Booking(booking) = answer.said else { panic!("{answer:?}") };
    assert_eq!((booking.hold, &*booking.payment), (hold, "pay"));
    assert_eq!(booking.party[0].1.state, SeatState::Confirmed);
    // The retry of an effect gets the first answer; the other hold is still there.
    assert_eq!(held(&engine, &run, 2).await, kept);
    assert_eq!(booked(&engine, 3, hold).await, pnr);
    let again = engine.digest(&run).await.expect("the run is live");
    assert!(again.0 >= digest.0);
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_run_outlives_its_train_in_the_catalogue() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let mut paid = Vec::new();
    for (train, id) in [("10001", 1), ("10003", 3)] {
        let run = run_of(&engine, train, 3);
        let hold = held(&engine, &run, id).await;
        let pnr = booked(&engine, id + 1, hold).await;
        paid.push((hold, engine.front().names.print_pnr(pnr), run.plan()));
    }
    assert_eq!(engine.stop(Duration::from_secs(5)).await, Ok(Vec::new()));
    drop(engine);

    // Another rake for one train, and the other is not sold any more.
    let trains = [train("10001", &["B7:3A"])];
    let catalogue = Arc::new(Catalogue::from_entries("Asia/Kolkata", &trains).unwrap());
    let options = StartOptions { catalogue, ..options(dir.path()) };
    let engine = Engine::start(options).await.unwrap();
    for (hold, printed, plan) in paid {
        let (pnr, run) = engine.front().by_pnr(&printed).unwrap();
        assert_eq!(run.plan(), plan, "before anybody asks it");
        assert!(Arc::ptr_eq(&engine.front().by_hold(hold).unwrap(), &run));
        let answer = engine.ask(&run, Command::GetBooking(pnr), NEVER).await.unwrap();
        let Said::Booking(booking) = answer.said else { panic!("{answer:?}") };
        assert_eq!(booking.hold, hold);
    }
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_published_and_a_cold_run_is_not_woken() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    let legs = berth_inventory::LegRange::new(0, 4).unwrap();
    let now = engine.now();
    let free = |rows: Vec<berth_node::PoolRow>| match rows[0].status {
        SaleStatus::Available(free) => free,
        status => panic!("{status:?}"),
    };
    let before = free(engine.table(&run).await.unwrap().rows(legs, now).1);
    assert_eq!(engine.stats().await.0.live, 0, "a query does not activate");
    held(&engine, &run, 1).await;
    let table = engine.table(&run).await.unwrap();
    let (version, rows) = table.rows(legs, now);
    assert_eq!((version.0, free(rows)), (2, before - 1), "published before it was answered");
    engine.stop(Duration::from_secs(5)).await.unwrap();
    drop(engine);
    // After a stop in order the run is cold and answers from its snapshot.
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    let live = engine.stats().await.0.live;
    assert_eq!(free(engine.table(&run).await.unwrap().rows(legs, now).1), before - 1);
    assert_eq!(engine.stats().await.0.live, live);
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_never_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let Err(StartError::Lock(fault)) = Engine::start(options(dir.path())).await else {
        panic!("a second node started");
    };
    let said = fault.to_string();
    assert!(said.contains(&std::process::id().to_string()), "{said}");
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_answered_command_by_command() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let mut session = engine.session();
    let runs = [run_of(&engine, "10001", 1), run_of(&engine, "10001", 2)];
    for id in 0..200_u64 {
        let command = reserve(u128::from(id) + 1, TravelClass::Sleeper);
        let early = session.add(id, Arc::clone(&runs[id as usize % 2]), command, NEVER);
        assert!(early.is_none(), "a run that is not live refuses nothing early");
    }
    session.flush();
    let mut granted = 0;
    let mut seen = [false; 200];
    while session.unanswered() > 0 {
        for (id, outcome) in session.told().await.unwrap() {
            assert!(!core::mem::replace(&mut seen[id as usize], true), "{id} answered twice");
            match outcome.unwrap().said {
                Said::Hold(_) => granted += 1,
                Said::Refused(refusal) => {
                    assert!(matches!(refusal, Refusal::SoldOut { .. }), "{refusal}");
                }
                said => panic!("{said:?}"),
            }
        }
    }
    // 80 berths of one sleeper coach, all of them general without a rule book.
    assert_eq!(granted, 2 * 80);
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_released_berth_is_sold_again_and_a_retry_is_told_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let run = run_of(&engine, "10002", 1);
    let mut holds = Vec::new();
    loop {
        let id = holds.len() as u128 + 1;
        match engine.ask(&run, reserve(id, TravelClass::ChairCar), NEVER).await.unwrap().said {
            Said::Hold(view) => holds.push((id, view.hold)),
            Said::Refused(_) => break,
            said => panic!("{said:?}"),
        }
    }
    let (id, hold) = holds[10];
    let release = Command::Release(Release { request: mark(9_000), hold, passengers: None });
    engine.ask(&run, release, NEVER).await.unwrap();
    let again = engine.ask(&run, reserve(9_001, TravelClass::ChairCar), NEVER).await.unwrap();
    assert!(matches!(again.said, Said::Hold(_)), "{again:?}");
    let retry = engine.ask(&run, reserve(id, TravelClass::ChairCar), NEVER).await.unwrap();
    let Said::Hold(view) = retry.said else { panic!("never SOLD_OUT to an id that took effect") };
    assert_eq!(view.hold, hold);
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_outlives_a_stop_still_expires_though_nobody_asks() {
    let dir = tempfile::tempdir().unwrap();
    let short = |dir: &std::path::Path| {
        let mut options = options(dir);
        options.settings.grace = Duration::from_millis(300);
        options
    };
    let engine = Engine::start(short(dir.path())).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    let Command::Reserve(mut wish) = reserve(1, TravelClass::ThirdAc) else { unreachable!() };
    wish.ttl = Millis(200);
    engine.ask(&run, Command::Reserve(wish), NEVER).await.unwrap();
    assert_eq!(engine.stop(Duration::from_secs(5)).await, Ok(Vec::new()));
    drop(engine);
    let engine = Engine::start(short(dir.path())).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    let legs = berth_inventory::LegRange::new(0, 4).unwrap();
    let pool = berth_inventory::PoolIndex(0);
    // Never early: the published count rises only when the hold's deadline or grace has passed.
    loop {
        let published = run.published.load_full().expect("live at once");
        if published.free(pool, legs) == u32::from(published.plan().capacity(pool, legs)) {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(engine.now() >= engine.info().grace_until.expect("a hold was live"));
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_was_told_is_known_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    let mut session = engine.session();
    for id in 0..64 {
        let early = session.add(
            id,
            Arc::clone(&run),
            reserve(u128::from(id) + 1, TravelClass::Sleeper),
            NEVER,
        );
        assert!(early.is_none(), "a run that is not live refuses nothing early");
    }
    session.flush();
    while session.unanswered() > 0 {
        for (_, outcome) in session.told().await.unwrap() {
            let Said::Hold(view) = outcome.unwrap().said else { panic!("64 berths") };
            let origin = engine.front().names.hold_origin(view.hold);
            let entry = engine.front().directory.by_index(origin.run);
            assert!(
                engine.front().by_hold(view.hold).is_ok(),
                "{origin:?} {entry:?} {:?}",
                run.journaled
            );
        }
    }
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_went_on_after_its_snapshot_is_rebuilt_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    // Every event is behind the bound: each sweep snapshots the run while it goes on.
    options.settings.checkpoint_bytes = 0;
    let engine = Engine::start(options).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    let stores = Arc::clone(&engine.house.stores);
    let mut id = 0;
    let mut snapshots = std::collections::BTreeSet::new();
    while snapshots.len() < 3 {
        let mut holds = Vec::new();
        for _ in 0..20 {
            id += 1;
            holds.push(held(&engine, &run, id).await);
        }
        for hold in holds {
            id += 1;
            let release = Command::Release(Release { request: mark(id), hold, passengers: None });
            engine.ask(&run, release, NEVER).await.unwrap();
        }
        snapshots.extend(stores.snapshot_version(&run));
    }
    held(&engine, &run, id + 1).await;
    let (version, digest) = engine.digest(&run).await.expect("the run is live");
    let rebuilt = stores.rebuild(&run).unwrap();
    assert_eq!((rebuilt.version(), rebuilt.digest().to_string()), (version, digest));
    engine.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_only_created_is_the_same_in_memory_and_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path())).await.unwrap();
    let run = run_of(&engine, "10001", 1);
    let created = engine.ask(&run, Command::Create(mark(1)), NEVER).await.unwrap();
    assert_eq!(created.version.0, 1);
    let again = engine.ask(&run, Command::Create(mark(2)), NEVER).await.unwrap();
    assert_eq!((again.version.0, &again.said), (1, &created.said));
    let (version, digest) = engine.digest(&run).await.expect("the run is live");
    let rebuilt = engine.house.stores.rebuild(&run).unwrap();
    assert_eq!((rebuilt.version(), rebuilt.digest().to_string()), (version, digest));
    engine.stop(Duration::from_secs(5)).await.unwrap();
}
