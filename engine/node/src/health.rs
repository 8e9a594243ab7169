//! Whether the node takes commands; and why never again, once its journal has failed.
//!
//! Always true: who sees that the journal failed finds the first cause, and nobody sees anything else
//! from then on.

use std::sync::Arc;

use super::sync::OnceLock;
use super::sync::atomic::{
    AtomicU8,
    Ordering::{Acquire, Relaxed, Release},
};

/// Whether the node takes commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// Recovery has not ended.
    Recovering = 0,
    /// All is well.
    Serving = 1,
    /// Shutting down: what came in is finished, nothing new is taken.
    Draining = 2,
    /// An append or a sync failed: only a restart brings the journal back.
    JournalFailed = 3,
}

/// See the module.
#[derive(Default)]
pub(crate) struct HealthWord {
    health: AtomicU8,
    cause: OnceLock<Arc<str>>,
}

impl HealthWord {
    /// The health now.
    pub fn now(&self) -> Health {
        match self.health.load(Acquire) {
            0 => Health::Recovering,
            1 => Health::Serving,
            2 => Health::Draining,
            _ => Health::JournalFailed,
        }
    }

    /// Recovery is over. Has no effect once the journal failed.
    pub fn serve(&self) {
        let (from, to) = (Health::Recovering as u8, Health::Serving as u8);
        let _ = self.health.compare_exchange(from, to, Release, Relaxed);
    }

    /// Takes nothing new from here on.
    pub fn drain(&self) {
        for from in [Health::Recovering, Health::Serving] {
            let to = Health::Draining as u8;
            let _ = self.health.compare_exchange(from as u8, to, Release, Relaxed);
        }
    }

    /// The journal failed, for good; the first cause is kept.
    pub fn fail(&self, why: &str) {
        let _ = self.cause.set(Arc::from(why));
        self.health.store(Health::JournalFailed as u8, Release);
    }

    /// The first cause, once the journal failed.
    pub fn cause(&self) -> Option<&Arc<str>> {
        self.cause.get()
    }
}
