//! How many commands of a run are between ingress and execution.
//!
//! Always true: who enters is counted before anything that is done with the right he has, and a run
//! that goes cold asks after it has taken away what he may find. So either he is seen, or he finds
//! nothing and begins anew. Both sides write, then read: only sequential consistency rules out that
//! each misses the other.

use super::sync::atomic::{
    AtomicU32,
    Ordering::{Relaxed, SeqCst},
};

/// See the module.
#[derive(Default)]
pub struct UnderWay(AtomicU32);

impl UnderWay {
    /// Counts one more, unless `bound` are.
    pub fn enter(&self, bound: u32) -> bool {
        let enters = self.0.fetch_add(1, SeqCst) < bound;
        if !enters {
            self.leave();
        }
        enters
    }

    /// One of them is executed.
    pub fn leave(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.load(SeqCst) == 0
    }

    /// How many there are.
    #[cfg(test)]
    pub fn count(&self) -> u32 {
        self.0.load(Relaxed)
    }
}
