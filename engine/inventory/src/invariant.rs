//! What is always true of a run: numbered, one sentence and one function each.
//!
//! The same functions serve tests, `replay --verify` and the simulation. They read the records and
//! the rows by different ways than `apply` writes them, and collect every violation rather than
//! stop at the first. INV-9 (applying a run's events to a fresh run gives the same digest) needs the
//! events and so lives where they are: in the property tests here and in `replay`.

use core::fmt;

use hashbrown::HashMap;

use crate::gaps::GapIndex;
use crate::record::{Record, SeatState};
use crate::register::{Remembered, RequestKind};
use crate::run::Run;
use crate::{BerthIndex, LegMask, LegRange, PNR_BLOCK, PoolIndex, RequestId};

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
    (0..run.plan.berths().len() as u16).map(BerthIndex)
}

/// Every passenger with a berth who is held or confirmed.
fn allocations(run: &Run) -> impl Iterator<Item = (&Record, BerthIndex, SeatState)> {
    let live = |state| matches!(state, SeatState::Held | SeatState::Confirmed);
    run.register.sorted().into_iter().flat_map(move |record| {
        let seats = record.party.iter().filter(move |seat| live(seat.state));
        seats.filter_map(move |seat| Some((record, seat.berth?, seat.state)))
    })
}

/// INV-1: no berth carries two live allocations on one leg.
fn no_berth_twice(run: &Run) -> Found {
    let mut taken = vec![LegMask::EMPTY; run.plan.berths().len()];
    let mut found = Found::new();
    for (record, berth, _) in allocations(run) {
        let mask = &mut taken[berth.0 as usize];
        if mask.intersects(record.legs.mask()) {
            let (hold, legs) = (record.hold, record.legs);
            found.push(format!("berth {berth} of hold {hold} is allocated twice on stops {legs}"));
        }
        mask.0 |= record.legs.mask().0;
    }
    found
}

/// INV-2: on every leg, free + held + sold + blocked berths make up the capacity.
fn conservation(run: &Run) -> Found {
    let capacity = run.plan.berths().len();
    let mut found = Found::new();
    for leg in 0..run.plan.route().to {
        let bit = 1u128 << leg;
        let on = |of: fn(&Run, BerthIndex) -> LegMask| {
            berths(run).filter(|berth| of(run, *berth).0 & bit != 0).count()
        };
        let held = on(|run, berth| run.rows.held(berth));
        let sold = on(|run, berth| run.rows.sold(berth));
        let blocked = on(|run, berth| run.rows.blocked(berth));
        let free = capacity - on(|run, berth| run.rows.taken(berth));
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
    let mut said = vec![(0u128, 0u128); run.plan.berths().len()];
    for (record, berth, state) in allocations(run) {
        let (held, sold) = &mut said[berth.0 as usize];
        *(if state == SeatState::Held { held } else { sold }) |= record.legs.mask().0;
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
        .flat_map(|record| record.bookings.iter().map(|booking| booking.pnr.0))
        .collect();
    numbers.sort_unstable();
    let mut leased: Vec<u64> = Vec::new();
    for (place, block) in run.pnr_blocks.iter().enumerate() {
        let last = place + 1 == run.pnr_blocks.len();
        let given = if last { run.pnr_next } else { PNR_BLOCK };
        let first = u64::from(*block) * PNR_BLOCK;
        leased.extend(first..first + given);
    }
    leased.sort_unstable();
    let mapped = run.register.by_pnr.len();
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
    let mut carried: HashMap<RequestId, Remembered> = HashMap::new();
    let mut found = Found::new();
    for record in run.register.sorted() {
        let reserve = [(record.request, RequestKind::Reserve)].into_iter();
        let extend = record.extend.iter().map(|mark| (**mark, RequestKind::Extend));
        let confirm = record.bookings.iter().map(|b| (b.request, RequestKind::Confirm));
        for (mark, kind) in reserve.chain(extend).chain(confirm) {
            let entry = Remembered { hold: record.hold, kind, digest: mark.digest };
            if carried.insert(mark.id, entry).is_some() {
                found.push(format!("request {} took effect twice", mark.id));
            }
            if run.register.by_request.get(&mark.id) != Some(&entry) {
                found.push(format!("request {} of hold {} is not mapped", mark.id, record.hold));
            }
        }
    }
    let mapped = run.register.by_request.len();
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

/// INV-10: a record has ended exactly when it keeps nobody, and stands in the ring exactly when
/// it ended without a booking, in the order of the ends.
fn ends(run: &Run) -> Found {
    let mut found = Found::new();
    let (mut live, mut unbooked) = (0, 0);
    for record in run.register.sorted() {
        let keeps = !record.in_state(SeatState::Held).is_empty();
        if keeps != record.is_live() {
            found.push(format!(
                "hold {} keeps somebody: {keeps}, ended: {:?}",
                record.hold, record.ended
            ));
        }
        live += usize::from(record.is_live());
        unbooked += usize::from(!record.is_live() && record.bookings.is_empty());
    }
    if live != run.register.live {
        found.push(format!("{live} live records, {} counted", run.register.live));
    }
    let ring: Vec<_> = (run.register.ended.iter())
        .map(|hold| run.register.get(*hold).and_then(|r| r.ended).map(|ended| ended.at))
        .collect();
    if ring.len() != unbooked || ring.contains(&None) || !ring.is_sorted() {
        found.push(format!("{unbooked} holds ended without a booking, the ring has {ring:?}"));
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
