//! What a run remembers of one hold: who sits where, what was booked, and which requests did it.
//!
//! This is the record as snapshots and digests see it; the run keeps it as a `card`, or packed.
//! A record is born with a hold and carries everything that later answers need, so that a retry is
//! answered from here and nothing else. A record without a booking is dropped some time after its
//! hold has ended (see `register`); one with a booking lives as long as the run.
//! Always true: a seat is `Confirmed` or `Cancelled` exactly when one booking names it; `ended` is
//! set exactly when nobody is held any more (INV-10).

use core::fmt;
use core::str::FromStr;

use arrayvec::ArrayVec;

use crate::class::codes;
use crate::{
    BerthIndex, CodeError, HoldId, LegRange, Listed, PARTY_MAX, Passenger, PassengerSet, Pnr,
    PoolIndex, RequestMark, UnixMillis,
};

codes! {
    /// What has become of one passenger of a hold. Numbers are stable.
    SeatState, "seat state", "HELD CONFIRMED RELEASED EXPIRED CANCELLED", {
        /// Held until the deadline.
        Held = 1 "HELD",
        /// Booked.
        Confirmed = 2 "CONFIRMED",
        /// Given back by the holder.
        Released = 3 "RELEASED",
        /// Given back because the deadline passed.
        Expired = 4 "EXPIRED",
        /// Booked, then given back.
        Cancelled = 5 "CANCELLED",
    }
}

/// One passenger of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub passenger: Passenger,
    /// Where; `None` for a child without a berth.
    pub berth: Option<BerthIndex>,
    /// What has become of them.
    pub state: SeatState,
}

/// A booking made from a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Its number, before the printed permutation.
    pub pnr: Pnr,
    /// The request that asked.
    pub request: RequestMark,
    /// Who was booked, 0-based places in the hold's party.
    pub passengers: PassengerSet,
    /// The caller's payment reference.
    pub payment: Box<str>,
    /// When it was confirmed.
    pub confirmed_at: UnixMillis,
    /// When somebody of it was cancelled last.
    pub cancelled_at: Option<UnixMillis>,
}

/// When a hold came to hold nobody, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When the last held passenger left it.
    pub at: UnixMillis,
    /// By what: `Confirmed`, `Released` or `Expired`.
    pub how: SeatState,
}

/// One hold and all that came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub hold: HoldId,
    /// The request that made it.
    pub request: RequestMark,
    /// Every request that prolonged it, oldest first.
    pub extends: Vec<RequestMark>,
    /// The pool its berths come from.
    pub pool: PoolIndex,
    /// The journey.
    pub legs: LegRange,
    /// When it was made.
    pub created_at: UnixMillis,
    /// The effective deadline.
    pub expires_at: UnixMillis,
    /// The caller's reference.
    pub reference: Box<str>,
    /// Who sits where, in the order of the request.
    pub party: ArrayVec<Seat, PARTY_MAX>,
    /// Bookings made from it, oldest first; at most one for each passenger.
    pub bookings: Vec<Booking>,
    /// When somebody of it was released last.
    pub released_at: Option<UnixMillis>,
    /// Set when nobody is held any more.
    pub ended: Option<Ended>,
    /// Passengers who had no berth of their own when they were held, by their place. Nobody of a
    /// hold that ended without a booking: their numbers were given back.
    pub listed: Vec<Listed>,
}

impl Record {
    /// Whether somebody is still held, whatever the deadline says.
    pub const fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// Who is in this state.
    pub fn in_state(&self, state: SeatState) -> PassengerSet {
        let of = |set, (i, seat): (usize, &Seat)| set | u8::from(seat.state == state) << i;
        PassengerSet(self.party.iter().enumerate().fold(0, of))
    }
}
