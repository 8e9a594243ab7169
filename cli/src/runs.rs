//! `berth runs`: lists the open runs.

use berth_client::v1;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::journey::Day;
use crate::said::{Fault, Said};
use crate::target::Target;
use crate::words;

/// Runs asked for at once, most.
const PAGE_MAX: u32 = 1_000;

/// `berth runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// Only this train
    #[arg(long, default_value = "")]
    pub train: String,
    /// First start date: YYYY-MM-DD, today, tomorrow or +N [default: the first open one]
    #[arg(long, value_name = "DAY")]
    pub first: Option<Day>,
    /// Last start date, inclusive [default: the last open one]
    #[arg(long, value_name = "DAY")]
    pub last: Option<Day>,
    /// Only runs that are in memory or have events
    #[arg(long)]
    pub touched: bool,
    /// End after so many runs; 0 lists all
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u64,
    #[command(flatten)]
    pub target: Target,
}

/// One run of the list.
#[derive(Debug, Serialize)]
pub struct RunView {
    train: String,
    name: String,
    start_date: String,
    origin: String,
    terminus: String,
    place: String,
    run_version: u64,
    live_holds: u32,
    extra: bool,
    retired: bool,
}

impl RunView {
    pub fn of(row: &v1::TrainRunRow) -> Self {
        Self {
            train: row.train.clone(),
            name: row.name.clone(),
            start_date: row.start_date.clone(),
            origin: row.origin.clone(),
            terminus: row.terminus.clone(),
            place: words::name(row.place, "RUN_PLACE_", v1::RunPlace::as_str_name),
            run_version: row.run_version,
            live_holds: row.live_holds,
            extra: row.extra,
            retired: row.retired,
        }
    }

    pub fn text(&self) -> String {
        let extra = if self.extra { " extra" } else { "" };
        let retired = if self.retired { " retired" } else { "" };
        let ends = format!("{} to {}", self.origin, self.terminus);
        format!(
            "{} {:<6} {ends:<14} {:<11} v{:<6} {:>4} holds  {}{extra}{retired}",
            self.start_date,
            self.train,
            self.place.to_lowercase(),
            self.run_version,
            self.live_holds,
            self.name,
        )
    }
}

/// Asks page by page and tells run by run: with `--json`, one object a line.
pub async fn run(args: &RunsArgs) -> Result<Said, Fault> {
    let (zone, now) = (args.target.zone()?, Timestamp::now());
    let date = |day: Option<Day>| day.map_or_else(String::new, |d| d.resolve(now, zone.clone()));
    let admin = args.target.admin().await?;
    let mut left = if args.limit == 0 { u64::MAX } else { args.limit };
    let mut request = v1::ListTrainRunsRequest {
        train: args.train.clone(),
        first_start_date: date(args.first),
        last_start_date: date(args.last),
        touched_only: args.touched,
        page_size: PAGE_MAX,
        page_token: String::new(),
    };
    loop {
        request.page_size = left.min(u64::from(PAGE_MAX)) as u32;
        let page = admin.list_train_runs(request.clone()).await?;
        for row in page.runs.iter().take(request.page_size as usize) {
            let view = RunView::of(row);
            Said::done(&view, view.text()).print(args.target.json)?;
            left -= 1;
        }
        if left == 0 || page.next_page_token.is_empty() {
            return Ok(Said::nothing_more());
        }
        request.page_token = page.next_page_token;
    }
}
