//! What callers are told of a run: holds and bookings as they stand, with what became of the command.

use arrayvec::ArrayVec;

use super::{Run, text};
use crate::answer::Said;
use crate::card::{Card, Made, Shown};
use crate::decide::Then;
use crate::record::SeatState;
use crate::register::{At, Booked, NONE};
use crate::{
    BookingView, Current, Freed, HoldId, HoldView, Listed, ListedView, PassengerSet, Pnr, Standing,
    UnixMillis,
};

impl Run {
    /// What the caller of a command is told once its events are applied.
    pub fn say(&self, then: Then) -> Said {
        let find = |hold: HoldId| self.register.find(hold).expect("the hold was just changed");
        let booked = |pnr: Pnr| self.register.booked(pnr).expect("the booking was just changed");
        match then {
            Then::Hold(hold) => Said::Hold(self.show_at(find(hold), self.last_at)),
            Then::Booking(pnr) => {
                let (record, booking) = booked(pnr);
                Said::Booking(self.show_booking(record, &booking, self.last_at))
            }
            Then::Released(hold, asked) => match find(hold) {
                At::Card(card) => self.say_released(self.register.card(card), asked, self.last_at),
                At::Past(place) => {
                    self.say_released(&self.register.past_at(place), asked, self.last_at)
                }
            },
            Then::Cancelled(pnr, asked) => {
                let (record, booking) = booked(pnr);
                self.say_cancelled(record, &booking, asked, self.last_at)
            }
            Then::Sale(pools) => Said::Sale(pools),
            Then::Berths(berths) => Said::Berths(berths),
            Then::Run => Said::Run(Box::new(self.summary())),
            Then::Done => Said::Done,
        }
    }

    /// A release is answered with whom of those asked for is given back by now, so that a retry
    /// says the same.
    #[inline]
    pub(crate) fn say_released(
        &self,
        record: &impl Shown,
        asked: Option<PassengerSet>,
        now: UnixMillis,
    ) -> Said {
        let released = record.those(SeatState::Released);
        let passengers = asked.map_or(released, |asked| asked.and(released));
        Said::Released(self.show_hold(record, now), self.freed(passengers))
    }

    /// A cancel is answered with whom of those asked for is cancelled by now.
    pub(crate) fn say_cancelled(
        &self,
        record: &Card,
        booking: &Booked<'_>,
        asked: Option<PassengerSet>,
        now: UnixMillis,
    ) -> Said {
        let asked = asked.unwrap_or(booking.passengers).and(booking.passengers);
        let passengers = asked.and(record.in_state(SeatState::Cancelled));
        Said::Cancelled(self.show_booking(record, booking, now), self.freed(passengers))
    }

    /// Who was given back, and who got a better place by that.
    fn freed(&self, passengers: PassengerSet) -> Freed {
        // first-answer
        let lists = self.lists.as_deref().filter(|_| !crate::planted!("promoted-not-told"));
        let promoted = lists.map_or(Vec::new(), |lists| lists.promoted.clone());
        Freed { passengers, promoted }
    }

    /// What is to be said of those of a party who were on a list; nothing of most.
    #[inline]
    fn show_listed(&self, listed: &[Listed]) -> Option<Box<[ListedView]>> {
        if listed.is_empty() { None } else { self.show_those(listed) }
    }

    #[cold]
    fn show_those(&self, listed: &[Listed]) -> Option<Box<[ListedView]>> {
        let lists = self.lists.as_deref()?;
        let current = |now: Standing| {
            // first-answer
            let number = crate::planted!("position-is-the-number").then_some(now.number as u16);
            let position = lists.order(now.list).position(now.number);
            let position = number.unwrap_or(position);
            Current { list: now.list, position }
        };
        let view = |listed: &Listed| ListedView {
            passenger: listed.passenger,
            booked: listed.booked,
            current: listed.now.map(current),
        };
        Some(listed.iter().map(view).collect())
    }

    /// A hold where it stands.
    pub(crate) fn show_at(&self, at: At, now: UnixMillis) -> HoldView {
        match at {
            At::Card(card) => self.show_hold(self.register.card(card), now),
            At::Past(place) => self.show_hold(&self.register.past_at(place), now),
        }
    }

    #[inline]
    fn show_hold(&self, record: &impl Shown, now: UnixMillis) -> HoldView {
        let Made { hold, pool, legs, created_at, expires_at, .. } = record.made();
        let (run, party, bookings) = (self.id(), ArrayVec::new(), Vec::new());
        let reference = record.reference();
        let listed = self.show_listed(record.listed());
        let mut view = HoldView {
            run,
            hold,
            pool,
            legs,
            created_at,
            expires_at,
            party,
            bookings,
            reference,
            listed,
        };
        // In its place: a party is dear to move.
        for index in 0..record.heads() {
            view.party.push(record.seat(index).view(expires_at, now));
        }
        if record.booking() != NONE {
            view.bookings.extend(self.register.numbers(record.booking()));
        }
        view
    }

    pub(crate) fn show_booking(
        &self,
        record: &Card,
        booking: &Booked<'_>,
        now: UnixMillis,
    ) -> BookingView {
        let seat = |i: usize| (i as u8, record.party()[i].view(record.expires_at, now));
        BookingView {
            run: self.id(),
            pnr: booking.pnr,
            hold: record.hold,
            pool: record.pool,
            legs: record.legs,
            confirmed_at: booking.confirmed_at,
            payment: text(booking.payment),
            reference: text(&record.reference),
            party: booking.passengers.iter().map(seat).collect(),
            rest_until: record.held_until(now),
            listed: self.show_listed(record.listed()),
        }
    }
}
