//! Enquiry: it agrees with what was booked, at once, and never wakes a run.

use std::collections::BTreeMap;

use berth_client::v1;
use berth_client::v1::BerthState::{Blocked, Free, Held, Sold};
use berth_client::v1::{AvailabilityStatus, TravelClass};

use crate::asking::{
    AHEAD, Answered as _, berth, confirm, day, query, release, reserve, run, stop, ttl,
};
use crate::server::Server;

/// Free berths by class and quota, as a table says.
fn counts(table: &v1::AvailabilityTable) -> BTreeMap<(i32, String), u32> {
    table.rows.iter().map(|row| ((row.travel_class, row.quota.clone()), row.count)).collect()
}

/// The same, counted on a map.
fn free_on(map: &v1::BerthMap) -> BTreeMap<(i32, String), u32> {
    let mut free = BTreeMap::new();
    for berth in map.coaches.iter().flat_map(|coach| &coach.berths) {
        let count: &mut u32 = free.entry((berth.travel_class, berth.quota.clone())).or_default();
        *count += u32::from(berth.state() == Free);
    }
    free
}

#[tokio::test]
async fn query_batch_map_and_watch_agree_with_what_was_booked() {
    let server = Server::start();
    let client = server.client().await;
    let mut held = 0;
    for round in 0..12 {
        let (from, to) = [("A", "C"), ("B", "E"), ("D", "E"), ("A", "E")][round % 4];
        let ask = v1::ReserveRequest {
            from_stop: Some(stop(from)),
            to_stop: Some(stop(to)),
            ..reserve("10001", round % 6 + 1)
        };
        let hold = client.reserve(ask).await.unwrap().done();
        match round % 3 {
            0 => drop(client.confirm(confirm(&hold.hold_id)).await.unwrap().done()),
            1 => drop(client.release(release(&hold.hold_id)).await.unwrap().done()),
            _ => held += 1,
        }
        let mut queries = Vec::new();
        for (from, to) in [("A", "B"), ("B", "C"), ("C", "E"), ("A", "E")] {
            let ask = v1::QueryRequest {
                from_stop: Some(stop(from)),
                to_stop: Some(stop(to)),
                ..query("10001")
            };
            let table = client.query(ask.clone()).await.unwrap();
            let map = v1::GetBerthMapRequest {
                run: ask.run.clone(),
                from_stop: ask.from_stop.clone(),
                to_stop: ask.to_stop.clone(),
                travel_class: 0,
            };
            let map = client.get_berth_map(map).await.unwrap();
            assert_eq!(map.run_version, table.run_version);
            let table = table.done();
            assert_eq!(counts(&table), free_on(&map.done()), "{from} to {to}");
            queries.push((ask, table));
        }
        let (queries, tables): (Vec<_>, Vec<_>) = queries.into_iter().unzip();
        let batch = client.batch_query(v1::BatchQueryRequest { queries }).await.unwrap();
        let batch: Vec<_> = batch.answers.into_iter().map(|answer| answer.done()).collect();
        assert_eq!(batch, tables);
    }
    assert_eq!(server.stats().await.live_holds, held);
    let ask = v1::GetTrainRunRequest { train: "10001".into(), start_date: day(AHEAD) };
    let run = server.admin().await.get_train_run(ask).await.unwrap().done();
    for pool in run.pools {
        let sum = pool.free + pool.held + pool.sold + pool.blocked;
        assert_eq!(sum, pool.capacity, "conserved: {pool:?}");
        assert_eq!(pool.capacity, u64::from(pool.berths) * 4);
    }
}

#[tokio::test]
async fn a_cold_run_answers_without_waking_up() {
    let server = Server::start();
    let client = server.client().await;
    let answer = client.query(query("10001")).await.unwrap();
    assert_eq!(answer.run_version, 0);
    let table = answer.done();
    let told: Vec<_> = table
        .rows
        .iter()
        .map(|row| (row.travel_class(), row.quota.as_str(), row.status()))
        .collect();
    let expected = [
        (TravelClass::ThirdAc, "GN", AvailabilityStatus::Available),
        (TravelClass::ThirdAc, "TQ", AvailabilityStatus::NotOpen),
        (TravelClass::Sleeper, "GN", AvailabilityStatus::Available),
        (TravelClass::Sleeper, "TQ", AvailabilityStatus::NotOpen),
    ];
    assert_eq!(told, expected);
    let of_class = |class| table.rows.iter().filter(move |row| row.travel_class() == class);
    let sum = |class| of_class(class).map(|row| row.count).sum::<u32>();
    assert_eq!((sum(TravelClass::Sleeper), sum(TravelClass::ThirdAc)), (144, 64));
    let one = v1::QueryRequest {
        travel_class: TravelClass::Sleeper.into(),
        quota: "TQ".into(),
        ..query("10001")
    };
    assert_eq!(client.query(one).await.unwrap().done().rows, [table.rows[3].clone()]);
    let map = v1::GetBerthMapRequest { run: Some(run("10001", AHEAD)), ..Default::default() };
    let map = client.get_berth_map(map).await.unwrap().done();
    assert_eq!(map.coaches.iter().map(|coach| coach.berths.len()).sum::<usize>(), 208);
    let stats = server.stats().await;
    assert_eq!((stats.live_runs, stats.journal.unwrap().events), (0, 0));
}

#[tokio::test]
async fn a_watcher_is_told_the_last_value() {
    let server = Server::start();
    let client = server.client().await;
    let request = v1::WatchRequest {
        run: Some(run("10001", AHEAD)),
        from_stop: Some(stop("A")),
        to_stop: Some(stop("C")),
        travel_class: TravelClass::Sleeper.into(),
        quota: "GN".into(),
        min_interval: Some(ttl(0)),
    };
    let mut watch = client.watch(request.clone()).await.unwrap();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.run_version, 0);
    let mut count = first.done().rows[0].count;
    let mut version = 0;
    for sold in 1..=3 {
        client.reserve(reserve("10001", sold)).await.unwrap().done();
        count -= sold as u32;
        // A value in between may come first; the last one comes for sure.
        loop {
            let told = watch.message().await.unwrap().unwrap();
            assert!(told.run_version >= version, "versions go up");
            version = told.run_version;
            if told.done().rows[0].count == count {
                break;
            }
        }
    }
    let nowhere = v1::WatchRequest { run: Some(run("99999", AHEAD)), ..request };
    let mut watch = client.watch(nowhere).await.unwrap();
    let refusal = watch.message().await.unwrap().unwrap().refused();
    assert_eq!(refusal.reason(), v1::Reason::UnknownTrain);
    assert_eq!(watch.message().await.unwrap(), None, "after a refusal the stream ends");
}

#[tokio::test]
async fn a_berth_on_the_map_shows_who_has_it() {
    let server = Server::start();
    let client = server.client().await;
    let named =
        |number| v1::ReserveRequest { berths: vec![berth("S1", number)], ..reserve("10001", 1) };
    client.reserve(named(1)).await.unwrap().done();
    let hold = client.reserve(named(2)).await.unwrap().done();
    client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
    let block = v1::BlockBerthsRequest {
        train: "10001".into(),
        start_date: day(AHEAD),
        berths: vec![berth("S1", 3)],
        ..Default::default()
    };
    server.admin().await.block_berths(block).await.unwrap().done();
    let state = async |from: &str, to: &str| {
        let ask = v1::GetBerthMapRequest {
            run: Some(run("10001", AHEAD)),
            from_stop: Some(stop(from)),
            to_stop: Some(stop(to)),
            travel_class: TravelClass::Sleeper.into(),
        };
        let map = client.get_berth_map(ask).await.unwrap().done();
        let cells = map.coaches[0].berths.iter().take(4);
        cells.map(v1::BerthCell::state).collect::<Vec<_>>()
    };
    assert_eq!(state("A", "E").await, [Held, Sold, Blocked, Free]);
    assert_eq!(state("C", "E").await, [Free, Free, Blocked, Free], "sold to C only");
}
