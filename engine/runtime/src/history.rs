//! One run's history: from the event store what is indexed, from the log the rest, without a seam.
//!
//! Versions are the seam: they count without a gap, so whatever either of the two tells next must
//! be the version after the last. The store is asked first; when it is not there, fails or has a
//! gap, that is said and the log alone is read, as far as it is kept. A reader holds the store only
//! while a batch is read, never while somebody slow takes it.

use core::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use berth_inventory::{RunId, RunIndex, Version};
use berth_node::RunEntry;
use berth_persistence::{
    EventStore as _, FileError, Frame, LogReader, Lsn, ReadError, ScanError, SledEvents,
    StoredEvent, first_kept,
};

use crate::handle::Engine;

/// Events of one batch, about: what a reader has in memory at once.
const BATCH_EVENTS: usize = 512;
const OPENING: &str = "the event store is being opened";
const OFF: &str = "the event store is off";
/// How often a reader whose segment was let go meanwhile looks into the store again.
const RETURNS_MAX: u32 = 8;

/// The event store, as the indexer keeps it and readers find it.
#[derive(Default)]
pub(crate) struct Shelf {
    slot: Mutex<Slot>,
}

#[derive(Default)]
enum Slot {
    /// It is being opened.
    #[default]
    Opening,
    Ready(SledEvents),
    /// Why it is not to be trusted until it has been checked.
    Failed(String),
    /// Why it is not checked again before the next start.
    Closed(String),
    /// The operator wants none: all history is in the log.
    Off,
}

impl Shelf {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is open and checked.
    pub fn put(&self, store: SledEvents) {
        *self.slot() = Slot::Ready(store);
    }

    /// It is not to be read any more.
    pub fn fail(&self, why: &str) {
        *self.slot() = Slot::Failed(why.to_owned());
    }

    /// It is not opened again before the next start.
    pub fn close(&self, why: &str) {
        *self.slot() = Slot::Closed(why.to_owned());
    }

    /// There will be none.
    pub fn switch_off(&self) {
        *self.slot() = Slot::Off;
    }

    fn is_off(&self) -> bool {
        matches!(*self.slot(), Slot::Off)
    }

    /// Why it failed, if it has.
    pub fn fault(&self) -> Option<String> {
        match &*self.slot() {
            Slot::Failed(why) | Slot::Closed(why) => Some(why.clone()),
            Slot::Opening | Slot::Ready(_) | Slot::Off => None,
        }
    }

    /// Why it cannot be read now although it may be later.
    fn repair(&self) -> Option<String> {
        match &*self.slot() {
            Slot::Opening => Some(OPENING.to_owned()),
            Slot::Failed(why) => Some(why.clone()),
            Slot::Ready(_) | Slot::Closed(_) | Slot::Off => None,
        }
    }

    /// The store, or why there is none.
    pub fn get(&self) -> Result<SledEvents, String> {
        match &*self.slot() {
            Slot::Ready(store) => Ok(store.clone()),
            Slot::Opening => Err(OPENING.to_owned()),
            Slot::Off => Err(OFF.to_owned()),
            Slot::Failed(why) | Slot::Closed(why) => Err(why.clone()),
        }
    }
}

/// A run's history cannot be told.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HistoryError {
    /// Its segments are deleted, and the event store does not have it either.
    #[error(
        "run {run}: version {asked} is not kept any more: the log begins with frame {kept}, and \
         the event store does not have what was before{}", Next(*next)
    )]
    NotKept {
        /// Which dated train.
        run: RunId,
        /// The first version that is missing.
        asked: Version,
        /// The next version that there is.
        next: Option<Version>,
        /// First frame of the log.
        kept: Lsn,
    },
    /// Only the event store has it, and that is being opened or repaired.
    #[error("run {run}: version {asked} is in the event store only: {why}; ask again soon")]
    NotYet {
        /// Which dated train.
        run: RunId,
        /// The first version that is missing.
        asked: Version,
        /// Why the store cannot be read.
        why: String,
    },
    /// Versions are missing between others.
    #[error(
        "run {run}: version {found} in frame {lsn} follows version {known}: what is between is lost"
    )]
    Gap {
        /// Which dated train.
        run: RunId,
        /// The version before the gap.
        known: u64,
        /// The version behind it.
        found: Version,
        /// Its frame.
        lsn: Lsn,
    },
    /// The log is damaged.
    #[error("{0}")]
    Damaged(String),
    /// The system.
    #[error(transparent)]
    Scan(#[from] ScanError),
}

struct Next(Option<Version>);

impl core::fmt::Display for Next {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.map_or(Ok(()), |next| write!(f, "; the next version there is: {next}"))
    }
}

impl From<FileError> for HistoryError {
    fn from(fault: FileError) -> Self {
        Self::Scan(fault.into())
    }
}

enum Source {
    /// The event store, up to this frame; `None` before the first look at it.
    Store(Option<Lsn>),
    Log(Box<LogReader>),
    End,
}

/// See the module. Blocks; not for a runtime's worker.
pub struct RunHistory {
    engine: Engine,
    run: RunId,
    index: RunIndex,
    /// The first version not told yet, and the last one wanted.
    next: Version,
    last: Version,
    /// The last frame that is told of.
    until: Lsn,
    /// Frame of the last event told.
    seen: Lsn,
    source: Source,
    returns: u32,
    /// Why the store was passed by, if it was only for the moment.
    passed_by: Option<String>,
    /// What a snapshot proves to have happened.
    proven: Version,
}

impl Engine {
    /// The history of `run` from the first of `versions` to the last of them that is durable now;
    /// `None` when nothing has ever happened to it.
    pub fn history(&self, run: &RunEntry, versions: RangeInclusive<Version>) -> Option<RunHistory> {
        let index = *run.index.get()?;
        // Before the version is looked up: what that covers is durable.
        let until = Lsn(*self.durable_lsn().borrow());
        let proven = self.house.stores.snapshot_version(run).unwrap_or_default();
        let mut last = *versions.end();
        if run.refused.load().is_none() {
            let published = run.published.load_full().map(|published| published.head().version);
            // A run without an event of its own has a first version that is not written yet.
            let known = published.filter(|version| version.0 > 1).or(Some(proven));
            last = last.min(known.filter(|version| version.0 > 0).unwrap_or(last));
        }
        Some(RunHistory {
            engine: self.clone(),
            run: run.id,
            index,
            next: Version(versions.start().0.max(1)),
            last,
            until,
            seen: Lsn(0),
            source: Source::Store(None),
            returns: 0,
            passed_by: None,
            proven,
        })
    }

    /// First frame that the log keeps.
    ///
    /// # Errors
    /// What the system says.
    pub fn first_kept(&self) -> Result<Lsn, FileError> {
        first_kept(&self.house.stores.dir().log())
    }
}

impl RunHistory {
    /// The next events, in order; `None` when all are told.
    ///
    /// # Errors
    /// [`HistoryError`]; what was told before is right.
    pub fn next_batch(&mut self) -> Result<Option<Vec<StoredEvent>>, HistoryError> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            if self.next > self.last {
                self.source = Source::End;
            }
            match &self.source {
                Source::End => return Ok(None),
                Source::Store(indexed) => {
                    let indexed = *indexed;
                    self.read_store(indexed, &mut batch)?;
                }
                Source::Log(_) => self.read_log(&mut batch)?,
            }
        }
        Ok(Some(batch))
    }

    /// Where to follow the log from, to be told of everything behind what was told here.
    pub fn next_lsn(&self) -> Lsn {
        match self.source {
            Source::End if self.next <= self.last => self.until.max(self.seen).next(),
            _ => self.seen.next(),
        }
    }

    fn take(&mut self, event: StoredEvent, batch: &mut Vec<StoredEvent>) {
        (self.next, self.seen) = (event.version.next(), event.lsn);
        batch.push(event);
    }

    fn read_store(
        &mut self,
        indexed: Option<Lsn>,
        batch: &mut Vec<StoredEvent>,
    ) -> Result<(), HistoryError> {
        let shelf = &self.engine.house.stores.shelf;
        if shelf.is_off() {
            return self.go_to_log(Lsn(1));
        }
        let store = match shelf.get() {
            Ok(store) => {
                self.passed_by = None;
                store
            }
            Err(why) => {
                self.passed_by = shelf.repair();
                tracing::warn!(run = %self.run, why, "history is read from the log");
                return self.go_to_log(Lsn(1));
            }
        };
        // Later chunks may be half there: they are read from the log, this time.
        let indexed = indexed.unwrap_or_else(|| store.indexed());
        let (index, from, last) = (self.index, self.next, self.last);
        let (mut expected, mut gap) = (from, None);
        let read = store.history(index, from, &mut |event| {
            if event.lsn > indexed || event.version > last {
                return false;
            }
            if event.version != expected {
                gap = Some(event.version);
                return false;
            }
            expected = expected.next();
            self.take(event, batch);
            batch.len() < BATCH_EVENTS
        });
        let why = match (read, gap) {
            (Ok(()), None) => {
                self.source = Source::Store(Some(indexed));
                return if batch.len() < BATCH_EVENTS {
                    self.go_to_log(indexed.next())
                } else {
                    Ok(())
                };
            }
            (Ok(()), Some(found)) => {
                format!("the event store has version {found} where {expected} should be")
            }
            (Err(fault), _) => {
                let why = fault.to_string();
                self.engine.house.stores.shelf.fail(&why);
                why
            }
        };
        tracing::warn!(run = %self.run, why, "history is read from the log");
        self.go_to_log(Lsn(1))
    }

    fn go_to_log(&mut self, from: Lsn) -> Result<(), HistoryError> {
        if self.next > self.last {
            self.source = Source::End;
            return Ok(());
        }
        let dir = self.engine.house.stores.dir().log();
        match LogReader::open_at(&dir, from) {
            Ok(reader) if reader.first() <= from || from == Lsn(1) => {
                self.source = Source::Log(Box::new(reader.until(self.until)));
                Ok(())
            }
            Ok(_) => self.go_back(),
            Err(ScanError::File(fault)) if fault.is_not_found() => self.go_back(),
            Err(fault) => Err(fault.into()),
        }
    }

    /// A segment went while it was read: the store has it now.
    fn go_back(&mut self) -> Result<(), HistoryError> {
        self.returns += 1;
        if self.returns > RETURNS_MAX {
            return Err(self.not_kept(None)?);
        }
        self.source = Source::Store(None);
        Ok(())
    }

    fn not_kept(&self, next: Option<Version>) -> Result<HistoryError, FileError> {
        // It may have come back while the log was read.
        let passed_by = || self.passed_by.clone();
        if let Some(why) = self.engine.house.stores.shelf.repair().or_else(passed_by) {
            return Ok(HistoryError::NotYet { run: self.run, asked: self.next, why });
        }
        let kept = self.engine.first_kept()?;
        Ok(HistoryError::NotKept { run: self.run, asked: self.next, next, kept })
    }

    fn read_log(&mut self, batch: &mut Vec<StoredEvent>) -> Result<(), HistoryError> {
        let Source::Log(mut reader) = core::mem::replace(&mut self.source, Source::End) else {
            return Ok(());
        };
        while batch.len() < BATCH_EVENTS {
            match reader.next() {
                None => return self.end_of_log(&reader),
                Some(Ok(frame)) => self.take_frame(&frame, &reader, batch)?,
                Some(Err(ReadError::Failed(ScanError::File(fault)))) if fault.is_not_found() => {
                    return self.go_back();
                }
                Some(Err(ReadError::Failed(fault))) => return Err(fault.into()),
                Some(Err(lost)) => return Err(HistoryError::Damaged(lost.to_string())),
            }
            if self.next > self.last {
                return Ok(());
            }
        }
        self.source = Source::Log(reader);
        Ok(())
    }

    /// Nothing more is there: was it there once?
    fn end_of_log(&self, reader: &LogReader) -> Result<(), HistoryError> {
        if self.next <= self.proven.min(self.last) && reader.first() > Lsn(1) {
            return Err(self.not_kept(None)?);
        }
        Ok(())
    }

    fn take_frame(
        &mut self,
        frame: &Frame,
        reader: &LogReader,
        batch: &mut Vec<StoredEvent>,
    ) -> Result<(), HistoryError> {
        let spans = frame.sections.iter().flat_map(|section| &section.spans);
        let index = self.index;
        for span in spans.filter(|span| span.run == index) {
            for (event, version) in span.events.iter().zip((span.first.0..).map(Version)) {
                if version < self.next || version > self.last {
                    continue;
                }
                if version != self.next {
                    // Where the log has been cut short, its first event of a run is any.
                    return Err(if reader.first() > Lsn(1) && batch.is_empty() {
                        self.not_kept(Some(version))?
                    } else {
                        let (run, known, lsn) = (self.run, self.next.0 - 1, frame.lsn);
                        HistoryError::Gap { run, known, found: version, lsn }
                    });
                }
                let (lsn, at, event) = (frame.lsn, span.at, event.clone());
                self.take(StoredEvent { version, lsn, at, event }, batch);
            }
        }
        Ok(())
    }
}
