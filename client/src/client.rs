//! Typed calls over one connection: a deadline on each, retries where they are safe.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use berth_proto::v1::availability_client::AvailabilityClient;
use berth_proto::v1::inventory_client::InventoryClient;
use berth_proto::v1::journal_client::JournalClient;
use berth_proto::v1::operations_client::OperationsClient;
use berth_proto::{RESPONSE_BYTES_MAX, v1};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

use crate::error::{ClientError, Spent, pushback_of, trouble_of};
use crate::retry::{Budget, Next, Policy, Trouble};
use crate::session::{Session, SessionOptions};

/// The caller's name for one mutation: a UUID as text.
pub type RequestId = String;

/// A fresh request id (UUID, version 4). Draw one for each mutation and keep it for its retries.
pub fn new_request_id() -> RequestId {
    uuid::Uuid::new_v4().to_string()
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
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(5),
            retry: Policy::default(),
        }
    }
}

/// A connection with what its calls share.
#[derive(Clone, Debug)]
struct Line {
    channel: Channel,
    options: Options,
    budget: Arc<Mutex<Budget>>,
}

impl Line {
    async fn open(address: &str, options: Options) -> Result<Self, ClientError> {
        let wrong = |why: String| ClientError::Address {
            address: address.chars().take(200).collect(),
            why,
        };
        let endpoint = Endpoint::from_shared(address.to_owned())
            .map_err(|fault| wrong(causes(&fault)))?
            .connect_timeout(options.connect_timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10));
        if endpoint.uri().scheme_str() != Some("http") {
            return Err(wrong("only the scheme http is spoken here".into()));
        }
        let channel = endpoint.connect().await.map_err(|fault| ClientError::Connect {
            address: address.to_owned(),
            why: causes(&fault),
        })?;
        Ok(Self { channel, options, budget: Arc::default() })
    }

    /// Sends `message` until it is answered, may not be sent again, or patience ends.
    async fn call<M, A, F>(
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
            let mut request = Request::new(message.clone());
            request.set_timeout(self.options.call_timeout);
            let sent = send(self.channel.clone(), request);
            let status = match tokio::time::timeout(self.options.call_timeout, sent).await {
                Ok(Ok(answer)) => {
                    self.with_budget(Budget::earn);
                    return Ok(answer.into_inner());
                }
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("no answer in time"),
            };
            let waited = begun.elapsed();
            let trouble = match (trouble_of(&status), kind) {
                // A read that was too slow once is not worth the double work; a mutation must know.
                (Trouble::Deadline, Kind::Read) => Trouble::Final,
                (trouble, _) => trouble,
            };
            let (pushback, dice) = (pushback_of(&status), rand::random());
            let policy = self.options.retry;
            match self.with_budget(|b| policy.next(attempt, waited, trouble, pushback, dice, b)) {
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
    async fn stream<M, A, F>(
        &self,
        call: &'static str,
        message: M,
        send: impl Fn(Channel, Request<M>) -> F,
    ) -> Result<Streaming<A>, ClientError>
    where
        F: Future<Output = Result<Response<Streaming<A>>, Status>>,
    {
        let begun = Instant::now();
        let sent = send(self.channel.clone(), Request::new(message));
        let status = match tokio::time::timeout(self.options.call_timeout, sent).await {
            Ok(Ok(answers)) => return Ok(answers.into_inner()),
            Ok(Err(status)) => status,
            Err(_) => Status::deadline_exceeded("no answer in time"),
        };
        let spent = Spent { attempts: 1, waited: begun.elapsed() };
        Err(ClientError::from_status(call, &status, spent))
    }

    fn with_budget<T>(&self, change: impl FnOnce(&mut Budget) -> T) -> T {
        change(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a call changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Mutation,
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

macro_rules! calls {
    ($stub:ident: $($(#[$doc:meta])* $kind:ident $name:ident $call:literal ($ask:ident) -> $answer:ident;)+) => {
        $(
            $(#[$doc])*
            pub async fn $name(&self, request: v1::$ask) -> Result<v1::$answer, ClientError> {
                let request = calls!(@id $kind request);
                self.line
                    .call($call, Kind::$kind, request, |channel, request| async move {
                        $stub::new(channel)
                            .max_decoding_message_size(RESPONSE_BYTES_MAX)
                            .$name(request)
                            .await
                    })
                    .await
            }
        )+
    };
    (@id Read $request:ident) => { $request };
    (@id Mutation $request:ident) => {{
        let mut request = $request;
        if request.request_id.is_empty() {
            request.request_id = new_request_id();
        }
        request
    }};
}

/// Calls of the public listener. Cheap to clone; clones share connection and retry budget.
///
/// An empty `request_id` of a mutation is filled with a fresh one. Draw it yourself when you may
/// have to ask again after this process dies.
#[derive(Clone, Debug)]
pub struct Client {
    line: Line,
}

impl Client {
    /// Connects to the public listener, such as `http://127.0.0.1:50051`.
    pub async fn connect(address: &str) -> Result<Self, ClientError> {
        Self::connect_with(address, Options::default()).await
    }

    /// As `connect`, with other bounds.
    pub async fn connect_with(address: &str, options: Options) -> Result<Self, ClientError> {
        Ok(Self { line: Line::open(address, options).await? })
    }

    calls! { InventoryClient:
        /// Holds berths.
        Mutation reserve "Reserve" (ReserveRequest) -> ReserveResponse;
        /// Turns held berths into a booking.
        Mutation confirm "Confirm" (ConfirmRequest) -> ConfirmResponse;
        /// Gives held berths back.
        Mutation release "Release" (ReleaseRequest) -> ReleaseResponse;
        /// Moves a hold's deadline.
        Mutation extend "Extend" (ExtendRequest) -> ExtendResponse;
        /// Undoes confirmed passengers.
        Mutation cancel "Cancel" (CancelRequest) -> CancelResponse;
        /// Reads one hold.
        Read get_hold "GetHold" (GetHoldRequest) -> GetHoldResponse;
        /// Reads one booking.
        Read get_booking "GetBooking" (GetBookingRequest) -> GetBookingResponse;
    }

    calls! { AvailabilityClient:
        /// Free berths of one journey.
        Read query "Query" (QueryRequest) -> QueryResponse;
        /// Up to 64 queries at once.
        Read batch_query "BatchQuery" (BatchQueryRequest) -> BatchQueryResponse;
        /// Every berth of a train on one journey.
        Read get_berth_map "GetBerthMap" (GetBerthMapRequest) -> GetBerthMapResponse;
    }

    /// The availability of one journey now, and again whenever it changed.
    pub async fn watch(
        &self,
        request: v1::WatchRequest,
    ) -> Result<Streaming<v1::WatchResponse>, ClientError> {
        self.line
            .stream("Watch", request, |channel, request| async move {
                AvailabilityClient::new(channel)
                    .max_decoding_message_size(RESPONSE_BYTES_MAX)
                    .watch(request)
                    .await
            })
            .await
    }

    /// A session of its own stream over this connection. It opens with the first command.
    ///
    /// Must be called inside a tokio runtime, which drives it until the last handle is dropped.
    pub fn session(&self, options: SessionOptions) -> Session {
        Session::start(self.line.channel.clone(), options)
    }
}

/// Calls of the admin listener. Cheap to clone; clones share connection and retry budget.
#[derive(Clone, Debug)]
pub struct Admin {
    line: Line,
}

impl Admin {
    /// Connects to the admin listener, such as `http://127.0.0.1:50052`.
    pub async fn connect(address: &str) -> Result<Self, ClientError> {
        Self::connect_with(address, Options::default()).await
    }

    /// As `connect`, with other bounds.
    pub async fn connect_with(address: &str, options: Options) -> Result<Self, ClientError> {
        Ok(Self { line: Line::open(address, options).await? })
    }

    calls! { OperationsClient:
        /// Creates a run outside the calendar.
        Mutation create_train_run "CreateTrainRun" (CreateTrainRunRequest) -> CreateTrainRunResponse;
        /// Ends a run.
        Mutation retire_train_run "RetireTrainRun" (RetireTrainRunRequest) -> RetireTrainRunResponse;
        /// Lets closed pools be sold again.
        Mutation open_sale "OpenSale" (OpenSaleRequest) -> OpenSaleResponse;
        /// Stops the sale of pools.
        Mutation close_sale "CloseSale" (CloseSaleRequest) -> CloseSaleResponse;
        /// Takes berths out of sale.
        Mutation block_berths "BlockBerths" (BlockBerthsRequest) -> BlockBerthsResponse;
        /// Gives blocked berths back to sale.
        Mutation unblock_berths "UnblockBerths" (UnblockBerthsRequest) -> UnblockBerthsResponse;
        /// One run with its plan, counts and digest.
        Read get_train_run "GetTrainRun" (GetTrainRunRequest) -> GetTrainRunResponse;
        /// A page of the open runs.
        Read list_train_runs "ListTrainRuns" (ListTrainRunsRequest) -> ListTrainRunsResponse;
        /// Counters and gauges.
        Read get_stats "GetStats" (GetStatsRequest) -> GetStatsResponse;
        /// What the server is and how it was set.
        Read get_server_info "GetServerInfo" (GetServerInfoRequest) -> GetServerInfoResponse;
    }

    /// The events of a range; the stream ends after the last.
    pub async fn read_journal(
        &self,
        request: v1::ReadRequest,
    ) -> Result<Streaming<v1::ReadResponse>, ClientError> {
        self.line
            .stream("Read", request, |channel, request| async move {
                JournalClient::new(channel)
                    .max_decoding_message_size(RESPONSE_BYTES_MAX)
                    .read(request)
                    .await
            })
            .await
    }

    /// Every event from a position on, for ever.
    pub async fn follow_journal(
        &self,
        request: v1::FollowRequest,
    ) -> Result<Streaming<v1::FollowResponse>, ClientError> {
        self.line
            .stream("Follow", request, |channel, request| async move {
                JournalClient::new(channel)
                    .max_decoding_message_size(RESPONSE_BYTES_MAX)
                    .follow(request)
                    .await
            })
            .await
    }
}
