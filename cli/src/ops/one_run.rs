//! What `create-run` and `retire-run` share.

use berth_client::v1;
use clap::Args;
use prost_types::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::journey::StartArgs;
use crate::runs::RunView;
use crate::said::Said;
use crate::target::Target;
use crate::view::utc;

/// `berth ops create-run`, `berth ops retire-run`.
#[derive(Debug, Args)]
pub struct OneRunArgs {
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
    pub fn of(row: &v1::TrainRunRow, server_time: Option<&Timestamp>) -> Self {
        Self { run: RunView::of(row), server_time: utc(server_time) }
    }

    pub fn said(&self) -> Said {
        Said::done(self, self.run.text())
    }
}
