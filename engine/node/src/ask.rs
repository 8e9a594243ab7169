//! What goes into a shard and what comes out of it.

use std::sync::Arc;

use berth_inventory::{Answer, Command, Date, Millis, RunId, UnixMillis};

use crate::front::Permit;

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

/// One command on its way to its run, and its answer on the way back: one takes the other's place.
#[derive(Debug)]
pub struct Work {
    /// The run, and the right to be under way there.
    pub run: Permit,
    /// Comes back with the answer.
    pub tag: u64,
    /// Refused unless begun before it; the end of time = no deadline.
    pub deadline: UnixMillis,
    /// How far it is.
    pub state: State,
}

/// How far a command is.
#[derive(Debug)]
pub enum State {
    /// Not executed yet.
    Asked(Command),
    /// Executed, or it never will be.
    Told(Outcome),
    /// Left its parcel: it waits for its run and is answered by another.
    Gone,
}

impl Work {
    /// A command that is to be executed.
    pub const fn new(run: Permit, command: Command, deadline: UnixMillis, tag: u64) -> Self {
        Self { run, tag, deadline, state: State::Asked(command) }
    }

    /// The lane of its command; what has none left does not matter.
    pub(crate) fn lane(&self) -> Lane {
        match &self.state {
            State::Asked(command) => Lane::of(command),
            State::Told(_) | State::Gone => Lane::Finish,
        }
    }

    /// Its outcome, once it has one.
    pub const fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Told(outcome) => Some(outcome),
            State::Asked(_) | State::Gone => None,
        }
    }

    /// The answer to a command that is executed, or never will be.
    pub(crate) fn tell(&mut self, outcome: Outcome) {
        self.run.settle();
        self.state = State::Told(outcome);
    }

    /// What leaves its parcel, with the permit.
    pub(crate) fn leave(&mut self) -> Self {
        let state = core::mem::replace(&mut self.state, State::Gone);
        Self { run: self.run.hand_on(), tag: self.tag, deadline: self.deadline, state }
    }
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

/// Where the answers of a parcel go.
pub trait Way {
    /// The way of one command that leaves its parcel because it must wait; what is left of `self`
    /// owes one answer less.
    #[must_use]
    fn share(&mut self) -> Self;
}

/// Commands of one caller for one lane of one shard, and their answers. It travels whole: pushed
/// once, answered once, and its memory is used again.
#[derive(Debug)]
pub struct Parcel<T> {
    /// Where the answers go.
    pub to: T,
    /// In the order of the caller, answered in any.
    pub works: Vec<Work>,
    /// The batch on which the answers rest; 0 = on none.
    pub(crate) rests_on: u64,
    /// Commands that a shard has still to execute; counted when it takes the parcel in.
    pub(crate) owed: u32,
}

impl<T> Parcel<T> {
    /// Nothing in it yet.
    pub fn new(to: T) -> Self {
        Self { to, works: Vec::new(), rests_on: 0, owed: 0 }
    }

    /// Of one command, with no more room than it needs.
    pub fn of_work(to: T, work: Work) -> Self {
        Self { to, works: vec![work], rests_on: 0, owed: 0 }
    }

    /// For its next round; keeps its memory.
    pub fn reuse(&mut self, to: T) {
        self.works.clear();
        (self.to, self.rests_on, self.owed) = (to, 0, 0);
    }

    /// Those that are answered, each with its outcome.
    pub fn told(&self) -> impl Iterator<Item = (&Work, &Outcome)> {
        self.works.iter().filter_map(|work| Some((work, work.outcome()?)))
    }

    /// Gives every command the same fault, executed or not.
    pub fn fail(&mut self, fault: &Fault) {
        for work in &mut self.works {
            if !matches!(work.state, State::Gone) {
                work.tell(Err(fault.clone()));
            }
        }
    }
}
