//! Every record of a run, found by hold, by request id and by booking number.
//!
//! Records that are live or booked stand on cards in one table with a chain of free ones, the last
//! one freed first, so that few are in use again and again; `Names` says which card, booking or
//! past hold an id means, `Bookings` knows them by number.
//! Holds that ended without a booking stand packed in `Past` in the order in which they ended, and
//! leave it, with their request ids, `REMEMBER_ENDED_MS` after they ended or when more than
//! `REMEMBER_ENDED_MAX` stand behind them. Both happen inside `apply`, by the time of events, so
//! replay forgets the same ones.
//! Which card a record stands on depends on what was forgotten before: nothing that leaves this
//! file in the order of cards may reach an event, a digest or a snapshot; [`Register::sorted`] is
//! the way out.

mod bookings;
#[cfg(test)]
mod broken;
mod end;
mod names;
mod past;
mod whose;

use core::ops::Deref;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::card::{Card, Made, Seated};
use crate::deadlines::Deadlines;
use crate::record::Record;
use crate::{HoldId, Pnr, RequestId, RequestMark, UnixMillis};

pub(crate) use bookings::{Booked, Bookings, NONE};
use names::{Hash, Named, Names, PLACES_MAX};
use past::{Entry, Past};
use whose::{Whose, is_hold};

/// Kinds of request whose id an event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Reserve,
    Confirm,
    Extend,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Card(u32),
    Past(u32),
}

/// A record where it stands; of a past hold a copy.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Card(&'a Card),
    Past(Box<Card>),
}

impl Deref for Found<'_> {
    type Target = Card;

    fn deref(&self) -> &Card {
        match self {
            Self::Card(card) => card,
            Self::Past(card) => card,
        }
    }
}

/// Laid out on cache lines as a run is: the cards, the names, what is due; then what only ends and
/// bookings touch.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Register {
    pub(crate) cards: Vec<Card>,
    /// When the oldest of the past is too old.
    too_old_at: UnixMillis,
    /// Records that are live.
    pub(crate) live: usize,
    /// The hold found last: the low half of a half of its id, whether it is past, and where it
    /// stands (a card may have been vacated since, a past hold is there). One command looks several
    /// times for one hold.
    recent: AtomicU64,
    /// First of the chain of free cards.
    pub(crate) free: u32,
    /// More stand in the past than are remembered.
    past_is_full: bool,
    /// Records that left the past because it was full.
    pub(crate) forgotten: u64,
    pub(crate) names: Names,
    deadlines: Deadlines,
    pub(crate) past: Past,
    pub(crate) bookings: Bookings,
}
const _: () = assert!(core::mem::offset_of!(Register, names) == 64);

impl Default for Register {
    fn default() -> Self {
        Self {
            cards: Vec::new(),
            free: NONE,
            past_is_full: false,
            live: 0,
            forgotten: 0,
            too_old_at: UnixMillis::MAX,
            past: Past::default(),
            names: Names::default(),
            recent: AtomicU64::new(NO_RECENT),
            deadlines: Deadlines::default(),
            bookings: Bookings::default(),
        }
    }
}

/// Of a place in `recent`: it is past.
const PAST: u32 = 1 << 31;
const _: () = assert!(PLACES_MAX <= PAST);
/// A card that no run has.
const NO_RECENT: u64 = (PAST - 1) as u64;

impl Register {
    /// The hash of a hold's id. Another than that of a request with the same number, so that the two
    /// do not meet in the table.
    #[inline]
    pub(crate) fn hold_hash(&self, hold: HoldId) -> Hash {
        self.names.hash(!hold.0)
    }

    fn whose(&self) -> Whose<'_> {
        Whose { cards: &self.cards, past: &self.past, bookings: &self.bookings }
    }

    /// Where the record of a hold stands.
    #[inline]
    pub(crate) fn find(&self, hold: HoldId) -> Option<At> {
        let recent = self.recent.load(Relaxed);
        let place = recent as u32;
        if (recent >> 32) as u32 == hold.0 as u32 {
            if place & PAST != 0 {
                let place = place & !PAST;
                if self.past.at(place).hold() == hold {
                    return Some(At::Past(place));
                }
            } else if self.cards.get(place as usize).is_some_and(|card| is_hold(card, hold)) {
                return Some(At::Card(place));
            }
        }
        self.look_up(hold)
    }

    #[inline(never)]
    fn look_up(&self, hold: HoldId) -> Option<At> {
        let whose = self.whose();
        let is = |named, place| whose.is_hold(hold, named, place);
        let (named, place) = self.names.find(self.hold_hash(hold), is)?;
        let at = if named == Named::PastHold { At::Past(place) } else { At::Card(place) };
        self.found(hold, at);
        Some(at)
    }

    #[inline]
    fn found(&self, hold: HoldId, at: At) {
        let place = match at {
            At::Card(card) => card,
            At::Past(place) => PAST | place,
        };
        self.recent.store(u64::from(hold.0 as u32) << 32 | u64::from(place), Relaxed);
    }

    /// Looks at a record where it stands.
    #[inline]
    pub(crate) fn look<R>(&self, at: At, look: impl FnOnce(&Card) -> R) -> R {
        match at {
            At::Card(card) => look(self.card(card)),
            At::Past(place) => look(&self.past.at(place).card()),
        }
    }

    pub(crate) fn card(&self, card: u32) -> &Card {
        &self.cards[card as usize]
    }

    pub(crate) fn card_mut(&mut self, card: u32) -> &mut Card {
        &mut self.cards[card as usize]
    }

    /// The card of the hold that an event names. It is there, or the journal was written by another
    /// machine.
    #[inline]
    pub(crate) fn named(&self, hold: HoldId) -> u32 {
        match self.find(hold) {
            Some(At::Card(card)) => card,
            found => panic!("an event names hold {hold}, which does not stand: {found:?}"),
        }
    }

    /// A past hold, by its place.
    #[inline]
    pub(crate) fn past_at(&self, place: u32) -> Entry<'_> {
        self.past.at(place)
    }

    /// The card of a hold, if it is not past.
    pub(crate) fn get(&self, hold: HoldId) -> Option<&Card> {
        match self.find(hold)? {
            At::Card(card) => Some(self.card(card)),
            At::Past(_) => None,
        }
    }

    /// All records that are live or booked, with their cards, in no order.
    pub(crate) fn standing(&self) -> impl Iterator<Item = (u32, &Card)> {
        (0..).zip(&self.cards).filter(|(_, card)| !card.is_free())
    }

    /// All past holds, oldest end first.
    pub(crate) fn past(&self) -> impl Iterator<Item = Card> {
        self.past.cards()
    }

    /// The ids of all past holds, oldest end first.
    pub(crate) fn past_holds(&self) -> impl Iterator<Item = HoldId> {
        self.past.entries().map(Entry::hold)
    }

    /// How many records there are.
    pub(crate) fn count(&self) -> usize {
        self.standing().count() + self.past.len()
    }

    /// All records by hold id: the order of digests and snapshots.
    pub(crate) fn sorted(&self) -> Vec<Found<'_>> {
        let past = self.past().map(|card| Found::Past(Box::new(card)));
        let standing = self.standing().map(|(_, card)| Found::Card(card));
        let mut records: Vec<Found<'_>> = past.chain(standing).collect();
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

    /// The numbers of the bookings of one record from its first on.
    pub(crate) fn numbers(&self, first: u32) -> impl Iterator<Item = Pnr> {
        self.bookings.chain(first).map(|place| self.bookings.at(place).pnr)
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

    /// What became of a request id: as what, with which digest, in which record.
    #[inline]
    pub(crate) fn request(&self, id: RequestId) -> Option<(RequestKind, u64, At)> {
        let (named, place) = self.find_request(id)?;
        Some(self.effect(id, named, place))
    }

    fn effect(&self, id: RequestId, named: Named, place: u32) -> (RequestKind, u64, At) {
        let (card, past) = (At::Card(place), At::Past(place));
        let digest = |marks: &[RequestMark]| {
            marks.iter().find(|mark| mark.id == id).map_or(0, |mark| mark.digest)
        };
        match named {
            Named::Confirm => {
                let card = At::Card(self.bookings.card(place));
                (RequestKind::Confirm, self.bookings.request(place).digest, card)
            }
            Named::Extend => (RequestKind::Extend, digest(self.card(place).extends()), card),
            Named::PastExtend => (RequestKind::Extend, digest(self.past.at(place).extends()), past),
            Named::Hold | Named::Reserve => {
                (RequestKind::Reserve, self.card(place).request().digest, card)
            }
            Named::PastHold | Named::PastReserve => {
                (RequestKind::Reserve, self.past.at(place).request().digest, past)
            }
        }
    }

    #[inline]
    fn find_request(&self, id: RequestId) -> Option<(Named, u32)> {
        let whose = self.whose();
        let is = |named, place| whose.is_request(id, named, place);
        self.names.find(self.names.hash(id.0), is)
    }

    /// Whether a request with this id took effect.
    #[inline]
    pub(crate) fn knows(&self, id: RequestId) -> bool {
        self.find_request(id).is_some()
    }

    /// Every request id that would be recognised, in no order.
    pub(crate) fn requests(&self) -> impl Iterator<Item = RequestId> {
        let booked = (0..self.bookings.len() as u32).map(|place| self.bookings.request(place).id);
        let past = self.past.entries().map(|entry| (entry.request().id, entry.extends()));
        self.standing()
            .map(|(_, card)| (card.request().id, card.extends()))
            .chain(past)
            .flat_map(|(id, extends)| [id].into_iter().chain(extends.iter().map(|mark| mark.id)))
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

    /// A card for a new record.
    #[inline]
    fn draw(&mut self) -> u32 {
        if self.free == NONE {
            return self.add_card();
        }
        let card = self.free;
        self.free = self.card(card).booking;
        card
    }

    #[cold]
    fn add_card(&mut self) -> u32 {
        // By the half: most runs have few, and one has many at a time only when it is hot.
        if self.cards.len() == self.cards.capacity() {
            self.cards.reserve_exact(self.cards.len() / 2 + 1);
        }
        self.cards.push(Card::free(NONE));
        self.cards.len() as u32 - 1
    }

    /// Takes a card out of use.
    #[inline]
    fn vacate(&mut self, card: u32) {
        let free = self.free;
        self.card_mut(card).vacate(free);
        self.free = card;
    }

    /// Takes in a live hold that an event makes.
    #[inline]
    pub(crate) fn open(
        &mut self,
        made: Made,
        party: impl ExactSizeIterator<Item = Seated>,
        reference: &str,
    ) {
        let place = self.draw();
        self.name_hold(made.hold, place);
        self.remember(made.request.id, Named::Reserve, place);
        self.found(made.hold, At::Card(place));
        let card = self.card_mut(place);
        card.fill(made, party);
        if !reference.is_empty() {
            card.reference = reference.into();
        }
        self.live += 1;
        self.deadlines.push(made.expires_at, place);
    }

    #[inline]
    fn name_hold(&mut self, hold: HoldId, place: u32) {
        let hash = self.hold_hash(hold);
        if !self.names.insert_alone(hash, Named::Hold, place) {
            self.name_other(hold, place);
        }
    }

    /// Another id has the same hash.
    #[cold]
    fn name_other(&mut self, hold: HoldId, place: u32) {
        assert!(self.look_up(hold).is_none(), "hold {hold} exists already");
        self.names.insert(self.hold_hash(hold), Named::Hold, place);
    }

    /// The id of a request that takes effect, which it has not done before.
    #[inline]
    fn remember(&mut self, id: RequestId, named: Named, place: u32) {
        let hash = self.names.hash(id.0);
        if !self.names.insert_alone(hash, named, place) {
            self.remember_other(id, named, place);
        }
    }

    /// Another id has the same hash.
    #[cold]
    fn remember_other(&mut self, id: RequestId, named: Named, place: u32) {
        assert!(self.find_request(id).is_none(), "request {id} took effect already");
        self.names.insert(self.names.hash(id.0), named, place);
    }

    /// A record of a snapshot with its bookings, whose ids and numbers were checked. One that ended
    /// without a booking is past; those come in the order of their ends.
    pub(crate) fn load(&mut self, mut record: Record) {
        let bookings = core::mem::take(&mut record.bookings);
        let ended = record.ended.is_some();
        let place = self.draw();
        self.name_hold(record.hold, place);
        self.remember(record.request.id, Named::Reserve, place);
        for mark in &record.extends {
            self.remember(mark.id, Named::Extend, place);
        }
        let expires_at = record.expires_at;
        self.card_mut(place).load(record);
        if !ended {
            self.live += 1;
            self.deadlines.push(expires_at, place);
        } else if bookings.is_empty() {
            self.pass(place);
        }
        let mut before = NONE;
        for booking in &bookings {
            let number = self.bookings.place(booking.pnr).expect("checked: the number was given");
            self.bookings.load(number, place, before, booking);
            self.remember(booking.request.id, Named::Confirm, number);
            if before == NONE {
                self.card_mut(place).booking = number;
            }
            before = number;
        }
    }

    /// Room for so many records on cards, and so many that are past.
    pub(crate) fn reserve(&mut self, cards: usize, past: usize) {
        self.cards.reserve(cards);
        self.names.reserve(2 * (cards + past) + self.bookings.len());
    }

    /// Puts a booking into its record.
    pub(crate) fn book(&mut self, card: u32, booking: &Booked<'_>) {
        let first = self.card(card).booking;
        let place = self.bookings.len() as u32;
        self.remember(booking.request.id, Named::Confirm, place);
        self.bookings.push(card, first, booking);
        if first == NONE {
            self.card_mut(card).booking = place;
        }
    }

    /// Moves a deadline on request.
    pub(crate) fn extend(&mut self, card: u32, mark: RequestMark, expires_at: UnixMillis) {
        // id-once
        if crate::planted!("extend-forgets-the-one-before")
            && let Some(before) = self.card(card).extends().last().copied()
        {
            self.forget_id(before.id, Named::Extend, card);
        }
        self.remember(mark.id, Named::Extend, card);
        self.card_mut(card).add_extend(mark);
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

    fn forget_id(&mut self, id: RequestId, named: Named, card: u32) {
        self.names.remove(self.names.hash(id.0), named, card);
    }
}
