//! The client against a server that misbehaves on purpose.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use berth_client::v1::inventory_server::{Inventory, InventoryServer};
use berth_client::v1::session_answer::Answer;
use berth_client::v1::session_command::Command;
use berth_client::v1::{self, SessionAnswer, SessionRequest, SessionResponse};
use berth_client::{BreakerPolicy, Calls, Client, ClientError, Options, Policy, SessionOptions};
use berth_proto::RETRY_PUSHBACK_HEADER;
use tokio::net::TcpListener;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Code, Request, Response, Status, Streaming};

/// What the server saw and how it behaves.
#[derive(Clone, Default)]
struct Moody {
    seen: Arc<Mutex<Seen>>,
    /// Refuses so many reserves for overload before it answers.
    overloads: u32,
    /// Ends so many sessions after their first message, unanswered.
    breaks: u32,
    /// Never answers a confirm.
    deaf: bool,
}

#[derive(Default)]
struct Seen {
    reserves: Vec<String>,
    extends: Vec<String>,
    streams: u32,
    session_ids: Vec<String>,
    largest_message: usize,
}

fn refused(reason: v1::Reason) -> v1::Refusal {
    v1::Refusal { reason: reason.into(), ..v1::Refusal::default() }
}

/// Nothing: the server is deaf to it.
fn answer(server: &Moody, command: &v1::SessionCommand) -> Option<SessionAnswer> {
    let answer = match &command.command {
        Some(Command::Release(_)) => Answer::Release(v1::ReleaseResponse {
            outcome: Some(v1::release_response::Outcome::Refusal(refused(v1::Reason::UnknownHold))),
            ..v1::ReleaseResponse::default()
        }),
        Some(Command::Confirm(_)) if server.deaf => return None,
        Some(Command::Extend(ask)) => {
            let mut seen = server.seen.lock().unwrap();
            seen.extends.push(ask.request_id.clone());
            if seen.extends.len() as u32 <= server.overloads {
                Answer::Fault(v1::Fault {
                    code: Code::ResourceExhausted as u32,
                    message: "full".into(),
                    retry_after_ms: 1,
                    violations: Vec::new(),
                })
            } else {
                Answer::Extend(v1::ExtendResponse { run_version: 7, ..Default::default() })
            }
        }
        _ => Answer::Fault(v1::Fault {
            code: Code::ResourceExhausted as u32,
            message: "this server only releases".into(),
            retry_after_ms: 40,
            violations: Vec::new(),
        }),
    };
    Some(SessionAnswer { correlation_id: command.correlation_id, answer: Some(answer) })
}

#[tonic::async_trait]
impl Inventory for Moody {
    type SessionStream = ReceiverStream<Result<SessionResponse, Status>>;

    async fn reserve(
        &self,
        request: Request<v1::ReserveRequest>,
    ) -> Result<Response<v1::ReserveResponse>, Status> {
        let tries = {
            let mut seen = self.seen.lock().unwrap();
            seen.reserves.push(request.into_inner().request_id);
            seen.reserves.len() as u32
        };
        if tries <= self.overloads {
            let mut status = Status::resource_exhausted("full");
            status.metadata_mut().insert(RETRY_PUSHBACK_HEADER, "1".parse().unwrap());
            return Err(status);
        }
        Ok(Response::new(v1::ReserveResponse { run_version: 7, ..Default::default() }))
    }

    async fn confirm(
        &self,
        _: Request<v1::ConfirmRequest>,
    ) -> Result<Response<v1::ConfirmResponse>, Status> {
        if self.deaf {
            std::future::pending::<()>().await;
        }
        Err(Status::unimplemented("not here"))
    }

    async fn release(
        &self,
        _: Request<v1::ReleaseRequest>,
    ) -> Result<Response<v1::ReleaseResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn extend(
        &self,
        _: Request<v1::ExtendRequest>,
    ) -> Result<Response<v1::ExtendResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn cancel(
        &self,
        _: Request<v1::CancelRequest>,
    ) -> Result<Response<v1::CancelResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_hold(
        &self,
        _: Request<v1::GetHoldRequest>,
    ) -> Result<Response<v1::GetHoldResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_booking(
        &self,
        _: Request<v1::GetBookingRequest>,
    ) -> Result<Response<v1::GetBookingResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn session(
        &self,
        request: Request<Streaming<SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut commands = request.into_inner();
        let (said, answers) = tokio::sync::mpsc::channel(4);
        let (seen, server) = (Arc::clone(&self.seen), self.clone());
        let breaks = {
            let mut seen = seen.lock().unwrap();
            seen.streams += 1;
            seen.streams <= self.breaks
        };
        tokio::spawn(async move {
            while let Ok(Some(message)) = commands.message().await {
                {
                    let mut seen = seen.lock().unwrap();
                    seen.largest_message = seen.largest_message.max(message.commands.len());
                    for command in &message.commands {
                        if let Some(Command::Release(ask)) = &command.command {
                            seen.session_ids.push(ask.request_id.clone());
                        }
                    }
                }
                if breaks {
                    drop(said.send(Err(Status::unavailable("going down"))).await);
                    return;
                }
                // Backwards: a session promises no order of answers.
                let say = |command| answer(&server, command);
                let answers: Vec<_> = message.commands.iter().rev().filter_map(say).collect();
                if answers.is_empty() {
                    continue;
                }
                if said.send(Ok(SessionResponse { answers })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(answers)))
    }
}

fn single() -> Options {
    Options { calls: Calls::Single, ..Options::default() }
}

async fn client_of(server: Moody, options: Options) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(InventoryServer::new(server))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    Client::connect_with(&address, options).await.unwrap()
}

#[tokio::test]
async fn an_overloaded_server_is_asked_again_with_the_same_id() {
    let server = Moody { overloads: 2, ..Moody::default() };
    let client = client_of(server.clone(), single()).await;
    let answer = client.reserve(v1::ReserveRequest::default()).await.unwrap();
    assert_eq!(answer.run_version, 7);
    let ids = &server.seen.lock().unwrap().reserves;
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0] && id.len() == 36), "{ids:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_deadline_not_a_cancellation() {
    let server = Moody { deaf: true, ..Moody::default() };
    let options = Options {
        call_timeout: Duration::from_millis(20),
        retry: Policy { attempts_max: 2, ..Policy::default() },
        ..single()
    };
    let client = client_of(server, options).await;
    let error = client.confirm(v1::ConfirmRequest::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Deadline { call: "Confirm", attempts: 2, .. }), "{error}");
}

#[tokio::test]
async fn nobody_there_names_the_address_and_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let text = Client::connect(&address).await.unwrap_err().to_string();
    assert!(text.starts_with(&format!("no server answers at {address} (")), "{text}");
    assert!(text.ends_with("is `berth serve` running there?"), "{text}");
    for wrong in ["localhost", "ftp://x:1", "", "http://"] {
        let error = Client::connect(wrong).await.unwrap_err();
        assert!(matches!(error, ClientError::Address { .. }), "{wrong:?}: {error}");
    }
}

#[tokio::test]
async fn a_session_batches_survives_a_break_and_keeps_its_ids() {
    let server = Moody { breaks: 1, ..Moody::default() };
    let client = client_of(server.clone(), Options::default()).await;
    let session = client.session(SessionOptions { window: 512, ..SessionOptions::default() });
    let asks = (0..1_000).map(|_| session.release(v1::ReleaseRequest::default()));
    for answer in futures_util::future::join_all(asks).await {
        let refusal = v1::release_response::Outcome::Refusal(refused(v1::Reason::UnknownHold));
        assert_eq!(answer.unwrap().outcome, Some(refusal));
    }
    let seen = server.seen.lock().unwrap();
    let distinct: HashSet<&String> = seen.session_ids.iter().collect();
    assert_eq!(seen.streams, 2);
    assert_eq!(distinct.len(), 1_000, "what was sent twice had the same id");
    assert!(seen.session_ids.len() > 1_000, "the first message was lost and sent again");
    assert!((2..=256).contains(&seen.largest_message), "{}", seen.largest_message);
}

#[tokio::test]
async fn a_fault_of_one_command_is_its_callers_alone() {
    let client = client_of(Moody::default(), Options::default()).await;
    let retry = Policy { attempts_max: 3, ..Policy::default() };
    let session = client.session(SessionOptions { retry, ..SessionOptions::default() });
    let (reserve, release) = tokio::join!(
        session.reserve(v1::ReserveRequest::default()),
        session.release(v1::ReleaseRequest::default())
    );
    assert!(release.is_ok());
    assert_eq!(
        reserve.unwrap_err().to_string(),
        "Reserve: the server is over a limit: this server only releases; come back in 40 ms"
    );
}

#[tokio::test]
async fn a_session_asks_an_overloaded_server_again_with_the_same_id() {
    let server = Moody { overloads: 2, ..Moody::default() };
    let client = client_of(server.clone(), Options::default()).await;
    let answer = client.extend(v1::ExtendRequest::default()).await.unwrap();
    assert_eq!(answer.run_version, 7);
    let ids = &server.seen.lock().unwrap().extends;
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0] && id.len() == 36), "{ids:?}");
}

#[tokio::test]
async fn calls_of_many_tasks_travel_together() {
    let server = Moody::default();
    let client = client_of(server.clone(), Options::default()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..2_000 {
        let client = client.clone();
        tasks.spawn(async move { client.release(v1::ReleaseRequest::default()).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap().unwrap();
    }
    let seen = server.seen.lock().unwrap();
    assert_eq!((seen.streams, seen.session_ids.len()), (1, 2_000));
    assert!((2..=256).contains(&seen.largest_message), "{}", seen.largest_message);
}

#[tokio::test]
async fn callers_that_give_up_do_not_hold_others_up() {
    let client = client_of(Moody { deaf: true, ..Moody::default() }, Options::default()).await;
    // Two places: those who give up must hand theirs on.
    let options = SessionOptions { window: 2, ..SessionOptions::default() };
    let session = client.session(options);
    for _ in 0..200 {
        let ask = session.release(v1::ReleaseRequest::default());
        let late = tokio::time::timeout(Duration::from_micros(50), ask);
        drop(late.await);
    }
    session.release(v1::ReleaseRequest::default()).await.unwrap();
    let never = session.clone().with_timeout(Duration::from_millis(20));
    let error = never.confirm(v1::ConfirmRequest::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Deadline { call: "Confirm", attempts: 1, .. }), "{error}");
    session.release(v1::ReleaseRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left_and_asked_again_on_another_stream() {
    let server = Moody { deaf: true, ..Moody::default() };
    let client = client_of(server.clone(), Options::default()).await;
    let session = client.session(SessionOptions { window: 1, ..SessionOptions::default() });
    let hasty = session.with_timeout(Duration::from_millis(1));
    hasty.confirm(v1::ConfirmRequest::default()).await.unwrap_err();
    // The only place is taken by an answer that never comes, until the stream is given up.
    session.release(v1::ReleaseRequest::default()).await.unwrap();
    assert_eq!(server.seen.lock().unwrap().streams, 2);
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_left_alone_for_a_while() {
    let server = Moody { deaf: true, ..Moody::default() };
    let options = Options {
        call_timeout: Duration::from_millis(5),
        retry: Policy::never(),
        breaker: BreakerPolicy { failures: 3, ..BreakerPolicy::default() },
        ..single()
    };
    let client = client_of(server, options).await;
    for _ in 0..3 {
        let error = client.confirm(v1::ConfirmRequest::default()).await.unwrap_err();
        assert!(matches!(error, ClientError::Deadline { .. }), "{error}");
    }
    let error = client.confirm(v1::ConfirmRequest::default()).await.unwrap_err();
    let text = error.to_string();
    let failed = "Confirm: the last 3 tries to reach http://127.0.0.1:";
    assert!(text.starts_with(failed) && error.is_retryable(), "{text}");
    let session = client.session(SessionOptions::default());
    let error = {
        // The session learns it when it is to open its stream.
        let first = session.release(v1::ReleaseRequest::default());
        tokio::pin!(first);
        loop {
            let other = session.release(v1::ReleaseRequest::default());
            tokio::select! {
                answer = &mut first => panic!("answered in the open circuit: {answer:?}"),
                answer = other => break answer.unwrap_err(),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    assert!(matches!(error, ClientError::CircuitOpen { failures: 3, .. }), "{error}");
}

#[tokio::test]
async fn a_session_whose_server_stays_away_gives_every_caller_an_error() {
    let server = Moody { breaks: u32::MAX, ..Moody::default() };
    let reconnect = Policy { attempts_max: 2, ..Policy::default() };
    let client = client_of(server, Options::default()).await;
    let session = client.session(SessionOptions { reconnect, ..SessionOptions::default() });
    let asks = (0..10).map(|_| session.release(v1::ReleaseRequest::default()));
    for answer in futures_util::future::join_all(asks).await {
        assert!(answer.unwrap_err().is_retryable());
    }
}
