//! Names of things. Each is a type of its own, so that two cannot be swapped.

use core::fmt;
use core::str::FromStr;

use crate::Date;

/// A short ASCII name held in place, `N` bytes at most, zero padded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortName<const N: usize>([u8; N]);

/// A name that is empty, too long, or holds something else than A-Z, 0-9, `-` or `_`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a name of 1 to {max} characters of A-Z, a-z, 0-9, '-', '_'")]
pub struct NameError {
    /// The start of what was given.
    pub text: Box<str>,
    /// Bytes allowed.
    pub max: usize,
}

impl<const N: usize> ShortName<N> {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever stored.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The name as ASCII bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        let len = self.0.iter().position(|b| *b == 0).unwrap_or(N);
        &self.0[..len]
    }

    /// The name that these bytes spell, if they do.
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        let fine = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_';
        if name.is_empty() || name.len() > N || !name.iter().all(fine) {
            return None;
        }
        let mut bytes = [0; N];
        bytes[..name.len()].copy_from_slice(name);
        Some(Self(bytes))
    }

    /// The padded bytes, for canonical encodings.
    pub const fn bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> FromStr for ShortName<N> {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::from_bytes(text.as_bytes())
            .ok_or_else(|| NameError { text: text.chars().take(24).collect(), max: N })
    }
}

impl<const N: usize> fmt::Display for ShortName<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for ShortName<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A train's public number, such as `12951`.
pub type TrainNumber = ShortName<8>;
/// A station's code, such as `NDLS`.
pub type StationCode = ShortName<8>;

/// A coach's id, such as `B3`.
pub type CoachId = ShortName<8>;

/// One dated train: the partition. The date is the start at the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    /// The train's number.
    pub train: TrainNumber,
    /// The day on which it starts at its origin.
    pub start_date: Date,
}

impl fmt::Display for RunId {
    /// `12951/2026-11-22`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.train, self.start_date)
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A run's number in the journal of one data directory, given with its first event.
    RunIndex(u32)
}
number! {
    /// Events applied to a run so far. The first event makes version 1.
    Version(u64)
}
number! {
    /// A berth of the run: coach order, then number. Counts from 0.
    BerthIndex(u16)
}
number! {
    /// A list of the run, in the order of its plan. Counts from 0.
    ListIndex(u8)
}
number! {
    /// A quota pool of the run, in the order of its plan. Counts from 0.
    PoolIndex(u8)
}

impl Version {
    /// The version after one more event.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A hold's opaque name, 128 bits, drawn by the node and never twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub u128);

/// The caller's name for one request (a UUID), 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u128);

macro_rules! hex_128 {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }
    };
}
hex_128!(HoldId);
hex_128!(RequestId);

/// What is remembered of a request that took effect: its id and a digest of what it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestMark {
    /// The caller's id.
    pub id: RequestId,
    /// Digest of the request's content without its id; made at the edge.
    pub digest: u64,
}

/// A booking's number *before* the printed permutation: block x 256 + place in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pnr(pub u64);

/// BLAKE3 of a catalogue entry's canonical text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanHash(pub [u8; 32]);

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8].iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
