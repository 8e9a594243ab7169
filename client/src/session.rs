//! A session: many commands over one stream, batched by themselves.
//!
//! `submit` hands a command to one task, which packs whatever is queued into one message while the
//! message before is on its way: a lone command leaves at once, a crowd travels together. When the
//! stream breaks, what is unanswered is sent again with the same request ids, in its order; that is
//! safe, and the retry policy says how often. A fault of one command goes to its caller only.

mod window;

use std::time::{Duration, Instant};

use berth_proto::v1::inventory_client::InventoryClient;
use berth_proto::v1::session_answer::Answer;
use berth_proto::v1::session_command::Command;
use berth_proto::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, SESSION_WINDOW, v1};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::client::new_request_id;
use crate::error::{ClientError, Spent, pushback_of, trouble_of};
use crate::retry::{Budget, Next, Policy};
use window::{MessageBounds, Window};

/// Bounds of a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionOptions {
    /// Commands of one message, most: 1 to 1,024.
    pub batch: usize,
    /// Unanswered commands, most: 1 to 16,384. Beyond, `submit` waits.
    pub window: usize,
    /// How long a command is worth doing once it has arrived; zero: for ever.
    pub timeout: Duration,
    /// How often and how long a broken stream is opened again before the unanswered are given up.
    pub reconnect: Policy,
}

impl Default for SessionOptions {
    fn default() -> Self {
        // 256 commands of a kilobyte fit a message.
        // One stream a try is no load: patience alone bounds it, so that a restart is ridden out.
        let reconnect = Policy { attempts_max: u32::MAX, ..Policy::default() };
        Self { batch: 256, window: 4_096, timeout: Duration::from_secs(10), reconnect }
    }
}

type Waiter = oneshot::Sender<Result<Answer, ClientError>>;
type Submission = (v1::SessionCommand, Waiter);

/// A handle of a session. Clones share it; it ends when the last one is dropped and everything
/// submitted is answered.
#[derive(Clone, Debug)]
pub struct Session {
    submissions: mpsc::Sender<Submission>,
    timeout_ms: u32,
}

impl Session {
    pub(crate) fn start(channel: Channel, options: SessionOptions) -> Self {
        let window = options.window.clamp(1, SESSION_WINDOW);
        let (submissions, queue) = mpsc::channel(window.min(1_024));
        let bounds = MessageBounds {
            commands: options.batch.clamp(1, berth_proto::SESSION_COMMANDS_MAX),
            // Room for the message's own framing.
            bytes: REQUEST_BYTES_MAX - 1_024,
        };
        let driver = Driver {
            channel,
            reconnect: options.reconnect,
            bounds,
            window_max: window,
            queue,
            closed: false,
            window: Window::new(),
            failures: 0,
            failing_since: None,
        };
        tokio::spawn(driver.run());
        let timeout_ms = u32::try_from(options.timeout.as_millis()).unwrap_or(u32::MAX);
        Self { submissions, timeout_ms }
    }

    /// Submits one command and waits for its answer. Commands are sent in the order in which their
    /// `submit` was first polled. An empty `request_id` is filled.
    pub async fn submit(&self, mut command: Command) -> Result<Answer, ClientError> {
        if let Some(id) = request_id_of(&mut command)
            && id.is_empty()
        {
            *id = new_request_id();
        }
        let over = || ClientError::SessionOver { why: "its task has ended".into() };
        let (waiter, answer) = oneshot::channel();
        let command = v1::SessionCommand {
            correlation_id: 0,
            timeout_ms: self.timeout_ms,
            command: Some(command),
        };
        self.submissions.send((command, waiter)).await.map_err(|_| over())?;
        answer.await.map_err(|_| over())?
    }
}

fn request_id_of(command: &mut Command) -> Option<&mut String> {
    match command {
        Command::Reserve(ask) => Some(&mut ask.request_id),
        Command::Confirm(ask) => Some(&mut ask.request_id),
        Command::Release(ask) => Some(&mut ask.request_id),
        Command::Extend(ask) => Some(&mut ask.request_id),
        Command::Cancel(ask) => Some(&mut ask.request_id),
        Command::GetHold(_) | Command::GetBooking(_) => None,
    }
}

macro_rules! typed {
    ($($(#[$doc:meta])* $name:ident $call:literal $kind:ident ($ask:ident) -> $answer:ident;)+) => {
        impl Session {
            $(
                $(#[$doc])*
                pub async fn $name(&self, ask: v1::$ask) -> Result<v1::$answer, ClientError> {
                    match self.submit(Command::$kind(ask)).await? {
                        Answer::$kind(answer) => Ok(answer),
                        Answer::Fault(fault) => Err(ClientError::from_fault($call, fault)),
                        _ => Err(ClientError::UnknownAnswer { call: $call }),
                    }
                }
            )+
        }
    };
}

typed! {
    /// Holds berths.
    reserve "Reserve" Reserve(ReserveRequest) -> ReserveResponse;
    /// Turns held berths into a booking.
    confirm "Confirm" Confirm(ConfirmRequest) -> ConfirmResponse;
    /// Gives held berths back.
    release "Release" Release(ReleaseRequest) -> ReleaseResponse;
    /// Moves a hold's deadline.
    extend "Extend" Extend(ExtendRequest) -> ExtendResponse;
    /// Undoes confirmed passengers.
    cancel "Cancel" Cancel(CancelRequest) -> CancelResponse;
    /// Reads one hold.
    get_hold "GetHold" GetHold(GetHoldRequest) -> GetHoldResponse;
    /// Reads one booking.
    get_booking "GetBooking" GetBooking(GetBookingRequest) -> GetBookingResponse;
}

/// The task behind a session.
struct Driver {
    channel: Channel,
    reconnect: Policy,
    bounds: MessageBounds,
    window_max: usize,
    queue: mpsc::Receiver<Submission>,
    /// The last handle is gone: nothing more will come.
    closed: bool,
    window: Window<Waiter>,
    /// Streams that broke since the last answer.
    failures: u32,
    failing_since: Option<Instant>,
}

impl Driver {
    async fn run(mut self) {
        loop {
            // The stream is opened with something to say: a server may answer its headers late.
            if self.window.unanswered() == 0 {
                match self.queue.recv().await {
                    Some((command, waiter)) => self.window.push(command, waiter),
                    None => return,
                }
            }
            let Err(status) = self.one_stream().await else { return };
            self.window.rewind();
            if self.window.unanswered() == 0 {
                continue;
            }
            match self.after(&status) {
                Next::Retry(wait) => tokio::time::sleep(wait).await,
                Next::GiveUp(_) => {
                    let spent = Spent {
                        attempts: self.failures,
                        waited: self.failing_since.map_or(Duration::ZERO, |since| since.elapsed()),
                    };
                    let error = ClientError::from_status("Session", &status, spent);
                    for waiter in self.window.drain() {
                        // A caller that stopped waiting does not mind.
                        drop(waiter.send(Err(error.clone())));
                    }
                    (self.failures, self.failing_since) = (0, None);
                }
            }
        }
    }

    fn after(&mut self, status: &Status) -> Next {
        self.failures += 1;
        let waited = self.failing_since.get_or_insert_with(Instant::now).elapsed();
        let (pushback, dice) = (pushback_of(status), rand::random());
        // One stream for many commands: it is no retry storm, so its budget is always fresh.
        let budget = &mut Budget::default();
        self.reconnect.next(self.failures, waited, trouble_of(status), pushback, dice, budget)
    }

    /// Drives one stream until it breaks (`Err`) or nothing is left to do (`Ok`).
    async fn one_stream(&mut self) -> Result<(), Status> {
        // Two messages on the way at most: what is queued meanwhile makes the next one larger.
        let (outgoing, messages) = mpsc::channel(2);
        self.fill();
        if let Some(first) = self.window.take_message(self.bounds) {
            // The channel is new and has room.
            drop(outgoing.try_send(first));
        }
        let mut stub = InventoryClient::new(self.channel.clone())
            .max_decoding_message_size(RESPONSE_BYTES_MAX);
        let mut answers = stub.session(ReceiverStream::new(messages)).await?.into_inner();
        loop {
            if self.closed && self.window.unanswered() == 0 {
                drop(outgoing);
                return end_of(answers).await;
            }
            let unsent = self.window.has_unsent();
            let room = self.window.unanswered() < self.window_max && !self.closed;
            tokio::select! {
                permit = outgoing.reserve(), if unsent => {
                    let permit = permit.map_err(|_| Status::unavailable("the server closed the session"))?;
                    self.fill();
                    if let Some(message) = self.window.take_message(self.bounds) {
                        permit.send(message);
                    }
                }
                submission = self.queue.recv(), if room => match submission {
                    Some((command, waiter)) => {
                        self.window.push(command, waiter);
                        self.fill();
                    }
                    None => self.closed = true,
                },
                message = answers.message() => match message? {
                    Some(message) => self.take_answers(message),
                    None => return Err(Status::unavailable("the server ended the session")),
                },
            }
        }
    }

    /// Moves what is queued into the window, as far as it has room.
    fn fill(&mut self) {
        while self.window.unanswered() < self.window_max {
            match self.queue.try_recv() {
                Ok((command, waiter)) => self.window.push(command, waiter),
                Err(_) => return,
            }
        }
    }

    fn take_answers(&mut self, message: v1::SessionResponse) {
        (self.failures, self.failing_since) = (0, None);
        for said in message.answers {
            let Some(waiter) = self.window.answered(said.correlation_id) else { continue };
            let answer = said.answer.ok_or(ClientError::UnknownAnswer { call: "Session" });
            // A caller that stopped waiting does not mind.
            drop(waiter.send(answer));
        }
    }
}

/// Reads a stream that has nothing left to say to its end, so that it closes in order.
async fn end_of(mut answers: Streaming<v1::SessionResponse>) -> Result<(), Status> {
    while answers.message().await?.is_some() {}
    Ok(())
}
