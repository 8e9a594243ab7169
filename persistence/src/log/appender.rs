//! Appends frames to the segment files of one directory: what the commit log and the snapshot log
//! have in common.
//!
//! A frame is encoded into one buffer and leaves it in one `pwrite`. A segment is sealed with a
//! footer and synced before the next one gets its name, so that a frame never lies behind a
//! segment that may still be torn. Nothing here knows durability words or what a payload means.

use berth_inventory::planted;

use super::end::{Cut, LogEnd};
use super::prepare;
use super::segment::{self, Tally};
use crate::disk::DiskPath;
use crate::file::{self, BLOCK_BYTES, File, FileError};
use crate::frame::{Chain, FRAME_OVERHEAD, Magic, Named};
use crate::section::Touch;
use crate::{LogPosition, Lsn};

/// Bytes of a segment that are written anew at once.
const ANEW_BYTES: u64 = 1 << 20;

/// The open segment.
struct Open {
    file: File,
    id: u64,
    /// Where the next write goes; what is buffered comes there.
    offset: u64,
    /// Zeroed ahead; else it grows.
    zeroed: bool,
}

/// The writing end of a directory of segments.
pub struct Appender {
    dir: DiskPath,
    magic: Magic,
    segment_bytes: u64,
    open: Open,
    chain: Chain,
    tally: Tally,
    buffer: Vec<u8>,
    last_at: LogPosition,
    /// Written but not synced.
    unsynced: bool,
    /// Bytes of sealed segments kept.
    sealed_bytes: u64,
}

impl Appender {
    /// Goes on at `end`, which a scan of `dir` gave. A torn tail is moved to `cut_dir` first;
    /// nothing there is ever overwritten. What the scan has read of the last segment is brought to
    /// the disk, before anything new may rest on it.
    pub fn resume(
        dir: &DiskPath,
        cut_dir: &DiskPath,
        magic: Magic,
        segment_bytes: u64,
        end: LogEnd,
    ) -> Result<Self, FileError> {
        file::create_dir(dir)?;
        if let Some(cut) = &end.cut {
            move_to_cut(cut, dir, cut_dir)?;
        }
        if end.segment != 0 {
            write_anew(dir, end.segment, end.offset)?;
        }
        let mut tally = end.tally;
        let open = if end.segment == 0 || end.sealed {
            tally.clear();
            create(dir, end.chain.last.next().0)?
        } else {
            let file = File::writable(&segment::on_disk(dir, end.segment))?;
            let zeroed = file.len()? >= segment_bytes;
            Open { file, id: end.segment, offset: end.offset, zeroed }
        };
        let mut sealed_bytes = 0;
        for id in segment::list(dir)?.into_iter().filter(|id| *id != open.id) {
            sealed_bytes += File::read_only(&segment::on_disk(dir, id))?.len()?;
        }
        let last_at = LogPosition { lsn: end.chain.last, segment: open.id, offset: open.offset };
        Ok(Self {
            dir: dir.clone(),
            magic,
            segment_bytes,
            open,
            chain: end.chain,
            tally,
            buffer: Vec::new(),
            last_at,
            // What a stopped process left written may not be synced.
            unsynced: true,
            sealed_bytes,
        })
    }

    /// Its directory.
    pub fn dir(&self) -> &DiskPath {
        &self.dir
    }

    /// The last frame.
    pub fn last_at(&self) -> LogPosition {
        self.last_at
    }

    /// Id of the segment being written.
    pub fn open_segment(&self) -> u64 {
        self.open.id
    }

    /// Bytes in the segment being written.
    pub fn open_bytes(&self) -> u64 {
        self.open.offset + self.buffer.len() as u64
    }

    /// Whether the segment being written grows.
    pub fn grows(&self) -> bool {
        !self.open.zeroed
    }

    /// Bytes of all frames kept.
    pub fn bytes(&self) -> u64 {
        self.sealed_bytes + self.open_bytes()
    }

    /// Bytes waiting to be written.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Whether a frame with so much content must go to the next segment.
    pub fn is_full_for(&self, content: usize) -> bool {
        let room = self.open_bytes() + (content + FRAME_OVERHEAD) as u64;
        self.open_bytes() > 0 && room > self.segment_bytes
    }

    /// Encodes one frame into the buffer.
    pub fn append(
        &mut self,
        names: Vec<Named>,
        touched: impl Iterator<Item = Touch>,
        payload: impl FnOnce(&mut Vec<u8>),
    ) -> LogPosition {
        let offset = self.open_bytes();
        let lsn = self.chain.append(self.magic, names, &mut self.buffer, payload);
        touched.for_each(|touch| self.tally.take(touch));
        self.last_at = LogPosition { lsn, segment: self.open.id, offset };
        self.last_at
    }

    /// Writes what is buffered.
    pub fn write(&mut self) -> Result<(), FileError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let (bytes, end) = (self.buffer.len(), self.open_bytes());
        if self.open.zeroed {
            // The zeros behind are written again, up to the end of the block: a part of a block that
            // is not in the page cache would have to be read first.
            let whole = end.next_multiple_of(BLOCK_BYTES as u64).min(self.segment_bytes.max(end));
            self.buffer.resize(bytes + (whole - end) as usize, 0);
        }
        let written = self.open.file.write_at(&self.buffer, self.open.offset);
        self.buffer.truncate(bytes);
        written?;
        self.open.offset = end;
        self.buffer.clear();
        self.unsynced = true;
        Ok(())
    }

    /// fdatasync of what is written.
    pub fn sync(&mut self) -> Result<(), FileError> {
        if self.unsynced {
            self.open.file.sync_data()?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Seals the open segment and goes on in the next one: `prepared` (zeroed, still under its
    /// working name) or a new file that grows.
    pub fn roll(&mut self, prepared: Option<File>) -> Result<(), FileError> {
        self.write()?;
        let first = Lsn(self.open.id);
        let (chain, tally, footer) = (&mut self.chain, &self.tally, self.magic.footer());
        chain.append(footer, Vec::new(), &mut self.buffer, |out| tally.put(first, out));
        self.write()?;
        self.open.file.set_len(self.open.offset)?;
        self.open.file.sync_data()?;
        self.sealed_bytes += self.open.offset;
        self.tally.clear();
        let id = self.chain.last.next().0;
        self.open = match prepared {
            Some(mut file) => {
                let path = segment::on_disk(&self.dir, id);
                file::rename(&prepare::next_path(&self.dir), &path)?;
                file.renamed(&path);
                file::sync_dir(&self.dir)?;
                Open { file, id, offset: 0, zeroed: true }
            }
            None => create(&self.dir, id)?,
        };
        self.unsynced = false;
        Ok(())
    }

    /// Removes sealed segments whose frames are all before `lsn`, oldest first; bytes freed.
    pub fn delete_before(&mut self, lsn: Lsn) -> Result<u64, FileError> {
        let freed = segment::delete_before(&self.dir, lsn)?;
        self.sealed_bytes -= freed;
        Ok(freed)
    }
}

fn create(dir: &DiskPath, id: u64) -> Result<Open, FileError> {
    let path = segment::on_disk(dir, id);
    let file = match File::create(&path) {
        // Left by a stop between its creation and its first frame.
        Err(fault) if fault.cause.kind() == std::io::ErrorKind::AlreadyExists => {
            File::writable(&path)?
        }
        created => created?,
    };
    // log-exact, starts-again
    if !planted!("segment-name-unsynced") {
        file::sync_dir(dir)?;
    }
    Ok(Open { file, id, offset: 0, zeroed: false })
}

/// Writes the first `bytes` of a segment as they are read, and syncs them. After a sync that failed
/// the kernel shows bytes as clean that are not on the disk: no later sync would bring them there,
/// and a power cut would take them from under all that came after.
fn write_anew(dir: &DiskPath, id: u64, bytes: u64) -> Result<(), FileError> {
    let file = File::writable(&segment::on_disk(dir, id))?;
    let mut buffer = vec![0; bytes.min(ANEW_BYTES) as usize];
    let mut at = 0;
    while at < bytes {
        let piece = &mut buffer[..(bytes - at).min(ANEW_BYTES) as usize];
        let read = file.read_at(piece, at)?;
        file.write_at(&piece[..read], at)?;
        at += piece.len() as u64;
    }
    file.sync_data()?;
    // Its name, too, may be of a sync that failed.
    file::sync_dir(dir)
}

/// Copies a torn tail of a segment in `dir` to a new file in `cut_dir`, and only then cuts it off.
fn move_to_cut(cut: &Cut, dir: &DiskPath, cut_dir: &DiskPath) -> Result<(), FileError> {
    file::create_dir(cut_dir)?;
    let log = File::writable(&dir.join(cut.file.file_name().unwrap_or_default()))?;
    let mut bytes = vec![0; cut.bytes as usize];
    let read = log.read_at(&mut bytes, cut.offset)?;
    let segment = cut.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut attempt = 0;
    let copy = loop {
        let path = cut_dir.join(format!("{segment}-{}-{attempt}.bytes", cut.offset));
        match File::create(&path) {
            Err(fault) if fault.cause.kind() == std::io::ErrorKind::AlreadyExists => attempt += 1,
            created => break created?,
        }
    };
    copy.write_at(&bytes[..read], 0)?;
    copy.sync_data()?;
    file::sync_dir(cut_dir)?;
    // starts-again
    if !planted!("cut-not-truncated") {
        log.set_len(cut.offset)?;
    }
    log.sync_data()
}
