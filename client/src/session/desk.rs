//! Everything a session decides, without I/O: what leaves when, who is answered, what goes again.
//!
//! A command is queued, sent, answered. A fault that a retry cures rests and is queued again; a
//! broken stream queues all that was sent, in its order; the bytes, and so the request id, are
//! always the same. A caller that goes away takes its command along, unless it was sent: then its
//! place waits for the answer. Time, dice and the retry budget are arguments. Units: `Instant`.
//!
//! Always true: `queued` places are in `queue` once each, `on_wire <= window`, and a place is free
//! as soon as neither its caller nor the server has a claim on it.

mod look;
#[cfg(test)]
mod model;

use core::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use berth_caller::retry::{Budget, Next, Policy};
use berth_proto::v1;
use prost::Message as _;

use super::call::Call;
use super::pipe::Pipe;
use super::slots::{SlotId, Slots, Stage};
use super::wire::{self, FAULT, FRAMING_BYTES_MAX, Malformed};
use crate::error::{ClientError, Spent, trouble_of_fault};
pub use look::Look;

/// Stale places of the queue, beyond which it is cleaned if they are the larger half.
const STALE_MAX: usize = 64;

/// Bounds of a desk.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Commands of one message, most.
    pub commands: usize,
    /// Bytes of one message, most.
    pub bytes: usize,
    /// Commands that the server owes an answer, most.
    pub window: usize,
    /// Messages on their way, beyond which commands gather.
    pub ahead: u64,
    /// When a fault of one command is tried again.
    pub retry: Policy,
}

/// See the module.
#[derive(Debug)]
pub struct Desk {
    bounds: Bounds,
    slots: Slots,
    pipe: Pipe,
    /// To be sent, in order; places that are no longer queued are stale and skipped.
    queue: VecDeque<SlotId>,
    queued: usize,
    queued_bytes: usize,
    on_wire: usize,
    submitted: u64,
    /// When faults have rested; places that rest no longer are skipped.
    resting: BinaryHeap<Reverse<(Instant, SlotId)>>,
    /// No deadline passes before.
    look_at: Option<Instant>,
}

/// A command that was taken in.
#[derive(Clone, Copy, Debug)]
pub struct Submitted {
    pub id: SlotId,
    /// Its deadline is nearer than what [`Desk::look`] said last.
    pub is_next: bool,
}

impl Desk {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            slots: Slots::default(),
            pipe: Pipe::new(bounds.ahead),
            queue: VecDeque::new(),
            queued: 0,
            queued_bytes: 0,
            on_wire: 0,
            submitted: 0,
            resting: BinaryHeap::new(),
            look_at: None,
        }
    }

    /// Takes a command in. `body` is swapped for a buffer whose content means nothing. A `timeout`
    /// of zero is none.
    pub fn submit(
        &mut self,
        call: Call,
        body: &mut Vec<u8>,
        now: Instant,
        timeout: Duration,
        waker: &Waker,
    ) -> Result<Submitted, ClientError> {
        let call_name = call.name();
        if body.len() + FRAMING_BYTES_MAX > self.bounds.bytes {
            let message = format!(
                "it has {} bytes, a message to the server at most {}",
                body.len(),
                self.bounds.bytes - FRAMING_BYTES_MAX
            );
            return Err(ClientError::Invalid { call: call_name, message, violations: Vec::new() });
        }
        let bytes = body.len();
        let Some(id) = self.slots.take(call, now, body) else {
            return Err(ClientError::Crowded { call: call_name, waiting: self.slots.taken() });
        };
        let slot = self.slots.get_mut(id).expect("taken just now");
        slot.order = self.submitted;
        slot.deadline = if timeout.is_zero() { None } else { now.checked_add(timeout) };
        slot.waker = Some(waker.clone());
        let deadline = slot.deadline;
        self.submitted += 1;
        self.queue.push_back(id);
        self.queued += 1;
        self.queued_bytes += bytes;
        let is_next = deadline.is_some_and(|at| self.look_at.is_none_or(|look_at| at < look_at));
        if is_next {
            self.look_at = deadline;
        }
        Ok(Submitted { id, is_next })
    }

    /// The answer, if there is one: the field it came in, with its bytes swapped into `body`.
    /// Ready means that the place is no longer the caller's.
    pub fn poll_answer(
        &mut self,
        id: SlotId,
        body: &mut Vec<u8>,
        waker: &Waker,
    ) -> Poll<Result<u32, ClientError>> {
        let slot = self.slots.get_mut(id).expect("a place is its caller's until it is answered");
        match &mut slot.stage {
            Stage::Answered(field) => {
                let field = *field;
                core::mem::swap(&mut slot.bytes, body);
                self.slots.free(id);
                Poll::Ready(Ok(field))
            }
            Stage::Failed(_) => {
                let Stage::Failed(error) = core::mem::replace(&mut slot.stage, Stage::Deserted)
                else {
                    unreachable!("matched above")
                };
                self.settle(id);
                Poll::Ready(Err(*error))
            }
            _ => {
                if !slot.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    slot.waker = Some(waker.clone());
                }
                Poll::Pending
            }
        }
    }

    /// The caller is gone.
    pub fn abandon(&mut self, id: SlotId) {
        self.unqueue(id);
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.stage = Stage::Deserted;
        slot.waker = None;
        self.settle(id);
    }

    /// Frees a deserted place that the server owes nothing.
    fn settle(&mut self, id: SlotId) {
        if let Some(slot) = self.slots.get_mut(id)
            && slot.stage == Stage::Deserted
            && !slot.on_wire
        {
            self.slots.free(id);
        }
    }

    /// Takes a place out of the queue's counts; its entry there is stale from now on.
    fn unqueue(&mut self, id: SlotId) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        if slot.stage != Stage::Queued {
            return;
        }
        slot.stage = Stage::Waiting;
        self.queued -= 1;
        self.queued_bytes -= slot.bytes.len();
        let stale = self.queue.len() - self.queued;
        if stale > STALE_MAX && stale > self.queued {
            let slots = &mut self.slots;
            self.queue.retain(|id| slots.get_mut(*id).is_some_and(|s| s.stage == Stage::Queued));
        }
    }

    /// Queues a place again, behind what is queued.
    fn queue_again(&mut self, id: SlotId) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.stage = Stage::Queued;
        self.queued += 1;
        self.queued_bytes += slot.bytes.len();
        self.queue.push_back(id);
    }

    /// Commands to be sent.
    pub const fn queued(&self) -> usize {
        self.queued
    }

    /// Whether what is queued fills a message.
    pub const fn is_full(&self) -> bool {
        self.queued >= self.bounds.commands || self.queued_bytes >= self.bounds.bytes
    }

    /// Whether a message may leave now.
    pub fn may_leave(&self, now: Instant) -> bool {
        self.queued > 0
            && self.on_wire < self.bounds.window
            && (self.is_full() || self.pipe.held_until(now).is_none())
    }

    /// When what is queued may leave though nothing is answered.
    pub fn leaves_at(&self, now: Instant) -> Option<Instant> {
        let waits = self.queued > 0 && self.on_wire < self.bounds.window;
        self.pipe.held_until(now).filter(|_| waits)
    }

    /// The next message; nothing if none may leave.
    pub fn next_message(&mut self, now: Instant) -> Option<Vec<u8>> {
        if !self.may_leave(now) {
            return None;
        }
        let number = self.pipe.leave(now);
        let room = self.bounds.commands.min(self.bounds.window - self.on_wire);
        let bytes = self.queued_bytes + self.queued.min(room) * FRAMING_BYTES_MAX;
        let mut message = Vec::with_capacity(bytes.min(self.bounds.bytes));
        let mut commands = 0;
        while commands < room
            && let Some(id) = self.queue.front().copied()
        {
            if let Some(slot) = self.slots.get_mut(id)
                && slot.stage == Stage::Queued
            {
                if message.len() + slot.bytes.len() + FRAMING_BYTES_MAX > self.bounds.bytes {
                    break;
                }
                // Of a deadline that has passed the server will say so.
                let left = slot.deadline.map_or(0, |at| {
                    let left = at.saturating_duration_since(now).as_millis();
                    u32::try_from(left).unwrap_or(u32::MAX).max(1)
                });
                wire::put_command(&mut message, id.correlation(), left, &slot.bytes);
                (slot.stage, slot.on_wire, slot.message) = (Stage::Waiting, true, number);
                slot.sent += 1;
                commands += 1;
                self.queued_bytes -= slot.bytes.len();
            }
            self.queue.pop_front();
        }
        self.queued -= commands;
        self.on_wire += commands;
        Some(message)
    }

    /// Takes a message of answers; whoever is to be woken is put into `woken`. True: a command
    /// rests, so [`Desk::look`] has something new to say.
    pub fn take_answers(
        &mut self,
        message: &[u8],
        now: Instant,
        budget: &mut Budget,
        dice: &mut impl FnMut() -> f64,
        woken: &mut Vec<Waker>,
    ) -> Result<bool, Malformed> {
        let (mut done, mut rests) = (0, false);
        for said in wire::answers(message) {
            let said = said?;
            let Some(id) = SlotId::from_correlation(said.correlation) else { continue };
            // An answer to what this stream has not carried is no answer to ours.
            let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.on_wire) else { continue };
            slot.on_wire = false;
            self.on_wire -= 1;
            self.pipe.heard(slot.message);
            done += usize::from(said.field != FAULT);
            if slot.stage != Stage::Waiting {
                self.settle(id);
            } else if said.field == FAULT {
                rests |= self.take_fault(id, said.body, now, budget, dice(), woken);
            } else {
                slot.bytes.clear();
                slot.bytes.extend_from_slice(said.body);
                slot.stage = Stage::Answered(said.field);
                woken.extend(slot.waker.take());
            }
        }
        budget.earn_many(done);
        Ok(rests)
    }

    /// Whether the command is tried again.
    fn take_fault(
        &mut self,
        id: SlotId,
        body: &[u8],
        now: Instant,
        budget: &mut Budget,
        dice: f64,
        woken: &mut Vec<Waker>,
    ) -> bool {
        let Some(slot) = self.slots.get_mut(id) else { return false };
        let name = slot.call.name();
        slot.faults += 1;
        let waited = now.saturating_duration_since(slot.begun);
        let error = match v1::Fault::decode(body) {
            Ok(fault) => {
                let (trouble, pushback) = trouble_of_fault(&fault);
                let next =
                    self.bounds.retry.next(slot.faults, waited, trouble, pushback, dice, budget);
                if let Next::Retry(wait) = next
                    && let Some(until) = now.checked_add(wait)
                    && slot.deadline.is_none_or(|at| until < at)
                {
                    slot.stage = Stage::Resting;
                    self.resting.push(Reverse((until, id)));
                    return true;
                }
                ClientError::from_fault(name, fault, Spent { attempts: slot.sent, waited })
            }
            Err(_) => ClientError::UnknownAnswer { call: name },
        };
        slot.stage = Stage::Failed(Box::new(error));
        woken.extend(slot.waker.take());
        false
    }

    /// The stream broke: all that was sent and is wanted goes again, in its order, before the rest.
    pub fn broke(&mut self) {
        let (mut again, mut owed) = (Vec::new(), Vec::new());
        for (id, slot) in self.slots.iter_mut().filter(|(_, slot)| slot.on_wire) {
            slot.on_wire = false;
            if slot.stage == Stage::Waiting {
                slot.stage = Stage::Queued;
                self.queued += 1;
                self.queued_bytes += slot.bytes.len();
                again.push((slot.order, id));
            } else {
                owed.push(id);
            }
        }
        self.on_wire = 0;
        self.pipe.broke();
        for id in owed {
            self.settle(id);
        }
        again.sort_unstable();
        again.into_iter().rev().for_each(|(_, id)| self.queue.push_front(id));
    }

    /// Gives up on every command that has no answer.
    pub fn give_up(&mut self, why: impl Fn(&'static str) -> ClientError, woken: &mut Vec<Waker>) {
        for (_, slot) in self.slots.iter_mut() {
            if matches!(slot.stage, Stage::Queued | Stage::Waiting | Stage::Resting) {
                slot.stage = Stage::Failed(Box::new(why(slot.call.name())));
                woken.extend(slot.waker.take());
            }
        }
        self.queue.clear();
        (self.queued, self.queued_bytes) = (0, 0);
        self.resting.clear();
    }
}
