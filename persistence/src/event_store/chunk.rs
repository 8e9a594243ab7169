//! Chunks: events of one run that follow each other, small enough for the embedded store.
//!
//! Bytes: CRC32C over run (4, big endian), first version (8, big endian) and the rest; then
//! format (1); then for each event the steps of frame number and stamp from the event before
//! (LEB128, the stamp's zigzagged: clocks may be set back) and its bytes. The key is covered by
//! the CRC, so that a chunk in another's place is seen.

use berth_inventory::{Event, RunIndex, UnixMillis, Version};

use super::StoredEvent;
use crate::codec::CodecFault;
use crate::stored::v1;
use crate::{Lsn, varint};

/// Longest chunk, bytes: sled moves larger values to files that it never syncs.
pub const CHUNK_BYTES_MAX: usize = 100 << 10;
/// First byte after the CRC.
const CHUNK_FORMAT: u8 = 1;
/// Bytes of a chunk's key.
const KEY_BYTES: usize = 12;

/// Events of one run that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The run.
    pub run: RunIndex,
    /// Version the first event makes.
    pub first: Version,
    /// CRC and events.
    pub bytes: Vec<u8>,
}

impl Chunk {
    /// Run, then first version: big endian, so that keys sort as numbers do.
    pub fn key(run: RunIndex, first: Version) -> [u8; KEY_BYTES] {
        let mut key = [0; KEY_BYTES];
        key[..4].copy_from_slice(&run.0.to_be_bytes());
        key[4..].copy_from_slice(&first.0.to_be_bytes());
        key
    }

    /// From what a store has under a key.
    pub fn of_stored(key: &[u8], bytes: &[u8]) -> Option<Self> {
        let key: [u8; KEY_BYTES] = key.try_into().ok()?;
        let run = u32::from_be_bytes([key[0], key[1], key[2], key[3]]);
        let first = key[4..].iter().fold(0, |n, b| n << 8 | u64::from(*b));
        Some(Self { run: RunIndex(run), first: Version(first), bytes: bytes.to_vec() })
    }

    fn crc(run: RunIndex, first: Version, rest: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&Self::key(run, first)), rest)
    }

    /// Names the chunk with its content, for manifests.
    pub fn sum(&self) -> u64 {
        let crc = self.bytes.first_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b));
        let key = crc32c::crc32c(&Self::key(self.run, self.first));
        u64::from(key) << 32 | u64::from(crc)
    }

    /// Checks and decodes it.
    pub fn events(&self) -> Result<Vec<StoredEvent>, CodecFault> {
        let fault = |why: &str| CodecFault::new("chunk", why);
        let (crc, rest) = self.bytes.split_first_chunk::<4>().ok_or_else(|| fault("too short"))?;
        if Self::crc(self.run, self.first, rest) != u32::from_le_bytes(*crc) {
            return Err(fault("its CRC is wrong"));
        }
        let (format, mut rest) = rest.split_first().ok_or_else(|| fault("too short"))?;
        if *format != CHUNK_FORMAT {
            return Err(fault(&format!("its format is {format}, known is {CHUNK_FORMAT}")));
        }
        let (mut lsn, mut at, mut version) = (0_u64, 0_u64, self.first);
        let mut events = Vec::new();
        while !rest.is_empty() {
            let lsn_step = varint::take(&mut rest).ok_or_else(|| fault("it is cut short"))?;
            let at_step = varint::take(&mut rest).ok_or_else(|| fault("it is cut short"))?;
            lsn = lsn.wrapping_add(lsn_step);
            at = at.wrapping_add((at_step >> 1) ^ (at_step & 1).wrapping_neg());
            let event = v1::decode_event(&mut rest)?;
            events.push(StoredEvent { version, lsn: Lsn(lsn), at: UnixMillis(at), event });
            version = version.next();
        }
        Ok(events)
    }
}

/// Fills the chunks of one run, in order.
#[derive(Debug)]
pub struct ChunkBuilder {
    run: RunIndex,
    first: Version,
    next: Version,
    lsn: u64,
    at: u64,
    bytes: Vec<u8>,
}

impl ChunkBuilder {
    /// Begins with the event that makes `first`.
    pub fn new(run: RunIndex, first: Version) -> Self {
        Self { run, first, next: first, lsn: 0, at: 0, bytes: vec![0, 0, 0, 0, CHUNK_FORMAT] }
    }

    /// Appends an event; gives a finished chunk when this one would not fit or does not follow.
    pub fn push(
        &mut self,
        lsn: Lsn,
        at: UnixMillis,
        version: Version,
        event: &Event,
    ) -> Option<Chunk> {
        let mut finished = None;
        if version != self.next {
            finished = self.restart(version);
        }
        let before = self.bytes.len();
        self.put(lsn, at, event);
        if self.bytes.len() > CHUNK_BYTES_MAX && version != self.first {
            self.bytes.truncate(before);
            finished = self.restart(version);
            self.put(lsn, at, event);
        }
        (self.lsn, self.at, self.next) = (lsn.0, at.0, version.next());
        finished
    }

    fn put(&mut self, lsn: Lsn, at: UnixMillis, event: &Event) {
        varint::put(&mut self.bytes, lsn.0.wrapping_sub(self.lsn));
        let step = at.0.wrapping_sub(self.at).cast_signed();
        varint::put(&mut self.bytes, (step << 1 ^ step >> 63).cast_unsigned());
        v1::encode_event(event, &mut self.bytes);
    }

    fn restart(&mut self, version: Version) -> Option<Chunk> {
        let fresh = Self::new(self.run, version);
        core::mem::replace(self, fresh).finish()
    }

    /// The chunk so far; `None` when it is empty.
    pub fn finish(mut self) -> Option<Chunk> {
        if self.next == self.first {
            return None;
        }
        let crc = Chunk::crc(self.run, self.first, &self.bytes[4..]);
        self.bytes[..4].copy_from_slice(&crc.to_le_bytes());
        Some(Chunk { run: self.run, first: self.first, bytes: self.bytes })
    }
}
