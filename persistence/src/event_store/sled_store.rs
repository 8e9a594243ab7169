//! The event store on sled: the only file that names it.
//!
//! sled 0.34 is fast and its durability is not what its names say, so it holds only what can be
//! derived again, and is watched: values stay small (larger ones go to files it never syncs), its
//! flusher is off (it would log a failed fsync and go on), our own fdatasync on its files comes
//! after its `flush` (which is `sync_file_range`), a panic inside it is caught, and a manifest
//! per segment tells when keys have vanished. Pinned to 0.34.7: the 1.0 alpha is far slower here.
//!
//! It holds where each chunk is, the catalogue texts and the manifests. The chunks themselves lie in
//! files beside it (`chunk_file`): in sled every chunk was written about four times, for its leaves
//! are written whole.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use berth_inventory::{PlanHash, RunIndex, Version};

use super::chunk_file::{self, ChunkWriter, Place};
use super::manifest::Manifest;
use super::{Chunk, EventStore, EventStoreError, IndexedSegment, StoredEvent, visit_chunk};
use crate::Lsn;
use crate::codec::CodecFault;
use crate::data_dir::CHUNKS_DIR;
use crate::file::{self, File};

/// A sled page above a quarter of this would go to `blobs/`, which is never synced.
const SLED_SEGMENT_BYTES: usize = 8 << 20;
/// The store is written and seldom read; sled takes ten times what it is given.
const SLED_CACHE_BYTES: u64 = 16 << 20;
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
    /// Where each chunk is, by its key.
    places: sled::Tree,
    texts: sled::Tree,
    manifests: sled::Tree,
    /// What is put and synced; chunks of later frames are on their way.
    indexed: Arc<AtomicU64>,
    failed: Arc<AtomicBool>,
    writing: Arc<Mutex<Writing>>,
}

/// The segment that is being put.
#[derive(Default)]
struct Writing {
    writer: ChunkWriter,
    manifest: Manifest,
    /// Keys of the chunks and where these are.
    places: Vec<([u8; 12], Place)>,
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

impl SledEvents {
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
            let (places, texts) = (db.open_tree("places")?, db.open_tree("texts")?);
            let manifests = db.open_tree("manifests")?;
            let (dir, indexed, failed) = (dir.to_owned(), Arc::default(), Arc::default());
            let writing = Arc::default();
            Ok(Self { dir, db, places, texts, manifests, indexed, failed, writing })
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
        file::create_dir(&store.chunks_dir())?;
        Ok(store)
    }

    fn chunks_dir(&self) -> PathBuf {
        self.dir.join(CHUNKS_DIR)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chunk with this key, read into `buffer` and checked.
    fn chunk<'a>(
        &self,
        key: &[u8],
        place: Place,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Chunk<'a>, EventStoreError> {
        let (run, first) = Chunk::of_key(key)
            .ok_or_else(|| self.fault("reading of a chunk", "a key is damaged".to_owned()))?;
        chunk_file::read(&self.chunks_dir(), place, buffer)?;
        let damaged = |fault| {
            let why = chunk_file::damaged(&self.chunks_dir(), place.segment, place.offset, &fault);
            self.fault("reading of a chunk", why)
        };
        let chunk = Chunk::read(buffer).map_err(damaged)?;
        if (chunk.run, chunk.first) != (run, first) {
            return Err(damaged(CodecFault::new("chunk", "it is another one")));
        }
        Ok(chunk)
    }

    fn place(&self, bytes: &[u8]) -> Result<Place, EventStoreError> {
        Place::decode(bytes)
            .ok_or_else(|| self.fault("reading of a chunk", "its place is damaged".to_owned()))
    }

    /// Whether the file of a segment is what its manifest says.
    fn check_file(&self, manifest: &Manifest) -> Result<(), EventStoreError> {
        let mut found = Manifest::default();
        let segment = Lsn(manifest.first);
        let walked =
            chunk_file::walk(&self.chunks_dir(), segment, &mut |chunk| found.add_chunk(&chunk))?;
        walked.map_err(|(at, fault)| {
            self.fault("check", chunk_file::damaged(&self.chunks_dir(), segment, at, &fault))
        })?;
        if (found.chunks, found.chunk_sum) == (manifest.chunks, manifest.chunk_sum) {
            return Ok(());
        }
        let why = format!(
            "of frames {segment} to {}: {} chunks were put, {} are there, or they are others",
            manifest.last, manifest.chunks, found.chunks
        );
        Err(self.fault("check", why))
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
    fn begin(&mut self, first: Lsn, last: Lsn) -> Result<(), EventStoreError> {
        let indexed = self.indexed();
        if indexed.0 > 0 && first != indexed.next() {
            return Err(EventStoreError::OutOfOrder { first, last, indexed });
        }
        let mut writing = self.writing();
        writing.manifest = Manifest { first: first.0, last: last.0, ..Manifest::default() };
        writing.places.clear();
        Ok(writing.writer.begin(&self.chunks_dir(), first)?)
    }

    fn put(&mut self, chunk: &Chunk<'_>) -> Result<(), EventStoreError> {
        let Writing { writer, manifest, places } = &mut *self.writing();
        let place = writer.put(chunk)?.ok_or(EventStoreError::NotBegun)?;
        let key = Chunk::key(chunk.run, chunk.first);
        manifest.add_chunk(chunk);
        manifest.add_place(&key, &place.encoded());
        places.push((key, place));
        Ok(())
    }

    fn end(&mut self, texts: &[(PlanHash, Arc<str>)]) -> Result<(), EventStoreError> {
        let Writing { writer, manifest, places } = &mut *self.writing();
        if !writer.end(&self.chunks_dir())? {
            return Err(EventStoreError::NotBegun);
        }
        // By key: sled finds a leaf once for all keys that go there.
        places.sort_unstable_by_key(|(key, _)| *key);
        self.guarded("writing of places", || {
            for (key, place) in &*places {
                self.places.insert(key, &place.encoded())?;
            }
            for (hash, text) in texts {
                // Put again by a segment whose manifest was not written: it counts all the same.
                manifest.add_text(&hash.0, text.as_bytes());
                let key = [&hash.0[..], &manifest.first.to_be_bytes()].concat();
                self.texts.insert(key, text.as_bytes())?;
            }
            Ok(())
        })?;
        // The manifest vouches for the chunks: they must be there first.
        self.make_durable()?;
        let (key, value) = (manifest.first.to_be_bytes(), manifest.bytes());
        self.guarded("writing of a manifest", || self.manifests.insert(key, value))?;
        self.make_durable()?;
        self.indexed.store(manifest.last, Ordering::Release);
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
            let before = self.places.range(begin..=Chunk::key(run, from)).next_back();
            Ok(before.transpose()?.map(|(key, _)| key))
        })?;
        let start = start.map_or(begin.to_vec(), |key| key.to_vec());
        let mut range = self.places.range(start..=Chunk::key(run, Version(u64::MAX)).to_vec());
        let mut buffer = Vec::new();
        while let Some((key, place)) = self.guarded("look-up", || range.next().transpose())? {
            let place = self.place(&place)?;
            // On its way: its file may be written anew.
            if place.segment > self.indexed() {
                break;
            }
            if !visit_chunk(&self.chunk(&key, place, &mut buffer)?, from, visit)? {
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

    fn holds_chunk(&self, chunk: &Chunk<'_>) -> Result<bool, EventStoreError> {
        let key = Chunk::key(chunk.run, chunk.first);
        let Some(place) = self.guarded("comparing of a chunk", || self.places.get(key))? else {
            return Ok(false);
        };
        let mut buffer = Vec::new();
        chunk_file::read(&self.chunks_dir(), self.place(&place)?, &mut buffer)?;
        Ok(buffer == chunk.bytes())
    }

    fn holds(&self, segment: &IndexedSegment) -> Result<bool, EventStoreError> {
        let first = segment.first.0.to_be_bytes();
        let same = self.guarded("comparing of a segment", || {
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
        let (mut expected, mut found) = (Manifest::default(), Manifest::default());
        for manifest in self.read_manifests()? {
            self.check_file(&manifest)?;
            expected.chunks += manifest.chunks;
            expected.place_sum = expected.place_sum.wrapping_add(manifest.place_sum);
            expected.texts += manifest.texts;
            expected.text_sum = expected.text_sum.wrapping_add(manifest.text_sum);
        }
        let mut places = self.places.iter();
        while let Some((key, place)) =
            self.guarded("reading of a place", || places.next().transpose())?
        {
            // Those of a segment whose manifest was never written are put again; ignore them.
            if self.place(&place)?.segment <= self.indexed() {
                found.chunks += 1;
                found.add_place(&key, &place);
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
