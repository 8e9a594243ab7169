//! A small log of its own beside the commit log, for what is no event of a run: frames of bytes that
//! mean something to their owner only.
//!
//! A frame is the length of its body and a CRC32C of length and body, both `u32` little endian, then the
//! body. A start reads the file, asks of each frame whether it is still wanted, writes those that are
//! into a new file and puts it in place: so it holds no more than what is alive, and a torn tail is
//! gone. What is behind a damaged frame cannot be told from noise; it is counted and left behind in
//! `NAME.damaged`.

use crate::disk::{DiskPath, OnDisk};
use crate::file::{self, File, FileError};

const HEAD_BYTES: usize = 8;
/// Longest body: what is taken for one is looked at before it is believed.
const BODY_BYTES_MAX: usize = 64 << 20;
/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;
const NAME: &str = "rooms.log";

/// See the module.
#[derive(Debug)]
pub struct SideLog {
    file: File,
    end: u64,
}

/// What a start found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideLogFound {
    /// Frames that were read.
    pub frames: u64,
    /// Of those, still wanted.
    pub kept: u64,
    /// Bytes at the end that are no frame: a torn tail, or damage.
    pub lost_bytes: u64,
}

impl SideLog {
    /// Opens the log of the data directory `dir`; `is_wanted` is shown each frame of before, in order.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(
        dir: &(impl OnDisk + ?Sized),
        mut is_wanted: impl FnMut(&[u8]) -> bool,
    ) -> Result<(Self, SideLogFound), FileError> {
        let dir = dir.on_disk();
        let (path, new) = (dir.join(NAME), dir.join("rooms.log.new"));
        let names = file::names(&dir)?;
        if names.iter().any(|name| name == "rooms.log.new") {
            file::remove(&new)?;
        }
        let mut log = Self { file: File::create(&new)?, end: 0 };
        let mut found = SideLogFound::default();
        if names.iter().any(|name| name == NAME) {
            let old = File::read_only(&path)?;
            log.copy(&old, &mut found, &mut is_wanted)?;
            if found.lost_bytes > 0 {
                keep_aside(&dir, &old, found.lost_bytes)?;
            }
        }
        log.sync()?;
        file::rename(&new, &path)?;
        file::sync_dir(&dir)?;
        log.file.renamed(&path);
        Ok((log, found))
    }

    fn copy(
        &mut self,
        old: &File,
        found: &mut SideLogFound,
        is_wanted: &mut impl FnMut(&[u8]) -> bool,
    ) -> Result<(), FileError> {
        let (length, mut at) = (old.len()?, 0);
        let (mut window, mut body) = (Window::default(), Vec::new());
        while window.frame(old, at, &mut body)? {
            at += (HEAD_BYTES + body.len()) as u64;
            found.frames += 1;
            if is_wanted(&body) {
                found.kept += 1;
                self.append(&body)?;
            }
        }
        found.lost_bytes = length - at;
        Ok(())
    }

    /// Writes a frame; it is durable after the next [`SideLog::sync`].
    ///
    /// # Errors
    /// What the system says. Nothing may be appended after that: the file may end in half a frame.
    pub fn append(&mut self, body: &[u8]) -> Result<(), FileError> {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        assert!(
            body.len() <= BODY_BYTES_MAX,
            "a frame of {length} bytes, {BODY_BYTES_MAX} at most"
        );
        let mut frame = Vec::with_capacity(HEAD_BYTES + body.len());
        frame.extend(length.to_le_bytes());
        frame.extend(check(length, body).to_le_bytes());
        frame.extend_from_slice(body);
        self.file.write_at(&frame, self.end)?;
        self.end += frame.len() as u64;
        Ok(())
    }

    /// Makes all that was appended durable.
    ///
    /// # Errors
    /// What the system says; no second sync may be trusted.
    pub fn sync(&mut self) -> Result<(), FileError> {
        self.file.sync_data()
    }
}

fn check(length: u32, body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), body)
}

/// What is behind the last good frame, for people who look into it.
fn keep_aside(dir: &DiskPath, old: &File, bytes: u64) -> Result<(), FileError> {
    let path = dir.join("rooms.log.damaged");
    if file::names(dir)?.iter().any(|name| name == "rooms.log.damaged") {
        file::remove(&path)?;
    }
    let (aside, from) = (File::create(&path)?, old.len()? - bytes);
    let mut buffer = vec![0; READ_BYTES];
    let mut done = 0;
    while done < bytes {
        let read = old.read_at(&mut buffer, from + done)?;
        if read == 0 {
            break;
        }
        aside.write_at(&buffer[..read], done)?;
        done += read as u64;
    }
    aside.sync_data()
}

/// Reads a file front to back, a piece at a time.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
    from: u64,
}

impl Window {
    /// Reads the frame at `at` into `body`; false if there is none.
    fn frame(&mut self, file: &File, at: u64, body: &mut Vec<u8>) -> Result<bool, FileError> {
        let Some(head) = self.read(file, at, HEAD_BYTES)? else { return Ok(false) };
        let (length, crc) = (word(head, 0), word(head, 4));
        let bytes = length as usize;
        if bytes > BODY_BYTES_MAX {
            return Ok(false);
        }
        let Some(read) = self.read(file, at + HEAD_BYTES as u64, bytes)? else { return Ok(false) };
        if check(length, read) != crc {
            return Ok(false);
        }
        body.clear();
        body.extend_from_slice(read);
        Ok(true)
    }

    fn read(&mut self, file: &File, at: u64, length: usize) -> Result<Option<&[u8]>, FileError> {
        let end = self.from + self.bytes.len() as u64;
        if at < self.from || at + length as u64 > end {
            self.bytes.resize(length.max(READ_BYTES), 0);
            let read = file.read_at(&mut self.bytes, at)?;
            self.bytes.truncate(read);
            self.from = at;
        }
        let start = (at - self.from) as usize;
        Ok(self.bytes.get(start..start + length))
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dir: &std::path::Path) -> (Vec<Vec<u8>>, SideLog, SideLogFound) {
        let mut bodies = Vec::new();
        let (log, found) = SideLog::open(dir, |body| {
            bodies.push(body.to_vec());
            body.first() != Some(&9)
        })
        .unwrap();
        (bodies, log, found)
    }

    #[test]
    fn what_was_appended_is_read_while_it_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let (bodies, mut log, found) = read(dir.path());
        assert_eq!((bodies.len(), found), (0, SideLogFound::default()));
        let long = vec![7; READ_BYTES + 5];
        let written: [&[u8]; 4] = [b"one", &[9, 9], &long, b""];
        for body in written {
            log.append(body).unwrap();
        }
        log.sync().unwrap();
        let (bodies, mut log, found) = read(dir.path());
        assert!(bodies.iter().eq(written), "all of them, in order");
        assert_eq!(found, SideLogFound { frames: 4, kept: 3, lost_bytes: 0 });
        log.append(b"two").unwrap();
        let (bodies, ..) = read(dir.path());
        assert!(bodies.iter().eq([b"one".as_slice(), &long, b"", b"two"]), "the unwanted is gone");
    }

    /// Wherever the file ends or a bit flips: the frames before are read, and nothing that never was.
    #[test]
    fn a_torn_or_damaged_file_gives_the_frames_before() {
        let dir = tempfile::tempdir().unwrap();
        let (_, mut log, _) = read(dir.path());
        let written: [&[u8]; 3] = [b"one", b"two!", b"three"];
        for body in written {
            log.append(body).unwrap();
        }
        let path = dir.path().join(NAME);
        let whole = std::fs::read(&path).unwrap();
        let ends = [11, 23, 36];
        assert_eq!(whole.len(), ends[2]);
        let expect = |bytes: &[u8], good: usize| {
            std::fs::write(&path, bytes).unwrap();
            let (bodies, _, found) = read(dir.path());
            assert!(bodies.iter().eq(&written[..good]), "{bodies:?}");
            let lost = bytes.len() - if good == 0 { 0 } else { ends[good - 1] };
            assert_eq!(found.lost_bytes, lost as u64);
            if lost > 0 {
                let aside = std::fs::read(dir.path().join("rooms.log.damaged")).unwrap();
                assert_eq!(aside, bytes[bytes.len() - lost..]);
            }
            assert_eq!(std::fs::read(&path).unwrap(), whole[..whole.len().min(bytes.len() - lost)]);
        };
        for length in 0..=whole.len() {
            expect(&whole[..length], ends.iter().filter(|end| **end <= length).count());
        }
        for bit in (0..whole.len() * 8).step_by(7) {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            expect(&bytes, ends.iter().filter(|end| **end <= bit / 8).count());
        }
    }
}
