//! The data directory: what is where in it, and which format it is of.
//!
//! `FORMAT` says the format in words a person can read; it is written first and checked before
//! anything else is touched, so that an older software never misreads a newer directory.

use std::path::{Path, PathBuf};

use crate::disk::{DiskPath, OnDisk};
use crate::file::{self, File, FileError};
use crate::frame::FORMAT;

/// The directory of the files of chunks, in the event store's.
pub(crate) const CHUNKS_DIR: &str = "chunks";
/// Name and number on the one line of `FORMAT`.
const FORMAT_WORD: &str = "berth-data";

/// The data directory cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be created, read or written.
    #[error("data directory {}: {fault}; name one this user may write with --data-dir", dir.display())]
    File {
        /// The directory.
        dir: PathBuf,
        /// What failed.
        fault: FileError,
    },
    /// Another software wrote it.
    #[error(
        "data directory {} is of format {found}, this software reads and writes format {FORMAT}: \
         start the version that wrote it, or a newer one",
        dir.display()
    )]
    NewerFormat {
        /// The directory.
        dir: PathBuf,
        /// Its format.
        found: u16,
    },
    /// There is something else in the place of `FORMAT`.
    #[error(
        "{} should read \"{FORMAT_WORD} {FORMAT}\" and reads {found:?}: it is damaged, or this is \
         not a data directory; if log/ is yours, put the line back",
        path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// Its beginning.
        found: String,
    },
    /// It does not exist and nothing may be written.
    #[error("data directory {} does not exist or has no FORMAT file", dir.display())]
    Missing {
        /// The directory.
        dir: PathBuf,
    },
}

/// A checked data directory.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: DiskPath,
}

impl DataDir {
    /// Opens the directory for a node, and makes it if it is not there.
    ///
    /// # Errors
    /// [`DataDirError`]; nothing of an existing directory has been touched then.
    pub fn open(root: &(impl OnDisk + ?Sized)) -> Result<Self, DataDirError> {
        let root = root.on_disk();
        let fault = |fault| DataDirError::File { dir: root.to_path_buf(), fault };
        file::create_dir(&root).map_err(fault)?;
        let dir = match Self::read_only(&root) {
            Err(DataDirError::Missing { .. }) => {
                write_format(&root).map_err(fault)?;
                Self { root: root.clone() }
            }
            checked => {
                let dir = checked?;
                dir.is_writable()?;
                dir
            }
        };
        dir.sync_names().map_err(fault)?;
        Ok(dir)
    }

    /// A start that died may have left names that were not synced: whoever finds them there must not
    /// take them for safe.
    fn sync_names(&self) -> Result<(), FileError> {
        file::sync_dir(&self.root)?;
        match self.root.above().map(|parent| file::sync_dir(&parent)) {
            // Its directory is not ours: who may not read there has made no name there either.
            Some(Err(fault)) if fault.cause.kind() != std::io::ErrorKind::PermissionDenied => {
                Err(fault)
            }
            _ => Ok(()),
        }
    }

    /// Opens the directory for a reader, which never writes to it.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn read_only(root: &(impl OnDisk + ?Sized)) -> Result<Self, DataDirError> {
        let root = root.on_disk();
        let path = root.join("FORMAT");
        let file = match File::read_only(&path) {
            Err(fault) if fault.is_not_found() => {
                return Err(DataDirError::Missing { dir: root.to_path_buf() });
            }
            Err(fault) => return Err(DataDirError::File { dir: root.to_path_buf(), fault }),
            Ok(file) => file,
        };
        let mut bytes = [0; 64];
        let fault = |fault| DataDirError::File { dir: root.to_path_buf(), fault };
        let read = file.read_at(&mut bytes, 0).map_err(fault)?;
        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
        let number = text.trim_end().strip_prefix(FORMAT_WORD).and_then(|n| n.trim().parse().ok());
        match number {
            Some(FORMAT) => Ok(Self { root }),
            Some(found) if found > FORMAT => {
                Err(DataDirError::NewerFormat { dir: root.to_path_buf(), found })
            }
            _ => Err(DataDirError::NotOurs { path: path.to_path_buf(), found: text }),
        }
    }

    /// Tries to write, so that a read-only directory is told at once and by name.
    fn is_writable(&self) -> Result<(), DataDirError> {
        let path = self.root.join("writable");
        let probe = || {
            match file::remove(&path) {
                Err(fault) if !fault.is_not_found() => return Err(fault),
                _ => {}
            }
            File::create(&path)?;
            file::remove(&path)
        };
        probe().map_err(|fault| DataDirError::File { dir: self.root.to_path_buf(), fault })
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Segments of the commit log.
    pub fn log(&self) -> DiskPath {
        self.root.join("log")
    }

    /// Segments of the snapshot log.
    pub fn snap(&self) -> DiskPath {
        self.root.join("snap")
    }

    /// Torn tails, as they were found.
    pub fn cut(&self) -> DiskPath {
        self.root.join("cut")
    }

    /// The event store, on the machine's own disk (derived; may be deleted while no node runs).
    pub fn events(&self) -> PathBuf {
        self.root.to_path_buf().join("events")
    }

    /// The files of chunks, in the event store.
    pub fn chunks(&self) -> PathBuf {
        self.events().join(CHUNKS_DIR)
    }
}

fn write_format(root: &DiskPath) -> Result<(), FileError> {
    let (new, path) = (root.join("FORMAT.new"), root.join("FORMAT"));
    match file::remove(&new) {
        Err(fault) if !fault.is_not_found() => return Err(fault),
        _ => {}
    }
    let file = File::create(&new)?;
    file.write_at(format!("{FORMAT_WORD} {FORMAT}\n").as_bytes(), 0)?;
    file.sync_data()?;
    file::rename(&new, &path)?;
    file::sync_dir(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_once_and_known_again() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("a/b");
        assert!(matches!(DataDir::read_only(&root), Err(DataDirError::Missing { .. })));
        DataDir::open(&root).unwrap();
        DataDir::open(&root).unwrap();
        assert_eq!(*DataDir::read_only(&root).unwrap().log(), *root.join("log"));
        assert_eq!(std::fs::read_to_string(root.join("FORMAT")).unwrap(), "berth-data 1\n");
        assert!(file::free_space(&root).unwrap() > 0);
    }

    #[test]
    fn newer_and_foreign_directories_are_told_apart() {
        let temp = tempfile::tempdir().unwrap();
        let says = |content: &str| {
            std::fs::write(temp.path().join("FORMAT"), content).unwrap();
            DataDir::open(temp.path()).unwrap_err().to_string()
        };
        let newer = says("berth-data 7\n");
        assert!(newer.contains("format 7") && newer.contains("format 1"), "{newer}");
        assert!(says("berth-data 0\n").contains("damaged"), "there never was a format 0");
        assert!(says("berth-dat\x21 1\n").contains("damaged"), "a flipped bit");
        assert!(says("").contains("FORMAT"), "empty");
    }

    #[test]
    fn a_file_in_its_place_is_a_clear_error() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("file");
        std::fs::write(&root, "x").unwrap();
        let error = DataDir::open(&root).unwrap_err().to_string();
        assert!(error.contains("--data-dir") && error.contains("file"), "{error}");
    }
}
