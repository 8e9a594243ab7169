//! One connection with one session: messages of a fixed number of commands.
//!
//! Closed loop: as many customers as fit in flight, and a message leaves when it is full. Open loop:
//! a message is due at even times; what customers do next is in it first, then new customers.

use std::collections::VecDeque;
use std::time::Instant;

use prost::bytes::Bytes;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Request;
use tonic::codegen::http::uri::PathAndQuery;

use super::answer::answers;
use super::command::{Next, RequestIds};
use super::connection::{Raw, connect, wire};
use super::round::{Job, Pressure, Tally};
use super::slots::Slots;
use super::tick::{Alarm, Schedule};
use crate::fault::{Bench, BenchError};

/// Commands that a customer of an open loop may leave unanswered before it waits: below the window
/// of a session, above anything that a server in good health needs.
const OPEN_CUSTOMERS: usize = 15_000;
/// Bytes of a command, about.
const COMMAND_BYTES: usize = 96;

struct Session<'a> {
    job: &'a Job<'a>,
    slots: Slots<'a>,
    ids: RequestIds,
    /// Commands that have not left, and for each whose it is and where it ends.
    pending: Vec<u8>,
    ends: Vec<(u32, u32)>,
    /// Customers that wait for nothing; of an open loop, those who may begin.
    idle: Vec<u32>,
    outgoing: UnboundedSender<Bytes>,
    tally: Tally,
    customers: usize,
}

/// Drives one session to the end of the round and lets every customer finish.
///
/// # Errors
/// The stream broke.
pub async fn drive(job: &Job<'_>, seed: u64, phase: f64) -> Bench<Tally> {
    let mut grpc = connect(job.address).await?;
    grpc.ready().await.map_err(|why| BenchError::Wire(why.to_string()))?;
    let (outgoing, messages) = unbounded_channel();
    let customers = match job.pressure {
        Pressure::Closed => job.shape.window(),
        Pressure::Open { .. } => OPEN_CUSTOMERS,
    };
    let mut session = Session {
        job,
        slots: Slots::new(customers, job.stage, job.style, seed, job.start),
        ids: RequestIds::new(seed),
        pending: Vec::with_capacity(job.shape.batch * COMMAND_BYTES),
        ends: Vec::with_capacity(job.shape.batch),
        idle: (0..customers as u32).rev().collect(),
        outgoing,
        tally: Tally::default(),
        customers,
    };
    let schedule = match job.pressure {
        Pressure::Closed => {
            session.fill();
            None
        }
        Pressure::Open { rate } => {
            let messages = rate / (job.shape.connections * job.shape.batch) as f64;
            Some(Schedule::new(job.start, messages, phase))
        }
    };
    let request = Request::new(UnboundedReceiverStream::new(messages));
    let path = PathAndQuery::from_static("/berth.v1.Inventory/Session");
    let answered = grpc.streaming(request, path, Raw).await.map_err(|status| wire(&status))?;
    let mut answers = answered.into_inner();
    match schedule {
        None => {
            while session.busy() > 0 {
                let message = answers.message().await.map_err(|status| wire(&status))?;
                session.take(&message.ok_or_else(ended)?)?;
                session.fill();
            }
        }
        Some(schedule) => session.open(schedule, &mut answers).await?,
    }
    let Session { tally, slots, outgoing, .. } = session;
    drop(outgoing);
    while answers.message().await.map_err(|status| wire(&status))?.is_some() {}
    Ok(tally.with(slots.counts))
}

fn ended() -> BenchError {
    BenchError::Wire("the server ended a session".into())
}

impl Session<'_> {
    /// Customers that wait for an answer, or for their command to leave.
    fn busy(&self) -> usize {
        self.customers - self.idle.len()
    }

    async fn open(
        &mut self,
        mut schedule: Schedule,
        answers: &mut tonic::Streaming<Bytes>,
    ) -> Bench<()> {
        let alarm = Alarm::new()?;
        let (mut owed, mut over) = (VecDeque::new(), false);
        loop {
            tokio::select! {
                message = answers.message() => {
                    self.take(&message.map_err(|status| wire(&status))?.ok_or_else(ended)?)?;
                }
                rung = alarm.at(schedule.next()), if !over => rung?,
            }
            let now = Instant::now();
            over = self.job.over(now);
            if !over {
                owed.extend(core::iter::from_fn(|| schedule.due(now)));
            }
            // What was due is asked, however late.
            self.pay(&mut owed);
            if over && owed.is_empty() {
                self.slots.over = true;
                while !self.ends.is_empty() {
                    self.send(self.slots.ns(now));
                }
                if self.busy() == 0 {
                    return Ok(());
                }
            }
        }
    }

    /// Sends the messages that are due, as long as there are customers to fill them.
    fn pay(&mut self, owed: &mut VecDeque<Instant>) {
        while let Some(due) = owed.front() {
            let at = self.slots.ns(*due);
            while self.ends.len() < self.job.shape.batch {
                let Some(slot) = self.idle.pop() else { return };
                let next = self.slots.begin(slot as usize, at);
                self.put(slot, &next);
            }
            self.send(at);
            owed.pop_front();
        }
    }

    /// Closed loop: idle customers begin, and every full message leaves. At the end of the round,
    /// what is left leaves too.
    fn fill(&mut self) {
        let now = Instant::now();
        self.slots.over |= self.job.over(now);
        let at = self.slots.ns(now);
        if !self.slots.over {
            while let Some(slot) = self.idle.pop() {
                let next = self.slots.begin(slot as usize, at);
                self.put(slot, &next);
                if self.ends.len() == self.job.shape.batch {
                    self.send(at);
                }
            }
        }
        while self.ends.len() >= self.job.shape.batch || (self.slots.over && !self.ends.is_empty())
        {
            self.send(at);
        }
    }

    fn put(&mut self, slot: u32, next: &Next<'_>) {
        next.put_command(slot.into(), &mut self.ids, &mut self.pending);
        self.ends.push((slot, self.pending.len() as u32));
    }

    /// Sends one message of what waits.
    fn send(&mut self, at: u64) {
        let count = self.ends.len().min(self.job.shape.batch);
        let bytes = self.ends[count - 1].1;
        for (slot, _) in self.ends.drain(..count) {
            self.slots.sent(slot as usize, at);
        }
        let rest = self.pending.split_off(bytes as usize);
        let message = core::mem::replace(&mut self.pending, rest);
        self.ends.iter_mut().for_each(|end| end.1 -= bytes);
        // A stream that broke is found out by its answers.
        drop(self.outgoing.send(message.into()));
        self.pending.reserve(self.job.shape.batch * COMMAND_BYTES);
    }

    fn take(&mut self, message: &[u8]) -> Bench<()> {
        let now = Instant::now();
        let at = self.slots.ns(now);
        let mut count = 0;
        for (correlation, said) in answers(message) {
            let since = self.slots.waited(correlation).ok_or_else(|| {
                BenchError::Wire(format!("an answer to {correlation}, which was never asked"))
            })?;
            self.tally.waited(since, at, self.job.window);
            count += 1;
            match self.slots.follow(correlation as usize, said, at) {
                Some(next) => {
                    next.put_command(correlation, &mut self.ids, &mut self.pending);
                    self.ends.push((correlation as u32, self.pending.len() as u32));
                }
                None => self.idle.push(correlation as u32),
            }
        }
        self.tally.flush();
        self.job.answered(count, at);
        Ok(())
    }
}
