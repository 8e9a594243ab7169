//! The protocols between threads, under schedulers that try what the machine hardly ever does.
//!
//! The files of the product are compiled here a second time, as they stand: they name what they share
//! by `super::sync`, and here that is loom's ([`exhaustive`]: every schedule up to a number of
//! preemptions, and every value that the memory model lets a load see) and shuttle's ([`random`]:
//! many schedules, larger scenes, sequentially consistent). `scenes` are the same under both.
//! That a scheduler would see a fault is shown by scenes with one: an order that is weakened
//! ([`Weak`]) or a step that is left out.
//!
//! Not modelled: the queues of crossbeam and the pointers of arc-swap are counters and cells with the
//! orders that these crates document; a timeout is a wake at any time.

#![allow(clippy::duplicate_mod, reason = "the same files over two kinds of atomics")]
#![cfg_attr(test, allow(dead_code, reason = "as a test the library is empty"))]

mod weak;

// Not as tests: the product's files have their own, which run where they are at home.
#[cfg(not(test))]
pub mod exhaustive;
#[cfg(not(test))]
pub mod random;

pub use weak::Weak;
