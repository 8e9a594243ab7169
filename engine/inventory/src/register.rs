//! Every record of a run, found by hold, by request id and by booking number.
//!
//! Records stand on cards in one table with a chain of free ones; `Names` says which card or
//! booking an id means, `Bookings` knows them by number.
//! Holds that ended without a booking stand in a ring in the order in which they ended, and leave
//! it, with their request ids, `REMEMBER_ENDED_MS` after they ended or when more than
//! `REMEMBER_ENDED_MAX` stand behind them. Both happen inside `apply`, by the time of events, so
//! replay forgets the same ones.
//! Which card a record stands on depends on what was forgotten before: nothing that leaves this
//! file in the order of cards may reach an event, a digest or a snapshot; [`Register::sorted`] is
//! the way out.

mod bookings;
mod names;

use std::collections::VecDeque;

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::card::Card;
use crate::deadlines::Deadlines;
use crate::record::{Ended, Record, SeatState};
use crate::{
    HoldId, Millis, Pnr, REMEMBER_ENDED_MAX, REMEMBER_ENDED_MS, RequestId, RequestMark, UnixMillis,
};

pub(crate) use bookings::{Booked, Bookings, NONE};
use names::{Named, Names};

/// Kinds of request whose id an event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Reserve,
    Confirm,
    Extend,
}

#[derive(Debug)]
pub(crate) struct Register {
    cards: Vec<Card>,
    /// First of the chain of free cards.
    free: u32,
    /// Records that are live.
    pub(crate) live: usize,
    /// Records that left the ring because it was full.
    pub(crate) forgotten: u64,
    /// When the next of the ring is too old.
    too_old_at: UnixMillis,
    /// Holds ended without a booking, oldest end first: when, and the card.
    pub(crate) ended: VecDeque<(UnixMillis, u32)>,
    names: Names,
    /// The card found last and the low half of a half of its hold id: one command looks several
    /// times for one hold.
    recent: AtomicU64,
    deadlines: Deadlines,
    pub(crate) bookings: Bookings,
}

impl Default for Register {
    fn default() -> Self {
        Self {
            cards: Vec::new(),
            free: NONE,
            live: 0,
            forgotten: 0,
            too_old_at: UnixMillis::MAX,
            ended: VecDeque::new(),
            names: Names::default(),
            recent: AtomicU64::new(u64::MAX),
            deadlines: Deadlines::default(),
            bookings: Bookings::default(),
        }
    }
}

impl Register {
    /// The card of a hold.
    pub(crate) fn find(&self, hold: HoldId) -> Option<u32> {
        let recent = self.recent.load(Relaxed);
        if (recent >> 32) as u32 == hold.0 as u32
            && self.cards.get(recent as u32 as usize).is_some_and(|card| is_hold(card, hold))
        {
            return Some(recent as u32);
        }
        let is =
            |named, place: u32| named == Named::Hold && is_hold(&self.cards[place as usize], hold);
        let (_, card) = self.names.find(self.names.hash(hold.0), is)?;
        self.found(hold, card);
        Some(card)
    }

    fn found(&self, hold: HoldId, card: u32) {
        self.recent.store(u64::from(hold.0 as u32) << 32 | u64::from(card), Relaxed);
    }

    pub(crate) fn get(&self, hold: HoldId) -> Option<&Card> {
        self.find(hold).map(|card| self.card(card))
    }

    pub(crate) fn card(&self, card: u32) -> &Card {
        &self.cards[card as usize]
    }

    pub(crate) fn card_mut(&mut self, card: u32) -> &mut Card {
        &mut self.cards[card as usize]
    }

    /// The card of the hold that an event names. It is there, or the journal was written by another
    /// machine.
    pub(crate) fn named(&self, hold: HoldId) -> u32 {
        self.find(hold).unwrap_or_else(|| panic!("an event names hold {hold}: unknown"))
    }

    /// All records, in no order.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Card> {
        self.cards.iter().filter(|card| !card.is_free())
    }

    /// All records by hold id: the order of digests and snapshots.
    pub(crate) fn sorted(&self) -> Vec<&Card> {
        let mut records: Vec<&Card> = self.records().collect();
        records.sort_unstable_by_key(|record| record.hold);
        records
    }

    /// The bookings of a record, oldest first.
    pub(crate) fn bookings_of<'a>(
        &'a self,
        card: &Card,
    ) -> impl Iterator<Item = Booked<'a>> + use<'a> {
        self.bookings.chain(card.booking).map(|place| self.bookings.at(place))
    }

    /// A record as snapshots and digests see it.
    pub(crate) fn copy(&self, card: &Card) -> Record {
        let bookings = self.bookings_of(card).map(|booking| booking.copy()).collect();
        Record { bookings, ..card.copy() }
    }

    /// A booking with the record it stands in.
    pub(crate) fn booked(&self, pnr: Pnr) -> Option<(&Card, Booked<'_>)> {
        let place = self.bookings.place(pnr)?;
        Some((self.card(self.bookings.card(place)), self.bookings.at(place)))
    }

    /// What became of a request id: as what, with which digest, on which card.
    pub(crate) fn request(&self, id: RequestId) -> Option<(RequestKind, u64, u32)> {
        let (named, place) = self.find_request(id)?;
        Some(match named {
            Named::Confirm => {
                let digest = self.bookings.request(place).digest;
                (RequestKind::Confirm, digest, self.bookings.card(place))
            }
            Named::Extend => {
                let digest = self.card(place).extend().map_or(0, |mark| mark.digest);
                (RequestKind::Extend, digest, place)
            }
            Named::Hold | Named::Reserve => {
                (RequestKind::Reserve, self.card(place).request().digest, place)
            }
        })
    }

    pub(crate) fn find_request(&self, id: RequestId) -> Option<(Named, u32)> {
        let is = |named, place: u32| match named {
            Named::Hold => false,
            Named::Reserve => self.card(place).request().id == id,
            Named::Extend => self.card(place).extend().is_some_and(|mark| mark.id == id),
            Named::Confirm => self.bookings.request(place).id == id,
        };
        self.names.find(self.names.hash(id.0), is)
    }

    /// Every request id that would be recognised, in no order.
    pub(crate) fn requests(&self) -> impl Iterator<Item = RequestId> {
        let booked = (0..self.bookings.len() as u32).map(|place| self.bookings.request(place).id);
        self.records()
            .flat_map(|record| [Some(record.request()), record.extend()].into_iter().flatten())
            .map(|mark| mark.id)
            .chain(booked)
    }

    /// Ids that can be found: of holds and of requests.
    pub(crate) fn ids(&self) -> usize {
        self.names.len()
    }

    /// The hold with the earliest deadline.
    pub(crate) fn first_due(&self) -> Option<(HoldId, UnixMillis)> {
        let (at, card) = self.deadlines.first()?;
        Some((self.card(card).hold, at))
    }

    pub(crate) fn next_deadline(&self) -> Option<UnixMillis> {
        self.deadlines.next()
    }

    /// Takes a record in, live or ended, with its ids. The ring and the bookings are the caller's.
    #[inline]
    pub(crate) fn insert(&mut self, record: Card) -> u32 {
        let hold = record.hold;
        let hash = self.names.hash(hold.0);
        let is = |named, place: u32| named == Named::Hold && is_hold(self.card(place), hold);
        assert!(self.names.find(hash, is).is_none(), "hold {hold} exists already");
        let (request, extend) = (record.request(), record.extend());
        let (live, expires_at) = (record.is_live(), record.expires_at);
        let place = self.put(record);
        self.names.insert(hash, Named::Hold, place);
        self.found(hold, place);
        self.remember(request, Named::Reserve, place);
        if let Some(mark) = extend {
            self.remember(mark, Named::Extend, place);
        }
        if live {
            self.live += 1;
            self.deadlines.push(expires_at, place);
        }
        place
    }

    /// Puts a record on a free card.
    #[inline]
    fn put(&mut self, record: Card) -> u32 {
        if self.free == NONE {
            self.cards.push(record);
            return self.cards.len() as u32 - 1;
        }
        let place = self.free;
        let card = &mut self.cards[place as usize];
        self.free = card.booking;
        *card = record;
        place
    }

    /// A record of a snapshot with its bookings, whose numbers were checked.
    pub(crate) fn load(&mut self, mut record: Record) {
        let bookings = core::mem::take(&mut record.bookings);
        let card = self.insert(Card::of(record));
        let mut before = NONE;
        for booking in &bookings {
            let place = self.bookings.place(booking.pnr).expect("checked: the number was given");
            self.bookings.load(place, card, before, booking);
            self.remember(booking.request, Named::Confirm, place);
            if before == NONE {
                self.card_mut(card).booking = place;
            }
            before = place;
        }
    }

    /// Room for so many records more.
    pub(crate) fn reserve(&mut self, records: usize) {
        self.cards.reserve(records);
        self.names.reserve(2 * records + self.bookings.len());
    }

    fn remember(&mut self, mark: RequestMark, named: Named, place: u32) {
        let hash = self.names.hash(mark.id.0);
        debug_assert!(
            named != Named::Confirm || self.bookings.request(place).id == mark.id,
            "the place says the id"
        );
        self.names.insert(hash, named, place);
    }

    /// The id of a request that is about to take effect has not done so before.
    fn assert_new(&self, id: RequestId) {
        assert!(self.find_request(id).is_none(), "request {id} took effect already");
    }

    /// Takes in a record that an event makes.
    #[inline]
    pub(crate) fn open(&mut self, record: Card) {
        self.assert_new(record.request().id);
        self.insert(record);
    }

    /// Puts a booking into its record.
    pub(crate) fn book(&mut self, card: u32, booking: &Booked<'_>) {
        self.assert_new(booking.request.id);
        let first = self.card(card).booking;
        let place = self.bookings.push(card, first, booking);
        self.remember(booking.request, Named::Confirm, place);
        if first == NONE {
            self.card_mut(card).booking = place;
        }
    }

    /// Moves a deadline on request; the request before it that did so is forgotten.
    pub(crate) fn extend(&mut self, card: u32, mark: RequestMark, expires_at: UnixMillis) {
        if let Some(before) = self.card_mut(card).extend() {
            self.forget_id(before.id, Named::Extend, card);
        }
        self.assert_new(mark.id);
        self.card_mut(card).set_extend(mark);
        self.remember(mark, Named::Extend, card);
        self.postpone(card, expires_at);
    }

    /// Moves a deadline.
    pub(crate) fn postpone(&mut self, card: u32, expires_at: UnixMillis) {
        let record = self.card_mut(card);
        let hold = record.hold;
        assert!(record.is_live(), "hold {hold} has ended and cannot be prolonged");
        record.expires_at = expires_at;
        self.deadlines.push(expires_at, card);
        self.settle_deadlines(card);
    }

    /// Ends a record when nobody of it is held any more; `how` is what the last of them met.
    pub(crate) fn end_if_empty(&mut self, card: u32, at: UnixMillis, how: SeatState) {
        let record = self.card_mut(card);
        if !record.is_live() || !record.in_state(SeatState::Held).is_empty() {
            return;
        }
        record.ended = Some(Ended { at, how });
        let booked = record.is_booked();
        self.live -= 1;
        if !booked {
            self.end(at, card);
        }
        self.settle_deadlines(card);
    }

    /// A record without a booking stands in the ring from now on.
    pub(crate) fn end(&mut self, at: UnixMillis, card: u32) {
        if self.ended.is_empty() {
            self.too_old_at = at.saturating_add(Millis(REMEMBER_ENDED_MS));
        }
        self.ended.push_back((at, card));
    }

    fn settle_deadlines(&mut self, card: u32) {
        let cards = &self.cards;
        self.deadlines.drop(card, self.live, |card, at| {
            let card = &cards[card as usize];
            !card.is_free() && card.is_live() && card.expires_at == at
        });
    }

    /// After every event: forgets what is due at `at`.
    pub(crate) fn settle(&mut self, at: UnixMillis) {
        while self.ended.len() > REMEMBER_ENDED_MAX || self.too_old_at <= at {
            let Some((_, oldest)) = self.ended.pop_front() else { break };
            self.forgotten += u64::from(self.too_old_at > at);
            self.forget(oldest);
            let next = self.ended.front();
            self.too_old_at = next.map_or(UnixMillis::MAX, |(ended, _)| {
                ended.saturating_add(Millis(REMEMBER_ENDED_MS))
            });
        }
    }

    fn forget(&mut self, card: u32) {
        let record = self.card(card);
        let hold = record.hold;
        assert!(!record.is_booked(), "hold {hold} has bookings and is never forgotten");
        let (request, extend) = (record.request(), record.extend());
        self.forget_id(request.id, Named::Reserve, card);
        if let Some(mark) = extend {
            self.forget_id(mark.id, Named::Extend, card);
        }
        let hash = self.names.hash(hold.0);
        self.names.remove(hash, Named::Hold, card);
        let free = self.free;
        self.card_mut(card).vacate(free);
        self.free = card;
    }

    fn forget_id(&mut self, id: RequestId, named: Named, card: u32) {
        let hash = self.names.hash(id.0);
        self.names.remove(hash, named, card);
    }

    /// Loses an id, for the tests of the invariants.
    #[cfg(test)]
    pub(crate) fn lose_request(&mut self, hold: HoldId) {
        let card = self.named(hold);
        let id = self.card(card).request().id;
        self.forget_id(id, Named::Reserve, card);
    }
}

fn is_hold(card: &Card, hold: HoldId) -> bool {
    card.hold == hold && !card.is_free()
}
