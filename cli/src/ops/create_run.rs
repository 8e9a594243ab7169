//! `berth ops create-run`: creates a run outside the calendar.

use berth_client::v1;
use berth_client::v1::create_train_run_response::Outcome;
use clap::Args;
use uuid::Uuid;

use super::retire_run::RunAnswer;
use crate::journey::StartArgs;
use crate::reserve::request_id;
use crate::said::{Fault, Said};
use crate::target::Target;

/// `berth ops create-run`.
#[derive(Debug, Args)]
pub struct CreateRunArgs {
    #[command(flatten)]
    pub run: StartArgs,
    /// Name of this request; the same for every retry [default: a fresh one]
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<Uuid>,
    #[command(flatten)]
    pub target: Target,
}

/// Asks and tells.
pub async fn run(args: &CreateRunArgs) -> Result<Said, Fault> {
    let request = v1::CreateTrainRunRequest {
        request_id: request_id(args.request_id),
        train: args.run.train.clone(),
        start_date: args.run.start_date(&args.target)?,
    };
    let answer = args.target.admin().await?.create_train_run(request).await?;
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
