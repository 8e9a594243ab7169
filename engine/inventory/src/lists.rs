//! Who waits for what: the orders behind pools whose berths are gone.
//!
//! A list of the plan is an order of passengers: those with a half of a shared berth (RAC), or with
//! a number and nothing else (a waiting list). A number is one more than the highest that a booked
//! passenger, somebody who left for a better place, or anybody on the list has, so that numbers rise
//! along the order, those of holds that end unpaid at its end are given again, and a number that is or
//! will be printed on a ticket never is. What
//! passengers are told is their position, which falls as those before them leave.
//! Only an index of what the cards say (INV-12), but for the highest number booked. Source: domain
//! 1.7; `RLWL13/WL10` is a booking number and a position.

use crate::register::Register;
use crate::{BerthIndex, HoldId, LegRange, ListIndex, Plan, Pnr};

/// A number on a list. It stays while its holder stands there; the position does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which list.
    pub list: ListIndex,
    /// The number, from 1.
    pub number: u32,
}

/// A passenger who had no berth of their own when they were held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// 0-based place in the party.
    pub passenger: u8,
    /// The booking status: the number that they were given first.
    pub booked: Standing,
    /// Where they stand now; `None` once they have a berth of their own, or left.
    pub now: Option<Standing>,
}

/// A passenger who got a better place because somebody else gave one back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promoted {
    /// Their hold.
    pub hold: HoldId,
    /// Their booking, if they have paid.
    pub pnr: Option<Pnr>,
    /// 0-based place in the hold's party.
    pub passenger: u8,
    /// Where they stood.
    pub from: Standing,
    /// What they have now: a berth, or a half of one.
    pub berth: BerthIndex,
    /// Where they stand now; `None` with a berth of their own.
    pub to: Option<Standing>,
}

/// One passenger on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) number: u32,
    pub(crate) card: u32,
    pub(crate) passenger: u8,
}

/// One list of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    /// By number, ascending.
    pub(crate) places: Vec<Place>,
    /// The highest number that a booked passenger was given, or that somebody had who left it for a
    /// better place: their ticket will show it, if they pay.
    pub(crate) printed: u32,
}

impl Order {
    /// The number that the next one gets.
    pub(crate) fn next(&self) -> u32 {
        // list-in-order
        let printed = if crate::planted!("number-given-again") { 0 } else { self.printed };
        self.places.last().map_or(0, |place| place.number).max(printed) + 1
    }

    /// How many stand before and including this number.
    pub(crate) fn position(&self, number: u32) -> u16 {
        self.places.partition_point(|place| place.number <= number) as u16
    }

    /// Somebody comes, last.
    pub(crate) fn join(&mut self, place: Place) {
        let last = self.places.last().map_or(0, |place| place.number);
        assert!(place.number > last, "number {} joins behind {last}", place.number);
        self.places.push(place);
    }

    /// Somebody leaves.
    pub(crate) fn leave(&mut self, number: u32) {
        let found = self.places.binary_search_by_key(&number, |place| place.number);
        let place = found.unwrap_or_else(|_| panic!("number {number} is not on the list"));
        self.places.remove(place);
    }
}

/// The lists of a run whose plan has any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    orders: Box<[Order]>,
    /// Since the last look something was given back that somebody may wait for. No part of the
    /// state: after every command all that can be promoted is.
    pub(crate) stirred: bool,
    /// Whom the command in hand promoted, for its answer.
    pub(crate) promoted: Vec<Promoted>,
}

impl Lists {
    /// The empty lists of a plan that has any.
    pub(crate) fn of(plan: &Plan) -> Option<Box<Self>> {
        if plan.lists().is_empty() {
            return None;
        }
        let orders = plan.lists().iter().map(|_| Order::default()).collect();
        Some(Box::new(Self { orders, ..Self::default() }))
    }

    pub(crate) fn order(&self, list: ListIndex) -> &Order {
        &self.orders[usize::from(list.0)]
    }

    pub(crate) fn order_mut(&mut self, list: ListIndex) -> &mut Order {
        &mut self.orders[usize::from(list.0)]
    }

    pub(crate) fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// How many stand on a list.
    pub(crate) fn len(&self, list: ListIndex) -> u16 {
        self.order(list).places.len() as u16
    }

    /// Whether somebody on the list rides no further than `legs`: what fits that journey fits them,
    /// and they were first.
    pub(crate) fn waits_inside(
        &self,
        list: ListIndex,
        legs: LegRange,
        register: &Register,
    ) -> bool {
        let inside = |place: &Place| legs.contains(register.card(place.card).legs);
        self.order(list).places.iter().any(inside)
    }

    /// A number that nobody gets again: its holder is booked, or has left it for a better place.
    pub(crate) fn print(&mut self, standing: Standing) {
        let order = self.order_mut(standing.list);
        order.printed = order.printed.max(standing.number);
    }
}
