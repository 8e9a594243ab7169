//! Where answers go: one waiting call, or a session that takes them as they come.

use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use berth_node::{Done, Fault, Outcome, Permit};
use futures_util::task::AtomicWaker;
use tokio::sync::oneshot;

/// A command's way back, with its run's permit. Every ticket is answered: dropped unanswered, it
/// tells that the node is going.
pub struct Ticket {
    to: Option<Address>,
    _permit: Option<Permit>,
}

enum Address {
    One(oneshot::Sender<Outcome>),
    Sink(Arc<Sink>, u64),
}

impl Ticket {
    /// For one waiting call.
    pub(crate) fn one(permit: Permit) -> (Self, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        (Self { to: Some(Address::One(sender)), _permit: Some(permit) }, receiver)
    }

    /// For a session.
    pub(crate) fn of(sink: &Arc<Sink>, correlation: u64, permit: Permit) -> Self {
        sink.unanswered.fetch_add(1, Relaxed);
        Self { to: Some(Address::Sink(Arc::clone(sink), correlation)), _permit: Some(permit) }
    }

    /// Answers it.
    pub(crate) fn complete(mut self, outcome: Outcome) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Outcome) {
        match self.to.take() {
            // The caller may have gone; what happened stays and a retry finds it.
            Some(Address::One(sender)) => drop(sender.send(outcome)),
            Some(Address::Sink(sink, correlation)) => sink.put(correlation, outcome),
            None => {}
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.send(Err(Fault::Draining));
    }
}

impl core::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Ticket")
    }
}

/// Answers a list; one wake for each session in it.
pub(crate) fn complete_all(done: impl Iterator<Item = Done<Ticket>>) {
    for Done { ticket, outcome } in done {
        ticket.complete(outcome);
    }
}

/// The answers of one session that its stream has not taken yet.
#[derive(Default)]
pub struct Sink {
    answers: Mutex<Vec<(u64, Outcome)>>,
    woken: AtomicBool,
    unanswered: AtomicUsize,
    waker: AtomicWaker,
}

impl Sink {
    /// Commands pushed and not taken as answered.
    pub fn unanswered(&self) -> usize {
        self.unanswered.load(Relaxed)
    }

    /// An answer that needs no queue.
    pub(crate) fn put_now(&self, correlation: u64, outcome: Outcome) {
        self.unanswered.fetch_add(1, Relaxed);
        self.put(correlation, outcome);
    }

    fn put(&self, correlation: u64, outcome: Outcome) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.push((correlation, outcome));
        drop(answers);
        if !self.woken.swap(true, AcqRel) {
            self.waker.wake();
        }
    }

    /// Takes what is there, all of it; pending while there is nothing.
    pub fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Vec<(u64, Outcome)>> {
        self.waker.register(cx.waker());
        self.woken.store(false, std::sync::atomic::Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.is_empty() {
            return Poll::Pending;
        }
        let taken = core::mem::take(&mut *answers);
        self.unanswered.fetch_sub(taken.len(), Relaxed);
        Poll::Ready(taken)
    }

    /// Whether an answer waits.
    pub fn is_ready(&self) -> bool {
        self.woken.load(Acquire)
    }
}
