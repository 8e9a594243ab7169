//! The only writer. An event is a fact: applying it cannot fail.
//!
//! Asserts state what `decide` has made sure of. One that fires while a journal is replayed means
//! that the journal was not written by this machine or is damaged in a way its checks missed; the
//! caller catches the panic and refuses the run by name.

use crate::event::Event;
use crate::record::{Booking, Record, Seat, SeatState};
use crate::rows::Rows;
use crate::run::{Changes, Run};
use crate::{
    BerthIndex, HOLD_LIFE_MAX_MS, HoldId, LegMask, LegRange, Millis, PNR_BLOCK, PassengerSet, Pnr,
    Rest, UnixMillis,
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
                let seat = |p: &crate::HeldPassenger| Seat {
                    passenger: p.passenger,
                    berth: p.berth,
                    state: SeatState::Held,
                };
                let record = Record {
                    hold: *hold,
                    request: *request,
                    extend: None,
                    pool: *pool,
                    legs: *legs,
                    created_at: at,
                    expires_at: *expires_at,
                    reference: reference.clone(),
                    party: party.iter().map(seat).collect(),
                    bookings: Vec::new(),
                    released_at: None,
                    ended: None,
                };
                self.open(record, changes);
            }
            Event::Confirmed { hold, request, pnr, passengers, rest, payment } => {
                let booking = Booking {
                    pnr: *pnr,
                    request: *request,
                    passengers: *passengers,
                    payment: payment.clone(),
                    confirmed_at: at,
                    cancelled_at: None,
                };
                self.confirm(*hold, booking, *rest, changes);
                self.register.end_if_empty(*hold, at, SeatState::Confirmed);
            }
            Event::Extended { hold, request, expires_at } => {
                self.register.extend(*hold, *request, *expires_at);
                changes.holds = true;
            }
            Event::Released { hold, passengers } => {
                self.give_back(*hold, *passengers, SeatState::Released, changes);
                self.register.named(*hold).released_at = Some(at);
                self.register.end_if_empty(*hold, at, SeatState::Released);
            }
            Event::Expired { hold } => self.expire(*hold, at, changes),
            Event::HoldsExtended { until, as_of, span } => {
                self.grant_grace(*until, *as_of, *span);
                changes.holds = true;
            }
            Event::Cancelled { pnr, passengers } => {
                self.cancel(*pnr, *passengers, at, changes);
            }
            Event::PnrBlockLeased { block } => {
                assert!(!self.pnr_blocks.contains(block), "PNR block {block} is leased already");
                self.pnr_blocks.push(*block);
                self.pnr_next = 0;
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
        }
        self.register.settle(at);
        self.version = self.version.next();
        self.last_at = at;
    }

    /// The one door to the rows: keeps the pool's index and the list of changes with them.
    fn change(
        &mut self,
        berth: BerthIndex,
        changes: &mut Changes,
        write: impl FnOnce(&mut Rows, BerthIndex),
    ) {
        let before = self.rows.taken(berth);
        write(&mut self.rows, berth);
        let after = self.rows.taken(berth);
        let pool = self.plan.berth(berth).pool;
        if before != after
            && let Some(index) = &mut self.indexes[pool.0 as usize]
        {
            index.update(berth, before, after);
        }
        changes.berths.push(berth);
    }

    fn open(&mut self, record: Record, changes: &mut Changes) {
        let mask = record.legs.mask();
        for berth in record.party.iter().filter_map(|seat| seat.berth) {
            self.change(berth, changes, |rows, berth| rows.hold(berth, mask));
        }
        self.register.insert(record);
        changes.holds = true;
    }

    /// Moves held passengers to `state` and returns the legs and berths they had.
    fn mark(
        &mut self,
        hold: HoldId,
        passengers: PassengerSet,
        from: SeatState,
        to: SeatState,
    ) -> (LegMask, arrayvec::ArrayVec<BerthIndex, { crate::PARTY_MAX }>) {
        let record = self.register.named(hold);
        let mut berths = arrayvec::ArrayVec::new();
        for index in passengers.iter() {
            let seat = &mut record.party[index];
            assert_eq!(seat.state, from, "passenger {} of hold {hold}", index + 1);
            seat.state = to;
            berths.extend(seat.berth);
        }
        (record.legs.mask(), berths)
    }

    /// Held passengers lose their berths.
    fn give_back(
        &mut self,
        hold: HoldId,
        passengers: PassengerSet,
        state: SeatState,
        changes: &mut Changes,
    ) {
        let (mask, berths) = self.mark(hold, passengers, SeatState::Held, state);
        for berth in berths {
            self.change(berth, changes, |rows, berth| rows.free(berth, mask));
        }
        changes.holds = true;
    }

    fn confirm(&mut self, hold: HoldId, booking: Booking, rest: Rest, changes: &mut Changes) {
        assert!(!self.needs_pnr_block(), "hold {hold} is confirmed with no PNR number left");
        assert_eq!(Some(booking.pnr), self.next_pnr(), "PNR numbers are given in order");
        self.pnr_next += 1;
        let (mask, berths) =
            self.mark(hold, booking.passengers, SeatState::Held, SeatState::Confirmed);
        for berth in berths {
            self.change(berth, changes, |rows, berth| rows.sell(berth, mask));
        }
        let at = booking.confirmed_at;
        self.register.book(hold, booking);
        if rest == Rest::Released {
            let others = self.register.named(hold).in_state(SeatState::Held);
            if !others.is_empty() {
                self.give_back(hold, others, SeatState::Released, changes);
                self.register.named(hold).released_at = Some(at);
            }
        }
        changes.holds = true;
    }

    /// The number the next booking gets, if one is left.
    pub(crate) fn next_pnr(&self) -> Option<Pnr> {
        let block = self.pnr_blocks.last().filter(|_| self.pnr_next < PNR_BLOCK)?;
        Some(Pnr(u64::from(*block) * PNR_BLOCK + self.pnr_next))
    }

    fn expire(&mut self, hold: HoldId, at: UnixMillis, changes: &mut Changes) {
        let held = self.register.named(hold).in_state(SeatState::Held);
        assert!(!held.is_empty(), "hold {hold} keeps nobody and cannot expire");
        self.give_back(hold, held, SeatState::Expired, changes);
        self.register.end_if_empty(hold, at, SeatState::Expired);
    }

    fn grant_grace(&mut self, until: UnixMillis, as_of: UnixMillis, span: Millis) {
        // Each hold for itself, so the order of the map is not seen.
        let granted: Vec<(HoldId, UnixMillis)> = (self.register.records.values())
            .filter_map(|record| Some((record.hold, grace(record, until, as_of, span)?)))
            .collect();
        for (hold, deadline) in granted {
            self.register.postpone(hold, deadline);
        }
    }

    fn cancel(
        &mut self,
        pnr: Pnr,
        passengers: PassengerSet,
        at: UnixMillis,
        changes: &mut Changes,
    ) {
        let hold = self.register.booked(pnr).map(|(record, _)| record.hold);
        let hold = hold.unwrap_or_else(|| panic!("an event names booking {pnr:?}: unknown"));
        let (mask, berths) =
            self.mark(hold, passengers, SeatState::Confirmed, SeatState::Cancelled);
        for berth in berths {
            self.change(berth, changes, |rows, berth| rows.free(berth, mask));
        }
        let record = self.register.named(hold);
        let booking = record.bookings.iter_mut().find(|booking| booking.pnr == pnr);
        let booking = booking.expect("found above");
        assert!(passengers.without(booking.passengers).is_empty(), "others than booked cancelled");
        booking.cancelled_at = Some(at);
    }

    fn block(&mut self, berths: &[BerthIndex], legs: LegRange, changes: &mut Changes) {
        for berth in berths {
            self.change(*berth, changes, |rows, berth| rows.block(berth, legs.mask()));
        }
    }

    fn unblock(&mut self, berths: &[BerthIndex], legs: LegRange, changes: &mut Changes) {
        for berth in berths {
            let freed = LegMask(legs.mask().0 & self.operator_blocked(*berth).0);
            self.change(*berth, changes, |rows, berth| rows.unblock(berth, freed));
        }
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
            let record = self.register.named(hold);
            record.expires_at = record.expires_at.min(at);
            self.expire(hold, at, changes);
        }
    }
}

/// The deadline that a restart gives to a hold, if it gives it a later one: the hold was live at
/// the last stamp before the restart and would end before `until`.
pub(crate) fn grace(
    record: &Record,
    until: UnixMillis,
    as_of: UnixMillis,
    span: Millis,
) -> Option<UnixMillis> {
    let life = Millis(HOLD_LIFE_MAX_MS + span.0);
    let deadline = until.min(record.created_at.saturating_add(life));
    let granted = record.is_live() && record.expires_at > as_of && record.expires_at < deadline;
    granted.then_some(deadline)
}
