//! The files that hold chunks: one for each segment of the log, written once, in one go.
//!
//! A file is named by the first frame of its segment, like that, and holds nothing but chunks, one
//! behind the other. It counts once a manifest vouches for its length and for the sum of its
//! chunks; until then it is what a writer did not finish, and is written anew.

use std::path::{Path, PathBuf};

use super::Chunk;
use super::chunk::HEAD_BYTES;
use crate::Lsn;
use crate::codec::CodecFault;
use crate::file::{self, File, FileError};

/// Bytes written at a time, and synced at once: a segment in one burst would stand before the log's
/// next sync for a tenth of a second.
const WRITE_BYTES: usize = 2 << 20;
/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;
/// Longest chunk that is believed: a span is in one frame.
const CHUNK_BYTES_BELIEVED: usize = (128 << 20) + HEAD_BYTES + 64;

/// Where a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// First frame of its segment.
    pub segment: Lsn,
    /// Byte in the file.
    pub offset: u64,
    /// Bytes.
    pub bytes: u32,
}

impl Place {
    /// Segment, offset, length, all big endian.
    pub fn encoded(self) -> [u8; 20] {
        let mut out = [0; 20];
        out[..8].copy_from_slice(&self.segment.0.to_be_bytes());
        out[8..16].copy_from_slice(&self.offset.to_be_bytes());
        out[16..].copy_from_slice(&self.bytes.to_be_bytes());
        out
    }

    /// From what was encoded.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (segment, rest) = bytes.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let segment = Lsn(u64::from_be_bytes(*segment));
        let bytes = u32::from_be_bytes(rest.try_into().ok()?);
        Some(Self { segment, offset: u64::from_be_bytes(*offset), bytes })
    }
}

/// The path of a segment's chunks below `dir`.
fn path(dir: &Path, segment: Lsn) -> PathBuf {
    dir.join(format!("{:020}.chunks", segment.0))
}

/// Writes the chunks of one segment after another, in the same memory.
#[derive(Debug, Default)]
pub struct ChunkWriter {
    file: Option<(Lsn, File)>,
    /// Not yet in the file.
    buffer: Vec<u8>,
    /// Bytes in the file.
    written: u64,
}

impl ChunkWriter {
    /// Begins the file of `segment` in `dir`, whatever there is of it.
    pub fn begin(&mut self, dir: &Path, segment: Lsn) -> Result<(), FileError> {
        let path = path(dir, segment);
        match file::remove(&path) {
            Err(fault) if !fault.is_not_found() => return Err(fault),
            _ => {}
        }
        self.file = Some((segment, File::create(&path)?));
        self.buffer.clear();
        self.written = 0;
        Ok(())
    }

    /// Appends a chunk; where it is. `None` when nothing was begun.
    pub fn put(&mut self, chunk: &Chunk<'_>) -> Result<Option<Place>, FileError> {
        let Some((segment, _)) = &self.file else { return Ok(None) };
        let (segment, offset) = (*segment, self.written + self.buffer.len() as u64);
        self.buffer.extend_from_slice(chunk.bytes());
        if self.buffer.len() >= WRITE_BYTES {
            self.write()?;
        }
        Ok(Some(Place { segment, offset, bytes: chunk.bytes().len() as u32 }))
    }

    fn write(&mut self) -> Result<(), FileError> {
        if let Some((_, file)) = &self.file {
            file.write_at(&self.buffer, self.written)?;
            file.sync_data()?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Ends the file in `dir`: on return it survives a power cut. Whether one was begun.
    pub fn end(&mut self, dir: &Path) -> Result<bool, FileError> {
        self.write()?;
        let begun = self.file.take().is_some();
        file::sync_dir(dir)?;
        Ok(begun)
    }
}

/// Reads the bytes of a chunk into `buffer`.
pub fn read(dir: &Path, place: Place, buffer: &mut Vec<u8>) -> Result<(), FileError> {
    let file = File::read_only(&path(dir, place.segment))?;
    // What is longer than the file is cut short, and found to be so.
    let there = file.len()?.saturating_sub(place.offset).min(u64::from(place.bytes));
    buffer.clear();
    buffer.resize(there as usize, 0);
    let read = file.read_at(buffer, place.offset)?;
    buffer.truncate(read);
    Ok(())
}

/// In words, that the file of a segment is damaged at this byte.
pub fn damaged(dir: &Path, segment: Lsn, offset: u64, fault: &CodecFault) -> String {
    format!("{} is damaged at byte {offset}: {fault}", path(dir, segment).display())
}

/// Hands every chunk of a segment to `visit`, checked, or what is wrong with one and where it begins.
pub fn walk(
    dir: &Path,
    segment: Lsn,
    visit: &mut dyn FnMut(Chunk<'_>),
) -> Result<Result<(), (u64, CodecFault)>, FileError> {
    let file = File::read_only(&path(dir, segment))?;
    let len = file.len()?;
    let (mut buffer, mut start, mut at) = (Vec::new(), 0_u64, 0_u64);
    let mut want = HEAD_BYTES;
    while at < len {
        let from = (at - start) as usize;
        if from + want > buffer.len() {
            buffer.resize(want.max(READ_BYTES), 0);
            let read = file.read_at(&mut buffer, at)?;
            buffer.truncate(read);
            start = at;
            if read < want {
                return Ok(Err((at, CodecFault::new("chunk", "it is cut short"))));
            }
            continue;
        }
        match Chunk::len_of(&buffer[from..]) {
            Some(bytes) if bytes > CHUNK_BYTES_BELIEVED => {
                let fault = CodecFault::new("chunk", format!("it says {bytes} bytes"));
                return Ok(Err((at, fault)));
            }
            Some(bytes) if from + bytes > buffer.len() => want = bytes,
            Some(bytes) => {
                match Chunk::read(&buffer[from..from + bytes]) {
                    Ok(chunk) => visit(chunk),
                    Err(fault) => return Ok(Err((at, fault))),
                }
                (at, want) = (at + bytes as u64, HEAD_BYTES);
            }
            None => return Ok(Err((at, CodecFault::new("chunk", "its head is damaged")))),
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives() {
        let place = Place { segment: Lsn(1 << 40), offset: 1 << 33, bytes: 1 << 17 };
        assert_eq!(Place::decode(&place.encoded()), Some(place));
        assert_eq!(Place::decode(&place.encoded()[1..]), None);
    }
}
