//! One connection with unary calls: each customer has one call in flight.
//!
//! Open loop: calls are due at even times; a customer that is free takes the next one.

use core::cell::RefCell;
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use prost::bytes::Bytes;
use tokio::sync::{Mutex, mpsc};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::answer::{Said, response};
use super::command::{Next, RequestIds};
use super::connection::{Raw, connect};
use super::round::{Job, Pressure, Tally};
use super::slots::Slots;
use super::tick::{Alarm, Schedule};
use crate::fault::{Bench, BenchError};

struct State<'a> {
    slots: Slots<'a>,
    ids: RequestIds,
    tally: Tally,
}

type Due = Mutex<mpsc::UnboundedReceiver<Instant>>;

/// Drives one connection to the end of the round and lets every customer finish.
///
/// # Errors
/// The connection could not be opened.
pub async fn drive(job: &Job<'_>, seed: u64, phase: f64) -> Bench<Tally> {
    let grpc = connect(job.address).await?;
    let customers = job.shape.window();
    let state = RefCell::new(State {
        slots: Slots::new(customers, job.stage, job.style, seed, job.start),
        ids: RequestIds::new(seed),
        tally: Tally::default(),
    });
    let (tell, due) = mpsc::unbounded_channel();
    let due = Mutex::new(due);
    let open = matches!(job.pressure, Pressure::Open { .. });
    let play = async {
        let all: FuturesUnordered<_> = (0..customers)
            .map(|slot| customer(job, &state, grpc.clone(), slot, open.then_some(&due)))
            .collect();
        all.collect::<Vec<_>>().await.into_iter().collect::<Bench<()>>()
    };
    let (played, told) = tokio::join!(play, say_due(job, phase, tell));
    played?;
    told?;
    let State { slots, tally, .. } = state.into_inner();
    Ok(tally.with(slots.counts))
}

/// Says what is due until the round is over; then nothing is any more.
async fn say_due(job: &Job<'_>, phase: f64, tell: mpsc::UnboundedSender<Instant>) -> Bench<()> {
    let Pressure::Open { rate } = job.pressure else { return Ok(()) };
    let mut schedule = Schedule::new(job.start, rate / job.shape.connections as f64, phase);
    let alarm = Alarm::new()?;
    loop {
        alarm.at(schedule.next()).await?;
        let now = Instant::now();
        if job.over(now) {
            return Ok(());
        }
        while let Some(due) = schedule.due(now) {
            let _ = tell.send(due);
        }
    }
}

/// One customer. At the end it gives back what it holds, whether that is due or not.
async fn customer(
    job: &Job<'_>,
    state: &RefCell<State<'_>>,
    mut grpc: Grpc<Channel>,
    slot: usize,
    due: Option<&Due>,
) -> Bench<()> {
    let mut follow_up: Option<Call> = None;
    loop {
        let due_at = match due {
            Some(due) => due.lock().await.recv().await,
            None => None,
        };
        let asked = {
            let state = &mut *state.borrow_mut();
            let since = state.slots.ns(due_at.unwrap_or_else(Instant::now));
            if let Some(asked) = follow_up.take() {
                state.slots.sent(slot, since);
                asked
            } else {
                state.slots.over |= job.over(Instant::now());
                // What was due is asked, however late.
                if state.slots.over && due_at.is_none() {
                    return Ok(());
                }
                let next = state.slots.begin(slot, since);
                Call::new(&next, &mut state.ids)
            }
        };
        let number = asked.answer;
        let answer = call(&mut grpc, asked).await?;
        let state = &mut *state.borrow_mut();
        let (now, since) = (Instant::now(), state.slots.waited(slot as u64).unwrap_or(0));
        let at = state.slots.ns(now);
        state.tally.waited(since, at, job.window);
        state.tally.flush();
        state.slots.over |= job.over(now);
        let said = match &answer {
            Ok(bytes) => response(number, bytes),
            Err(status) => Said::Fault(status.message().as_bytes()),
        };
        if let Some(next) = state.slots.follow(slot, said, at) {
            follow_up = Some(Call::new(&next, &mut state.ids));
        }
        job.answered(1, at);
    }
}

/// A call that is about to be made.
struct Call {
    path: &'static str,
    /// Number of the field that holds its answer in a session.
    answer: u32,
    body: Bytes,
}

impl Call {
    fn new(next: &Next<'_>, ids: &mut RequestIds) -> Self {
        let mut body = Vec::with_capacity(128);
        next.put(ids, &mut body);
        Self { path: next.path(), answer: next.answer(), body: body.into() }
    }
}

async fn call(grpc: &mut Grpc<Channel>, asked: Call) -> Bench<Result<Bytes, Status>> {
    grpc.ready().await.map_err(|why| BenchError::Wire(why.to_string()))?;
    let path = PathAndQuery::from_static(asked.path);
    let answer = grpc.unary(Request::new(asked.body), path, Raw).await;
    Ok(answer.map(tonic::Response::into_inner))
}
