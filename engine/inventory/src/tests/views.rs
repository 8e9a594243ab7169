//! What a run says of itself to those who look, as of its last event.

use super::table::check_on;
use super::world::{DAY, World};
use crate::{BerthLegs, HoldId, PassengerSet, Pnr, PoolIndex, SeatState, UnixMillis};

#[test]
fn a_run_says_what_it_is_in() {
    let mut world = World::new();
    assert_eq!((world.run.live_holds(), world.run.sale_closed()), (0, 0));
    assert_eq!((world.run.next_deadline(), world.run.first_due()), (None, None));
    check_on(
        &mut world,
        "@0 reserve a H1 3A GN S1..S3 M30 F31 => H1 B1-1:held B1-2:held until 300
         @1 reserve b H2 3A GN S1..S3 M30 => H2 B1-3:held until 301
         @2 extend c H1 900 => H1 B1-1:held B1-2:held until 900
         confirm d H1 [1] keep => P256 1:B1-1:confirmed rest until 900
         close-sale e 3A TQ => pools 0b100",
    );
    let run = &world.run;
    let at = |seconds: u64| UnixMillis(DAY + seconds * 1_000);
    assert_eq!(run.live_holds(), 2);
    assert_eq!(run.first_due(), Some((HoldId(2), at(301))));
    assert_eq!(run.next_deadline(), Some(at(301)));
    let mut deadlines: Vec<_> = run.deadlines().collect();
    deadlines.sort_unstable();
    assert_eq!(deadlines, [(HoldId(1), at(900)), (HoldId(2), at(301))]);
    assert_eq!(run.sale_closed(), 0b100);

    let hold = run.hold_view(HoldId(1)).expect("it is there");
    let states: Vec<SeatState> = hold.party.iter().map(|seat| seat.state).collect();
    assert_eq!(states, [SeatState::Confirmed, SeatState::Held]);
    assert_eq!((hold.hold, hold.bookings), (HoldId(1), vec![Pnr(256)]));
    assert_eq!(run.hold_view(HoldId(3)), None);
    let booking = run.booking_view(Pnr(256)).expect("it is there");
    let booked: Vec<u8> = booking.party.iter().map(|(place, _)| *place).collect();
    assert_eq!((booking.hold, booked), (HoldId(1), vec![0]));
    assert_eq!(run.booking_view(Pnr(257)), None, "the next number is nobody's");
}

#[test]
fn a_run_in_figures_adds_up() {
    let mut world = World::new();
    check_on(
        &mut world,
        "@0 reserve a H1 3A GN S1..S3 M30 F31 => H1 B1-1:held B1-2:held until 300
         confirm b H1 [1] keep => P256 1:B1-1:confirmed rest until 300
         reserve c H2 3A GN S1..S3 M30 => H2 B1-3:held until 300
         close-sale d 3A TQ => pools 0b100
         block e B1-72 S2..S4 => berths B1-72",
    );
    let run = &world.run;
    assert!(!run.is_extra());
    let summary = run.summary();
    assert_eq!((summary.live_holds, summary.bookings, summary.remembered), (2, 1, 3));
    // The sleeper does not run on the first of three legs.
    let all =
        BerthLegs { capacity: 152 * 3, free: 456 - 4 - 2 - 82, held: 4, sold: 2, blocked: 82 };
    assert_eq!(summary.berth_legs, all);
    let pools = summary.pools.iter();
    let pools: Vec<_> =
        pools.map(|pool| (pool.berths, pool.free_throughout, pool.closed)).collect();
    assert_eq!(pools, [(3, 0, false), (65, 64, false), (4, 4, true), (80, 0, false)]);
    assert_eq!(run.free(PoolIndex(3), crate::LegRange { from: 1, to: 3 }), 80);
}

/// Passengers of a party are told apart up to the last one of a byte.
#[test]
fn a_set_of_passengers_is_who_was_put_in() {
    for index in 0..8 {
        let set = PassengerSet::NONE.with(index);
        assert_eq!((0..9).filter(|i| set.contains(*i)).collect::<Vec<_>>(), [index]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [index]);
        assert_eq!((set.count(), set.is_empty()), (1, false));
        let first = PassengerSet::first(index);
        assert_eq!(first.iter().collect::<Vec<_>>(), (0..index).collect::<Vec<_>>());
        assert_eq!(
            (first.or(set), first.and(set)),
            (PassengerSet::first(index + 1), PassengerSet::NONE)
        );
        assert_eq!(PassengerSet::first(8).without(first).count(), 8 - index);
    }
    assert!(PassengerSet::NONE.is_empty());
}
