//! A panic costs one run its state, and nobody else anything.

use std::sync::Arc;

use berth_inventory::{Command, Event, Millis, Reason, RequestId};

use super::World;
use super::asking::*;
use crate::settings::RETRY_RECOVERING_MS;
use crate::{Effect, Fault, Job, RunEntry};

fn held_ids(world: &World) -> Vec<RequestId> {
    let held = |event: &Event| match event {
        Event::Held { request, .. } => Some(request.id),
        _ => None,
    };
    world.past().events.iter().filter_map(|(_, _, event)| held(event)).collect()
}

fn is_recovering(world: &World, run: &RunEntry, ticket: u64) -> bool {
    let retry_after = Millis(RETRY_RECOVERING_MS);
    world.outcome(ticket) == &Err(Fault::Recovering { run: run.id, retry_after })
}

#[test]
fn one_of_100_runs_goes_cold_and_one_panics_while_98_answer() {
    let mut world = World::new(2);
    let runs: Vec<_> = (0..100).map(|day| world.run(day)).collect();
    for (id, run) in runs.iter().enumerate() {
        let hold = world.held(run, reserve(id as u128, LARGE, 2));
        world.ask(run, release(1_000 + id as u128, hold));
    }
    world.commit_all();
    world.tick(59_000);
    runs[1..].iter().for_each(|run| {
        world.ask(run, Command::GetRun);
    });
    world.jobs_wait = true;
    world.tick(1_000);
    let Some(Effect::Start { run, job: Job::Snapshot { passivate: true, .. }, .. }) =
        world.jobs.front()
    else {
        panic!("the idle run is to go cold");
    };
    assert_eq!((run.id, world.jobs.len()), (runs[0].id, 1));

    let back = world.ask(&runs[0], reserve(2_000, LARGE, 1));
    let stands = world.ask(&runs[1], reserve(2_001, LARGE, 1));
    let falls = world.ask(&runs[1], trap(2_002));
    let waits = world.ask(&runs[1], reserve(2_003, LARGE, 1));
    let others: Vec<_> =
        runs[2..].iter().map(|run| world.ask(run, reserve(2_004, LARGE, 1))).collect();
    assert!(is_recovering(&world, &runs[1], falls), "told at once");
    world.commit();
    assert!(others.iter().all(|ticket| world.hold(*ticket).party.len() == 1), "98 answer");
    assert_eq!(world.hold(stands).party.len(), 1, "what came before the panic stands");
    assert!(!world.is_told(back) && !world.is_told(waits));

    world.commit_all();
    assert!(world.hold(back).party.len() == 1 && world.hold(waits).party.len() == 1);
    assert_eq!(world.stopped, [], "something came, so the run did not go cold");
    assert_eq!(world.check_settled(), 100);
    let held = held_ids(&world);
    assert!(!held.contains(&RequestId(2_002)) && held.contains(&RequestId(2_001)));
    let retried = world.ask(&runs[1], reserve(2_002, LARGE, 1));
    world.commit();
    assert_eq!(world.hold(retried).party.len(), 1, "the same request id, without the trap");
}

#[test]
fn waiting_commands_are_executed_in_order_after_the_rebuild() {
    let mut world = World::new(1);
    world.jobs_wait = true;
    let run = world.run(0);
    world.ask(&run, reserve(0, LARGE, 1));
    world.ask(&run, trap(1));
    world.ask(&run, reserve(2, LARGE, 1));
    world.do_job();
    for id in 3..50 {
        world.ask(&run, reserve(id, LARGE, 1));
    }
    assert!(world.jobs.is_empty(), "the first hold is not durable: nothing to rebuild from");
    world.commit();
    for id in 50..60 {
        world.ask(&run, reserve(id, LARGE, 1));
    }
    world.do_job();
    world.ask(&run, reserve(60, LARGE, 1));
    world.commit_all();
    let order: Vec<_> = (0..=60).filter(|id| *id != 1).map(RequestId).collect();
    assert_eq!(held_ids(&world), order);
    world.check_settled();
}

#[test]
fn a_run_at_rest_that_panics_is_rebuilt_though_nobody_comes() {
    let mut world = World::new(1);
    let run = world.run(0);
    world.held(&run, reserve(1, LARGE, 1));
    world.jobs_wait = true;
    world.ask(&run, trap(2));
    // All it wrote is durable and nothing is to be written: no group will end and wake the shard.
    let Some(Effect::Start { job: Job::Rebuild, .. }) = world.jobs.front() else {
        panic!("it is rebuilt at once: {}", world.jobs.len());
    };
    let waits = world.ask(&run, reserve(3, LARGE, 1));
    world.do_job();
    world.commit();
    assert_eq!(world.hold(waits).party.len(), 1);
}

#[test]
fn who_waits_for_a_lost_group_is_told_and_a_run_on_its_way_in_is_read() {
    let mut world = World::new(1);
    let (lost, fresh) = (world.run(0), world.run(1));
    world.jobs_wait = true;
    world.ask(&lost, reserve(1, LARGE, 1));
    world.do_job();
    world.ask(&lost, trap(2));
    let waits = world.ask(&lost, reserve(3, LARGE, 1));
    let read = world.ask(&fresh, Command::GetRun);
    // The group with hold 1 is never durable, so there is nothing to rebuild the run from.
    let fault = Fault::JournalFailed { why: "EIO".into() };
    world.shards[0].fail_waiting(&fault);
    world.settle();
    assert_eq!(world.outcome(waits), &Err(fault));
    assert!(!world.is_told(read), "its run comes all the same");
    world.do_job();
    assert!(world.outcome(read).is_ok());
}

#[test]
fn a_panic_in_the_very_first_command_leaves_no_trace() {
    let mut world = World::new(1);
    let run = world.run(0);
    let ticket = world.ask(&run, trap(1));
    assert!(is_recovering(&world, &run, ticket));
    world.commit_all();
    assert!(world.past().events.is_empty());
    assert!(!run.journaled.load(std::sync::atomic::Ordering::Relaxed), "nothing is journaled");
    let again = world.ask(&run, reserve(1, LARGE, 1));
    world.commit_all();
    assert_eq!(world.hold(again).party.len(), 1);
    assert_eq!(world.check_settled(), 1);
}

#[test]
fn three_panics_within_a_minute_quarantine_the_run_by_name() {
    let mut world = World::new(1);
    let (run, other) = (world.run(0), world.run(1));
    world.held(&run, reserve(1, LARGE, 1));
    for id in 2..4 {
        let ticket = world.ask(&run, trap(id));
        world.commit_all();
        assert!(is_recovering(&world, &run, ticket));
        world.tick(29_999);
    }
    let third = world.ask(&run, trap(4));
    let waits = world.ask(&run, reserve(5, LARGE, 1));
    world.commit_all();
    world.begin();
    assert!(is_recovering(&world, &run, third));
    let later = world.ask(&run, reserve(6, LARGE, 1));
    for ticket in [waits, later] {
        let Err(Fault::Quarantined { run: named, why }) = world.outcome(ticket) else {
            panic!("{:?}", world.outcome(ticket));
        };
        assert_eq!(*named, run.id);
        assert!(why.contains("3 panics within a minute"), "{why}");
    }
    world.held(&other, reserve(1, LARGE, 1));
    assert_eq!(world.check_published(), 2, "readers still see what is durable");
}

#[test]
fn panics_further_apart_than_a_minute_are_forgiven() {
    let mut world = World::new(1);
    let run = world.run(0);
    for id in 0..10 {
        world.ask(&run, trap(id));
        world.commit_all();
        world.tick(30_001);
    }
    world.held(&run, reserve(100, LARGE, 1));
    assert_eq!(world.check_settled(), 1);
}

/// Takes the lent state away, as the death of an actor does.
fn die(world: &mut World, run: &Arc<RunEntry>) -> u32 {
    let Some(Effect::Start { epoch, .. }) = world.jobs.pop_front() else { panic!("a job") };
    let at = usize::from(run.shard);
    world.shards[at].died(run.id, epoch, world.now);
    world.settle();
    epoch
}

#[test]
fn a_run_whose_actor_dies_with_its_state_is_rebuilt() {
    let mut world = World::new(1);
    let run = world.run(0);
    world.held(&run, reserve(1, LARGE, 1));
    let parked = world.ask(&run, reserve(2, LARGE, 1));
    world.jobs_wait = true;
    world.shards[0].snapshot_all();
    world.settle();
    let waits = world.ask(&run, reserve(3, LARGE, 1));
    let epoch = die(&mut world, &run);
    assert!(world.jobs.is_empty(), "not before hold 2 is durable");
    // Its last words may still be in the mailbox.
    let last_words = world.load(&run, false);
    let crate::JobDone::Loaded { run: state, .. } = last_words else { panic!("it has events") };
    world.finished(&run, epoch, crate::JobDone::Encoded(state));
    world.commit_all();
    assert!(world.is_told(parked) && world.is_told(waits));
    assert_eq!(held_ids(&world), [1, 2, 3].map(RequestId));
    assert_eq!(world.check_settled(), 1);
    world.shards[0].snapshot_all();
    world.commit_all();
    assert_eq!(world.shards[0].dirty_runs(), [], "it can be snapshotted again");
}

#[test]
fn an_actor_that_dies_after_it_gave_the_state_back_costs_only_the_snapshot() {
    let mut world = World::new(1);
    let run = world.run(0);
    world.held(&run, reserve(1, LARGE, 1));
    world.jobs_wait = true;
    world.shards[0].snapshot_all();
    world.settle();
    let Some(Effect::Start { epoch, job: Job::Snapshot { state, .. }, .. }) =
        world.jobs.pop_front()
    else {
        panic!("a snapshot")
    };
    world.finished(&run, epoch, crate::JobDone::Encoded(state));
    world.shards[0].died(run.id, epoch, world.now);
    assert!(world.shards[0].peek(run.id).is_some());
    assert_eq!(world.shards[0].snapshot_all(), 1);
    world.commit_all();
    assert_eq!(world.shards[0].dirty_runs(), [], "the next snapshot is taken");
}

#[test]
fn a_run_whose_actor_dies_three_times_is_quarantined() {
    let mut world = World::new(1);
    let run = world.run(0);
    world.jobs_wait = true;
    let ticket = world.ask(&run, reserve(1, LARGE, 1));
    for _ in 0..3 {
        die(&mut world, &run);
    }
    let Err(Fault::Quarantined { why, .. }) = world.outcome(ticket) else { panic!("told") };
    assert!(why.contains("died three times"), "{why}");
    assert!(world.jobs.is_empty());
}

#[test]
fn a_panic_and_a_death_do_not_disturb_an_answer_of_another_run_in_the_same_batch() {
    let mut world = World::new(1);
    let (run, other) = (world.run(0), world.run(1));
    let first = world.ask(&other, reserve(1, SMALL, 6));
    world.ask(&run, trap(2));
    let second = world.ask(&other, reserve(3, SMALL, 6));
    world.commit();
    assert_eq!(world.hold(first).party.len(), 6);
    assert_eq!(world.refusal(second).reason(), Reason::SoldOut);
}
