//! A stop in order: told in advance, nothing answered is lost, nothing is left to replay.

use std::time::{Duration, Instant};

use berth_client::{ClientError, v1};
use berth_persistence::{DataDir, FileSnapshots, SNAPSHOT_SEGMENT_BYTES, plan_from_text, recover};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::asking::{
    AHEAD, Answered as _, berths, confirm, day, get_booking, get_hold, journal, query, reserve,
    run, ttl,
};
use crate::diary::Diary;
use crate::ledger::Ledger;
use crate::patience::until;
use crate::server::{CATALOGUE, Home, Server};

/// What a start would find: events to replay, and whether the stop was clean.
fn left_to_replay(home: &Home) -> (u64, bool) {
    let dir = DataDir::read_only(&home.data()).unwrap();
    let snapshots = FileSnapshots::open(&dir.snap(), &dir.cut(), SNAPSHOT_SEGMENT_BYTES).unwrap();
    let parse = |text: &str| {
        plan_from_text(text).map(std::sync::Arc::new).map_err(|fault| fault.to_string())
    };
    let found = recover(&dir, &snapshots, &parse, &|_| None).unwrap();
    assert_eq!(found.report, Vec::<String>::new());
    (found.events, found.clean)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_nothing_and_leaves_nothing_to_replay() {
    let home = Home::new();
    let mut server = home.serve();
    let mut health = HealthClient::new(server.channel().await);
    let ask = HealthCheckRequest { service: "berth.v1.Inventory".into() };
    let mut health = health.watch(ask).await.unwrap().into_inner();
    let first = health.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let diary = Diary::default();
    let mut writers = diary.write(&server, 64).await;
    until("writers are under way", async || (diary.told() >= 500).then_some(())).await;
    let asked = Instant::now();
    server.terminate();
    let told = health.message().await.unwrap().unwrap();
    assert_eq!(told.status(), ServingStatus::NotServing, "told before the end");
    // A second signal neither hurries nor breaks it.
    server.terminate();
    let (status, _) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.said());
    assert!(asked.elapsed() < Duration::from_secs(10), "a stop has ten seconds");
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer ends with its connection");
    }
    assert_eq!(left_to_replay(&home), (0, true));
    let server = home.serve();
    diary.is_kept_by(&server).await;
    let ledger = Ledger::read(&journal(&server.admin().await, None).await);
    diary.is_in(&ledger);
}

#[tokio::test]
async fn ctrl_c_is_a_stop_in_order_too() {
    let server = Server::start();
    server.client().await.reserve(reserve("10001", 1)).await.unwrap().done();
    let mut server = server;
    server.interrupt();
    let (status, rest) = server.ended().await;
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
    assert_eq!(left_to_replay(&server.home()), (0, true));
}

#[tokio::test]
async fn a_stop_without_time_for_snapshots_names_the_runs_and_costs_a_replay_only() {
    let home = Home::new();
    let mut server = home.serve_with(&["--stop-seconds", "1"]);
    let client = server.client().await;
    let hold = client.reserve(reserve("10001", 3)).await.unwrap().done();
    let booking = client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
    let hold = client.reserve(reserve("10002", 1)).await.unwrap().done();
    server.terminate();
    let (status, _) = server.ended().await;
    assert_eq!(status.code(), Some(75), "{}", server.said());
    let (first, second) = (format!("10001/{}", day(AHEAD)), format!("10002/{}", day(AHEAD)));
    let named = format!("stopped before 2 runs were snapshotted ({first} {second})");
    assert!(server.said().contains(&named), "{}", server.said());
    let (events, clean) = left_to_replay(&home);
    assert!(events > 0 && clean, "{events}");
    let server = home.serve();
    let client = server.client().await;
    let told = client.get_booking(get_booking(&booking.pnr)).await.unwrap().done();
    assert_eq!(told, booking);
    client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
    let home = server.stop().await;
    assert_eq!(left_to_replay(&home), (0, true));
}

#[tokio::test]
async fn after_a_stop_runs_are_cold_and_say_what_they_said() {
    let server = Server::start();
    let client = server.client().await;
    let hold = client.reserve(reserve("10001", 3)).await.unwrap().done();
    let booking = client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
    let before = client.query(query("10001")).await.unwrap();
    let server = server.stop().await.serve();
    let client = server.client().await;
    let after = client.query(query("10001")).await.unwrap();
    assert_eq!(after.run_version, before.run_version);
    assert_eq!(after.done(), before.done());
    assert_eq!(server.stats().await.live_runs, 0, "a query wakes nobody");
    let told = client.get_booking(get_booking(&booking.pnr)).await.unwrap().done();
    assert_eq!(told, booking);
    assert_eq!(server.stats().await.live_runs, 1);
}

#[tokio::test]
async fn a_changed_catalogue_does_not_change_a_run_that_has_events() {
    let server = Server::start();
    let client = server.client().await;
    let hold = client.reserve(reserve("10001", 1)).await.unwrap().done();
    let gone = client.reserve(reserve("10002", 1)).await.unwrap().done();
    // Runs that nobody holds anything of are cold after the stop.
    let two_days_on =
        |train: &str| v1::ReserveRequest { run: Some(run(train, AHEAD + 2)), ..reserve(train, 1) };
    let mut paid = Vec::new();
    for train in ["10001", "10002"] {
        let hold = client.reserve(two_days_on(train)).await.unwrap().done();
        paid.push(client.confirm(confirm(&hold.hold_id)).await.unwrap().done());
    }
    let past = journal(&server.admin().await, None).await;
    let before = client.query(query("10001")).await.unwrap().done();
    let home = server.stop().await;
    // One coach less, another order of stops elsewhere, and no train 10002 at all.
    let changed = CATALOGUE.replace(
        "\"coaches\":[\"S1:SL/ICF\",\"S2:SL/ICF\",\"B1:3A/ICF\"]",
        "\"coaches\":[\"S7:SL/ICF\"]",
    );
    let pools_of_3a = r#"{"quota":"GN","class":"3A","size":"rest","opens":"run","party_max":6},{"quota":"TQ","class":"3A","size":"20%","opens":"D-1 10:00","party_max":4},"#;
    let changed = changed.replace(pools_of_3a, "");
    let lines = changed.lines().filter(|line| !line.contains("\"10002\""));
    let changed: String = lines.flat_map(|line| [line, "\n"]).collect();
    assert_ne!(changed, CATALOGUE);
    home.sell(&changed);
    for ended_in_order in [true, false] {
        let server = home.serve();
        let client = server.client().await;
        assert_eq!(client.query(query("10001")).await.unwrap().done(), before);
        let told = journal(&server.admin().await, None).await;
        assert_eq!(told[..past.len()], past, "history is told in the words of its time");
        for booking in &paid {
            let now = client.get_booking(get_booking(&booking.pnr)).await.unwrap().done();
            assert_eq!(now, *booking);
        }
        let more = client.reserve(reserve("10001", 1)).await.unwrap().done();
        assert!(berths(&more.allocations)[0].starts_with('S'), "{more:?}");
        assert_ne!(more.allocations[0].coach, "S7");
        let release = crate::asking::release(&more.hold_id);
        client.release(release).await.unwrap().done();
        let elsewhere = v1::QueryRequest { run: Some(run("10001", AHEAD + 1)), ..query("10001") };
        let table = client.query(elsewhere).await.unwrap().done();
        assert_eq!(table.rows.iter().map(|row| row.count).sum::<u32>(), 72, "the new rake");
        let kept = client.get_hold(get_hold(&gone.hold_id)).await.unwrap().done();
        assert_eq!((kept.train.as_str(), kept.start_date), ("10002", day(AHEAD)));
        let new = v1::ReserveRequest { run: Some(run("10002", AHEAD + 1)), ..reserve("10002", 1) };
        let reason = client.reserve(new).await.unwrap().reason();
        assert!(matches!(reason, v1::Reason::UnknownTrain | v1::Reason::RunNotScheduled));
        if ended_in_order {
            server.stop().await;
        } else {
            server.kill();
        }
    }
    let server = home.serve();
    let client = server.client().await;
    client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
    client.confirm(confirm(&gone.hold_id)).await.unwrap().done();
}

#[tokio::test]
async fn narrower_bounds_of_holds_cost_a_retry_its_answer_and_nothing_else() {
    let home = Home::new();
    let server = home.serve();
    let ask = v1::ReserveRequest { ttl: Some(ttl(600)), ..reserve("10001", 2) };
    let hold = server.client().await.reserve(ask.clone()).await.unwrap().done();
    let home = server.stop().await;
    let server = home.serve_with(&["--hold-max-seconds", "300"]);
    let client = server.client().await;
    let error = client.reserve(ask.clone()).await.unwrap_err();
    let ClientError::Invalid { violations, .. } = error else { panic!("{error}") };
    assert_eq!(violations[0].field, "ttl");
    assert!(violations[0].description.ends_with("outside 10 s to 300 s"), "{violations:?}");
    assert_eq!(client.get_hold(get_hold(&hold.hold_id)).await.unwrap().done(), hold);
    let home = server.stop().await;
    let server = home.serve();
    let client = server.client().await;
    assert_eq!(client.reserve(ask).await.unwrap().done(), hold, "the first answer again");
    client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
    let holds = Ledger::read(&journal(&server.admin().await, None).await).holds;
    assert_eq!(holds.len(), 1, "it took effect once");
}
