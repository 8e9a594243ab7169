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
        let begun = Instant::now();
        let rest = rest_after(worked);
        // A thread may be unparked for no reason.
        while let Some(left) = rest.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())
            && !self.hurried.load(SeqCst)
        {
            thread::park_timeout(left);
        }
        *resumed = Instant::now();
    }
}

/// What so much work is to rest.
fn rest_after(worked: Duration) -> Duration {
    worked.saturating_mul(RESTS).min(REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_rests_four_times_as_long_as_it_took_within_a_bound() {
        assert_eq!(rest_after(STRETCH), STRETCH * RESTS);
        assert_eq!(rest_after(Duration::from_secs(3_600)), REST_MAX);
    }

    #[test]
    fn a_step_rests_until_the_work_is_hurried() {
        let pace = Pace::until(Arc::default());
        let work = |pace: &Pace| {
            *pace.resumed.lock().unwrap() = Instant::now().checked_sub(STRETCH).unwrap();
            let begun = Instant::now();
            pace.step();
            begun.elapsed()
        };
        assert!(work(&pace) >= STRETCH * RESTS, "not cut short");
        // Whoever waits for a resting thread hurries it and unparks it.
        let resting = pace.clone();
        let thread = thread::spawn(move || {
            *resting.resumed.lock().unwrap() = Instant::now().checked_sub(REST_MAX).unwrap();
            resting.step();
        });
        pace.hurried.store(true, SeqCst);
        thread.thread().unpark();
        thread.join().unwrap();
    }
}
