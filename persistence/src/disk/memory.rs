//! A disk in memory that does what its owner says: for tests and simulation.
//!
//! It has no clock, no thread and no chance of its own. What is written is there for readers at
//! once; a power cut takes back any part of what was not synced, sector by sector, as the owner
//! draws. Name changes (create, rename, remove) are ordered among each other, as on a file system
//! with a journal: a power cut takes back the last of them, never one from the middle. A sync that
//! failed has marked its sectors clean: no later sync makes them survive.

mod content;
mod faults;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile, DiskPath, Open};
use content::Content;
pub use faults::{DiskCounts, DiskFault};
use faults::{Kind, Outcome};

/// Draws a number below its argument, which is never 0.
pub type Draw<'a> = &'a mut dyn FnMut(u64) -> u64;

/// The names on a disk.
#[derive(Clone, Debug, Default)]
struct Names {
    dirs: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, u64>,
}

/// A name change that is not synced.
#[derive(Clone, Debug)]
enum Change {
    Dir(PathBuf),
    File(PathBuf, u64),
    Removed(PathBuf),
    Renamed(PathBuf, PathBuf),
}

impl Change {
    /// In which directory.
    fn dir(&self) -> Option<&Path> {
        let (Self::Dir(path) | Self::File(path, _) | Self::Removed(path)) = self else {
            let Self::Renamed(_, to) = self else { return None };
            return to.parent();
        };
        path.parent()
    }
}

impl Names {
    fn take(&mut self, change: Change) {
        match change {
            Change::Dir(path) => {
                self.dirs.insert(path);
            }
            Change::File(path, number) => {
                self.files.insert(path, number);
            }
            Change::Removed(path) => {
                self.files.remove(&path);
            }
            Change::Renamed(from, to) => {
                if let Some(number) = self.files.remove(&from) {
                    self.files.insert(to, number);
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
struct State {
    sector: usize,
    /// Files by number, which no name change touches.
    files: BTreeMap<u64, Content>,
    next: u64,
    /// What is seen now.
    names: Names,
    /// What a power cut leaves for certain.
    kept: Names,
    unsynced: Vec<Change>,
    /// Power cuts so far: a file opened before one is of a process that is gone.
    life: u64,
    capacity: Option<u64>,
    faults: faults::Faults,
}

impl State {
    fn change(&mut self, change: Change) {
        self.names.take(change.clone());
        self.unsynced.push(change);
    }

    fn used(&self) -> u64 {
        self.files.values().map(|content| content.live().len() as u64).sum()
    }

    /// Forgets files without a name that nobody has open.
    fn sweep(&mut self) {
        let Self { files, names, kept, unsynced, .. } = self;
        let named = |number: &u64| {
            let mut seen = names.files.values().chain(kept.files.values());
            seen.any(|n| n == number)
                || unsynced.iter().any(|c| matches!(c, Change::File(_, n) if n == number))
        };
        files.retain(|number, content| content.open > 0 || named(number));
    }

    fn is_dir(&self, path: &Path) -> bool {
        is_where_paths_begin(path) || self.names.dirs.contains(path)
    }

    fn number(&self, path: &Path) -> io::Result<u64> {
        self.names.files.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// That directory is always there.
fn is_where_paths_begin(dir: &Path) -> bool {
    dir.as_os_str().is_empty() || dir == Path::new("/")
}

/// See the module. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct MemoryDisk(Arc<Mutex<State>>);

impl MemoryDisk {
    /// An empty disk that writes sectors of `sector` bytes whole or not at all.
    pub fn new(sector: usize) -> Self {
        assert!(sector > 0, "a sector has bytes");
        Self(Arc::new(Mutex::new(State {
            sector,
            files: BTreeMap::new(),
            next: 1,
            names: Names::default(),
            kept: Names::default(),
            unsynced: Vec::new(),
            life: 0,
            capacity: None,
            faults: faults::Faults::default(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `path` on this disk.
    pub fn path(&self, path: impl Into<PathBuf>) -> DiskPath {
        DiskPath::new(Arc::new(self.clone()), path)
    }

    /// Another disk with the same content, faults and all. Files that are open stay with this one.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut state = self.state().clone();
        state.files.values_mut().for_each(|content| content.open = 0);
        Self(Arc::new(Mutex::new(state)))
    }

    /// The power goes: what was synced survives, and of the rest what `draw` leaves. Open files
    /// answer with an error from now on.
    pub fn power_cut(&self, draw: Draw<'_>) {
        let mut state = self.state();
        let State { sector, files, names, kept, unsynced, faults, .. } = &mut *state;
        let left = draw(unsynced.len() as u64 + 1) as usize;
        faults.counts.lost_names += (unsynced.len() - left) as u64;
        unsynced.drain(..).take(left).for_each(|change| kept.take(change));
        let Names { dirs, files: named } = kept;
        let there = |dir: &Path| is_where_paths_begin(dir) || dirs.contains(dir);
        named.retain(|path, _| path.parent().is_none_or(there));
        names.clone_from(kept);
        for content in files.values_mut() {
            let (lost, torn) = content.power_cut(*sector, draw);
            faults.counts.lost_sectors += lost;
            faults.counts.torn_files += u64::from(torn);
            content.open = 0;
        }
        faults.counts.power_cuts += 1;
        state.life += 1;
        state.sweep();
    }

    /// Flips one bit of a file, where readers and a power cut find it. False when it has fewer.
    pub fn flip(&self, path: &Path, bit: u64) -> bool {
        let mut state = self.state();
        let Ok(number) = state.number(path) else { return false };
        let flipped = state.files.get_mut(&number).is_some_and(|content| content.flip(bit));
        state.faults.counts.flips += u64::from(flipped);
        flipped
    }

    /// Every file below `dir` and its bytes, by name.
    pub fn files(&self, dir: &Path) -> Vec<(PathBuf, u64)> {
        let state = self.state();
        let below = state.names.files.iter().filter(|(path, _)| path.starts_with(dir));
        below.map(|(path, n)| (path.clone(), state.files[n].live().len() as u64)).collect()
    }

    /// What a file holds.
    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        Some(state.files.get(&state.number(path).ok()?)?.live().to_vec())
    }

    /// The next fitting touch of a file below `dir` meets `fault`, once.
    pub fn arm(&self, dir: &Path, fault: DiskFault) {
        self.state().faults.arm(dir, fault);
    }

    /// Takes back faults that were armed and met nobody; how many.
    pub fn disarm(&self) -> usize {
        self.state().faults.disarm()
    }

    /// Whoever uses the disk dies after so many changes more: nothing is done from then on, as if
    /// nobody came any more.
    pub fn die_after(&self, changes: u64) {
        self.state().faults.lives = Some(changes);
    }

    /// Somebody else uses the disk from now on; whether the one before had died.
    pub fn revive(&self) -> bool {
        let mut state = self.state();
        state.faults.lives = None;
        core::mem::take(&mut state.faults.died)
    }

    /// From now on it holds so many bytes and no more; `None` = any.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Bytes in all files.
    pub fn used(&self) -> u64 {
        self.state().used()
    }

    /// How long a sync takes from now on, in milliseconds of the owner's time.
    pub fn set_sync_ms(&self, ms: u64) {
        self.state().faults.sync_ms = ms;
    }

    /// Milliseconds that syncs took since this was last asked.
    pub fn take_waited_ms(&self) -> u64 {
        core::mem::take(&mut self.state().faults.waited_ms)
    }

    /// What was done and what went wrong so far.
    pub fn counts(&self) -> DiskCounts {
        self.state().faults.counts
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.faults.alive(how == Open::Create)?;
        let number = match (state.number(path), how) {
            (_, Open::Direct) => return Err(io::ErrorKind::Unsupported.into()),
            (Ok(_), Open::Create) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Err(_), Open::Create) => {
                if !path.parent().is_some_and(|dir| state.is_dir(dir)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                let number = state.next;
                state.next += 1;
                state.files.insert(number, Content::default());
                state.change(Change::File(path.to_owned(), number));
                number
            }
            (found, Open::Read | Open::Write) => found?,
        };
        let life = state.life;
        if let Some(content) = state.files.get_mut(&number) {
            content.open += 1;
        }
        let path = path.to_owned();
        Ok(Box::new(MemoryFile {
            disk: self.clone(),
            number,
            path,
            life,
            writes: how != Open::Read,
        }))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.faults.alive(true)?;
        if state.is_dir(dir) || state.names.files.contains_key(dir) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !dir.parent().is_some_and(|above| state.is_dir(above)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change(Change::Dir(dir.to_owned()));
        Ok(())
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.state().is_dir(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.faults.alive(true)?;
        if !state.is_dir(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if let Outcome::Fail = state.faults.meets(Kind::Sync, dir) {
            return Err(io::Error::other("injected"));
        }
        let unsynced = core::mem::take(&mut state.unsynced);
        for change in unsynced {
            if change.dir() == Some(dir) {
                state.kept.take(change);
            } else {
                state.unsynced.push(change);
            }
        }
        state.faults.synced();
        state.sweep();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.faults.alive(true)?;
        state.number(from)?;
        state.change(Change::Renamed(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.faults.alive(true)?;
        state.number(path)?;
        state.change(Change::Removed(path.to_owned()));
        Ok(())
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.faults.alive(false)?;
        if !state.is_dir(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let all = state.names.files.keys().chain(&state.names.dirs);
        let here = all.filter(|path| path.parent() == Some(dir));
        Ok(here.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn free_space(&self, _: &Path) -> io::Result<u64> {
        let state = self.state();
        Ok(state.capacity.map_or(u64::MAX, |bytes| bytes.saturating_sub(state.used())))
    }

    fn has_threads(&self) -> bool {
        false
    }
}

/// An open file of a [`MemoryDisk`].
#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    number: u64,
    path: PathBuf,
    life: u64,
    writes: bool,
}

impl MemoryFile {
    fn with<T>(
        &self,
        kind: Kind,
        touch: impl FnOnce(&mut State, Outcome) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.disk.state();
        if state.life != self.life {
            return Err(io::Error::other("the power was cut since this file was opened"));
        }
        if kind.writes() && !self.writes {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        state.faults.alive(kind.changes())?;
        let outcome = state.faults.meets(kind, &self.path);
        touch(&mut state, outcome)
    }
}

impl State {
    fn content(&mut self, number: u64) -> io::Result<&mut Content> {
        self.files.get_mut(&number).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// How many of `bytes` more bytes there is room for.
    fn room(&mut self, bytes: u64) -> u64 {
        let room = self.capacity.map_or(u64::MAX, |all| all.saturating_sub(self.used()));
        self.faults.counts.full += u64::from(bytes > room);
        bytes.min(room)
    }
}

impl DiskFile for MemoryFile {
    fn bytes(&self) -> io::Result<u64> {
        self.with(Kind::Look, |state, _| Ok(state.content(self.number)?.live().len() as u64))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(Kind::Read, |state, outcome| match outcome {
            Outcome::Fail => Err(io::Error::other("injected")),
            Outcome::Go | Outcome::Stop(_) => {
                let live = state.content(self.number)?.live();
                let rest = live.get(offset as usize..).unwrap_or_default();
                let read = rest.len().min(buffer.len());
                buffer[..read].copy_from_slice(&rest[..read]);
                Ok(read)
            }
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.with(Kind::Write, |state, outcome| {
            let wanted = match outcome {
                Outcome::Fail => return Err(io::Error::other("injected")),
                Outcome::Stop(first) => first.clamp(1, bytes.len().max(1)).min(bytes.len()),
                Outcome::Go => bytes.len(),
            };
            let sector = state.sector;
            let there = state.content(self.number)?.live().len() as u64;
            let grows = (offset + wanted as u64).saturating_sub(there);
            let short = (grows - state.room(grows)) as usize;
            if short >= wanted && wanted > 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let written = &bytes[..wanted - short];
            state.content(self.number)?.write(sector, offset as usize, written);
            Ok(written.len())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(Kind::Sync, |state, outcome| {
            let sector = state.sector;
            state.faults.synced();
            let content = state.content(self.number)?;
            if let Outcome::Fail = outcome {
                content.fail_sync();
                return Err(io::Error::other("injected"));
            }
            content.sync(sector);
            Ok(())
        })
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.with(Kind::Write, |state, outcome| {
            if let Outcome::Fail = outcome {
                return Err(io::Error::other("injected"));
            }
            let sector = state.sector;
            state.content(self.number)?.set_len(sector, bytes as usize);
            Ok(())
        })
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.life == self.life
            && let Some(content) = state.files.get_mut(&self.number)
        {
            content.open = content.open.saturating_sub(1);
        }
    }
}
