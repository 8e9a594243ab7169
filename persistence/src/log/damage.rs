//! What a log can be found to be, other than whole.

use std::path::PathBuf;

use crate::Lsn;
use crate::codec::CodecFault;
use crate::file::FileError;
use crate::frame::{FORMAT, Named};

/// Bytes that are not what a later frame vouches for, or that no frame accounts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment file.
    pub file: PathBuf,
    /// First byte that is wrong.
    pub offset: u64,
    /// Bytes in this file up to what is right again.
    pub bytes: u64,
    /// What it means.
    pub kind: DamageKind,
}

/// What damage means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// Frames that were there are gone.
    Frames {
        /// First lost frame.
        first: Lsn,
        /// Last lost frame.
        last: Lsn,
        /// The runs of the *last* lost frame; those of frames before it are not known from here.
        named: Vec<Named>,
    },
    /// A footer or unused space is damaged; no frame is missing.
    NothingLost,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, offset, bytes, kind } = self;
        write!(f, "{} is damaged at byte {offset} ({bytes} bytes): ", file.display())?;
        match kind {
            DamageKind::Frames { first, last, named } if first == last => {
                write!(f, "frame {first} is lost, with events of {} runs", named.len())
            }
            DamageKind::Frames { first, last, .. } => {
                write!(f, "frames {first} to {last} are lost")
            }
            DamageKind::NothingLost => write!(f, "no frame was there, nothing is lost"),
        }
    }
}

/// Why a log cannot be read on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ScanError {
    /// The system failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Written by a newer software.
    #[error(
        "{} has a frame of format {found} at byte {offset}, this software reads up to {FORMAT}: \
         start the version that wrote it, or a newer one",
        file.display()
    )]
    NewerFormat {
        /// The segment file.
        file: PathBuf,
        /// Where.
        offset: u64,
        /// Its format.
        found: u16,
    },
    /// A whole frame that did not follow the one before it.
    #[error(
        "{} has frame {lsn} at byte {offset}, which did not follow the frame before it: the \
         segment files are not of one log; put back the segment that belongs there",
        file.display()
    )]
    Chain {
        /// The segment file.
        file: PathBuf,
        /// Where.
        offset: u64,
        /// The frame.
        lsn: Lsn,
    },
    /// A frame whose CRC is right but whose content is not ours.
    #[error("{} has frame {lsn} at byte {offset}, whose CRC is right, but {fault}: it was \
             written by another software", file.display())]
    Content {
        /// The segment file.
        file: PathBuf,
        /// Where.
        offset: u64,
        /// The frame.
        lsn: Lsn,
        /// What is wrong.
        fault: CodecFault,
    },
    /// More than the last frame is not whole and nothing after it is.
    #[error(
        "{} is damaged at byte {offset}: frame {lsn} is not whole, a frame was begun after it, \
         and none of those is whole either, so what is lost cannot be named; restore the segment \
         from a copy, or accept the loss of everything from frame {lsn} on by cutting the file \
         to {offset} bytes",
        file.display()
    )]
    Hole {
        /// The segment file.
        file: PathBuf,
        /// Where.
        offset: u64,
        /// First frame that is not whole.
        lsn: Lsn,
    },
}
