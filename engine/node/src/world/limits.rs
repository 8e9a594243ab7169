//! Bounds of groups, of waiting lines and of what is under way.

use std::sync::Arc;

use berth_inventory::{HoldId, Millis, Reason, UnixMillis};

use super::World;
use super::asking::*;
use crate::settings::{GROUP_BYTES_MAX, RETRY_OVERLOADED_MS, RUN_GROUP_BYTES_MAX};
use crate::{Docket, Fault, Lane, Parcel, RUN_PERMITS, RUN_PERMITS_FINISH, RunEntry, Work};

#[test]
fn a_hot_run_fills_its_part_of_a_group_and_nobody_elses() {
    let mut world = World::new(1);
    let (hot, other) = (world.run(0), world.run(1));
    let mut asked = 0;
    while !world.shards[0].has_backlog() {
        world.ask(&hot, block(asked, asked % 2 == 0));
        asked += 1;
    }
    let bytes = world.batches[0].section.len_bytes();
    assert!(bytes < RUN_GROUP_BYTES_MAX + 2_048, "{bytes} bytes");
    let waits = world.ask(&hot, release(1, HoldId(1)));
    let served = world.ask(&other, reserve(1, LARGE, 1));
    world.begin();
    world.commit();
    assert!(world.is_told(served), "the other run is not stopped");
    assert!(!world.is_told(waits), "the next group");
    world.commit();
    assert_eq!(world.refusal(waits).reason(), Reason::UnknownHold);
    assert!(!world.shards[0].has_backlog());
    world.check_settled();
}

#[test]
fn the_waiting_line_of_a_throttled_run_is_bounded_and_drains_in_order() {
    let mut world = World::new(1);
    let hot = world.run(0);
    let (mut id, mut tickets) = (0, Vec::new());
    while world.front.permit(hot.clone(), Lane::Take).is_ok() {
        tickets.push(world.ask(&hot, block(id, id % 2 == 0)));
        id += 1;
    }
    let executed = world.shards[0].stats().executed as usize;
    assert_eq!(tickets.len(), executed + RUN_PERMITS as usize);
    world.commit_all();
    assert!(tickets.iter().all(|ticket| world.is_told(*ticket)));
    let past = world.past();
    let kinds = past.events[1..]
        .iter()
        .map(|(_, _, event)| matches!(event, berth_inventory::Event::BerthsBlocked { .. }));
    assert!(kinds.enumerate().all(|(n, blocked)| blocked == (n % 2 == 0)), "in order");
    world.check_settled();
}

#[test]
fn a_tenth_of_a_group_is_for_what_is_already_paid_for() {
    let mut world = World::new(64);
    let share = GROUP_BYTES_MAX / 64;
    let runs = (0..).map(|day| world.run(day)).filter(|run| run.shard == 0);
    let runs: Vec<_> = runs.take(8).collect();
    let mut id = 0;
    while world.batches[0].has_room(Lane::Take, 64) {
        world.ask(&runs[id % 8], block(id as u128, id / 8 % 2 == 0));
        id += 1;
    }
    let bytes = world.batches[0].section.len_bytes();
    assert!(bytes >= share / 10 * 9 && bytes < share, "{bytes} of {share} bytes");
    assert!(world.batches[0].has_room(Lane::Finish, 64));
}

#[test]
fn work_that_waited_for_a_load_stops_at_the_group_too() {
    let mut world = World::new(64);
    world.jobs_wait = true;
    let runs = (0..).map(|day| world.run(day)).filter(|run| run.shard == 0);
    let runs: Vec<_> = runs.take(8).collect();
    for id in 0..2_000u128 {
        let run = &runs[(id % 8) as usize];
        world.ask(run, block(id, id / 8 % 2 == 0));
    }
    while !world.jobs.is_empty() {
        world.do_job();
    }
    let bytes = world.batches[0].section.len_bytes();
    assert!(bytes < GROUP_BYTES_MAX / 64, "{bytes} bytes");
    assert!(world.shards[0].has_backlog());
    world.commit_all();
    assert_eq!(world.told.len(), 2_000);
    assert_eq!(world.check_settled(), 8);
}

#[test]
fn a_run_has_so_many_permits_and_gets_them_back() {
    let world = World::new(1);
    let run = world.run(0);
    let mut permits: Vec<_> = (0..RUN_PERMITS_FINISH)
        .map(|_| world.front.permit(run.clone(), Lane::Finish).unwrap())
        .collect();
    let permit = |run: &Arc<RunEntry>, lane| world.front.permit(Arc::clone(run), lane);
    for _ in 0..3 {
        let Err(Fault::Overloaded { retry_after, .. }) = permit(&run, Lane::Finish) else {
            panic!("one too many");
        };
        assert_eq!(retry_after, Millis(RETRY_OVERLOADED_MS));
    }
    assert!(permit(&world.run(1), Lane::Take).is_ok(), "another run has its own");
    permits.pop();
    assert!(permit(&run, Lane::Take).is_err(), "the last places are for what is paid for");
    let again = permit(&run, Lane::Finish);
    assert!(again.is_ok() && permit(&run, Lane::Finish).is_err());
    drop(again);
    permits.truncate(RUN_PERMITS as usize - 1);
    assert!(permit(&run, Lane::Take).is_ok());
}

#[test]
fn a_parcel_that_is_interrupted_is_told_whole_when_its_last_command_is_durable() {
    let mut world = World::new(1);
    let run = world.run(0);
    world.held(&run, reserve(1_000, LARGE, 1));
    let (mut parcel, lane) = (Box::new(Parcel::new(())), Lane::Take);
    for tag in 0..5 {
        let (run, command) =
            (world.front.permit(run.clone(), lane).unwrap(), reserve(tag.into(), LARGE, 1));
        parcel.works.push(Work::new(run, command, UnixMillis::MAX, tag));
    }
    let (now, mut parcel, mut docket) = (world.now, Some(parcel), Docket::default());
    docket.take_in(|of| parcel.take_if(|_| of == lane));
    let count = world.shards[0].work_off(&mut docket, 3, now, &mut world.batches[0]);
    assert_eq!((count, docket.is_empty()), (3, false), "the budget");
    let group = world.take_group();
    let count = world.shards[0].work_off(&mut docket, 9, now, &mut world.batches[0]);
    assert_eq!((count, docket.is_empty()), (2, true));
    assert!(group.0[0].done.is_empty(), "its last command is in the next group");
    world.finish_group(group);
    let told: Vec<u64> = world.batches[0].done[0].told().map(|(work, _)| work.tag).collect();
    assert_eq!(told, [0, 1, 2, 3, 4], "in order");
}

#[test]
fn an_answer_that_nobody_takes_keeps_no_permit() {
    let mut world = World::new(1);
    let run = world.run(0);
    let under_way = |run: &crate::RunEntry| run.in_flight.count();
    world.jobs_wait = true;
    let waits = world.ask(&run, reserve(1, LARGE, 1));
    assert_eq!(under_way(&run), 1, "it waits for its run");
    world.do_job();
    assert!(!world.is_told(waits), "it is executed and not durable");
    assert_eq!(under_way(&run), 0);
    world.commit();
    assert!(world.is_told(waits));
    world.ask(&run, reserve(2, LARGE, 1));
    assert_eq!(under_way(&run), 0);
}

#[test]
fn refused_confirms_use_up_no_pnr_blocks() {
    let mut world = World::new(1);
    let run = world.run(0);
    let hold = world.held(&run, reserve(1, LARGE, 1));
    world.ask(&run, release(2, hold));
    world.commit();
    let before = world.front.directory.blocks_drawn();
    for id in 10..1_000 {
        let ticket = world.ask(&run, confirm(id, hold));
        assert_eq!(world.refusal(ticket).reason(), Reason::HoldReleased);
    }
    let drawn = world.front.directory.blocks_drawn() - before;
    assert!(drawn <= 1, "{drawn} blocks drawn by confirms that were refused");
    let other = world.run(1);
    for run in [&run, &other] {
        let hold = world.held(run, reserve(5_000, LARGE, 1));
        let ticket = world.ask(run, confirm(5_001, hold));
        world.commit();
        let pnr = world.front.names.print_pnr(world.booking(ticket).pnr);
        assert_eq!(world.front.by_pnr(&pnr).unwrap().1.id, run.id);
    }
}

#[test]
fn a_docket_is_executed_run_by_run_and_in_order_within_a_run() {
    let mut world = World::new(1);
    let runs = [world.run(0), world.run(1)];
    for (id, run) in (1_000..).zip(&runs) {
        world.held(run, reserve(id, LARGE, 1));
    }
    // Two parcels whose commands take turns between the runs.
    let mut parcel = |first: u64| {
        let mut parcel = Box::new(Parcel::new(()));
        for id in first..first + 6 {
            let run = &runs[id as usize % 2];
            let (tag, command) = (world.asked.len() as u64, reserve(id.into(), LARGE, 1));
            world.asked.push(run.clone());
            let run = world.front.permit(run.clone(), Lane::Take).unwrap();
            parcel.works.push(Work::new(run, command, UnixMillis::MAX, tag));
        }
        parcel
    };
    let mut parcels = std::collections::VecDeque::from([parcel(0), parcel(6)]);
    let mut docket = Docket::default();
    docket.take_in(|lane| (lane == Lane::Take).then(|| parcels.pop_front()).flatten());
    assert_eq!(docket.len(), 12);
    assert!(!docket.would_take(Lane::Finish), "first what was taken in");
    let (now, before) = (world.now, world.shards[0].stats().events);
    world.shards[0].work_off(&mut docket, 6, now, &mut world.batches[0]);
    assert_eq!(world.shards[0].stats().events, before + 6);
    assert!(world.batches[0].done.is_empty(), "half of each parcel is executed");
    world.shards[0].work_off(&mut docket, 6, now, &mut world.batches[0]);
    assert!(docket.is_empty() && docket.would_take(Lane::Take));
    assert_eq!(world.batches[0].done.len(), 2);
    world.commit();
    let past = world.past();
    let asked: Vec<_> = past
        .events
        .iter()
        .filter_map(|(run, _, event)| match event {
            berth_inventory::Event::Held { request, .. } if request.id.0 < 1_000 => {
                Some((*run, request.id.0 as u64))
            }
            _ => None,
        })
        .collect();
    let (first, second) = asked.split_at(6);
    for half in [first, second] {
        assert!(half.iter().all(|(run, _)| *run == half[0].0), "{asked:?}");
        assert!(half.is_sorted_by_key(|(_, id)| *id), "{asked:?}");
    }
}

#[test]
fn what_has_no_room_waits_and_what_is_paid_for_goes_before_it() {
    let mut world = World::new(64);
    let mut runs = (0..).map(|day| world.run(day)).filter(|run| run.shard == 0);
    let (full, run) = (runs.next().unwrap(), runs.next().unwrap());
    drop(runs);
    let hold = world.held(&run, reserve(1_000, LARGE, 1));
    let mut id = 0;
    while world.batches[0].has_room(Lane::Take, 64) {
        world.ask(&full, block(id, id % 2 == 0));
        id += 1;
    }
    let parcel = |lane, command, tag| {
        let run = world.front.permit(run.clone(), lane).unwrap();
        Box::new(Parcel::of_work((), Work::new(run, command, UnixMillis::MAX, tag)))
    };
    let mut take = Some(parcel(Lane::Take, reserve(2_000, LARGE, 1), 7));
    let mut finish = Some(parcel(Lane::Finish, release(3_000, hold), 8));
    let (now, mut docket) = (world.now, Docket::default());
    docket.take_in(|lane| if lane == Lane::Take { take.take() } else { None });
    assert_eq!(world.shards[0].work_off(&mut docket, 9, now, &mut world.batches[0]), 0);
    assert!(docket.would_take(Lane::Finish), "it may have room");
    docket.take_in(|lane| if lane == Lane::Finish { finish.take() } else { None });
    assert_eq!(world.shards[0].work_off(&mut docket, 9, now, &mut world.batches[0]), 1);
    assert_eq!(docket.len(), 1);
    let group = world.take_group();
    assert_eq!(world.shards[0].work_off(&mut docket, 9, now, &mut world.batches[0]), 1);
    assert!(docket.is_empty());
    assert!(group.0[0].done.iter().any(|p| p.told().any(|(work, _)| work.tag == 8)));
    assert!(world.batches[0].done.iter().any(|p| p.told().any(|(work, _)| work.tag == 7)));
}
