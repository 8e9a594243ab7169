//! One connection with one session: as many cycles at once as its window has commands. What is
//! ready leaves when it fills a message, or when nothing else is on its way.

use std::collections::VecDeque;
use std::time::Instant;

use prost::bytes::Bytes;
use tokio::sync::mpsc::unbounded_channel;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Request;
use tonic::codegen::http::uri::PathAndQuery;

use super::super::work::{Draw, Told, Wish};
use super::{Job, finish, reserve};
use crate::fault::{Bench, BenchError};
use crate::load::answer::{Said, answers};
use crate::load::command::RequestIds;
use crate::load::connection::{Raw, connect, wire};

/// Bytes of a command, about.
const COMMAND_BYTES: usize = 112;
/// Digits of a hold's id.
const HOLD_ID: usize = 32;

struct Session<'a> {
    job: Job<'a>,
    draw: Draw,
    ids: RequestIds,
    /// Cycles; a command's number is its place here.
    cycles: Vec<Wish>,
    /// Places with what to ask there: the end of a hold, or a new cycle.
    ready: VecDeque<(usize, Option<[u8; HOLD_ID]>)>,
    unanswered: usize,
    told: Told,
}

/// Drives one session to the end of the round and lets every cycle finish.
pub async fn drive(job: Job<'_>, connection: usize) -> Bench<Told> {
    let (mut draw, ids) = job.draw(connection);
    let cycles: Vec<_> = (0..job.shape.window()).map(|_| draw.wish()).collect();
    let ready = (0..cycles.len()).map(|place| (place, None)).collect();
    let mut session =
        Session { job, draw, ids, cycles, ready, unanswered: 0, told: Told::default() };
    let mut grpc = connect(job.address).await?;
    grpc.ready().await.map_err(|why| BenchError::Wire(why.to_string()))?;
    let (outgoing, messages) = unbounded_channel();
    // A stream that broke is found out by its answers.
    let send = |message: Bytes| drop(outgoing.send(message));
    session.fill(send)?;
    let request = Request::new(UnboundedReceiverStream::new(messages));
    let path = PathAndQuery::from_static("/berth.v1.Inventory/Session");
    let answered = grpc.streaming(request, path, Raw).await.map_err(|status| wire(&status))?;
    let mut answered = answered.into_inner();
    while session.unanswered > 0 {
        let message = answered.message().await.map_err(|status| wire(&status))?;
        let ended = || BenchError::Wire("the server ended a session".into());
        session.hear(&message.ok_or_else(ended)?)?;
        session.fill(send)?;
    }
    let told = session.told;
    drop(outgoing);
    while answered.message().await.map_err(|status| wire(&status))?.is_some() {}
    Ok(told)
}

impl Session<'_> {
    fn hear(&mut self, message: &[u8]) -> Bench<()> {
        let over = Instant::now() >= self.job.until;
        for (number, said) in answers(message) {
            let place = number as usize;
            let wish = self.cycles.get(place).copied();
            let wish = wish.ok_or_else(|| {
                BenchError::Wire(format!("an answer to {number}, which was never asked"))
            })?;
            self.unanswered -= 1;
            match said {
                Said::Hold(hold) => {
                    let hold = hold.try_into();
                    let hold =
                        hold.map_err(|_| BenchError::Wire("a hold without its id".into()))?;
                    self.told.hold(true);
                    self.ready.push_back((place, Some(hold)));
                    continue;
                }
                // Only a reserve is refused in a sound run; a refused end shows in the check.
                Said::Refused(_) => self.told.hold(false),
                Said::Booking(_) | Said::Ended => self.told.finish(&wish, true),
                Said::Fault(_) => return Err(BenchError::Wire(said.words())),
            }
            if !over {
                self.cycles[place] = self.draw.wish();
                self.ready.push_back((place, None));
            }
        }
        Ok(())
    }

    /// Sends full messages, and what is left when nothing is on its way.
    fn fill(&mut self, send: impl Fn(Bytes)) -> Bench<()> {
        let batch = self.job.shape.batch;
        while self.ready.len() >= batch || self.unanswered == 0 && !self.ready.is_empty() {
            let count = self.ready.len().min(batch);
            let mut message = Vec::with_capacity(count * COMMAND_BYTES);
            for (place, hold) in self.ready.drain(..count) {
                let wish = &self.cycles[place];
                let (number, ids) = (place as u64, &mut self.ids);
                if let Some(hold) = &hold {
                    finish(wish, hold).put_command(number, ids, &mut message);
                } else {
                    let runs = self.job.stock.next().map_err(BenchError::Other)?;
                    let run = runs.run_ref(wish.train);
                    reserve(wish, &run).put_command(number, ids, &mut message);
                }
            }
            self.unanswered += count;
            send(message.into());
        }
        Ok(())
    }
}
