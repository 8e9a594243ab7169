//! The stream shell of a session: polls the caller's messages, the engine's answers and the drain,
//! and lets the [`frames`] say what they mean.
//!
//! No task and no channel of its own: the body of the response *is* this stream. It is polled only
//! while the connection can take answers, so a caller that does not read is not read either.

mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use arrayvec::ArrayVec;
use berth_engine::Lost;
use berth_engine::node::{Health, Trail, Work};
use berth_inventory::{Command, UnixMillis};
use futures_util::{Stream, StreamExt as _};
use prost::bytes::Bytes;
use tokio_stream::wrappers::WatchStream;
use tonic::{Code, Status, Streaming};

use self::frames::Frames;
use crate::deadline;
use crate::desk::Desk;
use crate::rates::Toll;
use crate::rooms::{Gate, Stakes};
use crate::stay::Stay;
use crate::tally::{Counts, Kind};
use crate::wire::{self, Asked, Of, Trouble};

/// Commands that are led to their runs side by side.
const BLOCK: usize = 16;
/// Messages read at one go before answers are looked at again: small ones travel in one parcel.
const READ_AT_ONCE: usize = 16;
/// Commands read at one go, unless a single message has more.
const BEGIN_AT_ONCE: usize = 256;

/// The answers to the commands of `inbound`, for the caller that the request's extensions name.
pub(crate) fn stream(
    desk: Arc<Desk>,
    inbound: Streaming<Bytes>,
    extensions: &http::Extensions,
) -> impl Stream<Item = Result<Bytes, Status>> + Send + use<> {
    let health = WatchStream::new(desk.engine.health_watch());
    let engine = desk.engine.session();
    let frames = Frames::default();
    let (asked, counts, stakes) = (Vec::new(), Counts::default(), Stakes::default());
    let (stay, toll) = (Stay::of(extensions, desk.engine.now()), extensions.get().cloned());
    let (reading, caller) = (Reading::Open, desk.rooms.caller(extensions));
    Shell {
        desk,
        engine,
        inbound,
        health,
        frames,
        asked,
        counts,
        stakes,
        reading,
        stay,
        toll,
        caller,
    }
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
    /// Commands that were read and are not begun.
    asked: Vec<Asked>,
    counts: Counts,
    /// Admission tokens of commands under way.
    stakes: Stakes,
    reading: Reading,
    /// How long the stream may last.
    stay: Stay,
    /// What pays for commands, where rates are set.
    toll: Option<Toll>,
    /// Whose tickets and tokens of waiting rooms are good here.
    caller: u64,
}

impl Stream for Shell {
    type Item = Result<Bytes, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.watch_the_end(cx);
        this.read(cx);
        this.take_answers(cx);
        if let Some(response) = this.frames.next() {
            return Poll::Ready(Some(Ok(response)));
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
    fn watch_the_end(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.reading, Reading::Open) {
            return;
        }
        while let Poll::Ready(health) = self.health.poll_next_unpin(cx) {
            if matches!(health, Some(Health::Draining) | None) {
                self.reading = Reading::Failed(draining().into_status());
                return;
            }
        }
        if let Poll::Ready(why) = self.stay.poll_over(cx) {
            self.reading = Reading::Failed(why.into_status());
        }
    }

    /// Reads messages while the window is open, and begins what they ask together.
    fn read(&mut self, cx: &mut Context<'_>) {
        let mut messages = 0;
        let more = loop {
            if !matches!(self.reading, Reading::Open) || !self.frames.may_read(self.asked.len()) {
                break false;
            }
            if messages == READ_AT_ONCE || self.asked.len() >= BEGIN_AT_ONCE {
                break true;
            }
            messages += 1;
            match self.inbound.poll_next_unpin(cx) {
                Poll::Pending => break false,
                Poll::Ready(None) => self.reading = Reading::Over,
                Poll::Ready(Some(Err(status))) => {
                    let status = deadline::reworded(&status).unwrap_or(status);
                    self.reading = Reading::Failed(status);
                }
                Poll::Ready(Some(Ok(message))) => {
                    let holds = &self.desk.engine.info().holds;
                    if let Err(status) = wire::session(&message, holds, &mut self.asked) {
                        self.reading = Reading::Failed(status);
                    }
                }
            }
        };
        self.begin();
        if more {
            // Come back after the answers.
            cx.waker().wake_by_ref();
        }
    }

    /// Sends what was asked on its way.
    fn begin(&mut self) {
        if let Some(toll) = &self.toll {
            let frames = &mut self.frames;
            self.asked.retain(|asked| pay(toll, asked, frames));
        }
        if self.asked.is_empty() {
            return;
        }
        let now = self.desk.engine.now();
        let mut asked = core::mem::take(&mut self.asked);
        asked.chunks_mut(BLOCK).for_each(|block| self.start(block, now));
        asked.clear();
        self.asked = asked;
        self.engine.flush();
    }

    /// Commands side by side: what one of them waits for is fetched while the others are looked at.
    fn start(&mut self, block: &mut [Asked], now: UnixMillis) {
        let desk = Arc::clone(&self.desk);
        let trail = |asked: &Asked| asked.ask.as_ref().map_or(Trail::Cold, |ask| desk.trail(ask));
        let trails: ArrayVec<_, BLOCK> = block.iter().map(trail).collect();
        for step in 0..3 {
            trails.iter().for_each(|trail| trail.step(step));
        }
        let lead = |(asked, trail): (&mut Asked, _)| {
            asked.ask.as_mut().ok().map(|ask| desk.lead(ask, trail, now))
        };
        let runs: ArrayVec<_, BLOCK> = block.iter_mut().zip(&trails).map(lead).collect();
        for step in 0..2 {
            for (asked, run) in block.iter().zip(&runs) {
                if let (Ok(ask), Some(Ok(run))) = (&asked.ask, run)
                    && let Command::Reserve(reserve) = &ask.command
                {
                    run.foresee(step, reserve.request.id);
                }
            }
        }
        for (asked, run) in block.iter_mut().zip(runs) {
            let taken = self.frames.take(asked);
            let (Some(taken), Some(run), Ok(ask)) = (taken, run, &mut asked.ask) else { continue };
            let deadline = match taken.timeout {
                Some(span) => now.saturating_add(span),
                None => UnixMillis::MAX,
            };
            let run = run.and_then(|run| match desk.gate(ask, &run, self.caller) {
                Gate::Open => Ok(run),
                Gate::With(stake) => {
                    self.stakes.put(taken.slot, stake);
                    Ok(run)
                }
                Gate::Shut(why) => Err(why),
            });
            // What is left in its place is not looked at any more.
            let command = core::mem::replace(&mut ask.command, Command::GetRun);
            let early = match run {
                Ok(run) => self.engine.add(taken.slot, run, command, deadline),
                Err(why) => Some(Ok(desk.teller().refused(why))),
            };
            if let Some(outcome) = early {
                let outcome = self.stakes.settle(taken.slot, &outcome).unwrap_or(outcome);
                self.counts.count(taken.kind, &outcome);
                let outcome = outcome.as_ref().map_err(|fault| fault.clone().into());
                self.frames.answered(taken.slot, outcome, None, &desk.teller());
            }
        }
    }

    fn take_answers(&mut self, cx: &mut Context<'_>) {
        let Self { desk, engine, frames, counts, stakes, .. } = self;
        let teller = desk.teller();
        loop {
            let polled = engine.poll_told(cx, wire::foresee, |Work { run, tag, .. }, outcome| {
                let settled = stakes.settle(*tag, outcome);
                let outcome = settled.as_ref().unwrap_or(outcome);
                let told = outcome.as_ref().map_err(|fault| fault.clone().into());
                let kind = frames.answered(*tag, told, Of::run(run), &teller);
                counts.count(kind, outcome);
            });
            match polled {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(Lost)) => {
                    frames.give_up();
                    break;
                }
                Poll::Pending => break,
            }
        }
        desk.tally.add(counts);
    }
}

/// Whether a command is paid for; one that is not is answered so. A malformed one costs as much.
fn pay(toll: &Toll, asked: &Asked, frames: &mut Frames) -> bool {
    let ends_or_keeps = |ask: &wire::Ask| Kind::of(&ask.command).is_of_a_hold();
    let paid = toll.pay(asked.ask.as_ref().is_ok_and(ends_or_keeps));
    let is_paid = paid.is_ok();
    if let Err(trouble) = paid {
        frames.refuse(asked.correlation, trouble);
    }
    is_paid
}

fn draining() -> Trouble {
    Trouble::new(
        Code::Unavailable,
        "the node is draining; send what is unanswered again with the same request_ids",
    )
}
