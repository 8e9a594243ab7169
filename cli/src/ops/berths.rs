//! What `block` and `unblock` share.

use berth_client::v1;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use crate::journey::StartArgs;
use crate::said::Said;
use crate::target::Target;
use crate::view::{BerthView, StopView, route, utc};
use crate::words;

/// `berth ops block`, `berth ops unblock`.
#[derive(Debug, Args)]
pub struct BerthsArgs {
    #[command(flatten)]
    pub run: StartArgs,
    /// Which berths: B3-12,B3-13
    #[arg(
        long,
        value_name = "BERTHS",
        required = true,
        value_delimiter = ',',
        value_parser = words::berth
    )]
    pub berths: Vec<v1::BerthName>,
    /// First stop of the legs; with --to, or neither for the whole route
    #[arg(long, value_name = "STOP", requires = "to", value_parser = words::stop)]
    pub from: Option<v1::StopRef>,
    /// Last stop of the legs
    #[arg(long, value_name = "STOP", requires = "from", value_parser = words::stop)]
    pub to: Option<v1::StopRef>,
    /// Name of this request; the same for every retry [default: a fresh one]
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<Uuid>,
    #[command(flatten)]
    pub target: Target,
}

/// What was done to the berths.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Done {
    Blocked,
    Unblocked,
}

/// The berths that were touched.
#[derive(Debug, Serialize)]
pub struct BerthsChangeView {
    done: Done,
    berths: Vec<BerthView>,
    from: StopView,
    to: StopView,
    server_time: Option<String>,
    run_version: u64,
}

impl BerthsChangeView {
    pub fn of(
        done: Done,
        change: &v1::BerthsChange,
        run_version: u64,
        server_time: Option<&prost_types::Timestamp>,
    ) -> Self {
        Self {
            done,
            berths: change.berths.iter().map(BerthView::of).collect(),
            from: StopView::of(change.from_stop.as_ref()),
            to: StopView::of(change.to_stop.as_ref()),
            server_time: utc(server_time),
            run_version,
        }
    }

    pub fn said(&self) -> Said {
        let done = match self.done {
            Done::Blocked => "blocked",
            Done::Unblocked => "unblocked",
        };
        let berths: Vec<String> =
            self.berths.iter().map(|b| format!("{}-{}", b.coach, b.berth)).collect();
        let berths = if berths.is_empty() { "nothing".to_owned() } else { berths.join(", ") };
        Said::done(self, format!("{done} on {}: {berths}", route(&self.from, &self.to)))
    }
}
