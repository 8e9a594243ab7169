//! What vouches for a segment in the event store: written last, when everything it counts is synced.
//!
//! sled may lose keys in silence: counts and sums show that something is missing or another.

use super::Chunk;
use crate::varint;

/// What a manifest begins with, behind its CRC.
const MANIFEST_FORMAT: u8 = 2;

/// What one segment has put: counts, and sums of what [`Chunk::sum`] and [`place_sum`] say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub first: u64,
    pub last: u64,
    pub chunks: u64,
    pub chunk_sum: u64,
    pub place_sum: u64,
    pub texts: u64,
    pub text_sum: u64,
}

/// Names where a chunk is.
fn place_sum(key: &[u8], place: &[u8]) -> u64 {
    let key = crc32c::crc32c(key);
    u64::from(key) << 32 | u64::from(crc32c::crc32c_append(key, place))
}

impl Manifest {
    pub fn bytes(&self) -> Vec<u8> {
        let Self { first, last, chunks, chunk_sum, place_sum, texts, text_sum } = *self;
        let mut out = vec![0, 0, 0, 0, MANIFEST_FORMAT];
        for number in [first, last, chunks, chunk_sum, place_sum, texts, text_sum] {
            varint::put(&mut out, number);
        }
        let crc = crc32c::crc32c(&out[4..]);
        out[..4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (crc, rest) = bytes.split_first_chunk::<4>()?;
        if crc32c::crc32c(rest) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut rest = rest.strip_prefix(&[MANIFEST_FORMAT])?;
        let mut next = || varint::take(&mut rest);
        let (first, last, chunks) = (next()?, next()?, next()?);
        let (chunk_sum, place_sum) = (next()?, next()?);
        let (texts, text_sum) = (next()?, next()?);
        let all = Self { first, last, chunks, chunk_sum, place_sum, texts, text_sum };
        rest.is_empty().then_some(all)
    }

    pub fn add_chunk(&mut self, chunk: &Chunk<'_>) {
        self.chunks += 1;
        self.chunk_sum = self.chunk_sum.wrapping_add(chunk.sum());
    }

    pub fn add_place(&mut self, key: &[u8], place: &[u8]) {
        self.place_sum = self.place_sum.wrapping_add(place_sum(key, place));
    }

    pub fn add_text(&mut self, hash: &[u8], text: &[u8]) {
        self.texts += 1;
        let crc = crc32c::crc32c_append(crc32c::crc32c(hash), text);
        self.text_sum = self.text_sum.wrapping_add(u64::from(crc));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_survives_and_no_flipped_bit_does() {
        let mut manifest = Manifest { first: 7, last: 1 << 40, ..Manifest::default() };
        manifest.add_place(b"key", b"place");
        manifest.add_text(b"hash", b"text");
        let bytes = manifest.bytes();
        assert_eq!(Manifest::read(&bytes), Some(manifest));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Manifest::read(&damaged), None, "bit {bit}");
        }
    }
}
