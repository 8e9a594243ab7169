//! The event store on sled: the only file that names it.
//!
//! sled 0.34 is fast and its durability is not what its names say, so it holds only what can be
//! derived again, and is watched: values stay small (larger ones go to files it never syncs), its
//! flusher is off (it would log a failed fsync and go on), our own fdatasync on its files comes
//! after its `flush` (which is `sync_file_range`), a panic inside it is caught, and a manifest
//! per segment tells when keys have vanished. Pinned to 0.34.7: the 1.0 alpha is far slower here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use berth_inventory::{PlanHash, RunIndex, Version};

use super::{Chunk, EventStore, EventStoreError, IndexedSegment, StoredEvent, visit_chunk};
use crate::file::{self, File};
use crate::{Lsn, Pace, varint};

/// A sled page above a quarter of this would go to `blobs/`, which is never synced.
const SLED_SEGMENT_BYTES: usize = 8 << 20;
/// The store is written and seldom read; sled takes ten times what it is given.
const SLED_CACHE_BYTES: u64 = 16 << 20;

/// Chunks are written to the disk when they are so many bytes: a segment at once would stand before
/// the log's next sync for a tenth of a second.
const SYNC_BYTES: usize = 2 << 20;
/// In what sled says when another handle has the directory.
const SLED_LOCKED: &str = "acquire lock";
/// sled's own threads may have the directory for a moment after the last handle is dropped.
const LOCKED_TRIES: u32 = 400;
const LOCKED_PAUSE: Duration = Duration::from_millis(5);

/// The event store in a directory of sled's. A clone is the same store: one of them writes, any
/// number read meanwhile.
#[derive(Clone)]
pub struct SledEvents {
    dir: PathBuf,
    /// Kept for its flush; dropped last.
    db: sled::Db,
    chunks: sled::Tree,
    texts: sled::Tree,
    manifests: sled::Tree,
    /// What is put and synced; chunks of later frames are on their way.
    indexed: Arc<AtomicU64>,
    failed: Arc<AtomicBool>,
    /// How fast it puts; `None` = as fast as it can.
    pace: Option<Pace>,
}

/// What a store that is damaged is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// The segments have everything: the last damaged one is kept for a look, no other.
    Derived,
    /// Segments were deleted, their events are nowhere else: every damaged one is kept.
    OnlyCopy,
}

/// How an opening went.
pub struct Opened {
    /// The store.
    pub store: SledEvents,
    /// Set when what was there could not be used, or not all of it: why, in words. The indexer
    /// fills what is missing.
    pub rebuilt: Option<String>,
}

/// What one segment has put: counts, and sums of what [`Chunk::sum`] says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Manifest {
    first: u64,
    last: u64,
    chunks: u64,
    chunk_sum: u64,
    texts: u64,
    text_sum: u64,
}

impl Manifest {
    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0; 4];
        for number in
            [self.first, self.last, self.chunks, self.chunk_sum, self.texts, self.text_sum]
        {
            varint::put(&mut out, number);
        }
        let crc = crc32c::crc32c(&out[4..]);
        out[..4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (crc, mut rest) = bytes.split_first_chunk::<4>()?;
        if crc32c::crc32c(rest) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut next = || varint::take(&mut rest);
        let (first, last, chunks) = (next()?, next()?, next()?);
        let (chunk_sum, texts, text_sum) = (next()?, next()?, next()?);
        rest.is_empty().then_some(Self { first, last, chunks, chunk_sum, texts, text_sum })
    }

    fn add_chunk(&mut self, chunk: &Chunk) {
        self.chunks += 1;
        self.chunk_sum = self.chunk_sum.wrapping_add(chunk.sum());
    }

    fn add_text(&mut self, hash: &[u8], text: &[u8]) {
        self.texts += 1;
        let crc = crc32c::crc32c_append(crc32c::crc32c(hash), text);
        self.text_sum = self.text_sum.wrapping_add(u64::from(crc));
    }
}

impl SledEvents {
    /// The same store, whose writer keeps a pace.
    #[must_use]
    pub fn at_pace(&self, pace: &Pace) -> Self {
        Self { pace: Some(pace.clone()), ..self.clone() }
    }

    /// Opens the store in `dir` and checks all of it. What does not open, panics or fails its
    /// check is moved aside to `<dir>-damaged` and an empty store begins: the indexer fills it.
    ///
    /// # Errors
    /// When not even an empty store can be had.
    pub fn open(dir: &Path) -> Result<Opened, EventStoreError> {
        Self::open_as(dir, Aside::Derived)
    }

    /// As [`SledEvents::open`], where `whose` says what becomes of an earlier store that was moved
    /// aside.
    ///
    /// # Errors
    /// As [`SledEvents::open`].
    pub fn open_as(dir: &Path, whose: Aside) -> Result<Opened, EventStoreError> {
        file::create_dir(dir)?;
        let why = match Self::try_open(dir).and_then(|store| store.check().map(|()| store)) {
            Ok(store) => {
                let rebuilt = store.forgotten()?;
                return Ok(Opened { store, rebuilt });
            }
            // Somebody else has it: that says nothing of what is in it.
            Err(why) if why.to_string().contains(SLED_LOCKED) => return Err(why),
            Err(why) => why.to_string(),
        };
        let aside = Self::move_aside(dir, whose)?;
        let why = format!("{why}; it was moved to {}", aside.display());
        tracing::warn!(%why, "event store is rebuilt");
        Ok(Opened { store: Self::try_open(dir)?, rebuilt: Some(why) })
    }

    /// Makes room for an empty store: what is in `dir` goes to `<dir>-damaged`, which is told.
    ///
    /// # Errors
    /// What the system says.
    pub fn move_aside(dir: &Path, whose: Aside) -> Result<PathBuf, EventStoreError> {
        let mut aside = beside(dir, "-damaged");
        if whose == Aside::OnlyCopy {
            let mut names = (2..).map(|n| beside(dir, &format!("-damaged-{n}")));
            while aside.exists() {
                aside = names.next().unwrap_or_default();
            }
        }
        let moved = || {
            if aside.exists() {
                std::fs::remove_dir_all(&aside)?;
            }
            std::fs::rename(dir, &aside)
        };
        moved().map_err(|cause| file::FileError::new("moving aside of", dir, cause))?;
        file::create_dir(dir)?;
        match file::remove(&beside(dir, "-indexed")) {
            Err(fault) if !fault.is_not_found() => Err(fault.into()),
            _ => Ok(aside),
        }
    }

    /// Whether a clone of it is in use elsewhere: the directory cannot be opened again so long.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.failed) > 1
    }

    fn try_open(dir: &Path) -> Result<Self, EventStoreError> {
        let open = || -> sled::Result<Self> {
            let config = sled::Config::new()
                .path(dir)
                .segment_size(SLED_SEGMENT_BYTES)
                .cache_capacity(SLED_CACHE_BYTES)
                .flush_every_ms(None);
            let db = config.open()?;
            let (chunks, texts) = (db.open_tree("chunks")?, db.open_tree("texts")?);
            let manifests = db.open_tree("manifests")?;
            let (dir, indexed, failed) = (dir.to_owned(), Arc::default(), Arc::default());
            Ok(Self { dir, db, chunks, texts, manifests, indexed, failed, pace: None })
        };
        let mut tries = 1;
        let store = loop {
            match guarded(dir, "opening", open) {
                Err(why) if tries < LOCKED_TRIES && why.to_string().contains(SLED_LOCKED) => {
                    tries += 1;
                    std::thread::sleep(LOCKED_PAUSE);
                }
                opened => break opened?,
            }
        };
        let last = store.read_manifests()?.last().map_or(0, |manifest| manifest.last);
        store.indexed.store(last, Ordering::Release);
        Ok(store)
    }

    /// sled may cut its own damaged tail in silence: a file of ours beside it knows better.
    fn forgotten(&self) -> Result<Option<String>, EventStoreError> {
        let told = match File::read_only(&beside(&self.dir, "-indexed")) {
            Err(fault) if fault.is_not_found() => return Ok(None),
            opened => {
                let mut bytes = [0; 12];
                let read = opened?.read_at(&mut bytes, 0)?;
                Self::read_told(&bytes[..read]).unwrap_or(Lsn(0))
            }
        };
        Ok((told > self.indexed()).then(|| {
            format!(
                "event store {} has forgotten frames {} to {told}; they are indexed again",
                self.dir.display(),
                self.indexed().next()
            )
        }))
    }

    fn read_told(bytes: &[u8]) -> Option<Lsn> {
        let (lsn, crc) = bytes.split_first_chunk::<8>()?;
        (crc32c::crc32c(lsn).to_le_bytes() == *crc).then(|| Lsn(u64::from_le_bytes(*lsn)))
    }

    fn tell(&self) -> Result<(), EventStoreError> {
        let path = beside(&self.dir, "-indexed");
        let file = match File::create(&path) {
            Err(fault) if fault.cause.kind() == std::io::ErrorKind::AlreadyExists => {
                File::writable(&path)?
            }
            created => created?,
        };
        let lsn = self.indexed().0.to_le_bytes();
        file.write_at(&[&lsn[..], &crc32c::crc32c(&lsn).to_le_bytes()].concat(), 0)?;
        Ok(file.sync_data()?)
    }

    fn guarded<T>(
        &self,
        what: &'static str,
        work: impl FnOnce() -> sled::Result<T>,
    ) -> Result<T, EventStoreError> {
        if self.failed.load(Ordering::Relaxed) {
            let (dir, why) = (self.dir.clone(), "it has failed before".to_owned());
            return Err(EventStoreError::Store { dir, what, why });
        }
        let done = guarded(&self.dir, what, work);
        self.failed.fetch_or(done.is_err(), Ordering::Relaxed);
        done
    }

    fn fault(&self, what: &'static str, why: String) -> EventStoreError {
        EventStoreError::Store { dir: self.dir.clone(), what, why }
    }

    fn read_manifests(&self) -> Result<Vec<Manifest>, EventStoreError> {
        let stored = self.guarded("reading of manifests", || {
            self.manifests.iter().values().collect::<sled::Result<Vec<_>>>()
        })?;
        let mut manifests: Vec<Manifest> = Vec::with_capacity(stored.len());
        for bytes in &stored {
            let manifest = Manifest::read(bytes)
                .ok_or_else(|| self.fault("check", "a manifest is damaged".to_owned()))?;
            if manifests.last().is_some_and(|before| before.last + 1 != manifest.first) {
                let why = format!("no manifest leads to frame {}", manifest.first);
                return Err(self.fault("check", why));
            }
            manifests.push(manifest);
        }
        Ok(manifests)
    }

    /// sled's flush, then fdatasync on its files, which its flush does not do.
    fn make_durable(&self) -> Result<(), EventStoreError> {
        self.guarded("flush", || self.db.flush())?;
        for name in file::names(&self.dir)? {
            let path = self.dir.join(name);
            if path.is_file() {
                File::read_only(&path)?.sync_data()?;
            }
        }
        Ok(file::sync_dir(&self.dir)?)
    }
}

fn beside(dir: &Path, suffix: &str) -> PathBuf {
    let mut path = dir.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

fn guarded<T>(
    dir: &Path,
    what: &'static str,
    work: impl FnOnce() -> sled::Result<T>,
) -> Result<T, EventStoreError> {
    let why = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(fault)) => fault.to_string(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            format!("sled panicked: {}", text.unwrap_or("no message"))
        }
    };
    Err(EventStoreError::Store { dir: dir.to_owned(), what, why })
}

impl EventStore for SledEvents {
    fn put(&mut self, segment: &IndexedSegment) -> Result<(), EventStoreError> {
        let (first, last, indexed) = (segment.first, segment.last, self.indexed());
        if indexed.0 > 0 && first != indexed.next() {
            return Err(EventStoreError::OutOfOrder { first, last, indexed });
        }
        let mut manifest = Manifest { first: first.0, last: last.0, ..Manifest::default() };
        self.guarded("writing of chunks", || {
            let mut unsynced = 0;
            for chunk in &segment.chunks {
                let key = Chunk::key(chunk.run, chunk.first);
                self.chunks.insert(key, chunk.bytes.as_slice())?;
                manifest.add_chunk(chunk);
                unsynced += chunk.bytes.len();
                if unsynced >= SYNC_BYTES {
                    unsynced = 0;
                    self.db.flush()?;
                }
                self.pace.iter().for_each(Pace::step);
            }
            for (hash, text) in &segment.texts {
                // Put again by a segment whose manifest was not written: it counts all the same.
                manifest.add_text(&hash.0, text.as_bytes());
                let key = [&hash.0[..], &first.0.to_be_bytes()].concat();
                self.texts.insert(key, text.as_bytes())?;
            }
            Ok(())
        })?;
        // The manifest vouches for the chunks: they must be there first.
        self.make_durable()?;
        let (key, value) = (first.0.to_be_bytes(), manifest.bytes());
        self.guarded("writing of a manifest", || self.manifests.insert(key, value))?;
        self.make_durable()?;
        self.indexed.store(last.0, Ordering::Release);
        self.tell()
    }

    fn indexed(&self) -> Lsn {
        Lsn(self.indexed.load(Ordering::Acquire))
    }

    fn history(
        &self,
        run: RunIndex,
        from: Version,
        visit: &mut dyn FnMut(StoredEvent) -> bool,
    ) -> Result<(), EventStoreError> {
        let begin = Chunk::key(run, Version(0));
        let start = self.guarded("look-up", || {
            let before = self.chunks.range(begin..=Chunk::key(run, from)).next_back();
            Ok(before.transpose()?.map(|(key, _)| key))
        })?;
        let start = start.map_or(begin.to_vec(), |key| key.to_vec());
        let mut range = self.chunks.range(start..=Chunk::key(run, Version(u64::MAX)).to_vec());
        while let Some((key, bytes)) =
            self.guarded("reading of a chunk", || range.next().transpose())?
        {
            let chunk = Chunk::of_stored(&key, &bytes)
                .ok_or_else(|| self.fault("reading of a chunk", "a key is damaged".to_owned()))?;
            if !visit_chunk(&chunk, from, visit)? {
                break;
            }
        }
        Ok(())
    }

    fn plan_text(&self, hash: PlanHash) -> Result<Option<Arc<str>>, EventStoreError> {
        let found = self.guarded("look-up of a text", || {
            self.texts.scan_prefix(hash.0).values().next().transpose()
        })?;
        let Some(bytes) = found else { return Ok(None) };
        // The hash is the check.
        let text = core::str::from_utf8(&bytes).ok().filter(|t| crate::plan_hash(t) == hash);
        text.map(|text| Some(text.into()))
            .ok_or_else(|| self.fault("look-up of a text", format!("text {hash} is damaged")))
    }

    fn holds(&self, segment: &IndexedSegment) -> Result<bool, EventStoreError> {
        let first = segment.first.0.to_be_bytes();
        let same = self.guarded("comparing of a segment", || {
            for chunk in &segment.chunks {
                let key = Chunk::key(chunk.run, chunk.first);
                if self.chunks.get(key)?.is_none_or(|bytes| *bytes != *chunk.bytes) {
                    return Ok(false);
                }
            }
            for (hash, text) in &segment.texts {
                let key = [&hash.0[..], &first[..]].concat();
                if self.texts.get(key)?.is_none_or(|bytes| *bytes != *text.as_bytes()) {
                    return Ok(false);
                }
            }
            self.manifests.contains_key(first)
        })?;
        Ok(same && segment.last <= self.indexed())
    }

    fn check(&self) -> Result<(), EventStoreError> {
        let mut expected = Manifest::default();
        for manifest in self.read_manifests()? {
            expected.chunks += manifest.chunks;
            expected.chunk_sum = expected.chunk_sum.wrapping_add(manifest.chunk_sum);
            expected.texts += manifest.texts;
            expected.text_sum = expected.text_sum.wrapping_add(manifest.text_sum);
        }
        let mut found = Manifest::default();
        let mut chunks = self.chunks.iter();
        while let Some((key, bytes)) =
            self.guarded("reading of a chunk", || chunks.next().transpose())?
        {
            let chunk = Chunk::of_stored(&key, &bytes)
                .ok_or_else(|| self.fault("check", "a key is damaged".to_owned()))?;
            let (run, first) = (chunk.run, chunk.first);
            let damaged = |fault| EventStoreError::Damaged { run, first, fault };
            let events = chunk.events().map_err(damaged)?;
            // Chunks of a segment whose manifest was never written are put again; ignore them.
            if events.first().is_some_and(|event| event.lsn <= self.indexed()) {
                found.add_chunk(&chunk);
            }
        }
        let mut texts = self.texts.iter();
        while let Some((key, text)) =
            self.guarded("reading of a text", || texts.next().transpose())?
        {
            let (hash, first) = key.split_at_checked(32).unwrap_or((&key, &[]));
            if first.iter().fold(0, |n, b| n << 8 | u64::from(*b)) <= self.indexed().0 {
                found.add_text(hash, &text);
            }
        }
        if found == expected {
            return Ok(());
        }
        let why = format!(
            "{} chunks and {} texts were put, {} and {} are there, or they are others",
            expected.chunks, expected.texts, found.chunks, found.texts
        );
        Err(self.fault("check", why))
    }
}
