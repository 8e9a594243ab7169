//! What has happened. Never refused, never decided again on replay.
//!
//! The stamp of an event is not in it: it stands once for a drain in the journal and is handed to
//! `apply`. One event is one version of the run.

use arrayvec::ArrayVec;

use crate::{
    BerthIndex, HoldId, LegRange, PARTY_MAX, Passenger, PassengerSet, PlanHash, Pnr, PoolIndex,
    RequestMark, Rest, RunId, Standing, UnixMillis,
};

/// First event of a run: what it is made of, fixed for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCreated {
    /// Which dated train.
    pub run: RunId,
    /// Content hash of its catalogue entry; the text is journaled once per hash.
    pub plan: PlanHash,
    /// 00:00 of the start date in the catalogue's zone.
    pub midnight: UnixMillis,
    /// Opening instant of each pool, in the plan's order; 0 = open since ever.
    pub opens: Vec<UnixMillis>,
    /// Created by an operator outside the calendar (`CreateTrainRun`).
    pub extra: bool,
}

/// A passenger and the berth held for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldPassenger {
    /// Who.
    pub passenger: Passenger,
    /// Where; `None` for a child without a berth.
    pub berth: Option<BerthIndex>,
}

/// A fact about one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The run exists. Always version 1.
    RunCreated(Box<RunCreated>),
    /// Berths are held.
    Held {
        /// The hold's id.
        hold: HoldId,
        /// The request that asked.
        request: RequestMark,
        /// The pool all berths come from.
        pool: PoolIndex,
        /// The legs.
        legs: LegRange,
        /// Who sits where.
        party: ArrayVec<HeldPassenger, PARTY_MAX>,
        /// Deadline.
        expires_at: UnixMillis,
        /// The caller's reference.
        reference: Box<str>,
    },
    /// Held passengers are booked.
    Confirmed {
        /// Which hold.
        hold: HoldId,
        /// The request that asked.
        request: RequestMark,
        /// The booking's number.
        pnr: Pnr,
        /// Who.
        passengers: PassengerSet,
        /// What became of the others still held.
        rest: Rest,
        /// The caller's payment reference.
        payment: Box<str>,
    },
    /// A deadline moved.
    Extended {
        /// Which hold.
        hold: HoldId,
        /// The request that asked.
        request: RequestMark,
        /// New deadline.
        expires_at: UnixMillis,
    },
    /// Held passengers were given back.
    Released {
        /// Which hold.
        hold: HoldId,
        /// Who.
        passengers: PassengerSet,
    },
    /// The deadline passed; everybody still held was given back.
    Expired {
        /// Which hold.
        hold: HoldId,
    },
    /// After a restart: every hold live at `as_of` whose deadline is earlier gets
    /// `min(until, created + 15 min + span)`.
    HoldsExtended {
        /// New deadline.
        until: UnixMillis,
        /// The last durable stamp before the restart.
        as_of: UnixMillis,
        /// Grace on top of the 15 minutes of life.
        span: crate::Millis,
    },
    /// Booked passengers were cancelled.
    Cancelled {
        /// Which booking.
        pnr: Pnr,
        /// Who.
        passengers: PassengerSet,
    },
    /// The run may use the 256 PNR numbers of this block.
    PnrBlockLeased {
        /// Block number; its numbers are `block * 256 ..`.
        block: u32,
    },
    /// Sale of these pools was opened or closed.
    SaleSet {
        /// Bit `i` = pool `i`.
        pools: u64,
        /// Open or closed.
        open: bool,
    },
    /// Berths were taken out of sale.
    BerthsBlocked {
        /// Which, ascending.
        berths: Vec<BerthIndex>,
        /// On which legs.
        legs: LegRange,
    },
    /// Berths were given back to sale.
    BerthsUnblocked {
        /// Which, ascending.
        berths: Vec<BerthIndex>,
        /// On which legs.
        legs: LegRange,
    },
    /// The run is over: live holds ended, nothing is sold any more.
    RunRetired,
    /// Passengers of a hold that was just made stand on lists: with a half of a berth, or with
    /// nothing but a number.
    Listed {
        /// Which hold.
        hold: HoldId,
        /// 0-based places in its party, ascending, and their numbers.
        places: ArrayVec<(u8, Standing), PARTY_MAX>,
    },
    /// A passenger on a list got a place that had become free.
    Promoted {
        /// Which hold.
        hold: HoldId,
        /// 0-based place in its party.
        passenger: u8,
        /// What they have now: a berth, or a half of one.
        berth: BerthIndex,
        /// The list they stand on now; `None` with a berth of their own.
        standing: Option<Standing>,
    },
}
