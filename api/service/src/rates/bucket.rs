//! A bucket of tokens as one number: the instant at which it will be full again (GCRA).

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;

use super::Rate;

const SECOND: u64 = 1_000_000_000;

/// See the module; nanoseconds since the start. It begins full.
#[derive(Debug, Default)]
pub(super) struct Bucket(AtomicU64);

impl Bucket {
    /// Takes one token, or says how long there will be none. `may_overdraw`: down to a burst below
    /// none.
    pub fn take(&self, rate: Rate, may_overdraw: bool, now: u64) -> Result<(), Duration> {
        let interval = SECOND / u64::from(rate.per_second);
        let depth = u64::from(rate.burst) * interval * (1 + u64::from(may_overdraw));
        let mut full_at = self.0.load(Relaxed);
        loop {
            let next = full_at.max(now) + interval;
            if next > now + depth {
                return Err(Duration::from_nanos(next - now - depth));
            }
            match self.0.compare_exchange_weak(full_at, next, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => full_at = other,
            }
        }
    }

    /// Whether it is as good as new.
    pub fn is_full(&self, now: u64) -> bool {
        self.0.load(Relaxed) <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 100, burst: 20 };

    fn granted(bucket: &Bucket, may_overdraw: bool, now: u64) -> usize {
        (0..1_000).take_while(|_| bucket.take(RATE, may_overdraw, now).is_ok()).count()
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let bucket = Bucket::default();
        assert_eq!(granted(&bucket, false, 0), 20);
        assert_eq!(granted(&bucket, true, 0), 20, "what is held already may overdraw");
        assert_eq!(granted(&bucket, true, 0), 0);
        assert_eq!(granted(&bucket, false, SECOND / 5), 0, "the debt comes first");
        assert!(!bucket.is_full(SECOND / 5));
        assert_eq!(granted(&bucket, false, SECOND * 3 / 10), 10);
        assert!(bucket.is_full(SECOND));
        let a_minute: usize =
            (1..=60_000).map(|ms| granted(&bucket, false, SECOND + ms * SECOND / 1_000)).sum();
        // The first token of the minute may be ripe just before it.
        assert!((6_019..=6_020).contains(&a_minute), "{a_minute}");
    }

    #[test]
    fn the_wait_that_is_told_is_enough() {
        let bucket = Bucket::default();
        let now = 5 * SECOND;
        granted(&bucket, false, now);
        let wait = bucket.take(RATE, false, now).expect_err("spent").as_nanos() as u64;
        assert!(bucket.take(RATE, false, now + wait - 1).is_err());
        assert!(bucket.take(RATE, false, now + wait).is_ok());
    }
}
