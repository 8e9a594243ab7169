//! What is written down: runs, tries with their answers, and the events of the journal.
//!
//! Passengers of a party are bits of a byte, from bit 0; stops are counted from 0; a berth is its
//! place in [`RunPlan::berths`].

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The moment of an answer that never came.
pub const UNANSWERED: u64 = u64::MAX;

/// Hold, request: 128 bits, 32 hex digits in a file.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u128);

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        u128::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A berth of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BerthPlan {
    /// `B3-12`.
    pub name: String,
    /// Place of its pool in [`RunPlan::pools`].
    pub pool: u8,
}

/// A run as it is before anybody buys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPlan {
    /// Train and start date.
    pub name: String,
    /// Legs of its route, 1 to 127.
    pub legs: u8,
    /// Class and quota of each pool, for people.
    pub pools: Vec<String>,
    /// Every berth.
    pub berths: Vec<BerthPlan>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// Hold berths for so many plain passengers; `berths`: these, or the server's choice.
    Reserve { pool: u8, from: u8, to: u8, heads: u8, berths: Vec<u16>, ttl: u64 },
    /// Book some (0: all) of a hold.
    Confirm { hold: Id, who: u8, keep: bool, payment: u32 },
    /// Give some (0: all) of a hold back.
    Release { hold: Id, who: u8 },
    /// Move a deadline to so many milliseconds from now.
    Extend { hold: Id, ttl: u64 },
    /// Cancel some (0: all) of a booking.
    Cancel { pnr: u64, who: u8 },
    /// Look at a hold.
    GetHold { hold: Id },
    /// Look at a booking.
    GetBooking { pnr: u64 },
    /// How many berths are free.
    Query { pool: u8, from: u8, to: u8 },
    /// Open or close the sale of these pools, a bit each.
    Sale { pools: u64, open: bool },
    /// Take berths out of sale between two stops, or give them back.
    Block { berths: Vec<u16>, from: u8, to: u8, block: bool },
}

impl Ask {
    /// Whether an operator asks it. Its id is not remembered: asked again, it may be done again.
    pub fn is_of_an_operator(&self) -> bool {
        matches!(self, Self::Sale { .. } | Self::Block { .. })
    }
}

/// What became of one passenger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// Held until the deadline.
    Held,
    /// Booked.
    Confirmed,
    /// Given back.
    Released,
    /// Given back by the deadline.
    Expired,
    /// Booked, then cancelled.
    Cancelled,
}

/// One passenger's berth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seat {
    /// Which.
    pub berth: u16,
    /// What became of it.
    pub state: State,
}

/// A hold as it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldSeen {
    /// Its name.
    pub hold: Id,
    /// Of which pool.
    pub pool: u8,
    /// First stop.
    pub from: u8,
    /// Last stop.
    pub to: u8,
    /// When it was made.
    pub created: u64,
    /// Its deadline.
    pub expires: u64,
    /// The party.
    pub seats: Vec<Seat>,
    /// Bookings of it, oldest first.
    pub pnrs: Vec<u64>,
}

/// A booking as it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingSeen {
    /// Its number.
    pub pnr: u64,
    /// Of which hold.
    pub hold: Id,
    /// When it was confirmed.
    pub confirmed: u64,
    /// Places in the party and their berths.
    pub seats: Vec<(u8, Seat)>,
}

/// Why not, with what the refusal is based on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// The id took effect with another request.
    Mismatch,
    /// Sale is closed.
    Closed,
    /// Too few berths.
    SoldOut { asked: u32, free: u32 },
    /// A named berth is taken.
    BerthTaken { berth: u16 },
    /// No such hold.
    UnknownHold,
    /// No such booking.
    UnknownBooking,
    /// No such passenger.
    UnknownPassenger { asked: u32, limit: u32 },
    /// It was given back.
    HoldReleased { at: u64 },
    /// Its deadline has passed.
    HoldExpired { expires: u64 },
    /// It is booked.
    AlreadyConfirmed { pnr: u64 },
    /// It was booked and cancelled.
    BookingCancelled { at: u64 },
    /// It was extended as often as one may be.
    TooManyExtends { asked: u32, limit: u32 },
    /// What no model here ever says: the number of the reason.
    Other(i32),
}

/// What was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// A hold where it stands.
    Hold(HoldSeen),
    /// A booking; with a confirm the deadline of what is still held.
    Booking { booking: BookingSeen, rest: Option<u64> },
    /// Given back: of those asked for, who is by now.
    Released { hold: HoldSeen, who: u8 },
    /// Cancelled: of those asked for, who is by now.
    Cancelled { booking: BookingSeen, who: u8 },
    /// So many are free.
    Free(u32),
    /// Done.
    Done,
    /// Not done.
    Refused(Refused),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Version of the run at which it was decided.
    pub version: u64,
    /// The server's clock, milliseconds.
    pub at: u64,
    /// What was told.
    pub said: Said,
}

/// One message of a client, answered or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// Place of its run.
    pub run: u32,
    /// The id of a mutation, the same for all its tries; 0 for what changes nothing.
    pub request: Id,
    /// What was asked.
    pub ask: Ask,
    /// When it was sent, microseconds.
    pub invoked: u64,
    /// When its answer was there, microseconds; [`UNANSWERED`].
    pub returned: u64,
    /// The answer.
    pub answer: Option<Answer>,
}

/// A fact of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The run exists.
    Created,
    /// Berths are held.
    Held { hold: Id, request: Id, pool: u8, from: u8, to: u8, berths: Vec<u16>, expires: u64 },
    /// Passengers are booked.
    Confirmed { hold: Id, request: Id, pnr: u64, who: u8, keep: bool },
    /// A deadline moved.
    Extended { hold: Id, request: Id, expires: u64 },
    /// Passengers were given back.
    Released { hold: Id, who: u8 },
    /// A deadline passed.
    Expired { hold: Id },
    /// After a restart holds that were live at `as_of` got more time.
    Grace { until: u64, as_of: u64, span: u64 },
    /// Passengers were cancelled.
    Cancelled { pnr: u64, who: u8 },
    /// The run may use more numbers.
    Leased,
    /// Sale of these pools was opened or closed, a bit each.
    Sale { pools: u64, open: bool },
    /// Berths were taken out of sale between two stops, or given back.
    Blocked { berths: Vec<u16>, from: u8, to: u8, block: bool },
    /// What no recorder here asks for.
    Other(String),
}

/// A fact and its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// Place of its run.
    pub run: u32,
    /// The version that it makes.
    pub version: u64,
    /// Its stamp.
    pub at: u64,
    /// What.
    pub event: Event,
}

/// Everything that was written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The runs, by place.
    pub runs: Vec<RunPlan>,
    /// All tries, in any order.
    pub tries: Vec<Try>,
    /// The journal, those of a run in their order. [`crate::search`] does not look at it.
    pub events: Vec<Happened>,
}
