//! The lines to the server: sessions that batch, single calls, and calls that are given up early.

use std::time::{Duration, Instant};

use berth_client::v1::session_answer::Answer;
use berth_client::v1::session_command::Command;
use berth_client::{
    BreakerPolicy, Calls, Client, ClientError, Options, Policy, Session, SessionOptions,
};
use tonic::Code;

use super::effect::{self, Said};
use super::stage::StageRun;
use super::tally::{Ended, Kind, Tally};

/// Connections, each with a session, most.
const CONNECTIONS_MAX: u32 = 4;

/// How one try is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a session.
    Session,
    /// As a call of its own.
    Unary,
    /// As a call of its own with a deadline so short that it may well pass.
    Hasty,
    /// As a call of its own, dropped by its caller after so long.
    Dropped(Duration),
}

/// A try without an answer.
#[derive(Clone, Debug)]
pub struct NoAnswer {
    pub code: Code,
    pub message: String,
}

impl NoAnswer {
    /// Whether a well-formed command may meet this on a server that is in order.
    pub fn is_expected(&self) -> bool {
        use Code::{Cancelled, DeadlineExceeded, ResourceExhausted, Unavailable};
        matches!(self.code, Cancelled | DeadlineExceeded | ResourceExhausted | Unavailable)
    }
}

/// See the module.
pub struct Lines {
    sessions: Vec<Session>,
    unary: Vec<Client>,
    hasty: Vec<Client>,
    pub tally: Tally,
}

impl Lines {
    /// Opens lines for so many clients.
    pub async fn open(server: &str, clients: u32) -> Result<Self, ClientError> {
        let plain = Options {
            call_timeout: Duration::from_secs(10),
            // What is answered is counted, so nothing is asked twice or not at all.
            retry: Policy::never(),
            breaker: BreakerPolicy::never(),
            calls: Calls::Single,
            ..Options::default()
        };
        let in_session = SessionOptions { retry: Policy::never(), ..SessionOptions::default() };
        let short = Options { call_timeout: Duration::from_millis(3), ..plain };
        let mut lines = Self {
            sessions: Vec::new(),
            unary: Vec::new(),
            hasty: Vec::new(),
            tally: Tally::default(),
        };
        for _ in 0..clients.clamp(1, CONNECTIONS_MAX) {
            let client = Client::connect_with(server, plain).await?;
            lines.sessions.push(client.session(in_session));
            lines.unary.push(client);
            lines.hasty.push(Client::connect_with(server, short).await?);
        }
        Ok(lines)
    }

    /// A connection for reads.
    pub fn reader(&self) -> &Client {
        &self.unary[0]
    }

    /// Sends one command of client `number` and reads its answer.
    pub async fn send(
        &self,
        number: u32,
        way: Way,
        run: &StageRun,
        command: Command,
    ) -> Result<Said, NoAnswer> {
        let kind = effect::kind(&command);
        let line = number as usize % self.sessions.len();
        let begun = Instant::now();
        let answer = match way {
            Way::Session => self.sessions[line].submit(command).await,
            Way::Unary => call(&self.unary[line], command).await,
            Way::Hasty => call(&self.hasty[line], command).await,
            Way::Dropped(after) => {
                let called = tokio::time::timeout(after, call(&self.unary[line], command));
                if let Ok(answer) = called.await {
                    answer
                } else {
                    let message = "dropped by its caller".to_owned();
                    let code = Code::Cancelled;
                    Err(ClientError::Fault { call: kind.name(), code, message })
                }
            }
        };
        let took = begun.elapsed();
        let said = match answer {
            Ok(answer) => Ok(effect::read(run, answer)),
            Err(fault) => Err(NoAnswer { code: fault.code(), message: fault.to_string() }),
        };
        let ended = match &said {
            Ok(Said::Done(_)) => Ended::Granted,
            Ok(Said::Refused(reason, _)) => Ended::Refused(*reason),
            Ok(Said::Nonsense(_)) => Ended::Unanswered(Code::Unknown as i32),
            Err(none) => Ended::Unanswered(none.code as i32),
        };
        self.tally.count(kind, ended, took);
        said
    }

    /// Counts a query that was made over [`Lines::reader`].
    pub fn queried(&self, granted: bool, took: Duration) {
        let ended =
            if granted { Ended::Granted } else { Ended::Unanswered(Code::Unavailable as i32) };
        self.tally.count(Kind::Query, ended, took);
    }
}

async fn call(client: &Client, command: Command) -> Result<Answer, ClientError> {
    Ok(match command {
        Command::Reserve(ask) => Answer::Reserve(client.reserve(ask).await?),
        Command::Confirm(ask) => Answer::Confirm(client.confirm(ask).await?),
        Command::Release(ask) => Answer::Release(client.release(ask).await?),
        Command::Extend(ask) => Answer::Extend(client.extend(ask).await?),
        Command::Cancel(ask) => Answer::Cancel(client.cancel(ask).await?),
        Command::GetHold(ask) => Answer::GetHold(client.get_hold(ask).await?),
        Command::GetBooking(ask) => Answer::GetBooking(client.get_booking(ask).await?),
    })
}
