//! What is wrong: violations, counted without bound and kept up to a bound.

use std::collections::BTreeMap;

use serde::Serialize;

/// Violations that are kept with their text.
pub const LISTED_MAX: usize = 20;

/// One broken promise, with everything needed to find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which check found it.
    pub check: &'static str,
    /// The run, `12951/2026-12-01`; empty when it is of no run.
    pub run: String,
    /// What was promised, what is, and the ids to look for.
    pub what: String,
}

/// All violations of a soak.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The first of them.
    pub listed: Vec<Violation>,
    /// All of them, by check.
    pub by_check: BTreeMap<&'static str, u64>,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, check: &'static str, run: &str, what: impl Into<String>) {
        *self.by_check.entry(check).or_default() += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(Violation { check, run: run.to_owned(), what: what.into() });
        }
    }

    /// Adds those of another.
    pub fn join(&mut self, other: Self) {
        for (check, count) in other.by_check {
            *self.by_check.entry(check).or_default() += count;
        }
        let room = LISTED_MAX - self.listed.len().min(LISTED_MAX);
        self.listed.extend(other.listed.into_iter().take(room));
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.by_check.values().sum()
    }
}
