//! What time does to commands: deadlines pass, rests end, a deaf server is noticed.

use core::cmp::Reverse;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::Desk;
use crate::error::{ClientError, Spent};
use crate::session::slots::Stage;

/// A server says itself that a deadline has passed. So long after it, if nothing at all was heard
/// since, it is deaf.
const DEAF_AFTER: Duration = Duration::from_secs(1);
/// Deadlines nearer to each other than this are looked at together.
const LOOKS_APART: Duration = Duration::from_millis(1);

/// What [`Desk::look`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// When to look again; never, if nothing is submitted until then.
    pub next: Option<Instant>,
    /// The server does not answer: this stream is to be given up.
    pub is_deaf: bool,
}

impl Desk {
    /// Lets time pass: ends what is over its deadline, queues what has rested.
    pub fn look(&mut self, now: Instant, woken: &mut Vec<Waker>) -> Look {
        while let Some(Reverse((until, id))) = self.resting.peek().copied()
            && until <= now
        {
            self.resting.pop();
            if self.slots.get_mut(id).is_some_and(|slot| slot.stage == Stage::Resting) {
                self.queue_again(id);
            }
        }
        let mut is_deaf = false;
        if self.look_at.is_some_and(|at| at <= now) {
            (self.look_at, is_deaf) = self.pass_deadlines(now, woken);
        }
        let rested = self.resting.peek().map(|Reverse((until, _))| *until);
        let next = match (self.look_at, rested) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        };
        Look { next, is_deaf }
    }

    fn pass_deadlines(&mut self, now: Instant, woken: &mut Vec<Waker>) -> (Option<Instant>, bool) {
        let (mut next, mut is_deaf): (Option<Instant>, _) = (None, false);
        let mut over = Vec::new();
        for (id, slot) in self.slots.iter_mut() {
            let Some(deadline) = slot.deadline else { continue };
            let wanted = matches!(slot.stage, Stage::Queued | Stage::Waiting | Stage::Resting);
            let mut at = deadline;
            if wanted && deadline <= now {
                over.push(id);
            }
            if !wanted || deadline <= now {
                // Nobody minds the deadline any more, but the server should have said so.
                if !slot.on_wire || self.pipe.has_heard(slot.message) {
                    continue;
                }
                at = deadline + DEAF_AFTER;
                is_deaf |= at <= now;
            }
            next = Some(next.map_or(at, |known| known.min(at)));
        }
        for id in over {
            self.unqueue(id);
            let Some(slot) = self.slots.get_mut(id) else { continue };
            let waited = now.saturating_duration_since(slot.begun);
            let spent = Spent { attempts: slot.sent, waited };
            slot.stage = Stage::Failed(Box::new(ClientError::deadline(slot.call.name(), spent)));
            woken.extend(slot.waker.take());
        }
        (next.map(|at| at.max(now + LOOKS_APART)), is_deaf)
    }
}
