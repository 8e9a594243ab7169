//! Bytes of events, node records and run states: the only file that names bincode.
//!
//! bincode 2, standard configuration: little endian, variable length integers (up to 250 in one
//! byte), enums by the number of their variant. Decoding works under a size limit, so that a
//! damaged length cannot ask for memory. Pinned to 2.0.1 because 3.0.0 is a tombstone.
//!
//! `var` reads and writes the same numbers by hand, for the events of which there are millions.

pub(crate) mod var;

use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use serde::{Deserialize, Serialize};

/// Most bytes one event or node record may decode to; a catalogue text is the longest of them.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Most bytes the state of one run may decode to.
pub const STATE_BYTES_MAX: usize = 64 << 20;

/// Bytes that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be decoded: {why}")]
pub struct CodecFault {
    /// What was expected.
    pub what: &'static str,
    /// Why it is not.
    pub why: Box<str>,
}

impl CodecFault {
    pub(crate) fn new(what: &'static str, why: impl Into<Box<str>>) -> Self {
        Self { what, why: why.into() }
    }
}

struct Tail<'a>(&'a mut Vec<u8>);

impl Writer for Tail<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Appends `value` to `out`.
///
/// # Panics
/// Never for the types of `stored`: writing to memory cannot fail and every sequence there knows
/// its length.
pub(crate) fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    bincode::serde::encode_into_writer(value, Tail(out), standard())
        .expect("stored types encode into memory");
}

/// Takes one event or record off the front of `bytes`.
pub(crate) fn decode<'a, T: Deserialize<'a>>(
    what: &'static str,
    bytes: &mut &'a [u8],
) -> Result<T, CodecFault> {
    const CONFIG: Configuration<LittleEndian, Varint, Limit<RECORD_BYTES_MAX>> =
        standard().with_limit::<RECORD_BYTES_MAX>();
    match bincode::serde::borrow_decode_from_slice(bytes, CONFIG) {
        Ok((value, used)) => {
            *bytes = &bytes[used..];
            Ok(value)
        }
        Err(fault) => Err(CodecFault::new(what, fault.to_string())),
    }
}

/// Decodes the state of a run and what may stand behind it; both must fill `bytes` exactly.
pub(crate) fn decode_state<'a, T: Deserialize<'a>, M: Deserialize<'a>>(
    bytes: &'a [u8],
) -> Result<(T, Option<M>), CodecFault> {
    const CONFIG: Configuration<LittleEndian, Varint, Limit<STATE_BYTES_MAX>> =
        standard().with_limit::<STATE_BYTES_MAX>();
    let fault =
        |fault: bincode::error::DecodeError| CodecFault::new("run state", fault.to_string());
    let (state, used) = bincode::serde::borrow_decode_from_slice(bytes, CONFIG).map_err(fault)?;
    let rest = &bytes[used..];
    if rest.is_empty() {
        return Ok((state, None));
    }
    let (more, used) = bincode::serde::borrow_decode_from_slice(rest, CONFIG).map_err(fault)?;
    if used < rest.len() {
        let (end, all) = (bytes.len() - rest.len() + used, bytes.len());
        return Err(CodecFault::new("run state", format!("it ends after {end} of {all} bytes")));
    }
    Ok((state, Some(more)))
}
