//! Which run a request means, and which it cannot mean.

use berth_inventory::{Command, Date, HoldId, Pnr, Reason, Refusal, RunIndex, StopRef, UnixMillis};

use super::asking::*;
use super::{T0, World};
use crate::{Names, When};

const HOUR: u64 = 3_600_000;

fn today() -> Date {
    Date::from_days(20_000)
}

fn locate(world: &World, when: When, from: Option<StopRef>) -> Result<Date, Refusal> {
    let train = TRAIN.parse().unwrap();
    world.front.locate(train, when, from, world.now).map(|run| run.id.start_date)
}

#[test]
fn a_run_is_found_by_its_start_and_by_the_day_at_a_stop() {
    let world = World::new(1);
    let day = today().plus(3);
    for when in [When::Start(day), When::Board(day)] {
        assert_eq!(locate(&world, when, Some(StopRef::Sequence(2))), Ok(day));
        assert_eq!(locate(&world, when, None), Ok(day));
    }
    let stop = StopRef::Sequence(6);
    let unknown = locate(&world, When::Board(day), Some(stop)).unwrap_err();
    assert_eq!(unknown.reason(), Reason::UnknownStop);
    let train = "19999".parse().unwrap();
    let unknown = world.front.locate(train, When::Start(day), None, world.now);
    assert_eq!(unknown.unwrap_err(), Refusal::UnknownTrain { train });
}

#[test]
fn a_run_is_found_inside_the_window_and_named_outside() {
    let world = World::new(1);
    for (days, next) in [(-1, Some(0)), (61, None), (4_000, None)] {
        let day = today().plus(days);
        let refused = locate(&world, When::Start(day), None).unwrap_err();
        let next = next.map(|days| today().plus(days));
        let train = TRAIN.parse().unwrap();
        assert_eq!(refused, Refusal::RunNotScheduled { train, start_date: day, next });
    }
    for days in [0, 60] {
        assert!(locate(&world, When::Start(today().plus(days)), None).is_ok());
    }
}

#[test]
fn a_run_with_events_is_found_after_it_has_left_and_an_untouched_one_is_not() {
    let mut world = World::new(1);
    let touched = world.run(0);
    world.held(&touched, reserve(1, LARGE, 1));
    let refused = world.run(1);
    world.ask(&refused, release(1, HoldId(1)));
    world.now = UnixMillis(T0.0 + 40 * 24 * HOUR);
    let day = touched.id.start_date;
    assert_eq!(locate(&world, When::Start(day), None), Ok(day));
    let gone = locate(&world, When::Start(refused.id.start_date), None).unwrap_err();
    assert_eq!(gone.reason(), Reason::RunNotScheduled, "it only refused: it has no event");
}

#[test]
fn a_run_beyond_the_window_is_found_once_an_operator_created_it() {
    let mut world = World::new(1);
    let day = today().plus(90);
    let train = TRAIN.parse().unwrap();
    assert!(locate(&world, When::Start(day), None).is_err());
    let run = world.front.create(train, day, world.now).unwrap();
    assert!(locate(&world, When::Start(day), None).is_err(), "the order alone is nothing");
    world.ask(&run, Command::Create(mark(1)));
    world.settle();
    world.commit_all();
    assert_eq!(locate(&world, When::Start(day), None), Ok(day));
    let past = world.front.create(train, today().plus(-1), world.now).unwrap_err();
    assert_eq!(past.reason(), Reason::RunNotScheduled);
}

#[test]
fn a_hold_id_that_was_never_given_leads_nowhere() {
    let mut world = World::new(1);
    let run = world.run(0);
    let hold = world.held(&run, reserve(1, LARGE, 1));
    assert_eq!(world.front.by_hold(hold).unwrap().id, run.id);
    let untouched = world.run(1);
    world.ask(&untouched, release(1, HoldId(1)));
    let index = *untouched.index.get().unwrap();
    let elsewhere = Names::new(&[8; 32], 1);
    let later = Names::new(&[7; 32], 1_000);
    let wrong = [
        HoldId(0),
        HoldId(hold.0 ^ 1),
        HoldId(!hold.0),
        elsewhere.draw_hold(*run.index.get().unwrap()),
        later.draw_hold(*run.index.get().unwrap()),
        world.front.names.draw_hold(index),
        world.front.names.draw_hold(RunIndex(u32::MAX)),
        world.front.names.draw_hold(RunIndex(77)),
    ];
    for hold in wrong {
        let refused = world.front.by_hold(hold).map(|run| run.id);
        assert_eq!(refused, Err(Refusal::UnknownHold { hold }));
    }
}

#[test]
fn a_pnr_that_never_was_leads_nowhere() {
    let world = World::new(1);
    for digits in ["", "12345", "0123456789", "9999999999", "1000000000", "12345678901"] {
        let refused = world.front.by_pnr(digits).map(|(pnr, _)| pnr).unwrap_err();
        assert_eq!(refused.reason(), Reason::UnknownBooking, "{digits}");
    }
    let unleased = world.front.names.print_pnr(Pnr(0));
    assert!(world.front.by_pnr(&unleased).is_err());
}
