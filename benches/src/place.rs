//! The one directory below which everything is written; removed when all went well.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::fault::{Bench, BenchError};

/// Bytes that may lie below the directory at any time.
pub const BYTES_MAX: u64 = 8 << 30;
/// Type number of a file system in memory, where a sync costs nothing.
const TMPFS: u64 = 0x0102_1994;

/// See the module.
#[derive(Debug)]
pub struct Place {
    root: TempDir,
    next: Cell<u32>,
}

impl Place {
    /// Makes a directory below `dir`, or below the system's temporary one.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(dir: Option<&Path>) -> Bench<Self> {
        let above = dir.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let fault = || BenchError::io(format!("make a directory below {}", above.display()));
        std::fs::create_dir_all(&above).map_err(fault())?;
        let root = tempfile::Builder::new().prefix("berth-benches-").tempdir_in(&above);
        Ok(Self { root: root.map_err(fault())?, next: Cell::new(0) })
    }

    /// Its path.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Whether a sync does nothing here: figures of durability would be none.
    pub fn in_memory(&self) -> bool {
        rustix::fs::statfs(self.root()).is_ok_and(|found| found.f_type.cast_unsigned() == TMPFS)
    }

    /// A path below it that nobody uses; nothing is made.
    pub fn fresh(&self, name: &str) -> PathBuf {
        let number = self.next.get();
        self.next.set(number + 1);
        self.root().join(format!("{number:03}-{name}"))
    }

    /// Bytes on disk below it.
    pub fn used(&self) -> u64 {
        used(self.root())
    }

    /// Fails when there is more below it than there may be.
    ///
    /// # Errors
    /// [`BenchError::TooMuchData`].
    pub fn check(&self) -> Bench<()> {
        match self.used() {
            bytes if bytes <= BYTES_MAX => Ok(()),
            bytes => Err(BenchError::TooMuchData {
                dir: self.root().to_owned(),
                bytes,
                limit: BYTES_MAX,
            }),
        }
    }

    /// Leaves it where it is, for whoever wants to know what went wrong.
    pub fn keep(self) -> PathBuf {
        self.root.keep()
    }
}

/// Bytes on disk below `dir`. What goes away meanwhile counts as nothing.
fn used(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => used(&entry.path()),
        Ok(found) => found.blocks() * 512,
        Err(_) => 0,
    };
    entries.filter_map(Result::ok).map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_lies_below_one_directory_and_goes_with_it() {
        let place = Place::new(None).expect("a directory");
        let (one, two) = (place.fresh("a"), place.fresh("a"));
        assert!(one != two && one.starts_with(place.root()));
        std::fs::create_dir(&one).expect("a directory");
        std::fs::write(one.join("file"), vec![1; 100_000]).expect("a file");
        assert!(place.used() >= 100_000 && place.check().is_ok());
        let root = place.root().to_owned();
        drop(place);
        assert!(!root.exists());
    }
}
