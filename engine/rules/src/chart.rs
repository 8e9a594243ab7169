//! When charts are prepared. The rule changed three times in ten years, so every rule has its day.

use berth_inventory::Date;

use crate::RuleFault;
use crate::clock::{CLOCK, DAY, SPAN, clock, day_and_clock, span};
use crate::document::{Table, Value};
use crate::fault::At;

/// Which chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// The one that releases quotas and promotes.
    First,
    /// The one that ends current booking.
    Second,
    /// That of a remote station with berths of its own.
    Remote,
}

/// When.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartTime {
    /// Days before the departure's day, and the minute of that day.
    Clock(u16, u16),
    /// Minutes before the departure.
    Before(u16),
}

/// One rule of when a chart is prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    pub(crate) at: At,
    /// Which chart.
    pub kind: ChartKind,
    /// From which day on the rule holds; `None` = since ever.
    pub from: Option<Date>,
    /// Minutes of the day of the departure between which it holds, inclusive; `None` = all others.
    pub departs: Option<(u16, u16)>,
    /// When.
    pub time: ChartTime,
}

impl Chart {
    fn read(mut table: Table<'_, '_>) -> Result<Self, RuleFault> {
        let kind = table.need("kind")?;
        let kind = kind.parsed("\"first\", \"second\" or \"remote\"", |text| match text {
            "first" => Some(ChartKind::First),
            "second" => Some(ChartKind::Second),
            "remote" => Some(ChartKind::Remote),
            _ => None,
        })?;
        let from = table.take("from").map(|value| value.date()).transpose()?;
        let departs = table.take("departs").map(|value| read_departs(&value)).transpose()?;
        let (at, before) = (table.take("at"), table.take("before"));
        let time = match (at, before) {
            (Some(value), None) => {
                let expected = "days before the departure with a time, such as \"D-1 20:00\"";
                let (days, minute) = value.parsed(expected, day_and_clock)?;
                ChartTime::Clock(days, minute)
            }
            (None, Some(value)) => ChartTime::Before(value.parsed(SPAN, span)?),
            (Some(value), Some(_)) => {
                return Err(value.fault("stands beside `before`; a chart has one time"));
            }
            (None, None) => {
                return Err(table.need("before").err().unwrap_or_else(|| unreachable!()));
            }
        };
        table.done()?;
        Ok(Self { at: table.at().clone(), kind, from, departs, time })
    }

    fn hits(&self, minute: u16) -> bool {
        self.departs.is_none_or(|(from, to)| (from..=to).contains(&minute))
    }
}

fn read_departs(value: &Value<'_, '_>) -> Result<(u16, u16), RuleFault> {
    let times = value.each(|value| value.parsed(CLOCK, clock))?;
    match times[..] {
        [from, to] if from < to => Ok((from, to)),
        _ => Err(value.fault("is not two times of a day in order, such as [\"05:01\", \"14:00\"]")),
    }
}

/// All rules of a book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charts(Vec<Chart>);

impl Charts {
    /// Reads every `[[chart]]`.
    pub(crate) fn read(root: &mut Table<'_, '_>) -> Result<Self, RuleFault> {
        let mut charts: Vec<Chart> = Vec::new();
        let file = root.file();
        for table in root.tables("chart")? {
            let chart = Chart::read(table)?;
            let alike = || charts.iter().filter(|known| known.kind == chart.kind);
            if let Some(later) = alike().find(|known| known.from > chart.from) {
                let date = |date: Option<Date>| date.map_or("no date".into(), |d| d.to_string());
                let (mine, other) = (date(chart.from), date(later.from));
                let what = format!("{mine} stands behind {other} of line {}", later.at.line);
                return Err(chart.at.of("from").fault(file, what));
            }
            let same_day = || alike().filter(|known| known.from == chart.from);
            if let Some(other) = same_day().find(|known| overlap(known.departs, chart.departs)) {
                let what = format!("overlaps the chart of line {}", other.at.line);
                return Err(chart.at.of("departs").fault(file, what));
            }
            charts.push(chart);
        }
        let holes = |chart: &&Chart| {
            let others = charts.iter().filter(|o| o.kind == chart.kind && o.from == chart.from);
            others.into_iter().all(|other| other.departs.is_some())
        };
        if let Some(chart) = charts.iter().find(holes) {
            let what = "no chart of its kind and day is for all other departures; leave `departs` \
                        out of one";
            return Err(chart.at.of("departs").fault(file, what));
        }
        Ok(Self(charts))
    }

    /// The rules, in the order of the file.
    pub fn rules(&self) -> &[Chart] {
        &self.0
    }

    /// When a chart is prepared for a departure in that minute of the day, by the rules of `day`.
    pub fn time(&self, kind: ChartKind, departs: u16, day: Date) -> Option<ChartTime> {
        let hold = |chart: &&Chart| chart.kind == kind && chart.from.is_none_or(|from| from <= day);
        let newest = self.0.iter().filter(hold).map(|chart| chart.from).max()?;
        let of_day = || self.0.iter().filter(hold).filter(|chart| chart.from == newest);
        let minute = departs % DAY;
        let named = of_day().find(|chart| chart.departs.is_some() && chart.hits(minute));
        named.or_else(|| of_day().find(|chart| chart.departs.is_none())).map(|chart| chart.time)
    }

    pub(crate) fn has(&self, kind: ChartKind) -> bool {
        self.0.iter().any(|chart| chart.kind == kind)
    }
}

/// A rule for all others overlaps with another such rule only.
fn overlap(a: Option<(u16, u16)>, b: Option<(u16, u16)>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.0 <= b.1 && b.0 <= a.1,
        (None, None) => true,
        _ => false,
    }
}
