//! Chunks: events of one run that follow each other, as one piece of a file.
//!
//! Bytes: CRC32C of everything behind it (4), bytes of the whole chunk (4), run (4), first version
//! (8), format (1); then for each span the steps of frame number and stamp from the span before
//! (LEB128, the stamp's zigzagged: clocks may be set back), how many events (LEB128), and their
//! bytes as the commit log has them. A chunk says itself where it belongs, so that one in another's
//! place is seen.

use berth_inventory::{RunIndex, UnixMillis, Version};

use super::StoredEvent;
use crate::codec::CodecFault;
use crate::stored::v1;
use crate::{Lsn, varint};

/// Longest chunk, bytes, unless a single span is longer: what a reader has in memory at once.
pub const CHUNK_BYTES_MAX: usize = 100 << 10;
/// The last byte of a head.
const CHUNK_FORMAT: u8 = 2;
/// Bytes before the first span.
pub(super) const HEAD_BYTES: usize = 4 + 4 + 4 + 8 + 1;
/// Bytes of a chunk's key.
const KEY_BYTES: usize = 12;

fn fault(why: impl Into<Box<str>>) -> CodecFault {
    CodecFault::new("chunk", why)
}

/// Events of one run that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The run.
    pub run: RunIndex,
    /// Version the first event makes.
    pub first: Version,
    /// All of it.
    bytes: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// Run, then first version: big endian, so that keys sort as numbers do.
    pub fn key(run: RunIndex, first: Version) -> [u8; KEY_BYTES] {
        let mut key = [0; KEY_BYTES];
        key[..4].copy_from_slice(&run.0.to_be_bytes());
        key[4..].copy_from_slice(&first.0.to_be_bytes());
        key
    }

    /// Run and first version.
    pub fn of_key(key: &[u8]) -> Option<(RunIndex, Version)> {
        let (run, first) = key.split_first_chunk()?;
        let first = u64::from_be_bytes(first.try_into().ok()?);
        Some((RunIndex(u32::from_be_bytes(*run)), Version(first)))
    }

    /// Bytes of the whole chunk that begins with `head`.
    pub(super) fn len_of(head: &[u8]) -> Option<usize> {
        let len = u32::from_le_bytes(*head.get(4..)?.first_chunk()?) as usize;
        (len >= HEAD_BYTES).then_some(len)
    }

    /// The chunk that `bytes` are, checked.
    pub fn read(bytes: &'a [u8]) -> Result<Self, CodecFault> {
        if Self::len_of(bytes) != Some(bytes.len()) {
            return Err(fault("it is cut short"));
        }
        let (crc, rest) = bytes.split_first_chunk().ok_or_else(|| fault("it is cut short"))?;
        if crc32c::crc32c(rest) != u32::from_le_bytes(*crc) {
            return Err(fault("its CRC is wrong"));
        }
        let (Some(run), Some(first)) = (rest[4..].first_chunk(), rest[8..].first_chunk()) else {
            return Err(fault("it is cut short"));
        };
        let format = rest[16];
        if format != CHUNK_FORMAT {
            return Err(fault(format!("its format is {format}, known is {CHUNK_FORMAT}")));
        }
        let (run, first) =
            (RunIndex(u32::from_le_bytes(*run)), Version(u64::from_le_bytes(*first)));
        Ok(Self { run, first, bytes })
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Names the chunk with its content, for manifests.
    pub fn sum(&self) -> u64 {
        let crc = self.bytes.first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
        u64::from(crc32c::crc32c(&Self::key(self.run, self.first))) << 32 | u64::from(crc)
    }

    /// Its events, decoded one by one.
    pub fn events(&self) -> Events<'a> {
        let rest = self.bytes.get(HEAD_BYTES..).unwrap_or_default();
        Events { rest, left: 0, lsn: 0, at: 0, next: self.first }
    }
}

/// See [`Chunk::events`].
#[derive(Clone, Debug)]
pub struct Events<'a> {
    rest: &'a [u8],
    /// Events left of the span.
    left: u64,
    lsn: u64,
    at: u64,
    next: Version,
}

impl Events<'_> {
    fn take(&mut self) -> Result<StoredEvent, CodecFault> {
        while self.left == 0 {
            let mut number =
                || varint::take(&mut self.rest).ok_or_else(|| fault("it is cut short"));
            let (lsn_step, at_step, count) = (number()?, number()?, number()?);
            self.lsn = self.lsn.wrapping_add(lsn_step);
            self.at = self.at.wrapping_add((at_step >> 1) ^ (at_step & 1).wrapping_neg());
            self.left = count;
        }
        self.left -= 1;
        let event = v1::decode_event(&mut self.rest)?;
        let (version, lsn, at) = (self.next, Lsn(self.lsn), UnixMillis(self.at));
        self.next = version.next();
        Ok(StoredEvent { version, lsn, at, event })
    }
}

impl Iterator for Events<'_> {
    type Item = Result<StoredEvent, CodecFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() && self.left == 0 {
            return None;
        }
        let taken = self.take();
        if taken.is_err() {
            (self.rest, self.left) = (&[], 0);
        }
        Some(taken)
    }
}

/// Events of one run that are in one frame under one stamp, as the commit log has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawSpan<'a> {
    /// The frame.
    pub lsn: Lsn,
    /// When.
    pub at: UnixMillis,
    /// Version that the first of them makes.
    pub first: Version,
    /// How many.
    pub count: u16,
    /// Their bytes.
    pub events: &'a [u8],
}

/// Fills one chunk after another, in the same memory.
#[derive(Debug, Default)]
pub(crate) struct ChunkBuilder {
    run: RunIndex,
    first: Version,
    next: Version,
    lsn: u64,
    at: u64,
    bytes: Vec<u8>,
}

impl ChunkBuilder {
    /// Begins a chunk of `run`.
    pub fn begin(&mut self, run: RunIndex) {
        self.bytes.clear();
        self.run = run;
    }

    /// Whether the span belongs into the chunk; otherwise that is to be finished first.
    pub fn fits(&self, span: &RawSpan<'_>) -> bool {
        self.bytes.is_empty()
            || (span.first == self.next
                && self.bytes.len() + span.events.len() + 3 * varint::BYTES_MAX <= CHUNK_BYTES_MAX)
    }

    /// Appends a span.
    pub fn push(&mut self, span: &RawSpan<'_>) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(&[0; HEAD_BYTES]);
            (self.first, self.lsn, self.at) = (span.first, 0, 0);
        }
        varint::put(&mut self.bytes, span.lsn.0.wrapping_sub(self.lsn));
        let step = span.at.0.wrapping_sub(self.at).cast_signed();
        varint::put(&mut self.bytes, (step << 1 ^ step >> 63).cast_unsigned());
        varint::put(&mut self.bytes, u64::from(span.count));
        self.bytes.extend_from_slice(span.events);
        (self.lsn, self.at) = (span.lsn.0, span.at.0);
        self.next = Version(span.first.0 + u64::from(span.count));
    }

    /// The chunk so far; `None` when it is empty.
    pub fn finish(&mut self) -> Option<Chunk<'_>> {
        if self.bytes.is_empty() {
            return None;
        }
        let (len, run, first) = (self.bytes.len() as u32, self.run, self.first);
        self.bytes[4..8].copy_from_slice(&len.to_le_bytes());
        self.bytes[8..12].copy_from_slice(&run.0.to_le_bytes());
        self.bytes[12..20].copy_from_slice(&first.0.to_le_bytes());
        self.bytes[20] = CHUNK_FORMAT;
        let crc = crc32c::crc32c(&self.bytes[4..]);
        self.bytes[..4].copy_from_slice(&crc.to_le_bytes());
        Some(Chunk { run, first, bytes: &self.bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_inventory::Event;

    fn built(builder: &mut ChunkBuilder, spans: &[(u64, u64, u64, u16)]) -> Vec<u8> {
        builder.begin(RunIndex(7));
        for (lsn, at, first, count) in spans.iter().copied() {
            let mut events = Vec::new();
            (0..count).for_each(|_| v1::encode_event(&Event::RunRetired, &mut events));
            let (lsn, at, first) = (Lsn(lsn), UnixMillis(at), Version(first));
            let span = RawSpan { lsn, at, first, count, events: &events };
            assert!(builder.fits(&span));
            builder.push(&span);
        }
        builder.finish().unwrap().bytes().to_vec()
    }

    #[test]
    fn a_chunk_gives_back_what_it_got() {
        let mut builder = ChunkBuilder::default();
        builder.begin(RunIndex(1));
        assert_eq!(builder.finish(), None);
        let bytes = built(&mut builder, &[(9, 1_000, 5, 2), (9, 1_000, 7, 1), (40, 990, 8, 300)]);
        let chunk = Chunk::read(&bytes).unwrap();
        assert_eq!((chunk.run, chunk.first), (RunIndex(7), Version(5)));
        let events: Vec<StoredEvent> = chunk.events().map(Result::unwrap).collect();
        let seen = |at: usize| (events[at].version.0, events[at].lsn.0, events[at].at.0);
        assert_eq!(events.len(), 303);
        assert_eq!([seen(0), seen(1), seen(2)], [(5, 9, 1_000), (6, 9, 1_000), (7, 9, 1_000)]);
        assert_eq!([seen(3), seen(302)], [(8, 40, 990), (307, 40, 990)]);
        // Nothing is left of it in the next one.
        let next = built(&mut builder, &[(41, 1_001, 6, 1)]);
        let next = Chunk::read(&next).unwrap();
        let event = next.events().next().unwrap().unwrap();
        assert_eq!((event.version, event.lsn, event.at), (Version(6), Lsn(41), UnixMillis(1_001)));
        assert_eq!(next.events().count(), 1);
    }

    #[test]
    fn a_span_that_does_not_follow_or_would_be_too_much_waits_for_the_next_chunk() {
        let mut builder = ChunkBuilder::default();
        built(&mut builder, &[(9, 1_000, 5, 2)]);
        let events = vec![0; CHUNK_BYTES_MAX];
        let span = |first, events| {
            let (lsn, at, first) = (Lsn(9), UnixMillis(0), Version(first));
            RawSpan { lsn, at, first, count: 1, events }
        };
        assert!(builder.fits(&span(7, &events[..10])));
        assert!(!builder.fits(&span(8, &events[..10])), "a version is missing");
        assert!(!builder.fits(&span(7, &events)), "too long");
        builder.begin(RunIndex(7));
        assert!(builder.fits(&span(7, &events)), "alone it may be long");
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_seen() {
        let bytes = built(&mut ChunkBuilder::default(), &[(9, 1_000, 5, 2), (10, 1_001, 7, 1)]);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Chunk::read(&damaged).is_err(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(Chunk::read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_key_is_its_run_and_version() {
        let key = Chunk::key(RunIndex(3), Version(1 << 40));
        assert_eq!(Chunk::of_key(&key), Some((RunIndex(3), Version(1 << 40))));
        assert_eq!(Chunk::of_key(&key[1..]), None);
        assert!(key < Chunk::key(RunIndex(4), Version(0)));
    }
}
