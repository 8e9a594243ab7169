//! Sessions as streams, and deadlines: what comes of a command that is malformed, late or lost.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_client::Options;
use berth_client::v1::session_answer::Answer;
use berth_client::v1::session_command::Command;
use berth_client::v1::{self, SessionCommand, SessionRequest};
use futures_util::future::join_all;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::asking::{Answered as _, get_hold, journal, reserve};
use crate::ledger::Ledger;
use crate::raw::Raw;
use crate::server::{Server, patient};

/// A bare session: messages in, messages out.
struct Line {
    out: mpsc::Sender<SessionRequest>,
    answers: tonic::Streaming<v1::SessionResponse>,
}

impl Line {
    async fn open(server: &Server, first: SessionRequest) -> Self {
        let (out, messages) = mpsc::channel(64);
        out.send(first).await.unwrap();
        let mut stub = v1::inventory_client::InventoryClient::new(server.channel().await);
        let answers = stub.session(ReceiverStream::new(messages)).await.unwrap().into_inner();
        Self { out, answers }
    }

    /// So many answers, by correlation id.
    async fn take(&mut self, count: usize) -> BTreeMap<u64, Answer> {
        let mut told = BTreeMap::new();
        while told.len() < count {
            let message = self.answers.message().await.unwrap().expect("the stream is open");
            for answer in message.answers {
                let first = told.insert(answer.correlation_id, answer.answer.expect("an answer"));
                assert!(first.is_none(), "{} was answered twice", answer.correlation_id);
            }
        }
        told
    }
}

fn command(correlation_id: u64, command: Command) -> SessionCommand {
    SessionCommand { correlation_id, timeout_ms: 0, command: Some(command) }
}

fn message(commands: Vec<SessionCommand>) -> SessionRequest {
    SessionRequest { commands }
}

#[tokio::test]
async fn a_session_survives_malformed_commands() {
    let server = Server::start();
    let mut unknown = reserve("10001", 1);
    unknown.travel_class = 9_999;
    let commands = vec![
        command(1, Command::Reserve(reserve("10001", 1))),
        command(2, Command::Reserve(reserve("10001", 0))),
        command(3, Command::Reserve(unknown)),
        command(4, Command::GetHold(get_hold("nonsense"))),
        SessionCommand { correlation_id: 5, ..Default::default() },
        command(6, Command::Reserve(reserve("10001", 2))),
    ];
    let mut line = Line::open(&server, message(commands)).await;
    let told = line.take(6).await;
    for good in [1, 6] {
        assert!(matches!(&told[&good], Answer::Reserve(_)), "{:?}", told[&good]);
    }
    for (bad, field) in [(2, "passengers"), (3, "travel_class"), (4, "hold_id"), (5, "command")] {
        let Answer::Fault(fault) = &told[&bad] else { panic!("{bad}: {:?}", told[&bad]) };
        assert_eq!((fault.code, fault.violations[0].field.as_str()), (3, field));
    }
    line.out.send(message(vec![command(7, Command::Reserve(reserve("10001", 1)))])).await.unwrap();
    assert!(matches!(line.take(1).await[&7], Answer::Reserve(_)));
}

#[tokio::test]
async fn an_empty_or_overlong_message_ends_the_stream_after_what_was_asked() {
    let server = Server::start();
    for count in [0, 1_025] {
        let first = message(vec![command(1, Command::Reserve(reserve("10001", 1)))]);
        let mut line = Line::open(&server, first).await;
        let many = (0..count).map(|n| command(n + 2, Command::GetHold(get_hold("x")))).collect();
        line.out.send(message(many)).await.unwrap();
        assert!(matches!(line.take(1).await[&1], Answer::Reserve(_)));
        let status = line.answers.message().await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let expected = format!("commands has {count} commands, a message has 1 to 1024");
        assert_eq!(status.message(), expected);
    }
}

#[tokio::test]
async fn a_session_that_is_closed_by_its_caller_is_answered_to_the_end() {
    let server = Server::start();
    let commands = (0..200).map(|n| command(n, Command::Reserve(reserve("10005", 1)))).collect();
    let Line { out, mut answers } = Line::open(&server, message(commands)).await;
    drop(out);
    let mut told = 0;
    while let Some(message) = answers.message().await.unwrap() {
        told += message.answers.len();
    }
    assert_eq!(told, 200);
    let events = journal(&server.admin().await, None).await;
    assert_eq!(Ledger::read(&events).holds.len(), 200);
}

#[tokio::test]
async fn a_call_whose_deadline_has_passed_is_told_so_and_leaves_no_event() {
    let server = Server::start();
    let mut raw = Raw::connect(server.address()).await;
    // The run is awake: nothing but the deadline stands in the way.
    server.client().await.reserve(reserve("10001", 1)).await.unwrap().done();
    let before = server.written().await;
    for timeout in ["0n", "0m", "0S"] {
        let told = raw
            .call(
                "/berth.v1.Inventory/Reserve",
                &[("grpc-timeout", timeout)],
                &reserve("10001", 1).encode_to_vec(),
            )
            .await;
        assert_eq!(told.code, Code::DeadlineExceeded, "{told:?}");
    }
    server.client().await.get_hold(get_hold(&"0".repeat(32))).await.unwrap().refused();
    assert_eq!(server.written().await, before);
}

#[tokio::test]
async fn a_call_that_gives_up_at_any_moment_is_applied_once_or_not_at_all() {
    let server = Server::start();
    let client = server.client().await;
    let mut asks = Vec::new();
    for micros in [1, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 50_000] {
        let options = Options { call_timeout: Duration::from_micros(micros), ..patient() };
        let hasty = server.client_with(options).await;
        let tries: Vec<_> = (0..8).map(|_| reserve("10005", 1)).collect();
        let answers = join_all(tries.iter().map(|ask| hasty.reserve(ask.clone()))).await;
        for (ask, answer) in tries.into_iter().zip(answers) {
            let told = match answer {
                Ok(answer) => Some(answer.done().hold_id),
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    None
                }
            };
            asks.push((ask, told));
        }
    }
    for (ask, told) in &asks {
        let hold = client.reserve(ask.clone()).await.unwrap().done().hold_id;
        assert!(told.as_ref().is_none_or(|told| *told == hold), "the first answer");
    }
    let events = journal(&server.admin().await, None).await;
    assert_eq!(Ledger::read(&events).holds.len(), asks.len());
}

#[tokio::test]
async fn a_caller_that_vanishes_leaves_everything_whole() {
    let server = Server::start();
    let commands = (0..64).map(|n| command(n, Command::Reserve(reserve("10005", 2)))).collect();
    let asked: SessionRequest = message(commands);
    drop(Line::open(&server, asked.clone()).await);
    let mut line = Line::open(&server, asked).await;
    let told = line.take(64).await;
    assert!(told.values().all(|answer| matches!(answer, Answer::Reserve(_))));
    let events = journal(&server.admin().await, None).await;
    assert_eq!(Ledger::read(&events).holds.len(), 64, "retries found what was done");
}
