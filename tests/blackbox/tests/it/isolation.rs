//! One run's load is not another's, and many first requests are one load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use berth_client::v1::journal_event::Event;
use berth_client::v1::{self, AllocationStatus, Reason};
use berth_client::{ClientError, Policy, SessionOptions};
use futures_util::future::join_all;

use crate::asking::{
    Answered as _, confirm, get_hold, journal, ms, query, reserve, run, stop, ttl,
};
use crate::ledger::Ledger;
use crate::patience::until;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_quiet_runs_are_served_beside_a_hot_one() {
    let server = Server::start();
    let over = AtomicBool::new(false);
    let (hot_a, hot_b) = (server.session(1_024).await, server.session(1_024).await);
    let crowd = async |session: &berth_client::Session| {
        let mut asked = 0;
        while !over.load(SeqCst) {
            let asks = (0..1_024).map(|_| session.reserve(reserve("10005", 1)));
            for answer in join_all(asks).await {
                asked += 1;
                match answer {
                    Ok(answer) => {
                        if let Err(refusal) = answer.outcome() {
                            assert_eq!(refusal.reason(), Reason::SoldOut);
                        }
                    }
                    Err(ClientError::Overloaded { retry_after_ms, .. }) => {
                        assert!(retry_after_ms.is_some_and(|ms| ms > 0));
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
        asked
    };
    let quiet = async {
        let client = server.client().await;
        for n in 0..50_i32 {
            let ask = v1::ReserveRequest {
                run: Some(run(if n % 2 == 0 { "10001" } else { "10002" }, n / 2 + 1)),
                from_stop: Some(stop("A")),
                ..reserve("", 2)
            };
            let hold = client.reserve(ask).await.unwrap().done();
            client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
            client.query(query("10001")).await.unwrap().done();
        }
        over.store(true, SeqCst);
    };
    let (a, b, ()) = tokio::join!(crowd(&hot_a), crowd(&hot_b), quiet);
    assert!(a + b >= 2_048, "the hot run was hot");
    let ledger = Ledger::read(&journal(&server.admin().await, None).await);
    assert_eq!(ledger.bookings.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_first_requests_are_one_load_and_each_is_answered() {
    let server = Server::start();
    let mut sessions = Vec::new();
    for _ in 0..4 {
        let retry = Policy::never();
        let options =
            SessionOptions { batch: 1_024, window: 4_096, retry, ..SessionOptions::default() };
        sessions.push(server.client().await.session(options));
    }
    let ask = |n: usize| {
        let session = &sessions[n % 4];
        async move { session.reserve(reserve("10005", 1)).await }
    };
    let (mut held, mut sold_out, mut pushed_back) = (0, 0, 0);
    for answer in join_all((0..10_000).map(ask)).await {
        match answer {
            Ok(answer) => match answer.outcome() {
                Ok(_) => held += 1,
                Err(refusal) if refusal.reason() == Reason::SoldOut => sold_out += 1,
                Err(refusal) => panic!("{refusal:?}"),
            },
            Err(ClientError::Overloaded { retry_after_ms: Some(1..), .. }) => pushed_back += 1,
            Err(other) => panic!("answered, or refused with a time to come back: {other}"),
        }
    }
    assert_eq!(held + sold_out + pushed_back, 10_000);
    let events = journal(&server.admin().await, None).await;
    assert_eq!(Ledger::read(&events).holds.len(), held);
    assert_eq!(server.stats().await.live_runs, 1);
    let created = events.iter().filter(|e| matches!(e.event, Some(Event::RunCreated(_))));
    assert_eq!(created.count(), 1, "one load");
    assert!(held > 0 && held <= 640, "{held} held of 640 general berths");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_berth_is_given_once() {
    let server = Server::start();
    let client = server.client().await;
    let first_class = |count| v1::ReserveRequest {
        travel_class: v1::TravelClass::FirstAc.into(),
        ..reserve("10004", count)
    };
    for count in [6, 6, 5] {
        client.reserve(first_class(count)).await.unwrap().done();
    }
    let mut crowd = Vec::new();
    for _ in 0..4 {
        crowd.push(server.session(1_024).await);
    }
    let asks = (0..2_000).map(|n| crowd[n % 4].reserve(first_class(1)));
    let mut given = 0;
    for answer in join_all(asks).await {
        match answer.unwrap().outcome() {
            Ok(_) => given += 1,
            Err(refusal) => assert_eq!(refusal.reason(), Reason::SoldOut),
        }
    }
    assert_eq!(given, 1);
}

#[tokio::test]
async fn at_the_deadline_a_hold_is_paid_or_expired_and_never_both() {
    let server = Server::start();
    let session = server.session(256).await;
    let asks = (0..100)
        .map(|_| session.reserve(v1::ReserveRequest { ttl: Some(ttl(10)), ..reserve("10005", 1) }));
    let holds = join_all(asks).await.into_iter().map(|answer| answer.unwrap().done());
    // Each is looked at until its deadline is as near as one look, then paid.
    let race = async |hold: v1::Hold| {
        let end = ms(hold.expires_at);
        until("the deadline comes near", async || {
            let told = session.get_hold(get_hold(&hold.hold_id)).await.unwrap();
            (ms(told.server_time) + 6 >= end).then_some(())
        })
        .await;
        let answer = session.confirm(confirm(&hold.hold_id)).await.unwrap();
        match answer.outcome() {
            Ok(booking) => (hold.hold_id, Some(booking.pnr)),
            Err(refusal) => {
                assert_eq!(refusal.reason(), Reason::HoldExpired);
                (hold.hold_id, None)
            }
        }
    };
    let told: Vec<_> = join_all(holds.map(race)).await;
    let ledger = until("all have ended", async || {
        let ledger = Ledger::read(&journal(&server.admin().await, None).await);
        let states = ledger.holds.values().flat_map(|hold| hold.states.clone());
        states.into_iter().all(|s| s != AllocationStatus::Held).then_some(ledger)
    })
    .await;
    for (hold, pnr) in told {
        let expected =
            if pnr.is_some() { AllocationStatus::Confirmed } else { AllocationStatus::Expired };
        assert_eq!(ledger.holds[&hold].states, [expected]);
        let pnrs: Vec<_> =
            ledger.holds[&hold].bookings.iter().map(|(pnr, _)| pnr.clone()).collect();
        assert_eq!(pnrs, pnr.into_iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn no_hold_expires_early_and_every_berth_comes_back() {
    let server = Server::start();
    let client = server.client().await;
    let session = server.session(256).await;
    let count = async || {
        let answer = client.query(query("10005")).await.unwrap();
        let as_of = ms(answer.as_of);
        let table = answer.done();
        let row = table.rows.into_iter().find(|row| row.quota == "GN").unwrap();
        (as_of, row.count as usize)
    };
    let (_, full) = count().await;
    let asks = (0..200)
        .map(|_| session.reserve(v1::ReserveRequest { ttl: Some(ttl(10)), ..reserve("10005", 1) }));
    let holds: Vec<v1::Hold> =
        join_all(asks).await.into_iter().map(|answer| answer.unwrap().done()).collect();
    let ends: BTreeMap<&str, i64> =
        holds.iter().map(|hold| (hold.hold_id.as_str(), ms(hold.expires_at))).collect();
    until("every berth comes back", async || {
        let (as_of, free) = count().await;
        let live = ends.values().filter(|end| **end > as_of).count();
        assert!(free + live <= full, "{free} free, {live} held as of {as_of}");
        let hold = client.get_hold(get_hold(&holds[0].hold_id)).await.unwrap();
        let now = ms(hold.server_time);
        if hold.done().allocations[0].status() == AllocationStatus::Expired {
            assert!(now >= ends[holds[0].hold_id.as_str()], "expired early, at {now}");
        }
        (free == full).then_some(())
    })
    .await;
    let events = journal(&server.admin().await, None).await;
    let mut expired = 0;
    for event in &events {
        if let Some(Event::Expired(gone)) = &event.event {
            expired += 1;
            assert!(ms(event.at) >= ends[gone.hold_id.as_str()], "{event:?}");
        }
    }
    assert_eq!(expired, 200);
    Ledger::read(&events);
    let late = client.confirm(confirm(&holds[0].hold_id)).await.unwrap().refused();
    assert_eq!(late.reason(), Reason::HoldExpired);
    assert_eq!(ms(late.facts.unwrap().expires_at), ends[holds[0].hold_id.as_str()]);
}
