//! A week goes by: runs are sold, leave, are forgotten by all but those who ask.

use std::sync::Arc;

use berth_inventory::{Command, Date};

use super::asking::*;
use super::{FIRST_DAY, World};
use crate::{Lane, When};

const DAY_MS: u64 = 86_400_000;

/// Entries that the one train has.
fn entries(world: &World) -> usize {
    world.front.directory.train(TRAIN.parse().unwrap()).unwrap().runs().len()
}

#[test]
fn runs_of_a_week_ago_are_names_only_and_still_answer() {
    let mut world = World::new(2);
    let mut sold = Vec::new();
    for day in 0..7 {
        let run = world.run(day);
        let hold = world.held(&run, reserve(1, LARGE, 2));
        let ticket = world.ask(&run, confirm(2, hold));
        world.commit();
        let booking = world.booking(ticket).clone();
        sold.push((run.id, hold, booking));
    }
    assert_eq!(entries(&world), 7);
    // Somebody has the first in his hand all the time, and the second is out of service.
    let watched = world.run(0);
    world.run(1).refused.store(Some(Arc::new("damaged".into())));
    world.forget_asked();
    let mut left = Vec::new();
    for today in 0..10u64 {
        let noon = 20_000 + u64::try_from(FIRST_DAY - 20_000).unwrap() + today;
        let ms = noon * DAY_MS + DAY_MS / 2 - world.now.0;
        // The runs rest, a snapshot each.
        world.tick(ms);
        world.commit_all();
        for _ in 0..50 {
            world.tick(1_000);
            world.commit_all();
        }
        let today = world.front.calendar.today(world.now);
        world.front.directory.let_go_of_the_past(today);
        left.push(entries(&world));
    }
    // The train arrives on its day; one day more, and it goes.
    assert_eq!(left, [7, 7, 7, 7, 6, 5, 4, 3, 2, 2]);
    assert_eq!(world.shards.iter().map(|shard| shard.stats().live).sum::<usize>(), 0);
    world.run(1).refused.store(None);
    let train = world.front.directory.train(TRAIN.parse().unwrap()).unwrap();
    let first = Date::from_days(FIRST_DAY);
    assert_eq!(train.span(), Some((first, first.plus(6))));
    assert!(Arc::ptr_eq(&watched, &world.front.by_hold(sold[0].1).unwrap()), "one entry of a run");

    // By number, by name, by booking: all lead to the one run, which says what it said.
    for (id, hold, booking) in &sold {
        let found = world.front.by_hold(*hold).unwrap();
        let when = When::Start(id.start_date);
        let named = world.front.locate(id.train, when, None, world.now).unwrap();
        let printed = world.front.names.print_pnr(booking.pnr);
        let (pnr, booked) = world.front.by_pnr(&printed).unwrap();
        assert!(Arc::ptr_eq(&found, &named) && Arc::ptr_eq(&found, &booked));
        assert_eq!((found.id, pnr), (*id, booking.pnr));
        let asked = world.ask(&found, Command::GetBooking(pnr));
        let again = world.ask(&found, confirm(2, *hold));
        world.commit_all();
        assert_eq!(world.booking(asked), booking);
        assert_eq!(world.booking(again), booking, "a retry gets the first answer");
    }
    assert_eq!((entries(&world), world.check_settled()), (7, 7));

    // They leave again; an answer under way keeps its run.
    world.forget_asked();
    drop(watched);
    let today = world.front.calendar.today(world.now);
    assert_eq!(world.front.directory.let_go_of_the_past(today), 0, "they are live");
    for _ in 0..70 {
        world.tick(1_000);
    }
    let permit = world.front.permit(world.front.by_hold(sold[3].1).unwrap(), Lane::Take).unwrap();
    assert_eq!(world.front.directory.let_go_of_the_past(today), 6);
    drop(permit);
    assert_eq!(world.front.directory.let_go_of_the_past(today), 1);
    assert_eq!(entries(&world), 0);
    assert_eq!(world.check_published(), 7);
}
