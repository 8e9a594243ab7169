//! Where one side puts and one task takes all there is: one wake for each time it looked.
//!
//! Always true: what was put before the end is taken before the taker learns of the end, and a taker
//! that found nothing is woken by what is put after.

use std::sync::PoisonError;
use std::task::{Context, Poll};

use super::sync::atomic::{
    AtomicBool,
    Ordering::{AcqRel, Acquire, Release, SeqCst},
};
use super::sync::{AtomicWaker, Mutex};

/// See the module.
pub struct Tray<T> {
    items: Mutex<Vec<T>>,
    /// Somebody has seen to it that the taker looks.
    woken: AtomicBool,
    /// Something will never come.
    lost: AtomicBool,
    waker: AtomicWaker,
}

impl<T> Default for Tray<T> {
    fn default() -> Self {
        Self {
            items: Mutex::new(Vec::new()),
            woken: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }
}

impl<T> core::fmt::Debug for Tray<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Tray")
    }
}

impl<T> Tray<T> {
    /// Whether the taker must be woken for it.
    pub(crate) fn put(&self, item: T) -> bool {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.push(item);
        drop(items);
        !self.woken.swap(true, AcqRel)
    }

    /// Has the taker look.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// What has not been put by now may never come.
    pub(crate) fn lose(&self) {
        self.lost.store(true, Release);
        self.waker.wake();
    }

    /// Takes what is there, all of it, into `taken`; pending while there is nothing. `Err` when
    /// what is not there by now never will be.
    pub(crate) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        taken: &mut Vec<T>,
    ) -> Poll<Result<(), Lost>> {
        self.waker.register(cx.waker());
        self.woken.store(false, SeqCst);
        // Before the look: what was put before the end is seen by whoever sees the end.
        let lost = self.lost.load(Acquire);
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if !items.is_empty() {
            core::mem::swap(&mut *items, taken);
            return Poll::Ready(Ok(()));
        }
        drop(items);
        if lost { Poll::Ready(Err(Lost)) } else { Poll::Pending }
    }
}

/// What is not answered by now never will be: the node is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;
