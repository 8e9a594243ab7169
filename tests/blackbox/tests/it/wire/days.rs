//! Dates: of the boarding stop, of the origin, and days on which no train runs.

use berth_client::v1;
use berth_client::v1::Reason;

use super::door::Door;
use crate::asking::{
    AHEAD, Answered as _, boarding, date, day, query, reserve, run, sequence, stop, visit,
};
use crate::server::Server;

#[tokio::test]
async fn a_day_at_the_boarding_stop_leads_to_the_run_that_started_days_before() {
    let server = Server::start();
    let client = server.client().await;
    // Boarding stop, visit, days from the start to its departure.
    for (code, occurrence, days) in [("A", 1, 0), ("B", 1, 1), ("C", 0, 2), ("B", 2, 3)] {
        let ask = v1::QueryRequest {
            run: Some(boarding("10002", &day(AHEAD))),
            from_stop: Some(visit(code, occurrence)),
            to_stop: Some(stop("E")),
            ..Default::default()
        };
        let table = client.query(ask).await.unwrap().done();
        assert_eq!(table.date, day(AHEAD), "{code} {occurrence}");
        assert_eq!(table.start_date, day(AHEAD - days), "{code} {occurrence}");
        for door in Door::both(&server).await {
            let ask = v1::ReserveRequest {
                run: Some(boarding("10002", &day(AHEAD))),
                from_stop: Some(visit(code, occurrence)),
                to_stop: Some(stop("E")),
                ..reserve("10002", 1)
            };
            let hold = door.reserve(&ask).await.done();
            assert_eq!((&hold.date, &hold.start_date), (&table.date, &table.start_date));
            assert_eq!(hold.from_stop, table.from_stop);
        }
    }
}

#[tokio::test]
async fn a_station_that_comes_twice_is_two_stops() {
    let server = Server::start();
    let client = server.client().await;
    let ask = |from: v1::StopRef, to: v1::StopRef| v1::QueryRequest {
        run: Some(run("10002", AHEAD)),
        from_stop: Some(from),
        to_stop: Some(to),
        ..Default::default()
    };
    let table = client.query(ask(visit("B", 1), visit("B", 2))).await.unwrap().done();
    let place = |stop: Option<v1::Stop>| stop.map(|s| (s.sequence, s.code)).unwrap();
    assert_eq!(place(table.from_stop), (2, "B".into()));
    assert_eq!(place(table.to_stop), (4, "B".into()));
    let by_number = client.query(ask(sequence(2), sequence(4))).await.unwrap().done();
    assert_eq!(by_number.rows, table.rows);
    let third = client.query(ask(visit("B", 3), stop("E"))).await.unwrap().refused();
    assert_eq!(third.reason(), Reason::UnknownStop);
    assert!(third.message.starts_with("B (visit 3) is not a stop of train 10002"));
    let back = client.query(ask(visit("B", 2), visit("B", 1))).await.unwrap().refused();
    assert!(back.message.starts_with("stop 2 does not come after stop 4"));
}

#[tokio::test]
async fn a_day_on_which_the_train_does_not_run_names_the_next_one() {
    let server = Server::start();
    let client = server.client().await;
    let saturday = (AHEAD..AHEAD + 7).find(|n| date(*n).weekday() == 5).unwrap();
    for (n, next) in [(saturday, saturday + 2), (saturday + 1, saturday + 2), (-3, 0)] {
        let ask = v1::QueryRequest {
            run: Some(run("10003", n)),
            travel_class: v1::TravelClass::SecondSitting.into(),
            ..query("10003")
        };
        let refusal = client.query(ask).await.unwrap().refused();
        assert_eq!(refusal.reason(), Reason::RunNotScheduled);
        if n > 0 {
            assert_eq!(refusal.facts.unwrap().next_start_date, day(next));
        }
    }
    let far = v1::QueryRequest { run: Some(run("10003", 61)), ..query("10003") };
    let refusal = client.query(far).await.unwrap().refused();
    assert_eq!(refusal.reason(), Reason::RunNotScheduled, "outside the window of 60 days");
    assert_eq!(refusal.facts.unwrap_or_default().next_start_date, "");
}
