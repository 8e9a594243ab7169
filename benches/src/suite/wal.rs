//! `wal`: what this disk takes for one durable write, without Berth.
//!
//! A write and an fdatasync, again and again, by one thread: into a file that was zeroed and synced
//! before, as a segment of the journal is, and at the end of a file that grows, which makes the file
//! system write its own journal too. The second is what the goals for one call in flight rest on.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::fault::{Bench, BenchError};
use crate::goal::number;
use crate::report::{Section, Table};
use crate::setup::Setup;

/// Sizes of a write, bytes.
const SIZES: [usize; 4] = [512, 4 << 10, 64 << 10, 1 << 20];
/// Bytes that one measurement writes at most: a zeroed file is this long.
const FILE_BYTES: u64 = 256 << 20;
/// Longest write that is told apart, nanoseconds.
const LONGEST_NS: u64 = 60_000_000_000;
/// Writes that are not counted: the first ones find the device asleep.
const WARM: usize = 20;

/// How the file is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Zeroed and synced before: the length never changes.
    Zeroed,
    /// Every write makes it longer.
    Growing,
}

impl Ground {
    const fn word(self) -> &'static str {
        match self {
            Self::Zeroed => "zeroed before",
            Self::Growing => "growing",
        }
    }
}

/// Times of write and fdatasync together, nanoseconds.
///
/// # Errors
/// The disk.
pub fn synced(dir: &Path, ground: Ground, size: usize, length: Duration) -> Bench<Histogram<u64>> {
    let path = dir.join(format!("wal-{size}"));
    let fault = || BenchError::io(format!("write {}", path.display()));
    let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(fault())?;
    if ground == Ground::Zeroed {
        zero(&file).map_err(fault())?;
    }
    let bytes = vec![0x5a; size];
    let mut times = Histogram::new_with_bounds(100, LONGEST_NS, 3).expect("sound bounds");
    let begun = Instant::now();
    let mut offset = 0;
    let mut count = 0;
    while (begun.elapsed() < length || count < 2 * WARM) && offset + size as u64 <= FILE_BYTES {
        let write = Instant::now();
        file.write_all_at(&bytes, offset).map_err(fault())?;
        file.sync_data().map_err(fault())?;
        if count >= WARM {
            times.saturating_record(write.elapsed().as_nanos() as u64);
        }
        offset += size as u64;
        count += 1;
    }
    drop(file);
    std::fs::remove_file(&path).map_err(fault())?;
    Ok(times)
}

fn zero(file: &File) -> std::io::Result<()> {
    let zeroes = vec![0; 1 << 20];
    for at in (0..FILE_BYTES).step_by(zeroes.len()) {
        file.write_all_at(&zeroes, at)?;
    }
    file.sync_all()
}

/// The suite.
///
/// # Errors
/// The disk.
pub fn run(setup: &Setup) -> Bench<Section> {
    let head = ["bytes", "file", "writes/s", "MiB/s", "p50 us", "p99 us", "p99.9 us"];
    let mut table = Table::new("", &head);
    for size in SIZES {
        for ground in [Ground::Zeroed, Ground::Growing] {
            let times = synced(setup.place.root(), ground, size, setup.seconds)?;
            let rate = 1e9 / times.mean();
            let us = |part: f64| number(times.value_at_percentile(part) as f64 / 1e3);
            table.row(vec![
                number(size as f64),
                ground.word().into(),
                number(rate),
                number(rate * size as f64 / f64::from(1 << 20)),
                us(50.0),
                us(99.0),
                us(99.9),
            ]);
        }
    }
    let mut notes = vec![
        "One thread: write, fdatasync, again. No group commit, no frame, no checksum.".to_owned(),
    ];
    if setup.place.in_memory() {
        notes.push("These files are in memory: the figures say nothing of a disk.".to_owned());
    }
    let title = "The disk".into();
    Ok(Section { suite: "wal", title, notes, tables: vec![table], plots: vec![] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_is_timed_and_nothing_stays() {
        let dir = tempfile::tempdir().unwrap();
        let times = synced(dir.path(), Ground::Growing, 512, Duration::ZERO).unwrap();
        assert_eq!(times.len(), WARM as u64);
        assert!(times.high() >= LONGEST_NS, "a slow one is not cut short: {}", times.high());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
