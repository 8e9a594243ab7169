//! Walks the frames of a log and tells whole from torn from damaged.
//!
//! Always true: a frame is handed out only when both its CRCs are right, its number is the next
//! one and it repeats the CRC of the frame before. When bytes are not a whole frame, the rest of
//! the segment and every later one is searched for a whole frame with a higher number: if there
//! is one, it is damage, and that frame names what the last lost one touched; if there is none,
//! it is a torn tail, unless something shows that it was not the last frame.

use std::path::PathBuf;

use super::damage::{Damage, DamageKind, ScanError};
use super::end::{Cut, LogEnd};
use super::segment::{self, Tallied, Tally};
use crate::disk::DiskPath;
use crate::file::{File, FileError};
use crate::frame::{BODY_BYTES_MAX, Chain, FORMAT, HEADER_BYTES, Header, Magic, Whole};
use crate::{LogPosition, Lsn};

/// Read ahead, bytes.
const WINDOW_BYTES: usize = 1 << 20;

/// How far a walk is, for progress bars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogProgress {
    /// Bytes behind it.
    pub done: u64,
    /// Bytes of all segments when it began.
    pub total: u64,
}

/// A part of a file in memory.
struct Window {
    file: File,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn new(file: File) -> Self {
        Self { file, start: 0, bytes: Vec::new() }
    }

    /// `want` bytes from `offset`, fewer only where the file ends.
    fn get(&mut self, offset: u64, want: usize) -> Result<&[u8], FileError> {
        let covered =
            offset >= self.start && offset + want as u64 <= self.start + self.bytes.len() as u64;
        if !covered {
            self.bytes.resize(want.max(WINDOW_BYTES), 0);
            let read = self.file.read_at(&mut self.bytes, offset)?;
            self.bytes.truncate(read);
            self.start = offset;
        }
        let from = (offset - self.start) as usize;
        Ok(&self.bytes[from..self.bytes.len().min(from + want)])
    }

    /// The last byte at or after `offset` that is not zero, plus one; `offset` when there is none.
    fn end_of_data(&mut self, mut offset: u64) -> Result<u64, FileError> {
        let mut end = offset;
        loop {
            let bytes = self.get(offset, WINDOW_BYTES)?;
            if bytes.is_empty() {
                return Ok(end);
            }
            let read = bytes.len() as u64;
            if let Some(last) = last_not_zero(bytes) {
                end = offset + last as u64 + 1;
            }
            offset += read;
        }
    }

    /// The first byte at or after `offset` that is not zero.
    fn first_data(&mut self, mut offset: u64) -> Result<Option<u64>, FileError> {
        loop {
            let bytes = self.get(offset, WINDOW_BYTES)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let read = bytes.len() as u64;
            if last_not_zero(bytes).is_some() {
                let first = bytes.iter().position(|b| *b != 0).unwrap_or(0);
                return Ok(Some(offset + first as u64));
            }
            offset += read;
        }
    }
}

/// Compares page by page, which is as fast as memory.
fn last_not_zero(bytes: &[u8]) -> Option<usize> {
    const ZERO: [u8; 4_096] = [0; 4_096];
    let mut end = bytes.len();
    while end > 0 {
        let start = end.saturating_sub(ZERO.len());
        if bytes[start..end] != ZERO[..end - start] {
            return bytes[start..end].iter().rposition(|b| *b != 0).map(|at| start + at);
        }
        end = start;
    }
    None
}

/// What a walk comes upon.
pub enum Step<'a> {
    /// A whole frame, the next of the chain.
    Frame(LogPosition, Whole<'a>),
    /// The footer of a sealed segment: its first frame and its runs.
    Footer(Lsn, Vec<Tallied>),
    /// Something is not as it should be; the walk goes on behind it.
    Damage(Damage),
    /// The end; see [`Scanner::end`].
    End,
}

/// A stretch of bytes that no whole frame accounts for.
struct Bad {
    file: PathBuf,
    offset: u64,
    bytes: u64,
}

/// What [`Scanner::search`] found.
enum Search {
    /// The walk stands before a whole frame or footer.
    Found,
    /// Nothing valid follows.
    Torn,
}

fn total_bytes(dir: &DiskPath, segments: &[u64]) -> Result<u64, FileError> {
    segments
        .iter()
        .try_fold(0, |sum, id| Ok(sum + File::read_only(&segment::on_disk(dir, *id))?.len()?))
}

/// A walk over the segments of a directory.
pub struct Scanner {
    dir: DiskPath,
    magic: Magic,
    segments: Vec<u64>,
    /// Index of the open segment in `segments`.
    at: usize,
    window: Option<Window>,
    offset: u64,
    last: Lsn,
    /// CRC of the last frame; `None` when it is not known (start in the middle, lost frame).
    crc: Option<u32>,
    bad: Option<Bad>,
    sealed: bool,
    cut: Option<Cut>,
    ended: bool,
    bytes_before: u64,
    bytes_total: u64,
}

impl Scanner {
    /// Begins at the start of the segment that holds frame `from` (or of the first one).
    pub fn open(dir: &DiskPath, magic: Magic, from: Lsn) -> Result<Self, FileError> {
        let (segments, bytes_total) = loop {
            let mut segments = segment::list(dir)?;
            let skip = segments.iter().rposition(|id| *id <= from.0).unwrap_or(0);
            segments.drain(..skip);
            match total_bytes(dir, &segments) {
                // Let go between the two questions: what is there now?
                Err(fault) if fault.is_not_found() && segment::list(dir)? != segments => {}
                total => break (segments, total?),
            }
        };
        let first = segments.first().copied().unwrap_or(1);
        Ok(Self {
            dir: dir.clone(),
            magic,
            segments,
            at: 0,
            window: None,
            offset: 0,
            last: Lsn(first - 1),
            crc: (first == 1).then_some(0),
            bad: None,
            sealed: false,
            cut: None,
            ended: false,
            bytes_before: 0,
            bytes_total,
        })
    }

    /// The last whole frame so far.
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// What the next frame follows: a number and, behind a whole frame or a footer, its CRC.
    pub fn link(&self) -> (Lsn, u32) {
        (self.last, self.crc.unwrap_or(0))
    }

    /// How far it is.
    pub fn progress(&self) -> LogProgress {
        LogProgress { done: self.bytes_before + self.offset, total: self.bytes_total }
    }

    /// First frame of the first segment kept.
    pub fn first(&self) -> Lsn {
        Lsn(self.segments.first().copied().unwrap_or(1))
    }

    /// Id of the last segment; 0 = there is none.
    pub fn last_segment(&self) -> u64 {
        self.segments.last().copied().unwrap_or(0)
    }

    /// Forgets what was read ahead, and the end if it was reached: the log may have grown.
    pub fn refresh(&mut self) -> Result<(), FileError> {
        (self.window, self.ended, self.cut) = (None, false, None);
        let known = self.segments.last().copied().unwrap_or(0);
        self.segments.extend(segment::list(&self.dir)?.into_iter().filter(|id| *id > known));
        Ok(())
    }

    /// The end of the log, once [`Step::End`] was given; `names` and `tally` are the reader's.
    pub fn end(&self, mut chain: Chain, tally: Tally) -> LogEnd {
        (chain.last, chain.crc) = self.link();
        LogEnd {
            chain,
            segment: self.segments.last().copied().unwrap_or(0),
            offset: self.offset,
            sealed: self.sealed,
            tally,
            cut: self.cut.clone(),
        }
    }

    fn path(&self) -> PathBuf {
        segment::path(&self.dir, self.segments[self.at])
    }

    /// Where the walk stands.
    pub fn position(&self) -> LogPosition {
        LogPosition { lsn: self.last, segment: self.segments[self.at], offset: self.offset }
    }

    /// The next thing in the log.
    pub fn step(&mut self) -> Result<Step<'_>, ScanError> {
        loop {
            if self.ended || self.segments.is_empty() {
                return Ok(Step::End);
            }
            let offset = self.offset;
            let header = {
                let head = self.window()?.get(offset, HEADER_BYTES)?;
                if head.is_empty() {
                    self.leave()?;
                    continue;
                }
                Header::parse(head)
            };
            if let Some(header) = self.candidate(header)? {
                return self.accept(header);
            }
            if self.window()?.first_data(offset)?.is_none() {
                self.leave()?;
                continue;
            }
            match self.search()? {
                Search::Found => {}
                Search::Torn => self.ended = true,
            }
        }
    }

    fn window(&mut self) -> Result<&mut Window, FileError> {
        let window = match self.window.take() {
            Some(window) => window,
            None => {
                Window::new(File::read_only(&segment::on_disk(&self.dir, self.segments[self.at]))?)
            }
        };
        Ok(self.window.insert(window))
    }

    /// Goes to the next segment, or ends.
    fn leave(&mut self) -> Result<(), ScanError> {
        if self.at + 1 < self.segments.len() {
            self.go_to(self.at + 1, 0);
            return Ok(());
        }
        let id = self.segments[self.at];
        if id > self.last.0 + 1 {
            // The segment's name says that frames came before it, and they are nowhere.
            let (file, offset, lsn) = (self.path(), self.offset, self.last.next());
            return Err(ScanError::Hole { file, offset, lsn });
        }
        self.ended = true;
        Ok(())
    }

    fn go_to(&mut self, at: usize, offset: u64) {
        if at != self.at {
            self.bytes_before += self.offset;
            (self.window, self.sealed) = (None, false);
        }
        (self.at, self.offset) = (at, offset);
    }

    /// The header, if it is one of this log and its whole frame is at the walk's place.
    fn candidate(&mut self, header: Option<Header>) -> Result<Option<Header>, ScanError> {
        let Some(header) = header else { return Ok(None) };
        let (offset, ours) = (self.offset, [self.magic, self.magic.footer()]);
        if !ours.contains(&header.magic) || header.body as usize > BODY_BYTES_MAX {
            return Ok(None);
        }
        if header.format > FORMAT {
            return Err(ScanError::NewerFormat { file: self.path(), offset, found: header.format });
        }
        let bytes = self.window()?.get(offset, header.frame_bytes())?;
        Ok(Whole::check(bytes).map(|whole| whole.header))
    }

    /// Takes the whole frame at the walk's place in, or says what is missing before it.
    fn accept(&mut self, header: Header) -> Result<Step<'_>, ScanError> {
        let is_footer = header.magic != self.magic;
        let expected = if is_footer { self.last } else { self.last.next() };
        let chained = self.crc.is_none_or(|crc| crc == header.previous);
        if header.lsn < expected || (header.lsn == expected && !chained) {
            let (file, offset) = (self.path(), self.offset);
            return Err(ScanError::Chain { file, offset, lsn: header.lsn });
        }
        if header.lsn > expected || self.bad.is_some() {
            return Ok(Step::Damage(self.damage(header, is_footer)?));
        }
        let (offset, position) = (self.offset, self.position());
        self.offset += header.frame_bytes() as u64;
        if is_footer {
            (self.sealed, self.crc) = (true, Some(header.previous));
            let path = self.path();
            let whole = self.whole(offset, header)?;
            let Some((first, runs)) = Tally::read(whole.payload) else {
                let fault = crate::CodecFault::new("footer", "its runs are cut short");
                return Err(ScanError::Content { file: path, offset, lsn: header.lsn, fault });
            };
            // Nothing follows a footer in its file.
            if self.at + 1 < self.segments.len() {
                self.go_to(self.at + 1, 0);
            } else {
                self.ended = true;
            }
            return Ok(Step::Footer(first, runs));
        }
        self.last = header.lsn;
        self.crc = Some(self.whole(offset, header)?.crc);
        let whole = self.whole(offset, header)?;
        Ok(Step::Frame(LogPosition { lsn: header.lsn, ..position }, whole))
    }

    /// The frame at `offset`, which [`Scanner::candidate`] has checked and is still in memory.
    fn whole(&mut self, offset: u64, header: Header) -> Result<Whole<'_>, ScanError> {
        let path = self.path();
        let bytes = self.window()?.get(offset, header.frame_bytes())?;
        Whole::split(header, bytes).ok_or_else(|| {
            let cause = std::io::Error::other("the file was cut while it was read");
            ScanError::File(FileError::new("read of", &path, cause))
        })
    }

    /// What lies between the last frame and the whole frame at the walk's place.
    fn damage(&mut self, header: Header, is_footer: bool) -> Result<Damage, ScanError> {
        let bad =
            self.bad.take().unwrap_or(Bad { file: self.path(), offset: self.offset, bytes: 0 });
        let lost = if is_footer { header.lsn } else { Lsn(header.lsn.0 - 1) };
        let kind = if lost > self.last {
            let first = self.last.next();
            let named = self.whole(self.offset, header)?.previous_names().unwrap_or_default();
            (self.last, self.crc) = (lost, None);
            DamageKind::Frames { first, last: lost, named }
        } else {
            DamageKind::NothingLost
        };
        Ok(Damage { file: bad.file, offset: bad.offset, bytes: bad.bytes, kind })
    }

    /// Looks for the next whole frame or footer after the walk's place, in this segment and the
    /// later ones.
    fn search(&mut self) -> Result<Search, ScanError> {
        let (origin, from) = (self.at, self.offset);
        let file = self.path();
        let begun = self.begun_after(from)?;
        let mut shown = begun;
        for at in origin..self.segments.len() {
            let start = if at == origin { from + 1 } else { 0 };
            let mut window =
                Window::new(File::read_only(&segment::on_disk(&self.dir, self.segments[at]))?);
            if let Some(found) = self.find_in(&mut window, start, &mut shown)? {
                let bytes = if at == origin {
                    found - from
                } else {
                    self.window()?.end_of_data(from)?.saturating_sub(from)
                };
                self.bad = Some(Bad { file, offset: from, bytes });
                self.go_to(at, found);
                return Ok(Search::Found);
            }
            shown |= at != origin && window.first_data(0)?.is_some();
        }
        let lsn = self.last.next();
        if shown {
            return Err(ScanError::Hole { file, offset: from, lsn });
        }
        let bytes = self.window()?.end_of_data(from)? - from;
        self.cut = Some(Cut { file, offset: from, bytes, lsn });
        if origin + 1 < self.segments.len() {
            self.go_to(self.segments.len() - 1, 0);
        }
        Ok(Search::Torn)
    }

    /// Whether the frame that begins at `from` has a right header and bytes behind its end: then
    /// it was not the last one.
    fn begun_after(&mut self, from: u64) -> Result<bool, FileError> {
        let window = self.window()?;
        let Some(header) = Header::parse(window.get(from, HEADER_BYTES)?) else {
            return Ok(false);
        };
        if header.body as usize > BODY_BYTES_MAX {
            return Ok(false);
        }
        Ok(window.first_data(from + header.frame_bytes() as u64)?.is_some())
    }

    /// The first whole frame after the last one in `window` from `start`; `shown` is set when a
    /// right header shows that a frame after the torn one was begun.
    fn find_in(
        &self,
        window: &mut Window,
        start: u64,
        shown: &mut bool,
    ) -> Result<Option<u64>, FileError> {
        let mut offset = start;
        loop {
            let bytes = window.get(offset, WINDOW_BYTES)?;
            let (read, is_end) = (bytes.len(), bytes.len() < WINDOW_BYTES);
            // A header may lie across the window's edge: the last bytes are looked at again.
            let usable = if is_end { read } else { read - (HEADER_BYTES - 1) };
            let mut hits = Vec::new();
            for i in 0..usable {
                if bytes[i] == b'B' && self.is_later(Header::parse(&bytes[i..]).as_ref()) {
                    hits.push(offset + i as u64);
                }
            }
            for hit in hits {
                let Some(header) = Header::parse(window.get(hit, HEADER_BYTES)?) else { continue };
                if Whole::check(window.get(hit, header.frame_bytes())?).is_some() {
                    return Ok(Some(hit));
                }
                *shown |= header.lsn > self.last.next();
            }
            if is_end {
                return Ok(None);
            }
            offset += usable as u64;
        }
    }

    fn is_later(&self, header: Option<&Header>) -> bool {
        header.is_some_and(|h| {
            let frame = h.magic == self.magic && h.lsn > self.last;
            let footer = h.magic == self.magic.footer() && h.lsn >= self.last;
            (frame || footer) && h.body as usize <= BODY_BYTES_MAX
        })
    }
}
