//! Our own client against a server: a crowd on one connection, a crash in its middle, the examples.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use berth_client::{BreakerPolicy, Client, ClientError, Options, Policy, v1};
use futures_util::future::join_all;

use crate::asking::{AHEAD, Answered as _, day, get_booking, journal, query, reserve};
use crate::diary::Diary;
use crate::ledger::Ledger;
use crate::patience::{PATIENCE, until};
use crate::relay::Relay;
use crate::server::{Home, Server};
use crate::wire::door::Door;

#[allow(dead_code, reason = "as a test it has no main")]
#[path = "../../../../client/examples/hold_and_confirm.rs"]
mod hold_and_confirm;
#[allow(dead_code, reason = "as a test it has no main")]
#[path = "../../../../client/examples/many_callers.rs"]
mod many_callers;
#[allow(dead_code, reason = "as a test it has no main")]
#[path = "../../../../client/examples/watch_availability.rs"]
mod watch_availability;

/// Rides out whatever ends within the patience of the tests.
fn stubborn() -> Options {
    let retry = Policy { patience: 2 * PATIENCE, ..Policy::default() };
    Options { retry, breaker: BreakerPolicy::never(), ..Options::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_of_one_client_sell_through_a_crash_and_each_effect_is_there_once() {
    let home = Home::new();
    let server = home.serve();
    let relay = Relay::start().await;
    relay.lead_to(Some(server.address()));
    let client = Client::connect_with(relay.url(), stubborn()).await.unwrap();
    let (diary, door) = (Diary::default(), Arc::new(Door::Unary(client)));
    let mut writers = diary.write_through(&door, 1_024, 3);
    until("writers are under way", async || (diary.told() >= 1_500).then_some(())).await;
    relay.lead_to(None);
    server.kill();
    assert!(diary.told() < diary.asked(), "some were asking");
    let server = home.serve();
    relay.lead_to(Some(server.address()));
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    assert!(diary.asked() >= 3 * 1_024);
    assert_eq!(diary.told(), diary.asked(), "nobody noticed the crash");
    diary.is_kept_by(&server).await;
    let events = journal(&server.admin().await, None).await;
    diary.is_in(&Ledger::read(&events));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_go_away_leave_the_others_their_place() {
    let server = Server::start();
    let client = Client::connect_with(server.url(), stubborn()).await.unwrap();
    let mut told = 0;
    for round in 0..20_u64 {
        let asks = (0..64).map(|n| {
            let ask = client.reserve(reserve("10005", 1));
            // Some go before their command is sent, some while it is on its way.
            let stays = if n % 2 == 0 { PATIENCE } else { Duration::from_micros(round * n * 8) };
            tokio::time::timeout(stays, ask)
        });
        let answers = join_all(asks).await;
        assert!(answers.iter().step_by(2).all(|a| matches!(a, Ok(Ok(_)))), "who stays is told");
        told +=
            answers.into_iter().flatten().filter(|a| a.as_ref().unwrap().outcome.is_some()).count();
    }
    assert!(told >= 20 * 32);
    // Who goes away does not ask twice.
    let events = journal(&server.admin().await, None).await;
    assert!(Ledger::read(&events).holds.len() <= 20 * 64);
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_with_its_address_and_what_to_do() {
    let relay = Relay::start().await;
    let options = Options {
        retry: Policy { patience: Duration::from_millis(300), ..Policy::default() },
        breaker: BreakerPolicy { failures: 1, ..BreakerPolicy::default() },
        ..Options::default()
    };
    let client = Client::connect_with(relay.url(), options).await.unwrap();
    let first = client.reserve(reserve("10005", 1)).await.unwrap_err();
    assert!(
        matches!(first, ClientError::Deadline { .. } | ClientError::Unavailable { .. }),
        "{first}"
    );
    let told = until("the circuit opens", async || {
        let error = client.reserve(reserve("10005", 1)).await.unwrap_err();
        matches!(error, ClientError::CircuitOpen { .. }).then(|| error.to_string())
    })
    .await;
    assert!(told.contains(&format!(" tries to reach {} failed", relay.url())), "{told}");
    assert!(told.ends_with(" ms; ask again then with the same request id"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_do_what_they_say() {
    let server = Server::start();
    let journey = |train: &str| [train, &day(AHEAD), "A", "C"].map(str::to_owned);
    let client = server.client().await;
    let pnr = hold_and_confirm::sell(server.url(), &journey("10001")).await.unwrap();
    let booking = client.get_booking(get_booking(&pnr)).await.unwrap().done();
    assert_eq!(booking.allocations.len(), 1);
    let mut seen = Vec::new();
    let show = |line: String| {
        seen.push(line);
        ControlFlow::Break(())
    };
    watch_availability::watch(server.url(), &journey("10005"), show).await.unwrap();
    assert!(seen[0].starts_with('v') && seen[0].contains("Available"), "{seen:?}");

    let free = async || {
        let table = client.query(query("10005")).await.unwrap().done();
        table.rows.iter().map(|row: &v1::AvailabilityRow| row.count).sum::<u32>()
    };
    let before = free().await;
    let wish = many_callers::Wish::new("10005", &day(AHEAD), "A", "C");
    let little = Duration::from_millis(50);
    let batched = many_callers::batched(server.url(), &wish, 64, little).await.unwrap();
    let raw = many_callers::raw(server.url(), &wish, 64, little).await.unwrap();
    for tally in [batched, raw] {
        assert_eq!((tally.refused, tally.commands % 2), (0, 0), "{tally:?}");
        assert!(tally.commands >= 128);
    }
    assert_eq!(free().await, before, "all is given back");
}
