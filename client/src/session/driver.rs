//! The task behind a session: opens streams, reads answers, watches the clock.
//!
//! It decides nothing itself: the desk says what is to be done, the policy and the breaker when to
//! open a stream again. It ends with the last handle.

use std::pin::pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use berth_caller::breaker::Leave;
use berth_caller::retry::{Budget, Next, Policy};
use berth_proto::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use prost::bytes::Bytes;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::shared::{Body, Inside, Rest, Shared, over};
use super::wire::Raw;
use crate::credentials::Token;
use crate::error::{ClientError, Spent, is_of_the_line, pushback_of, trouble_of};
use crate::health::Health;

/// The call of the stream.
const PATH: &str = "/berth.v1.Inventory/Session";
/// How long a server that owes nothing any more may take to end the stream.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
pub struct Driver {
    pub channel: Channel,
    pub health: Arc<Health>,
    pub token: Option<Token>,
    pub reconnect: Policy,
    pub shared: Arc<Shared>,
}

/// Streams that broke since the last answer.
#[derive(Debug, Default)]
struct Breaks {
    count: u32,
    since: Option<Instant>,
}

/// Why a stream is left.
enum Left {
    /// The last handle is gone.
    Closed,
    /// It broke.
    Broken(Status),
}

/// Why the clock stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Asked,
    Deaf,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.give_up(|_| over());
    }
}

impl Driver {
    pub async fn run(self) {
        let mut breaks = Breaks::default();
        loop {
            // A stream is opened with something to say: a server may answer its headers late.
            self.clock(|inside| inside.is_closed || inside.desk.queued() > 0).await;
            if self.shared.lock().is_closed {
                return;
            }
            if let Some(rest) = self.rest() {
                self.sleep(rest).await;
                continue;
            }
            self.shared.lock().rest = None;
            let mut heard = false;
            match self.one_stream(&mut heard).await {
                Left::Closed => return,
                Left::Broken(status) => {
                    if heard {
                        breaks = Breaks::default();
                    }
                    self.after(&mut breaks, heard, &status).await;
                }
            }
        }
    }

    /// How long the breaker keeps us from asking; callers are told so meanwhile.
    fn rest(&self) -> Option<Duration> {
        let now = Instant::now();
        let mut kept = self.health.lock();
        let Leave::Rest(rest) = kept.breaker.ask(now) else { return None };
        let failures = kept.breaker.failures_in_a_row();
        drop(kept);
        self.shared.lock().rest = Some(Rest { until: now + rest, failures });
        Some(rest)
    }

    /// Waits, and lets time pass for those who wait too.
    async fn sleep(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = self.clock(|inside| inside.is_closed) => {}
        }
    }

    /// Lets time pass until `stop` says so or the server is found to be deaf.
    async fn clock(&self, stop: impl Fn(&Inside) -> bool) -> Stop {
        loop {
            let look = self.shared.look(Instant::now());
            if look.is_deaf {
                return Stop::Deaf;
            }
            if stop(&self.shared.lock()) {
                return Stop::Asked;
            }
            let kicked = self.shared.kick.notified();
            match look.next {
                Some(at) => tokio::select! {
                    () = kicked => {}
                    () = tokio::time::sleep_until(at.into()) => {}
                },
                None => kicked.await,
            }
        }
    }

    /// Drives one stream until it breaks or nothing is left to do.
    async fn one_stream(&self, heard: &mut bool) -> Left {
        let stream = {
            let mut inside = self.shared.lock();
            inside.stream += 1;
            inside.body = None;
            inside.stream
        };
        let mut clock = pin!(self.clock(|inside| inside.is_closed));
        let mut answers = tokio::select! {
            opened = self.open(stream) => match opened {
                Ok(answers) => answers,
                Err(status) => return Left::Broken(status),
            },
            stop = &mut clock => return Self::stopped(stop),
        };
        let mut woken = Vec::new();
        loop {
            tokio::select! {
                said = answers.message() => match said {
                    Ok(Some(message)) => {
                        if !*heard {
                            *heard = true;
                            self.health.lock().breaker.succeeded();
                        }
                        if let Err(status) = self.take(&message, &mut woken) {
                            return Left::Broken(status);
                        }
                    }
                    Ok(None) if self.shared.lock().is_closed => return Left::Closed,
                    Ok(None) => {
                        return Left::Broken(Status::unavailable("the server ended the session"));
                    }
                    Err(status) => return Left::Broken(status),
                },
                stop = &mut clock => {
                    if stop == Stop::Asked {
                        Self::end(&self.shared, &mut answers).await;
                    }
                    return Self::stopped(stop);
                }
            }
        }
    }

    fn stopped(stop: Stop) -> Left {
        match stop {
            Stop::Asked => Left::Closed,
            Stop::Deaf => {
                let mut status = Status::unavailable("the server has stopped answering");
                let silence = std::io::Error::from(std::io::ErrorKind::TimedOut);
                status.set_source(Arc::new(silence));
                Left::Broken(status)
            }
        }
    }

    async fn open(&self, stream: u64) -> Result<Streaming<Bytes>, Status> {
        let mut grpc = Grpc::new(self.channel.clone())
            .max_decoding_message_size(RESPONSE_BYTES_MAX)
            .max_encoding_message_size(REQUEST_BYTES_MAX);
        grpc.ready().await.map_err(|fault| Status::from_error(Box::new(fault)))?;
        let body = Body::new(Arc::clone(&self.shared), stream);
        let path = PathAndQuery::from_static(PATH);
        let mut request = Request::new(body);
        self.token.iter().for_each(|token| token.put_on(&mut request));
        Ok(grpc.streaming(request, path, Raw).await?.into_inner())
    }

    fn take(&self, message: &[u8], woken: &mut Vec<Waker>) -> Result<(), Status> {
        let now = Instant::now();
        let (taken, body) = {
            let mut kept = self.health.lock();
            let mut inside = self.shared.lock();
            let budget = &mut kept.budget;
            let taken =
                inside.desk.take_answers(message, now, budget, &mut rand::random::<f64>, woken);
            (taken, inside.body_if_leaving(now))
        };
        if taken == Ok(true) {
            // The clock does not know yet when the rest ends.
            self.shared.kick.notify_one();
        }
        body.into_iter().chain(woken.drain(..)).for_each(Waker::wake);
        taken.map(drop).map_err(|_| Status::internal("an answer of the session cannot be read"))
    }

    /// Lets the server end a stream that has nothing left to say, so that it closes in order.
    async fn end(shared: &Shared, answers: &mut Streaming<Bytes>) {
        let body = shared.lock().body.take();
        body.into_iter().for_each(Waker::wake);
        let rest = async { while matches!(answers.message().await, Ok(Some(_))) {} };
        // What a deaf server owes is owed to nobody: all handles are gone.
        drop(tokio::time::timeout(END_PATIENCE, rest).await);
    }

    /// After a stream broke: waits for the next one, or gives up what is unanswered.
    async fn after(&self, breaks: &mut Breaks, heard: bool, status: &Status) {
        {
            let mut inside = self.shared.lock();
            inside.desk.broke();
            inside.stream += 1;
            inside.body = None;
        }
        let now = Instant::now();
        if !heard {
            let breaker = &mut self.health.lock().breaker;
            if is_of_the_line(status) {
                breaker.failed(now, rand::random());
            } else {
                breaker.succeeded();
            }
        }
        if self.shared.lock().desk.queued() == 0 {
            return;
        }
        breaks.count += 1;
        let waited = breaks.since.get_or_insert(now).elapsed();
        let (pushback, dice) = (pushback_of(status), rand::random());
        // One stream for many commands: it is no retry storm, so its budget is always fresh.
        let budget = &mut Budget::default();
        let trouble = trouble_of(status);
        match self.reconnect.next(breaks.count, waited, trouble, pushback, dice, budget) {
            Next::Retry(wait) => self.sleep(wait).await,
            Next::GiveUp(_) => {
                let spent = Spent { attempts: breaks.count, waited };
                self.shared.give_up(|call| ClientError::from_status(call, status, spent));
                *breaks = Breaks::default();
            }
        }
    }
}
