//! What runs say of holds, bookings, pools and berths, as messages.

use berth_engine::node::{BerthState, Names, RunTable};
use berth_inventory::{
    BerthIndex, BookingView, Date, LegRange, ListedView, PassengerSet, Plan, PoolIndex, SeatView,
    TravelClass,
};
#[cfg(test)]
use berth_inventory::{Freed, HoldView};
use berth_proto::v1;

use super::lists;
use super::names::{class, stop, timestamp};

/// A hold. Only its holder is shown it.
#[cfg(test)]
pub(super) fn hold(view: &HoldView, plan: &Plan, names: &Names) -> v1::Hold {
    let pool = plan.pool(view.pool);
    let party = view.party.iter().enumerate();
    v1::Hold {
        hold_id: view.hold.to_string(),
        train: view.run.train.to_string(),
        start_date: view.run.start_date.to_string(),
        date: boarding(plan, view.run.start_date, view.legs),
        travel_class: class(pool.class),
        quota: pool.quota.to_string(),
        from_stop: Some(stop(plan, view.legs.from)),
        to_stop: Some(stop(plan, view.legs.to)),
        created_at: Some(timestamp(view.created_at)),
        expires_at: Some(timestamp(view.expires_at)),
        allocations: party
            .map(|(place, seat)| allocation(plan, place, seat, view.listed.as_deref()))
            .collect(),
        reference: view.reference.as_ref().into(),
        pnrs: view.bookings.iter().map(|pnr| names.print_pnr(*pnr).to_string()).collect(),
    }
}

/// A booking.
pub(super) fn booking(view: &BookingView, plan: &Plan, names: &Names) -> v1::Booking {
    let pool = plan.pool(view.pool);
    let party = view.party.iter();
    v1::Booking {
        pnr: names.print_pnr(view.pnr).to_string(),
        hold_id: view.hold.to_string(),
        train: view.run.train.to_string(),
        start_date: view.run.start_date.to_string(),
        date: boarding(plan, view.run.start_date, view.legs),
        travel_class: class(pool.class),
        quota: pool.quota.to_string(),
        from_stop: Some(stop(plan, view.legs.from)),
        to_stop: Some(stop(plan, view.legs.to)),
        confirmed_at: Some(timestamp(view.confirmed_at)),
        allocations: party
            .map(|(place, seat)| {
                allocation(plan, usize::from(*place), seat, view.listed.as_deref())
            })
            .collect(),
        payment_reference: view.payment.as_ref().into(),
        reference: view.reference.as_ref().into(),
    }
}

/// Who got a better place.
#[cfg(test)]
pub(super) fn promoted(freed: &Freed, plan: &Plan, names: &Names) -> Vec<v1::Promotion> {
    freed.promoted.iter().map(|promoted| lists::promotion(plan, promoted, names)).collect()
}

/// Who was given back, as people count.
#[cfg(test)]
pub(super) fn freed(freed: &Freed) -> Vec<u32> {
    people(freed.passengers)
}

/// Places in a party as people count them, from 1.
pub(super) fn people(set: PassengerSet) -> Vec<u32> {
    set.iter().map(|place| place as u32 + 1).collect()
}

fn allocation(
    plan: &Plan,
    place: usize,
    seat: &SeatView,
    listed: Option<&[ListedView]>,
) -> v1::Allocation {
    let listed = lists::of(listed, place);
    v1::Allocation {
        list: listed.map(|listed| lists::status(plan, listed, seat.state)),
        ..placed(plan, place, seat.passenger, seat.berth, seat.state as i32)
    }
}

/// A passenger and the berth; `status` is a number of `AllocationStatus`.
pub(super) fn placed(
    plan: &Plan,
    place: usize,
    passenger: berth_inventory::Passenger,
    berth: Option<BerthIndex>,
    status: i32,
) -> v1::Allocation {
    let name = berth.map(|berth| plan.berth_name(berth));
    v1::Allocation {
        passenger: place as u32 + 1,
        status,
        berth_type: berth.map_or(0, |berth| plan.berth(berth).berth_type as i32),
        berth: name.as_ref().map_or(0, |name| name.number.into()),
        coach: name.map_or_else(String::new, |name| name.coach.into()),
        age_band: passenger.age as i32,
        sex: passenger.sex as i32,
        list: None,
    }
}

pub(super) fn boarding(plan: &Plan, start_date: Date, legs: LegRange) -> String {
    start_date.plus(plan.boarding_day_offset(legs.from)).to_string()
}

/// Every berth of a class, or of the whole train, on one journey. `states` is by `BerthIndex`.
pub(crate) fn berth_map(
    of: &RunTable,
    legs: LegRange,
    only: Option<TravelClass>,
    states: &[BerthState],
) -> v1::BerthMap {
    let plan = of.plan();
    let coach = |coach: &berth_inventory::Coach| {
        let cells = (coach.first.0..coach.first.0 + coach.count)
            .map(BerthIndex)
            .filter(|berth| only.is_none_or(|class| plan.berth(*berth).class == class))
            .map(|berth| cell(plan, berth, states[usize::from(berth.0)]));
        v1::CoachMap {
            coach: coach.id.as_str().into(),
            layout: coach.layout.as_ref().into(),
            from_stop: Some(stop(plan, coach.legs.from)),
            to_stop: Some(stop(plan, coach.legs.to)),
            berths: cells.collect(),
        }
    };
    let coaches = plan.coaches().iter().map(coach).filter(|coach| !coach.berths.is_empty());
    v1::BerthMap {
        train: plan.number().to_string(),
        start_date: of.id().start_date.to_string(),
        date: boarding(plan, of.id().start_date, legs),
        from_stop: Some(stop(plan, legs.from)),
        to_stop: Some(stop(plan, legs.to)),
        coaches: coaches.collect(),
    }
}

fn cell(plan: &Plan, index: BerthIndex, state: BerthState) -> v1::BerthCell {
    let berth = plan.berth(index);
    let state = match state {
        BerthState::Free => v1::BerthState::Free,
        BerthState::Held => v1::BerthState::Held,
        BerthState::Sold => v1::BerthState::Sold,
        BerthState::Blocked => v1::BerthState::Blocked,
    };
    v1::BerthCell {
        number: berth.number.into(),
        berth_type: berth.berth_type as i32,
        travel_class: class(berth.class),
        bay: berth.bay.into(),
        row: berth.row.into(),
        side: berth.side as i32,
        quota: plan.pool(berth.pool).quota.to_string(),
        state: state.into(),
    }
}

/// A pool by name.
fn pool_name(plan: &Plan, pool: PoolIndex) -> v1::PoolName {
    let pool = plan.pool(pool);
    v1::PoolName { travel_class: class(pool.class), quota: pool.quota.to_string() }
}

/// Pools by name, from bits.
pub(crate) fn pool_names(plan: &Plan, bits: u64) -> Vec<v1::PoolName> {
    let pools = (0..plan.pools().len() as u8).filter(|pool| bits >> pool & 1 == 1);
    pools.map(|pool| pool_name(plan, PoolIndex(pool))).collect()
}

/// Berths by name.
pub(super) fn berth_names(plan: &Plan, berths: &[BerthIndex]) -> Vec<v1::BerthName> {
    berths.iter().map(|berth| super::names::berth(plan.berth_name(*berth))).collect()
}

/// What a block or unblock touched.
pub(crate) fn berths_change(
    plan: &Plan,
    berths: &[BerthIndex],
    legs: LegRange,
) -> v1::BerthsChange {
    v1::BerthsChange {
        berths: berth_names(plan, berths),
        from_stop: Some(stop(plan, legs.from)),
        to_stop: Some(stop(plan, legs.to)),
    }
}
