//! What was sent and what came back: counts by outcome and latency, for each kind of command.
//!
//! Latency is measured at the caller, from the call to its answer, in microseconds, for every
//! command that was answered (refusals are answers). Bounded: one histogram for each kind.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest latency told apart, microseconds.
const LATENCY_MAX_US: u64 = 120_000_000;

/// Kinds of command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Reserve,
    Confirm,
    Release,
    Extend,
    Cancel,
    GetHold,
    Query,
}

impl Kind {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Reserve,
        Self::Confirm,
        Self::Release,
        Self::Extend,
        Self::Cancel,
        Self::GetHold,
        Self::Query,
    ];

    /// As the report names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Confirm => "confirm",
            Self::Release => "release",
            Self::Extend => "extend",
            Self::Cancel => "cancel",
            Self::GetHold => "get_hold",
            Self::Query => "query",
        }
    }
}

/// How one command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Done.
    Granted,
    /// Refused, with the number of its reason.
    Refused(i32),
    /// Not answered, with the canonical code.
    Unanswered(i32),
}

/// Figures of one kind.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Latency of answered commands, microseconds.
    pub latency: Histogram<u64>,
    /// Done.
    pub granted: u64,
    /// Refused, by reason.
    pub refused: BTreeMap<i32, u64>,
    /// Not answered, by code.
    pub unanswered: BTreeMap<i32, u64>,
}

impl Default for Figures {
    fn default() -> Self {
        let latency = Histogram::new_with_max(LATENCY_MAX_US, 3).expect("3 digits are allowed");
        Self { latency, granted: 0, refused: BTreeMap::new(), unanswered: BTreeMap::new() }
    }
}

impl Figures {
    /// Commands answered with a refusal.
    pub fn refused_in_all(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Commands not answered.
    pub fn unanswered_in_all(&self) -> u64 {
        self.unanswered.values().sum()
    }

    /// Commands sent.
    pub fn sent(&self) -> u64 {
        self.granted + self.refused_in_all() + self.unanswered_in_all()
    }
}

/// Figures of all kinds, filled by all clients.
#[derive(Debug, Default)]
pub struct Tally([Mutex<Figures>; Kind::ALL.len()]);

impl Tally {
    /// Counts one command.
    pub fn count(&self, kind: Kind, ended: Ended, took: Duration) {
        let mut figures = self.0[kind as usize].lock().unwrap_or_else(PoisonError::into_inner);
        match ended {
            Ended::Granted => figures.granted += 1,
            Ended::Refused(reason) => *figures.refused.entry(reason).or_default() += 1,
            Ended::Unanswered(code) => *figures.unanswered.entry(code).or_default() += 1,
        }
        if !matches!(ended, Ended::Unanswered(_)) {
            figures.latency.saturating_record(took.as_micros() as u64);
        }
    }

    /// The figures of every kind that was used.
    pub fn figures(&self) -> Vec<(Kind, Figures)> {
        let one = |kind: Kind| {
            (kind, self.0[kind as usize].lock().unwrap_or_else(PoisonError::into_inner).clone())
        };
        Kind::ALL.map(one).into_iter().filter(|(_, figures)| figures.sent() > 0).collect()
    }
}
