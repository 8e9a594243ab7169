//! What a caller is told. Views are copies: the state they show may have moved on.

use arrayvec::ArrayVec;

use crate::{
    BerthIndex, HoldId, LegRange, ListIndex, PARTY_MAX, Passenger, Pnr, PoolIndex, Promoted,
    Refusal, RunId, RunSummary, SeatState, Standing, UnixMillis, Version,
};

/// One passenger of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatView {
    /// Who.
    pub passenger: Passenger,
    /// Where; `None` for a child without a berth.
    pub berth: Option<BerthIndex>,
    /// Held, confirmed, released, expired or cancelled.
    pub state: SeatState,
}

/// A hold as it stands. Berth and pool indexes are of the run's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldView {
    /// Its run.
    pub run: RunId,
    /// Its id.
    pub hold: HoldId,
    /// The pool its berths come from.
    pub pool: PoolIndex,
    /// The journey.
    pub legs: LegRange,
    /// When it was made.
    pub created_at: UnixMillis,
    /// The effective deadline.
    pub expires_at: UnixMillis,
    /// Who sits where, in the order of the request.
    pub party: ArrayVec<SeatView, PARTY_MAX>,
    /// The bookings made from it so far, oldest first.
    pub bookings: Vec<Pnr>,
    /// The caller's reference.
    pub reference: Box<str>,
    /// Those of the party who had no berth of their own at first; `None` = nobody.
    pub listed: Option<Box<[ListedView]>>,
}

/// A booking as it stands. Berth and pool indexes are of the run's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookingView {
    /// Its run.
    pub run: RunId,
    /// Its number, before the printed permutation.
    pub pnr: Pnr,
    /// The hold it came from.
    pub hold: HoldId,
    /// The pool its berths come from.
    pub pool: PoolIndex,
    /// The journey.
    pub legs: LegRange,
    /// When it was confirmed.
    pub confirmed_at: UnixMillis,
    /// The caller's payment reference.
    pub payment: Box<str>,
    /// The caller's reference.
    pub reference: Box<str>,
    /// The booking's passengers with their 0-based places in the hold's party.
    pub party: ArrayVec<(u8, SeatView), PARTY_MAX>,
    /// Until when the rest of its hold is held; `None` when nobody of it is.
    pub rest_until: Option<UnixMillis>,
    /// Those of the hold's party who had no berth of their own at first; `None` = nobody.
    pub listed: Option<Box<[ListedView]>>,
}

/// Where somebody stands on a list now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// Which list.
    pub list: ListIndex,
    /// How many stand before and including them.
    pub position: u16,
}

/// A passenger who had no berth of their own when they were held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedView {
    /// 0-based place in the hold's party.
    pub passenger: u8,
    /// Booking status: the number that they were given first.
    pub booked: Standing,
    /// Current status; `None` once they have a berth of their own, or left.
    pub current: Option<Current>,
}

/// What a release or a cancel gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freed {
    /// 0-based places in the party.
    pub passengers: crate::PassengerSet,
    /// Who got a better place by that, in order. Told once: a retry is told nobody.
    pub promoted: Vec<Promoted>,
}

/// What one command is answered. The common answers are large and stand inline: they are written
/// once, where their parcel carries them, and allocate nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The hold (Reserve, Extend, GetHold).
    Hold(HoldView),
    /// The booking (Confirm, GetBooking).
    Booking(BookingView),
    /// The hold after a release, and who was given back.
    Released(HoldView, Freed),
    /// The booking after a cancel, and who was cancelled.
    Cancelled(BookingView, Freed),
    /// Pools touched by a sale change, bit `i` = pool `i`.
    Sale(u64),
    /// Berths touched by a block or unblock.
    Berths(Vec<BerthIndex>),
    /// The run's own state.
    Run(Box<RunSummary>),
    /// A timer's or the node's own command did what it should; nobody waits.
    Done,
    /// Refused.
    Refused(Refusal),
}

/// An answer, with the version of the run at which it was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The run's version after the command.
    pub version: Version,
    /// When it was decided.
    pub at: UnixMillis,
    /// What is said.
    pub said: Said,
}
