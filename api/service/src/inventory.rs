//! The service Inventory: one call, one command; and the session, many of them over one stream.

use std::pin::Pin;
use std::sync::Arc;

use berth_inventory::Answer;
use berth_proto::v1;
use futures_util::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::deadline;
use crate::desk::{Desk, keeps_rest};
use crate::session;
use crate::wire::{self, Ask, Invalid, Teller, Trouble, timestamp};

/// See the module.
pub(crate) struct Inventory {
    pub desk: Arc<Desk>,
}

impl Inventory {
    /// Checks, asks and words one call.
    async fn serve<M, R>(
        &self,
        request: Request<M>,
        read: impl Fn(&M) -> Result<Ask, Invalid>,
        tell: impl Fn(&Teller, &Answer) -> Result<R, Trouble>,
    ) -> Result<Response<R>, Status> {
        let deadline = deadline::of(&request);
        let ask = read(request.get_ref()).map_err(Trouble::from)?;
        let answer = self.desk.ask(ask, deadline).await?;
        Ok(Response::new(tell(&self.desk.teller(), &answer)?))
    }
}

#[tonic::async_trait]
impl v1::inventory_server::Inventory for Inventory {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<v1::SessionResponse, Status>> + Send>>;

    async fn reserve(
        &self,
        request: Request<v1::ReserveRequest>,
    ) -> Result<Response<v1::ReserveResponse>, Status> {
        let holds = self.desk.engine.info().holds;
        self.serve(request, |message| wire::reserve(message, &holds), Teller::reserve).await
    }

    async fn confirm(
        &self,
        request: Request<v1::ConfirmRequest>,
    ) -> Result<Response<v1::ConfirmResponse>, Status> {
        let deadline = deadline::of(&request);
        let ask = wire::confirm(request.get_ref()).map_err(Trouble::from)?;
        let kept = keeps_rest(&ask.command);
        let answer = self.desk.ask(ask, deadline).await?;
        let mut response = self.desk.teller().booked(&answer)?;
        let booked = matches!(response.outcome, Some(v1::confirm_response::Outcome::Booking(_)));
        if let Some(hold) = kept.filter(|_| booked) {
            let rest = self.desk.rest_of(hold, deadline).await?;
            response.expires_at = rest.map(timestamp);
        }
        Ok(Response::new(response))
    }

    async fn release(
        &self,
        request: Request<v1::ReleaseRequest>,
    ) -> Result<Response<v1::ReleaseResponse>, Status> {
        self.serve(request, wire::release, Teller::release).await
    }

    async fn extend(
        &self,
        request: Request<v1::ExtendRequest>,
    ) -> Result<Response<v1::ExtendResponse>, Status> {
        let holds = self.desk.engine.info().holds;
        self.serve(request, |message| wire::extend(message, &holds), Teller::extend).await
    }

    async fn cancel(
        &self,
        request: Request<v1::CancelRequest>,
    ) -> Result<Response<v1::CancelResponse>, Status> {
        self.serve(request, wire::cancel, Teller::cancel).await
    }

    async fn get_hold(
        &self,
        request: Request<v1::GetHoldRequest>,
    ) -> Result<Response<v1::GetHoldResponse>, Status> {
        self.serve(request, wire::get_hold, Teller::get_hold).await
    }

    async fn get_booking(
        &self,
        request: Request<v1::GetBookingRequest>,
    ) -> Result<Response<v1::GetBookingResponse>, Status> {
        self.serve(request, wire::get_booking, Teller::get_booking).await
    }

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let stream = session::stream(Arc::clone(&self.desk), request.into_inner());
        Ok(Response::new(Box::pin(stream)))
    }
}
