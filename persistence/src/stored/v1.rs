//! Format version 1: mirrors of the domain types, with serde, and the conversions both ways.
//!
//! The order of variants and fields *is* the format. Mirrors borrow text from the domain value
//! when writing and from the buffer when reading, so neither way copies a string twice.

mod event;
mod record;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use event::{
    created_by, decode_event, decode_frequent, encode_event, skip_frequent, walk_event,
};
#[cfg(any(test, fuzzing))]
pub(crate) use event::{decode_any, encode_any};
pub(crate) use record::{decode_record, encode_record};
pub(crate) use snapshot::{
    SnapRecord, decode_snap_record, encode_covered, encode_plan_text, encode_snapshot,
};
#[cfg(any(test, fuzzing))]
pub(crate) use state::is_extra;
pub(crate) use state::{decode_state, encode_state};
