//! Zeroes the next segment ahead, on a thread of its own, at a bounded rate (on a disk without
//! threads: at once).
//!
//! Why: fdatasync into a file already written with zeros changes no size and no extent, and is
//! half again as fast. The writer never waits for it: without a prepared file it goes on in one
//! that grows. The file is called `next` until the writer gives it its name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::disk::DiskPath;
use crate::file::{self, BLOCK_BYTES, File, FileError};

/// Bytes written at a time.
const CHUNK_BYTES: u64 = 1 << 20;

/// The name of the file while it is prepared.
pub fn next_path(dir: &DiskPath) -> DiskPath {
    dir.join("next")
}

/// A segment being zeroed.
pub struct Preparation {
    stop: Arc<AtomicBool>,
    work: Option<Work>,
}

type Zeroed = Result<Option<File>, FileError>;

enum Work {
    Thread(JoinHandle<Zeroed>),
    Done(Zeroed),
}

impl Preparation {
    /// Begins to zero `bytes` in `dir` at `bytes_per_second`; `None` when no thread can be had.
    pub fn begin(dir: &DiskPath, bytes: u64, bytes_per_second: u64) -> Option<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        if !dir.disk().has_threads() {
            let work = Some(Work::Done(zero(dir, bytes, None, &stop)));
            return Some(Self { stop, work });
        }
        let (dir, stopped) = (dir.clone(), Arc::clone(&stop));
        let work = move || zero(&dir, bytes, Some(bytes_per_second), &stopped);
        let thread = thread::Builder::new().name("berth-zero".into()).spawn(work).ok()?;
        Some(Self { stop, work: Some(Work::Thread(thread)) })
    }

    /// Whether it is done, one way or the other.
    pub fn is_finished(&self) -> bool {
        match &self.work {
            Some(Work::Thread(thread)) => thread.is_finished(),
            Some(Work::Done(_)) | None => true,
        }
    }

    /// The zeroed file, nothing when there is too little space for it, or what failed. Waits for
    /// the thread.
    pub fn take(mut self) -> Zeroed {
        match self.work.take() {
            // A panic there is a segment less zeroed, nothing more.
            Some(Work::Thread(thread)) => thread.join().unwrap_or(Ok(None)),
            Some(Work::Done(zeroed)) => zeroed,
            None => Ok(None),
        }
    }
}

impl Drop for Preparation {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Work::Thread(thread)) = self.work.take() {
            // What it says no longer matters; only its file must not be written any more.
            drop(thread.join());
        }
    }
}

/// Zeroes at once where there is no rate.
fn zero(dir: &DiskPath, bytes: u64, rate: Option<u64>, stop: &AtomicBool) -> Zeroed {
    let path = next_path(dir);
    if file::free_space(dir)? < bytes.saturating_mul(4) {
        return Ok(None);
    }
    match file::remove(&path) {
        Err(fault) if !fault.is_not_found() => return Err(fault),
        _ => {}
    }
    let file = File::create(&path)?;
    // Past the page cache where that can be: no processor copies zeros, no cache holds them.
    let direct = File::direct(&path).ok();
    let zeros = vec![0; CHUNK_BYTES as usize + BLOCK_BYTES];
    let zeros = &zeros[zeros.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES)..];
    let pace = rate.map(|rate| (rate.max(1), Instant::now()));
    let mut done = 0;
    while done < bytes {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let chunk = CHUNK_BYTES.min(bytes - done);
        let zeros = &zeros[..chunk as usize];
        let is_direct = direct.as_ref().is_some_and(|direct| direct.write_at(zeros, done).is_ok());
        if !is_direct {
            file.write_at(zeros, done)?;
            // At once: the writer's sync shall not find a burst before it at the disk.
            file.sync_data()?;
        }
        done += chunk;
        if let Some((rate, begun)) = pace {
            let due = Duration::from_secs_f64(done as f64 / rate as f64);
            thread::park_timeout(due.saturating_sub(begun.elapsed()));
        }
    }
    file.sync_data()?;
    Ok(Some(file))
}
