//! When answers leave, and what readers see meanwhile.

use berth_inventory::{Command, LegRange, Millis, PoolIndex, Reason, UnixMillis};

use super::asking::*;
use super::{T0, World};
use crate::{Fault, RunEntry};

const ROUTE: LegRange = LegRange { from: 0, to: 4 };

fn free(run: &RunEntry) -> u32 {
    run.published.load_full().map_or(8, |published| published.free(PoolIndex(0), ROUTE))
}

#[test]
fn a_hold_is_told_after_its_group_is_durable_and_public() {
    let mut world = World::new(2);
    let run = world.run(0);
    let ticket = world.ask(&run, reserve(1, SMALL, 2));
    world.tick(1_000);
    assert!(!world.is_told(ticket) && run.published.load().is_none());
    let group = world.take_group();
    world.tick(1_000);
    assert!(!world.is_told(ticket), "written is not durable");
    world.finish_group(group);
    assert_eq!(world.hold(ticket).party.len(), 2);
    assert_eq!((free(&run), world.check_settled()), (6, 1));
}

#[test]
fn a_refusal_waits_only_for_what_it_rests_on() {
    let mut world = World::new(2);
    let (run, other) = (world.run(0), world.run(1));
    let fresh = world.ask(&other, release(9, berth_inventory::HoldId(9)));
    assert_eq!(world.refusal(fresh).reason(), Reason::UnknownHold, "nothing to wait for");
    world.ask(&run, reserve(1, SMALL, 6));
    let early = world.ask(&run, reserve(2, SMALL, 6));
    assert!(!world.is_told(early), "sold out by a hold that may be lost");
    let group = world.take_group();
    let in_sync = world.ask(&run, reserve(3, SMALL, 6));
    world.begin();
    assert!(!world.is_told(in_sync), "the hold is still in sync");
    world.finish_group(group);
    assert_eq!(world.refusal(early).reason(), Reason::SoldOut);
    let late = world.ask(&run, reserve(4, SMALL, 6));
    assert_eq!(world.refusal(late).reason(), Reason::SoldOut, "durable facts, told at once");
    world.commit();
    assert_eq!(world.refusal(in_sync).reason(), Reason::SoldOut);
}

#[test]
fn readers_see_memory_without_the_groups_in_sync_and_in_the_making() {
    let mut world = World::new(1);
    let run = world.run(0);
    world.held(&run, reserve(1, SMALL, 1));
    world.ask(&run, reserve(2, SMALL, 2));
    let group = world.take_group();
    world.ask(&run, reserve(3, SMALL, 3));
    assert_eq!(free(&run), 7);
    world.check_published();
    world.finish_group(group);
    assert_eq!(free(&run), 5);
    world.check_published();
    world.commit();
    assert_eq!(free(&run), 2);
    world.check_settled();
}

#[test]
fn answers_of_a_run_leave_in_the_order_of_its_commands() {
    let mut world = World::new(1);
    let run = world.run(0);
    let tickets: Vec<_> = (0..200)
        .map(|id| {
            if id % 7 == 0 {
                world.begin();
            }
            if id % 50 == 49 {
                world.commit();
            }
            world.ask(&run, reserve(id, LARGE, 1))
        })
        .collect();
    world.commit_all();
    let berths: Vec<_> =
        tickets[..80].iter().map(|t| world.hold(*t).party[0].berth.unwrap()).collect();
    let mut distinct = berths.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 80);
    for ticket in &tickets[80..] {
        assert_eq!(world.refusal(*ticket).reason(), Reason::SoldOut);
    }
}

#[test]
fn a_command_is_dropped_when_its_deadline_has_come() {
    let mut world = World::new(1);
    let run = world.run(0);
    world.held(&run, reserve(1, SMALL, 1));
    let deadlines = [T0.0 - 5, T0.0, T0.0 + 1].map(UnixMillis);
    let tickets = deadlines.map(|by| world.ask_by(&run, reserve(u128::from(by.0), SMALL, 1), by));
    let late = |ms| Err(Fault::DeadlineExceeded { late: Millis(ms) });
    assert_eq!((world.outcome(tickets[0]), world.outcome(tickets[1])), (&late(5), &late(0)));
    world.commit();
    assert_eq!(world.hold(tickets[2]).party.len(), 1);
    assert_eq!(world.past().events.len(), 3, "RunCreated and two Held");
}

#[test]
fn a_deadline_that_passes_while_the_run_is_loaded_drops_the_command() {
    let mut world = World::new(1);
    world.jobs_wait = true;
    let run = world.run(0);
    let by = |ms| UnixMillis(T0.0 + ms);
    let first = world.ask_by(&run, reserve(1, SMALL, 1), by(50));
    let second = world.ask_by(&run, reserve(2, SMALL, 1), by(51));
    let read = world.ask_by(&run, Command::GetRun, by(10));
    world.tick(50);
    world.do_job();
    for (ticket, ms) in [(first, 0), (read, 40)] {
        let late = Fault::DeadlineExceeded { late: Millis(ms) };
        assert_eq!(world.outcome(ticket), &Err(late));
    }
    world.commit();
    assert_eq!(world.hold(second).party.len(), 1);
    assert_eq!(world.past().events.len(), 2);
}
