//! Reads a log without ever writing: frames decoded, damage told and walked over.

use std::path::Path;

use super::Tally;
use super::damage::{Damage, ScanError};
use super::end::Cut;
use super::scan::{LogProgress, Scanner, Step};
use crate::disk::{DiskPath, OnDisk};
use crate::frame::{Chain, Magic};
use crate::{Frame, Lsn};

/// What a reader comes upon instead of a frame.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// Frames that a later one vouches for are damaged; the reader goes on behind them.
    #[error("{0}")]
    Damaged(Damage),
    /// Bytes after the last whole frame; the reader is at its end.
    #[error("{} is torn at byte {}: {} bytes of frame {} were never whole",
        .0.file.display(), .0.offset, .0.bytes, .0.lsn)]
    Torn(Cut),
    /// The reader cannot go on.
    #[error(transparent)]
    Failed(#[from] ScanError),
}

/// An iterator over the frames of a log directory, from some frame on.
///
/// It may read a log that is being written, as far as [`LogReader::until`] allows: give it the
/// last durable frame.
pub struct LogReader {
    scanner: Scanner,
    from: Lsn,
    until: Lsn,
    told_torn: bool,
    failed: bool,
    dir: DiskPath,
}

impl LogReader {
    /// Every frame of the log in `dir`.
    pub fn open(dir: &(impl OnDisk + ?Sized)) -> Result<Self, ScanError> {
        Self::open_at(dir, Lsn(1))
    }

    /// Every frame from `from` on.
    pub fn open_at(dir: &(impl OnDisk + ?Sized), from: Lsn) -> Result<Self, ScanError> {
        let dir = dir.on_disk();
        let scanner = Scanner::open(&dir, Magic::Group, from)?;
        Ok(Self { scanner, from, until: Lsn(u64::MAX), told_torn: false, failed: false, dir })
    }

    /// Stop behind frame `lsn`. Called again with a later frame, the reader goes on.
    #[must_use]
    pub fn until(mut self, lsn: Lsn) -> Self {
        self.until = lsn;
        self
    }

    /// Go on up to frame `lsn`: the log has grown.
    pub fn follow_to(&mut self, lsn: Lsn) -> Result<(), ScanError> {
        self.until = lsn;
        Ok(self.scanner.refresh()?)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// First frame of the first segment read.
    pub fn first(&self) -> Lsn {
        self.scanner.first()
    }

    /// How far it is.
    pub fn progress(&self) -> LogProgress {
        self.scanner.progress()
    }

    fn step(&mut self) -> Result<Option<Frame>, ReadError> {
        while self.scanner.last() < self.until {
            match self.scanner.step()? {
                Step::Frame(at, _) if at.lsn < self.from => {}
                Step::Frame(at, whole) => {
                    let (file, offset, lsn) = (at.segment, at.offset, at.lsn);
                    return Frame::decode(at, whole.payload).map(Some).map_err(|fault| {
                        let file = super::segment::path(&self.dir, file);
                        ScanError::Content { file, offset, lsn, fault }.into()
                    });
                }
                Step::Footer(..) => {}
                Step::Damage(damage) => return Err(ReadError::Damaged(damage)),
                Step::End => {
                    let end = self.scanner.end(Chain::default(), Tally::default());
                    return match end.cut {
                        Some(cut) if !self.told_torn => {
                            self.told_torn = true;
                            Err(ReadError::Torn(cut))
                        }
                        _ => Ok(None),
                    };
                }
            }
        }
        Ok(None)
    }
}

impl Iterator for LogReader {
    type Item = Result<Frame, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.step();
        self.failed = matches!(step, Err(ReadError::Failed(_)));
        step.transpose()
    }
}
