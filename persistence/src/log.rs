//! The commit log: segment files of frames, appended to by one thread, read by anybody.
//!
//! `writer` appends, `prepare` zeroes the next segment ahead, `scan` tells whole from torn from
//! damaged, `reader` decodes, `memory` is the same log without a disk. `segment` has the names
//! of files and the footer of a sealed one. Nothing here knows what an event means.

pub(crate) mod appender;
mod damage;
mod end;
mod memory;
mod prepare;
mod reader;
pub(crate) mod scan;
pub(crate) mod segment;
#[cfg(test)]
mod tests;
mod writer;

pub use damage::{Damage, DamageKind, ScanError};
pub use end::{Cut, LogEnd};
pub use memory::MemoryLog;
pub use reader::{LogReader, ReadError};
pub use scan::LogProgress;
pub use segment::{Tally, file_name, segment_of};
pub use writer::{FileLog, LogSettings};

use crate::file::FileError;
use crate::{Durability, Frame, LogPosition, Lsn, NodeRecord, Section};

/// The journal cannot go on. Once given, every later call gives it again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// A write or a sync failed; what is on the disk is unknown until it is read again.
    #[error(
        "the journal has failed and only a restart, which reads the disk again, brings it back: \
         {0}"
    )]
    Failed(FileError),
}

/// Where groups are made durable. One writer; the trait is the seam to any other log.
pub trait CommitLog: Send {
    /// Takes one group in as the next frame. Nothing is durable before [`CommitLog::sync`]. Under
    /// `Power` sync after every group: of two frames written at once a power cut may leave the
    /// second, and the first then counts as damaged although nobody was told of it.
    ///
    /// # Errors
    /// The first failure of this log, for ever.
    fn append(
        &mut self,
        records: &[NodeRecord],
        sections: &[(u16, &Section)],
    ) -> Result<Lsn, LogError>;

    /// Makes everything appended durable in the sense of the word: `Power` after fdatasync,
    /// `Process` after write(2), `None` at once (the caller writes every 50 ms with `Process`).
    /// Frames with a `Started` or `CleanStop` are fdatasynced under every word.
    ///
    /// # Errors
    /// The first failure of this log, for ever: no second sync is trusted.
    fn sync(&mut self, durability: Durability) -> Result<(), LogError>;

    /// The last frame taken in; its number is 0 when there is none.
    fn end(&self) -> LogPosition;

    /// Bytes of all frames and footers, without space zeroed ahead: those that were kept when the
    /// log was opened, and those appended since. Never less than before, whatever is retired.
    fn bytes(&self) -> u64;

    /// Why the log has failed, if it has.
    fn failure(&self) -> Option<&LogError>;

    /// Hands every written frame from `from` on to `visit`, until that returns false.
    ///
    /// # Errors
    /// What cannot be read or decoded.
    fn read(&self, from: Lsn, visit: &mut dyn FnMut(Frame) -> bool) -> Result<(), ReadError>;
}
