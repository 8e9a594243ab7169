//! The key of a data directory: 32 random bytes, drawn once.
//!
//! Printed PNRs and hold ids are permuted under it, so that ids of one directory mean nothing in
//! another. It is no secret of the trade, but it is not to be guessed: mode 0600.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::file::{self, File, FileError};

/// Bytes of the key.
pub const KEY_BYTES: usize = 32;

/// The key cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyError {
    /// The system failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// No random bytes.
    #[error("the system gives no random bytes for a key: {0}")]
    Random(String),
    /// The file is not a key.
    #[error(
        "{} is no key ({found} bytes) or has a wrong CRC: restore it from a backup; without it \
         printed PNRs and hold ids of this directory cannot be read", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
    },
    /// There is a log, but its key is gone.
    #[error(
        "{} is missing but the directory has a log: restore it from a backup; with another key \
         the PNRs and hold ids given out would mean other runs", path.display()
    )]
    Lost {
        /// The file.
        path: PathBuf,
    },
}

/// The key of one data directory.
#[derive(Clone)]
pub struct Keys {
    bytes: [u8; KEY_BYTES],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// Reads the key of `dir`, or draws it if the directory is new.
    ///
    /// # Errors
    /// [`KeyError`]; a lost key is never replaced.
    pub fn open(dir: &Path) -> Result<Self, KeyError> {
        match Self::read(dir) {
            Err(KeyError::Lost { .. }) if file::names(&dir.join("log"))?.is_empty() => {
                Self::draw(dir)
            }
            read => read,
        }
    }

    /// Reads the key of `dir`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(dir: &Path) -> Result<Self, KeyError> {
        let path = dir.join("KEY");
        let file = match File::read_only(&path) {
            Err(fault) if fault.is_not_found() => return Err(KeyError::Lost { path }),
            opened => opened?,
        };
        // A key has its own check, for a flipped bit would silently be another key.
        let mut bytes = [0; KEY_BYTES + 4];
        let read = file.read_at(&mut bytes, 0)?;
        let found = file.len()?;
        let (key, crc) = bytes.split_at(KEY_BYTES);
        if read != bytes.len() || crc32c::crc32c(key).to_le_bytes() != crc {
            return Err(KeyError::Damaged { path, found });
        }
        let mut key_bytes = [0; KEY_BYTES];
        key_bytes.copy_from_slice(key);
        Ok(Self { bytes: key_bytes })
    }

    fn draw(dir: &Path) -> Result<Self, KeyError> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(|fault| KeyError::Random(fault.to_string()))?;
        let (new, path) = (dir.join("KEY.new"), dir.join("KEY"));
        let write = || -> std::io::Result<()> {
            if new.exists() {
                fs::remove_file(&new)?;
            }
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(&bytes)?;
            file.write_all(&crc32c::crc32c(&bytes).to_le_bytes())?;
            file.sync_all()
        };
        write().map_err(|cause| FileError::new("creation of", &new, cause))?;
        file::rename(&new, &path)?;
        file::sync_dir(dir)?;
        Ok(Self { bytes })
    }

    /// A key of known bytes, for tests and simulation.
    pub const fn of(bytes: [u8; KEY_BYTES]) -> Self {
        Self { bytes }
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_drawn_once_and_only_for_its_owner() {
        let temp = tempfile::tempdir().unwrap();
        let first = Keys::open(temp.path()).unwrap();
        assert_eq!(Keys::open(temp.path()).unwrap().bytes(), first.bytes());
        let mode = fs::metadata(temp.path().join("KEY")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Keys::open(other.path()).unwrap().bytes(), first.bytes());
    }

    #[test]
    fn a_damaged_or_lost_key_is_never_replaced() {
        let temp = tempfile::tempdir().unwrap();
        Keys::open(temp.path()).unwrap();
        let path = temp.path().join("KEY");
        let mut bytes = fs::read(&path).unwrap();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).unwrap();
            assert!(matches!(Keys::open(temp.path()), Err(KeyError::Damaged { .. })), "{bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(temp.path().join("log")).unwrap();
        fs::write(temp.path().join("log/x"), "").unwrap();
        assert!(matches!(Keys::open(temp.path()), Err(KeyError::Lost { .. })));
    }
}
