//! The only writer. An event is a fact: applying it cannot fail.
//!
//! Asserts state what `decide` has made sure of. One that fires while a journal is replayed means
//! that the journal was not written by this machine or is damaged in a way its checks missed; the
//! caller catches the panic and refuses the run by name.

mod lists;

use crate::card::{Card, Made, Seated};
use crate::event::Event;
use crate::promote::pool_of;
use crate::record::SeatState;
use crate::register::Booked;
use crate::rows::Rows;
use crate::run::{Changes, Run};
use crate::{
    BerthIndex, HOLD_LIFE_MAX_MS, HeldPassenger, HoldId, LegMask, LegRange, Millis, PassengerSet,
    Pnr, PoolIndex, Rest, UnixMillis,
};

impl Run {
    /// Applies one event: one version more. `at` is the stamp it stands under in the journal.
    pub fn apply(&mut self, event: &Event, at: UnixMillis, changes: &mut Changes) {
        // A clock that was set back between two runs of the node must not turn time round here.
        let at = at.max(self.last_at);
        match event {
            Event::RunCreated(created) => {
                panic!("run {} was created before; it is made by Run::new", created.run)
            }
            Event::Held { hold, request, pool, legs, party, expires_at, reference } => {
                for berth in party.iter().filter_map(|seat| seat.berth) {
                    let pool =
                        if self.plan.is_half(berth) { pool_of(&self.plan, berth) } else { *pool };
                    self.hold(berth, pool, *legs, changes);
                }
                let (hold, request, pool, legs) = (*hold, *request, *pool, *legs);
                let expires_at = *expires_at;
                let made = Made { hold, request, pool, legs, created_at: at, expires_at };
                let seat = |p: &HeldPassenger| Seated::new(p.passenger, p.berth, SeatState::Held);
                self.register.open(made, party.iter().map(seat), reference);
                changes.holds = true;
            }
            Event::Confirmed { hold, request, pnr, passengers, rest, payment } => {
                let booking = Booked {
                    pnr: *pnr,
                    request: *request,
                    passengers: *passengers,
                    payment,
                    confirmed_at: at,
                    cancelled_at: None,
                };
                let card = self.register.named(*hold);
                self.confirm(card, &booking, *rest, changes);
                self.register.end_if_empty(card, at, SeatState::Confirmed);
            }
            Event::Extended { hold, request, expires_at } => {
                let card = self.register.named(*hold);
                // first-answer
                let stays = crate::planted!("extend-without-effect");
                let old = self.register.card(card).expires_at;
                self.register.extend(card, *request, if stays { old } else { *expires_at });
                changes.holds = true;
            }
            Event::Released { hold, passengers } => {
                let card = self.register.named(*hold);
                self.give_back(card, *passengers, SeatState::Released, changes);
                self.register.card_mut(card).release(at);
                self.register.end_if_empty(card, at, SeatState::Released);
            }
            Event::Expired { hold } => self.expire(self.register.named(*hold), at, changes),
            Event::HoldsExtended { until, as_of, span } => {
                self.grant_grace(*until, *as_of, *span);
                changes.holds = true;
            }
            Event::Cancelled { pnr, passengers } => {
                self.cancel(*pnr, *passengers, at, changes);
            }
            Event::PnrBlockLeased { block } => {
                self.register.bookings.lease(*block);
            }
            Event::SaleSet { pools, open } => {
                self.closed = if *open { self.closed & !pools } else { self.closed | pools };
                changes.sale = true;
            }
            Event::BerthsBlocked { berths, legs } => self.block(berths, *legs, changes),
            Event::BerthsUnblocked { berths, legs } => self.unblock(berths, *legs, changes),
            Event::RunRetired => {
                self.retire(at, changes);
                changes.sale = true;
            }
            Event::Listed { hold, places } => self.list(*hold, places, changes),
            Event::Promoted { hold, passenger, berth, standing } => {
                self.reseat(*hold, usize::from(*passenger), *berth, *standing, changes);
            }
        }
        self.register.settle(at);
        // log-exact
        let same = crate::planted!("version-not-raised") && matches!(event, Event::Extended { .. });
        self.version = if same { self.version } else { self.version.next() };
        self.last_at = at;
    }

    // The doors to the rows: each keeps the pool's index and the list of changes with them.

    #[inline]
    fn hold(&mut self, berth: BerthIndex, pool: PoolIndex, legs: LegRange, changes: &mut Changes) {
        // berth-leg-once
        let short = crate::planted!("leg-off-by-one") && legs.len() > 1;
        let legs = LegRange { to: legs.to - u8::from(short), ..legs };
        let before = self.rows.hold_trip(berth, legs);
        if let Some(index) = &mut self.indexes[usize::from(pool.0)] {
            index.take(berth, legs, before);
        }
        changes.berths.push(berth);
    }

    #[inline]
    fn free_up(
        &mut self,
        berth: BerthIndex,
        pool: PoolIndex,
        legs: LegRange,
        changes: &mut Changes,
    ) {
        let after = self.rows.free_trip(berth, legs);
        if let Some(index) = &mut self.indexes[usize::from(pool.0)] {
            index.give(berth, legs, after);
        }
        changes.berths.push(berth);
        self.stir();
    }

    /// Somebody may wait for what was just given back.
    #[inline]
    fn stir(&mut self) {
        if let Some(lists) = &mut self.lists {
            lists.stirred = true;
        }
    }

    /// What is out of sale is changed.
    fn change(
        &mut self,
        berth: BerthIndex,
        changes: &mut Changes,
        write: impl FnOnce(&mut Rows, BerthIndex),
    ) {
        let before = self.rows.taken(berth);
        write(&mut self.rows, berth);
        let after = self.rows.taken(berth);
        if let Some(index) = &mut self.indexes[usize::from(self.plan.berth(berth).pool.0)] {
            index.update(berth, before, after);
        }
        changes.berths.push(berth);
    }

    /// Held passengers lose their berths.
    fn give_back(
        &mut self,
        card: u32,
        passengers: PassengerSet,
        state: SeatState,
        changes: &mut Changes,
    ) {
        let record = self.register.card(card);
        let (pool, legs, listed) = (record.pool, record.legs, record.is_listed());
        for index in passengers.iter() {
            let record = self.register.card_mut(card);
            // conservation
            let keeps = crate::planted!("berth-not-freed");
            if let Some(berth) = record.mark(index, SeatState::Held, state).filter(|_| !keeps) {
                let pool = if listed { pool_of(&self.plan, berth) } else { pool };
                self.free_up(berth, pool, legs, changes);
            }
            // list-in-order
            if listed && !crate::planted!("waits-after-leaving") {
                self.leave_list(card, index, changes);
            }
        }
        changes.holds = true;
    }

    fn confirm(&mut self, card: u32, booking: &Booked<'_>, rest: Rest, changes: &mut Changes) {
        let next = self.register.bookings.next();
        assert_eq!(Some(booking.pnr), next, "PNR numbers are given in order");
        for index in booking.passengers.iter() {
            let record = self.register.card_mut(card);
            let legs = record.legs;
            if let Some(berth) = record.mark(index, SeatState::Held, SeatState::Confirmed) {
                self.rows.sell_trip(berth, legs);
                changes.berths.push(berth);
            }
        }
        if self.register.card(card).is_listed() {
            self.print_numbers(card, booking.passengers);
        }
        self.register.book(card, booking);
        if rest == Rest::Released {
            let others = self.register.card(card).in_state(SeatState::Held);
            if !others.is_empty() {
                self.give_back(card, others, SeatState::Released, changes);
                self.register.card_mut(card).release(booking.confirmed_at);
            }
        }
        changes.holds = true;
    }

    fn expire(&mut self, card: u32, at: UnixMillis, changes: &mut Changes) {
        let record = self.register.card(card);
        let held = record.in_state(SeatState::Held);
        assert!(!held.is_empty(), "hold {} keeps nobody and cannot expire", record.hold);
        self.give_back(card, held, SeatState::Expired, changes);
        self.register.end_if_empty(card, at, SeatState::Expired);
    }

    fn grant_grace(&mut self, until: UnixMillis, as_of: UnixMillis, span: Millis) {
        // Each hold for itself, so the order of the cards is not seen.
        let granted: Vec<(u32, UnixMillis)> = (self.register.standing())
            .filter_map(|(card, record)| Some((card, grace(record, until, as_of, span)?)))
            .collect();
        for (card, deadline) in granted {
            self.register.postpone(card, deadline);
        }
    }

    fn cancel(
        &mut self,
        pnr: Pnr,
        passengers: PassengerSet,
        at: UnixMillis,
        changes: &mut Changes,
    ) {
        let place = self.register.bookings.place(pnr);
        let place = place.unwrap_or_else(|| panic!("an event names booking {pnr:?}: unknown"));
        let booked = self.register.bookings.at(place).passengers;
        assert!(passengers.without(booked).is_empty(), "others than booked cancelled");
        let card = self.register.bookings.card(place);
        for index in passengers.iter() {
            let record = self.register.card_mut(card);
            let (pool, legs, listed) = (record.pool, record.legs, record.is_listed());
            if let Some(berth) = record.mark(index, SeatState::Confirmed, SeatState::Cancelled) {
                let pool = if listed { pool_of(&self.plan, berth) } else { pool };
                self.free_up(berth, pool, legs, changes);
            }
            if listed {
                self.leave_list(card, index, changes);
            }
        }
        self.register.bookings.cancel(place, at);
    }

    fn block(&mut self, berths: &[BerthIndex], legs: LegRange, changes: &mut Changes) {
        // refusal-right, berth-leg-once
        let taken = berths.len() - usize::from(crate::planted!("blocked-berth-sold"));
        for berth in &berths[..taken] {
            self.change(*berth, changes, |rows, berth| rows.block(berth, legs.mask()));
        }
    }

    fn unblock(&mut self, berths: &[BerthIndex], legs: LegRange, changes: &mut Changes) {
        for berth in berths {
            let freed = LegMask(legs.mask().0 & self.operator_blocked(*berth).0);
            self.change(*berth, changes, |rows, berth| rows.unblock(berth, freed));
        }
        self.stir();
    }

    /// What an operator blocked: what is blocked where the coach does run.
    pub(crate) fn operator_blocked(&self, berth: BerthIndex) -> LegMask {
        let runs = self.plan.berth_legs(berth).mask();
        LegMask(self.rows.blocked(berth).0 & runs.0)
    }

    fn retire(&mut self, at: UnixMillis, changes: &mut Changes) {
        self.retired = true;
        let mut live: Vec<HoldId> = self.deadlines().map(|(hold, _)| hold).collect();
        // The ring of ended holds keeps this order.
        live.sort_unstable();
        for hold in live {
            let card = self.register.named(hold);
            let record = self.register.card_mut(card);
            record.expires_at = record.expires_at.min(at);
            self.expire(card, at, changes);
        }
    }
}

/// The deadline that a restart gives to a hold, if it gives it a later one: the hold was live at
/// the last stamp before the restart and would end before `until`.
pub(crate) fn grace(
    record: &Card,
    until: UnixMillis,
    as_of: UnixMillis,
    span: Millis,
) -> Option<UnixMillis> {
    let life = Millis(HOLD_LIFE_MAX_MS + span.0);
    // grace, both
    let end =
        if crate::planted!("grace-without-end") { UnixMillis::MAX } else { record.created_at };
    let as_of = if crate::planted!("expired-given-grace") { UnixMillis(0) } else { as_of };
    let deadline = until.min(end.saturating_add(life));
    let granted = record.is_live() && record.expires_at > as_of && record.expires_at < deadline;
    granted.then_some(deadline)
}
