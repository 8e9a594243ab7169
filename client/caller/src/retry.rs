//! When to try again: a pure function of what happened, without clock, dice or network.
//!
//! A mutation is always retried with its own request id, so a retry never does harm; it may still do
//! harm to an overloaded server. Hence: the server's pushback is obeyed, waits grow and are spread
//! by dice over their whole length, and a budget lets a client add at most a tenth to its own load
//! (gRFC A6 throttling). RESOURCE_EXHAUSTED without a hint when to return is final: only a server
//! that says so expects the retry (as in OTLP); it is also what a message too large is answered.
//! Units: durations as `Duration`; `dice` is uniform in 0.0..1.0.

use std::time::Duration;

/// What went wrong, as far as retries care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// RESOURCE_EXHAUSTED.
    Overloaded,
    /// UNAVAILABLE, or the connection broke.
    Unavailable,
    /// No answer in time; it may have taken effect.
    Deadline,
    /// Anything else: the same message would fail again.
    Final,
}

/// What the server says about when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushback {
    /// Nothing.
    None,
    /// After this time.
    After(Duration),
    /// Not at all.
    Never,
}

/// Why no further try is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// The same message would fail again.
    Final,
    /// The server forbids it, or is over a limit and does not say when to come back.
    Forbidden,
    /// As many tries as allowed were made.
    Attempts,
    /// The budget is spent.
    Budget,
    /// The wait would end after the caller's patience.
    Patience,
}

/// What to do after a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait so long, then send the same message again.
    Retry(Duration),
    /// Tell the caller.
    GiveUp(GiveUp),
}

/// Bounds of trying again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Tries in all, the first included.
    pub attempts_max: u32,
    /// Longest first wait.
    pub first_wait: Duration,
    /// Longest wait of all that the server did not ask for.
    pub wait_max: Duration,
    /// Time from the first try after which no further one begins.
    pub patience: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts_max: 8,
            first_wait: Duration::from_millis(50),
            wait_max: Duration::from_secs(2),
            // A hold lives five minutes: a backend that waits half a minute for its confirm has not
            // lost it.
            patience: Duration::from_secs(30),
        }
    }
}

impl Policy {
    /// Never tries twice.
    pub fn never() -> Self {
        Self { attempts_max: 1, ..Self::default() }
    }

    /// What to do after try number `attempt` (from 1) failed, `waited` after the first began.
    pub fn next(
        &self,
        attempt: u32,
        waited: Duration,
        trouble: Trouble,
        pushback: Pushback,
        dice: f64,
        budget: &mut Budget,
    ) -> Next {
        let spent = match trouble {
            Trouble::Final => return Next::GiveUp(GiveUp::Final),
            Trouble::Overloaded | Trouble::Unavailable | Trouble::Deadline => budget.spend(),
        };
        match (pushback, trouble) {
            (Pushback::Never, _) | (Pushback::None, Trouble::Overloaded) => {
                return Next::GiveUp(GiveUp::Forbidden);
            }
            _ => {}
        }
        if attempt >= self.attempts_max {
            return Next::GiveUp(GiveUp::Attempts);
        }
        if !spent {
            return Next::GiveUp(GiveUp::Budget);
        }
        let wait = match pushback {
            // A tenth more at most, so that those who were sent away together do not return together.
            Pushback::After(asked) => asked + asked.mul_f64(0.1 * dice),
            Pushback::None | Pushback::Never => self.own_wait(attempt).mul_f64(dice),
        };
        if waited + wait >= self.patience {
            return Next::GiveUp(GiveUp::Patience);
        }
        Next::Retry(wait)
    }

    /// The longest wait after try number `attempt`, doubling from `first_wait` up to `wait_max`.
    fn own_wait(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(20);
        self.first_wait.saturating_mul(1 << doublings).min(self.wait_max)
    }
}

/// Tokens that retries cost and successes earn: at most one retry to ten successes in the long run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    tokens: f64,
}

/// Tokens of a fresh budget, and most it ever has: retries are free until half are gone, which lets
/// a small client ride out a restart.
const BUDGET_MAX: f64 = 100.0;
/// Tokens that one success earns.
const BUDGET_EARNED: f64 = 0.1;

impl Default for Budget {
    fn default() -> Self {
        Self { tokens: BUDGET_MAX }
    }
}

impl Budget {
    /// A try succeeded.
    pub fn earn(&mut self) {
        self.earn_many(1);
    }

    /// So many tries succeeded.
    pub fn earn_many(&mut self, successes: usize) {
        self.tokens = (self.tokens + BUDGET_EARNED * successes as f64).min(BUDGET_MAX);
    }

    /// A try failed; whether a retry may follow (gRFC A6: while more than half is left).
    fn spend(&mut self) -> bool {
        self.tokens = (self.tokens - 1.0).max(0.0);
        self.tokens > BUDGET_MAX / 2.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NO_WAIT: Duration = Duration::ZERO;

    fn next(attempt: u32, trouble: Trouble, pushback: Pushback) -> Next {
        Policy::default().next(attempt, NO_WAIT, trouble, pushback, 0.5, &mut Budget::default())
    }

    #[test]
    fn what_follows_a_failed_try() {
        let ms = Duration::from_millis;
        let table = [
            (1, Trouble::Unavailable, Pushback::None, Next::Retry(ms(25))),
            (2, Trouble::Unavailable, Pushback::None, Next::Retry(ms(50))),
            (4, Trouble::Deadline, Pushback::None, Next::Retry(ms(200))),
            (1, Trouble::Overloaded, Pushback::After(ms(400)), Next::Retry(ms(420))),
            (1, Trouble::Overloaded, Pushback::Never, Next::GiveUp(GiveUp::Forbidden)),
            (1, Trouble::Unavailable, Pushback::Never, Next::GiveUp(GiveUp::Forbidden)),
            (1, Trouble::Overloaded, Pushback::None, Next::GiveUp(GiveUp::Forbidden)),
            (8, Trouble::Unavailable, Pushback::None, Next::GiveUp(GiveUp::Attempts)),
            (1, Trouble::Final, Pushback::None, Next::GiveUp(GiveUp::Final)),
            (
                1,
                Trouble::Overloaded,
                Pushback::After(Duration::from_secs(60)),
                Next::GiveUp(GiveUp::Patience),
            ),
        ];
        for (attempt, trouble, pushback, expected) in table {
            assert_eq!(next(attempt, trouble, pushback), expected, "{attempt} {trouble:?}");
        }
    }

    #[test]
    fn waits_never_exceed_their_bound() {
        let policy = Policy { attempts_max: u32::MAX, ..Policy::default() };
        for attempt in [1, 2, 7, 40, u32::MAX - 1] {
            let (waited, mut budget) = (NO_WAIT, Budget::default());
            let step = policy.next(
                attempt,
                waited,
                Trouble::Unavailable,
                Pushback::None,
                0.999,
                &mut budget,
            );
            assert!(matches!(step, Next::Retry(wait) if wait <= policy.wait_max), "{step:?}");
        }
    }

    #[test]
    fn a_dead_server_is_not_hammered_by_many_calls() {
        let (policy, mut budget) = (Policy::default(), Budget::default());
        let mut retries = 0;
        for _ in 0..1_000 {
            let step =
                policy.next(1, NO_WAIT, Trouble::Unavailable, Pushback::None, 0.5, &mut budget);
            retries += u32::from(matches!(step, Next::Retry(_)));
        }
        assert_eq!(retries, 49, "half the budget, then only first tries");
        (0..600).for_each(|_| budget.earn());
        let step = policy.next(1, NO_WAIT, Trouble::Deadline, Pushback::None, 0.5, &mut budget);
        assert!(matches!(step, Next::Retry(_)), "successes earn retries again");
    }

    fn troubles() -> impl Strategy<Value = Trouble> {
        use Trouble::{Deadline, Final, Overloaded, Unavailable};
        prop::sample::select(vec![Overloaded, Unavailable, Deadline, Final])
    }

    fn pushbacks() -> impl Strategy<Value = Pushback> {
        prop_oneof![
            Just(Pushback::None),
            Just(Pushback::Never),
            (0..90_000_u64).prop_map(|ms| Pushback::After(Duration::from_millis(ms))),
        ]
    }

    proptest! {
        /// No retry before the server's time, after the caller's patience, or beyond the tries.
        #[test]
        fn a_retry_keeps_every_bound(
            attempt in 1..12_u32,
            waited_ms in 0..40_000_u64,
            trouble in troubles(),
            pushback in pushbacks(),
            dice in 0.0..1.0_f64,
        ) {
            let (policy, waited) = (Policy::default(), Duration::from_millis(waited_ms));
            let mut budget = Budget::default();
            let step = policy.next(attempt, waited, trouble, pushback, dice, &mut budget);
            if let Next::Retry(wait) = step {
                prop_assert!(attempt < policy.attempts_max && trouble != Trouble::Final);
                prop_assert!(waited + wait < policy.patience);
                match pushback {
                    Pushback::After(asked) => prop_assert!((asked..=asked * 2).contains(&wait)),
                    Pushback::None => prop_assert!(wait <= policy.wait_max),
                    Pushback::Never => prop_assert!(false, "the server said never"),
                }
            }
        }

        /// Retries are at most the free ones and a tenth of the successes.
        #[test]
        fn a_budget_bounds_retries_by_successes(tries in prop::collection::vec(any::<bool>(), 1..3_000)) {
            let (mut budget, mut retries, mut successes) = (Budget::default(), 0_u32, 0_u32);
            for failed in tries {
                if failed {
                    retries += u32::from(budget.spend());
                } else {
                    budget.earn();
                    successes += 1;
                }
            }
            prop_assert!(f64::from(retries) <= 50.0 + 0.1 * f64::from(successes) + 1e-6);
        }
    }
}
