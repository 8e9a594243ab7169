//! The commit log on files: one thread appends, frame after frame.
//!
//! The first failure is kept and given for ever: after a failed sync the kernel marks pages
//! clean, and a second sync would lie. Durability words decide when a frame leaves the buffer.

use berth_inventory::planted;

use super::appender::Appender;
use super::end::LogEnd;
use super::prepare::{self, Preparation};
use super::{CommitLog, LogError, LogReader, ReadError, segment};
use crate::disk::{DiskPath, OnDisk};
use crate::file::{self, File, FileError};
use crate::frame::Magic;
use crate::group::{names_of, put_group};
use crate::{Durability, Frame, LogPosition, Lsn, NodeRecord, Section};

/// A file that grows asks for a zeroed successor once it has this much: an idle or small
/// directory costs nothing.
const PREPARE_AFTER_BYTES: u64 = 1 << 20;
/// What `none` may buffer before it is written anyhow.
const BUFFER_BYTES_MAX: usize = 8 << 20;

/// How segment files are made.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// A segment is sealed when the next frame would make it longer.
    pub segment_bytes: u64,
    /// Bound on zeroing ahead; 0 = never zero ahead.
    pub zero_bytes_per_second: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, zero_bytes_per_second: 64 << 20 }
    }
}

/// The commit log in a directory of segment files.
pub struct FileLog {
    settings: LogSettings,
    appender: Appender,
    must_sync: bool,
    preparation: Option<Preparation>,
    /// A zeroed successor, under its working name.
    prepared: Option<File>,
    failed: Option<LogError>,
}

impl FileLog {
    /// Goes on at `end`, which a scan of `dir` gave (an empty `LogEnd` for a new directory).
    /// A torn tail is moved to `cut_dir` first; nothing there is ever overwritten.
    ///
    /// # Errors
    /// What the system refuses; the log is as it was, or the cut is done.
    pub fn resume(
        dir: &(impl OnDisk + ?Sized),
        cut_dir: &(impl OnDisk + ?Sized),
        settings: LogSettings,
        end: LogEnd,
    ) -> Result<Self, FileError> {
        let (dir, cut_dir) = (&dir.on_disk(), &cut_dir.on_disk());
        match file::remove(&prepare::next_path(dir)) {
            Err(fault) if !fault.is_not_found() => return Err(fault),
            _ => {}
        }
        let appender = Appender::resume(dir, cut_dir, Magic::Group, settings.segment_bytes, end)?;
        Ok(Self {
            settings,
            appender,
            must_sync: false,
            preparation: None,
            prepared: None,
            failed: None,
        })
    }

    /// Its directory.
    pub fn dir(&self) -> &DiskPath {
        self.appender.dir()
    }

    /// Ids of the segments that are sealed, ascending: what an indexer may take.
    pub fn sealed_segments(&self) -> Result<Vec<u64>, FileError> {
        let mut ids = segment::list(self.dir())?;
        ids.retain(|id| *id < self.appender.open_segment());
        Ok(ids)
    }

    fn healthy(&self) -> Result<(), LogError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn poison(&mut self, fault: FileError) -> LogError {
        let error = LogError::Failed(fault);
        tracing::error!(%error, "journal failed");
        self.failed.get_or_insert(error).clone()
    }

    fn try_append(
        &mut self,
        records: &[NodeRecord],
        sections: &[(u16, &Section)],
    ) -> Result<Lsn, FileError> {
        let content = sections.iter().map(|(_, s)| s.len_bytes()).sum();
        let full = self.appender.is_full_for(content);
        if full || (self.appender.open_bytes() > 0 && self.has_better_segment()) {
            self.roll()?;
        }
        let touched = || sections.iter().flat_map(|(_, s)| s.touched().iter().copied());
        let at = self.appender.append(names_of(touched()), touched(), |out| {
            put_group(out, records, sections);
        });
        self.must_sync |= records.iter().any(NodeRecord::is_always_synced);
        if self.appender.buffered() > BUFFER_BYTES_MAX {
            self.appender.write()?;
        }
        self.prepare();
        Ok(at.lsn)
    }

    /// The open file grows and a zeroed one waits.
    fn has_better_segment(&mut self) -> bool {
        self.take_prepared();
        self.appender.grows() && self.prepared.is_some()
    }

    /// Takes the zeroed successor over, if it is done. Without one the log grows: no second try is
    /// made before the next start, for what stood in the way (a full disk) rather needs the space.
    fn take_prepared(&mut self) {
        let Some(finished) = self.preparation.take_if(|p| p.is_finished()) else { return };
        let why = match finished.take() {
            Ok(Some(file)) => {
                self.prepared = Some(file);
                return;
            }
            Ok(None) => "too little space is free".to_owned(),
            Err(fault) => fault.to_string(),
        };
        tracing::warn!(why, "no segment is zeroed ahead any more, the log grows instead");
        self.settings.zero_bytes_per_second = 0;
    }

    /// Asks for a zeroed successor in good time.
    fn prepare(&mut self) {
        let rate = self.settings.zero_bytes_per_second;
        let quarter = self.settings.segment_bytes / 4;
        let after = if self.appender.grows() { quarter.min(PREPARE_AFTER_BYTES) } else { quarter };
        let wanted = rate > 0 && self.preparation.is_none() && self.prepared.is_none();
        if wanted && self.appender.open_bytes() >= after {
            self.preparation = Preparation::begin(self.dir(), self.settings.segment_bytes, rate);
        }
    }

    fn roll(&mut self) -> Result<(), FileError> {
        self.take_prepared();
        let prepared = self.prepared.take();
        self.appender.roll(prepared)?;
        // Sealing syncs everything before it.
        self.must_sync = false;
        Ok(())
    }

    fn try_sync(&mut self, durability: Durability) -> Result<(), FileError> {
        let power = self.must_sync || durability == Durability::Power;
        if !power && durability == Durability::None {
            return Ok(());
        }
        self.appender.write()?;
        if power {
            let synced = self.appender.sync();
            // log-exact: what was told is lost with the power
            if !planted!("sync-error-ignored") {
                synced?;
            }
            self.must_sync = false;
        }
        Ok(())
    }
}

impl CommitLog for FileLog {
    fn append(
        &mut self,
        records: &[NodeRecord],
        sections: &[(u16, &Section)],
    ) -> Result<Lsn, LogError> {
        self.healthy()?;
        self.try_append(records, sections).map_err(|fault| self.poison(fault))
    }

    fn sync(&mut self, durability: Durability) -> Result<(), LogError> {
        self.healthy()?;
        self.try_sync(durability).map_err(|fault| self.poison(fault))
    }

    fn end(&self) -> LogPosition {
        self.appender.last_at()
    }

    fn bytes(&self) -> u64 {
        self.appender.bytes()
    }

    fn failure(&self) -> Option<&LogError> {
        self.failed.as_ref()
    }

    fn read(&self, from: Lsn, visit: &mut dyn FnMut(Frame) -> bool) -> Result<(), ReadError> {
        for frame in LogReader::open_at(self.dir(), from)?.until(self.end().lsn) {
            if !visit(frame?) {
                break;
            }
        }
        Ok(())
    }
}
