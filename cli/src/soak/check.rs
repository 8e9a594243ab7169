//! The checks: pure functions of what was told, seen and journaled. Each has tests with a history
//! that breaks exactly what it watches.

pub mod counts;
pub mod expiry;
pub mod journal;
pub mod overlap;
pub mod tries;

#[cfg(test)]
pub mod history;
