//! What lies in a log, frame by frame, for people and tools. Reads only, decodes on demand.
//!
//! A log that is being written has no end that stands still: [`end_now`] gives a frame that is
//! whole, and everything before it stays as it is, so a walk up to there never mistakes a frame on
//! its way to the disk for damage.

use crate::codec::CodecFault;
use crate::disk::OnDisk;
use crate::frame::{Chain, Magic};
use crate::log::Tally;
use crate::log::scan::{Scanner, Step};
use crate::{Cut, Damage, Frame, LogPosition, LogProgress, Lsn, ScanError};

/// A whole frame, not decoded.
#[derive(Clone, Copy, Debug)]
pub struct RawFrame<'a> {
    /// Where it is.
    pub at: LogPosition,
    /// Bytes it takes.
    pub bytes: u64,
    payload: &'a [u8],
}

impl<'a> RawFrame<'a> {
    /// Its bytes between names and CRC.
    pub(crate) const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// What it carries.
    ///
    /// # Errors
    /// Another software wrote it, for its CRC is right.
    pub fn decode(&self) -> Result<Frame, CodecFault> {
        Frame::decode(self.at, self.payload)
    }
}

/// What a walk comes upon.
#[derive(Debug)]
pub enum Found<'a> {
    /// The next frame.
    Frame(RawFrame<'a>),
    /// The footer of the sealed segment that begins with this frame, and how many runs it names.
    Footer(Lsn, usize),
    /// Something is not as it should be; the walk goes on behind it.
    Damage(Damage),
    /// A torn tail; the walk ends.
    Torn(Cut),
}

/// Walks the log in `dir` from the segment that has frame `from` up to frame `until`, or as long
/// as `visit` says true.
///
/// # Errors
/// What makes it impossible to walk on.
pub fn walk_log(
    dir: &(impl OnDisk + ?Sized),
    from: Lsn,
    until: Lsn,
    visit: &mut dyn FnMut(Found<'_>, LogProgress) -> bool,
) -> Result<(), ScanError> {
    let mut scanner = Scanner::open(&dir.on_disk(), Magic::Group, from)?;
    while scanner.last() < until {
        let before = scanner.progress();
        let found = match scanner.step()? {
            Step::Frame(at, whole) => {
                let bytes = whole.header.frame_bytes() as u64;
                Found::Frame(RawFrame { at, bytes, payload: whole.payload })
            }
            Step::Footer(first, runs) => Found::Footer(first, runs.len()),
            Step::Damage(damage) => Found::Damage(damage),
            Step::End => {
                let end = scanner.end(Chain::default(), Tally::default());
                if let Some(cut) = end.cut {
                    visit(Found::Torn(cut), before);
                }
                return Ok(());
            }
        };
        if !visit(found, before) {
            return Ok(());
        }
    }
    Ok(())
}

/// The last frame that is whole in the log in `dir` now, though a node may be writing it.
///
/// # Errors
/// What the system says.
pub fn end_now(dir: &(impl OnDisk + ?Sized)) -> Result<Lsn, ScanError> {
    let mut scanner = Scanner::open(&dir.on_disk(), Magic::Group, Lsn(u64::MAX))?;
    let mut last = scanner.last();
    loop {
        match scanner.step() {
            Ok(Step::Frame(at, _)) => last = at.lsn,
            Ok(Step::Footer(..) | Step::Damage(_)) => {}
            Err(fault @ ScanError::File(_)) => return Err(fault),
            // What is behind the last whole frame is being written.
            Ok(Step::End) | Err(_) => return Ok(last),
        }
    }
}
