//! Fabricated histories for the tests of the checkers.

use crate::soak::ledger::{Deed, Moment, Move, NO_BERTH, Sure, ToldHold};
use crate::soak::stage::Stage;
use crate::soak::stage::tests::small_run;

/// One run of three legs and eight berths.
pub fn stage() -> Stage {
    Stage::of(vec![small_run()])
}

/// Hold `number` of request `number` on the only run.
pub fn hold(
    number: u128,
    from: u8,
    to: u8,
    berths: &[u16],
    created_at: u64,
    version: u64,
    expires_at: u64,
) -> ToldHold {
    let mut seats = [NO_BERTH; 6];
    seats[..berths.len()].copy_from_slice(berths);
    let party = berths.len() as u8;
    let (request, hold) = (number, number);
    ToldHold { request, hold, run: 0, from, to, party, seats, created_at, version, expires_at }
}

/// A deed under request `1000 + hold`.
pub fn step(hold: u32, deed: Deed, passengers: u8, moment: Moment, sure: Sure) -> Move {
    Move { hold, request: 1_000 + u128::from(hold), deed, passengers, moment, sure }
}
