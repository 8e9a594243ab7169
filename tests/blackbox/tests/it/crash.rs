//! kill -9: nothing that was answered is lost, nothing is half done, every retry is safe.

mod bounded;

use std::time::{Duration, Instant};

use berth_client::v1;
use berth_client::v1::journal_event::Event;

use crate::asking::{AHEAD, Answered as _, confirm, get_hold, history, journal, ms, reserve, ttl};
use crate::diary::Diary;
use crate::ledger::Ledger;
use crate::patience::{until, until_counted};
use crate::server::{Home, Server};

/// Kills of the long story; `.ci/nightly` asks for more.
fn kills() -> usize {
    let asked = std::env::var("BERTH_TEST_KILLS");
    asked.map_or(20, |text| text.parse().expect("BERTH_TEST_KILLS is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_when_a_server_is_killed_under_64_writers() {
    let home = Home::new();
    let (mut diaries, mut starts) = (Vec::new(), Vec::new());
    for round in 0..kills() {
        // Every fourth server is killed while it snapshots all the time.
        let busy = ["--checkpoint-bytes", "30000", "--idle-seconds", "1"];
        let snapshots = round % 4 == 3;
        let server = if snapshots { home.serve_with(&busy) } else { home.serve() };
        let before = home.bytes("snap");
        let diary = Diary::default();
        let mut writers = diary.write(&server, 64).await;
        // Somewhere in the middle, each time elsewhere. However slow the machine is: as long as
        // somebody is told something.
        let enough = 40 + round * 613 % 2_000;
        until_counted("writers are told", enough as u64, || diary.told() as u64).await;
        until("snapshots are taken", async || {
            (!snapshots || home.bytes("snap") > before + 20_000).then_some(())
        })
        .await;
        server.kill();
        while let Some(ended) = writers.join_next().await {
            ended.expect("a writer ends with its connection");
        }
        let begun = Instant::now();
        let server = home.serve();
        starts.push(begun.elapsed());
        diary.is_kept_by(&server).await;
        if round + 1 < kills() {
            diary.is_given_back(&server).await;
        }
        diaries.push(diary);
        server.kill();
    }
    let server = home.serve();
    let events = journal(&server.admin().await, None).await;
    let ledger = Ledger::read(&events);
    let told: usize = diaries.iter().map(Diary::told).sum();
    let whole = Diary::of(diaries);
    whole.is_in(&ledger);
    assert!(told >= kills() * 40);
    starts.sort();
    let (half, last) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    println!(
        "\nproof: {} kills, {told} answers kept; a start took {half:?} in the middle, {last:?} at most",
        kills()
    );
    counts_are_those_of(&server, &ledger).await;
}

/// The runs say of themselves what their events say.
async fn counts_are_those_of(server: &Server, ledger: &Ledger) {
    let admin = server.admin().await;
    for ((train, start_date), version) in &ledger.versions {
        let ask = v1::GetTrainRunRequest { train: train.clone(), start_date: start_date.clone() };
        let answer = admin.get_train_run(ask).await.unwrap();
        assert_eq!(answer.run_version, *version);
        let run = answer.done();
        let sum = |of: fn(&v1::RunPool) -> u64| run.pools.iter().map(of).sum::<u64>();
        let name = (train.clone(), start_date.clone());
        let (held, sold) = ledger.berth_legs(&name);
        assert_eq!((sum(|p| p.held), sum(|p| p.sold)), (held, sold));
        assert_eq!(sum(|p| p.free) + held + sold, sum(|p| p.capacity));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_weaker_word_survives_a_kill_too() {
    let home = Home::new();
    for round in 0..3 {
        let server = home.serve_with(&["--durability", "process"]);
        let diary = Diary::default();
        let mut writers = diary.write(&server, 16).await;
        until("writers are under way", async || (diary.told() >= 200 + round).then_some(())).await;
        server.kill();
        while let Some(ended) = writers.join_next().await {
            ended.expect("a writer ends with its connection");
        }
        let server = home.serve_with(&["--durability", "process"]);
        diary.is_kept_by(&server).await;
        server.kill();
    }
    let server = home.serve();
    Ledger::read(&journal(&server.admin().await, None).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_of_a_start_or_a_stop_loses_nothing() {
    let home = Home::new();
    let server = home.serve();
    let diary = Diary::default();
    let mut writers = diary.write(&server, 16).await;
    until("writers are under way", async || (diary.told() >= 400).then_some(())).await;
    server.kill();
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer ends with its connection");
    }
    for moment in 0..12 {
        let passed = async |since: Instant| {
            let moment = Duration::from_millis(3 * moment);
            until("the moment", async || (since.elapsed() >= moment).then_some(())).await;
        };
        // Whatever it was doing by then: reading, giving grace, serving.
        let server = home.begin(&[]);
        passed(Instant::now()).await;
        server.kill();
        // And on the way down: draining, writing snapshots, the last frame, gone.
        let server = home.serve();
        server.client().await.reserve(reserve("10001", 1)).await.unwrap().done();
        server.terminate();
        passed(Instant::now()).await;
        server.kill();
    }
    let server = home.serve();
    assert!(!server.said().contains("WARN"), "{}", server.said());
    diary.is_kept_by(&server).await;
    let ledger = Ledger::read(&journal(&server.admin().await, None).await);
    counts_are_those_of(&server, &ledger).await;
}

#[tokio::test]
async fn a_payment_in_flight_survives_a_crash() {
    let home = Home::new();
    let server = home.serve();
    let ask = v1::ReserveRequest { ttl: Some(ttl(10)), ..reserve("10001", 2) };
    let long = v1::ReserveRequest { ttl: Some(ttl(900)), ..reserve("10001", 1) };
    let client = server.client().await;
    let hold = client.reserve(ask.clone()).await.unwrap().done();
    let other = client.reserve(long).await.unwrap().done();
    server.kill();
    let server = home.serve_with(&["--grace-seconds", "120"]);
    let (client, admin) = (server.client().await, server.admin().await);
    let info = admin.get_server_info(v1::GetServerInfoRequest {}).await.unwrap();
    let grace = ms(info.grace_until);
    assert!(grace > ms(hold.expires_at) && grace <= ms(info.server_time) + 120_000);
    let now = client.get_hold(get_hold(&hold.hold_id)).await.unwrap().done();
    assert_eq!(ms(now.expires_at), grace, "a later deadline");
    let retried = client.reserve(ask).await.unwrap().done();
    assert_eq!(retried, now, "a retry is told the effective one");
    let now = client.get_hold(get_hold(&other.hold_id)).await.unwrap().done();
    assert_eq!(now.expires_at, other.expires_at, "never an earlier one");
    let events = journal(&admin, Some(history("10001", AHEAD))).await;
    let told = events.iter().filter_map(|event| match &event.event {
        Some(Event::HoldsExtended(extended)) => Some(ms(extended.until)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [grace], "once, in the journal");
    client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
    Ledger::read(&events);
}

#[tokio::test]
async fn digests_are_the_same_before_and_after_a_crash() {
    let home = Home::new();
    let server = home.serve();
    let client = server.client().await;
    for n in 0..40 {
        let hold = client.reserve(reserve("10001", n % 4 + 1)).await.unwrap().done();
        if n % 2 == 0 {
            client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
        }
    }
    let ask =
        v1::GetTrainRunRequest { train: "10001".into(), start_date: crate::asking::day(AHEAD) };
    let before = server.admin().await.get_train_run(ask.clone()).await.unwrap();
    server.kill();
    // No hold is near its end, so that grace changes nothing.
    let server = home.serve_with(&["--grace-seconds", "1"]);
    let after = server.admin().await.get_train_run(ask).await.unwrap();
    assert_eq!(after.run_version, before.run_version);
    let (before, after) = (before.done(), after.done());
    assert_eq!(after.digest, before.digest);
    assert_eq!(after.pools, before.pools);
}
