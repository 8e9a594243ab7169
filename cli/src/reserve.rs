//! `berth reserve`: holds berths for a party while it pays.

use std::time::Duration;

use berth_client::v1;
use clap::Args;
use uuid::Uuid;

use crate::answer::Answer as _;
use crate::journey::JourneyArgs;
use crate::passengers::Party;
use crate::said::{Fault, Said};
use crate::target::{Target, span};
use crate::view::duration;
use crate::view::hold::HoldView;
use crate::words;

/// `berth reserve`.
#[derive(Debug, Args)]
pub struct ReserveArgs {
    #[command(flatten)]
    pub journey: JourneyArgs,
    /// Class, such as 3A
    #[arg(long, value_parser = words::class)]
    pub class: v1::TravelClass,
    /// Quota: GN (general), TQ (Tatkal)
    #[arg(long, default_value = "GN")]
    pub quota: String,
    /// 1 to 6 of sex and age: M34,F31:LB,F4- (sex M F T U; :LB is a wish; - is a child without berth)
    #[arg(long, value_name = "PARTY")]
    pub passengers: Party,
    /// How long to hold, within the bounds that `berth ops info` tells [default: the server's]
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub ttl: Option<Duration>,
    /// Everybody in one coach, or nothing
    #[arg(long)]
    pub same_coach: bool,
    /// At least so many lower berths, or nothing
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub min_lower: u32,
    /// Every wish is met, or nothing
    #[arg(long)]
    pub only_preferred: bool,
    /// A half of a berth that two share will do (RAC)
    #[arg(long)]
    pub rac: bool,
    /// A place on the waiting list will do, or a half of a berth
    #[arg(long)]
    pub waiting: bool,
    /// Exactly these berths, one for each passenger that needs one: B3-12,B3-13
    #[arg(long, value_name = "BERTHS", value_delimiter = ',', value_parser = words::berth)]
    pub berths: Vec<v1::BerthName>,
    /// Your own name for it, at most 128 bytes
    #[arg(long, default_value = "")]
    pub reference: String,
    /// What `berth room ticket` gave, where a waiting room stands before the sale
    #[arg(long, value_name = "TOKEN", default_value = "")]
    pub admission_token: String,
    /// Name of this request; the same for every retry [default: a fresh one]
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<Uuid>,
    #[command(flatten)]
    pub target: Target,
}

/// Asks and tells.
pub async fn run(args: &ReserveArgs) -> Result<Said, Fault> {
    let zone = args.target.zone()?;
    let request = v1::ReserveRequest {
        request_id: request_id(args.request_id),
        run: Some(args.journey.run.run_ref(&args.target)?),
        from_stop: Some(args.journey.from.clone()),
        to_stop: Some(args.journey.to.clone()),
        travel_class: args.class.into(),
        quota: args.quota.clone(),
        passengers: args.passengers.0.clone(),
        conditions: Some(v1::Conditions {
            all_in_one_coach: args.same_coach,
            min_lower: args.min_lower,
            preferences_are_hard: args.only_preferred,
            accept_rac: args.rac || args.waiting,
            accept_waiting: args.waiting,
        }),
        berths: args.berths.clone(),
        ttl: args.ttl.map(duration),
        reference: args.reference.clone(),
        admission_token: args.admission_token.clone(),
    };
    let answer = args.target.client().await?.reserve(request).await?;
    answer.tell(|hold, version, now| {
        let view = HoldView::of(hold, version, now);
        Ok(Said::done(&view, view.text(hold, now, &zone)))
    })
}

/// The caller's id, or a fresh one.
pub fn request_id(given: Option<Uuid>) -> String {
    given.map_or_else(berth_client::new_request_id, |id| id.to_string())
}
