//! Conformance of every implementation, and what damage does to each file of ours.

mod conformance;
mod damage;
mod doubt;
mod holes;
mod inspect;
mod power;
mod recovery;
mod retention;
mod support;
