//! Lists as events change them: who joins, who leaves, who gets a better place.

use crate::lists::{Place, Standing};
use crate::promote::pool_of;
use crate::record::SeatState;
use crate::{BerthIndex, Changes, HoldId, Listed, PassengerSet, Promoted, Run};

impl Run {
    /// Passengers of a hold that was just made stand on lists.
    pub(super) fn list(&mut self, hold: HoldId, places: &[(u8, Standing)], changes: &mut Changes) {
        changes.lists = true;
        let card = self.register.named(hold);
        self.register.card_mut(card).list(places);
        for (passenger, standing) in places {
            self.join(card, *passenger, *standing);
        }
    }

    fn join(&mut self, card: u32, passenger: u8, standing: Standing) {
        let lists = self.lists.as_mut().expect("an event names a list: the plan has some");
        let place = Place { number: standing.number, card, passenger };
        lists.order_mut(standing.list).join(place);
    }

    /// A passenger gives their place on a list back, if they stand on one.
    pub(super) fn leave_list(&mut self, card: u32, passenger: usize, changes: &mut Changes) {
        let Some(standing) = self.register.card_mut(card).restand(passenger, None) else { return };
        let lists = self.lists.as_mut().expect("who stands on a list stands on one of the plan");
        lists.order_mut(standing.list).leave(standing.number);
        lists.stirred = true;
        changes.lists = true;
    }

    /// These passengers are booked: the numbers they stand with are on their tickets.
    pub(super) fn print_numbers(&mut self, card: u32, passengers: PassengerSet) {
        let Some(lists) = &mut self.lists else { return };
        let of = |listed: &&Listed| passengers.contains(usize::from(listed.passenger));
        for standing in self.register.card(card).listed().iter().filter(of).filter_map(|l| l.now) {
            lists.print(standing);
        }
    }

    /// A passenger on a list gets another place, and leaves that list or goes to another.
    pub(super) fn reseat(
        &mut self,
        hold: HoldId,
        passenger: usize,
        berth: BerthIndex,
        to: Option<Standing>,
        changes: &mut Changes,
    ) {
        let card = self.register.named(hold);
        let record = self.register.card(card);
        let (legs, seat) = (record.legs, record.party()[passenger].seat());
        // berth-leg-once
        if let Some(half) = seat.berth.filter(|_| !crate::planted!("half-not-given-back")) {
            self.free_up(half, pool_of(&self.plan, half), legs, changes);
        }
        self.hold(berth, pool_of(&self.plan, berth), legs, changes);
        let booked = seat.state == SeatState::Confirmed;
        if booked {
            self.rows.sell_trip(berth, legs);
        }
        let record = self.register.card_mut(card);
        record.reseat(passenger, berth);
        let from = record.restand(passenger, to);
        let from = from.unwrap_or_else(|| panic!("passenger {passenger} of {hold} is on no list"));
        let pnr = (self.register.bookings_of(self.register.card(card)))
            .find(|booking| booking.passengers.contains(passenger))
            .map(|booking| booking.pnr);
        let lists = self.lists.as_mut().expect("who stands on a list stands on one of the plan");
        lists.order_mut(from.list).leave(from.number);
        // Who has not paid yet may, and their ticket shows the number. (ticket-number-once)
        if !crate::planted!("number-of-the-promoted-given-again") {
            lists.print(from);
        }
        if let Some(standing) = to {
            if booked {
                lists.print(standing);
            }
            self.join(card, passenger as u8, standing);
        }
        let lists = self.lists.as_mut().expect("as before");
        // list-in-order
        lists.stirred = !crate::planted!("one-promotion-a-command");
        let passenger = passenger as u8;
        lists.promoted.push(Promoted { hold, pnr, passenger, from, berth, to });
        (changes.holds, changes.lists) = (true, true);
    }
}
