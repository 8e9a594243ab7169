//! A pace for work that nobody waits for: it takes a part of a core, whatever there is to do.
//!
//! Always true: without a pace, and once hurried, work goes on at once.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Work at a stretch, at least.
const STRETCH: Duration = Duration::from_millis(4);
/// Rest for each stretch of work: the work takes a fifth of a core.
const RESTS: u32 = 4;
/// Rest at once, at most: what is counted as work may have been a disk's.
const REST_MAX: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Clone, Debug)]
pub struct Pace {
    resumed: Arc<Mutex<Instant>>,
    hurried: Arc<AtomicBool>,
}

impl Pace {
    /// A pace that is kept until `hurried` is set (and the resting thread unparked).
    pub fn until(hurried: Arc<AtomicBool>) -> Self {
        Self { resumed: Arc::new(Mutex::new(Instant::now())), hurried }
    }

    /// To be called every few milliseconds of work: rests when it is time.
    pub fn step(&self) {
        let mut resumed = self.resumed.lock().unwrap_or_else(PoisonError::into_inner);
        let worked = resumed.elapsed();
        if worked < STRETCH {
            return;
        }
        if !self.hurried.load(SeqCst) {
            thread::park_timeout((worked * RESTS).min(REST_MAX));
        }
        *resumed = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_rests_four_times_as_long_as_it_took_unless_it_is_hurried() {
        let hurried = Arc::new(AtomicBool::new(false));
        let pace = Pace::until(Arc::clone(&hurried));
        let step = |worked: Duration| {
            *pace.resumed.lock().unwrap() = Instant::now().checked_sub(worked).unwrap();
            let begun = Instant::now();
            pace.step();
            begun.elapsed()
        };
        assert!(step(STRETCH) >= STRETCH * RESTS);
        hurried.store(true, SeqCst);
        let hour = Duration::from_secs(3_600);
        assert!(step(hour) < REST_MAX, "nobody rests any more");
    }
}
