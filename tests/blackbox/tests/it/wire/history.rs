//! The journal as readers see it: every event once, in order per run.

use std::collections::BTreeMap;

use berth_client::v1;
use futures_util::future::join_all;

use crate::asking::{AHEAD, Answered as _, confirm, history, journal, release, reserve, run};
use crate::ledger::Ledger;
use crate::server::Server;

/// Sells on a few runs at once; gives how many holds were made.
async fn sell(server: &Server, rounds: i32) -> usize {
    let client = server.client().await;
    let one = async |n: i32| {
        let run = Some(run(["10001", "10002", "10005"][n as usize % 3], AHEAD + n % 5));
        let ask = v1::ReserveRequest { run, ..reserve("", 1) };
        let hold = client.reserve(ask).await.unwrap().done();
        match n % 3 {
            0 => drop(client.confirm(confirm(&hold.hold_id)).await.unwrap().done()),
            1 => drop(client.release(release(&hold.hold_id)).await.unwrap().done()),
            _ => {}
        }
    };
    join_all((0..rounds).map(one)).await.len()
}

#[tokio::test]
async fn a_reader_sees_every_event_once_and_each_run_in_order() {
    let server = Server::start();
    let admin = server.admin().await;
    let holds = sell(&server, 60).await;
    let all = journal(&admin, None).await;
    let ledger = Ledger::read(&all);
    assert_eq!(ledger.holds.len(), holds);
    assert_eq!(all.len() as u64, server.written().await.1);
    let mut by_run: BTreeMap<(String, String), Vec<v1::JournalEvent>> = BTreeMap::new();
    for event in all {
        let run = (event.train.clone(), event.start_date.clone());
        by_run.entry(run).or_default().push(event);
    }
    assert!(by_run.len() > 10, "{} runs", by_run.len());
    for ((train, start_date), events) in by_run {
        let range = v1::RunRange { train, start_date, ..Default::default() };
        assert_eq!(journal(&admin, Some(range.clone())).await, events);
        let middle = v1::RunRange { first_version: 2, last_version: 3, ..range };
        assert_eq!(journal(&admin, Some(middle)).await, events[1..events.len().min(3)]);
    }
}

#[tokio::test]
async fn a_limit_and_a_piece_of_the_journal() {
    let server = Server::start();
    let admin = server.admin().await;
    sell(&server, 30).await;
    let all = journal(&admin, None).await;
    let read = async |first_lsn, last_lsn, limit| {
        let lsns = v1::read_request::Range::Lsns(v1::LsnRange { first_lsn, last_lsn });
        let ask = v1::ReadRequest { range: Some(lsns), limit };
        let mut answers = admin.read_journal(ask).await.unwrap();
        let mut events = Vec::new();
        let mut next = 0;
        while let Some(piece) = answers.message().await.unwrap() {
            events.extend(piece.events);
            next = piece.next_lsn;
        }
        (events, next)
    };
    assert_eq!(read(0, 0, 7).await.0, all[..7]);
    let (lsn, last) = (all[all.len() / 2].lsn, all[all.len() - 1].lsn);
    let (events, next) = read(lsn, lsn, 0).await;
    assert!(events.iter().all(|event| event.lsn == lsn) && !events.is_empty());
    assert_eq!(next, lsn + 1);
    let from_there: Vec<_> = all.iter().filter(|event| event.lsn >= lsn).cloned().collect();
    assert_eq!(read(lsn, last, 0).await.0, from_there);
    let untouched = journal(&admin, Some(history("10004", AHEAD))).await;
    assert_eq!(untouched, [], "nobody has touched it");
}

#[tokio::test]
async fn a_follower_gets_what_was_and_what_comes_and_goes_on_after_a_break() {
    let server = Server::start();
    let admin = server.admin().await;
    sell(&server, 20).await;
    let mut told = Vec::new();
    let mut from_lsn = 1;
    // Three followers, one after the other, each from where the one before it stopped.
    for _ in 0..3 {
        let mut follow = admin.follow_journal(v1::FollowRequest { from_lsn }).await.unwrap();
        sell(&server, 20).await;
        let last = server.written().await.0;
        while from_lsn <= last {
            let piece = follow.message().await.unwrap().unwrap();
            assert!(piece.next_lsn >= from_lsn);
            from_lsn = piece.next_lsn;
            told.extend(piece.events);
        }
    }
    Ledger::read(&told);
    assert_eq!(told, journal(&admin, None).await);
    let later = v1::FollowRequest { from_lsn: from_lsn + 2 };
    let status = match admin.follow_journal(later).await {
        Err(error) => error.code(),
        Ok(mut stream) => stream.message().await.unwrap_err().code(),
    };
    assert_eq!(status, tonic::Code::OutOfRange);
}
