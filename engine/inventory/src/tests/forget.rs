//! What is remembered, for how long, and what is forgotten.

use super::table::{check_on, parse};
use super::world::World;
use crate::{REMEMBER_ENDED_MAX, REMEMBER_ENDED_MS};

fn ask(world: &mut World, line: &str, at: u64) -> super::world::Outcome {
    let words: Vec<&str> = line.split(' ').collect();
    world.ask(&parse(&words), at)
}

#[test]
fn an_ended_hold_is_forgotten_ten_minutes_later() {
    let seconds = REMEMBER_ENDED_MS / 1_000;
    assert_eq!(seconds, 600, "the times below");
    let mut world = World::new();
    check_on(
        &mut world,
        "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
         @1 extend b H1 60 => H1 B1-1:held until 61
         @5 release c H1 => released 1
         @604.998 reserve d H2 3A GN S1..S3 M30 => H2 B1-1:held until 904.998
         reserve a H3 3A GN S1..S3 M30 => known H1 B1-1:released until 61
         extend b H1 60 => known H1 B1-1:released until 61
         release c H1 => known released 1
         @605 reserve e H4 3A GN S1..S3 M30 => H4 B1-2:held until 905
         release c H1 => UNKNOWN_HOLD
         extend b H1 60 => UNKNOWN_HOLD
         reserve a H3 3A GN S1..S3 M30 => H3 B1-3:held until 905",
    );
    assert_eq!(world.run.forgotten(), 0, "left by age, not by number");
}

/// Also the one that was looked at last, when what forgets it looks at no hold.
#[test]
fn the_hold_that_was_found_last_is_forgotten_too() {
    check_on(
        &mut World::new(),
        "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
         @5 release b H1 => released 1
         @604.998 get H1 => known H1 B1-1:released until 300
         @605 close-sale c 3A TQ => pools 0b100
         get H1 => UNKNOWN_HOLD
         release b H1 => UNKNOWN_HOLD",
    );
}

#[test]
fn what_was_booked_is_remembered_for_the_life_of_the_run() {
    check_on(
        &mut World::new(),
        "@0 reserve a H1 3A GN S1..S3 M30 M31 => H1 B1-1:held B1-2:held until 300
         @1 extend b H1 60 => H1 B1-1:held B1-2:held until 61
         confirm c H1 [1] => P256 1:B1-1:confirmed
         cancel d P256 => cancelled 1
         @90000 reserve z H2 3A GN S1..S3 M30 => H2 B1-1:held until 90300
         reserve a H1 3A GN S1..S3 M30 M31 => known H1 B1-1:cancelled B1-2:released until 61
         extend b H1 60 => known H1 B1-1:cancelled B1-2:released until 61
         confirm c H1 [1] => known P256 1:B1-1:cancelled",
    );
}

#[test]
fn every_extend_is_remembered() {
    check_on(
        &mut World::new(),
        "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
         extend b H1 60 => H1 B1-1:held until 60
         extend c H1 90 => H1 B1-1:held until 90
         extend b H1 60 => known H1 B1-1:held until 90
         extend c H1 90 => known H1 B1-1:held until 90
         extend b H1 70 => IDEMPOTENCY_MISMATCH
         reserve b H2 3A GN S1..S3 M30 => IDEMPOTENCY_MISMATCH
         release d H1 => released 1
         @600 extend b H1 60 => known H1 B1-1:released until 90
         extend c H1 90 => known H1 B1-1:released until 90",
    );
}

#[test]
fn the_ring_of_ended_holds_has_a_size() {
    let mut world = World::new();
    let last = REMEMBER_ENDED_MAX as u64;
    for n in 0..=last {
        ask(&mut world, &format!("reserve r{n} H{n} 3A GN S1..S3 M30"), n / 100).took();
        assert_eq!(world.run.forgotten(), 0);
        ask(&mut world, &format!("release x{n} H{n}"), n / 100).took();
    }
    assert_eq!(world.run.forgotten(), 1);
    assert_eq!(world.run.remembered().count(), REMEMBER_ENDED_MAX);
    ask(&mut world, "release y H0", 100).refused();
    ask(&mut world, "release y H1", 100).known();
    ask(&mut world, "reserve r1 H9999 3A GN S1..S3 M30", 100).known();
    world.check();
    world.check_replay();
    ask(&mut world, "reserve r0 H9999 3A GN S1..S3 M30", 100).took();
    world.check();
}

#[test]
fn retiring_forgets_the_same_holds_however_the_maps_are_ordered() {
    let mut world = World::new();
    for n in 0..80u64 {
        // Ids in an order of their own.
        let hold = n * 37 % 101;
        ask(&mut world, &format!("reserve r{n} H{hold} SL GN S2..S3 M30"), n).took();
    }
    ask(&mut world, "retire z", 1_000).took();
    world.check();
    world.check_replay();
    assert!(world.run.state().ended.is_sorted());
}

#[test]
fn a_clock_that_was_set_back_does_not_turn_time_round() {
    check_on(
        &mut World::new(),
        "@100 reserve a H1 3A GN S1..S3 M30 ttl=60 => H1 B1-1:held until 160
         @160 expire H1 => done
         @50 reserve b H2 3A GN S1..S3 M30 ttl=60 => H2 B1-1:held until 220
         @40 confirm c H2 => P256 1:B1-1:confirmed
         @10 confirm d H1 => HOLD_EXPIRED",
    );
}
