//! Frames: the one shape in which anything of ours is appended to a segment file.
//!
//! A frame is a header (magic, format, sequence number, lengths, CRC of the frame before), the
//! *names* of the frame before (the runs it touched, so that its loss can be named), a payload,
//! and a CRC32C over all of it. The header has a CRC of its own, so that its length can be
//! trusted. In the commit log the sequence number is the LSN and the payload is a group; in
//! `snap/` it counts records. `docs/journal-format.md` has the bytes.

use core::fmt;

use berth_inventory::{Date, RunId, RunIndex, planted};

use crate::varint;

/// Format version this software writes, and the newest it reads.
pub const FORMAT: u16 = 1;
/// Bytes of a frame's header.
pub const HEADER_BYTES: usize = 32;
/// Bytes of a frame around its body: header and CRC.
pub const FRAME_OVERHEAD: usize = HEADER_BYTES + 4;
/// Longest body: far above the 4 MiB of a group, far below what would hurt to read.
pub const BODY_BYTES_MAX: usize = 128 << 20;

/// Number of a frame in its log, from 1, one by one. 0 = before the first frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The one after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a frame is, by its first four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magic {
    /// A group of the commit log.
    Group,
    /// A record of the snapshot log.
    Snapshot,
    /// Footer of a sealed segment of the commit log; its number is that of the last frame.
    Footer,
    /// Footer of a sealed segment of the snapshot log.
    SnapshotFooter,
}

impl Magic {
    const ALL: [Self; 4] = [Self::Group, Self::Snapshot, Self::Footer, Self::SnapshotFooter];

    /// The bytes.
    pub const fn bytes(self) -> [u8; 4] {
        match self {
            Self::Group => *b"BRTH",
            Self::Snapshot => *b"BSNP",
            Self::Footer => *b"BEND",
            Self::SnapshotFooter => *b"BSND",
        }
    }

    /// The footer that closes a segment of such frames.
    pub const fn footer(self) -> Self {
        match self {
            Self::Group | Self::Footer => Self::Footer,
            Self::Snapshot | Self::SnapshotFooter => Self::SnapshotFooter,
        }
    }
}

/// A run that a frame touched, with its name if the frame created it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The run.
    pub run: RunIndex,
    /// Its name, if its first event is in the frame.
    pub created: Option<RunId>,
}

/// A header whose own CRC is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What follows.
    pub magic: Magic,
    /// Format version.
    pub format: u16,
    /// Sequence number.
    pub lsn: Lsn,
    /// Bytes between header and CRC.
    pub body: u32,
    /// Bytes of the names at the start of the body.
    pub names: u32,
    /// CRC of the frame before; 0 before the first.
    pub previous: u32,
}

impl Header {
    /// Reads a header; `None` unless its magic is known and its CRC right.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let magic = Magic::ALL.into_iter().find(|m| m.bytes() == bytes[..4])?;
        if crc32c::crc32c(&bytes[..HEADER_BYTES - 4]) != u32_at(bytes, HEADER_BYTES - 4) {
            return None;
        }
        Some(Self {
            magic,
            format: u16::from_le_bytes([bytes[4], bytes[5]]),
            lsn: Lsn(u64::from(u32_at(bytes, 8)) | u64::from(u32_at(bytes, 12)) << 32),
            body: u32_at(bytes, 16),
            names: u32_at(bytes, 20),
            previous: u32_at(bytes, 24),
        })
    }

    fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..4].copy_from_slice(&self.magic.bytes());
        out[4..6].copy_from_slice(&self.format.to_le_bytes());
        out[8..16].copy_from_slice(&self.lsn.0.to_le_bytes());
        out[16..20].copy_from_slice(&self.body.to_le_bytes());
        out[20..24].copy_from_slice(&self.names.to_le_bytes());
        out[24..28].copy_from_slice(&self.previous.to_le_bytes());
        let crc = crc32c::crc32c(&out[..HEADER_BYTES - 4]);
        out[HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Bytes of the whole frame.
    pub const fn frame_bytes(&self) -> usize {
        FRAME_OVERHEAD + self.body as usize
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// A whole frame in memory whose CRCs are right.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// Its header.
    pub header: Header,
    /// The encoded names of the frame before.
    pub names: &'a [u8],
    /// What it carries.
    pub payload: &'a [u8],
    /// Its CRC, which the next frame repeats.
    pub crc: u32,
}

impl<'a> Whole<'a> {
    /// Checks the frame at the start of `bytes`; `None` unless all of it is there and right.
    pub fn check(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::parse(bytes)?;
        let covered = bytes.get(..header.frame_bytes() - 4)?;
        let whole = Self::split(header, bytes)?;
        // flip-found, starts-again
        let right = crc32c::crc32c(covered) == whole.crc || planted!("torn-frame-accepted");
        right.then_some(whole)
    }

    /// The parts of a frame that was checked before.
    pub fn split(header: Header, bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.get(..header.frame_bytes())?;
        let (covered, crc) = bytes.split_at(bytes.len() - 4);
        let crc = u32_at(crc, 0);
        let (names, payload) = covered[HEADER_BYTES..].split_at_checked(header.names as usize)?;
        Some(Self { header, names, payload, crc })
    }

    /// The runs of the frame before.
    pub fn previous_names(&self) -> Option<Vec<Named>> {
        let mut bytes = self.names;
        let names = take_names(&mut bytes)?;
        bytes.is_empty().then_some(names)
    }
}

/// Appends sorted names: count, then for each run the step from the one before, doubled, plus one
/// if its name (8 bytes of train, start day) follows.
pub fn put_names(out: &mut Vec<u8>, names: &[Named]) {
    varint::put(out, names.len() as u64);
    let mut before = 0;
    for name in names {
        let step = u64::from(name.run.0 - before);
        before = name.run.0;
        varint::put(out, step << 1 | u64::from(name.created.is_some()));
        if let Some(run) = name.created {
            out.extend_from_slice(run.train.bytes());
            out.extend_from_slice(&run.start_date.days().to_le_bytes());
        }
    }
}

/// Takes names off the front of `bytes`.
pub fn take_names(bytes: &mut &[u8]) -> Option<Vec<Named>> {
    let count: usize = varint::take_as(bytes)?;
    if count > bytes.len() {
        return None;
    }
    let mut names = Vec::with_capacity(count);
    let mut before = 0_u32;
    for _ in 0..count {
        let word = varint::take(bytes)?;
        before = before.checked_add(u32::try_from(word >> 1).ok()?)?;
        let created = if word & 1 == 1 { Some(take_run_id(bytes)?) } else { None };
        names.push(Named { run: RunIndex(before), created });
    }
    Some(names)
}

/// Takes a run's name: 8 bytes of train number, zero padded, and the start day.
pub fn take_run_id(bytes: &mut &[u8]) -> Option<RunId> {
    let train = varint::take_bytes(bytes, 8)?;
    let len = train.iter().position(|b| *b == 0).unwrap_or(8);
    let train = core::str::from_utf8(&train[..len]).ok()?.parse().ok()?;
    let days = varint::take_bytes(bytes, 4)?;
    let days = i32::from_le_bytes([days[0], days[1], days[2], days[3]]);
    Some(RunId { train, start_date: Date::from_days(days) })
}

/// The end of a chain of frames: what the next one must repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Number of the last frame.
    pub last: Lsn,
    /// Its CRC.
    pub crc: u32,
    /// The runs it touched, sorted.
    pub names: Vec<Named>,
}

impl Chain {
    /// Appends a frame that carries what `payload` writes and touches `names` (sorted), and makes
    /// it the end of the chain. A footer takes the number of the last frame and ends nothing.
    ///
    /// # Panics
    /// When the payload is over [`BODY_BYTES_MAX`]: groups are bounded long before.
    pub fn append(
        &mut self,
        magic: Magic,
        names: Vec<Named>,
        out: &mut Vec<u8>,
        payload: impl FnOnce(&mut Vec<u8>),
    ) -> Lsn {
        let start = out.len();
        let is_footer = magic.footer() == magic;
        let lsn = if is_footer { self.last } else { self.last.next() };
        out.extend_from_slice(&[0; HEADER_BYTES]);
        put_names(out, &self.names);
        let names_end = out.len();
        payload(out);
        let body = out.len() - start - HEADER_BYTES;
        assert!(body <= BODY_BYTES_MAX, "frame {lsn} of {body} bytes, limit {BODY_BYTES_MAX}");
        let header = Header {
            magic,
            format: FORMAT,
            lsn,
            body: body as u32,
            names: (names_end - start - HEADER_BYTES) as u32,
            previous: self.crc,
        };
        out[start..start + HEADER_BYTES].copy_from_slice(&header.bytes());
        let crc = crc32c::crc32c(&out[start..]);
        out.extend_from_slice(&crc.to_le_bytes());
        if !is_footer {
            *self = Self { last: lsn, crc, names };
        }
        lsn
    }
}
