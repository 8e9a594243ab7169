//! What readers see while a writer publishes, and what they see of a run without events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use berth_inventory::{
    BerthIndex, LegMask, LegRange, Masks, PoolIndex, RequestId, Run, UnixMillis, Version,
};

use super::World;
use super::asking::*;
use super::past::journeys;
use crate::published::{Head, Published, RowChange};
use crate::{BerthState, JobDone, RunTable};

/// A small deterministic source of numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

fn fresh_run(world: &World) -> Run {
    let JobDone::Fresh { run, .. } = world.load(&world.run(0), true) else { panic!("fresh") };
    *run
}

/// Free berths of every pool over `legs`, counted one by one.
fn naive(masks: &[Masks], pools: &[PoolIndex], pool: PoolIndex, legs: LegRange) -> u32 {
    let taken = |m: &Masks| LegMask(m.held.0 | m.sold.0 | m.blocked.0);
    let free = masks.iter().zip(pools).filter(|(_, p)| **p == pool);
    free.filter(|(m, _)| !taken(m).intersects(legs.mask())).count() as u32
}

/// Random masks of one berth that do not overlap.
fn random_masks(dice: &mut Dice, legs: usize) -> Masks {
    let mut masks = Masks::default();
    for leg in 0..legs {
        let bit = 1u128 << leg;
        match dice.roll(6) {
            0 => masks.held.0 |= bit,
            1 => masks.sold.0 |= bit,
            2 => masks.blocked.0 |= bit,
            _ => {}
        }
    }
    masks
}

#[test]
fn gap_counts_are_the_counts_of_free_berths() {
    let world = World::new(1);
    let run = fresh_run(&world);
    let plan = Arc::clone(run.plan());
    let published = Published::of(&run);
    let pools: Vec<_> = plan.berths().iter().map(|berth| berth.pool).collect();
    let mut masks: Vec<_> =
        (0..pools.len()).map(|berth| run.masks(BerthIndex(berth as u16))).collect();
    let mut dice = Dice(7);
    for version in 2..400 {
        let rows: Vec<_> = (0..dice.roll(7))
            .map(|_| {
                let berth = dice.roll(pools.len() as u64) as usize;
                masks[berth] = random_masks(&mut dice, plan.legs_count());
                RowChange { berth: BerthIndex(berth as u16), masks: masks[berth] }
            })
            .collect();
        published.publish(Head { version: Version(version), ..Head::of(&run) }, rows.into_iter());
        for pool in (0..plan.pools().len()).map(|pool| PoolIndex(pool as u8)) {
            for legs in journeys(&plan) {
                let counts = (published.free(pool, legs), naive(&masks, &pools, pool, legs));
                assert_eq!(counts.0, counts.1, "pool {pool} legs {legs} version {version}");
            }
        }
    }
}

#[test]
fn readers_see_only_states_that_existed() {
    const VERSIONS: u64 = 20_000;
    let world = World::new(1);
    let run = fresh_run(&world);
    let published = Arc::new(Published::of(&run));
    let route = LegRange { from: 0, to: 4 };
    let middle = LegRange { from: 1, to: 2 };
    let done = AtomicBool::new(false);
    // Version v has v % 61 berths of pool 1 sold over the route and as many, up to 8, of pool 0.
    let of_pool = |pool| {
        let berths = run.plan().pool(PoolIndex(pool)).berths.clone();
        move |count: u64| -> Vec<RowChange> {
            let row = |(n, berth): (usize, &BerthIndex)| {
                let sold = if (n as u64) < count { route.mask() } else { LegMask(0) };
                RowChange { berth: *berth, masks: Masks { sold, ..Masks::default() } }
            };
            berths.iter().enumerate().map(row).collect()
        }
    };
    let (small, large) = (of_pool(0), of_pool(1));
    std::thread::scope(|scope| {
        let reader = || {
            let (mut last, mut seen) = (0, 0u64);
            while !done.load(Relaxed) || seen == 0 {
                let (head, one, two, part) = published.read(|p| {
                    let free = |pool, legs| u64::from(p.free(PoolIndex(pool), legs));
                    (p.head(), free(0, route), free(1, route), free(1, middle))
                });
                let (version, sold) = (head.version.0, head.version.0 % 61);
                assert_eq!((one, two, part), (8 - sold.min(8), 60 - sold, 60 - sold));
                assert_eq!((head.as_of.0, head.next_expiry.0), (version * 3, version * 5));
                assert!(version >= last, "version {version} after {last}");
                (last, seen) = (version, seen + 1);
            }
        };
        let head = |version: u64| Head {
            version: Version(version),
            as_of: UnixMillis(version * 3),
            next_expiry: UnixMillis(version * 5),
            closed: 0,
            retired: false,
        };
        published.publish(head(0), core::iter::empty());
        scope.spawn(reader);
        scope.spawn(reader);
        for version in 1..=VERSIONS {
            let mut rows = small((version % 61).min(8));
            rows.extend(large(version % 61));
            published.publish(head(version), rows.into_iter());
        }
        done.store(true, Relaxed);
    });
}

#[test]
fn an_id_that_was_fed_is_found_while_the_run_comes_to_life_again_and_again() {
    let filter = crate::filter::IdFilter::default();
    let done = AtomicBool::new(false);
    let id = |n: u128| RequestId(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    std::thread::scope(|scope| {
        let feeders: Vec<_> = (1..=2u128)
            .map(|feeder| {
                let filter = &filter;
                scope.spawn(move || {
                    for n in 0..3_000 {
                        filter.feed(id(feeder << 32 | n));
                        assert!(
                            (0..=n).rev().take(50).all(|n| filter.may_know(id(feeder << 32 | n)))
                        );
                    }
                })
            })
            .collect();
        let shard = scope.spawn(|| {
            let mut remembered = 0;
            while !done.load(Relaxed) {
                filter.seed((0..remembered).map(id));
                remembered = (remembered + 100) % 9_000;
            }
        });
        for feeder in feeders {
            feeder.join().unwrap();
        }
        done.store(true, Relaxed);
        shard.join().unwrap();
    });
    let fed = (1..=2u128).flat_map(|feeder| (0..3_000).map(move |n| feeder << 32 | n));
    assert!(fed.map(id).all(|id| filter.may_know(id)));
}

#[test]
fn a_run_is_one_entry_however_many_meet_it_first() {
    let world = World::new(3);
    let meet = || (0..300).map(|day| world.run(day * 7 % 300)).collect::<Vec<_>>();
    let all: Vec<Vec<_>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(meet)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for entries in &all[1..] {
        assert!(entries.iter().zip(&all[0]).all(|(one, other)| Arc::ptr_eq(one, other)));
    }
    let runs = all[0][0].train.runs();
    assert_eq!(runs.len(), 300);
    assert!(runs.is_sorted_by_key(|run| run.id.start_date));
}

#[test]
fn an_untouched_run_is_shown_as_its_first_version_would_be() {
    let world = World::new(1);
    let entry = world.run(0);
    let JobDone::Fresh { run, published, created } = world.load(&entry, true) else {
        panic!("fresh")
    };
    let untouched = RunTable::untouched(entry.plan(), *created);
    let live = RunTable::published(entry.id, published);
    assert_eq!((untouched.id(), untouched.midnight()), (live.id(), live.midnight()));
    let departure = run.plan().departure(run.midnight(), 0);
    let opening = run.opens(PoolIndex(2));
    for now in [0, opening.0 - 1, opening.0, departure.0 - 1, departure.0, departure.0 * 2] {
        for legs in journeys(run.plan()) {
            let (shown, told) =
                (untouched.rows(legs, UnixMillis(now)), live.rows(legs, UnixMillis(now)));
            assert_eq!(shown.1, told.1, "{legs} at {now}");
            assert_eq!(untouched.berths(legs).1, live.berths(legs).1);
        }
    }
}

#[test]
fn a_seat_map_shows_what_became_of_each_berth() {
    let mut world = World::new(1);
    let run = world.run(0);
    let hold = world.held(&run, reserve(1, SMALL, 2));
    let paid = world.ask(&run, confirm(2, hold));
    let held = world.ask(&run, reserve(3, SMALL, 1));
    world.ask(&run, block(4, true));
    world.commit();
    let table = RunTable::published(run.id, run.published.load_full().unwrap());
    let (version, berths) = table.berths(LegRange { from: 2, to: 3 });
    assert_eq!(version, table.version().0);
    let state = |ticket: u64, sold: bool| {
        let seat =
            if sold { world.booking(ticket).party[0].1 } else { world.hold(ticket).party[0] };
        berths[usize::from(seat.berth.unwrap().0)]
    };
    assert_eq!((state(paid, true), state(held, false)), (BerthState::Sold, BerthState::Held));
    let count = |state| berths.iter().filter(|berth| **berth == state).count();
    assert_eq!(count(BerthState::Sold) + count(BerthState::Held), 3);
    assert_eq!((count(BerthState::Blocked), count(BerthState::Free)), (80, 69));
}
