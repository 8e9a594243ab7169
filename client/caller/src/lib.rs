//! What a caller of Berth decides, without clock, dice or network.
//!
//! [`retry`] says when a failed try is made again, [`breaker`] whether an endpoint is worth asking.
//! Time and dice are arguments. `berth-client` carries out what is decided here, over tonic; the
//! simulated world does so over a network of its own, and needs no tonic for it.

pub mod breaker;
pub mod retry;
