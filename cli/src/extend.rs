//! `berth extend`: moves the deadline of a hold.

use std::time::Duration;

use berth_client::v1;
use clap::Args;
use uuid::Uuid;

use crate::answer::Answer as _;
use crate::reserve::request_id;
use crate::said::{Fault, Said};
use crate::target::{Target, span};
use crate::view::duration;
use crate::view::hold::HoldView;

/// `berth extend`.
#[derive(Debug, Args)]
pub struct ExtendArgs {
    /// The hold, 32 hex digits
    #[arg(long, value_name = "ID")]
    pub hold: String,
    /// New time to live from now, within the bounds that `berth ops info` tells
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub ttl: Duration,
    /// Name of this request; the same for every retry [default: a fresh one]
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<Uuid>,
    #[command(flatten)]
    pub target: Target,
}

/// Asks and tells.
pub async fn run(args: &ExtendArgs) -> Result<Said, Fault> {
    let zone = args.target.zone()?;
    let request = v1::ExtendRequest {
        request_id: request_id(args.request_id),
        hold_id: args.hold.clone(),
        ttl: Some(duration(args.ttl)),
    };
    let answer = args.target.client().await?.extend(request).await?;
    answer.tell(|hold, version, now| {
        let view = HoldView::of(hold, version, now);
        Ok(Said::done(&view, view.text(hold, now, &zone)))
    })
}
