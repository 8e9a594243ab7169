//! What goes wrong on a disk in memory: armed by its owner, met once, counted.

use std::io;
use std::path::{Path, PathBuf};

/// What a touch of a file may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// A sync fails, and forsakes what it should have made durable.
    Sync,
    /// A write fails and writes nothing.
    Write,
    /// A write stops after so many bytes, without an error, as write(2) may.
    Short(usize),
    /// A write stops after so many bytes, and the next one fails: the device is full or gone.
    Torn(usize),
    /// A read fails.
    Read,
}

/// What was done on a disk, and what went wrong there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Syncs of files and directories.
    pub syncs: u64,
    /// Syncs that took time.
    pub slow_syncs: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Unsynced sectors that power cuts took.
    pub lost_sectors: u64,
    /// Files of whose unsynced sectors a power cut took some and left some.
    pub torn_files: u64,
    /// Name changes that power cuts took back.
    pub lost_names: u64,
    /// Bits flipped.
    pub flips: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Writes that failed.
    pub failed_writes: u64,
    /// Writes that stopped early.
    pub short_writes: u64,
    /// Reads that failed.
    pub failed_reads: u64,
    /// Writes that found too little room.
    pub full: u64,
}

/// What somebody does to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Look,
    Read,
    Write,
    Sync,
}

impl Kind {
    /// Whether a file opened for reading refuses it.
    pub fn writes(self) -> bool {
        self == Self::Write
    }

    /// Whether a power cut may tell that it was done.
    pub fn changes(self) -> bool {
        matches!(self, Self::Write | Self::Sync)
    }
}

/// How a touch goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Go,
    Stop(usize),
    Fail,
}

/// What is armed, and what it has come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    armed: Vec<(PathBuf, DiskFault)>,
    pub sync_ms: u64,
    pub waited_ms: u64,
    pub counts: DiskCounts,
    /// Changes that are still made before whoever makes them dies; `None` = it lives on.
    pub lives: Option<u64>,
    /// Somebody came who was dead.
    pub died: bool,
}

impl Faults {
    /// Whether whoever comes is alive, and comes to change something or to look.
    pub fn alive(&mut self, changes: bool) -> io::Result<()> {
        match &mut self.lives {
            None => Ok(()),
            Some(0) => {
                self.died = true;
                Err(io::Error::other("injected: the process is dead"))
            }
            Some(left) => {
                *left -= u64::from(changes);
                Ok(())
            }
        }
    }

    pub fn arm(&mut self, dir: &Path, fault: DiskFault) {
        self.armed.push((dir.to_owned(), fault));
    }

    pub fn disarm(&mut self) -> usize {
        let armed = self.armed.len();
        self.armed.clear();
        armed
    }

    /// A sync has taken its time.
    pub fn synced(&mut self) {
        self.counts.syncs += 1;
        self.counts.slow_syncs += u64::from(self.sync_ms > 0);
        self.waited_ms += self.sync_ms;
    }

    /// What `kind` of touch of the file at `path` meets.
    pub fn meets(&mut self, kind: Kind, path: &Path) -> Outcome {
        match kind {
            Kind::Read => self.counts.reads += 1,
            Kind::Write => self.counts.writes += 1,
            Kind::Look | Kind::Sync => {}
        }
        let fits = |fault: &DiskFault| match fault {
            DiskFault::Sync => kind == Kind::Sync,
            DiskFault::Read => kind == Kind::Read,
            DiskFault::Write | DiskFault::Short(_) | DiskFault::Torn(_) => kind == Kind::Write,
        };
        let found = self.armed.iter().position(|(dir, f)| fits(f) && path.starts_with(dir));
        let Some((dir, fault)) = found.map(|at| self.armed.remove(at)) else { return Outcome::Go };
        match fault {
            DiskFault::Sync => self.counts.failed_syncs += 1,
            DiskFault::Read => self.counts.failed_reads += 1,
            DiskFault::Write => self.counts.failed_writes += 1,
            DiskFault::Short(_) | DiskFault::Torn(_) => self.counts.short_writes += 1,
        }
        match fault {
            DiskFault::Sync | DiskFault::Read | DiskFault::Write => Outcome::Fail,
            DiskFault::Short(bytes) => Outcome::Stop(bytes),
            DiskFault::Torn(bytes) => {
                self.armed.insert(0, (dir, DiskFault::Write));
                Outcome::Stop(bytes)
            }
        }
    }
}
