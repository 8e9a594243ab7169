//! A million live holds expire: the timing wheel and the journal behind it, in this process.

use std::sync::Arc;

use berth_engine::{Engine, StartOptions};
use berth_inventory::{Command, Millis, Said, UnixMillis};
use berth_node::{EXPIRY_LATE_BOUNDS_MS, Settings, When};
use berth_persistence::Durability;

use super::Ledger;
use crate::engine_suite::{TRAINS, catalogue, wish};

/// Live holds at once.
const HOLDS: u64 = 1_000_000;
/// Their deadlines are spread over this long, milliseconds.
const SPREAD_MS: u64 = 15_000;
/// Unanswered at once.
const WINDOW: usize = 4_096;

/// Fills a node with holds and lets them expire.
pub fn measure(ledger: &mut Ledger) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (late, over) = runtime.block_on(expire());
    ledger.at_most("expiries of a million holds over 50 ms late", over, 1.0, "%");
    ledger.at_most("latest expiry of a million holds", late, 1_000.0, "ms");
}

/// The latest expiry, and the share of those over 50 ms late, per cent.
async fn expire() -> (f64, f64) {
    let dir = tempfile::tempdir().expect("a directory");
    let engine = Engine::start(StartOptions {
        data_dir: dir.path().to_owned(),
        catalogue: Arc::new(catalogue()),
        durability: Durability::Power,
        workers: 2,
        settings: Settings { min_free_bytes: 0, ..Settings::default() },
        accept_clock: false,
        address: "bounds".into(),
    })
    .await
    .expect("a node");
    let now = engine.now();
    let today = engine.front().calendar.today(now);
    let mut runs = Vec::new();
    for train in 0..TRAINS {
        for day in 1..=55 {
            let number = format!("{}", 10_000 + train).parse().expect("a number");
            let when = When::Start(today.plus(day));
            runs.push(engine.front().locate(number, when, None, now).expect("an open run"));
        }
    }
    // All are held before the first deadline, whatever the machine.
    let first = now.saturating_add(Millis(45_000));
    let mut session = engine.session();
    let (mut asked, mut held) = (0u64, 0u64);
    while held < HOLDS {
        while asked < HOLDS && session.unanswered() < WINDOW {
            let Command::Reserve(mut reserve) = wish(asked) else { unreachable!() };
            let deadline = first.saturating_add(Millis(asked * 7_919 % SPREAD_MS));
            reserve.ttl = deadline.since(engine.now());
            let run = &runs[asked as usize % runs.len()];
            let early =
                session.add(asked, Arc::clone(run), Command::Reserve(reserve), UnixMillis::MAX);
            assert!(early.is_none(), "{early:?}");
            asked += 1;
        }
        session.flush();
        for (_, outcome) in session.told().await.expect("the node is up") {
            let said = outcome.expect("no fault").said;
            assert!(matches!(said, Said::Hold(_)), "{said:?}");
            held += 1;
        }
    }
    let filled = engine.now();
    assert!(filled < first, "this machine needs more than 45 s to hold a million berths");
    println!("a million holds are live after {} ms", filled.since(now).0);
    let stats = loop {
        let stats = engine.stats().await.0;
        if stats.expired >= HOLDS {
            break stats;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    let within = EXPIRY_LATE_BOUNDS_MS.partition_point(|bound| *bound <= 50);
    let over: u64 = stats.expiry_late[within..].iter().sum();
    engine.stop(std::time::Duration::from_secs(30)).await.expect("a stop in order");
    (stats.expiry_late_ms as f64, over as f64 * 100.0 / HOLDS as f64)
}
