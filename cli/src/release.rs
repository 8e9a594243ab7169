//! `berth release`: gives held berths back.

use berth_client::v1;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use crate::answer::Answer as _;
use crate::reserve::request_id;
use crate::said::{Fault, Said};
use crate::target::Target;
use crate::view::hold::HoldView;
use crate::view::{PromotionView, numbers, with_promotions};
use crate::words;

/// `berth release`.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// The hold, 32 hex digits
    #[arg(long, value_name = "ID")]
    pub hold: String,
    /// Only these passengers of the party: 1,3 [default: everybody still held]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = words::passenger_number)]
    pub passengers: Vec<u32>,
    /// Name of this request; the same for every retry [default: a fresh one]
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<Uuid>,
    #[command(flatten)]
    pub target: Target,
}

/// Who was given back, and the hold as it stands.
#[derive(Debug, Serialize)]
pub struct ReleaseView {
    pub released: Vec<u32>,
    pub promoted: Vec<PromotionView>,
    #[serde(flatten)]
    pub hold: HoldView,
}

impl ReleaseView {
    pub fn of(released: &v1::Released, answer: &v1::ReleaseResponse) -> Result<Self, Fault> {
        let hold = released.hold.as_ref().ok_or(Fault::UnknownAnswer)?;
        Ok(Self {
            released: released.passengers.clone(),
            promoted: released.promoted.iter().map(PromotionView::of).collect(),
            hold: HoldView::of(hold, answer.run_version, answer.server_time.as_ref()),
        })
    }
}

/// Asks and tells.
pub async fn run(args: &ReleaseArgs) -> Result<Said, Fault> {
    let request = v1::ReleaseRequest {
        request_id: request_id(args.request_id),
        hold_id: args.hold.clone(),
        passengers: args.passengers.clone(),
    };
    let answer = args.target.client().await?.release(request).await?;
    answer.tell(|released, _, _| {
        let view = ReleaseView::of(released, &answer)?;
        let text = format!("released {} of hold {}", numbers(&view.released), view.hold.hold_id);
        Ok(Said::done(&view, with_promotions(text, &view.promoted)))
    })
}
