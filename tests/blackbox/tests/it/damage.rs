//! A damaged data directory, and a disk that is full: what the whole server makes of it.

use std::fs;
use std::path::PathBuf;

use berth_client::v1::{self, Reason};
use berth_client::{Admin, ClientError};

use crate::asking::{
    AHEAD, Answered as _, confirm, day, get_booking, get_hold, history, journal, query, release,
    reserve,
};
use crate::ledger::Ledger;
use crate::patience::until;
use crate::server::{Home, Server};

/// Flips a bit inside `text`, wherever the file has it.
fn flip(path: &PathBuf, text: &str) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(text.len()).position(|w| w == text.as_bytes()).expect("the text");
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Three runs; the events of 10005 can be found in the file. A hold and a booking of each.
async fn sold(server: &Server) -> Vec<(v1::Hold, v1::Booking)> {
    let client = server.client().await;
    let mut told = Vec::new();
    for train in ["10001", "10005", "10002"] {
        let ask = v1::ReserveRequest { reference: format!("mark-{train}"), ..reserve(train, 1) };
        let hold = client.reserve(ask).await.unwrap().done();
        let paid = client.reserve(reserve(train, 2)).await.unwrap().done();
        let booking = client.confirm(confirm(&paid.hold_id)).await.unwrap().done();
        told.push((hold, booking));
    }
    told
}

async fn events_of(admin: &Admin, train: &str) -> usize {
    journal(admin, Some(history(train, AHEAD))).await.len()
}

#[tokio::test]
async fn a_flipped_bit_costs_one_run_and_says_which() {
    let home = Home::new();
    let server = home.serve();
    let told = sold(&server).await;
    server.kill();
    let [log] = home.segments("log").try_into().expect("one segment");
    flip(&log, "mark-10005");
    let server = home.serve();
    let client = server.client().await;
    assert!(server.said().contains("10005"), "{}", server.said());
    assert_eq!(server.stats().await.quarantined_runs, 1);
    for (hold, booking) in &told {
        let hold_told = client.get_hold(get_hold(&hold.hold_id)).await;
        let booking_told = client.get_booking(get_booking(&booking.pnr)).await;
        if hold.train == "10005" {
            for error in [hold_told.unwrap_err(), booking_told.unwrap_err()] {
                let ClientError::Unavailable { message, .. } = error else { panic!("{error}") };
                let named = format!("run 10005/{} is out of service: ", day(AHEAD));
                assert!(message.starts_with(&named), "{message}");
            }
        } else {
            assert_eq!(hold_told.unwrap().done().allocations, hold.allocations);
            assert_eq!(booking_told.unwrap().done(), *booking);
        }
    }
    let error = client.reserve(reserve("10005", 1)).await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { .. }), "never sold anew: {error}");
    let hold = client.reserve(reserve("10001", 1)).await.unwrap().done();
    client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
}

#[tokio::test]
async fn a_snapshot_that_is_damaged_under_a_running_server_is_made_good_by_the_log() {
    let home = Home::new();
    let server = home.serve_with(&["--idle-seconds", "1"]);
    let client = server.client().await;
    let ask = v1::ReserveRequest { reference: "mark-here".into(), ..reserve("10005", 1) };
    let hold = client.reserve(ask).await.unwrap().done();
    let booking = client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
    let at_rest = async || {
        until("the run is at rest", async || (server.stats().await.live_runs == 0).then_some(()))
            .await;
    };
    at_rest().await;
    let [snap] = home.segments("snap").try_into().expect("one segment");
    let before = home.bytes("snap");
    flip(&snap, "mark-here");
    let now = client.get_booking(get_booking(&booking.pnr)).await.unwrap().done();
    assert_eq!(now, booking);
    assert_eq!(server.stats().await.quarantined_runs, 0);
    let said = server.said();
    let name = snap.file_name().and_then(|name| name.to_str()).expect("text");
    let is_told = |line: &str| {
        line.contains(name) && line.contains("at byte") && line.contains("nothing is to be done")
    };
    assert!(said.lines().any(is_told), "{said}");
    // It leaves with a new snapshot, from which it comes back.
    at_rest().await;
    assert!(home.bytes("snap") > before);
    let now = client.get_booking(get_booking(&booking.pnr)).await.unwrap().done();
    assert_eq!(now, booking);
    assert_eq!(server.said().matches("nothing is to be done").count(), 1, "{}", server.said());
    // Though the damaged one is still in the file, the next start loses nothing.
    server.kill();
    let server = home.serve();
    let client = server.client().await;
    assert_eq!(client.get_booking(get_booking(&booking.pnr)).await.unwrap().done(), booking);
}

#[tokio::test]
async fn a_torn_tail_is_cut_reported_and_kept() {
    let home = Home::new();
    let server = home.serve();
    let told = sold(&server).await;
    server.kill();
    let [log] = home.segments("log").try_into().expect("one segment");
    // The last frame loses its end: the confirm of the last booking. Zeros behind it are room.
    let bytes = fs::read(&log).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    fs::write(&log, &bytes[..end]).unwrap();
    let server = home.serve();
    let client = server.client().await;
    assert!(server.said().contains("cut"), "{}", server.said());
    assert!(fs::read_dir(home.data().join("cut")).unwrap().count() > 0, "never thrown away");
    let (last, others) = told.split_last().unwrap();
    for (hold, booking) in others {
        client.get_hold(get_hold(&hold.hold_id)).await.unwrap().done();
        assert_eq!(client.get_booking(get_booking(&booking.pnr)).await.unwrap().done(), *booking);
    }
    let lost = client.get_booking(get_booking(&last.1.pnr)).await.unwrap();
    assert_eq!(lost.reason(), Reason::UnknownBooking);
    // Its hold was in a frame before: paid again, whole again.
    client.confirm(confirm(&last.1.hold_id)).await.unwrap().done();
    Ledger::read(&journal(&server.admin().await, None).await);
}

#[tokio::test]
async fn a_deleted_event_store_is_built_again_and_snapshots_are_enough() {
    let server = Server::start();
    let told = sold(&server).await;
    let home = server.stop().await;
    // What is derived may go.
    let _ = fs::remove_dir_all(home.data().join("events"));
    let server = home.serve();
    let client = server.client().await;
    for (_, booking) in &told {
        assert_eq!(client.get_booking(get_booking(&booking.pnr)).await.unwrap().done(), *booking);
    }
    let admin = server.admin().await;
    // RunCreated, Held, Held, PnrBlockLeased, Confirmed; then the hold's grace may follow.
    assert!(events_of(&admin, "10001").await >= 5);
    Ledger::read(&journal(&admin, None).await);
    let home = server.stop().await;
    // Without snapshots the whole log is replayed.
    fs::remove_dir_all(home.data().join("snap")).unwrap();
    let server = home.serve();
    let client = server.client().await;
    for (hold, booking) in &told {
        client.get_hold(get_hold(&hold.hold_id)).await.unwrap().done();
        assert_eq!(client.get_booking(get_booking(&booking.pnr)).await.unwrap().done(), *booking);
    }
}

#[tokio::test]
async fn a_full_disk_refuses_new_holds_and_finishes_what_is_begun() {
    let home = Home::new();
    let server = home.serve();
    let client = server.client().await;
    let hold = client.reserve(reserve("10001", 1)).await.unwrap().done();
    let other = client.reserve(reserve("10001", 1)).await.unwrap().done();
    server.kill();
    for setting in ["--min-free-bytes", "--max-log-bytes"] {
        let bound = if setting == "--min-free-bytes" { "9000000000000000000" } else { "1" };
        let server = home.serve_with(&[setting, bound]);
        let client = server.client().await;
        let error = until("new holds are refused", async || {
            let answer = client.reserve(reserve("10001", 1)).await;
            match answer {
                Ok(answer) => {
                    let hold = answer.done().hold_id;
                    client.release(release(&hold)).await.unwrap().done();
                    None
                }
                Err(error) => Some(error),
            }
        })
        .await;
        let ClientError::Overloaded { message, retry_after_ms, .. } = error else {
            panic!("RESOURCE_EXHAUSTED expected: {error}")
        };
        assert!(message.ends_with("confirm, release and expiry go on"), "{message}");
        assert!(retry_after_ms.is_some_and(|ms| ms > 0));
        let hold = if setting == "--min-free-bytes" { &hold } else { &other };
        client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
        client.query(query("10001")).await.unwrap().done();
        server.kill();
    }
    let server = home.serve();
    server.client().await.reserve(reserve("10001", 1)).await.unwrap().done();
}
