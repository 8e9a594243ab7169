//! Orders that are weakened on purpose: a scheduler that says nothing then looks at nothing.

use core::cell::Cell;
use core::sync::atomic::Ordering;

/// What is weakened for the scenes of this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weak {
    /// Nothing: the product as it is.
    Nothing,
    /// Loads do not acquire.
    Acquire,
    /// Stores do not release.
    Release,
    /// Nothing is sequentially consistent; what was acquires and releases.
    SeqCst,
    /// There are no fences.
    Fence,
}

thread_local! {
    static WEAK: Cell<Weak> = const { Cell::new(Weak::Nothing) };
}

impl Weak {
    /// Weakens it for what this thread does from here on. All threads of a scene are this one.
    pub fn set(self) {
        WEAK.set(self);
    }

    /// Whether this is weakened.
    pub(crate) fn is_on(self) -> bool {
        WEAK.get() == self
    }

    /// The order that is left of a load's.
    pub(crate) fn load(order: Ordering) -> Ordering {
        match (order, WEAK.get()) {
            (Ordering::Acquire, Self::Acquire) => Ordering::Relaxed,
            (Ordering::SeqCst, Self::SeqCst) => Ordering::Acquire,
            _ => order,
        }
    }

    /// The order that is left of a store's.
    pub(crate) fn store(order: Ordering) -> Ordering {
        match (order, WEAK.get()) {
            (Ordering::Release, Self::Release) => Ordering::Relaxed,
            (Ordering::SeqCst, Self::SeqCst) => Ordering::Release,
            _ => order,
        }
    }

    /// The order that is left of one that does both.
    pub(crate) fn both(order: Ordering) -> Ordering {
        match (order, WEAK.get()) {
            (Ordering::AcqRel | Ordering::Release, Self::Acquire) => Ordering::Release,
            (Ordering::AcqRel | Ordering::Acquire, Self::Release) => Ordering::Acquire,
            (Ordering::SeqCst, Self::SeqCst) => Ordering::AcqRel,
            _ => order,
        }
    }
}
