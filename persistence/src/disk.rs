//! What the logs, the snapshots and recovery ask of a disk, and no more.
//!
//! [`system`] is the machine's own, [`memory`] one whose owner says what goes wrong and when. Bytes
//! are there for readers once written, and survive a power cut once synced; so do names, once their
//! directory is. Nobody else asks for either: `file` is the only caller.

pub mod memory;
pub mod system;

use std::fmt::Debug;
use std::io;
use std::ops::Deref;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    Write,
    /// For reading and writing; it must not exist.
    Create,
    /// For writing whole blocks past the page cache; it must exist. Not every disk can.
    Direct,
}

/// Directories and the files in them.
pub trait Disk: Debug + Send + Sync {
    /// Opens or creates a file.
    ///
    /// # Errors
    /// What the disk says, here and below.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>>;

    /// Creates a directory, whose parent is there.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Whether it is a directory.
    fn is_dir(&self, path: &Path) -> bool;

    /// Makes names created, renamed or removed in `dir` survive a power cut.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Renames within a directory.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names in `dir`, in any order.
    fn names(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Bytes free on the device of `dir`.
    fn free_space(&self, dir: &Path) -> io::Result<u64>;

    /// Whether work on it may be left to a thread. On a disk that is driven by calls nothing happens
    /// between them.
    fn has_threads(&self) -> bool;
}

/// An open file. Positions are explicit: it has no cursor.
pub trait DiskFile: Debug + Send + Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the disk says, here and below.
    fn bytes(&self) -> io::Result<u64>;

    /// Reads some bytes at `offset`; none only at its end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at least the first of `bytes` at `offset`; how many.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes what was written survive a power cut.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts or grows it.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// What other processes see of it, for locks; `None` where there are none.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A path, and the disk that it is on.
#[derive(Clone, Debug)]
pub struct DiskPath {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl DiskPath {
    /// `path` on `disk`.
    pub fn new(disk: Arc<dyn Disk>, path: impl Into<PathBuf>) -> Self {
        Self { disk, path: path.into() }
    }

    /// `name` below it.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> Self {
        Self { disk: Arc::clone(&self.disk), path: self.path.join(name) }
    }

    /// The directory that it is in, unless that is where paths begin.
    pub fn above(&self) -> Option<Self> {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty())?;
        Some(Self { disk: Arc::clone(&self.disk), path: parent.to_owned() })
    }

    /// The disk.
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }
}

impl Deref for DiskPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for DiskPath {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// What names a place on a disk: a path alone is one of the system's.
pub trait OnDisk {
    /// The path, with its disk.
    fn on_disk(&self) -> DiskPath;
}

impl OnDisk for DiskPath {
    fn on_disk(&self) -> DiskPath {
        self.clone()
    }
}

impl OnDisk for Path {
    fn on_disk(&self) -> DiskPath {
        DiskPath { disk: system::disk(), path: self.to_owned() }
    }
}

impl OnDisk for PathBuf {
    fn on_disk(&self) -> DiskPath {
        self.as_path().on_disk()
    }
}
