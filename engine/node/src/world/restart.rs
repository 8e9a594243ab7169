//! What a restart must not mix up.

use berth_inventory::HoldId;

use super::World;
use super::asking::*;

#[test]
fn a_run_that_was_numbered_without_an_event_leaves_its_number_to_another() {
    let mut world = World::new(1);
    let (first, second) = (world.run(0), world.run(1));
    world.ask(&first, release(1, HoldId(1)));
    let hold = world.held(&second, reserve(2, LARGE, 1));
    let mut world = world.restart(10);
    let (first, second) = (world.run(0), world.run(1));
    assert!(first.index.get().is_none());
    let other = world.held(&first, reserve(3, LARGE, 1));
    assert_eq!(world.front.by_hold(hold).unwrap().id, second.id);
    assert_eq!(world.front.by_hold(other).unwrap().id, first.id);
    assert_ne!(first.index.get(), second.index.get());
}

#[test]
fn an_unsynced_group_is_gone_after_a_power_cut_and_was_told_to_nobody() {
    let mut world = World::new(1);
    let run = world.run(0);
    let kept = world.held(&run, reserve(1, LARGE, 1));
    let lost = world.ask(&run, reserve(2, LARGE, 1));
    let group = world.take_group();
    assert!(!world.is_told(lost));
    drop(group);
    let mut world = world.restart(10);
    let run = world.run(0);
    assert_eq!(world.front.by_hold(kept).unwrap().id, run.id);
    let retried = world.ask(&run, reserve(2, LARGE, 1));
    world.commit();
    assert_eq!(world.hold(retried).party.len(), 1);
    world.check_settled();
}
