//! Why not. A refusal is an answer, not a fault; it leaves no trace and is decided anew.
//!
//! Reason numbers are stable for ever and say nothing of order; the order is [`PRECEDENCE`].

#[cfg(test)]
mod tests;
mod words;

use core::fmt;

use crate::class::codes;
use crate::{
    AgeBand, BerthName, CodeError, Date, HoldId, LegRange, Pnr, QuotaCode, RequestId, Sex, StopRef,
    TrainNumber, TravelClass, UnixMillis,
};
use core::str::FromStr;

use words::{Berth, List, OrAny, OrNone, Since, StopName};

codes! {
    /// The kind of a refusal.
    Reason, "refusal reason", "see docs", {
        /// The id took effect with another request.
        IdempotencyMismatch = 1 "IDEMPOTENCY_MISMATCH",
        /// No such train in the catalogue.
        UnknownTrain = 2 "UNKNOWN_TRAIN",
        /// The train does not start on that day, or the day is outside the open window.
        RunNotScheduled = 3 "RUN_NOT_SCHEDULED",
        /// A stop is not on the route.
        UnknownStop = 4 "UNKNOWN_STOP",
        /// The journey does not go forward.
        BadLegRange = 5 "BAD_LEG_RANGE",
        /// The train has no coach of that class.
        UnknownClass = 6 "UNKNOWN_CLASS",
        /// The class has no pool of that quota for this journey.
        UnknownQuota = 7 "UNKNOWN_QUOTA",
        /// More passengers than the quota allows.
        TooManyPassengers = 8 "TOO_MANY_PASSENGERS",
        /// Sale has not begun.
        NotOpen = 9 "NOT_OPEN",
        /// Sale has ended or was closed.
        Closed = 10 "CLOSED",
        /// Not enough berths.
        SoldOut = 11 "SOLD_OUT",
        /// A named berth is taken on that journey.
        BerthTaken = 12 "BERTH_TAKEN",
        /// A hard condition cannot be met.
        PreferenceUnmet = 13 "PREFERENCE_UNMET",
        /// No such hold.
        UnknownHold = 14 "UNKNOWN_HOLD",
        /// The hold was given back.
        HoldReleased = 15 "HOLD_RELEASED",
        /// The hold's deadline has passed.
        HoldExpired = 16 "HOLD_EXPIRED",
        /// The hold is booked already.
        AlreadyConfirmed = 17 "ALREADY_CONFIRMED",
        /// No such booking.
        UnknownBooking = 18 "UNKNOWN_BOOKING",
        /// No such berth on this train.
        UnknownBerth = 19 "UNKNOWN_BERTH",
        /// The booking is cancelled.
        BookingCancelled = 20 "BOOKING_CANCELLED",
        /// The party has no such passenger.
        UnknownPassenger = 21 "UNKNOWN_PASSENGER",
        /// The hold was extended as often as one may be.
        TooManyExtends = 22 "TOO_MANY_EXTENDS",
        /// The quota is not for one of the passengers.
        NotEligible = 23 "NOT_ELIGIBLE",
        /// No berth is left, and no room on the waiting list.
        WlFull = 24 "WL_FULL",
        /// A waiting room stands before the sale.
        NotAdmitted = 25 "NOT_ADMITTED",
        /// No such waiting room.
        UnknownRoom = 26 "UNKNOWN_ROOM",
        /// No such ticket of a waiting room.
        UnknownTicket = 27 "UNKNOWN_TICKET",
        /// The room wants a proof that a challenge was passed.
        Unproven = 28 "UNPROVEN",
    }
}

/// Which refusal wins when several apply: the first of this list.
pub const PRECEDENCE: [Reason; 28] = [
    Reason::IdempotencyMismatch,
    Reason::NotAdmitted,
    Reason::UnknownTrain,
    Reason::RunNotScheduled,
    Reason::UnknownStop,
    Reason::BadLegRange,
    Reason::UnknownClass,
    Reason::UnknownQuota,
    Reason::TooManyPassengers,
    Reason::NotEligible,
    Reason::NotOpen,
    Reason::Closed,
    Reason::SoldOut,
    Reason::WlFull,
    Reason::BerthTaken,
    Reason::PreferenceUnmet,
    Reason::UnknownHold,
    Reason::UnknownBooking,
    Reason::UnknownBerth,
    Reason::UnknownPassenger,
    Reason::HoldReleased,
    Reason::HoldExpired,
    Reason::AlreadyConfirmed,
    Reason::BookingCancelled,
    Reason::TooManyExtends,
    Reason::UnknownRoom,
    Reason::UnknownTicket,
    Reason::Unproven,
];

/// Why a command was refused, with both operands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id took effect with another request.
    #[error("request id {id} took effect with another request; use a new id for a new request")]
    IdempotencyMismatch {
        /// The id.
        id: RequestId,
    },
    /// No such train.
    #[error("train {train} is not in the catalogue; check the number")]
    UnknownTrain {
        /// The number asked for.
        train: TrainNumber,
    },
    /// The train does not start on that day, or the day is outside the open window.
    #[error("train {train} has no run open that starts on {start_date}; next: {}", OrNone(.next))]
    RunNotScheduled {
        /// The number asked for.
        train: TrainNumber,
        /// The start date that follows from the request.
        start_date: Date,
        /// The next open start date, if any.
        next: Option<Date>,
    },
    /// A stop is not on the route.
    #[error(
        "{} is not a stop of train {train}; name one of its route, by code or by number",
        StopName(.stop)
    )]
    UnknownStop {
        /// The train.
        train: TrainNumber,
        /// The stop asked for.
        stop: StopRef,
    },
    /// The journey does not go forward.
    #[error(
        "stop {to} does not come after stop {from}; name them in the order of the route, a station \
         that comes twice by number or visit"
    )]
    BadLegRange {
        /// 1-based stop asked for as boarding.
        from: u16,
        /// 1-based stop asked for as alighting.
        to: u16,
    },
    /// The train has no coach of that class.
    #[error("train {train} has no {class}; it has {}", List(.has))]
    UnknownClass {
        /// The train.
        train: TrainNumber,
        /// The class asked for.
        class: TravelClass,
        /// The classes it has.
        has: Vec<TravelClass>,
    },
    /// The class has no such quota for this journey.
    #[error("{class} has no quota {quota} on stops {legs}; it has {}", List(.has))]
    UnknownQuota {
        /// The class asked for.
        class: TravelClass,
        /// The quota asked for.
        quota: QuotaCode,
        /// The journey.
        legs: LegRange,
        /// The quotas that sell this journey.
        has: Vec<QuotaCode>,
    },
    /// More passengers than the quota allows.
    #[error("{asked} passengers asked, quota {quota} allows {max}; split the party")]
    TooManyPassengers {
        /// Asked.
        asked: u8,
        /// The quota's limit.
        max: u8,
        /// The quota.
        quota: QuotaCode,
    },
    /// The quota is not for one of the passengers.
    #[error(
        "passenger {} ({sex} {age}) may not travel on quota {quota} of {class}, which is for {whom}; \
         ask for another quota",
        passenger + 1
    )]
    NotEligible {
        /// 0-based place in the party.
        passenger: u8,
        /// Their age.
        age: AgeBand,
        /// Their sex.
        sex: Sex,
        /// The class.
        class: TravelClass,
        /// The quota.
        quota: QuotaCode,
        /// Whom it is for, in the catalogue's words.
        whom: Box<str>,
    },
    /// Sale has not begun.
    #[error("quota {quota} of {class} opens at {opens_at}; ask again then")]
    NotOpen {
        /// The class.
        class: TravelClass,
        /// The quota.
        quota: QuotaCode,
        /// When to come back.
        opens_at: UnixMillis,
    },
    /// Sale has ended or was closed.
    #[error("sale of {class} {quota} is closed {}", Since(.closed_at))]
    Closed {
        /// The class.
        class: TravelClass,
        /// The quota.
        quota: QuotaCode,
        /// The departure that closed it; `None` when an operator did.
        closed_at: Option<UnixMillis>,
    },
    /// Not enough berths.
    #[error("{asked} berths asked, {free} free in {class} {quota} on stops {legs}")]
    SoldOut {
        /// Berths asked for.
        asked: u8,
        /// Berths free on the whole journey.
        free: u16,
        /// The class.
        class: TravelClass,
        /// The quota.
        quota: QuotaCode,
        /// The journey.
        legs: LegRange,
    },
    /// No berth is left, and no room on the waiting list (REGRET).
    #[error(
        "{asked} places asked on waiting list {label} of {class}, {free} of {limit} left; ask again \
         when somebody has cancelled, or for another class or quota"
    )]
    WaitingFull {
        /// Passengers who would have to wait.
        asked: u8,
        /// Places left on the list.
        free: u16,
        /// Places it has.
        limit: u16,
        /// The list.
        label: QuotaCode,
        /// The class.
        class: TravelClass,
        /// The quota.
        quota: QuotaCode,
    },
    /// A named berth is taken.
    #[error(
        "berth {} is taken on stops {legs}; name another, or none to have one chosen",
        Berth(.berth)
    )]
    BerthTaken {
        /// Which.
        berth: BerthName,
        /// The journey.
        legs: LegRange,
    },
    /// A hard condition cannot be met.
    #[error("{condition} cannot be met: {asked} asked, {free} possible; ask for less of it")]
    PreferenceUnmet {
        /// Which condition.
        condition: &'static str,
        /// Asked for.
        asked: u8,
        /// Most that is possible.
        free: u16,
    },
    /// No such hold.
    #[error(
        "hold {hold} is not known here: never made, or forgotten some time after it ended; check \
         the id, or reserve anew"
    )]
    UnknownHold {
        /// The id.
        hold: HoldId,
    },
    /// The hold was given back.
    #[error("hold {hold} was released at {at}; reserve anew")]
    HoldReleased {
        /// The id.
        hold: HoldId,
        /// When.
        at: UnixMillis,
    },
    /// The hold's deadline has passed.
    #[error("hold {hold} expired at {expires_at}, it is {now}; reserve anew")]
    HoldExpired {
        /// The id.
        hold: HoldId,
        /// Its deadline.
        expires_at: UnixMillis,
        /// When it was asked.
        now: UnixMillis,
    },
    /// The hold is booked already.
    #[error("hold {hold} is already confirmed; nothing is left of it to hold")]
    AlreadyConfirmed {
        /// The id.
        hold: HoldId,
        /// The booking it became.
        booking: Box<crate::BookingView>,
        /// What the booking's berth indexes mean.
        plan: std::sync::Arc<crate::Plan>,
    },
    /// No such booking.
    #[error("this booking is not known here; check the number")]
    UnknownBooking {
        /// The number before the printed permutation.
        pnr: Pnr,
    },
    /// No such berth.
    #[error(
        "train {train} has no berth {} in {}; its berth map names those it has",
        Berth(.berth), OrAny(.class)
    )]
    UnknownBerth {
        /// The train.
        train: TrainNumber,
        /// Which.
        berth: BerthName,
        /// The class asked for, if any.
        class: Option<TravelClass>,
    },
    /// The party has no such passenger.
    #[error("passenger {asked} asked, the party has {count}; they count from 1")]
    UnknownPassenger {
        /// 1-based.
        asked: u8,
        /// Passengers in the party.
        count: u8,
    },
    /// The booking is cancelled.
    #[error("the booking was cancelled at {at}; reserve anew")]
    BookingCancelled {
        /// The number before the printed permutation.
        pnr: Pnr,
        /// When.
        at: UnixMillis,
    },
    /// The hold was extended as often as one may be.
    #[error(
        "hold {hold} was extended {extends} times, of {max} at most; confirm it before its deadline, \
         and extend another by more at a time"
    )]
    TooManyExtends {
        /// The id.
        hold: HoldId,
        /// Extends that took effect.
        extends: usize,
        /// Most that may.
        max: usize,
    },
    /// A waiting room stands before the sale.
    #[error(
        "waiting room {room} stands before this sale: {why}; join it, and reserve with the token that \
         it gives when it is your turn"
    )]
    NotAdmitted {
        /// Its name.
        room: Box<str>,
        /// What is wrong with the token.
        why: &'static str,
    },
    /// No such waiting room.
    #[error("there is no waiting room {asked} here, or it is closed; reserve without one")]
    UnknownRoom {
        /// What was asked for.
        asked: Box<str>,
    },
    /// No such ticket.
    #[error("{why}; join the room anew")]
    UnknownTicket {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The room wants a proof.
    #[error(
        "waiting room {room} wants a proof that this end user passed the challenge: {why}; pass it, \
         and join with the proof"
    )]
    Unproven {
        /// Its name.
        room: Box<str>,
        /// What is wrong with the proof.
        why: &'static str,
    },
}

impl Refusal {
    /// Its kind.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::IdempotencyMismatch { .. } => Reason::IdempotencyMismatch,
            Self::UnknownTrain { .. } => Reason::UnknownTrain,
            Self::RunNotScheduled { .. } => Reason::RunNotScheduled,
            Self::UnknownStop { .. } => Reason::UnknownStop,
            Self::BadLegRange { .. } => Reason::BadLegRange,
            Self::UnknownClass { .. } => Reason::UnknownClass,
            Self::UnknownQuota { .. } => Reason::UnknownQuota,
            Self::TooManyPassengers { .. } => Reason::TooManyPassengers,
            Self::NotOpen { .. } => Reason::NotOpen,
            Self::Closed { .. } => Reason::Closed,
            Self::SoldOut { .. } => Reason::SoldOut,
            Self::WaitingFull { .. } => Reason::WlFull,
            Self::BerthTaken { .. } => Reason::BerthTaken,
            Self::PreferenceUnmet { .. } => Reason::PreferenceUnmet,
            Self::UnknownHold { .. } => Reason::UnknownHold,
            Self::HoldReleased { .. } => Reason::HoldReleased,
            Self::HoldExpired { .. } => Reason::HoldExpired,
            Self::AlreadyConfirmed { .. } => Reason::AlreadyConfirmed,
            Self::UnknownBooking { .. } => Reason::UnknownBooking,
            Self::UnknownBerth { .. } => Reason::UnknownBerth,
            Self::UnknownPassenger { .. } => Reason::UnknownPassenger,
            Self::BookingCancelled { .. } => Reason::BookingCancelled,
            Self::TooManyExtends { .. } => Reason::TooManyExtends,
            Self::NotEligible { .. } => Reason::NotEligible,
            Self::NotAdmitted { .. } => Reason::NotAdmitted,
            Self::UnknownRoom { .. } => Reason::UnknownRoom,
            Self::UnknownTicket { .. } => Reason::UnknownTicket,
            Self::Unproven { .. } => Reason::Unproven,
        }
    }

    /// Whether the same command, unchanged, may succeed later.
    pub const fn is_retryable(&self) -> bool {
        match self.reason() {
            Reason::RunNotScheduled
            | Reason::NotOpen
            | Reason::Closed
            | Reason::SoldOut
            | Reason::WlFull
            | Reason::BerthTaken
            | Reason::PreferenceUnmet => true,
            Reason::IdempotencyMismatch
            | Reason::UnknownTrain
            | Reason::UnknownStop
            | Reason::BadLegRange
            | Reason::UnknownClass
            | Reason::UnknownQuota
            | Reason::TooManyPassengers
            | Reason::UnknownHold
            | Reason::HoldReleased
            | Reason::HoldExpired
            | Reason::AlreadyConfirmed
            | Reason::UnknownBooking
            | Reason::UnknownBerth
            | Reason::UnknownPassenger
            | Reason::BookingCancelled
            | Reason::TooManyExtends
            | Reason::NotEligible
            | Reason::NotAdmitted
            | Reason::UnknownRoom
            | Reason::UnknownTicket
            | Reason::Unproven => false,
        }
    }
}
