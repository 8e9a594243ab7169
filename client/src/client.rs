//! Typed calls over one connection: a deadline on each, retries where they are safe.

use std::sync::{Arc, OnceLock};

use berth_caller::retry::Policy;
use berth_proto::v1::availability_client::AvailabilityClient;
use berth_proto::v1::inventory_client::InventoryClient;
use berth_proto::v1::journal_client::JournalClient;
use berth_proto::v1::operations_client::OperationsClient;
use berth_proto::v1::waiting_room_client::WaitingRoomClient;
use berth_proto::{RESPONSE_BYTES_MAX, v1};
use tonic::Streaming;

use crate::credentials::Credentials;
use crate::error::ClientError;
use crate::line::{Calls, Kind, Line, Options};
use crate::request_id::new_request_id;
use crate::session::{Session, SessionOptions};

macro_rules! calls {
    ($stub:ident: $($(#[$doc:meta])* $kind:ident $name:ident $call:literal ($ask:ident) -> $answer:ident;)+) => {
        $(
            $(#[$doc])*
            pub async fn $name(&self, request: v1::$ask) -> Result<v1::$answer, ClientError> {
                calls!(@send self $stub $kind $name $call request)
            }
        )+
    };
    (batched $stub:ident: $($(#[$doc:meta])* $kind:ident $name:ident $call:literal ($ask:ident) -> $answer:ident;)+) => {
        $(
            $(#[$doc])*
            pub async fn $name(&self, request: v1::$ask) -> Result<v1::$answer, ClientError> {
                match self.batched() {
                    Some(session) => session.$name(request).await,
                    None => calls!(@send self $stub $kind $name $call request),
                }
            }
        )+
    };
    (@send $self:ident $stub:ident $kind:ident $name:ident $call:literal $request:ident) => {{
        let request = calls!(@id $kind $request);
        $self
            .line
            .call($call, Kind::$kind, request, |channel, request| async move {
                $stub::new(channel)
                    .max_decoding_message_size(RESPONSE_BYTES_MAX)
                    .$name(request)
                    .await
            })
            .await
    }};
    (@id Read $request:ident) => { $request };
    (@id Mutation $request:ident) => {{
        let mut request = $request;
        if request.request_id.is_empty() {
            request.request_id = new_request_id();
        }
        request
    }};
}

/// Calls of the public listener. Cheap to clone; clones share connection, session, retry budget and
/// circuit breaker.
///
/// Calls to sell travel together with those of all other callers ([`Calls::Batched`]), unless the
/// options say otherwise; enquiries are calls of their own.
///
/// An empty `request_id` of a mutation is filled with a fresh one. Draw it yourself when you may
/// have to ask again after this process dies.
#[derive(Clone, Debug)]
pub struct Client {
    line: Line,
    /// That of [`Calls::Batched`], opened by the first call that wants it.
    session: Arc<OnceLock<Session>>,
}

impl Client {
    /// Connects to the public listener, such as `http://127.0.0.1:50051`.
    pub async fn connect(address: &str) -> Result<Self, ClientError> {
        Self::connect_with(address, Options::default()).await
    }

    /// As `connect`, with other bounds.
    pub async fn connect_with(address: &str, options: Options) -> Result<Self, ClientError> {
        Self::connect_secured(address, options, &Credentials::default()).await
    }

    /// As `connect_with`, over TLS, with a certificate or a token.
    pub async fn connect_secured(
        address: &str,
        options: Options,
        credentials: &Credentials,
    ) -> Result<Self, ClientError> {
        let line = Line::open(address, options, credentials).await?;
        Ok(Self { line, session: Arc::default() })
    }

    /// The session that carries the calls to sell, if they travel together.
    fn batched(&self) -> Option<&Session> {
        let Options { calls, retry, call_timeout, .. } = self.line.options;
        if calls == Calls::Single {
            return None;
        }
        Some(self.session.get_or_init(|| {
            let (timeout, reconnect) = if retry.attempts_max > 1 {
                (retry.patience, Policy { attempts_max: u32::MAX, ..retry })
            } else {
                (call_timeout, retry)
            };
            self.session(SessionOptions { timeout, retry, reconnect, ..SessionOptions::default() })
        }))
    }

    calls! { batched InventoryClient:
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

    calls! { WaitingRoomClient:
        /// Takes a place in a waiting room.
        Read join "Join" (JoinRequest) -> JoinResponse;
        /// Where a ticket stands, and the admission token when it is its turn.
        Read get_ticket "GetTicket" (GetTicketRequest) -> GetTicketResponse;
        /// Gives a place back.
        Read leave "Leave" (LeaveRequest) -> LeaveResponse;
    }

    /// Where a ticket stands now, and again whenever it changed.
    pub async fn watch_ticket(
        &self,
        request: v1::WaitingRoomWatchRequest,
    ) -> Result<Streaming<v1::WaitingRoomWatchResponse>, ClientError> {
        self.line
            .stream("Watch", request, |channel, request| async move {
                WaitingRoomClient::new(channel)
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
        Session::start(&self.line, options)
    }
}

/// Calls of the admin listener. Cheap to clone; clones share connection, retry budget and circuit
/// breaker.
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
        Self::connect_secured(address, options, &Credentials::default()).await
    }

    /// As `connect_with`, over TLS, with a certificate or a token.
    pub async fn connect_secured(
        address: &str,
        options: Options,
        credentials: &Credentials,
    ) -> Result<Self, ClientError> {
        Ok(Self { line: Line::open(address, options, credentials).await? })
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
