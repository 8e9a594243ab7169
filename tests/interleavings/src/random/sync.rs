//! What threads share, over shuttle.

use std::task::Waker;
use std::time::Duration;

use shuttle::rand::Rng as _;

pub(crate) use super::model::{ArcSwapOption, Notify, OnceLock, notified_within};
pub(crate) use shuttle::future::block_on;
pub(crate) use shuttle::hint::spin_loop;
pub(crate) use shuttle::sync::{Condvar, Mutex, atomic};
pub(crate) use shuttle::thread::{Thread, spawn};

/// As that of futures.
pub(crate) struct AtomicWaker(Mutex<Option<Waker>>);

impl AtomicWaker {
    pub fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub fn register(&self, waker: &Waker) {
        *self.0.lock().expect("no thread dies") = Some(waker.clone());
    }

    pub fn wake(&self) {
        let waker = self.0.lock().expect("no thread dies").take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Parks until unparked: that time passes is no help.
pub(crate) fn park(_: Option<Duration>) {
    shuttle::thread::park();
}

/// Whether something that may happen does.
pub(crate) fn maybe() -> bool {
    shuttle::rand::thread_rng().gen_bool(0.5)
}
