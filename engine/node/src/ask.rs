//! What goes into a shard and what comes out of it.

use std::sync::Arc;

use berth_inventory::{Answer, Command, Date, Millis, RunId, UnixMillis};

use crate::directory::RunEntry;

/// Two ways into a shard, so that overload never blocks what is already paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Confirm, release, extend, cancel, expiry.
    Finish,
    /// Reserve and the rest.
    Take,
}

impl Lane {
    /// The lane of a command.
    pub const fn of(command: &Command) -> Self {
        match command {
            Command::Confirm(_)
            | Command::Release(_)
            | Command::Extend(_)
            | Command::Cancel(_)
            | Command::Expire(_)
            | Command::Grace { .. } => Self::Finish,
            Command::Reserve(_)
            | Command::Create(_)
            | Command::SetSale(_)
            | Command::Block(_)
            | Command::Unblock(_)
            | Command::Retire(_)
            | Command::GetHold(_)
            | Command::GetBooking(_)
            | Command::GetRun => Self::Take,
        }
    }
}

/// The day a caller means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The day the train starts at its origin.
    Start(Date),
    /// The day it departs from the boarding stop.
    Board(Date),
}

/// One command on its way to its run. `T` is the caller's ticket: where the answer goes.
#[derive(Debug)]
pub struct Work<T> {
    /// The run.
    pub run: Arc<RunEntry>,
    /// What is asked.
    pub command: Command,
    /// Dropped unanswered-for if not begun by then; the end of time = no deadline.
    pub deadline: UnixMillis,
    /// Where the answer goes; `None` for the node's own commands.
    pub ticket: Option<T>,
}

/// Why a command was not decided at all. Nothing of it happened, unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A queue, the run's permits or a group is full.
    #[error("{what} is full; nothing was done, retry after {} ms", .retry_after.0)]
    Overloaded {
        /// Which bound.
        what: &'static str,
        /// When to try again.
        retry_after: Millis,
    },
    /// Its deadline passed before it was begun.
    #[error("the deadline passed {} ms before the command was begun; nothing was done", .late.0)]
    DeadlineExceeded {
        /// By how much.
        late: Millis,
    },
    /// The run is being rebuilt, or the command met a panic.
    #[error("run {run} is being rebuilt from the journal; retry with the same request_id")]
    Recovering {
        /// Which run.
        run: RunId,
        /// When to try again.
        retry_after: Millis,
    },
    /// The run failed too often, or its journal is damaged.
    #[error("run {run} is out of service: {why}")]
    Quarantined {
        /// Which run.
        run: RunId,
        /// What happened and what an operator should do.
        why: Arc<str>,
    },
    /// The journal failed: whether the command is durable is unknown.
    #[error("JOURNAL_FAILED: {why}; retry with the same request_id after the restart")]
    JournalFailed {
        /// The first cause.
        why: Arc<str>,
    },
    /// The node is shutting down.
    #[error("the node is draining; retry with the same request_id elsewhere or after the restart")]
    Draining,
    /// New holds are refused for lack of disk space.
    #[error("{why}; confirm, release and expiry go on")]
    DiskFull {
        /// Free and needed bytes.
        why: Arc<str>,
    },
}

/// What a ticket gets.
pub type Outcome = Result<Answer, Fault>;

/// A ticket and what it gets.
#[derive(Debug)]
pub struct Done<T> {
    /// Where it goes.
    pub ticket: T,
    /// What goes there.
    pub outcome: Outcome,
}
