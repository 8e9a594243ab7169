//! Engine time: the wall clock at start plus what CLOCK_BOOTTIME has counted since.
//!
//! So neither a hold nor a sale notices when somebody sets the wall clock while the node runs; how
//! far the two have drifted apart is a figure and, over a bound, an alarm.

use std::time::{SystemTime, UNIX_EPOCH};

use berth_inventory::{Millis, UnixMillis};
use rustix::time::{ClockId, clock_gettime};

/// Wall and engine time this far apart are an alarm, milliseconds.
pub const OFFSET_ALARM_MS: i64 = 250;

/// See the module.
#[derive(Clone, Debug)]
pub struct Clock {
    wall_at_start: UnixMillis,
    boot_at_start: u64,
}

impl Clock {
    /// Starts counting now, from what `berth_node::engine_start` says.
    pub fn start(at: UnixMillis) -> Self {
        Self { wall_at_start: at, boot_at_start: boottime() }
    }

    /// Engine time.
    pub fn now(&self) -> UnixMillis {
        self.wall_at_start.saturating_add(Millis(boottime().saturating_sub(self.boot_at_start)))
    }

    /// Engine time minus wall clock, milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.now().0.cast_signed() - wall().0.cast_signed()
    }
}

/// The wall clock.
pub fn wall() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(since.as_millis() as u64)
}

fn boottime() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec as u64 * 1_000 + time.tv_nsec as u64 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_time_never_runs_backward() {
        let clock = Clock::start(wall());
        let mut last = clock.now();
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
        let ahead = Clock::start(last.saturating_add(Millis(5_000)));
        assert!(ahead.now() >= last.saturating_add(Millis(5_000)));
    }
}
