//! What is always true of a run: numbered, one sentence and one function each.
//!
//! The same functions serve tests, `replay --verify` and the simulation. They read the records and
//! the rows by different ways than `apply` writes them, and collect every violation rather than
//! stop at the first. INV-9 (applying a run's events to a fresh run gives the same digest) needs the
//! events and so lives where they are: in the property tests here and in `replay`.

mod lists;

use core::fmt;

use hashbrown::HashSet;

use crate::gaps::GapIndex;
use crate::record::{Seat, SeatState};
use crate::register::{Found as Kept, RequestKind};
use crate::run::Run;
use crate::{BerthIndex, HoldId, LegMask, LegRange, PNR_BLOCK, PoolIndex, RequestId};

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its number: `1` is INV-1.
    pub number: u8,
    /// What was found, with both operands.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INV-{}: {}", self.number, self.found)
    }
}

type Found = Vec<String>;
type Law = fn(&Run) -> Found;

/// Every invariant that one state can show, by number.
const CATALOGUE: &[(u8, Law)] = &[
    (1, no_berth_twice),
    (2, conservation),
    (3, inside_the_route),
    (4, rows_are_the_records),
    (5, booking_numbers),
    (6, request_ids),
    (7, indexes_are_the_rows),
    (8, outside_coaches),
    (10, ends),
    (11, deadlines),
    (12, lists_are_the_records),
    (13, nobody_waits_in_vain),
];

/// Checks them all.
pub(crate) fn check(run: &Run) -> Vec<Violation> {
    let of = |(number, law): &(u8, Law)| {
        let number = *number;
        law(run).into_iter().map(move |found| Violation { number, found })
    };
    CATALOGUE.iter().flat_map(of).collect()
}

fn berths(run: &Run) -> impl Iterator<Item = BerthIndex> {
    (0..run.plan.places().len() as u16).map(BerthIndex)
}

/// A berth somebody holds or has booked.
struct Allocation {
    hold: HoldId,
    legs: LegRange,
    berth: BerthIndex,
    state: SeatState,
}

/// Every passenger with a berth who is held or confirmed.
fn allocations(run: &Run) -> Vec<Allocation> {
    let live = |state| matches!(state, SeatState::Held | SeatState::Confirmed);
    let of = |record: &Kept<'_>| -> Vec<Allocation> {
        let (hold, legs) = (record.hold, record.legs);
        let seats = record.seats().filter(|seat| live(seat.state));
        let one =
            |seat: Seat| Some(Allocation { hold, legs, berth: seat.berth?, state: seat.state });
        seats.filter_map(one).collect()
    };
    run.register.sorted().iter().flat_map(of).collect()
}

/// INV-1: no berth carries two live allocations on one leg.
fn no_berth_twice(run: &Run) -> Found {
    let mut taken = vec![LegMask::EMPTY; run.plan.places().len()];
    let mut found = Found::new();
    for Allocation { hold, legs, berth, .. } in allocations(run) {
        let mask = &mut taken[berth.0 as usize];
        if mask.intersects(legs.mask()) {
            found.push(format!("berth {berth} of hold {hold} is allocated twice on stops {legs}"));
        }
        mask.0 |= legs.mask().0;
    }
    found
}

/// INV-2: on every leg, berths free and blocked in the rows and allocations held and sold in the
/// records make up the capacity.
fn conservation(run: &Run) -> Found {
    let capacity = run.plan.places().len();
    let legs = usize::from(run.plan.route().to);
    let (mut held, mut sold) = (vec![0; legs], vec![0; legs]);
    for allocation in allocations(run) {
        let counts = if allocation.state == SeatState::Held { &mut held } else { &mut sold };
        let trip = allocation.legs;
        let (from, to) = (usize::from(trip.from), usize::from(trip.to).min(legs));
        counts[from..to].iter_mut().for_each(|count| *count += 1);
    }
    let mut found = Found::new();
    for (leg, (held, sold)) in held.into_iter().zip(sold).enumerate() {
        let on = |mask: LegMask| mask.0 >> leg & 1 == 1;
        let free = berths(run).filter(|berth| !on(run.rows.taken(*berth))).count();
        let blocked = berths(run).filter(|berth| on(run.rows.blocked(*berth))).count();
        if free + held + sold + blocked != capacity {
            found.push(format!(
                "leg {leg}: {free} free + {held} held + {sold} sold + {blocked} blocked \
                 is not {capacity}"
            ));
        }
    }
    found
}

/// INV-3: every mask stays inside the route.
fn inside_the_route(run: &Run) -> Found {
    let route = run.plan.route().mask();
    let outside = |berth: &BerthIndex| run.rows.taken(*berth).0 & !route.0 != 0;
    let rows = berths(run).filter(outside).map(|berth| {
        format!("berth {berth} is taken on {:?}, the route is {route:?}", run.rows.taken(berth))
    });
    let records = run.register.sorted().into_iter();
    let records = records.filter(|record| !run.plan.route().contains(record.legs));
    rows.chain(records.map(|r| format!("hold {} rides stops {}", r.hold, r.legs))).collect()
}

/// INV-4: the rows say of every berth exactly what the records say.
fn rows_are_the_records(run: &Run) -> Found {
    let mut said = vec![(0u128, 0u128); run.plan.places().len()];
    for Allocation { legs, berth, state, .. } in allocations(run) {
        let (held, sold) = &mut said[berth.0 as usize];
        *(if state == SeatState::Held { held } else { sold }) |= legs.mask().0;
    }
    let rows = |berth: BerthIndex| (run.rows.held(berth).0, run.rows.sold(berth).0);
    berths(run)
        .zip(said)
        .filter(|(berth, said)| rows(*berth) != *said)
        .map(|(berth, said)| {
            let rows = rows(berth);
            format!("berth {berth}: rows say held and sold are {rows:x?}, records say {said:x?}")
        })
        .collect()
}

/// INV-5: every booking number is unique and was given from a leased block, in order.
fn booking_numbers(run: &Run) -> Found {
    let mut numbers: Vec<u64> = (run.register.sorted().into_iter())
        .flat_map(|record| run.register.bookings_of(&record).map(|booking| booking.pnr.0))
        .collect();
    numbers.sort_unstable();
    let mut leased: Vec<u64> = Vec::new();
    let bookings = &run.register.bookings;
    for (place, block) in bookings.blocks.iter().enumerate() {
        let last = place + 1 == bookings.blocks.len();
        let given = if last { bookings.given() } else { PNR_BLOCK };
        let first = u64::from(*block) * PNR_BLOCK;
        leased.extend(first..first + given);
    }
    leased.sort_unstable();
    let mapped = bookings.len();
    if numbers == leased && mapped == numbers.len() {
        return Found::new();
    }
    let (booked, given) = (numbers.len(), leased.len());
    vec![format!(
        "{booked} bookings, {given} numbers given, {mapped} mapped; they are not the same"
    )]
}

/// INV-6: the request map knows exactly the ids that the records carry.
fn request_ids(run: &Run) -> Found {
    let mut carried: HashSet<RequestId> = HashSet::new();
    let mut found = Found::new();
    for record in run.register.sorted() {
        let reserve = [(record.request(), RequestKind::Reserve)].into_iter();
        let extend = record.extends().iter().map(|mark| (*mark, RequestKind::Extend));
        let booked = run.register.bookings_of(&record);
        let confirm = booked.map(|b| (b.request, RequestKind::Confirm));
        for (mark, kind) in reserve.chain(extend).chain(confirm) {
            if !carried.insert(mark.id) {
                found.push(format!("request {} took effect twice", mark.id));
            }
            let known = run.register.request(mark.id);
            let hold = |at| run.register.look(at, |card| card.hold);
            let known = known.map(|(kind, digest, at)| (kind, digest, hold(at)));
            if known != Some((kind, mark.digest, record.hold)) {
                found.push(format!("request {} of hold {} is not mapped", mark.id, record.hold));
            }
        }
    }
    let holds = run.register.count();
    let mapped = run.register.ids().saturating_sub(holds);
    if mapped != carried.len() {
        found.push(format!("{mapped} requests mapped, {} carried by records", carried.len()));
    }
    found
}

/// INV-7: an index that was built counts what the rows show.
fn indexes_are_the_rows(run: &Run) -> Found {
    let mut found = Found::new();
    for (pool, index) in run.indexes.iter().enumerate() {
        let Some(index) = index else { continue };
        let fresh = GapIndex::build(PoolIndex(pool as u8), &run.rows, &run.plan);
        let route = run.plan.route();
        let trips = (0..route.to).flat_map(|from| (from + 1..=route.to).map(move |to| (from, to)));
        for legs in trips.map(|(from, to)| LegRange { from, to }) {
            let (kept, built) = (index.free(legs), fresh.free(legs));
            if kept != built {
                found.push(format!("pool {pool}, stops {legs}: {kept} kept, {built} in the rows"));
            }
        }
    }
    found
}

/// INV-8: a berth is blocked on every leg on which its coach does not run.
fn outside_coaches(run: &Run) -> Found {
    let route = run.plan.route().mask();
    let open = |berth: &BerthIndex| {
        let outside = route.0 & !run.plan.berth_legs(*berth).mask().0;
        run.rows.blocked(*berth).0 & outside != outside
    };
    berths(run)
        .filter(open)
        .map(|berth| format!("berth {berth} is for sale where its coach does not run"))
        .collect()
}

/// INV-10: a record has ended exactly when it keeps nobody, and is past exactly when it ended
/// without a booking; those that are past stand in the order of their ends.
fn ends(run: &Run) -> Found {
    let mut found = Found::new();
    let mut live = 0;
    for (_, record) in run.register.standing() {
        let keeps = !record.in_state(SeatState::Held).is_empty();
        if keeps != record.is_live() {
            found.push(format!(
                "hold {} keeps somebody: {keeps}, ended: {:?}",
                record.hold,
                record.ended()
            ));
        }
        live += usize::from(record.is_live());
        if !record.is_live() && !record.is_booked() {
            found.push(format!("hold {} ended without a booking and is not past", record.hold));
        }
    }
    if live != run.register.live {
        found.push(format!("{live} live records, {} counted", run.register.live));
    }
    let mut last = None;
    for record in run.register.past() {
        let at = record.ended().map(|ended| ended.at);
        if !record.in_state(SeatState::Held).is_empty() || at < last {
            found.push(format!(
                "hold {} is past, ended: {at:?}, the one before it: {last:?}",
                record.hold
            ));
        }
        last = at;
    }
    found
}

/// INV-11: the next deadline is the earliest of the live holds.
fn deadlines(run: &Run) -> Found {
    let (kept, earliest) = (run.next_deadline(), run.deadlines().map(|(_, at)| at).min());
    if kept == earliest {
        return Found::new();
    }
    vec![format!("the next deadline is kept as {kept:?}, the earliest is {earliest:?}")]
}

/// INV-12: a list has exactly those whom the records put there, in the order of their numbers; none
/// was given twice, none of a booked passenger is above the highest printed; who is on a RAC list has
/// a half of its pool, who waits has no berth.
fn lists_are_the_records(run: &Run) -> Found {
    lists::are_the_records(run)
}

/// INV-13: after a command nothing is free that somebody on a list would get.
fn nobody_waits_in_vain(run: &Run) -> Found {
    let due = run.promotion_due();
    due.iter().map(|due| format!("a promotion is due and not made: {due:?}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::{Card, Seated};
    use crate::register::NONE;
    use crate::tests::table::check_on;
    use crate::tests::world::World;
    use crate::{RequestMark, UnixMillis};

    type Break = fn(&mut Run);

    const H1: HoldId = HoldId(1);
    const H2: HoldId = HoldId(2);
    const H5: HoldId = HoldId(5);

    /// Ways to break a run, and the laws that must notice.
    const BREAKS: &[(&[u8], Break)] = &[
        (&[1, 4], |run| {
            let berth = card(run, H2).party()[0].berth();
            let Seat { passenger, state, .. } = card(run, H1).party()[0].seat();
            card(run, H1).party_mut()[0] = Seated::new(passenger, berth, state);
        }),
        (&[2, 3, 4], |run| card(run, H1).legs.to = 9),
        (&[2, 4], |run| run.rows.hold(BerthIndex(40), LegMask(1))),
        (&[4], |run| run.rows.sell(BerthIndex(0), LegMask(3))),
        (&[5], |run| run.register.bookings.blocks.push(9)),
        (&[5, 6], |run| card(run, H2).booking = NONE),
        (&[6], |run| run.register.lose_request(H1)),
        (&[6], |run| {
            let other = RequestMark { id: RequestId(9), digest: 9 };
            card(run, H2).add_extend(other);
        }),
        (&[2, 4, 7], |run| run.rows.hold(BerthIndex(100), LegMask(2))),
        (&[7, 8], |run| run.rows.unblock(BerthIndex(100), LegMask(1))),
        (&[2, 4, 10], |run| card(run, H1).party_mut()[0].set(SeatState::Released)),
        (&[10], |run| run.register.live += 1),
        (&[10], |run| card(run, H2).end(UnixMillis(0), SeatState::Confirmed)),
        (&[2, 4, 10, 11], |run| {
            let at = UnixMillis(1);
            let card = card(run, H1);
            card.party_mut()[0].set(SeatState::Released);
            card.end(at, SeatState::Released);
        }),
        (&[6, 10], |run| run.register.add_past(HoldId(9), UnixMillis(0))),
        (&[11], |run| card(run, H1).expires_at.0 -= 1),
        (&[12], |run| {
            card(run, H5).restand(2, None);
        }),
        (&[2, 4, 13], |run| run.rows.free(BerthIndex(0), LegMask(3))),
    ];

    fn card(run: &mut Run, hold: HoldId) -> &mut Card {
        run.register.card_mut(run.register.named(hold))
    }

    fn sound() -> World {
        let mut world = World::with_lists();
        check_on(
            &mut world,
            "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
             reserve b H2 3A GN S1..S3 M30 F30 => H2 B1-2:held B1-3:held until 300
             extend c H2 400 => H2 B1-2:held B1-3:held until 400
             confirm d H2 [1] keep => P256 1:B1-2:confirmed rest until 400
             reserve e H3 SL GN S2..S3 M30 => H3 S1-1:held until 300
             release f H3 => released 1
             reserve g H4 SL GN S2..S3 M30 => H4 S1-1:held until 300
             release h H4 => released 1
             reserve i H5 3A GN S1..S3 M30 M31 M32 wl ttl=900 => H5 B1-7:held(RAC1/1) B1-7:held(RAC2/2) \
                none:held(GNWL1/1) until 900",
        );
        world
    }

    #[test]
    fn every_law_notices_when_it_is_broken() {
        let mut noticed = std::collections::BTreeSet::new();
        for (place, (laws, damage)) in BREAKS.iter().enumerate() {
            let mut world = sound();
            assert_eq!(world.run.check(), []);
            damage(&mut world.run);
            let mut found: Vec<u8> = world.run.check().iter().map(|v| v.number).collect();
            found.dedup();
            assert_eq!(&found, laws, "break {place}: {:#?}", world.run.check());
            noticed.extend(found);
        }
        let all: Vec<u8> = CATALOGUE.iter().map(|(number, _)| *number).collect();
        assert_eq!(noticed.into_iter().collect::<Vec<_>>(), all, "a law without a test");
    }

    #[test]
    fn a_violation_says_its_number_and_what_was_found() {
        let mut world = sound();
        card(&mut world.run, H2).booking = NONE;
        let said = world.run.check()[0].to_string();
        assert_eq!(said, "INV-5: 0 bookings, 1 numbers given, 1 mapped; they are not the same");
    }
}
