//! A whole node in this process: sessions, shards, journal with fdatasync, no gRPC.

use std::sync::Arc;
use std::time::{Duration, Instant};

use berth_engine::{Engine, StartOptions};
use berth_inventory::{
    AgeBand, CoachEntry, Command, Conditions, Entry, HoldId, Millis, Passenger, Release, RequestId,
    RequestMark, Reserve, RunningDays, Said, Sex, StopEntry, StopRef, TravelClass, UnixMillis,
};
use berth_node::{RunEntry, Settings, When};
use berth_persistence::{Catalogue, Durability};

use crate::figure::figure;

pub const TRAINS: usize = 20;
const ROUND: Duration = Duration::from_secs(1);

pub fn catalogue() -> Catalogue {
    let stop = |place: u32| StopEntry {
        code: format!("S{place}"),
        km: place * 50,
        arrival: (place > 0).then_some(600 + place * 30),
        departure: (place < 24).then_some(602 + place * 30),
    };
    let coach = |n: usize| CoachEntry { id: format!("S{n}"), layout: "SL".into(), stops: None };
    let train = |n: usize| Entry {
        number: format!("{}", 10_000 + n),
        name: "BENCH".into(),
        days: RunningDays::DAILY,
        stops: (0..25).map(stop).collect(),
        coaches: (1..=15).map(coach).collect(),
        pools: Vec::new(),
        rules: None,
    };
    let trains: Vec<_> = (0..TRAINS).map(train).collect();
    Catalogue::from_entries("Asia/Kolkata", &trains).expect("sound trains")
}

pub fn wish(id: u64) -> Command {
    let passenger =
        Passenger { age: AgeBand::Adult, sex: Sex::Male, berth_required: true, preference: None };
    let from = (id % 20) as u16 + 1;
    Command::Reserve(Reserve {
        request: RequestMark { id: RequestId(u128::from(id) << 20 | 1), digest: 1 },
        hold: HoldId(0),
        class: TravelClass::Sleeper,
        quota: "GN".parse().expect("a quota"),
        from: StopRef::Sequence(from),
        to: StopRef::Sequence(from + 3),
        party: core::iter::once(passenger).collect(),
        conditions: Conditions::default(),
        berths: Vec::new(),
        ttl: Millis(300_000),
        reference: "".into(),
    })
}

/// One session that keeps `window` batches of `batch` in flight for a round: each hold is released
/// as soon as it is answered. Commands answered, and those of them refused.
async fn drive(
    engine: Engine,
    runs: Arc<Vec<Arc<RunEntry>>>,
    first: u64,
    batch: usize,
    window: usize,
) -> (u64, u64) {
    let mut session = engine.session();
    let (mut next, mut answered, mut refused) = (first, 0, 0);
    let mut add = |session: &mut berth_engine::Session| {
        next += 1;
        let run = &runs[(next.wrapping_mul(2_654_435_761) >> 7) as usize % runs.len()];
        let early = session.add(next, Arc::clone(run), wish(next), UnixMillis::MAX);
        assert!(early.is_none(), "refused early");
    };
    (0..batch * window).for_each(|_| add(&mut session));
    session.flush();
    let begun = Instant::now();
    while session.unanswered() > 0 {
        for (id, outcome) in session.told().await.expect("the node is up") {
            answered += 1;
            let over = begun.elapsed() >= ROUND;
            match outcome.map(|answer| answer.said) {
                Ok(Said::Hold(view)) => {
                    let run = engine.front().by_hold(view.hold).expect("its run");
                    let request =
                        RequestMark { id: RequestId(u128::from(id) << 20 | 2), digest: 1 };
                    let command =
                        Command::Release(Release { request, hold: view.hold, passengers: None });
                    let early = session.add(id, run, command, UnixMillis::MAX);
                    assert!(early.is_none(), "refused early");
                }
                Ok(Said::Released(..)) if !over => add(&mut session),
                Ok(Said::Released(..)) => {}
                _ => {
                    refused += 1;
                    if !over {
                        add(&mut session);
                    }
                }
            }
        }
        session.flush();
    }
    (answered, refused)
}

/// Prints the suite's figures.
pub fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    for durability in [Durability::Power, Durability::None] {
        for (trains, days, what) in [(1, 1, "1 hot run"), (TRAINS, 50, "1,000 runs")] {
            for (sessions, batch, window) in [(1, 1, 64), (4, 16, 8), (8, 64, 8)] {
                let name = format!("{what}, {sessions} x {batch} x {window}, {durability}");
                runtime.block_on(measure(
                    &name,
                    durability,
                    (trains, days),
                    (sessions, batch, window),
                ));
            }
        }
    }
}

async fn measure(
    name: &str,
    durability: Durability,
    (trains, days): (usize, i32),
    (sessions, batch, window): (u64, usize, usize),
) {
    let dir = tempfile::tempdir().expect("a directory");
    let engine = Engine::start(StartOptions {
        data_dir: dir.path().to_owned(),
        catalogue: Arc::new(catalogue()),
        durability,
        workers: 2,
        settings: Settings { min_free_bytes: 0, ..Settings::default() },
        accept_clock: false,
        address: "bench".into(),
    })
    .await
    .expect("a node");
    let now = engine.now();
    let today = engine.front().calendar.today(now);
    let runs: Vec<_> = (0..trains)
        .flat_map(|train| (1..=days).map(move |day| (train, day)))
        .map(|(train, day)| {
            let number = format!("{}", 10_000 + train).parse().expect("a number");
            let when = When::Start(today.plus(day));
            engine.front().locate(number, when, None, now).expect("an open run")
        })
        .collect();
    let runs = Arc::new(runs);
    let mut round = 0u64;
    let mut rates = Vec::new();
    for _ in 0..crate::figure::ROUNDS {
        let begun = Instant::now();
        let tasks: Vec<_> = (0..sessions)
            .map(|session| {
                round += 1;
                let first = round << 32 | session << 28;
                tokio::spawn(drive(engine.clone(), Arc::clone(&runs), first, batch, window))
            })
            .collect();
        let (mut answered, mut refused) = (0, 0);
        for task in tasks {
            let (a, r) = task.await.expect("a session ends in order");
            (answered, refused) = (answered + a, refused + r);
        }
        assert!(refused * 100 <= answered, "{refused} of {answered} refused: another bench");
        rates.push(answered as f64 / begun.elapsed().as_secs_f64());
    }
    let mut rates = rates.into_iter();
    figure(name, "commands/s", || rates.next().unwrap_or_default());
    engine.stop(Duration::from_secs(10)).await.expect("a stop in order");
}
