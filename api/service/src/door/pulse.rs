//! What is known of a connection's bytes while HTTP has it.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Set by who reads the bytes, looked at by who hosts the connection: one task after the other, so
/// no order between the two is needed.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    greeted: AtomicBool,
    flooded: AtomicBool,
}

impl Pulse {
    /// The peer has said that it speaks HTTP.
    pub fn greet(&self) {
        self.greeted.store(true, Relaxed);
    }

    pub fn has_greeted(&self) -> bool {
        self.greeted.load(Relaxed)
    }

    /// Its bytes are a flood and are read no more.
    pub fn flood(&self) {
        self.flooded.store(true, Relaxed);
    }

    pub fn has_flooded(&self) -> bool {
        self.flooded.load(Relaxed)
    }
}
