//! Deadlines of holds: at their alarms, moved, cancelled, and after a restart.

use std::collections::BTreeMap;

use berth_inventory::{Event, HoldId, Reason, SeatState, UnixMillis};

use super::asking::*;
use super::{T0, World};
use crate::Lane;

/// Every expiry in the log: which hold and when.
fn expired(world: &World) -> BTreeMap<HoldId, UnixMillis> {
    let events = world.past().events;
    let expired = events.iter().filter_map(|(_, at, event)| match event {
        Event::Expired { hold } => Some((*hold, *at)),
        _ => None,
    });
    expired.collect()
}

#[test]
fn thousands_of_holds_expire_not_before_their_deadline_and_at_most_50_ms_after() {
    let mut world = World::new(2);
    let mut deadlines = BTreeMap::new();
    for day in 0..40 {
        let run = world.run(day);
        let tickets: Vec<_> = (0..80u64)
            .map(|n| {
                // From 10 s to 130 s: far and near.
                let ttl = 10_000 + (u64::from(day) * 80 + n) * 7_919 % 120_000;
                world.ask(&run, reserve_for(u128::from(n), LARGE, ttl))
            })
            .collect();
        world.commit();
        for ticket in tickets {
            let hold = world.hold(ticket);
            deadlines.insert(hold.hold, hold.expires_at);
        }
    }
    for _ in 0..13_100 {
        world.tick(10);
        if world.batches.iter().any(|batch| !batch.is_empty()) {
            world.commit();
        }
    }
    let expired = expired(&world);
    assert_eq!((expired.len(), deadlines.len()), (3_200, 3_200));
    for (hold, at) in expired {
        let deadline = deadlines[&hold];
        assert!(at >= deadline, "{hold} expired {} ms early", deadline.since(at).0);
        assert!(at.since(deadline).0 <= 50, "{hold} expired {} ms late", at.since(deadline).0);
    }
    let stats = world.shards.iter().map(crate::Shard::stats).reduce(crate::ShardStats::and);
    let stats = stats.unwrap();
    assert_eq!((stats.expired, stats.holds), (3_200, 0));
    assert!(stats.expiry_late_ms <= 50);
    world.check_settled();
}

#[test]
fn the_next_look_is_when_the_first_deadline_has_come_and_none_before() {
    let mut world = World::new(1);
    assert_eq!(world.shards[0].next_look(), None, "a node that nobody asks sleeps");
    let run = world.run(0);
    let look_in = |world: &World| world.shards[0].next_look().map(|at| at.since(world.now).0);
    world.held(&run, reserve_for(1, LARGE, 40_000));
    assert!(look_in(&world).is_some_and(|ms| (40_000..40_016).contains(&ms)));
    world.held(&run, reserve_for(2, LARGE, 50_000));
    assert!(look_in(&world).is_some_and(|ms| (40_000..40_016).contains(&ms)), "a later one");
    let other = world.run(1);
    let early = world.held(&other, reserve_for(3, LARGE, 10_000));
    assert!(look_in(&world).is_some_and(|ms| (10_000..10_016).contains(&ms)), "an earlier one");
    world.ask(&other, extend(4, early, 30_000));
    world.commit();
    let mut looks = 0;
    while expired(&world).len() < 3 {
        let ms = look_in(&world).expect("holds are live");
        world.tick(ms);
        world.commit_all();
        looks += 1;
    }
    assert_eq!(looks, 3, "none in vain, although a deadline was moved");
    for (hold, at) in expired(&world) {
        let deadline = world.past().runs.values().find_map(|run| run.hold_view(hold)).unwrap();
        assert!(at.since(deadline.expires_at).0 < 16, "{hold}");
    }
    // The runs go to rest, and then nothing is due for ever.
    for _ in 0..8 {
        let Some(ms) = look_in(&world) else { break };
        world.tick(ms);
        world.commit_all();
    }
    assert_eq!((look_in(&world), world.stopped.len()), (None, 2));
    world.check_settled();
}

#[test]
fn holds_whose_deadlines_are_far_cost_no_look() {
    let mut world = World::new(1);
    for day in 0..50 {
        let run = world.run(day);
        for id in 0..80u64 {
            let ttl = 120_000 + (u64::from(day) * 80 + id) * 7_919 % 600_000;
            world.ask(&run, reserve_for(u128::from(id), LARGE, ttl));
        }
        world.commit();
    }
    let mut looks = 0;
    loop {
        let ms = world.shards[0].next_look().expect("holds are live").since(world.now).0;
        if world.now.since(T0).0 + ms > 100_000 {
            break;
        }
        world.tick(ms);
        looks += 1;
    }
    assert!(looks <= 2, "{looks} looks in 100 s without a deadline");
    assert_eq!(expired(&world).len(), 0);
}

#[test]
fn an_extension_moves_the_deadline_and_a_confirm_ends_it() {
    let mut world = World::new(1);
    let run = world.run(0);
    let [moved, paid, left] = [1, 2, 3].map(|id| world.held(&run, reserve_for(id, LARGE, 10_000)));
    world.tick(5_000);
    world.ask(&run, extend(11, moved, 20_000));
    world.ask(&run, confirm(12, paid));
    world.commit();
    for _ in 0..3_000 {
        world.tick(10);
        world.commit();
    }
    let expired = expired(&world);
    assert_eq!(expired.keys().collect::<Vec<_>>().len(), 2);
    assert!(!expired.contains_key(&paid));
    let late = |hold, deadline| expired[&hold].since(UnixMillis(T0.0 + deadline)).0;
    assert!(late(left, 10_000) <= 50 && late(moved, 25_000) <= 50);
    assert!(expired[&moved] >= UnixMillis(T0.0 + 25_000));
    world.check_settled();
}

#[test]
fn an_expired_hold_is_refused_even_if_the_timer_has_not_fired() {
    let mut world = World::new(1);
    let run = world.run(0);
    let hold = world.held(&run, reserve_for(1, LARGE, 10_000));
    world.now.0 += 10_000;
    let ticket = world.ask(&run, confirm(2, hold));
    assert_eq!(world.refusal(ticket).reason(), Reason::HoldExpired);
}

#[test]
fn holds_that_expire_while_their_run_is_away_expire_when_it_is_back() {
    let mut world = World::new(1);
    let run = world.run(0);
    for id in 0..80 {
        world.ask(&run, reserve_for(id, LARGE, 10_000));
    }
    world.commit();
    world.jobs_wait = true;
    world.shards[0].snapshot_all();
    world.settle();
    // The waiting line is full to the last place when the deadlines come.
    for id in 0..crate::RUN_PERMITS {
        world.ask(&run, release(u128::from(id), HoldId(u128::from(id))));
    }
    world.tick(10_100);
    assert_eq!(expired(&world).len(), 0);
    world.commit_all();
    let next = world.shards[0].next_look().expect("they are minded again");
    assert!(next.since(world.now).0 < 16);
    world.tick(16);
    world.commit_all();
    assert_eq!(expired(&world).len(), 80);
    world.check_settled();
}

#[test]
fn a_mass_expiry_stays_within_the_bounds_of_a_group() {
    // One of 64 shards has 64 KiB of a group.
    let mut world = World::new(64);
    let runs: Vec<_> =
        (0..).map(|day| world.run(day)).filter(|run| run.shard == 0).take(50).collect();
    for run in &runs {
        for id in 0..80 {
            world.ask(run, reserve_for(id, LARGE, 10_000));
            if !world.batches[0].has_room(Lane::Take, 64) {
                world.commit();
            }
        }
    }
    world.commit_all();
    world.tick(10_016);
    let first = world.batches[0].section.len_bytes();
    assert!((60 << 10..65 << 10).contains(&first), "{first} bytes");
    assert!(world.shards[0].has_backlog(), "the rest waits for the next group");
    world.commit_all();
    assert_eq!(expired(&world).len(), 4_000);
    world.check_settled();
}

#[test]
fn a_payment_in_flight_survives_a_restart_and_nothing_is_held_for_ever() {
    let mut world = World::new(2);
    let run = world.run(0);
    let long = world.held(&run, reserve_for(1, LARGE, 900_000));
    let short = world.held(&run, reserve_for(2, LARGE, 12_000));
    world.tick(890_000);
    world.commit();
    let fresh = world.held(&run, reserve_for(3, LARGE, 20_000));
    // Down from 890.0 s to 950.0 s: the long hold's 15 minutes are over, its grace is not.
    let mut world = world.restart(60_000);
    let first = world.ask(&world.run(0), confirm(4, fresh));
    world.commit();
    let up = T0.0 + 950_000;
    assert_eq!(world.booking(first).hold, fresh, "expired in between, alive by grace");
    let order: Vec<_> = world
        .past()
        .events
        .iter()
        .map(|(_, _, event)| match event {
            Event::HoldsExtended { .. } => 'g',
            Event::Confirmed { .. } => 'c',
            _ => '.',
        })
        .collect();
    assert_eq!(order.iter().filter(|c| **c == 'g').count(), 1, "one for the run");
    assert!(order.iter().position(|c| *c == 'g') < order.iter().position(|c| *c == 'c'));
    let past = world.past();
    let run = past.runs.values().next().unwrap();
    let view = |hold| run.hold_view(hold).unwrap();
    assert_eq!(view(long).expires_at, UnixMillis(T0.0 + 930_000), "15 minutes and the grace");
    assert_eq!(view(fresh).expires_at, UnixMillis(up + 30_000));
    assert_eq!(view(short).party[0].state, SeatState::Expired, "expired before the crash");
    world.tick(50);
    world.commit_all();
    assert!(expired(&world).contains_key(&long));
    world.check_settled();
}

#[test]
fn holds_expire_after_a_restart_as_they_would_have_or_when_their_grace_is_over() {
    let mut world = World::new(1);
    let [graced, kept] = [0, 1].map(|day| world.run(day));
    let graced = world.held(&graced, reserve_for(1, LARGE, 10_000));
    let kept = world.held(&kept, reserve_for(1, LARGE, 60_000));
    let mut world = world.restart(9_000);
    assert_eq!(world.past().events.len(), 4);
    for _ in 0..6_000 {
        world.tick(10);
        world.commit();
    }
    let expired = expired(&world);
    for (hold, deadline) in [(graced, 9_000 + 30_000), (kept, 60_000)] {
        let deadline = UnixMillis(T0.0 + deadline);
        assert!((0..=50).contains(&expired[&hold].since(deadline).0) && expired[&hold] >= deadline);
    }
    world.check_settled();
}
