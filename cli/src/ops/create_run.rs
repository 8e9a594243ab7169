//! `berth ops create-run`: creates a run outside the calendar.

use berth_client::v1;

use super::one_run::{OneRunArgs, RunAnswer};
use crate::answer::Answer as _;
use crate::reserve::request_id;
use crate::said::{Fault, Said};

/// Asks and tells.
pub async fn run(args: &OneRunArgs) -> Result<Said, Fault> {
    let request = v1::CreateTrainRunRequest {
        request_id: request_id(args.request_id),
        train: args.run.train.clone(),
        start_date: args.run.start_date(&args.target)?,
    };
    let answer = args.target.admin().await?.create_train_run(request).await?;
    answer.tell(|row, _, now| Ok(RunAnswer::of(row, now).said()))
}
