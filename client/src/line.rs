//! One endpoint: its connection, and calls over it with deadline, retries, budget and breaker.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use berth_caller::breaker::BreakerPolicy;
use berth_caller::retry::{Next, Policy, Trouble};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

use crate::credentials::{Credentials, Token};
use crate::error::{ClientError, Spent, is_of_the_line, pushback_of, trouble_of};
use crate::health::Health;

/// How calls to sell travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// Together, in one session that all clones of the client share: the way of a busy backend. A
    /// caller waits as long as the retry policy is patient.
    Batched,
    /// Each as a call of its own.
    Single,
}

/// How to connect and how long to wait.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Deadline of one try of one call; it travels to the server.
    pub call_timeout: Duration,
    /// When to try again.
    pub retry: Policy,
    /// When to leave an endpoint alone.
    pub breaker: BreakerPolicy,
    /// How calls to sell travel.
    pub calls: Calls,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(5),
            retry: Policy::default(),
            breaker: BreakerPolicy::default(),
            calls: Calls::Batched,
        }
    }
}

/// A connection with what its calls share.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub channel: Channel,
    pub options: Options,
    pub health: Arc<Health>,
    /// What every call carries.
    pub token: Option<Token>,
}

impl Line {
    pub async fn open(
        address: &str,
        options: Options,
        credentials: &Credentials,
    ) -> Result<Self, ClientError> {
        let wrong = |why: String| ClientError::Address {
            address: address.chars().take(200).collect(),
            why,
        };
        let mut endpoint = Endpoint::from_shared(address.to_owned())
            .map_err(|fault| wrong(causes(&fault)))?
            .connect_timeout(options.connect_timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10));
        match (endpoint.uri().scheme_str(), credentials.tls()) {
            // A token in the clear is everybody's.
            (Some("http"), None) if credentials.token().is_some() && !is_loopback(&endpoint) => {
                return Err(wrong("a token is sent over https only, or to loopback".into()));
            }
            (Some("http"), None) => {}
            (Some("https"), Some(tls)) => {
                endpoint = endpoint.tls_config(tls).map_err(|fault| wrong(causes(&fault)))?;
            }
            (Some("https"), None) => {
                return Err(wrong("https needs the roots to trust; give a CA certificate".into()));
            }
            (Some("http"), Some(_)) => {
                return Err(wrong("roots are given, but http knows no TLS; say https".into()));
            }
            _ => return Err(wrong("only the schemes http and https are spoken here".into())),
        }
        let channel = endpoint.connect().await.map_err(|fault| ClientError::Connect {
            address: address.to_owned(),
            why: causes(&fault),
        })?;
        let health = Arc::new(Health::new(address.to_owned(), options.breaker));
        Ok(Self { channel, options, health, token: credentials.token() })
    }

    /// Sends `message` until it is answered, may not be sent again, or patience ends.
    pub async fn call<M, A, F>(
        &self,
        call: &'static str,
        kind: Kind,
        message: M,
        send: impl Fn(Channel, Request<M>) -> F,
    ) -> Result<A, ClientError>
    where
        M: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let begun = Instant::now();
        for attempt in 1.. {
            self.health.ask(call, Instant::now())?;
            let mut request = Request::new(message.clone());
            request.set_timeout(self.options.call_timeout);
            self.token.iter().for_each(|token| token.put_on(&mut request));
            let sent = send(self.channel.clone(), request);
            let status = match self.in_time(sent).await {
                Ok(answer) => {
                    self.health.lock().budget.earn();
                    return Ok(answer.into_inner());
                }
                Err(status) => status,
            };
            let waited = begun.elapsed();
            let trouble = match (trouble_of(&status), kind) {
                // A read that was too slow once is not worth the double work; a mutation must know.
                (Trouble::Deadline, Kind::Read) => Trouble::Final,
                (trouble, _) => trouble,
            };
            let (pushback, dice) = (pushback_of(&status), rand::random());
            let next = {
                let budget = &mut self.health.lock().budget;
                self.options.retry.next(attempt, waited, trouble, pushback, dice, budget)
            };
            match next {
                Next::Retry(wait) => tokio::time::sleep(wait).await,
                Next::GiveUp(_) => {
                    let spent = Spent { attempts: attempt, waited };
                    return Err(ClientError::from_status(call, &status, spent));
                }
            }
        }
        unreachable!("a policy gives up before u32::MAX tries")
    }

    /// Opens a stream of answers; once open it has no deadline and is not retried.
    pub async fn stream<M, A, F>(
        &self,
        call: &'static str,
        message: M,
        send: impl Fn(Channel, Request<M>) -> F,
    ) -> Result<Streaming<A>, ClientError>
    where
        F: Future<Output = Result<Response<Streaming<A>>, Status>>,
    {
        let begun = Instant::now();
        self.health.ask(call, begun)?;
        let mut request = Request::new(message);
        self.token.iter().for_each(|token| token.put_on(&mut request));
        let sent = send(self.channel.clone(), request);
        let status = match self.in_time(sent).await {
            Ok(answers) => return Ok(answers.into_inner()),
            Err(status) => status,
        };
        let spent = Spent { attempts: 1, waited: begun.elapsed() };
        Err(ClientError::from_status(call, &status, spent))
    }

    /// One try; the breaker hears how it ended.
    async fn in_time<A>(&self, sent: impl Future<Output = Result<A, Status>>) -> Result<A, Status> {
        let (outcome, is_line_well) =
            match tokio::time::timeout(self.options.call_timeout, sent).await {
                Ok(outcome) => {
                    let is_line_well = outcome.as_ref().err().is_none_or(|s| !is_of_the_line(s));
                    (outcome, is_line_well)
                }
                Err(_) => (Err(Status::deadline_exceeded("no answer in time")), false),
            };
        let breaker = &mut self.health.lock().breaker;
        if is_line_well {
            breaker.succeeded();
        } else {
            breaker.failed(Instant::now(), rand::random());
        }
        outcome
    }
}

/// Whether a call changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Mutation,
}

/// Whether the host is this machine by its name or number.
fn is_loopback(endpoint: &Endpoint) -> bool {
    let host = endpoint.uri().host().unwrap_or_default();
    let number = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || number.is_ok_and(|number| number.is_loopback())
}

/// The innermost causes of a transport fault: tonic's own text says only "transport error".
fn causes(fault: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut next = fault.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = if text.is_empty() { said } else { format!("{text}: {said}") };
        }
        next = cause.source();
    }
    if text.is_empty() { fault.to_string() } else { text }
}
