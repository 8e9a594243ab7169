//! The stream shell of a session: polls the caller's messages, the engine's answers and the drain,
//! and lets the [`frames`] say what they mean.
//!
//! No task and no channel of its own: the body of the response *is* this stream. It is polled only
//! while the connection can take answers, so a caller that does not read is not read either.

mod frames;

use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use berth_engine::Lost;
use berth_engine::node::{Health, Told};
use berth_inventory::{Command, UnixMillis};
use futures_util::{Stream, StreamExt as _};
use prost::bytes::Bytes;
use tokio_stream::wrappers::WatchStream;
use tonic::{Code, Status, Streaming};

use self::frames::{Frames, Taken};
use crate::codec::Message;
use crate::deadline;
use crate::desk::Desk;
use crate::tally::Kind;
use crate::wire::{self, Asked, Of, Trouble};

/// Messages read at one go before answers are looked at again.
const READ_AT_ONCE: usize = 4;

/// The answers to the commands of `inbound`.
pub(crate) fn stream(
    desk: Arc<Desk>,
    inbound: Streaming<Bytes>,
) -> impl Stream<Item = Result<Message, Status>> + Send {
    let health = WatchStream::new(desk.engine.health_watch());
    let engine = desk.engine.session();
    let frames = Frames::default();
    Shell { desk, engine, inbound, health, frames, asked: Vec::new(), reading: Reading::Open }
}

/// Whether more commands may come.
enum Reading {
    Open,
    /// The caller has said all; the stream ends when all is answered.
    Over,
    /// The stream ends with this status when all is answered.
    Failed(Status),
    /// It has ended.
    Ended,
}

struct Shell {
    desk: Arc<Desk>,
    engine: berth_engine::Session,
    inbound: Streaming<Bytes>,
    health: WatchStream<Health>,
    frames: Frames,
    /// Room for the commands of a message.
    asked: Vec<Asked>,
    reading: Reading,
}

impl Stream for Shell {
    type Item = Result<Message, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.watch_the_drain(cx);
        this.read(cx);
        this.take_answers(cx);
        if let Some(response) = this.frames.next() {
            return Poll::Ready(Some(Ok(Message::Whole(response))));
        }
        if this.frames.unanswered() > 0 {
            return Poll::Pending;
        }
        match core::mem::replace(&mut this.reading, Reading::Ended) {
            Reading::Open => {
                this.reading = Reading::Open;
                Poll::Pending
            }
            Reading::Failed(status) => Poll::Ready(Some(Err(status))),
            Reading::Over | Reading::Ended => Poll::Ready(None),
        }
    }
}

impl Shell {
    fn watch_the_drain(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.reading, Reading::Open) {
            return;
        }
        while let Poll::Ready(health) = self.health.poll_next_unpin(cx) {
            if matches!(health, Some(Health::Draining) | None) {
                self.reading = Reading::Failed(draining().into_status());
                return;
            }
        }
    }

    /// Reads messages while the window is open.
    fn read(&mut self, cx: &mut Context<'_>) {
        for _ in 0..READ_AT_ONCE {
            if !matches!(self.reading, Reading::Open) || !self.frames.may_read() {
                return;
            }
            match self.inbound.poll_next_unpin(cx) {
                Poll::Pending => return,
                Poll::Ready(None) => self.reading = Reading::Over,
                Poll::Ready(Some(Err(status))) => {
                    let status = deadline::reworded(&status).unwrap_or(status);
                    self.reading = Reading::Failed(status);
                }
                Poll::Ready(Some(Ok(message))) => self.take_message(&message),
            }
        }
        // There may be more: come back after the answers.
        cx.waker().wake_by_ref();
    }

    fn take_message(&mut self, message: &[u8]) {
        let now = self.desk.engine.now();
        let mut asked = core::mem::take(&mut self.asked);
        match wire::session(message, &self.desk.engine.info().holds, &mut asked) {
            Ok(()) => {
                for one in asked.drain(..) {
                    if let Some(taken) = self.frames.take(one) {
                        self.start(taken, now);
                    }
                }
                self.engine.flush();
            }
            Err(status) => self.reading = Reading::Failed(status),
        }
        asked.clear();
        self.asked = asked;
    }

    fn start(&mut self, taken: Taken, now: UnixMillis) {
        let deadline = match taken.timeout {
            Some(span) => now.saturating_add(span),
            None => UnixMillis::MAX,
        };
        let kind = Kind::of(&taken.ask.command);
        match self.desk.lead(taken.ask, now) {
            Ok((run, command)) => {
                if let Some(outcome) = self.engine.add(taken.slot, &run, command, deadline) {
                    self.desk.tally.count(kind, &outcome);
                    let outcome = outcome.map_err(Trouble::from);
                    self.frames.answered(taken.slot, outcome, None, &self.desk.teller());
                }
            }
            Err(why) => {
                let outcome = Ok(self.desk.teller().refused(why));
                self.desk.tally.count(kind, &outcome);
                let outcome = outcome.map_err(Trouble::from);
                self.frames.answered(taken.slot, outcome, None, &self.desk.teller());
            }
        }
    }

    fn take_answers(&mut self, cx: &mut Context<'_>) {
        let Self { desk, engine, frames, .. } = self;
        let teller = desk.teller();
        let mut again = Vec::new();
        loop {
            let polled = engine.poll_told(cx, |Told { run, tag, outcome }| {
                if let Some(kind) = frames.kind(tag) {
                    desk.tally.count(kind, &outcome);
                }
                let outcome = outcome.map_err(Trouble::from);
                let of = Of::run(&run);
                again.extend(frames.answered(tag, outcome, of, &teller).map(|hold| (tag, hold)));
            });
            // A part of a hold stays held: its answer says until when.
            for (slot, hold) in again.drain(..) {
                let outcome = match desk.engine.front().by_hold(hold) {
                    Ok(run) => engine.add(slot, &run, Command::GetHold(hold), UnixMillis::MAX),
                    Err(why) => Some(Ok(teller.refused(why))),
                };
                if let Some(outcome) = outcome {
                    frames.answered(slot, outcome.map_err(Trouble::from), None, &teller);
                }
            }
            engine.flush();
            match polled {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(Lost)) => return frames.give_up(),
                Poll::Pending => return,
            }
        }
    }
}

fn draining() -> Trouble {
    Trouble::new(
        Code::Unavailable,
        "the node is draining; send what is unanswered again with the same request_ids",
    )
}
