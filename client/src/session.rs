//! A session: many commands over one stream, batched by themselves.
//!
//! Callers put commands on a desk; the body of the stream packs what lies there into a message
//! whenever the connection has room: a lone command leaves at once, a crowd travels together. When
//! the stream breaks, what is unanswered is sent again with the same request ids, in its order; that
//! is safe, and the retry policy says how often. A fault of one command goes to its caller only, and
//! is tried again where the server says that it is welcome.

mod call;
mod desk;
mod driver;
mod pipe;
mod shared;
mod slots;
mod wire;

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use berth_caller::retry::Policy;
use berth_proto::v1::session_answer::Answer;
use berth_proto::v1::session_command::Command;
use berth_proto::{REQUEST_BYTES_MAX, SESSION_COMMANDS_MAX, SESSION_WINDOW, v1};

use crate::error::ClientError;
use crate::line::Line;
use desk::{Bounds, Desk};
use driver::Driver;
use shared::{Asking, Shared};

/// Bounds of a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionOptions {
    /// Commands of one message, most: 1 to 1,024.
    pub batch: usize,
    /// Unanswered commands, most: 1 to 16,384. Beyond, callers wait; 65,536 callers at most.
    pub window: usize,
    /// Messages on their way, beyond which commands gather until they fill one: 1 or more.
    pub ahead: u32,
    /// How long a caller waits in all; it travels to the server, which drops what is too late.
    /// Zero: for ever.
    pub timeout: Duration,
    /// When a fault of one command is tried again, with the same request id.
    pub retry: Policy,
    /// How often and how long a broken stream is opened again before the unanswered are given up.
    pub reconnect: Policy,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            // 256 commands of a kilobyte fit a message.
            batch: 256,
            window: 4_096,
            // One is made durable while the next is on its way: more would only be smaller.
            ahead: 2,
            timeout: Duration::from_secs(10),
            retry: Policy::default(),
            // One stream a try is no load: patience alone bounds it, so that a restart is ridden
            // out.
            reconnect: Policy { attempts_max: u32::MAX, ..Policy::default() },
        }
    }
}

/// A handle of a session. Clones share it; it ends when the last one is dropped. A call that is
/// dropped unanswered may or may not take effect; if it was not sent yet, it does not.
#[derive(Clone, Debug)]
pub struct Session {
    handle: Arc<Handle>,
    timeout: Duration,
}

/// Ends the session when it is dropped.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let body = {
            let mut inside = self.shared.lock();
            inside.is_closed = true;
            inside.body.take()
        };
        self.shared.kick.notify_one();
        body.into_iter().for_each(Waker::wake);
    }
}

impl Session {
    pub(crate) fn start(line: &Line, options: SessionOptions) -> Self {
        let bounds = Bounds {
            commands: options.batch.clamp(1, SESSION_COMMANDS_MAX),
            bytes: REQUEST_BYTES_MAX,
            window: options.window.clamp(1, SESSION_WINDOW),
            ahead: u64::from(options.ahead.max(1)),
            retry: options.retry,
        };
        let Line { channel, health, token, .. } = line.clone();
        let shared = Arc::new(Shared::new(Desk::new(bounds), health.address().to_owned()));
        let reconnect = options.reconnect;
        let driver = Driver { channel, health, token, reconnect, shared: Arc::clone(&shared) };
        tokio::spawn(driver.run());
        Self { handle: Arc::new(Handle { shared }), timeout: options.timeout }
    }

    /// A handle of the same session whose callers wait so long; zero: for ever.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Submits one command and waits for its answer, which is never a fault: that is an error.
    /// Commands are sent in the order in which their calls were first polled. An empty
    /// `request_id` is filled.
    pub async fn submit(&self, command: Command) -> Result<Answer, ClientError> {
        Ok(match command {
            Command::Reserve(ask) => Answer::Reserve(self.reserve(ask).await?),
            Command::Confirm(ask) => Answer::Confirm(self.confirm(ask).await?),
            Command::Release(ask) => Answer::Release(self.release(ask).await?),
            Command::Extend(ask) => Answer::Extend(self.extend(ask).await?),
            Command::Cancel(ask) => Answer::Cancel(self.cancel(ask).await?),
            Command::GetHold(ask) => Answer::GetHold(self.get_hold(ask).await?),
            Command::GetBooking(ask) => Answer::GetBooking(self.get_booking(ask).await?),
        })
    }
}

macro_rules! typed {
    ($($(#[$doc:meta])* $name:ident ($ask:ident) -> $answer:ident;)+) => {
        impl Session {
            $(
                $(#[$doc])*
                pub async fn $name(&self, ask: v1::$ask) -> Result<v1::$answer, ClientError> {
                    Asking::new(&self.handle.shared, self.timeout, ask).await
                }
            )+
        }
    };
}

typed! {
    /// Holds berths.
    reserve (ReserveRequest) -> ReserveResponse;
    /// Turns held berths into a booking.
    confirm (ConfirmRequest) -> ConfirmResponse;
    /// Gives held berths back.
    release (ReleaseRequest) -> ReleaseResponse;
    /// Moves a hold's deadline.
    extend (ExtendRequest) -> ExtendResponse;
    /// Undoes confirmed passengers.
    cancel (CancelRequest) -> CancelResponse;
    /// Reads one hold.
    get_hold (GetHoldRequest) -> GetHoldResponse;
    /// Reads one booking.
    get_booking (GetBookingRequest) -> GetBookingResponse;
}
