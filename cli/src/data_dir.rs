//! A data directory as `replay` and `inspect` read it: never written to, perhaps in use.

#[cfg(test)]
pub mod small_dir;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use berth_persistence::{
    DataDir, DataDirError, DirLock, FileError, FileSnapshots, Lsn, RecoverError, ScanError,
    SnapshotError, SnapshotStore as _, end_now, segment_of,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::said::{Exit, Fault};

/// How often snapshots that a node is writing are read again before they count as damaged.
const SNAPSHOT_READS: u32 = 4;

/// Which directory.
#[derive(Debug, Args)]
pub struct DirArgs {
    /// The data directory; it may be in use
    #[arg(long, env = "BERTH_DATA_DIR", value_name = "DIR", default_value = "berth-data")]
    pub data_dir: PathBuf,
}

/// Why a data directory cannot be told about.
#[derive(Debug, thiserror::Error)]
pub enum DiskFault {
    /// It is missing, or not ours.
    #[error(transparent)]
    Dir(#[from] DataDirError),
    /// The system.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something outside the data directory.
    #[error("{what} {}: {cause}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The log cannot be walked.
    #[error(transparent)]
    Log(#[from] ScanError),
    /// The snapshots cannot be read.
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    /// The log cannot be replayed.
    #[error(transparent)]
    Replay(#[from] RecoverError),
    /// The live node, the zone, or stdout.
    #[error(transparent)]
    Said(#[from] Fault),
}

impl DiskFault {
    /// 4 when what is there is damaged, 1 when it cannot be known.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Log(fault) => of_scan(fault),
            Self::Snapshots(fault) => of_snapshots(fault),
            Self::Replay(fault) => of_recovery(fault),
            Self::Said(fault) => fault.exit(),
            Self::Dir(_) | Self::File(_) | Self::Io { .. } => Exit::Fault,
        }
    }

    /// Whether only the reader of stdout has gone away.
    pub fn is_broken_pipe(&self) -> bool {
        let Self::Said(Fault::Stdout(why)) = self else { return false };
        why.kind() == io::ErrorKind::BrokenPipe
    }

    /// Says it on stderr, for the command `name`.
    pub fn tell(&self, name: &str) -> ExitCode {
        if self.is_broken_pipe() {
            return Exit::Done.into();
        }
        eprintln!("berth {name}: {self}");
        self.exit().into()
    }
}

/// 4 when snapshots are damaged, 1 when it cannot be known.
pub fn of_snapshots(fault: &SnapshotError) -> Exit {
    match fault {
        SnapshotError::Scan(fault) => of_scan(fault),
        SnapshotError::Damaged { .. } => Exit::Damaged,
        _ => Exit::Fault,
    }
}

/// 4 when the log is damaged, 1 when it cannot be known.
pub fn of_recovery(fault: &RecoverError) -> Exit {
    match fault {
        RecoverError::Scan(fault) => of_scan(fault),
        RecoverError::LogTooShort { .. }
        | RecoverError::Beheaded { .. }
        | RecoverError::SnapshotsLost { .. }
        | RecoverError::Unnamed { .. }
        | RecoverError::Nameless { .. } => Exit::Damaged,
        RecoverError::File(_) => Exit::Fault,
    }
}

fn of_scan(fault: &ScanError) -> Exit {
    match fault {
        ScanError::File(_) | ScanError::NewerFormat { .. } => Exit::Fault,
        ScanError::Chain { .. } | ScanError::Content { .. } | ScanError::Hole { .. } => {
            Exit::Damaged
        }
    }
}

/// A data directory that is only read.
pub struct ReadDir {
    pub dir: DataDir,
    /// Who has it, if a node runs on it.
    pub holder: Option<String>,
}

impl ReadDir {
    pub fn open(args: &DirArgs) -> Result<Self, DiskFault> {
        let dir = DataDir::read_only(&args.data_dir)?;
        let holder = DirLock::holder(dir.root())?;
        Ok(Self { dir, holder })
    }

    /// The snapshots. While a node writes them a reader may see half a frame, or a segment that
    /// compaction has just removed: they are read again then.
    pub fn snapshots(&self) -> Result<FileSnapshots, DiskFault> {
        let mut left = if self.holder.is_some() { SNAPSHOT_READS } else { 1 };
        loop {
            left -= 1;
            match FileSnapshots::read_only(&self.dir.snap()) {
                Ok(snapshots) if left == 0 || snapshots.damage().is_empty() => {
                    return Ok(snapshots);
                }
                Err(fault) if left == 0 => return Err(fault.into()),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// The frame up to which the log stands still: `None` = all of it.
    pub fn end(&self) -> Result<Option<Lsn>, DiskFault> {
        match &self.holder {
            Some(_) => Ok(Some(end_now(&self.dir.log())?)),
            None => Ok(None),
        }
    }

    /// The first frames of the segments kept, ascending, and the bytes of their files.
    pub fn segments(&self) -> Result<Vec<(u64, u64)>, DiskFault> {
        let mut found: Vec<_> = files(&self.dir.log())?
            .into_iter()
            .filter_map(|(name, bytes)| Some((segment_of(&name)?, bytes)))
            .collect();
        found.sort_unstable();
        Ok(found)
    }
}

/// Names and bytes of the files in `dir`, sorted by name; none when it is not there.
pub fn files(dir: &Path) -> Result<Vec<(String, u64)>, DiskFault> {
    let fault = |cause| DiskFault::Io { what: "cannot list", path: dir.to_owned(), cause };
    let entries = match std::fs::read_dir(dir) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fault)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(fault)?;
        // A node may remove a file between the two questions.
        let Ok(about) = entry.metadata() else { continue };
        if about.is_file() {
            found.push((entry.file_name().to_string_lossy().into_owned(), about.len()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// A bar on stderr when that is a terminal, else nothing.
pub fn bar(what: &'static str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_message(what)
}
