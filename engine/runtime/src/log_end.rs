//! Where the log ends, for shards to note: two words, read together often enough.
//!
//! Always true: who reads finds the frame that goes with the bytes he finds, or a later one. So what
//! rests on the bytes begins earlier than it must, never later.

use super::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};

/// See the module.
#[derive(Default)]
pub(crate) struct EndWords {
    lsn: AtomicU64,
    bytes: AtomicU64,
}

impl EndWords {
    /// The next frame and the bytes before it; both only grow, and one thread sets them.
    pub fn set(&self, lsn: u64, bytes: u64) {
        self.lsn.store(lsn, Release);
        self.bytes.store(bytes, Release);
    }

    /// The two, in that order.
    pub fn get(&self) -> (u64, u64) {
        let bytes = self.bytes.load(Acquire);
        (self.lsn.load(Acquire), bytes)
    }
}
