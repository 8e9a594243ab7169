//! Berth seen from outside, in one test binary.
//!
//! `house` checks the repository itself: edges between crates, licences, bans, names, documents.
//! It needs no server and no network. Every other test starts a server of its own (`server`) with
//! the trains of `fixtures/trains.jsonl` and asks it over gRPC (`asking`): `wire` what the calls mean,
//! `bad_input` what comes of nonsense, `crash` and `stop` how a server ends, `damage`,
//! `flips` and `faults` what it makes of a hurt disk and of a bad one, `isolation` what one run's load does to others, `client` what our own
//! client makes of a crowd and of a crash, `security` who gets in and what comes of attacks, `linear`
//! whether all that was told over many kills can have happened in one order, `rules` which rules a run
//! stands under, `soak` whether the soak checks what it says, `waiting` whether kills
//! cost anybody a place in a waiting room. `ledger`
//! judges a history by its events alone, `diary` by what callers were told.

mod asking;
mod bad_input;
mod client;
mod crash;
mod damage;
mod diary;
mod faults;
mod flips;
mod house;
mod isolation;
mod ledger;
mod linear;
mod patience;
mod raw;
mod relay;
mod rules;
mod security;
mod server;
mod soak;
mod stop;
mod waiting;
mod wire;
