//! What the clients were told: every hold, and everything that became of it, by the answers alone.
//!
//! Units: milliseconds of the server's clock; stops and passengers 0-based here, so that the legs of
//! a journey are the bits `from..to`. A request without any answer is unknown: it may have happened
//! or not. Compact, since a soak keeps all of it: about 200 bytes for a hold with its end.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Holds that a soak keeps, most; then it ends early and says so.
pub const HOLDS_MAX: u64 = 2_000_000;
/// The place of a passenger without a berth.
pub const NO_BERTH: u16 = u16::MAX;
/// Passengers of a party.
pub const PARTY: usize = berth_inventory::PARTY_MAX;

/// A place in time of one run, as far as answers tell: the stamp, then the version.
pub type Moment = (u64, u64);

/// A hold as it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldHold {
    pub request: u128,
    pub hold: u128,
    /// Number of the run on the stage.
    pub run: u32,
    /// First leg, and the leg behind the last.
    pub from: u8,
    pub to: u8,
    /// How many passengers.
    pub party: u8,
    /// Their berths.
    pub seats: [u16; PARTY],
    pub created_at: u64,
    pub version: u64,
    pub expires_at: u64,
}

impl ToldHold {
    /// The legs as bits.
    pub fn legs(&self) -> u128 {
        legs(self.from, self.to)
    }

    /// The passengers with a berth, and it.
    pub fn berths(&self) -> impl Iterator<Item = (usize, u16)> {
        let seats = self.seats;
        (0..usize::from(self.party)).map(move |p| (p, seats[p])).filter(|(_, b)| *b != NO_BERTH)
    }
}

/// Legs `from..to` as bits.
pub fn legs(from: u8, to: u8) -> u128 {
    let below = |leg: u8| if leg >= 128 { u128::MAX } else { (1 << leg) - 1 };
    below(to) & !below(from)
}

/// What a client did with a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Booked under this PNR; `rest_released`: the others were given back.
    Confirmed { pnr: u64, rest_released: bool },
    /// Given a new deadline.
    Extended { expires_at: u64 },
    /// Given back.
    Released,
    /// Cancelled under this PNR.
    Cancelled { pnr: u64 },
}

/// How well an answer says when something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// It was asked once and answered: its stamp and version are those of the effect.
    Exact,
    /// It has happened, at the told moment or before.
    Late,
    /// No answer: it may have happened.
    Unknown,
}

/// One deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Place of the hold in the ledger.
    pub hold: u32,
    pub request: u128,
    pub deed: Deed,
    /// To whom; bit `i` = passenger `i`.
    pub passengers: u8,
    pub moment: Moment,
    pub sure: Sure,
}

/// A reserve without any answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReserve {
    pub request: u128,
    pub run: u32,
}

/// What one client was told; joined at the end into what all were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub holds: Vec<ToldHold>,
    pub moves: Vec<Move>,
    pub unknown: Vec<UnknownReserve>,
}

impl Ledger {
    /// Joins the ledgers of all clients. Moves are sorted by hold and keep their order within it.
    pub fn join(parts: Vec<Self>) -> Self {
        let mut whole = Self::default();
        for part in parts {
            let base = whole.holds.len() as u32;
            whole.holds.extend(part.holds);
            whole.moves.extend(part.moves.into_iter().map(|m| Move { hold: m.hold + base, ..m }));
            whole.unknown.extend(part.unknown);
        }
        whole.moves.sort_by_key(|m| m.hold);
        whole
    }

    /// The moves of one hold, in their order. Only in a joined ledger.
    pub fn moves_of(&self, hold: u32) -> &[Move] {
        let first = self.moves.partition_point(|m| m.hold < hold);
        let count = self.moves[first..].partition_point(|m| m.hold == hold);
        &self.moves[first..first + count]
    }
}

/// How many holds all clients have been told of.
#[derive(Debug, Default)]
pub struct Room(AtomicU64);

impl Room {
    /// One more.
    pub fn take(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// Whether no more can be kept.
    pub fn is_full(&self) -> bool {
        self.0.load(Relaxed) >= HOLDS_MAX
    }
}
