//! Stand-ins for what comes from other crates, with the orders that these document.

use core::cell::RefCell;
use core::ops::Deref;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release, SeqCst},
};
use super::sync::{Condvar, Mutex, maybe};

/// arc-swap: a pointer whose loads and swaps are sequentially consistent. Everything that was ever
/// in it stays, so that its place names it.
pub(crate) struct ArcSwapOption<T> {
    at: AtomicU64,
    all: std::sync::Mutex<Vec<Option<Arc<T>>>>,
}

/// What a load gives.
pub(crate) struct Guard<T>(Option<Arc<T>>);

impl<T> Deref for Guard<T> {
    type Target = Option<Arc<T>>;

    fn deref(&self) -> &Option<Arc<T>> {
        &self.0
    }
}

impl<T> Default for ArcSwapOption<T> {
    fn default() -> Self {
        Self { at: AtomicU64::new(0), all: vec![None].into() }
    }
}

impl<T> ArcSwapOption<T> {
    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Option<Arc<T>>>> {
        self.all.lock().expect("nobody holds it while he waits")
    }

    fn keep(&self, value: Option<Arc<T>>) -> u64 {
        let mut all = self.all();
        all.push(value);
        all.len() as u64 - 1
    }

    fn kept(&self, at: u64) -> Option<Arc<T>> {
        self.all()[at as usize].clone()
    }

    pub fn load_full(&self) -> Option<Arc<T>> {
        self.kept(self.at.load(SeqCst))
    }

    pub fn load(&self) -> Guard<T> {
        Guard(self.load_full())
    }

    pub fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
        let place = self.keep(value);
        self.kept(self.at.swap(place, SeqCst))
    }

    pub fn rcu(&self, mut change: impl FnMut(&Option<Arc<T>>) -> Option<Arc<T>>) {
        loop {
            let at = self.at.load(SeqCst);
            let place = self.keep(change(&self.kept(at)));
            if self.at.compare_exchange(at, place, SeqCst, SeqCst).is_ok() {
                return;
            }
        }
    }
}

/// A cell that is set once: whoever finds it set sees what was set.
pub(crate) struct OnceLock<T> {
    is_set: AtomicU64,
    value: std::sync::OnceLock<T>,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self { is_set: AtomicU64::new(0), value: std::sync::OnceLock::new() }
    }
}

impl<T> OnceLock<T> {
    pub fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.is_set.store(1, Release);
        Ok(())
    }

    pub fn get(&self) -> Option<&T> {
        if self.is_set.load(Acquire) == 1 { self.value.get() } else { None }
    }
}

/// A bounded queue of crossbeam, as far as one popper asks whether there is something: its ends are
/// sequentially consistent.
#[derive(Default)]
pub(crate) struct Queue {
    pushed: AtomicU64,
    popped: AtomicU64,
}

impl Queue {
    pub fn push(&self) {
        self.pushed.fetch_add(1, SeqCst);
    }

    pub fn pop(&self) -> bool {
        let some = !self.is_empty();
        if some {
            self.popped.fetch_add(1, SeqCst);
        }
        some
    }

    pub fn is_empty(&self) -> bool {
        self.pushed.load(SeqCst) == self.popped.load(SeqCst)
    }
}

/// The mailbox of an actor.
pub(crate) struct Mailbox<M> {
    messages: Mutex<VecDeque<M>>,
    came: Condvar,
}

impl<M> Mailbox<M> {
    pub fn new() -> Self {
        Self { messages: Mutex::new(VecDeque::new()), came: Condvar::new() }
    }

    pub fn send(&self, message: M) {
        self.messages.lock().expect("no thread dies").push_back(message);
        self.came.notify_one();
    }

    /// Waits for a message; for ever, if none comes.
    pub fn take(&self) -> M {
        let mut messages = self.messages.lock().expect("no thread dies");
        loop {
            if let Some(message) = messages.pop_front() {
                return message;
            }
            messages = self.came.wait(messages).expect("no thread dies");
        }
    }
}

/// tokio's: one permit, which is kept while nobody waits.
pub(crate) struct Notify(Mutex<(bool, Option<Waker>)>);

impl Notify {
    pub fn new() -> Self {
        Self(Mutex::new((false, None)))
    }

    pub fn notify_one(&self) {
        let mut state = self.0.lock().expect("no thread dies");
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().expect("no thread dies");
        if core::mem::take(&mut state.0) {
            return Poll::Ready(());
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    }

    pub async fn notified(&self) {
        core::future::poll_fn(|cx| self.poll(cx)).await;
    }
}

thread_local! {
    /// Virtual time, milliseconds, for [`notified_within`].
    pub(crate) static NOW: RefCell<u64> = const { RefCell::new(0) };
}

/// Either is possible at any time: that it is notified, or that the time is over.
pub(crate) async fn notified_within(notify: &Notify, most: Duration) {
    let begun = NOW.with_borrow(|now| *now);
    let mut notified = pin!(notify.notified());
    core::future::poll_fn(|cx| {
        let polled = core::future::Future::poll(notified.as_mut(), cx);
        if polled.is_pending() && maybe() {
            let over = begun + most.as_millis() as u64;
            NOW.with_borrow_mut(|now| *now = over.max(*now));
            return Poll::Ready(());
        }
        if polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        polled
    })
    .await;
}
