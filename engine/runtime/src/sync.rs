//! What threads share and how they wait for each other, under one name.
//!
//! `tests/interleavings` compiles the files that say `super::sync` a second time, over primitives
//! that a scheduler watches, and runs them in every order there is. In the product these are the
//! plain ones.

use std::time::Duration;

pub(crate) use core::sync::atomic;
pub(crate) use futures_util::task::AtomicWaker;
pub(crate) use std::sync::Mutex;
pub(crate) use std::thread::Thread;
pub(crate) use tokio::sync::Notify;

/// Parks the thread until it is unparked, or so long.
pub(crate) fn park(most: Option<Duration>) {
    match most {
        Some(most) => std::thread::park_timeout(most),
        None => std::thread::park(),
    }
}

/// Waits to be notified, or so long.
pub(crate) async fn notified_within(notify: &Notify, most: Duration) {
    // Which of the two it was is for the caller to look.
    let _ = tokio::time::timeout(most, notify.notified()).await;
}
