//! Berth seen from outside, in one test binary.
//!
//! `house` checks the repository itself: edges between crates, licences, bans, names, documents.
//! It needs no server and no network.

mod house;
