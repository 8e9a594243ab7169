//! `berth watch`: what is free on a journey, again whenever it changes, until interrupted.

use std::time::Duration;

use berth_client::v1;
use clap::Args;

use crate::answer::Answer as _;
use crate::journey::JourneyArgs;
use crate::query::TableView;
use crate::said::{Fault, Said};
use crate::target::{Target, span};
use crate::view::duration;
use crate::words;

/// `berth watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    #[command(flatten)]
    pub journey: JourneyArgs,
    /// Only this class, such as 3A
    #[arg(long, value_parser = words::class)]
    pub class: Option<v1::TravelClass>,
    /// Only this quota, such as GN or TQ
    #[arg(long)]
    pub quota: Option<String>,
    /// Least time between two answers, up to 60s
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub min_interval: Option<Duration>,
    /// End after so many answers
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    #[command(flatten)]
    pub target: Target,
}

/// Asks once and tells as often as it changes: with `--json`, the object of `berth query` a line.
pub async fn run(args: &WatchArgs) -> Result<Said, Fault> {
    let zone = args.target.zone()?;
    let request = v1::WatchRequest {
        run: Some(args.journey.run.run_ref(&args.target)?),
        from_stop: Some(args.journey.from.clone()),
        to_stop: Some(args.journey.to.clone()),
        travel_class: args.class.unwrap_or_default().into(),
        quota: args.quota.clone().unwrap_or_default(),
        min_interval: args.min_interval.map(duration),
    };
    let mut answers = args.target.client().await?.watch(request).await?;
    let mut told = 0;
    while args.count.is_none_or(|count| told < count) {
        let next = answers.message().await.map_err(|status| Fault::Stream(Box::new(status)))?;
        let Some(answer) = next else { break };
        let said = answer.tell(|table, version, as_of| {
            let view = TableView::of(table, version, as_of);
            Ok(Said::done(&view, view.text(table, &zone)))
        })?;
        if said.is_refusal() {
            return Ok(said);
        }
        said.print(args.target.json)?;
        told += 1;
    }
    Ok(Said::nothing_more())
}
