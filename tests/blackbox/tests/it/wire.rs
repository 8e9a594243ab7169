//! What the calls mean, seen from a client: each file a subject.

mod availability;
mod days;
pub mod door;
mod history;
mod lists;
mod operations;
mod precedence;
mod selling;
mod standing;
mod streams;
