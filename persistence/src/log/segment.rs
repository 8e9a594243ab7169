//! Segment files: their names, and the footer that seals one.
//!
//! A segment is named by the number of its first frame, so that the name alone says where a
//! frame is and which number must come first. The footer repeats what the next frame would
//! (CRC and names of the last frame) and lists every run of the segment with its last version.

use std::path::{Path, PathBuf};

use berth_inventory::{RunId, RunIndex, Version};

use crate::disk::DiskPath;
use crate::file::{self, File, FileError};
use crate::frame::take_run_id;
use crate::section::Touch;
use crate::{Lsn, varint};

/// The name of the segment file that begins with frame `id`.
pub fn file_name(id: u64) -> String {
    format!("{id:020}.seg")
}

/// The id in a segment file's name; `None` for any other name.
pub fn segment_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    let shape = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    if shape { digits.parse().ok() } else { None }
}

/// Ids of the segments in `dir`, ascending.
pub fn list(dir: &DiskPath) -> Result<Vec<u64>, FileError> {
    Ok(file::names(dir)?.iter().filter_map(|name| segment_of(name)).collect())
}

/// The first frame kept in `dir`; 1 when nothing was ever deleted, or written.
pub fn first_kept(dir: &DiskPath) -> Result<Lsn, FileError> {
    Ok(Lsn(list(dir)?.first().copied().unwrap_or(1)))
}

/// Removes sealed segments whose frames are all before `lsn`, oldest first; bytes freed.
pub fn delete_before(dir: &DiskPath, lsn: Lsn) -> Result<u64, FileError> {
    let mut freed = 0;
    // A segment ends where the next one begins; the last one is being written, and stays.
    for pair in list(dir)?.windows(2).filter(|pair| pair[1] <= lsn.0) {
        let path = on_disk(dir, pair[0]);
        freed += File::read_only(&path)?.len()?;
        file::remove(&path)?;
    }
    if freed > 0 {
        file::sync_dir(dir)?;
    }
    Ok(freed)
}

/// Segment `id` in `dir`, to be opened.
pub fn on_disk(dir: &DiskPath, id: u64) -> DiskPath {
    dir.join(file_name(id))
}

/// Path of segment `id` in `dir`, to be told.
pub fn path(dir: &Path, id: u64) -> PathBuf {
    dir.join(file_name(id))
}

/// The runs a segment has touched so far and their versions at its end.
///
/// Dense by run index: a node numbers its runs from 0, one by one.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    last: Vec<Version>,
    created: Vec<(RunIndex, RunId)>,
}

/// One run of a sealed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tallied {
    /// The run.
    pub run: RunIndex,
    /// Its version at the end of the segment.
    pub last: Version,
    /// Its name, if its first event is in the segment.
    pub created: Option<RunId>,
}

impl Tally {
    /// Takes a span in.
    pub fn take(&mut self, touch: Touch) {
        let at = touch.run.0 as usize;
        if at >= self.last.len() {
            self.last.resize(at + 1, Version(0));
        }
        self.last[at] = touch.last;
        if let Some(run) = touch.created {
            self.created.push((touch.run, run));
        }
    }

    /// Empties it for the next segment.
    pub fn clear(&mut self) {
        self.last.clear();
        self.created.clear();
    }

    /// Appends first frame number, count, and per run: step from the one before doubled plus
    /// one if its name follows, version, name.
    pub fn put(&self, first: Lsn, out: &mut Vec<u8>) {
        let mut created = self.created.clone();
        created.sort_unstable();
        created.dedup_by_key(|(run, _)| *run);
        let mut created = created.into_iter().peekable();
        varint::put(out, first.0);
        varint::put(out, self.last.iter().filter(|v| v.0 > 0).count() as u64);
        let mut before = 0;
        for (run, last) in self.last.iter().enumerate().filter(|(_, v)| v.0 > 0) {
            let name = created.next_if(|(r, _)| r.0 as usize == run);
            varint::put(out, ((run - before) as u64) << 1 | u64::from(name.is_some()));
            before = run;
            varint::put(out, last.0);
            if let Some((_, name)) = name {
                out.extend_from_slice(name.train.bytes());
                out.extend_from_slice(&name.start_date.days().to_le_bytes());
            }
        }
    }

    /// Reads a footer's payload: first frame number and the runs, ascending.
    pub fn read(mut bytes: &[u8]) -> Option<(Lsn, Vec<Tallied>)> {
        let bytes = &mut bytes;
        let first = Lsn(varint::take(bytes)?);
        let count: usize = varint::take_as(bytes)?;
        if count > bytes.len() {
            return None;
        }
        let mut runs = Vec::with_capacity(count);
        let mut run = 0_u32;
        for _ in 0..count {
            let word = varint::take(bytes)?;
            run = run.checked_add(u32::try_from(word >> 1).ok()?)?;
            let last = Version(varint::take(bytes)?);
            let created = if word & 1 == 1 { Some(take_run_id(bytes)?) } else { None };
            runs.push(Tallied { run: RunIndex(run), last, created });
        }
        bytes.is_empty().then_some((first, runs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_are_inverse() {
        for id in [1, 17, u64::MAX] {
            assert_eq!(segment_of(&file_name(id)), Some(id));
        }
        for other in ["1.seg", "next", "+0000000000000000001.seg", "x.seg", ""] {
            assert_eq!(segment_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_tally_survives() {
        let run =
            RunId { train: "12951".parse().unwrap(), start_date: berth_inventory::Date::default() };
        let mut tally = Tally::default();
        tally.take(Touch { run: RunIndex(3), last: Version(2), created: Some(run) });
        tally.take(Touch { run: RunIndex(0), last: Version(9), created: None });
        tally.take(Touch { run: RunIndex(3), last: Version(5), created: None });
        let mut out = Vec::new();
        tally.put(Lsn(7), &mut out);
        let expected = vec![
            Tallied { run: RunIndex(0), last: Version(9), created: None },
            Tallied { run: RunIndex(3), last: Version(5), created: Some(run) },
        ];
        assert_eq!(Tally::read(&out), Some((Lsn(7), expected)));
        for cut in 0..out.len() {
            assert_eq!(Tally::read(&out[..cut]), None, "cut at {cut}");
        }
    }
}
