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
    /// Starts counting now.
    pub fn start() -> Self {
        Self { wall_at_start: wall(), boot_at_start: boottime() }
    }

    /// Engine time.
    pub fn now(&self) -> UnixMillis {
        self.wall_at_start.saturating_add(Millis(boottime().saturating_sub(self.boot_at_start)))
    }

    /// Engine time minus wall clock, milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.now().0 as i64 - wall().0 as i64
    }
}

/// The wall clock.
pub fn wall() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(since.as_millis() as u64)
}

/// Whether the kernel says that its clock follows a reference; `None` when it does not say.
pub fn is_synchronised() -> Option<bool> {
    // systemd-timesyncd and chrony both leave this mark; reading adjtimex needs no-safe code.
    std::path::Path::new("/run/systemd/timesync/synchronized").try_exists().ok().filter(|b| *b)
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
        let clock = Clock::start();
        let mut last = clock.now();
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
        assert!(clock.offset_ms().abs() < OFFSET_ALARM_MS);
    }
}
