//! What a caller wants. May be refused.
//!
//! The edge has checked what the message alone shows (shape, ranges, 1 to 6 passengers, ttl
//! bounds); what needs the plan, the state or the time is decided here.

use arrayvec::ArrayVec;

use crate::{
    HoldId, Millis, PARTY_MAX, Passenger, PassengerSet, Pnr, QuotaCode, RequestMark, StationCode,
    TravelClass,
};

/// A stop as the caller names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopRef {
    /// Its place on the route, 1-based as people count.
    Sequence(u16),
    /// A station and which of its visits, 1-based (19 trains call at a station twice).
    Station {
        /// Station code.
        code: StationCode,
        /// 1 = the first visit.
        occurrence: u8,
    },
}

/// A berth as people name it: coach id and number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BerthName {
    /// Coach id, such as `B3`.
    pub coach: Box<str>,
    /// Number painted on the berth.
    pub number: u16,
}

/// Hard conditions of a reserve: unmet, nothing is taken; and what will do when no berth is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Conditions {
    /// Everybody in one coach.
    pub one_coach: bool,
    /// At least this many lower berths in the party.
    pub min_lower: u8,
    /// Only if every stated preference is met.
    pub preferences_are_hard: bool,
    /// Who gets no berth may be given a half of one (RAC).
    pub rac: bool,
    /// Who gets nothing may be put on the waiting list; whoever waits is given a half too.
    pub waiting: bool,
}

impl Conditions {
    /// Whether less than a berth will do.
    pub const fn takes_what_is_behind(self) -> bool {
        self.rac || self.waiting
    }

    /// Whether any of them can refuse berths that are free.
    pub const fn are_hard(self) -> bool {
        self.one_coach || self.min_lower > 0 || self.preferences_are_hard
    }
}

/// Hold berths for a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// The caller's id and the digest of this request.
    pub request: RequestMark,
    /// The id the hold will have, drawn by the node.
    pub hold: HoldId,
    /// Travel class.
    pub class: TravelClass,
    /// Quota asked for.
    pub quota: QuotaCode,
    /// Where the party boards.
    pub from: StopRef,
    /// Where it alights.
    pub to: StopRef,
    /// 1 to 6 passengers, at least one of whom needs a berth.
    pub party: ArrayVec<Passenger, PARTY_MAX>,
    /// Hard conditions.
    pub conditions: Conditions,
    /// Named berths, one for each passenger that needs one; empty = the machine chooses.
    pub berths: Vec<BerthName>,
    /// How long to hold.
    pub ttl: Millis,
    /// The caller's opaque reference, at most `REFERENCE_BYTES_MAX` bytes.
    pub reference: Box<str>,
}

/// What becomes of the passengers that a partial confirm leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rest {
    /// Their berths are given back.
    #[default]
    Released,
    /// Their berths stay held until the hold's deadline.
    Kept,
}

/// Turn held berths into a booking. Never searches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// The caller's id and the digest of this request.
    pub request: RequestMark,
    /// Which hold.
    pub hold: HoldId,
    /// Who; `None` = everybody still held.
    pub passengers: Option<PassengerSet>,
    /// What becomes of the others.
    pub rest: Rest,
    /// The caller's payment reference, at most `REFERENCE_BYTES_MAX` bytes.
    pub payment: Box<str>,
    /// A block of PNR numbers the run may lease if it has none left (drawn by the node).
    pub pnr_block: Option<u32>,
}

/// Give held berths back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// The caller's id and the digest of this request.
    pub request: RequestMark,
    /// Which hold.
    pub hold: HoldId,
    /// Who; `None` = everybody still held.
    pub passengers: Option<PassengerSet>,
}

/// Move a hold's deadline to `ttl` from now, within its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extend {
    /// The caller's id and the digest of this request.
    pub request: RequestMark,
    /// Which hold.
    pub hold: HoldId,
    /// New time to live, from now.
    pub ttl: Millis,
    /// How long a hold lives in all, from its creation.
    pub life: Millis,
}

/// Undo confirmed passengers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// The caller's id and the digest of this request.
    pub request: RequestMark,
    /// Which booking.
    pub pnr: Pnr,
    /// Who; `None` = everybody.
    pub passengers: Option<PassengerSet>,
}

/// Open or close the sale of some pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleChange {
    /// The caller's id and the digest of this request.
    pub request: RequestMark,
    /// Only pools of this class.
    pub class: Option<TravelClass>,
    /// Only pools of this quota.
    pub quota: Option<QuotaCode>,
    /// Open or closed.
    pub open: bool,
}

/// Take berths out of sale, or give them back to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The caller's id and the digest of this request.
    pub request: RequestMark,
    /// Which berths; empty with `coach` = none.
    pub berths: Vec<BerthName>,
    /// On which legs; `None` = the whole route.
    pub legs: Option<(StopRef, StopRef)>,
}

/// Everything one run can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Hold berths.
    Reserve(Reserve),
    /// Confirm a hold.
    Confirm(Confirm),
    /// Give a hold back.
    Release(Release),
    /// Prolong a hold.
    Extend(Extend),
    /// Cancel booked passengers.
    Cancel(Cancel),
    /// Expire one hold if its deadline has passed; sent by the node's timer.
    Expire(HoldId),
    /// Give every hold live since before a restart more time: `(grace_until, last stamp)`.
    Grace {
        /// Holds with an earlier deadline get this one, within 15 min + grace of their creation.
        until: crate::UnixMillis,
        /// The last durable stamp: holds expired by then stay expired.
        as_of: crate::UnixMillis,
        /// Grace on top of the 15 minutes.
        span: Millis,
    },
    /// Open or close sale.
    SetSale(SaleChange),
    /// Block berths.
    Block(Block),
    /// Unblock berths.
    Unblock(Block),
    /// Give the run its first event although nobody bought anything: it exists from here on.
    Create(RequestMark),
    /// End the run: holds are expired, nothing is sold any more, bookings stay readable.
    Retire(RequestMark),
    /// Read one hold as of the state after everything before it.
    GetHold(HoldId),
    /// Read one booking as of the state after everything before it.
    GetBooking(Pnr),
    /// Read the run's own state (versions, counts).
    GetRun,
}
