//! A request id takes effect once, and the fast refusal never says no to one that did.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use berth_inventory::{
    Command, Conditions, Millis, Reason, RequestId, RequestMark, Reserve, SaleChange, StopRef,
    UnixMillis,
};
use proptest::prelude::*;

use super::asking::*;
use super::{T0, World};
use crate::{RUN_PERMITS, RunEntry};

#[test]
fn a_retry_that_overtakes_its_commit_waits_for_it_and_gets_the_same_answer() {
    let mut world = World::new(1);
    let run = world.run(0);
    let first = world.ask(&run, reserve(1, SMALL, 2));
    let retry = world.ask(&run, reserve(1, SMALL, 2));
    let group = world.take_group();
    let later = world.ask(&run, reserve(1, SMALL, 2));
    world.begin();
    assert!(![first, retry, later].iter().any(|ticket| world.is_told(*ticket)));
    world.finish_group(group);
    assert_eq!(world.outcome(first), world.outcome(retry));
    world.commit();
    assert_eq!(world.hold(first), world.hold(later));
    let other = Reserve { request: RequestMark { digest: 2, ..mark(1) }, ..wish(1, SMALL, 1) };
    let other = world.ask(&run, Command::Reserve(other));
    assert_eq!(world.refusal(other).reason(), Reason::IdempotencyMismatch);
    assert_eq!(world.past().events.len(), 2);
}

#[test]
fn a_retry_after_a_restart_gets_the_first_answer() {
    let mut world = World::new(1);
    let run = world.run(0);
    let first = world.ask(&run, reserve_for(1, SMALL, 900_000));
    world.commit();
    let told = world.hold(first).clone();
    let mut world = world.restart(1_000);
    let run = world.run(0);
    let retry = world.ask(&run, reserve_for(1, SMALL, 900_000));
    world.commit();
    assert_eq!(*world.hold(retry), told);
}

/// A run of which the general 3A berths are gone for good, live and settled.
fn sold_out(world: &mut World) -> Arc<RunEntry> {
    let run = world.run(0);
    for (id, count) in [(1, 6), (2, 2)] {
        let hold = world.held(&run, reserve(id, SMALL, count));
        world.ask(&run, confirm(id + 10, hold));
        world.commit();
    }
    run
}

fn fast(world: &World, run: &RunEntry, reserve: &Reserve) -> Option<Reason> {
    let Some(answer) = world.front.fast_refusal(run, reserve, world.now) else {
        run.filter.feed(reserve.request.id);
        return None;
    };
    match answer.said {
        berth_inventory::Said::Refused(refusal) => Some(refusal.reason()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sold_out_is_told_without_the_queue_and_as_the_run_would_say_it() {
    let mut world = World::new(1);
    let run = sold_out(&mut world);
    let fast = world.front.fast_refusal(&run, &wish(100, SMALL, 1), world.now).unwrap();
    let slow = world.ask(&run, reserve(100, SMALL, 1));
    assert_eq!(world.outcome(slow), &Ok(fast));
    let child =
        berth_inventory::Passenger { berth_required: false, ..wish(101, SMALL, 1).party[0] };
    let mut family = wish(101, LARGE, 1);
    family.party.push(child);
    assert_eq!(self::fast(&world, &run, &family), None, "one berth for two is to be had");
}

#[test]
fn who_would_wait_is_refused_without_the_queue_once_the_list_is_full() {
    let mut world = World::new(1);
    let run = sold_out(&mut world);
    let waits = |id, heads| {
        let conditions = Conditions { waiting: true, ..Conditions::default() };
        Reserve { conditions, ..wish(id, SMALL, heads) }
    };
    assert_eq!(fast(&world, &run, &waits(100, 1)), None, "there is room on the list");
    assert_eq!(fast(&world, &run, &waits(101, 3)), Some(Reason::WlFull), "not for three");
    let hard = Conditions { min_lower: 1, ..waits(102, 1).conditions };
    let hard = Reserve { conditions: hard, ..waits(102, 1) };
    assert_eq!(fast(&world, &run, &hard), Some(Reason::SoldOut), "berths or nothing");
    let held = world.held(&run, Command::Reserve(waits(103, 2)));
    world.commit();
    let told = world.front.fast_refusal(&run, &waits(104, 1), world.now).expect("it is full");
    let slow = world.ask(&run, Command::Reserve(waits(104, 1)));
    assert_eq!(world.outcome(slow), &Ok(told));
    world.ask(&run, release(105, held));
    world.commit();
    assert_eq!(fast(&world, &run, &waits(106, 2)), None, "numbers were given back");
}

#[test]
fn what_the_run_would_say_differently_goes_to_the_run() {
    let mut world = World::new(1);
    let run = sold_out(&mut world);
    let ask = |n| wish(n, SMALL, 1);
    assert_eq!(fast(&world, &run, &ask(100)), Some(Reason::SoldOut));
    let stop = StopRef::Sequence(9);
    let odd = [
        Reserve { to: stop, ..ask(101) },
        Reserve { to: StopRef::Sequence(1), ..ask(102) },
        Reserve { quota: "LD".parse().unwrap(), ..ask(103) },
        Reserve { class: berth_inventory::TravelClass::SecondAc, ..ask(104) },
        // Not open yet, and not to be had in it either.
        Reserve { quota: "TQ".parse().unwrap(), ..wish(105, SMALL, 5) },
    ];
    for reserve in &odd {
        assert_eq!(fast(&world, &run, reserve), None, "{reserve:?}");
    }
    let departure = run.plan().departure(run.published.load_full().unwrap().midnight(), 0);
    for (now, told) in [(departure.0 - 1, Some(Reason::SoldOut)), (departure.0, None)] {
        world.now = UnixMillis(now);
        assert_eq!(fast(&world, &run, &ask(u128::from(now))), told, "the train leaves");
    }
    world.now = T0;
    let sale = |id, open| {
        let (class, quota) = (Some(SMALL), Some("GN".parse().unwrap()));
        Command::SetSale(SaleChange { request: mark(id), class, quota, open })
    };
    world.ask(&run, sale(110, false));
    world.commit();
    assert_eq!(fast(&world, &run, &ask(111)), None, "closed");
    world.ask(&run, sale(112, true));
    world.commit();
    assert_eq!(fast(&world, &run, &ask(113)), Some(Reason::SoldOut));
    world.ask(&run, Command::Retire(mark(114)));
    world.commit();
    assert_eq!(fast(&world, &run, &ask(115)), None, "retired");
}

#[test]
fn a_run_whose_train_has_left_has_left_even_if_the_clock_is_set_back() {
    let mut world = World::new(1);
    let run = sold_out(&mut world);
    world.now = run.plan().departure(run.published.load_full().unwrap().midnight(), 0);
    world.ask(&run, block(100, true));
    world.commit();
    // As after a start with --accept-clock.
    world.now.0 -= 1;
    assert_eq!(fast(&world, &run, &wish(101, SMALL, 1)), None, "the run would say CLOSED");
    let slow = world.ask(&run, reserve(101, SMALL, 1));
    world.commit();
    assert_eq!(world.refusal(slow).reason(), Reason::Closed);
}

#[test]
fn nothing_is_sold_out_while_an_expiry_is_due() {
    let mut world = World::new(1);
    let run = world.run(0);
    for (id, count) in [(1, 6), (2, 2)] {
        let reserve = Reserve { ttl: Millis(10_000), ..wish(id, SMALL, count) };
        world.held(&run, Command::Reserve(reserve));
    }
    world.now.0 += 9_999;
    assert_eq!(fast(&world, &run, &wish(100, SMALL, 1)), Some(Reason::SoldOut));
    world.now.0 += 1;
    assert_eq!(fast(&world, &run, &wish(101, SMALL, 1)), None, "at exactly the deadline");
}

#[test]
fn an_id_that_took_effect_on_a_run_that_was_cold_is_never_refused_fast() {
    let mut world = World::new(1);
    world.jobs_wait = true;
    let run = world.run(0);
    for (id, count) in [(1, 6), (2, 2)] {
        assert_eq!(fast(&world, &run, &wish(id, SMALL, count)), None);
        world.ask(&run, reserve(id, SMALL, count));
    }
    // On its way, pushed but not drained, while the run is loaded.
    assert_eq!(fast(&world, &run, &wish(3, SMALL, 1)), None);
    world.commit_all();
    assert_eq!(fast(&world, &run, &wish(9, SMALL, 1)), Some(Reason::SoldOut));
    for id in 1..=3 {
        assert_eq!(fast(&world, &run, &wish(id, SMALL, 1)), None, "id {id}");
    }
}

#[test]
fn an_id_that_is_found_in_vain_is_fed_all_the_same() {
    let mut world = World::new(1);
    let run = sold_out(&mut world);
    // Fill the filter by pushing what is not sold out, until an id is found that never was there.
    let id = |n: u128| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let unlucky = (1_000..200_000)
        .map(id)
        .find(|id| {
            let found = run.filter.may_know(RequestId(*id));
            if !found {
                run.filter.feed(RequestId(*id));
            }
            found
        })
        .expect("a Bloom filter finds some in vain");
    assert_eq!(fast(&world, &run, &wish(unlucky, SMALL, 1)), None);
    world.shards[0].peek(run.id).map(|state| run.filter.rotate(state.remembered())).unwrap();
    assert_eq!(fast(&world, &run, &wish(unlucky, SMALL, 1)), None, "it is on its way");
}

#[test]
fn an_id_that_waits_through_two_rebuilds_is_never_refused_fast() {
    let mut world = World::new(1);
    let run = sold_out(&mut world);
    world.jobs_wait = true;
    world.ask(&run, trap(50));
    // The trap again, and then a wish that is pushed while there was something to have.
    run.filter.feed(RequestId(52));
    world.ask(&run, trap(51));
    world.ask(&run, reserve(52, SMALL, 1));
    for _ in 0..2 {
        world.commit();
        assert_eq!(fast(&world, &run, &wish(52, SMALL, 1)), None);
        world.do_job();
    }
    assert_eq!(fast(&world, &run, &wish(52, SMALL, 1)), None);
    world.commit_all();
    world.check_settled();
}

#[test]
fn what_the_timer_and_the_finish_lane_do_does_not_age_the_filter() {
    let mut world = World::new(1);
    let run = sold_out(&mut world);
    run.filter.feed(RequestId(777));
    for id in 0..3 * u128::from(RUN_PERMITS) {
        world.ask(&run, release(id, berth_inventory::HoldId(id)));
    }
    assert_eq!(fast(&world, &run, &wish(777, SMALL, 1)), None, "its reserve may still be queued");
    for id in 0..3 * u128::from(RUN_PERMITS) {
        world.ask(&run, reserve(1_000_000 + id, SMALL, 1));
    }
    assert_eq!(fast(&world, &run, &wish(777, SMALL, 1)), Some(Reason::SoldOut));
}

#[test]
fn an_id_that_is_pushed_after_two_rotations_is_never_refused_fast() {
    let mut world = World::new(1);
    let run = world.run(0);
    let holds: Vec<_> =
        [(1, 6), (2, 2)].map(|(id, count)| world.held(&run, reserve(id, SMALL, count))).into();
    // Let in and fed; then its thread gets no time for as long as it takes.
    let command = reserve(777, SMALL, 2);
    let slow = world.front.permit_for(Arc::clone(&run), &command).expect("one of many");
    for id in 0..2 * u128::from(RUN_PERMITS) {
        world.ask(&run, reserve(1_000_000 + id, SMALL, 1));
    }
    world.ask(&run, release(3, holds[1]));
    let ticket = world.push(slow, command, UnixMillis::MAX);
    world.commit();
    world.hold(ticket);
    assert_eq!(fast(&world, &run, &wish(777, SMALL, 2)), None, "it took effect");
    assert_eq!(fast(&world, &run, &wish(778, SMALL, 2)), Some(Reason::SoldOut));
}

#[derive(Clone, Debug)]
enum Step {
    Arrive(u8),
    Push,
    Execute,
    Commit,
    Wait(u16),
    Panic,
    GoCold,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..40u8).prop_map(Step::Arrive),
        8 => Just(Step::Push),
        8 => Just(Step::Execute),
        4 => Just(Step::Commit),
        2 => (0..6_000u16).prop_map(Step::Wait),
        1 => Just(Step::Panic),
        1 => Just(Step::GoCold),
    ]
}

fn id_of(ask: &Command) -> RequestId {
    match ask {
        Command::Reserve(reserve) => reserve.request.id,
        other => panic!("{other:?}"),
    }
}

/// Whether the run knows the request by what is in the log or in the group that is being filled.
fn remembers(world: &World, id: RequestId) -> bool {
    let live = world.shards.iter().find_map(|shard| shard.peek(world.run(0).id));
    let is = |known| known == id;
    live.is_some_and(|run| run.remembered().any(is))
        || world.past().runs.values().any(|run| run.remembered().any(is))
}

/// Requests that became holds, in the order of the log.
fn held(world: &World) -> impl Iterator<Item = RequestId> {
    world.past().events.into_iter().filter_map(|(_, _, event)| match event {
        berth_inventory::Event::Held { request, .. } => Some(request.id),
        _ => None,
    })
}

proptest! {
    #![proptest_config(cases(200))]

    /// Ids arrive, are fed, pushed and executed with anything in between; runs panic and go cold.
    #[test]
    fn no_id_on_its_way_or_in_effect_is_ever_refused_fast(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut world = World::new(1);
        let run = world.run(0);
        let (mut fed, mut queue) = (VecDeque::new(), VecDeque::new());
        let mut on_its_way = BTreeSet::new();
        for step in steps {
            match step {
                Step::Arrive(id) => {
                    let ask = Reserve { ttl: Millis(20_000), ..wish(u128::from(id), SMALL, 2) };
                    if world.front.fast_refusal(&run, &ask, world.now).is_some() {
                        let id = ask.request.id;
                        let mut under_way = fed.iter().chain(&queue);
                        prop_assert!(!under_way.any(|(ask, _)| id_of(ask) == id));
                        prop_assert!(!remembers(&world, id), "{id}");
                    } else {
                        on_its_way.insert(id);
                        let ask = Command::Reserve(ask);
                        let permit = world.front.permit_for(run.clone(), &ask).expect("few are asked");
                        fed.push_back((ask, permit));
                    }
                }
                Step::Push => queue.extend(fed.pop_front()),
                Step::Execute => {
                    if let Some((ask, permit)) = queue.pop_front() {
                        world.ask(&run, ask);
                        drop(permit);
                    }
                }
                Step::Commit => world.commit(),
                Step::Wait(ms) => world.tick(u64::from(ms)),
                Step::Panic => {
                    world.ask(&run, trap(1_000));
                    world.tick(40_000);
                    world.commit_all();
                }
                Step::GoCold => {
                    world.commit_all();
                    for _ in 0..3 {
                        world.tick(60_000);
                        world.commit_all();
                    }
                }
            }
            for id in &on_its_way {
                let id = RequestId(u128::from(*id));
                let under_way = fed.iter().chain(&queue).any(|(ask, _)| id_of(ask) == id);
                prop_assert!(run.filter.may_know(id) || !under_way && !remembers(&world, id));
            }
        }
        world.commit_all();
        world.check_settled();
        let mut ids = BTreeSet::new();
        for id in held(&world) {
            prop_assert!(ids.insert(id) || world.now.since(T0).0 > 600_000);
        }
    }
}
