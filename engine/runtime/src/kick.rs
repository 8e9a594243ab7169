//! Wakes a thread that parks when it has nothing to do; one wake in flight at most.
//!
//! Always true: after [`Kick::kick`] the thread looks again.

use std::sync::OnceLock;
use std::time::Duration;

use super::sync::atomic::{AtomicBool, Ordering::SeqCst};
use super::sync::{Thread, park};

/// See the module.
#[derive(Default)]
pub(crate) struct Kick {
    kicked: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Kick {
    /// There is something to do for the thread, or to look at.
    pub fn kick(&self) {
        if !self.kicked.swap(true, SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Who is to be woken. It may be at work by then, and have been kicked.
    pub fn attach(&self, thread: Thread) {
        let thread = self.thread.get_or_init(|| thread);
        self.kicked.store(true, SeqCst);
        // Whoever kicked before found nobody to wake, and whoever kicks now wakes nobody twice.
        thread.unpark();
    }

    /// Waits for a kick, or so long; to be called by the thread after it found nothing to do.
    pub fn wait(&self, most: Option<Duration>) {
        if !self.kicked.swap(false, SeqCst) {
            park(most);
            self.kicked.swap(false, SeqCst);
        }
    }
}
