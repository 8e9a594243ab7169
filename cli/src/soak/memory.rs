//! What its own server holds in memory, and whether that grows.
//!
//! Units: bytes, as `VmRSS` of `/proc` tells them. A server that was killed begins anew; the longest
//! life counts, and of that the second half, in which caches and pools are filled.

use std::time::Instant;

use serde::Serialize;

/// Looks in the second half of a life below which no slope is told.
const LOOKS_MIN: usize = 10;

/// How memory went.
#[derive(Debug, Serialize)]
pub struct MemoryView {
    /// At the begin and the end of the longest life, and the most there ever was.
    pub first_bytes: u64,
    pub last_bytes: u64,
    pub max_bytes: u64,
    /// Line through the second half of the longest life; null when that is too short for one.
    pub slope_bytes_per_minute: Option<i64>,
    /// How long that life was looked at.
    pub looked_ms: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Memory {
    begun: Instant,
    /// Seconds, bytes: of the life that is now, and of the longest before.
    now: Vec<(f64, u64)>,
    longest: Vec<(f64, u64)>,
    max: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { begun: Instant::now(), now: Vec::new(), longest: Vec::new(), max: 0 }
    }
}

impl Memory {
    /// Looks at this process.
    pub fn look(&mut self, pid: u32) {
        if let Some(bytes) = resident(pid) {
            self.take(self.begun.elapsed().as_secs_f64(), bytes);
        }
    }

    fn take(&mut self, at: f64, bytes: u64) {
        self.max = self.max.max(bytes);
        self.now.push((at, bytes));
    }

    /// From here on it is another process.
    pub fn another(&mut self) {
        let life = std::mem::take(&mut self.now);
        if life.len() > self.longest.len() {
            self.longest = life;
        }
    }

    /// What it came to; nothing, where nothing could be looked at.
    pub fn view(mut self) -> Option<MemoryView> {
        self.another();
        let (first, last) = (*self.longest.first()?, *self.longest.last()?);
        let half = &self.longest[self.longest.len() / 2..];
        Some(MemoryView {
            first_bytes: first.1,
            last_bytes: last.1,
            max_bytes: self.max,
            slope_bytes_per_minute: (half.len() >= LOOKS_MIN).then(|| slope(half)),
            looked_ms: ((last.0 - first.0) * 1_000.0) as u64,
        })
    }
}

/// Bytes a minute of the straight line with the least squares.
fn slope(points: &[(f64, u64)]) -> i64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, u64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (at, bytes) = (mean(|p| p.0), mean(|p| p.1 as f64));
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), point| {
        let x = point.0 - at;
        (above + x * (point.1 as f64 - bytes), below + x * x)
    });
    if below == 0.0 { 0 } else { (above / below * 60.0) as i64 }
}

fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_second_half_of_the_longest_life() {
        let mut memory = Memory::default();
        // Filling up, then a megabyte a minute.
        for second in 0..60 {
            let bytes = if second < 30 { second << 20 } else { (50 << 20) + (second << 20) / 60 };
            memory.take(second as f64, bytes);
        }
        memory.another();
        (60..70).for_each(|second| memory.take(second as f64, 1 << 20));
        let view = memory.view().unwrap();
        let slope = view.slope_bytes_per_minute.unwrap();
        assert!((slope - (1 << 20)).abs() < 2_000, "{slope}");
        assert_eq!((view.first_bytes, view.looked_ms), (0, 59_000));
        assert!(view.max_bytes > 50 << 20);
    }

    #[test]
    fn a_process_is_looked_at_and_one_that_is_not_there_is_not() {
        let mut memory = Memory::default();
        memory.look(std::process::id());
        memory.look(u32::MAX);
        let view = memory.view().unwrap();
        assert!(view.first_bytes > 1 << 20 && view.slope_bytes_per_minute.is_none(), "{view:?}");
        assert!(Memory::default().view().is_none());
    }
}
