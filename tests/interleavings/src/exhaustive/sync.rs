//! What threads share, over loom. An access that is sequentially consistent stands between fences
//! that are: loom takes it for no more than acquire and release.

use std::task::Waker;
use std::time::Duration;

use crate::Weak;

pub(crate) use super::model::{ArcSwapOption, Notify, OnceLock, notified_within};
pub(crate) use loom::future::block_on;
pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::{Condvar, Mutex};
pub(crate) use loom::thread::{Thread, spawn};

/// Atomics whose orders can be weakened.
pub(crate) mod atomic {
    pub(crate) use core::sync::atomic::Ordering;

    use super::Weak;

    fn around<R>(order: Ordering, access: impl FnOnce() -> R) -> R {
        if order != Ordering::SeqCst {
            return access();
        }
        loom::sync::atomic::fence(Ordering::SeqCst);
        let result = access();
        loom::sync::atomic::fence(Ordering::SeqCst);
        result
    }

    /// As core's.
    pub(crate) fn fence(order: Ordering) {
        if !Weak::Fence.is_on() {
            loom::sync::atomic::fence(order);
        }
    }

    macro_rules! atomics {
        ($($name:ident($value:ty))+) => {$(
            #[derive(Default)]
            pub(crate) struct $name(loom::sync::atomic::$name);

            impl $name {
                pub fn new(value: $value) -> Self {
                    Self(loom::sync::atomic::$name::new(value))
                }

                pub fn load(&self, order: Ordering) -> $value {
                    let order = Weak::load(order);
                    around(order, || self.0.load(order))
                }

                pub fn store(&self, value: $value, order: Ordering) {
                    let order = Weak::store(order);
                    around(order, || self.0.store(value, order));
                }

                pub fn swap(&self, value: $value, order: Ordering) -> $value {
                    let order = Weak::both(order);
                    around(order, || self.0.swap(value, order))
                }

                pub fn compare_exchange(
                    &self,
                    before: $value,
                    after: $value,
                    good: Ordering,
                    bad: Ordering,
                ) -> Result<$value, $value> {
                    let (good, bad) = (Weak::both(good), Weak::load(bad));
                    around(good, || self.0.compare_exchange(before, after, good, bad))
                }

                pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                    let order = Weak::both(order);
                    around(order, || self.0.fetch_or(value, order))
                }
            }
        )+};
    }

    macro_rules! numbers {
        ($($name:ident($value:ty))+) => {$(
            impl $name {
                pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                    let order = Weak::both(order);
                    around(order, || self.0.fetch_add(value, order))
                }

                pub fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                    let order = Weak::both(order);
                    around(order, || self.0.fetch_sub(value, order))
                }
            }
        )+};
    }

    atomics! { AtomicBool(bool) AtomicU8(u8) AtomicU32(u32) AtomicU64(u64) }
    numbers! { AtomicU32(u32) AtomicU64(u64) }
}

/// As that of futures.
pub(crate) struct AtomicWaker(loom::future::AtomicWaker);

impl AtomicWaker {
    pub fn new() -> Self {
        Self(loom::future::AtomicWaker::new())
    }

    pub fn register(&self, waker: &Waker) {
        self.0.register_by_ref(waker);
    }

    pub fn wake(&self) {
        self.0.wake();
    }
}

/// Parks until unparked: that time passes is no help.
pub(crate) fn park(_: Option<Duration>) {
    loom::thread::park();
}

/// Whether something that may happen does.
pub(crate) fn maybe() -> bool {
    false
}
