//! The service Journal: how many may read, and what is told of what is not kept any more.

use berth_engine::node::Settings;
use berth_engine::persistence::Lsn;
use berth_proto::v1;
use berth_proto::v1::read_request::Range;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::world::{TRAIN, World, request_id};

fn frames(first_lsn: u64) -> v1::ReadRequest {
    v1::ReadRequest { range: Some(Range::Lsns(v1::LsnRange { first_lsn, last_lsn: 0 })), limit: 0 }
}

fn run(world: &World, limit: u64) -> v1::ReadRequest {
    let range = v1::RunRange {
        train: TRAIN.into(),
        start_date: world.date().to_string(),
        first_version: 0,
        last_version: 0,
    };
    v1::ReadRequest { range: Some(Range::Run(range)), limit }
}

async fn read(world: &World, request: v1::ReadRequest) -> Result<Vec<v1::ReadResponse>, Status> {
    let mut stream = world.journal.clone().read(request).await?.into_inner();
    let mut pieces = Vec::new();
    while let Some(piece) = stream.message().await? {
        pieces.push(piece);
    }
    Ok(pieces)
}

fn versions(pieces: &[v1::ReadResponse]) -> Vec<u64> {
    pieces.iter().flat_map(|piece| &piece.events).map(|event| event.run_version).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_read_at_once_and_no_more() {
    let world = World::start_with(Settings::default(), 2).await;
    world.hold().await;
    let follow = async || {
        let request = v1::FollowRequest { from_lsn: 1 };
        let mut stream = world.journal.clone().follow(request).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
        stream
    };
    let followers = [follow().await, follow().await];
    for _ in 0..2 {
        let status = read(&world, run(&world, 0)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("2 Journal.Read"), "{status}");
        let hint = status.get_details_retry_info().and_then(|info| info.retry_delay);
        assert!(hint.is_some_and(|delay| delay.as_millis() >= 1_000), "{hint:?}");
    }
    let request = v1::FollowRequest { from_lsn: 1 };
    let status = world.journal.clone().follow(request).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    drop(followers);
    // The server hears of it in its own time.
    let pieces = loop {
        match read(&world, run(&world, 0)).await {
            Ok(pieces) => break pieces,
            Err(status) => assert_eq!(status.code(), Code::ResourceExhausted, "{status}"),
        }
    };
    assert_eq!(versions(&pieces), [1, 2]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_kept_is_named_and_a_run_has_its_history_all_the_same() {
    let bounded = Settings {
        log_segment_bytes: 16 << 10,
        retain_log_bytes: Some(0),
        checkpoint_bytes: 0,
        ..Settings::default()
    };
    let world = World::start_with(bounded, 16).await;
    let first_kept = || world.engine.first_kept().unwrap();
    let mut last_version = 0;
    while first_kept() <= Lsn(world.first_lsn + 8) {
        let hold = world.hold().await;
        let release = v1::ReleaseRequest {
            request_id: request_id(),
            hold_id: hold.hold_id,
            ..Default::default()
        };
        let released = world.inventory.clone().release(release).await.unwrap().into_inner();
        last_version = released.run_version;
    }
    let kept = first_kept().0;
    let status = read(&world, frames(1)).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    // More may have gone meanwhile.
    let now = first_kept().0;
    let named = (kept..=now).any(|lsn| status.message().contains(&lsn.to_string()));
    assert!(named, "{kept} to {now}: {status}");
    let request = v1::FollowRequest { from_lsn: 1 };
    let mut follow = world.journal.clone().follow(request).await.unwrap().into_inner();
    assert_eq!(follow.message().await.unwrap_err().code(), Code::OutOfRange);
    // More may go while it is told: then it ends with that, after what was told.
    let mut all = world.journal.clone().read(frames(0)).await.unwrap().into_inner();
    let first = all.message().await.unwrap().expect("a piece");
    assert!(first.events[0].lsn >= kept, "0 is the first that is kept");
    drop(all);

    let whole = read(&world, run(&world, 0)).await.unwrap();
    assert_eq!(versions(&whole), (1..=last_version).collect::<Vec<_>>(), "without a seam");
    let last = whole.last().unwrap();
    assert_eq!(last.next_lsn, last.events.last().unwrap().lsn + 1);
    let some = read(&world, run(&world, 5)).await.unwrap();
    assert_eq!(versions(&some), [1, 2, 3, 4, 5]);
    world.stop().await;
}
