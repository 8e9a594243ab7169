//! `berth query`: what is free on a journey.

use berth_client::v1;
use clap::Args;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::answer::Answer as _;
use crate::journey::JourneyArgs;
use crate::said::{Fault, Said};
use crate::target::Target;
use crate::view::{StopView, local, route, utc};
use crate::{view, words};

/// `berth query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    #[command(flatten)]
    pub journey: JourneyArgs,
    /// Only this class, such as 3A
    #[arg(long, value_parser = words::class)]
    pub class: Option<v1::TravelClass>,
    /// Only this quota, such as GN or TQ
    #[arg(long)]
    pub quota: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

/// What is free.
#[derive(Debug, Serialize)]
pub struct TableView {
    train: String,
    start_date: String,
    date: String,
    from: StopView,
    to: StopView,
    rows: Vec<RowView>,
    as_of: Option<String>,
    run_version: u64,
}

/// One pool.
#[derive(Debug, Serialize)]
struct RowView {
    class: String,
    quota: String,
    status: String,
    count: u32,
    opens_at: Option<String>,
    list: Option<String>,
    behind: Option<u32>,
}

impl TableView {
    pub fn of(
        table: &v1::AvailabilityTable,
        run_version: u64,
        as_of: Option<&prost_types::Timestamp>,
    ) -> Self {
        let row = |row: &v1::AvailabilityRow| RowView {
            class: words::class_code(row.travel_class),
            quota: row.quota.clone(),
            status: words::name(
                row.status,
                "AVAILABILITY_STATUS_",
                v1::AvailabilityStatus::as_str_name,
            ),
            count: row.count,
            opens_at: utc(row.opens_at.as_ref()),
            list: (!row.list.is_empty()).then(|| row.list.clone()),
            behind: (!row.list.is_empty()).then_some(row.behind),
        };
        Self {
            train: table.train.clone(),
            start_date: table.start_date.clone(),
            date: table.date.clone(),
            from: StopView::of(table.from_stop.as_ref()),
            to: StopView::of(table.to_stop.as_ref()),
            rows: table.rows.iter().map(row).collect(),
            as_of: utc(as_of),
            run_version,
        }
    }

    /// `3A  GN  AVAILABLE-712`, as the railway prints it.
    pub fn text(&self, table: &v1::AvailabilityTable, zone: &TimeZone) -> String {
        let mut lines = vec![format!(
            "{}, {}",
            view::run(&self.train, &self.date, &self.start_date),
            route(&self.from, &self.to)
        )];
        for (row, wire) in self.rows.iter().zip(&table.rows) {
            let status = match wire.status() {
                v1::AvailabilityStatus::Available => format!("AVAILABLE-{}", row.count),
                v1::AvailabilityStatus::Rac => format!("RAC-{}", row.behind.unwrap_or_default()),
                // The number that the next one would stand at.
                v1::AvailabilityStatus::Waiting => format!("{}-{}", wire.list, wire.behind + 1),
                v1::AvailabilityStatus::NotOpen => {
                    format!("NOT OPEN until {}", local(wire.opens_at.as_ref(), zone))
                }
                _ => row.status.replace('_', " "),
            };
            lines.push(format!("  {:<3} {:<4} {status}", row.class, row.quota));
        }
        if self.rows.is_empty() {
            lines.push("  nothing of this train is sold on this journey".to_owned());
        }
        lines.join("\n")
    }
}

/// Asks and tells.
pub async fn run(args: &QueryArgs) -> Result<Said, Fault> {
    let zone = args.target.zone()?;
    let request = v1::QueryRequest {
        run: Some(args.journey.run.run_ref(&args.target)?),
        from_stop: Some(args.journey.from.clone()),
        to_stop: Some(args.journey.to.clone()),
        travel_class: args.class.unwrap_or_default().into(),
        quota: args.quota.clone().unwrap_or_default(),
    };
    let answer = args.target.client().await?.query(request).await?;
    answer.tell(|table, version, as_of| {
        let view = TableView::of(table, version, as_of);
        Ok(Said::done(&view, view.text(table, &zone)))
    })
}
