//! `berth hold`: shows a hold, also one that has ended.

use berth_client::v1;
use clap::Args;

use crate::answer::Answer as _;
use crate::said::{Fault, Said};
use crate::target::Target;
use crate::view::hold::HoldView;

/// `berth hold`.
#[derive(Debug, Args)]
pub struct HoldArgs {
    /// The hold, 32 hex digits
    #[arg(long, value_name = "ID")]
    pub hold: String,
    #[command(flatten)]
    pub target: Target,
}

/// Asks and tells.
pub async fn run(args: &HoldArgs) -> Result<Said, Fault> {
    let zone = args.target.zone()?;
    let request = v1::GetHoldRequest { hold_id: args.hold.clone() };
    let answer = args.target.client().await?.get_hold(request).await?;
    answer.tell(|hold, version, now| {
        let view = HoldView::of(hold, version, now);
        Ok(Said::done(&view, view.text(hold, now, &zone)))
    })
}
