//! `berth berths`: the seat map of a train on a journey, drawn in the terminal.

use berth_client::v1;
use clap::Args;
use serde::Serialize;

use crate::answer::Answer as _;
use crate::journey::RunArgs;
use crate::said::{Fault, Said};
use crate::target::Target;
use crate::view::{self, StopView, route, utc};
use crate::words;

/// `berth berths`.
#[derive(Debug, Args)]
pub struct BerthsArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Where the journey begins: station code, CODE#2, or number of the stop [default: the origin]
    #[arg(long, value_name = "STOP", value_parser = words::stop)]
    pub from: Option<v1::StopRef>,
    /// Where it ends [default: the terminus]
    #[arg(long, value_name = "STOP", value_parser = words::stop)]
    pub to: Option<v1::StopRef>,
    /// Only berths of this class, such as 3A
    #[arg(long, value_parser = words::class)]
    pub class: Option<v1::TravelClass>,
    /// Only this coach, such as B3
    #[arg(long)]
    pub coach: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

/// All berths of a train on a journey.
#[derive(Debug, Serialize)]
pub struct MapView {
    train: String,
    start_date: String,
    date: String,
    from: StopView,
    to: StopView,
    coaches: Vec<CoachView>,
    as_of: Option<String>,
    run_version: u64,
}

#[derive(Debug, Serialize)]
struct CoachView {
    coach: String,
    layout: String,
    from: StopView,
    to: StopView,
    berths: Vec<CellView>,
}

#[derive(Debug, Serialize)]
struct CellView {
    berth: u32,
    berth_type: Option<String>,
    class: String,
    bay: u32,
    row: u32,
    side: String,
    quota: String,
    state: String,
}

impl MapView {
    pub fn of(
        map: &v1::BerthMap,
        only: Option<&str>,
        run_version: u64,
        as_of: Option<&prost_types::Timestamp>,
    ) -> Self {
        let coaches = map.coaches.iter().filter(|coach| only.is_none_or(|id| coach.coach == id));
        Self {
            train: map.train.clone(),
            start_date: map.start_date.clone(),
            date: map.date.clone(),
            from: StopView::of(map.from_stop.as_ref()),
            to: StopView::of(map.to_stop.as_ref()),
            coaches: coaches.map(CoachView::of).collect(),
            as_of: utc(as_of),
            run_version,
        }
    }

    /// The drawing, coach by coach, a bay a line.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}, {}\n",
            view::run(&self.train, &self.date, &self.start_date),
            route(&self.from, &self.to)
        );
        for coach in &self.coaches {
            text += &coach.text();
        }
        text += if self.coaches.is_empty() {
            "no such coach"
        } else {
            "\n12 LB free   h held   # sold   - out of sale   / next row   | aisle"
        };
        text
    }
}

impl CoachView {
    fn of(coach: &v1::CoachMap) -> Self {
        let cell = |cell: &v1::BerthCell| CellView {
            berth: cell.number,
            berth_type: words::berth_code(cell.berth_type),
            class: words::class_code(cell.travel_class),
            bay: cell.bay,
            row: cell.row,
            side: words::side_code(cell.side),
            quota: cell.quota.clone(),
            state: words::name(cell.state, "BERTH_STATE_", v1::BerthState::as_str_name),
        };
        Self {
            coach: coach.coach.clone(),
            layout: coach.layout.clone(),
            from: StopView::of(coach.from_stop.as_ref()),
            to: StopView::of(coach.to_stop.as_ref()),
            berths: coach.berths.iter().map(cell).collect(),
        }
    }

    fn text(&self) -> String {
        let free = self.berths.iter().filter(|cell| cell.state == "FREE").count();
        let (coach, layout, all) = (&self.coach, &self.layout, self.berths.len());
        let mut text = format!("\n{coach}  {layout}  {free} of {all} free\n");
        for bay in self.berths.chunk_by(|a, b| (a.bay, &a.class) == (b.bay, &b.class)) {
            let mut line = format!("{:>4} ", bay[0].bay);
            for (i, cell) in bay.iter().enumerate() {
                let before = i.checked_sub(1).map(|i| &bay[i]);
                line += match before {
                    Some(before) if before.side != cell.side => "| ",
                    Some(before) if before.row != cell.row => "/ ",
                    _ => "",
                };
                line += &cell.text();
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

impl CellView {
    /// Mark, number, type: always 8 wide.
    fn text(&self) -> String {
        let mark = match self.state.as_str() {
            "FREE" => ' ',
            "HELD" => 'h',
            "SOLD" => '#',
            "BLOCKED" => '-',
            _ => '?',
        };
        let kind = self.berth_type.as_deref().unwrap_or("?");
        format!("{:>4} {kind:<3}", format!("{mark}{}", self.berth))
    }
}

/// Asks and draws.
pub async fn run(args: &BerthsArgs) -> Result<Said, Fault> {
    let request = v1::GetBerthMapRequest {
        run: Some(args.run.run_ref(&args.target)?),
        from_stop: args.from.clone(),
        to_stop: args.to.clone(),
        travel_class: args.class.unwrap_or_default().into(),
    };
    let answer = args.target.client().await?.get_berth_map(request).await?;
    answer.tell(|map, version, as_of| {
        let view = MapView::of(map, args.coach.as_deref(), version, as_of);
        Ok(Said::done(&view, view.text()))
    })
}
