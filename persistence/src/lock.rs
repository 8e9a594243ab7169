//! The lock on a data directory: one node at a time, and who it is.
//!
//! `LOCK` holds a line with pid, start and address of the process that has it. The lock itself is
//! the kernel's (`flock`), so that it ends with the process, however that ends; what the file says
//! is for people. sled's own lock is not enough: it does not say who.

use std::path::{Path, PathBuf};

use berth_inventory::UnixMillis;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::file::{File, FileError};

/// How often the lock is asked for, and the pause between: a tool that looks who has it shares it
/// for an instant.
const LOOKS: u32 = 3;
const LOOK_FOR: std::time::Duration = std::time::Duration::from_millis(10);

/// The directory is not this process's.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "data directory {} is in use by {holder}: stop that process, or name another directory \
         with --data-dir",
        dir.display()
    )]
    Held {
        /// The directory.
        dir: PathBuf,
        /// Who, since when, where.
        holder: String,
    },
    /// The system failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A held lock; dropping it gives it back.
#[derive(Debug)]
pub struct DirLock {
    file: File,
    since: UnixMillis,
}

impl DirLock {
    /// Takes the lock on `dir` for this process, which started at `since`.
    ///
    /// # Errors
    /// [`LockError::Held`] names who has it.
    pub fn take(dir: &Path, since: UnixMillis) -> Result<Self, LockError> {
        let path = dir.join("LOCK");
        let file = match File::create(&path) {
            Err(fault) if fault.cause.kind() == std::io::ErrorKind::AlreadyExists => {
                File::writable(&path)?
            }
            created => created?,
        };
        for attempt in 1.. {
            match lock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if attempt < LOOKS => {
                    std::thread::sleep(LOOK_FOR);
                }
                Err(Errno::WOULDBLOCK) => {
                    return Err(LockError::Held { dir: dir.to_owned(), holder: holder(&file) });
                }
                Err(errno) => return Err(FileError::new("lock of", &path, errno.into()).into()),
            }
        }
        let lock = Self { file, since };
        lock.write("not serving yet")?;
        Ok(lock)
    }

    /// Who has the lock on `dir` now, if anybody. Writes nothing: it shares the lock for an
    /// instant to see whether that is allowed, which [`DirLock::take`] waits out.
    ///
    /// # Errors
    /// What the system says.
    pub fn holder(dir: &Path) -> Result<Option<String>, FileError> {
        let path = dir.join("LOCK");
        let file = match File::read_only(&path) {
            Err(fault) if fault.is_not_found() => return Ok(None),
            opened => opened?,
        };
        match lock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(None),
            Err(Errno::WOULDBLOCK) => Ok(Some(holder(&file))),
            Err(errno) => Err(FileError::new("lock of", &path, errno.into())),
        }
    }

    /// Says under which address the holder serves.
    ///
    /// # Errors
    /// What the system says.
    pub fn serves_on(&self, address: &str) -> Result<(), FileError> {
        self.write(&format!("serving on {address}"))
    }

    fn write(&self, what: &str) -> Result<(), FileError> {
        let line = format!("pid {} since {} {what}\n", std::process::id(), self.since);
        self.file.set_len(0)?;
        self.file.write_at(line.as_bytes(), 0)
    }
}

/// A file that no other process can see has no rival.
fn lock(file: &File, how: FlockOperation) -> Result<(), Errno> {
    file.descriptor().map_or(Ok(()), |descriptor| flock(descriptor, how))
}

fn holder(file: &File) -> String {
    let mut bytes = [0; 256];
    let read = file.read_at(&mut bytes, 0).unwrap_or(0);
    let text = String::from_utf8_lossy(&bytes[..read]);
    let line = text.trim();
    if line.is_empty() { "a process that has just started".to_owned() } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_and_since_when() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(DirLock::holder(temp.path()).unwrap(), None, "nobody ever had it");
        let lock = DirLock::take(temp.path(), UnixMillis(1_795_321_800_000)).unwrap();
        lock.serves_on("127.0.0.1:50051").unwrap();
        let error = DirLock::take(temp.path(), UnixMillis(0)).unwrap_err().to_string();
        for part in ["2026-11-22T", "127.0.0.1:50051", &format!("pid {}", std::process::id())] {
            assert!(error.contains(part), "{part:?} in {error}");
        }
        let seen = DirLock::holder(temp.path()).unwrap().unwrap();
        assert!(seen.contains("127.0.0.1:50051"), "{seen}");
        drop(lock);
        assert_eq!(DirLock::holder(temp.path()).unwrap(), None);
        DirLock::take(temp.path(), UnixMillis(1)).unwrap();
        // A file stands where the directory should.
        assert!(DirLock::holder(&temp.path().join("LOCK")).is_err());
    }
}
