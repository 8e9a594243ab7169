//! What a sync costs on this disk: the unit in which the latency of a durable answer is told.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use crate::fault::{Bench, BenchError};
use crate::paired::median;

/// Bytes appended before each sync: about one group of one command.
const APPENDED: usize = 512;

/// Median of `count` times that fdatasync takes after an append to a growing file, milliseconds.
///
/// # Errors
/// The file cannot be written.
pub fn growing_sync_ms(path: &Path, count: usize) -> Bench<f64> {
    let fault = || BenchError::io(format!("sync {}", path.display()));
    let mut file = File::create(path).map_err(fault())?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        file.write_all(&[7; APPENDED]).map_err(fault())?;
        let begun = Instant::now();
        file.sync_data().map_err(fault())?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(path).map_err(fault())?;
    Ok(median(&times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_takes_time_and_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        assert!(growing_sync_ms(&path, 3).expect("a time") > 0.0);
        assert!(!path.exists());
    }
}
