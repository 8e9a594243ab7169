//! `berth ops retire-run`: ends a run for good.

use berth_client::v1;
use berth_client::v1::retire_train_run_response::Outcome;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use crate::journey::StartArgs;
use crate::reserve::request_id;
use crate::runs::RunView;
use crate::said::{Fault, Said};
use crate::target::Target;
use crate::view::utc;

/// `berth ops retire-run`.
#[derive(Debug, Args)]
pub struct RetireRunArgs {
    #[command(flatten)]
    pub run: StartArgs,
    /// Name of this request; the same for every retry [default: a fresh one]
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<Uuid>,
    #[command(flatten)]
    pub target: Target,
}

/// The run after it was created or retired.
#[derive(Debug, Serialize)]
pub struct RunAnswer {
    #[serde(flatten)]
    pub run: RunView,
    pub server_time: Option<String>,
}

impl RunAnswer {
    pub fn of(row: &v1::TrainRunRow, server_time: Option<&prost_types::Timestamp>) -> Self {
        Self { run: RunView::of(row), server_time: utc(server_time) }
    }
}

/// Asks and tells.
pub async fn run(args: &RetireRunArgs) -> Result<Said, Fault> {
    let request = v1::RetireTrainRunRequest {
        request_id: request_id(args.request_id),
        train: args.run.train.clone(),
        start_date: args.run.start_date(&args.target)?,
    };
    let answer = args.target.admin().await?.retire_train_run(request).await?;
    let (version, now) = (answer.run_version, answer.server_time.as_ref());
    match &answer.outcome {
        Some(Outcome::Run(row)) => {
            let view = RunAnswer::of(row, now);
            Ok(Said::done(&view, view.run.text()))
        }
        Some(Outcome::Refusal(no)) => Ok(Said::refused(no, version, now)),
        None => Err(Fault::UnknownAnswer),
    }
}
