//! Every touch of a file of ours: log segments, snapshots, keys and locks go through here.
//!
//! Positions are explicit: no file has a cursor. Each error names the file, what was being done, and
//! where. Which disk it is says the path ([`DiskPath`]). (sled brings its own I/O and stays behind
//! `event_store`.)

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fd::BorrowedFd;

use crate::disk::{DiskFile, DiskPath, OnDisk, Open};

/// Bytes of a block: what the page cache and a direct write deal in.
pub const BLOCK_BYTES: usize = 4096;

/// A touch of a file that failed. Cheap to copy: a failed log repeats its first cause for ever.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what} {} failed{}: {cause}", path.display(), At(*offset))]
pub struct FileError {
    /// What was being done.
    pub what: &'static str,
    /// To which file.
    pub path: PathBuf,
    /// At which byte, where there is one.
    pub offset: Option<u64>,
    /// What the system said.
    pub cause: Arc<io::Error>,
}

struct At(Option<u64>);

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |offset| write!(f, " at byte {offset}"))
    }
}

impl FileError {
    pub(crate) fn new(what: &'static str, path: &Path, cause: io::Error) -> Self {
        Self { what, path: path.to_owned(), offset: None, cause: Arc::new(cause) }
    }

    /// Whether the file or directory is not there.
    pub fn is_not_found(&self) -> bool {
        self.cause.kind() == io::ErrorKind::NotFound
    }

    /// Whether the device is full.
    pub fn is_full(&self) -> bool {
        self.cause.kind() == io::ErrorKind::StorageFull
    }
}

/// An open file of ours.
#[derive(Debug)]
pub struct File {
    file: Box<dyn DiskFile>,
    path: PathBuf,
}

impl File {
    /// Opens for reading only.
    pub fn read_only(path: &(impl OnDisk + ?Sized)) -> Result<Self, FileError> {
        Self::open(&path.on_disk(), Open::Read)
    }

    /// Opens for reading and writing; the file must exist.
    pub fn writable(path: &(impl OnDisk + ?Sized)) -> Result<Self, FileError> {
        Self::open(&path.on_disk(), Open::Write)
    }

    /// Creates a file that must not exist yet.
    pub fn create(path: &(impl OnDisk + ?Sized)) -> Result<Self, FileError> {
        Self::open(&path.on_disk(), Open::Create)
    }

    /// Opens for writing whole blocks of [`BLOCK_BYTES`] from memory at such a boundary, past the page
    /// cache; the file must exist.
    ///
    /// # Errors
    /// Some file systems have no such way.
    pub fn direct(path: &(impl OnDisk + ?Sized)) -> Result<Self, FileError> {
        Self::open(&path.on_disk(), Open::Direct)
    }

    fn open(path: &DiskPath, how: Open) -> Result<Self, FileError> {
        let file = path.disk().open(path, how);
        let file = file.map_err(|cause| FileError::new("open of", path, cause))?;
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// The path is another one now.
    pub fn renamed(&mut self, path: &Path) {
        path.clone_into(&mut self.path);
    }

    fn fault(&self, what: &'static str, offset: Option<u64>, cause: io::Error) -> FileError {
        FileError { what, path: self.path.clone(), offset, cause: Arc::new(cause) }
    }

    /// Its length in bytes.
    pub fn len(&self) -> Result<u64, FileError> {
        self.file.bytes().map_err(|cause| self.fault("stat of", None, cause))
    }

    /// Fills `buffer` from `offset` as far as the file goes; how many bytes that were.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, FileError> {
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(self.fault("read of", Some(offset + done as u64), cause)),
            }
        }
        Ok(done)
    }

    /// Writes all of `bytes` at `offset`.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), FileError> {
        #[cfg(test)]
        if faults::write_fails(&self.path) {
            // Half of it got there, as on a disk that is full.
            let half = self.write_all_at(&bytes[..bytes.len() / 2], offset);
            let full = half.and(Err(io::ErrorKind::StorageFull.into()));
            return full.map_err(|cause| self.fault("write of", Some(offset), cause));
        }
        let written = self.write_all_at(bytes, offset);
        written.map_err(|cause| self.fault("write of", Some(offset), cause))
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            match self.file.write_at(&bytes[done..], offset + done as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }

    /// fdatasync.
    pub fn sync_data(&self) -> Result<(), FileError> {
        #[cfg(test)]
        if faults::sync_fails(&self.path) {
            return Err(self.fault("sync of", None, io::Error::other("injected")));
        }
        self.file.sync_data().map_err(|cause| self.fault("sync of", None, cause))
    }

    /// Cuts or grows the file to `len` bytes.
    pub fn set_len(&self, len: u64) -> Result<(), FileError> {
        self.file.set_len(len).map_err(|cause| self.fault("truncation of", Some(len), cause))
    }

    /// What other processes see of it, for locks; `None` on a disk that no other process has.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.descriptor()
    }
}

/// Makes names created, renamed or removed in `dir` survive a power cut.
pub fn sync_dir(dir: &(impl OnDisk + ?Sized)) -> Result<(), FileError> {
    let dir = dir.on_disk();
    dir.disk().sync_dir(&dir).map_err(|cause| FileError::new("sync of directory", &dir, cause))
}

/// Creates `dir` and its parents, each name synced, unless it is there.
pub fn create_dir(dir: &(impl OnDisk + ?Sized)) -> Result<(), FileError> {
    let dir = dir.on_disk();
    if dir.disk().is_dir(&dir) {
        return Ok(());
    }
    if let Some(parent) = dir.above() {
        create_dir(&parent)?;
    }
    match dir.disk().create_dir(&dir) {
        Ok(()) => {}
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && dir.disk().is_dir(&dir) => {}
        Err(cause) => return Err(FileError::new("creation of directory", &dir, cause)),
    }
    dir.above().map_or(Ok(()), |parent| sync_dir(&parent))
}

/// Renames within a directory.
pub fn rename(from: &(impl OnDisk + ?Sized), to: &Path) -> Result<(), FileError> {
    let from = from.on_disk();
    from.disk().rename(&from, to).map_err(|cause| FileError::new("rename of", &from, cause))
}

/// Removes a file.
pub fn remove(path: &(impl OnDisk + ?Sized)) -> Result<(), FileError> {
    let path = path.on_disk();
    path.disk().remove(&path).map_err(|cause| FileError::new("removal of", &path, cause))
}

/// The names in `dir`, sorted; none when it does not exist.
pub fn names(dir: &(impl OnDisk + ?Sized)) -> Result<Vec<String>, FileError> {
    let dir = dir.on_disk();
    let mut names = match dir.disk().names(&dir) {
        Ok(names) => names,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(FileError::new("listing of", &dir, cause)),
    };
    names.sort_unstable();
    Ok(names)
}

/// Bytes free for this user on the device of `dir`.
///
/// # Errors
/// What the system says.
pub fn free_space(dir: &(impl OnDisk + ?Sized)) -> Result<u64, FileError> {
    let dir = dir.on_disk();
    dir.disk().free_space(&dir).map_err(|cause| FileError::new("statvfs of", &dir, cause))
}

/// Test-only faults: below which directories the next sync or write fails.
#[cfg(test)]
pub mod faults {
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;

    static SYNCS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    static WRITES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

    /// The next sync of a file below `dir` fails, once.
    pub fn fail_next_sync(dir: &Path) {
        SYNCS.lock().unwrap().push(dir.to_owned());
    }

    /// The next write to a file below `dir` stops half way, once: the disk is full.
    pub fn fail_next_write(dir: &Path) {
        WRITES.lock().unwrap().push(dir.to_owned());
    }

    pub(super) fn sync_fails(path: &Path) -> bool {
        taken(&SYNCS, path)
    }

    pub(super) fn write_fails(path: &Path) -> bool {
        taken(&WRITES, path)
    }

    fn taken(faults: &Mutex<Vec<PathBuf>>, path: &Path) -> bool {
        let mut dirs = faults.lock().unwrap();
        let found = dirs.iter().position(|dir| path.starts_with(dir));
        found.map(|i| dirs.swap_remove(i)).is_some()
    }
}
