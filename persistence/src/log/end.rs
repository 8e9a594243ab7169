//! Where a log ends: what a writer must know to go on, and what has to be cut off first.

use std::path::PathBuf;

use super::Tally;
use crate::Lsn;
use crate::frame::Chain;

/// A torn tail: bytes after the last whole frame that no later frame vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment file.
    pub file: PathBuf,
    /// First byte to cut.
    pub offset: u64,
    /// Bytes up to the last that is not zero.
    pub bytes: u64,
    /// The frame that would have been there.
    pub lsn: Lsn,
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, offset, bytes, lsn } = self;
        write!(f, "{} is torn at byte {offset}: {bytes} bytes of", file.display())?;
        write!(f, " frame {lsn}, which was never whole, are moved to cut/")
    }
}

/// The end of a scanned log.
#[derive(Clone, Debug, Default)]
pub struct LogEnd {
    /// The last whole frame, its CRC and its runs.
    pub chain: Chain,
    /// Id of the last segment; 0 = there is none.
    pub segment: u64,
    /// Where the next frame goes in it.
    pub offset: u64,
    /// Whether the last segment has its footer.
    pub sealed: bool,
    /// What the last segment has touched.
    pub tally: Tally,
    /// A torn tail.
    pub cut: Option<Cut>,
}
