//! A seeded world that tries to break Berth: one thread, one seed, virtual time.
//!
//! Around the product's own shards, front, directory, journal protocol, commit log, snapshots,
//! recovery and retry policy stand a clock, a disk, a network and a scheduler that are not real. The
//! same seed lives the same story on any machine. Map: `world` lives a seed, `fault` names what may go
//! wrong, `oracle` is the independent model, `property` what must hold, `seeds` runs many seeds and
//! makes a failing one small, `kept` those that once failed, `plants` proves that it bites.

mod dice;
pub mod fault;
pub mod kept;
mod oracle;
#[cfg(berth_planted)]
pub mod plants;
pub mod property;
pub mod seeds;
mod story;
mod trains;
pub mod world;
