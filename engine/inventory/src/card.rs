//! A hold and all that came of it, as the run keeps it: two cache lines.
//!
//! The same facts as a [`Record`], which is what snapshots and digests see. What most holds do not
//! have (more than one passenger, a request that prolonged them) stands in a box; bookings stand
//! in [`Bookings`](crate::register::Bookings).

use crate::answer::SeatView;
use crate::record::{Ended, Seat, SeatState};
use crate::register::NONE;
use crate::{
    BerthIndex, HoldId, LegRange, PassengerSet, PoolIndex, Record, RequestId, RequestMark,
    UnixMillis,
};
use arrayvec::ArrayVec;

/// What few holds have.
#[derive(Debug, Default)]
struct More {
    /// The whole party where it is more than one.
    party: ArrayVec<Seat, { crate::PARTY_MAX }>,
    /// The request that prolonged it last.
    extend: Option<RequestMark>,
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
    /// Set when nobody is held any more.
    pub(crate) ended: Option<Ended>,
    /// Counts only with `was_released`.
    released_at: UnixMillis,
    pub(crate) reference: Box<str>,
    more: Option<Box<More>>,
    /// The only passenger.
    first: Seat,
    /// Its first booking; of a free card, the next free one.
    pub(crate) booking: u32,
    pub(crate) pool: PoolIndex,
    pub(crate) legs: LegRange,
    /// Passengers of the party; `FREE` where there is no record.
    heads: u8,
    was_released: bool,
}
const _: () = assert!(size_of::<Card>() == 128);

/// `heads` of a card that is not in use.
const FREE: u8 = u8::MAX;
const NOBODY: Seat = Seat {
    passenger: crate::Passenger {
        age: crate::AgeBand::Adult,
        sex: crate::Sex::Unspecified,
        berth_required: true,
        preference: None,
    },
    berth: None,
    state: SeatState::Released,
};

impl Card {
    /// A hold as it is made.
    #[inline]
    pub(crate) fn new(
        hold: HoldId,
        request: RequestMark,
        place: (PoolIndex, LegRange),
        party: impl ExactSizeIterator<Item = Seat>,
        (created_at, expires_at): (UnixMillis, UnixMillis),
        reference: Box<str>,
    ) -> Self {
        let mut card = Self {
            hold,
            request: request.id,
            digest: request.digest,
            created_at,
            expires_at,
            ended: None,
            released_at: UnixMillis(0),
            reference,
            more: None,
            first: NOBODY,
            booking: NONE,
            pool: place.0,
            legs: place.1,
            heads: party.len() as u8,
            was_released: false,
        };
        let mut party = party;
        if party.len() > 1 {
            card.more = Some(Box::new(More { party: party.collect(), extend: None }));
        } else if let Some(seat) = party.next() {
            card.first = seat;
        }
        card
    }

    /// A record of a snapshot; its bookings are the caller's.
    pub(crate) fn of(record: Record) -> Self {
        let mut card = Self::new(
            record.hold,
            record.request,
            (record.pool, record.legs),
            record.party.into_iter(),
            (record.created_at, record.expires_at),
            record.reference,
        );
        if let Some(mark) = record.extend {
            card.set_extend(*mark);
        }
        card.ended = record.ended;
        if let Some(at) = record.released_at {
            card.release(at);
        }
        card
    }

    /// The record, without its bookings.
    pub(crate) fn copy(&self) -> Record {
        Record {
            hold: self.hold,
            request: self.request(),
            extend: self.extend().map(Box::new),
            pool: self.pool,
            legs: self.legs,
            created_at: self.created_at,
            expires_at: self.expires_at,
            reference: self.reference.clone(),
            party: self.party().iter().copied().collect(),
            bookings: Vec::new(),
            released_at: self.released_at(),
            ended: self.ended,
        }
    }

    /// Takes a card out of use; `next` is the free one after it.
    pub(crate) fn vacate(&mut self, next: u32) {
        (self.heads, self.booking) = (FREE, next);
        (self.more, self.reference) = (None, Box::default());
    }

    pub(crate) const fn is_free(&self) -> bool {
        self.heads == FREE
    }

    /// The request that made it.
    pub(crate) const fn request(&self) -> RequestMark {
        RequestMark { id: self.request, digest: self.digest }
    }

    /// The request that prolonged it last.
    pub(crate) fn extend(&self) -> Option<RequestMark> {
        self.more.as_ref().and_then(|more| more.extend)
    }

    /// Another request prolonged it; returns the one before.
    pub(crate) fn set_extend(&mut self, mark: RequestMark) -> Option<RequestMark> {
        self.more.get_or_insert_default().extend.replace(mark)
    }

    /// Who sits where, in the order of the request.
    pub(crate) fn party(&self) -> &[Seat] {
        match &self.more {
            Some(more) if self.heads > 1 => &more.party,
            _ => &core::slice::from_ref(&self.first)[..usize::from(self.heads)],
        }
    }

    pub(crate) fn party_mut(&mut self) -> &mut [Seat] {
        match &mut self.more {
            Some(more) if self.heads > 1 => &mut more.party,
            _ => &mut core::slice::from_mut(&mut self.first)[..usize::from(self.heads)],
        }
    }

    /// When somebody of it was released last.
    pub(crate) fn released_at(&self) -> Option<UnixMillis> {
        self.was_released.then_some(self.released_at)
    }

    pub(crate) fn release(&mut self, at: UnixMillis) {
        (self.released_at, self.was_released) = (at, true);
    }

    /// Whether somebody is still held, whatever the deadline says.
    pub(crate) const fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    pub(crate) const fn is_booked(&self) -> bool {
        self.booking != NONE
    }

    /// Who is in this state.
    pub(crate) fn in_state(&self, state: SeatState) -> PassengerSet {
        in_state(self.party(), state)
    }

    /// Everybody of the party.
    pub(crate) fn everybody(&self) -> PassengerSet {
        PassengerSet::first(self.heads.into())
    }

    /// Moves passengers from one state to another; returns the berths they have.
    pub(crate) fn mark(
        &mut self,
        passengers: PassengerSet,
        from: SeatState,
        to: SeatState,
    ) -> ArrayVec<BerthIndex, { crate::PARTY_MAX }> {
        let hold = self.hold;
        let mut berths = ArrayVec::new();
        let party = self.party_mut();
        for index in passengers.iter() {
            let seat = &mut party[index];
            assert_eq!(seat.state, from, "passenger {} of hold {hold}", index + 1);
            seat.state = to;
            berths.extend(seat.berth);
        }
        berths
    }

    /// One passenger as shown at `now`: held past the deadline is shown as expired, whether or not
    /// a timer has fired.
    pub(crate) fn seat_view(&self, index: usize, now: UnixMillis) -> SeatView {
        let Seat { passenger, berth, state } = self.party()[index];
        let past = state == SeatState::Held && self.expires_at <= now;
        SeatView { passenger, berth, state: if past { SeatState::Expired } else { state } }
    }
}

/// Who of a party is in a state.
pub(crate) fn in_state(party: &[Seat], state: SeatState) -> PassengerSet {
    let of = |set, (i, seat): (usize, &Seat)| set | u8::from(seat.state == state) << i;
    PassengerSet(party.iter().enumerate().fold(0, of))
}
