//! A hold and all that came of it, as the run keeps it while it is live or booked: two cache lines.
//!
//! The same facts as a [`Record`], which is what snapshots and digests see. The whole party stands
//! on the card; bookings stand in [`Bookings`](crate::register::Bookings). A hold that ended
//! without a booking leaves its card (`register::past`).

mod seated;

use crate::record::{Ended, Seat, SeatState};
use crate::register::NONE;
use crate::run::text;
use crate::{
    BerthIndex, HoldId, LegRange, Listed, PARTY_MAX, PassengerSet, PoolIndex, Record, RequestId,
    RequestMark, Standing, UnixMillis,
};

pub(crate) use seated::Seated;

/// What few holds have.
#[derive(Debug, Default)]
struct More {
    /// The requests that prolonged it, oldest first.
    extends: Vec<RequestMark>,
    /// Passengers who had no berth of their own when they were held, by their place.
    listed: Vec<Listed>,
}

/// See the module.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Card {
    pub(crate) hold: HoldId,
    request: RequestId,
    digest: u64,
    pub(crate) created_at: UnixMillis,
    /// The effective deadline.
    pub(crate) expires_at: UnixMillis,
    /// Counts only when it has ended.
    ended_at: UnixMillis,
    /// Counts only with `WAS_RELEASED`.
    released_at: UnixMillis,
    pub(crate) reference: Box<str>,
    /// Boxed because few holds are ever prolonged or on a list.
    more: Option<Box<More>>,
    seats: [Seated; PARTY_MAX],
    /// Its first booking; of a free card, the next free one.
    pub(crate) booking: u32,
    pub(crate) pool: PoolIndex,
    pub(crate) legs: LegRange,
    /// Passengers of the party (`FREE` where there is no record), `WAS_RELEASED`, and from `HOW` on
    /// how it ended, 0 = it did not.
    marks: u8,
}
const _: () = assert!(size_of::<Card>() == 128);

/// Bits of the number of passengers.
const HEADS: u8 = 7;
/// Heads of a card that is not in use.
const FREE: u8 = HEADS;
const _: () = assert!(PARTY_MAX < FREE as usize);
const WAS_RELEASED: u8 = 8;
const HOW: u32 = 4;

/// A hold as it is made, but for its party and reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) hold: HoldId,
    pub(crate) request: RequestMark,
    pub(crate) pool: PoolIndex,
    pub(crate) legs: LegRange,
    pub(crate) created_at: UnixMillis,
    pub(crate) expires_at: UnixMillis,
}

impl Card {
    /// A card that is not in use; `next` is the free one after it.
    pub(crate) fn free(next: u32) -> Self {
        Self {
            hold: HoldId(0),
            request: RequestId(0),
            digest: 0,
            created_at: UnixMillis(0),
            expires_at: UnixMillis(0),
            ended_at: UnixMillis(0),
            released_at: UnixMillis(0),
            reference: Box::default(),
            more: None,
            seats: [Seated::NOBODY; PARTY_MAX],
            booking: next,
            pool: PoolIndex(0),
            legs: LegRange { from: 0, to: 1 },
            marks: FREE,
        }
    }

    /// Puts a hold on a free card.
    #[inline]
    pub(crate) fn fill(&mut self, made: Made, party: impl ExactSizeIterator<Item = Seated>) {
        debug_assert!(self.is_free(), "hold {} is on the card", self.hold);
        self.hold = made.hold;
        (self.request, self.digest) = (made.request.id, made.request.digest);
        (self.created_at, self.expires_at) = (made.created_at, made.expires_at);
        (self.pool, self.legs) = (made.pool, made.legs);
        (self.booking, self.marks) = (NONE, party.len() as u8);
        let mut party = party;
        let [first, others @ ..] = &mut self.seats;
        if let Some(seat) = party.next() {
            *first = seat;
        }
        if party.len() > 0 {
            others.iter_mut().zip(party).for_each(|(place, seat)| *place = seat);
        }
    }

    /// A record of a snapshot; its bookings are the caller's.
    pub(crate) fn load(&mut self, record: Record) {
        let made = Made {
            hold: record.hold,
            request: record.request,
            pool: record.pool,
            legs: record.legs,
            created_at: record.created_at,
            expires_at: record.expires_at,
        };
        self.fill(made, record.party.iter().map(Seated::of));
        self.reference = record.reference;
        if !(record.extends.is_empty() && record.listed.is_empty()) {
            let Record { extends, listed, .. } = record;
            self.more = Some(Box::new(More { extends, listed }));
        }
        if let Some(Ended { at, how }) = record.ended {
            self.end(at, how);
        }
        if let Some(at) = record.released_at {
            self.release(at);
        }
    }

    /// The record, without its bookings.
    pub(crate) fn copy(&self) -> Record {
        Record {
            hold: self.hold,
            request: self.request(),
            extends: self.extends().to_vec(),
            pool: self.pool,
            legs: self.legs,
            created_at: self.created_at,
            expires_at: self.expires_at,
            reference: self.reference.clone(),
            party: self.seats().collect(),
            bookings: Vec::new(),
            released_at: self.released_at(),
            ended: self.ended(),
            listed: self.listed().to_vec(),
        }
    }

    /// Takes a card out of use; `next` is the free one after it.
    #[inline]
    pub(crate) fn vacate(&mut self, next: u32) {
        (self.marks, self.booking) = (FREE, next);
        self.more = None;
        if !self.reference.is_empty() {
            self.reference = Box::default();
        }
    }

    #[inline]
    pub(crate) const fn is_free(&self) -> bool {
        self.marks & HEADS == FREE
    }

    /// The request that made it.
    pub(crate) const fn request(&self) -> RequestMark {
        RequestMark { id: self.request, digest: self.digest }
    }

    #[inline]
    pub(crate) fn is_prolonged(&self) -> bool {
        self.more.as_ref().is_some_and(|more| !more.extends.is_empty())
    }

    /// Every request that prolonged it, oldest first.
    pub(crate) fn extends(&self) -> &[RequestMark] {
        self.more.as_deref().map_or(&[], |more| &more.extends)
    }

    /// Another request prolonged it.
    pub(crate) fn add_extend(&mut self, mark: RequestMark) {
        let list = &mut self.more.get_or_insert_default().extends;
        // id-once
        if crate::planted!("extend-forgets-the-one-before") {
            list.clear();
        }
        if list.is_empty() {
            // Most that are prolonged are so once.
            list.reserve_exact(1);
        }
        list.push(mark);
    }

    /// Passengers who had no berth of their own when they were held, by their place.
    #[inline]
    pub(crate) fn listed(&self) -> &[Listed] {
        self.more.as_deref().map_or(&[], |more| &more.listed)
    }

    /// Whether anybody of it is or was on a list, so that their berth may be of any pool.
    #[inline]
    pub(crate) fn is_listed(&self) -> bool {
        !self.listed().is_empty()
    }

    /// Passengers of it stand on lists.
    pub(crate) fn list(&mut self, places: &[(u8, Standing)]) {
        let listed = places.iter().map(|(passenger, standing)| Listed {
            passenger: *passenger,
            booked: *standing,
            now: Some(*standing),
        });
        self.more.get_or_insert_default().listed.extend(listed);
    }

    /// A passenger of it stands somewhere else now; returns where they stood.
    pub(crate) fn restand(&mut self, passenger: usize, now: Option<Standing>) -> Option<Standing> {
        let listed = &mut self.more.as_deref_mut()?.listed;
        let listed = listed.iter_mut().find(|listed| usize::from(listed.passenger) == passenger)?;
        core::mem::replace(&mut listed.now, now)
    }

    /// A passenger of it has another place now.
    pub(crate) fn reseat(&mut self, passenger: usize, berth: BerthIndex) {
        let seat = &mut self.party_mut()[passenger];
        let Seat { passenger, state, .. } = seat.seat();
        *seat = Seated::new(passenger, Some(berth), state);
    }

    /// The party as it is kept, in the order of the request.
    #[inline]
    pub(crate) fn party(&self) -> &[Seated] {
        &self.seats[..self.heads()]
    }

    pub(crate) fn party_mut(&mut self) -> &mut [Seated] {
        let heads = self.heads();
        &mut self.seats[..heads]
    }

    /// Who sits where, in the order of the request.
    pub(crate) fn seats(&self) -> impl ExactSizeIterator<Item = Seat> {
        self.party().iter().map(|seat| seat.seat())
    }

    /// When somebody of it was released last.
    #[inline]
    pub(crate) fn released_at(&self) -> Option<UnixMillis> {
        (self.marks & WAS_RELEASED != 0).then_some(self.released_at)
    }

    #[inline]
    pub(crate) fn release(&mut self, at: UnixMillis) {
        self.released_at = at;
        self.marks |= WAS_RELEASED;
    }

    /// When it came to hold nobody, and by what.
    #[inline]
    pub(crate) fn ended(&self) -> Option<Ended> {
        SeatState::from_number(self.marks >> HOW).map(|how| Ended { at: self.ended_at, how })
    }

    #[inline]
    pub(crate) fn end(&mut self, at: UnixMillis, how: SeatState) {
        self.ended_at = at;
        self.marks = self.marks & (HEADS | WAS_RELEASED) | (how as u8) << HOW;
    }

    /// Whether somebody is still held, whatever the deadline says.
    #[inline]
    pub(crate) const fn is_live(&self) -> bool {
        self.marks >> HOW == 0
    }

    /// The deadline, if somebody is held at `now`.
    #[inline]
    pub(crate) fn held_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        (self.is_live() && now < self.expires_at).then_some(self.expires_at)
    }

    #[inline]
    pub(crate) const fn is_booked(&self) -> bool {
        self.booking != NONE
    }

    /// Who is in this state.
    #[inline]
    pub(crate) fn in_state(&self, state: SeatState) -> PassengerSet {
        if self.heads() == 1 {
            return PassengerSet(self.seats[0].is(state).into());
        }
        // Over all places, without a branch: those past the party are cut off.
        let of = |set, (i, seat): (usize, &Seated)| set | u8::from(seat.is(state)) << i;
        PassengerSet(self.seats.iter().enumerate().fold(0, of)).and(self.everybody())
    }

    /// Whether somebody is held.
    #[inline]
    pub(crate) fn keeps_somebody(&self) -> bool {
        self.party().iter().any(|seat| seat.is(SeatState::Held))
    }

    /// Everybody of the party.
    #[inline]
    pub(crate) fn everybody(&self) -> PassengerSet {
        PassengerSet::first(self.heads())
    }

    /// Moves a passenger from one state to another; returns the berth they have.
    #[inline]
    pub(crate) fn mark(
        &mut self,
        index: usize,
        from: SeatState,
        to: SeatState,
    ) -> Option<BerthIndex> {
        let hold = self.hold;
        let seat = &mut self.party_mut()[index];
        assert!(seat.is(from), "passenger {} of hold {hold} is not {from}", index + 1);
        seat.set(to);
        seat.berth()
    }
}

/// What a hold shows of itself, on a card or packed.
pub(crate) trait Shown {
    /// As it was made, but for its deadline, which may have moved.
    fn made(&self) -> Made;
    /// How many passengers.
    fn heads(&self) -> usize;
    /// One of them.
    fn seat(&self, index: usize) -> Seated;
    /// The caller's reference.
    fn reference(&self) -> Box<str>;
    /// Its first booking.
    fn booking(&self) -> u32;
    /// Passengers who had no berth of their own when they were held.
    #[inline]
    fn listed(&self) -> &[Listed] {
        &[]
    }

    /// Who is in this state.
    #[inline]
    fn those(&self, state: SeatState) -> PassengerSet {
        let of = |set, index| set | u8::from(self.seat(index).is(state)) << index;
        PassengerSet((0..self.heads()).fold(0, of))
    }
}

impl Shown for Card {
    #[inline]
    fn listed(&self) -> &[Listed] {
        Card::listed(self)
    }

    #[inline]
    fn made(&self) -> Made {
        Made {
            hold: self.hold,
            request: self.request(),
            pool: self.pool,
            legs: self.legs,
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }

    #[inline]
    fn heads(&self) -> usize {
        usize::from(self.marks & HEADS)
    }

    #[inline]
    fn seat(&self, index: usize) -> Seated {
        self.seats[index]
    }

    #[inline]
    fn reference(&self) -> Box<str> {
        text(&self.reference)
    }

    #[inline]
    fn booking(&self) -> u32 {
        self.booking
    }
}
