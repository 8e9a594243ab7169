//! Availability: tables, maps, and a watch that never misses the last value.

use berth_proto::v1;
use tonic::Code;

use crate::world::{World, stop};

fn table(response: v1::QueryResponse) -> v1::AvailabilityTable {
    match response.outcome.unwrap() {
        v1::query_response::Outcome::Table(table) => table,
        v1::query_response::Outcome::Refusal(why) => panic!("expected a table, got {why:?}"),
    }
}

fn count(table: &v1::AvailabilityTable, class: v1::TravelClass) -> u32 {
    let row = table.rows.iter().find(|row| row.travel_class() == class && row.quota == "GN");
    row.expect("a general pool").count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_nobody_touched_answers_without_waking() {
    let world = World::start().await;
    let mut availability = world.availability.clone();
    let answer = availability.query(world.query()).await.unwrap().into_inner();
    assert_eq!(answer.run_version, 0);
    let before = table(answer);
    assert!(count(&before, v1::TravelClass::ThirdAc) > 0);
    assert_eq!(before.start_date, world.date().to_string());
    assert_eq!(world.engine.stats().await.0.live, 0, "a query activates nothing");

    world.hold().await;
    let answer = availability.query(world.query()).await.unwrap().into_inner();
    assert!(answer.run_version > 0);
    let after = table(answer);
    let class = v1::TravelClass::ThirdAc;
    assert_eq!(count(&after, class) + 1, count(&before, class));
    let same = v1::TravelClass::Sleeper;
    assert_eq!(count(&after, same), count(&before, same));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enquiries_are_refused_in_order() {
    let world = World::start().await;
    let table = [
        (v1::QueryRequest { to_stop: stop("ZZZ"), ..world.query() }, v1::Reason::UnknownStop),
        (v1::QueryRequest { to_stop: stop("AAA"), ..world.query() }, v1::Reason::BadLegRange),
        (v1::QueryRequest { travel_class: 1, ..world.query() }, v1::Reason::UnknownClass),
        (v1::QueryRequest { quota: "XX".into(), ..world.query() }, v1::Reason::UnknownQuota),
    ];
    let queries = table.iter().map(|(query, _)| query.clone()).collect();
    let batch = v1::BatchQueryRequest { queries };
    let answers = world.availability.clone().batch_query(batch).await.unwrap().into_inner().answers;
    for (answer, (_, reason)) in answers.into_iter().zip(table) {
        let Some(v1::query_response::Outcome::Refusal(why)) = answer.outcome else {
            panic!("expected {reason:?}");
        };
        assert_eq!(why.reason(), reason);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_shows_what_is_held() {
    let world = World::start().await;
    let hold = world.hold().await;
    let request = v1::GetBerthMapRequest {
        run: Some(world.run()),
        travel_class: v1::TravelClass::ThirdAc.into(),
        ..Default::default()
    };
    let answer = world.availability.clone().get_berth_map(request).await.unwrap().into_inner();
    let Some(v1::get_berth_map_response::Outcome::Map(map)) = answer.outcome else {
        panic!("a map");
    };
    assert_eq!(map.coaches.len(), 1, "only coaches of that class");
    let held: Vec<_> = map.coaches[0]
        .berths
        .iter()
        .filter(|berth| berth.state() == v1::BerthState::Held)
        .map(|berth| berth.number)
        .collect();
    assert_eq!(held, [hold.allocations[0].berth]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_tells_at_once_then_the_latest_and_ends_on_drain() {
    let world = World::start().await;
    let watch = v1::WatchRequest {
        run: Some(world.run()),
        from_stop: stop("AAA"),
        to_stop: stop("EEE"),
        travel_class: v1::TravelClass::ThirdAc.into(),
        quota: "GN".into(),
        min_interval: Some(prost_types::Duration { seconds: 0, nanos: 0 }),
    };
    let mut stream = world.availability.clone().watch(watch).await.unwrap().into_inner();
    let free = |response: &v1::WatchResponse| match response.outcome.as_ref().unwrap() {
        v1::watch_response::Outcome::Table(table) => table.rows[0].count,
        v1::watch_response::Outcome::Refusal(why) => panic!("{why:?}"),
    };
    let first = stream.message().await.unwrap().unwrap();
    let (holds, all) = (5, free(&first));
    for _ in 0..holds {
        world.hold().await;
    }
    let mut version = first.run_version;
    loop {
        let next = stream.message().await.unwrap().unwrap();
        assert!(next.run_version >= version, "versions never run backwards");
        version = next.run_version;
        if free(&next) == all - holds {
            break;
        }
    }
    world.engine.drain();
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    world.stop().await;
}
