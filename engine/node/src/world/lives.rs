//! Lent, snapshotted, cold and back: the life of a slot.

use std::sync::Arc;

use berth_inventory::{Command, LegRange, PoolIndex, RequestId, UnixMillis};

use super::World;
use super::asking::*;
use crate::{Effect, Job, JobDone, LogPoint, RunEntry};

/// A run that has one booking and no hold.
fn booked(world: &mut World, day: u32) -> Arc<RunEntry> {
    let run = world.run(day);
    let hold = world.held(&run, reserve(1, LARGE, 2));
    world.ask(&run, confirm(2, hold));
    world.commit();
    run
}

#[test]
fn commands_wait_while_the_state_is_lent_and_are_executed_in_order() {
    let mut world = World::new(1);
    let run = booked(&mut world, 0);
    world.jobs_wait = true;
    assert_eq!(world.shards[0].snapshot_all(), 1);
    world.settle();
    let waits: Vec<_> = (10..40).map(|id| world.ask(&run, reserve(id, LARGE, 1))).collect();
    let published = run.published.load_full().unwrap();
    let legs = LegRange { from: 0, to: 4 };
    assert_eq!(published.free(PoolIndex(3), legs), 78, "queries are answered meanwhile");
    world.do_job();
    let newer = world.ask(&run, reserve(40, LARGE, 1));
    world.commit_all();
    let ids: Vec<_> = world
        .past()
        .events
        .iter()
        .filter_map(|(_, _, event)| match event {
            berth_inventory::Event::Held { request, .. } => Some(request.id),
            _ => None,
        })
        .collect();
    let order: Vec<_> = core::iter::once(1).chain(10..=40).map(RequestId).collect();
    assert_eq!(ids, order);
    assert!(waits.into_iter().chain([newer]).all(|ticket| world.hold(ticket).party.len() == 1));
    world.check_settled();
}

#[test]
fn the_floor_moves_on_when_a_snapshot_is_durable_and_stays_at_what_came_meanwhile() {
    let mut world = World::new(1);
    let run = world.run(0);
    assert_eq!(world.shards[0].floor(), None);
    let start = LogPoint { lsn: 2, bytes: world.log_bytes() };
    world.held(&run, reserve(1, LARGE, 1));
    world.held(&run, reserve(2, LARGE, 1));
    assert_eq!(world.shards[0].floor(), Some(start), "the first event without snapshot");
    // Hold 3 is in the batch when the state is encoded: the snapshot waits for it.
    world.ask(&run, reserve(3, LARGE, 1));
    assert_eq!(world.shards[0].snapshot_all(), 1);
    world.settle();
    let meanwhile = LogPoint { lsn: 4, bytes: world.log_bytes() };
    world.ask(&run, reserve(4, LARGE, 1));
    assert!(!world.snapshots.contains_key(&run.id), "it knows more than the log");
    assert_eq!(world.shards[0].floor(), Some(start));
    world.commit();
    assert!(world.snapshots.contains_key(&run.id));
    assert_eq!(world.shards[0].floor(), Some(meanwhile), "hold 4 is not in it");
    assert_eq!(world.shards[0].dirty_runs(), [run.id]);
    assert_eq!(world.shards[0].snapshot_all(), 1);
    world.settle();
    assert_eq!((world.shards[0].floor(), world.shards[0].snapshot_all()), (None, 0));
}

#[test]
fn a_failed_snapshot_keeps_the_floor_and_the_next_one_clears_it() {
    let mut world = World::new(1);
    let run = booked(&mut world, 0);
    let floor = world.shards[0].floor();
    world.jobs_wait = true;
    world.shards[0].snapshot_all();
    world.settle();
    let Some(Effect::Start { epoch, job: Job::Snapshot { state, .. }, .. }) =
        world.jobs.pop_front()
    else {
        panic!("a snapshot")
    };
    let failed = JobDone::Failed { why: "no space left on device".into(), run: Some(state) };
    world.finished(&run, epoch, failed);
    world.held(&run, reserve(9, LARGE, 1));
    assert_eq!(world.shards[0].floor(), floor);
    world.jobs_wait = false;
    world.shards[0].snapshot_all();
    world.settle();
    assert_eq!(world.shards[0].floor(), None);
}

#[test]
fn a_snapshot_that_was_encoded_and_not_kept_can_be_taken_again() {
    let mut world = World::new(1);
    let run = booked(&mut world, 0);
    world.jobs_wait = true;
    world.shards[0].snapshot_all();
    world.settle();
    let Some(Effect::Start { epoch, job: Job::Snapshot { state, .. }, .. }) =
        world.jobs.pop_front()
    else {
        panic!("a snapshot")
    };
    let version = state.version();
    world.finished(&run, epoch, JobDone::Encoded(state));
    world.held(&run, reserve(9, LARGE, 1));
    world.shards[0].snapshot_failed(run.id, version);
    world.jobs_wait = false;
    assert_eq!(world.shards[0].snapshot_all(), 1);
    world.settle();
    assert_eq!(world.shards[0].floor(), None);
}

#[test]
fn a_clean_stop_snapshots_every_dirty_run() {
    let mut world = World::new(2);
    let runs: Vec<_> = (0..150).map(|day| booked(&mut world, day)).collect();
    let dirty = |world: &World| world.shards.iter().map(|s| s.dirty_runs().len()).sum::<usize>();
    assert_eq!(dirty(&world), runs.len());
    let mut rounds = 0;
    while world.shards.iter_mut().map(crate::Shard::snapshot_all).sum::<usize>() > 0 {
        world.settle();
        rounds += 1;
        assert!(rounds < 10, "{} runs are still dirty", dirty(&world));
    }
    assert_eq!((dirty(&world), world.snapshots.len()), (0, 150));
    assert_eq!(world.check_settled(), 150, "they are live all the same");
}

#[test]
fn an_idle_run_goes_cold_only_after_its_snapshot_is_durable() {
    let mut world = World::new(1);
    let run = booked(&mut world, 0);
    world.jobs_wait = true;
    world.tick(59_000);
    assert!(world.jobs.is_empty());
    world.tick(1_001);
    assert_eq!((world.jobs.len(), world.stopped.len()), (1, 0));
    world.do_job();
    assert_eq!((world.stopped.as_slice(), world.shards[0].stats().live), (&[run.id][..], 0));
    assert_eq!(world.shards[0].floor(), None);
    assert!(run.published.load().is_none(), "what served readers is let go");
    let legs = LegRange { from: 0, to: 4 };
    let free = world.public(&run).map(|public| public.free(PoolIndex(3), legs));
    assert_eq!(free, Some(78), "a cold run is still seen");
    // The world's load asserts that the snapshot is the log's last version.
    world.jobs_wait = false;
    world.held(&run, reserve(9, LARGE, 1));
    assert_eq!(world.check_settled(), 1);
}

#[test]
fn a_cold_run_says_what_it_said_and_knows_its_holds_and_requests() {
    let mut world = World::new(1);
    let run = world.run(0);
    let (kept, gone) =
        (world.held(&run, reserve(1, LARGE, 2)), world.held(&run, reserve(2, LARGE, 1)));
    let paid = world.ask(&run, confirm(3, kept));
    world.ask(&run, release(4, gone));
    world.ask(&run, block(5, true));
    world.commit();
    let told = |world: &World| {
        let table = crate::RunTable::published(run.id, world.public(&run).unwrap());
        let shown: Vec<_> = super::past::journeys(table.plan())
            .map(|legs| (table.rows(legs, world.now), table.berths(legs)))
            .collect();
        (table.version(), table.midnight(), shown)
    };
    let before = told(&world);
    world.tick(60_000);
    world.commit_all();
    assert_eq!(world.stopped, [run.id]);
    assert!(told(&world) == before, "queries, maps and watches do not notice");
    assert_eq!(world.shards[0].stats().live, 0, "and wake nobody");
    assert_eq!(world.front.by_hold(kept).unwrap().id, run.id);
    let retries =
        [reserve(1, LARGE, 2), confirm(3, kept), release(4, gone), Command::GetHold(kept)];
    let again = retries.map(|command| world.ask(&run, command));
    world.commit_all();
    assert_eq!(world.hold(again[0]).hold, kept);
    assert_eq!(world.booking(again[1]), world.booking(paid));
    assert!(matches!(world.said(again[2]), berth_inventory::Said::Released { .. }));
    assert_eq!(world.hold(again[3]).hold, kept);
    assert!(told(&world) == before, "nothing has happened to it");
    world.check_settled();
}

#[test]
fn many_idle_runs_leave_a_few_in_each_step_and_all_within_a_minute() {
    use crate::{LEAVE_AT_ONCE, LEAVE_EVERY_MS, SNAPSHOTS_AT_ONCE};
    const RUNS: u32 = 600;
    let mut world = World::new(1);
    (0..RUNS).for_each(|day| drop(booked(&mut world, day)));
    world.tick(59_999);
    assert_eq!(world.shards[0].next_look(), Some(UnixMillis(world.now.0 + 1)));
    world.jobs_wait = true;
    world.tick(1);
    assert_eq!(world.jobs.len(), LEAVE_AT_ONCE);
    // However long the disk takes, only so many are under way.
    for _ in 0..10 {
        let next = world.shards[0].next_look().expect("more will leave");
        assert_eq!(next.0, world.now.0 + LEAVE_EVERY_MS);
        world.tick(LEAVE_EVERY_MS);
    }
    assert_eq!(world.jobs.len(), SNAPSHOTS_AT_ONCE);
    world.jobs_wait = false;
    world.settle();
    let begun = world.now;
    while world.stopped.len() < RUNS as usize {
        let before = world.stopped.len();
        let next = world.shards[0].next_look().expect("more will leave");
        world.tick(next.since(world.now).0);
        assert!(world.stopped.len() - before <= LEAVE_AT_ONCE);
    }
    let steps = u64::from(RUNS) / LEAVE_AT_ONCE as u64 + 1;
    assert!(world.now.since(begun).0 <= steps * LEAVE_EVERY_MS);
    assert_eq!((world.shards[0].next_look(), world.shards[0].floor()), (None, None));
    assert_eq!(world.check_published(), RUNS as usize);
}

#[test]
fn a_run_that_is_asked_while_it_waits_to_leave_stays() {
    let mut world = World::new(1);
    let runs: Vec<_> = (0..100).map(|day| booked(&mut world, day)).collect();
    world.tick(60_000);
    let late = Arc::clone(runs.iter().find(|run| !world.stopped.contains(&run.id)).unwrap());
    world.ask(&late, Command::GetRun);
    for _ in 0..50 {
        world.tick(20);
    }
    assert_eq!((world.stopped.len(), world.shards[0].stats().live), (99, 1));
    let next = world.shards[0].next_look();
    assert!(next.is_some_and(|next| next.since(world.now).0 > 58_000), "its own minute: {next:?}");
}

#[test]
fn a_run_to_which_something_came_does_not_go_cold() {
    let mut world = World::new(1);
    let run = booked(&mut world, 0);
    world.jobs_wait = true;
    world.tick(60_001);
    let ticket = world.ask(&run, Command::GetRun);
    assert!(!world.is_told(ticket));
    world.do_job();
    assert!(world.is_told(ticket) && world.stopped.is_empty());
    world.tick(59_000);
    assert!(world.stopped.is_empty());
    world.tick(2_000);
    assert_eq!((world.stopped.len(), world.jobs.len()), (1, 0), "snapshotted already");
}

#[test]
fn a_run_with_a_live_hold_stays() {
    let mut world = World::new(1);
    let run = world.run(0);
    world.held(&run, reserve_for(1, LARGE, 300_000));
    for _ in 0..299 {
        world.tick(1_000);
    }
    assert_eq!((world.stopped.len(), world.snapshots.len()), (0, 0));
    for _ in 0..3 {
        world.tick(1_000);
        world.commit();
    }
    assert_eq!(world.stopped, [run.id], "its hold has expired, and nobody asked for a minute");
    assert_eq!(world.check_published(), 1);
}

#[test]
fn log_behind_the_oldest_event_is_kept_short_by_snapshots_oldest_first() {
    let mut world = World::new(1);
    world.settings.checkpoint_bytes = 20_000;
    let mut world = world.restart(0);
    let runs: Vec<_> = (0..30).map(|day| world.run(day)).collect();
    let mut id = 0;
    for round in 0..30 {
        for run in &runs {
            world.ask(run, reserve(id, LARGE, 1));
            id += 1;
            world.commit();
        }
        world.tick(1_000);
        let floor = world.shards[0].floor().map_or(world.log_bytes(), |floor| floor.bytes);
        let behind = world.log_bytes() - floor;
        assert!(behind <= 20_000, "{behind} bytes of log to replay in round {round}");
    }
    assert!(world.log_bytes() > 60_000 && !world.snapshots.is_empty());
    assert_eq!(world.stopped, []);
    assert_eq!(world.check_settled(), 30);
}

#[test]
fn a_restart_needs_the_log_from_the_first_event_it_has_no_snapshot_of() {
    let mut world = World::new(1);
    let run = world.run(0);
    world.held(&run, reserve(1, LARGE, 1));
    world.tick(1);
    assert_eq!(world.now, UnixMillis(super::T0.0 + 1));
    let world = world.restart(5);
    let floor = world.shards[0].floor();
    assert_eq!(floor, Some(LogPoint { lsn: 1, bytes: 0 }), "the grace moves nothing");
}
