//! `berth confirm`: turns held berths into a booking.

use berth_client::v1;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use crate::answer::Answer as _;
use crate::reserve::request_id;
use crate::said::{Fault, Said};
use crate::target::Target;
use crate::view::booking::BookingAnswer;
use crate::view::{local, utc};
use crate::words;

/// `berth confirm`.
#[derive(Debug, Args)]
pub struct ConfirmArgs {
    /// The hold, 32 hex digits
    #[arg(long, value_name = "ID")]
    pub hold: String,
    /// Your proof of payment, at most 128 bytes
    #[arg(long, value_name = "REF")]
    pub payment: String,
    /// Only these passengers of the party: 1,3 [default: everybody still held]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = words::passenger_number)]
    pub passengers: Vec<u32>,
    /// The others stay held; without it they are released
    #[arg(long, requires = "passengers")]
    pub keep_rest: bool,
    /// Name of this request; the same for every retry [default: a fresh one]
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<Uuid>,
    #[command(flatten)]
    pub target: Target,
}

/// The booking, and until when the rest is held.
#[derive(Debug, Serialize)]
pub struct ConfirmView {
    #[serde(flatten)]
    pub answer: BookingAnswer,
    pub expires_at: Option<String>,
}

impl ConfirmView {
    pub fn of(booking: &v1::Booking, answer: &v1::ConfirmResponse) -> Self {
        Self {
            answer: BookingAnswer::of(booking, answer.run_version, answer.server_time.as_ref()),
            expires_at: utc(answer.expires_at.as_ref()),
        }
    }
}

/// Asks and tells.
pub async fn run(args: &ConfirmArgs) -> Result<Said, Fault> {
    let zone = args.target.zone()?;
    let request = v1::ConfirmRequest {
        request_id: request_id(args.request_id),
        hold_id: args.hold.clone(),
        payment_reference: args.payment.clone(),
        passengers: args.passengers.clone(),
        keep_rest: args.keep_rest,
    };
    let answer = args.target.client().await?.confirm(request).await?;
    answer.tell(|booking, _, _| {
        let view = ConfirmView::of(booking, &answer);
        let mut text = view.answer.booking.text(booking, &zone);
        if answer.expires_at.is_some() {
            text += "\nthe rest is held until ";
            text += &local(answer.expires_at.as_ref(), &zone);
        }
        Ok(Said::done(&view, text))
    })
}
