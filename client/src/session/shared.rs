//! What callers, the body of the stream and the driver of a session share: a desk behind a lock.
//!
//! Callers lock it once to submit and once to fetch; the body and the driver lock it once for each
//! message. Encoding and decoding happen outside, in a buffer of the thread that is swapped with
//! that of the place. Nothing is awaited under the lock and nobody is woken under it.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::Stream;
use prost::Message as _;
use tokio::sync::Notify;
use tokio::time::Sleep;

use super::call::Ask;
use super::desk::{Desk, Look};
use super::slots::SlotId;
use super::wire::FAULT;
use crate::error::ClientError;

thread_local! {
    /// Commands are encoded into it and answers decoded from it.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The endpoint is not asked for a while.
#[derive(Clone, Debug)]
pub struct Rest {
    pub until: Instant,
    pub failures: u32,
}

/// What is behind the lock.
#[derive(Debug)]
pub struct Inside {
    pub desk: Desk,
    /// Wakes the body of the present stream.
    pub body: Option<Waker>,
    /// Number of the present stream; the body of another one has ended.
    pub stream: u64,
    /// The last handle is gone: nothing more will be submitted.
    pub is_closed: bool,
    /// The driver is gone: nobody sends or answers.
    pub is_over: bool,
    pub rest: Option<Rest>,
}

/// See the module.
#[derive(Debug)]
pub struct Shared {
    inside: Mutex<Inside>,
    /// For the driver: something to do that no timer says.
    pub kick: Notify,
    pub address: String,
}

impl Shared {
    pub fn new(desk: Desk, address: String) -> Self {
        let inside =
            Inside { desk, body: None, stream: 0, is_closed: false, is_over: false, rest: None };
        Self { inside: Mutex::new(inside), kick: Notify::new(), address }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass; wakes who is to be woken.
    pub fn look(&self, now: Instant) -> Look {
        let mut woken = Vec::new();
        let (look, body) = {
            let mut inside = self.lock();
            let look = inside.desk.look(now, &mut woken);
            (look, inside.body_if_leaving(now))
        };
        woken.into_iter().chain(body).for_each(Waker::wake);
        look
    }

    /// Ends every command that has no answer with an error.
    pub fn give_up(&self, why: impl Fn(&'static str) -> ClientError) {
        let mut woken = Vec::new();
        self.lock().desk.give_up(why, &mut woken);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Submits; `Err` means that nothing was sent.
    fn submit<A: Ask>(
        &self,
        ask: &A,
        timeout: Duration,
        waker: &Waker,
    ) -> Result<SlotId, ClientError> {
        let mut body = BUFFER.take();
        body.clear();
        prost::encoding::message::encode(A::CALL.asked_in(), ask, &mut body);
        let now = Instant::now();
        let submitted = {
            let mut inside = self.lock();
            inside.leave(A::CALL.name(), &self.address, now).and_then(|()| {
                let submitted = inside.desk.submit(A::CALL, &mut body, now, timeout, waker)?;
                // Without a stream the driver has to open one.
                let idle = inside.body.is_none() && inside.desk.queued() == 1;
                Ok((submitted.id, submitted.is_next || idle, inside.body_if_leaving(now)))
            })
        };
        BUFFER.set(body);
        let (id, kicks, leaving) = submitted?;
        if kicks {
            self.kick.notify_one();
        }
        leaving.into_iter().for_each(Waker::wake);
        Ok(id)
    }

    fn poll_answer<A: Ask>(
        &self,
        id: SlotId,
        waker: &Waker,
    ) -> Poll<Result<A::Answer, ClientError>> {
        let mut body = BUFFER.take();
        let polled = self.lock().desk.poll_answer(id, &mut body, waker);
        let answer = polled.map(|field| {
            let unknown = ClientError::UnknownAnswer { call: A::CALL.name() };
            debug_assert!(field.as_ref().ok() != Some(&FAULT), "faults are told as errors");
            if field? != A::CALL.answered_in() {
                return Err(unknown);
            }
            A::Answer::decode(body.as_slice()).map_err(|_| unknown)
        });
        BUFFER.set(body);
        answer
    }
}

impl Inside {
    /// The waker of the body if it has a message to send.
    pub fn body_if_leaving(&mut self, now: Instant) -> Option<Waker> {
        if self.body.is_some() && self.desk.may_leave(now) { self.body.take() } else { None }
    }

    /// Whether anything may be submitted.
    fn leave(&self, call: &'static str, address: &str, now: Instant) -> Result<(), ClientError> {
        if self.is_over {
            return Err(over());
        }
        match &self.rest {
            Some(rest) if now < rest.until => Err(ClientError::CircuitOpen {
                call,
                address: address.to_owned(),
                failures: rest.failures,
                again_ms: (rest.until - now).as_millis() as u64 + 1,
            }),
            _ => Ok(()),
        }
    }
}

/// The driver ended before the callers did.
pub fn over() -> ClientError {
    ClientError::SessionOver { why: "the runtime that drove it has ended".into() }
}

/// One command from its submission to its answer. Dropped before, it takes its command along.
#[derive(Debug)]
pub struct Asking<'a, A: Ask> {
    shared: &'a Shared,
    timeout: Duration,
    ask: Option<A>,
    id: Option<SlotId>,
}

impl<'a, A: Ask> Asking<'a, A> {
    pub fn new(shared: &'a Shared, timeout: Duration, mut ask: A) -> Self {
        ask.fill_request_id();
        Self { shared, timeout, ask: Some(ask), id: None }
    }
}

impl<A: Ask> Future for Asking<'_, A> {
    type Output = Result<A::Answer, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(ask) = self.ask.take() {
            self.id = Some(self.shared.submit(&ask, self.timeout, cx.waker())?);
            return Poll::Pending;
        }
        let id = self.id.expect("not polled after it was ready");
        let polled = self.shared.poll_answer::<A>(id, cx.waker());
        if polled.is_ready() {
            self.id = None;
        }
        polled
    }
}

impl<A: Ask> Drop for Asking<'_, A> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.shared.lock().desk.abandon(id);
        }
    }
}

/// The body of one stream: takes messages from the desk as the connection has room for them.
#[derive(Debug)]
pub struct Body {
    shared: Arc<Shared>,
    stream: u64,
    /// Fires when commands have been held back long enough.
    held: Option<Pin<Box<Sleep>>>,
    /// Callers that are ready to run have had their turn.
    has_yielded: bool,
}

impl Body {
    pub const fn new(shared: Arc<Shared>, stream: u64) -> Self {
        Self { shared, stream, held: None, has_yielded: false }
    }

    /// Sees to it that this is polled again at that time.
    fn wake_at(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let at = at.into();
        let held = self.held.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if held.is_elapsed() {
            held.as_mut().reset(at);
        }
        held.as_mut().poll(cx)
    }
}

impl Stream for Body {
    type Item = Vec<u8>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        let now = Instant::now();
        let held_until = {
            let shared = Arc::clone(&self.shared);
            let mut inside = shared.lock();
            if inside.stream != self.stream {
                return Poll::Ready(None);
            }
            // A message that is not full lets everybody who can run add to it: one turn of the
            // scheduler, no time.
            if inside.desk.may_leave(now) && (self.has_yielded || inside.desk.is_full()) {
                self.has_yielded = false;
                return Poll::Ready(inside.desk.next_message(now));
            }
            if inside.is_closed && inside.desk.queued() == 0 {
                return Poll::Ready(None);
            }
            if inside.desk.may_leave(now) {
                self.has_yielded = true;
                inside.body = None;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            inside.body = Some(cx.waker().clone());
            inside.desk.leaves_at(now)
        };
        if let Some(at) = held_until
            && self.wake_at(at, cx).is_ready()
        {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
