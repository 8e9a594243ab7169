//! Which run and which part of it: `--train`, `--date` or `--start-date`, `--from`, `--to`.

use std::str::FromStr;

use berth_client::v1;
use berth_inventory::Date;
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::said::Fault;
use crate::target::Target;
use crate::words;

/// A day as people say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// So many days after today in the railway's zone.
    FromToday(u16),
    /// That day.
    On(Date),
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a day: expected YYYY-MM-DD, today, tomorrow or +N (days)");
        match (text, text.strip_prefix('+')) {
            ("today", _) => Ok(Self::FromToday(0)),
            ("tomorrow", _) => Ok(Self::FromToday(1)),
            // `parse` alone would take a second sign.
            (_, Some(days)) if days.bytes().all(|b| b.is_ascii_digit()) => {
                days.parse().map(Self::FromToday).map_err(|_| wrong())
            }
            (_, Some(_)) => Err(wrong()),
            (_, None) => text.parse().map(Self::On).map_err(|_| wrong()),
        }
    }
}

impl Day {
    /// As YYYY-MM-DD, as seen at `now` in `zone`.
    pub fn resolve(self, now: Timestamp, zone: TimeZone) -> String {
        match self {
            Self::On(date) => date.to_string(),
            Self::FromToday(days) => {
                let today = now.to_zoned(zone).date().to_string();
                let date = today.parse().unwrap_or(Date::MAX).plus(i32::from(days));
                date.to_string()
            }
        }
    }
}

/// A run by the date at the journey's first stop, or at the origin.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The train's number
    #[arg(long)]
    pub train: String,
    #[command(flatten)]
    day: DayArgs,
}

#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
struct DayArgs {
    /// Date of departure from the --from stop: YYYY-MM-DD, today, tomorrow or +N
    #[arg(long, value_name = "DAY")]
    date: Option<Day>,
    /// Date of the start at the origin: YYYY-MM-DD, today, tomorrow or +N
    #[arg(long, value_name = "DAY")]
    start_date: Option<Day>,
}

impl RunArgs {
    /// The run as the wire names it.
    pub fn run_ref(&self, target: &Target) -> Result<v1::RunRef, Fault> {
        let zone = target.zone()?;
        let now = Timestamp::now();
        let day = match (self.day.date, self.day.start_date) {
            (Some(date), _) => Some(v1::run_ref::Day::Date(date.resolve(now, zone))),
            (None, Some(date)) => Some(v1::run_ref::Day::StartDate(date.resolve(now, zone))),
            // clap requires one; the server names what is missing.
            (None, None) => None,
        };
        Ok(v1::RunRef { train: self.train.clone(), day })
    }
}

/// A run and the part of it that is travelled.
#[derive(Clone, Debug, Args)]
pub struct JourneyArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Where it begins: station code, CODE#2 for its second visit there, or number of the stop
    #[arg(long, value_name = "STOP", value_parser = words::stop)]
    pub from: v1::StopRef,
    /// Where it ends
    #[arg(long, value_name = "STOP", value_parser = words::stop)]
    pub to: v1::StopRef,
}

/// A run by the date of its start at the origin, as operators name it.
#[derive(Clone, Debug, Args)]
pub struct StartArgs {
    /// The train's number
    #[arg(long)]
    pub train: String,
    /// Date of the start at the origin: YYYY-MM-DD, today, tomorrow or +N
    #[arg(long, alias = "date", value_name = "DAY")]
    start_date: Day,
}

impl StartArgs {
    /// The start date as YYYY-MM-DD.
    pub fn start_date(&self, target: &Target) -> Result<String, Fault> {
        Ok(self.start_date.resolve(Timestamp::now(), target.zone()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str, now: &str) -> Result<String, String> {
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        let day: Day = text.parse()?;
        Ok(day.resolve(now.parse().unwrap(), zone))
    }

    #[test]
    fn days_are_those_of_the_railway() {
        let late = "2026-11-22T19:00:00Z";
        let table = [
            ("today", "2026-11-22T18:29:59Z", "2026-11-22"),
            ("today", "2026-11-22T18:30:00Z", "2026-11-23"),
            ("tomorrow", late, "2026-11-24"),
            ("+10", late, "2026-12-03"),
            ("+0", late, "2026-11-23"),
            ("2024-02-29", late, "2024-02-29"),
            ("9999-12-31", late, "9999-12-31"),
        ];
        for (text, now, expected) in table {
            assert_eq!(on(text, now).as_deref(), Ok(expected), "{text} at {now}");
        }
        for wrong in
            ["", "+", "++1", "+-1", "-1", "yesterday", "2026-02-29", "2026-1-1", "20261122"]
        {
            assert!(on(wrong, late).is_err(), "{wrong:?}");
        }
    }
}
