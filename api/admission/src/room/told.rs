//! What a room tells: places, standings, estimates, counts.

use berth_inventory::{Millis, UnixMillis};

/// A place was given, or is still held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The number.
    pub number: u32,
    /// The person had it already.
    pub again: bool,
}

/// Why nobody can join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTicket {
    /// The room is closed.
    Closed,
    /// As many joined as may.
    Full,
    /// More numbers must be made durable first: try again after that.
    Wait,
}

/// How a wait was estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// From the rate at which the room lets in, by rule; nothing was seen yet.
    Rule,
    /// From how many were let in during the last so long.
    Observed(Millis),
}

/// How long somebody will wait, as far as can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// From now.
    pub wait: Millis,
    /// How it was come by.
    pub basis: Basis,
}

/// Where somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No such number was given out.
    Unknown,
    /// The draw is not held yet.
    Early {
        /// How many take part so far.
        people: u32,
        /// Until an average one of them is let in.
        estimate: Estimate,
    },
    /// In the queue.
    Waiting {
        /// From 1.
        position: u32,
        /// Of those before, who have not left.
        ahead: u32,
        /// Until it is their turn.
        estimate: Estimate,
    },
    /// May come for the token until then.
    Called {
        /// The end of that.
        until: UnixMillis,
    },
    /// Has a token.
    Admitted {
        /// `Pass::run_mark` of its run.
        run: u64,
        /// Its end.
        until: UnixMillis,
    },
    /// Used the token.
    Spent,
    /// Left.
    Left,
    /// Did not come in time, or did not use the token.
    Missed,
}

/// What a room counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Numbers given out.
    pub joined: u32,
    /// Of those, by people who came again and got theirs.
    pub again: u64,
    /// In the queue and not gone.
    pub waiting: u32,
    /// Let in.
    pub admitted: u64,
    /// Left before their turn was over.
    pub left: u32,
    /// Came for their token.
    pub came: u64,
    /// Tokens that became holds.
    pub held: u64,
    /// Let in and did not come.
    pub missed: u64,
    /// People a second that the room lets in, now.
    pub rate: u32,
    /// Of a thousand let in, how many come.
    pub turnout: u64,
}

/// Bytes on the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomSize {
    /// One number a person.
    pub people: usize,
    /// Who left.
    pub left: usize,
    /// Whose turn it is.
    pub turns: usize,
}
