//! Halves of berths and waiting lists by the rules: who stands where, who is next, what is left.
//!
//! A plain twin of what the machine does with lists: every list is the passengers on it in the order
//! of their numbers, and who is next is looked for among all of them, berth by berth.

use std::collections::BTreeSet;
use std::rc::Rc;

use berth_inventory::{BerthIndex, HoldId, PassengerSet, Reason, Reserve, SeatState, Standing};

use super::facts::Facts;
use super::state::{Cell, Hold, Seat, State};

/// Somebody on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// Their number.
    pub number: u32,
    /// Their hold.
    pub hold: HoldId,
    /// Their place in its party.
    pub passenger: u8,
}

/// One list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Who is on it, in the order of their numbers.
    pub places: Vec<Waiter>,
    /// The highest number that somebody left for a better place, or has on a ticket.
    pub highest: u32,
    /// Numbers given first to somebody who has paid since.
    pub tickets: BTreeSet<u32>,
}

impl List {
    /// The number of whoever comes next.
    pub fn next(&self) -> u32 {
        self.places.iter().map(|waiter| waiter.number).max().unwrap_or(0).max(self.highest) + 1
    }

    /// How many stand before and including a number.
    pub fn position(&self, number: u32) -> u16 {
        self.places.iter().filter(|waiter| waiter.number <= number).count() as u16
    }
}

/// Where a passenger who got no berth at first stood and stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What they were given first.
    pub booked: Standing,
    /// Where they stand.
    pub now: Option<Standing>,
}

/// What those of a party who need a berth get, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// So many a berth,
    pub berths: usize,
    /// then so many a half,
    pub halves: usize,
    /// and the others a number.
    pub waiting: usize,
}

/// Somebody for whom there is a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Who.
    pub waiter: Waiter,
    /// The pool of the place.
    pub pool: u8,
}

impl State {
    /// A list; nobody is on one that there is not.
    pub fn list(&self, list: u8) -> &[Waiter] {
        self.lists.get(usize::from(list)).map_or(&[], |list| &list.places)
    }

    fn legs_of(&self, waiter: &Waiter) -> (u8, u8) {
        self.holds.get(&waiter.hold).map_or((0, u8::MAX), |hold| hold.legs)
    }

    /// Who on a list rides no further than `legs`.
    pub fn inside(&self, list: Option<u8>, legs: (u8, u8)) -> Option<Waiter> {
        let rides = |waiter: &&Waiter| {
            let (from, to) = self.legs_of(waiter);
            legs.0 <= from && to <= legs.1
        };
        self.list(list?).iter().find(rides).copied()
    }

    /// Whether berths of the pool are kept from a journey for somebody who was first.
    pub fn is_overtaking(&self, facts: &Facts, pool: u8, legs: (u8, u8)) -> bool {
        let behind = &facts.pools[usize::from(pool)];
        !behind.first_that_fits
            && [behind.rac, behind.waiting].iter().any(|list| self.inside(*list, legs).is_some())
    }

    /// What a party would get of a pool that is open to it, or why nothing.
    pub fn shares(
        &self,
        facts: &Facts,
        ask: &Reserve,
        pool: u8,
        legs: (u8, u8),
    ) -> Result<Shares, Reason> {
        let asked = ask.party.iter().filter(|passenger| passenger.berth_required).count();
        let behind = &facts.pools[usize::from(pool)];
        let kept = self.is_overtaking(facts, pool, legs);
        let free = if kept { 0 } else { self.free(facts, pool, legs) };
        let berths = free.min(asked);
        if berths == asked {
            return Ok(Shares { berths, halves: 0, waiting: 0 });
        }
        let soft = ask.berths.is_empty() && !ask.conditions.preferences_are_hard;
        let (rac, waits) = (ask.conditions.rac, ask.conditions.waiting);
        let halves = match behind.halves {
            Some(pool) if soft && (rac || waits) && self.inside(behind.waiting, legs).is_none() => {
                self.free(facts, pool, legs).min(asked - berths)
            }
            _ => 0,
        };
        let waiting = asked - berths - halves;
        if waiting > 0 {
            let list = behind.waiting.filter(|_| soft && waits).ok_or(Reason::SoldOut)?;
            let limit = usize::from(facts.lists[usize::from(list)].limit);
            if self.list(list).len() + waiting > limit {
                return Err(Reason::WlFull);
            }
        }
        Ok(Shares { berths, halves, waiting })
    }

    /// Who is next of those who asked for a pool, if there is a place for them.
    pub fn due_in(&self, facts: &Facts, pool: u8) -> Option<Due> {
        let behind = &facts.pools[usize::from(pool)];
        let of = |list: Option<u8>| list.map_or(&[][..], |list| self.list(list));
        let line: Vec<Waiter> = [of(behind.rac), of(behind.waiting)].concat();
        let looked_at = if behind.first_that_fits { usize::MAX } else { 1 };
        let first = |line: &[Waiter], pool: u8| {
            let fits = |waiter: &&Waiter| self.free(facts, pool, self.legs_of(waiter)) > 0;
            let waiter = line.iter().take(looked_at).find(fits).copied()?;
            Some(Due { waiter, pool })
        };
        first(&line, pool).or_else(|| first(of(behind.waiting), behind.halves?))
    }

    /// Somebody waits though there is a place for them.
    pub fn due(&self, facts: &Facts) -> Option<Due> {
        if self.retired || self.lists.iter().all(|list| list.places.is_empty()) {
            return None;
        }
        (0..facts.pools.len() as u8).find_map(|pool| self.due_in(facts, pool))
    }

    fn seat_mut(&mut self, hold: HoldId, passenger: u8) -> Option<&mut Seat> {
        let record = self.holds.get_mut(&hold).map(Rc::make_mut)?;
        record.seats.get_mut(usize::from(passenger))
    }

    /// A passenger comes to a list.
    pub(super) fn join(&mut self, hold: HoldId, passenger: u8, standing: Standing) {
        let Some(seat) = self.seat_mut(hold, passenger) else { return };
        let booked = seat.listed.map_or(standing, |listed| listed.booked);
        seat.listed = Some(Listed { booked, now: Some(standing) });
        let paid = seat.state == SeatState::Confirmed;
        let Some(list) = self.lists.get_mut(usize::from(standing.list.0)) else { return };
        list.places.push(Waiter { number: standing.number, hold, passenger });
        list.places.sort_by_key(|waiter| waiter.number);
        if paid {
            list.highest = list.highest.max(standing.number);
        }
    }

    /// A passenger stands on no list any more; where they stood.
    pub(super) fn leave(&mut self, hold: HoldId, passenger: u8) -> Option<Standing> {
        let stood = self.seat_mut(hold, passenger)?.listed.as_mut()?.now.take()?;
        let list = self.lists.get_mut(usize::from(stood.list.0))?;
        list.places.retain(|waiter| (waiter.hold, waiter.passenger) != (hold, passenger));
        Some(stood)
    }

    /// Passengers have paid: their numbers are on tickets.
    pub(super) fn print(&mut self, hold: &Hold, who: PassengerSet) {
        for seat in who.iter().filter_map(|place| hold.seats.get(place)) {
            let Some(listed) = seat.listed else { continue };
            if let Some(list) = self.lists.get_mut(usize::from(listed.booked.list.0)) {
                list.tickets.insert(listed.booked.number);
            }
            let Some(now) = listed.now else { continue };
            if let Some(list) = self.lists.get_mut(usize::from(now.list.0)) {
                list.highest = list.highest.max(now.number);
            }
        }
    }

    /// A passenger gets a better place.
    pub(super) fn promote(
        &mut self,
        facts: &Facts,
        hold: HoldId,
        passenger: u8,
        berth: BerthIndex,
        to: Option<Standing>,
    ) {
        let Some(record) = self.holds.get(&hold).cloned() else { return };
        let Some(seat) = record.seats.get(usize::from(passenger)) else { return };
        if let Some(half) = seat.berth {
            self.set(facts, half, record.legs, Cell::Free);
        }
        let paid = seat.state == SeatState::Confirmed;
        let cell = if paid { Cell::Sold(hold) } else { Cell::Held(hold) };
        self.set(facts, berth.0, record.legs, cell);
        if let Some(seat) = self.seat_mut(hold, passenger) {
            seat.berth = Some(berth.0);
        }
        if let Some(stood) = self.leave(hold, passenger)
            && let Some(list) = self.lists.get_mut(usize::from(stood.list.0))
        {
            list.highest = list.highest.max(stood.number);
        }
        if let Some(standing) = to {
            self.join(hold, passenger, standing);
        }
    }
}
