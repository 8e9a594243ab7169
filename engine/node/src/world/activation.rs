//! The first commands of a cold run, and results that come too late.

use berth_inventory::{Command, Millis, Reason, RequestId, Said, Version};

use super::World;
use super::asking::*;
use crate::settings::{RETRY_OVERLOADED_MS, RUN_PERMITS};
use crate::{Effect, Fault, Job, JobDone, Lane};

#[test]
fn ten_thousand_first_requests_are_one_load_and_every_one_is_answered() {
    let mut world = World::new(2);
    world.jobs_wait = true;
    let run = world.run(0);
    let tickets: Vec<_> = (0..10_000).map(|id| world.ask(&run, reserve(id, LARGE, 1))).collect();
    assert_eq!(world.jobs.len(), 1, "one load");
    world.do_job();
    world.commit_all();
    // 80 berths, first come, first served: the ids in the log are the first 80, in order.
    let asked: Vec<_> = world
        .past()
        .events
        .iter()
        .filter_map(|(_, _, event)| match event {
            berth_inventory::Event::Held { request, .. } => Some(request.id),
            _ => None,
        })
        .collect();
    assert_eq!(asked, (0..80).map(RequestId).collect::<Vec<_>>());
    for ticket in &tickets[80..] {
        assert_eq!(world.refusal(*ticket).reason(), Reason::SoldOut);
    }
    assert_eq!(world.check_settled(), 1);
}

#[test]
fn behind_as_many_requests_as_may_wait_one_can_still_confirm_and_release() {
    let mut world = World::new(1);
    world.jobs_wait = true;
    let run = world.run(0);
    for id in 0..RUN_PERMITS.into() {
        world.ask(&run, reserve(id, LARGE, 1));
    }
    let Err(Fault::Overloaded { retry_after, .. }) = world.front.permit(run.clone(), Lane::Take)
    else {
        panic!("one too many");
    };
    assert_eq!(retry_after, Millis(RETRY_OVERLOADED_MS));
    let paid = world.ask(&run, confirm(99_999, berth_inventory::HoldId(1)));
    assert!(!world.is_told(paid), "the finish lane has room where the take lane has none");
    world.commit_all();
    assert_eq!(world.refusal(paid).reason(), Reason::UnknownHold);
}

#[test]
fn a_run_that_was_only_looked_at_has_no_version() {
    let mut world = World::new(1);
    let run = world.run(0);
    let look = |world: &mut World| {
        let ticket = world.ask(&run, Command::GetRun);
        world.commit_all();
        let Ok(answer) = world.outcome(ticket) else { panic!("{:?}", world.outcome(ticket)) };
        let Said::Run(summary) = &answer.said else { panic!("{answer:?}") };
        (answer.version, summary.version)
    };
    assert_eq!(look(&mut world), (Version(0), Version(0)));
    assert!(world.past().events.is_empty(), "nothing is journaled");
    world.held(&run, reserve(1, LARGE, 1));
    assert_eq!(look(&mut world), (Version(2), Version(2)));
}

#[test]
fn a_run_that_only_refused_leaves_no_trace() {
    let mut world = World::new(1);
    let run = world.run(0);
    let ticket = world.ask(&run, release(1, berth_inventory::HoldId(1)));
    assert_eq!(world.refusal(ticket).reason(), Reason::UnknownHold);
    let read = world.ask(&run, Command::GetRun);
    assert!(world.is_told(read));
    world.commit();
    assert!(world.past().events.is_empty() && run.published.load().is_none());
    assert!(!run.journaled.load(std::sync::atomic::Ordering::Relaxed));
    world.jobs_wait = true;
    world.tick(59_999);
    assert_eq!(world.stopped, []);
    world.tick(1_000);
    assert_eq!((world.stopped.as_slice(), world.jobs.len()), (&[run.id][..], 0), "no snapshot");
    world.jobs_wait = false;
    world.held(&run, reserve(2, LARGE, 1));
    assert_eq!(world.check_settled(), 1);
}

#[test]
fn a_result_of_an_older_hand_over_is_dropped() {
    let mut world = World::new(1);
    let run = world.run(0);
    world.held(&run, reserve(1, LARGE, 1));
    world.jobs_wait = true;
    world.shards[0].snapshot_all();
    world.settle();
    let Some(Effect::Start { epoch, job: Job::Snapshot { state, .. }, .. }) =
        world.jobs.pop_front()
    else {
        panic!("a snapshot was asked for");
    };
    let waits = world.ask(&run, reserve(2, LARGE, 1));
    for stale in [epoch - 1, epoch + 1] {
        let old = world.load(&run, false);
        world.finished(&run, stale, old);
        assert!(world.shards[0].peek(run.id).is_none(), "epoch {stale} of {epoch}");
    }
    world.finished(&run, epoch, JobDone::Encoded(state));
    world.commit();
    assert_eq!(world.hold(waits).party.len(), 1);
    let again = world.load(&run, false);
    world.finished(&run, epoch, again);
    assert_eq!(world.check_settled(), 1, "a result for a run that is here changes nothing");
}

#[test]
fn a_result_for_an_earlier_life_of_the_slot_is_dropped() {
    let mut world = World::new(1);
    world.jobs_wait = true;
    let run = world.run(0);
    let hold = berth_inventory::HoldId(1);
    world.ask(&run, release(1, hold));
    let Some(Effect::Start { epoch, .. }) = world.jobs.front() else { panic!("a load") };
    let epoch = *epoch;
    world.do_job();
    world.tick(60_000);
    assert_eq!(world.stopped, [run.id]);
    let ticket = world.ask(&run, release(2, hold));
    let late = world.load(&run, false);
    world.finished(&run, epoch, late);
    assert!(!world.is_told(ticket), "that was the first life's load");
    world.do_job();
    assert!(world.is_told(ticket));
}

#[test]
fn a_run_that_cannot_be_loaded_is_out_of_service_by_name() {
    let mut world = World::new(1);
    world.jobs_wait = true;
    let run = world.run(0);
    let tickets = [1, 2].map(|id| world.ask(&run, reserve(id, LARGE, 1)));
    let Some(Effect::Start { epoch, .. }) = world.jobs.pop_front() else { panic!("a load") };
    let failed = JobDone::Failed { why: "segment 7 is damaged at byte 12".into(), run: None };
    world.finished(&run, epoch, failed);
    world.settle();
    let later = world.ask(&run, Command::GetRun);
    for ticket in [tickets[0], tickets[1], later] {
        let Err(Fault::Quarantined { run: named, why }) = world.outcome(ticket) else {
            panic!("{:?}", world.outcome(ticket));
        };
        assert_eq!((*named, &**why), (run.id, "segment 7 is damaged at byte 12"));
    }
    assert_eq!(world.jobs.len(), 0);
}
