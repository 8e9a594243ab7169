//! `berth booking`: shows a booking, also a cancelled one.

use berth_client::v1;
use clap::Args;

use crate::answer::Answer as _;
use crate::said::{Fault, Said};
use crate::target::Target;
use crate::view::booking::BookingAnswer;

/// `berth booking`.
#[derive(Debug, Args)]
pub struct BookingArgs {
    /// The booking, 10 digits
    #[arg(long, value_name = "PNR")]
    pub pnr: String,
    #[command(flatten)]
    pub target: Target,
}

/// Asks and tells.
pub async fn run(args: &BookingArgs) -> Result<Said, Fault> {
    let zone = args.target.zone()?;
    let request = v1::GetBookingRequest { pnr: args.pnr.clone() };
    let answer = args.target.client().await?.get_booking(request).await?;
    answer.tell(|booking, version, now| {
        let view = BookingAnswer::of(booking, version, now);
        Ok(Said::done(&view, view.booking.text(booking, &zone)))
    })
}
