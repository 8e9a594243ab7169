//! What a client knows of one endpoint: the retry budget and the circuit breaker, behind one lock.
//!
//! All calls, streams and sessions of a client share it. The lock is held for arithmetic only.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use berth_caller::breaker::{Breaker, BreakerPolicy, Leave};
use berth_caller::retry::Budget;

use crate::error::ClientError;

/// See the module.
#[derive(Debug)]
pub(crate) struct Health {
    address: String,
    kept: Mutex<Kept>,
}

/// What is behind the lock.
#[derive(Debug)]
pub(crate) struct Kept {
    pub budget: Budget,
    pub breaker: Breaker,
}

impl Health {
    pub fn new(address: String, policy: BreakerPolicy) -> Self {
        let kept = Kept { budget: Budget::default(), breaker: Breaker::new(policy) };
        Self { address, kept: Mutex::new(kept) }
    }

    /// Of which endpoint.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leave to ask the endpoint now, or why not.
    pub fn ask(&self, call: &'static str, now: Instant) -> Result<(), ClientError> {
        let mut kept = self.lock();
        match kept.breaker.ask(now) {
            Leave::Go => Ok(()),
            Leave::Rest(rest) => Err(ClientError::CircuitOpen {
                call,
                address: self.address.clone(),
                failures: kept.breaker.failures_in_a_row(),
                again_ms: rest.as_millis() as u64 + 1,
            }),
        }
    }
}
