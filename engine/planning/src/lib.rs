//! What past demand says about a train's rules.
//!
//! One question so far: how many berths a class should keep for long journeys, from which journeys
//! and until when ([`Keeping`]). The answer is a value of the catalogue ([`Kept`](berth_inventory::Kept)
//! rows of a pool) that a planner may look at, change or leave out; nothing here runs while berths
//! are sold.
//!
//! Pure: past days in, rows out, the same every time. No clock, no files, no random numbers.
//! Units: kilometres, berths, minutes before the train leaves its first stop.

mod keeping;
mod past;
mod seating;

pub use keeping::Keeping;
pub use past::{Past, PastRequest};
pub use seating::Seating;
