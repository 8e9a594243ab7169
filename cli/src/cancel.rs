//! `berth cancel`: undoes confirmed passengers.

use berth_client::v1;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use crate::answer::Answer as _;
use crate::reserve::request_id;
use crate::said::{Fault, Said};
use crate::target::Target;
use crate::view::booking::BookingAnswer;
use crate::view::{PromotionView, numbers, with_promotions};
use crate::words;

/// `berth cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The booking, 10 digits
    #[arg(long, value_name = "PNR")]
    pub pnr: String,
    /// Only these passengers, by their numbers in the booking: 1,3 [default: everybody]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = words::passenger_number)]
    pub passengers: Vec<u32>,
    /// Name of this request; the same for every retry [default: a fresh one]
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<Uuid>,
    #[command(flatten)]
    pub target: Target,
}

/// Who was cancelled, and the booking as it stands.
#[derive(Debug, Serialize)]
pub struct CancelView {
    pub cancelled: Vec<u32>,
    pub promoted: Vec<PromotionView>,
    #[serde(flatten)]
    pub answer: BookingAnswer,
}

impl CancelView {
    pub fn of(cancelled: &v1::Cancelled, answer: &v1::CancelResponse) -> Result<Self, Fault> {
        let booking = cancelled.booking.as_ref().ok_or(Fault::UnknownAnswer)?;
        Ok(Self {
            cancelled: cancelled.passengers.clone(),
            promoted: cancelled.promoted.iter().map(PromotionView::of).collect(),
            answer: BookingAnswer::of(booking, answer.run_version, answer.server_time.as_ref()),
        })
    }
}

/// Asks and tells.
pub async fn run(args: &CancelArgs) -> Result<Said, Fault> {
    let request = v1::CancelRequest {
        request_id: request_id(args.request_id),
        pnr: args.pnr.clone(),
        passengers: args.passengers.clone(),
    };
    let answer = args.target.client().await?.cancel(request).await?;
    answer.tell(|cancelled, _, _| {
        let view = CancelView::of(cancelled, &answer)?;
        let (who, pnr) = (numbers(&view.cancelled), &view.answer.booking.pnr);
        let said = format!("cancelled {who} of PNR {pnr}");
        Ok(Said::done(&view, with_promotions(said, &view.promoted)))
    })
}
