//! A circuit breaker: whether an endpoint is worth asking, without clock, dice or network.
//!
//! Closed, all goes through, and the last 32 outcomes are remembered. When enough of them failed the
//! circuit opens: nobody asks for a while. Then one asks alone (half open): success closes the
//! circuit, failure opens it for twice as long. Only the line counts, not what the server says over
//! it: an overloaded server that answers is alive. Units: `Instant`, `Duration`; `dice` is uniform
//! in 0.0..1.0. Always true: a probe that never reports delays the next one, it does not prevent it.

use std::time::{Duration, Instant};

/// When a circuit opens and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures among the last 32 outcomes that open the circuit, if they are half of those known.
    /// More than 32: never.
    pub failures: u32,
    /// Longest first rest; it doubles while probes fail.
    pub first_rest: Duration,
    /// Longest rest of all.
    pub rest_max: Duration,
}

/// Outcomes that are remembered.
const REMEMBERED: u32 = u32::BITS;

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            // A restart of the server costs a lone session fewer.
            failures: 8,
            first_rest: Duration::from_millis(500),
            // A server that is back is found within these.
            rest_max: Duration::from_secs(5),
        }
    }
}

impl BreakerPolicy {
    /// Never opens.
    pub fn never() -> Self {
        Self { failures: u32::MAX, ..Self::default() }
    }
}

/// Whether to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Ask.
    Go,
    /// Do not ask for so long.
    Rest(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Circuit {
    Closed,
    Open {
        until: Instant,
    },
    /// Somebody asks for all; after `until` another one may.
    HalfOpen {
        until: Instant,
    },
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    circuit: Circuit,
    /// The last outcomes, newest in bit 0; a one is a failure.
    recent: u32,
    known: u32,
    /// Rests since the circuit was last closed.
    rests: u32,
    /// Failures in a row.
    in_a_row: u32,
}

impl Breaker {
    /// A closed one.
    pub const fn new(policy: BreakerPolicy) -> Self {
        let circuit = Circuit::Closed;
        Self { policy, circuit, recent: 0, known: 0, rests: 0, in_a_row: 0 }
    }

    /// Whether to ask now. Who is told to go reports the outcome.
    pub fn ask(&mut self, now: Instant) -> Leave {
        match self.circuit {
            Circuit::Closed => Leave::Go,
            Circuit::Open { until } | Circuit::HalfOpen { until } if now < until => {
                Leave::Rest(until - now)
            }
            Circuit::Open { .. } | Circuit::HalfOpen { .. } => {
                let until = now + self.rest();
                self.circuit = Circuit::HalfOpen { until };
                Leave::Go
            }
        }
    }

    /// The endpoint answered.
    pub const fn succeeded(&mut self) {
        if !matches!(self.circuit, Circuit::Closed) {
            self.circuit = Circuit::Closed;
            (self.recent, self.known, self.rests) = (0, 0, 0);
        }
        self.in_a_row = 0;
        self.remember(0);
    }

    /// The line failed, or nobody answered.
    pub fn failed(&mut self, now: Instant, dice: f64) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        match self.circuit {
            Circuit::Closed => {
                self.remember(1);
                let failures = self.recent.count_ones();
                if failures >= self.policy.failures && failures * 2 >= self.known {
                    self.open(now, dice);
                }
            }
            Circuit::HalfOpen { .. } => self.open(now, dice),
            // A straggler of the time before: nothing new.
            Circuit::Open { .. } => {}
        }
    }

    /// Failures since the last success.
    pub const fn failures_in_a_row(&self) -> u32 {
        self.in_a_row
    }

    fn open(&mut self, now: Instant, dice: f64) {
        let rest = self.rest();
        self.rests = self.rests.saturating_add(1);
        // Between a half and the whole, so that clients do not come back together.
        self.circuit = Circuit::Open { until: now + rest.mul_f64(0.5 + 0.5 * dice) };
    }

    fn rest(&self) -> Duration {
        self.policy.first_rest.saturating_mul(1 << self.rests.min(20)).min(self.policy.rest_max)
    }

    const fn remember(&mut self, failure: u32) {
        self.recent = self.recent << 1 | failure;
        if self.known < REMEMBERED {
            self.known += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(BreakerPolicy::default());
        (0..8).for_each(|_| breaker.failed(now, 1.0));
        breaker
    }

    #[test]
    fn it_opens_after_enough_failures_and_one_asks_for_all() {
        let now = Instant::now();
        let mut breaker = Breaker::new(BreakerPolicy::default());
        for _ in 0..7 {
            assert_eq!(breaker.ask(now), Leave::Go);
            breaker.failed(now, 1.0);
        }
        assert_eq!(breaker.ask(now), Leave::Go, "seven are not enough");
        breaker.failed(now, 1.0);
        assert_eq!(breaker.ask(now), Leave::Rest(500 * MS));
        let later = now + 500 * MS;
        assert_eq!(breaker.ask(later), Leave::Go, "the probe");
        assert!(matches!(breaker.ask(later), Leave::Rest(_)), "only one");
        breaker.failed(later, 1.0);
        assert_eq!(breaker.ask(later), Leave::Rest(1_000 * MS), "twice as long");
        let later = later + 1_000 * MS;
        assert_eq!(breaker.ask(later), Leave::Go);
        breaker.succeeded();
        assert_eq!((breaker.ask(later), breaker.failures_in_a_row()), (Leave::Go, 0));
        (0..7).for_each(|_| breaker.failed(later, 1.0));
        assert_eq!(breaker.ask(later), Leave::Go, "closed means forgotten");
    }

    #[test]
    fn failures_among_twice_as_many_successes_do_not_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::new(BreakerPolicy::default());
        for _ in 0..1_000 {
            breaker.succeeded();
            breaker.succeeded();
            breaker.failed(now, 0.5);
            assert_eq!(breaker.ask(now), Leave::Go);
        }
    }

    #[test]
    fn a_probe_that_never_reports_does_not_lock_the_door() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let probe = now + 500 * MS;
        assert_eq!(breaker.ask(probe), Leave::Go);
        assert_eq!(breaker.ask(probe + 1_000 * MS), Leave::Go, "another probe");
    }

    #[test]
    fn one_that_never_opens_never_opens() {
        let now = Instant::now();
        let mut breaker = Breaker::new(BreakerPolicy::never());
        (0..1_000).for_each(|_| breaker.failed(now, 1.0));
        assert_eq!(breaker.ask(now), Leave::Go);
    }

    proptest! {
        /// Whatever happens, nobody is sent away for longer than the longest rest.
        #[test]
        fn the_door_is_tried_again_in_time(
            steps in prop::collection::vec((0..3_u8, 0..2_000_u32, 0.0..1.0_f64), 1..200),
        ) {
            let policy = BreakerPolicy::default();
            let (mut now, mut breaker) = (Instant::now(), Breaker::new(policy));
            for (step, pause, dice) in steps {
                now += pause * MS;
                match step {
                    0 => breaker.succeeded(),
                    1 => breaker.failed(now, dice),
                    _ => {
                        if let Leave::Rest(rest) = breaker.ask(now) {
                            prop_assert!(rest <= policy.rest_max);
                            prop_assert_eq!(breaker.clone().ask(now + rest), Leave::Go);
                        }
                    }
                }
            }
            breaker.succeeded();
            prop_assert_eq!(breaker.ask(now), Leave::Go);
        }
    }
}
