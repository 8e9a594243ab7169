//! What a seed is given, and what becomes of it.

use crate::fault::{Counts, Faults};
use crate::property::Violation;

/// What a seed is run with. The same setup is the same story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The seed.
    pub seed: u64,
    /// Clients.
    pub clients: usize,
    /// Steps of the safety phase.
    pub steps: u32,
    /// What may go wrong.
    pub faults: Faults,
}

impl Setup {
    /// A seed with everything.
    pub const fn of(seed: u64) -> Self {
        Self { seed, clients: 20, steps: 2_000, faults: Faults::ALL }
    }
}

/// What became of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// With what.
    pub setup: Setup,
    /// Steps of both phases.
    pub steps: u64,
    /// What went wrong in it.
    pub counts: Counts,
    /// Answers judged, and those that were refusals.
    pub answers: (u64, u64),
    /// Events judged.
    pub events: u64,
    /// Starts of the node.
    pub starts: u64,
    /// Everything in the end, in one word.
    pub digest: u64,
}

/// A seed that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// With what.
    pub setup: Setup,
    /// At which step.
    pub step: u64,
    /// What does not hold.
    pub violation: Violation,
    /// The last steps.
    pub story: Vec<String>,
}

/// FNV-1a over words.
pub struct Words(pub u64);

impl Words {
    /// One word more.
    pub fn add(&mut self, word: impl core::fmt::Display) {
        for byte in word.to_string().bytes().chain([b' ']) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
