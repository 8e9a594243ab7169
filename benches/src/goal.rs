//! One row of the goals: what was measured, what must be reached, whether it is.
//!
//! The rule: a value and its 90 % interval. Higher is better: met when the lower end reaches 97 % of
//! *must*; lower is better: when the upper end is at most 103 % of it; exact rows (allocations): when
//! the upper end is at most *must*. A row that could not be measured is not met, one that was left
//! out for a stated reason (a peer that is not installed) is neither.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::paired::Estimate;

/// What a lower end may miss of *must* when higher is better.
const SLACK_HIGHER: f64 = 0.97;
/// What an upper end may exceed *must* by when lower is better.
const SLACK_LOWER: f64 = 1.03;

/// Which way is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Ratios of rates, events per second.
    Higher,
    /// Times, bytes.
    Lower,
}

/// What is asked of a measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// `session 8 x 256 x 8, 1,000 runs, against echo`.
    pub measure: &'static str,
    /// `ratio`, `ms`, `GB`.
    pub unit: &'static str,
    /// Which way is up.
    pub better: Better,
    /// Exit 1 if not reached.
    pub must: f64,
    /// What is possible.
    pub aim: f64,
    /// Without slack: a count that does not drift.
    pub exact: bool,
}

impl Target {
    /// A ratio that should be high.
    pub const fn ratio(measure: &'static str, must: f64, aim: f64) -> Self {
        Self { measure, unit: "ratio", better: Better::Higher, must, aim, exact: false }
    }

    /// A value that should be low.
    pub const fn low(measure: &'static str, unit: &'static str, must: f64, aim: f64) -> Self {
        Self { measure, unit, better: Better::Lower, must, aim, exact: false }
    }

    /// A value that should be high.
    pub const fn high(measure: &'static str, unit: &'static str, must: f64, aim: f64) -> Self {
        Self { measure, unit, better: Better::Higher, must, aim, exact: false }
    }

    /// The row with what was measured.
    pub fn reached(self, found: &Estimate) -> Goal {
        Goal { target: self, found: Found::Value(found.clone()), cpu_us: None, remark: None }
    }

    /// The row when it could not be measured: not met.
    #[allow(clippy::needless_pass_by_value, reason = "errors and words alike")]
    pub fn failed(self, why: impl ToString) -> Goal {
        let found = Found::Failed(why.to_string());
        Goal { target: self, found, cpu_us: None, remark: None }
    }

    /// The row when it was left out for a reason outside this house.
    #[allow(clippy::needless_pass_by_value, reason = "errors and words alike")]
    pub fn skipped(self, why: impl ToString) -> Goal {
        let found = Found::Skipped(why.to_string());
        Goal { target: self, found, cpu_us: None, remark: None }
    }
}

/// What came of a measurement.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A value.
    Value(Estimate),
    /// It could not be measured; counts as not met.
    Failed(String),
    /// It was left out; counts as nothing.
    Skipped(String),
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What is asked.
    pub target: Target,
    /// What was found.
    pub found: Found,
    /// CPU of the server process a command, microseconds: it hardly drifts.
    pub cpu_us: Option<f64>,
    /// Anything a reader must know.
    pub remark: Option<String>,
}

impl Goal {
    /// With the server's CPU per command.
    #[must_use]
    pub fn with_cpu(mut self, us: f64) -> Self {
        self.cpu_us = Some(us);
        self
    }

    /// With a remark, behind those it has.
    #[must_use]
    pub fn with_remark(mut self, remark: impl Into<String>) -> Self {
        let remark = remark.into();
        self.remark = Some(match self.remark.take() {
            Some(before) => format!("{before}; {remark}"),
            None => remark,
        });
        self
    }

    /// Whether *must* is reached; `None` when the row was skipped.
    pub fn met(&self) -> Option<bool> {
        let target = &self.target;
        match &self.found {
            Found::Value(found) if target.exact => Some(match target.better {
                Better::Higher => found.low >= target.must,
                Better::Lower => found.high <= target.must,
            }),
            Found::Value(found) => Some(match target.better {
                Better::Higher => found.low >= SLACK_HIGHER * target.must,
                Better::Lower => found.high <= SLACK_LOWER * target.must,
            }),
            Found::Failed(_) => Some(false),
            Found::Skipped(_) => None,
        }
    }

    /// Whether *aim* is reached, by the value itself.
    pub fn at_aim(&self) -> bool {
        match (&self.found, self.target.better) {
            (Found::Value(found), Better::Higher) => found.value >= self.target.aim,
            (Found::Value(found), Better::Lower) => found.value <= self.target.aim,
            _ => false,
        }
    }

    /// The verdict in words.
    pub fn verdict(&self) -> &'static str {
        match self.met() {
            None => "skipped",
            Some(false) if matches!(self.found, Found::Failed(_)) => "NOT MEASURED",
            Some(false) => "NOT MET",
            Some(true) if self.at_aim() => "aim reached",
            Some(true) => "met; aim, not reached",
        }
    }

    /// The cells of a table: measure, value, interval, must, aim, absolutes, CPU, verdict.
    pub fn cells(&self) -> Vec<String> {
        let target = &self.target;
        let mut row = vec![target.measure.to_owned()];
        match &self.found {
            Found::Value(found) => {
                row.push(format!("{} {}", number(found.value), target.unit));
                row.push(format!("{} .. {}", number(found.low), number(found.high)));
            }
            Found::Failed(why) | Found::Skipped(why) => row.extend([why.clone(), String::new()]),
        }
        row.extend([number(target.must), number(target.aim)]);
        row.push(match &self.found {
            Found::Value(Estimate { numerator: Some(a), denominator: Some(b), .. }) => {
                format!("{} / {}", number(*a), number(*b))
            }
            _ => String::new(),
        });
        row.push(self.cpu_us.map_or_else(String::new, |us| format!("{us:.3} us")));
        let mut verdict = self.verdict().to_owned();
        if let Some(remark) = &self.remark {
            let _ = write!(verdict, " ({remark})");
        }
        row.push(verdict);
        row
    }

    /// Names of the cells.
    pub const HEAD: [&'static str; 8] =
        ["measure", "value", "90 % interval", "must", "aim", "absolutes", "server CPU", "verdict"];

    /// The row for programs.
    pub fn to_json(&self) -> Value {
        let target = &self.target;
        let found = match &self.found {
            Found::Value(found) => Some(found),
            Found::Failed(_) | Found::Skipped(_) => None,
        };
        json!({
            "measure": target.measure,
            "unit": target.unit,
            "better": match target.better { Better::Higher => "higher", Better::Lower => "lower" },
            "value": found.map(|f| f.value),
            "low": found.map(|f| f.low),
            "high": found.map(|f| f.high),
            "must": target.must,
            "aim": target.aim,
            "met": self.met(),
            "numerator": found.and_then(|f| f.numerator),
            "denominator": found.and_then(|f| f.denominator),
        })
    }
}

/// All rows for programs.
pub fn to_json(goals: &[Goal]) -> Value {
    json!({ "goals": goals.iter().map(Goal::to_json).collect::<Vec<_>>() })
}

/// Four digits that matter, thousands set apart.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 10_000.0 {
        let digits = format!("{value:.0}");
        let (sign, digits) = digits.split_at(digits.len() - digits.trim_start_matches('-').len());
        let mut out = sign.to_owned();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out
    } else if size >= 100.0 || value.fract().abs() < f64::EPSILON {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(low: f64, value: f64, high: f64) -> Estimate {
        Estimate { value, low, high, numerator: None, denominator: None }
    }

    #[test]
    fn the_end_of_the_interval_decides_with_three_per_cent_of_slack() {
        let ratio = Target::ratio("r", 0.5, 0.8);
        assert_eq!(ratio.reached(&found(0.485, 0.6, 0.7)).met(), Some(true));
        assert_eq!(ratio.reached(&found(0.4849, 0.6, 0.7)).met(), Some(false));
        let time = Target::low("t", "ms", 10.0, 5.0);
        assert_eq!(time.reached(&found(1.0, 9.0, 10.3)).met(), Some(true));
        assert_eq!(time.reached(&found(1.0, 9.0, 10.31)).met(), Some(false));
    }

    #[test]
    fn exact_rows_have_no_slack() {
        let exact = Target { exact: true, ..Target::low("allocations", "a command", 0.0, 0.0) };
        assert_eq!(exact.reached(&found(0.0, 0.0, 0.0)).met(), Some(true));
        assert_eq!(exact.reached(&found(0.0, 0.0, 0.001)).met(), Some(false));
    }

    #[test]
    fn the_aim_is_told_apart_from_the_must() {
        let ratio = Target::ratio("r", 0.5, 0.8);
        assert_eq!(ratio.reached(&found(0.5, 0.6, 0.7)).verdict(), "met; aim, not reached");
        assert_eq!(ratio.reached(&found(0.7, 0.8, 0.9)).verdict(), "aim reached");
        assert_eq!(ratio.reached(&found(0.2, 0.3, 0.4)).verdict(), "NOT MET");
        assert_eq!(ratio.failed("no server").verdict(), "NOT MEASURED");
        assert_eq!((ratio.skipped("no redis").met(), ratio.failed("x").met()), (None, Some(false)));
    }

    #[test]
    fn programs_read_every_field() {
        let mut estimate = found(0.4, 0.5, 0.6);
        (estimate.numerator, estimate.denominator) = (Some(1.0), Some(2.0));
        let json = to_json(&[Target::ratio("r", 0.25, 0.4).reached(&estimate)]);
        let row = json["goals"][0].as_object().expect("an object");
        let fields = [
            "measure",
            "unit",
            "better",
            "value",
            "low",
            "high",
            "must",
            "aim",
            "met",
            "numerator",
            "denominator",
        ];
        assert_eq!(row.len(), fields.len());
        assert!(fields.iter().all(|field| !row[*field].is_null()), "{row:?}");
        assert_eq!((&row["better"], &row["met"]), (&json!("higher"), &json!(true)));
    }

    #[test]
    fn figures_show_what_matters() {
        let shown = [0.1234, 5.0, 12.34, 345.6, 9_999.0, 1_234_567.8, -12_345.0].map(number);
        assert_eq!(shown, ["0.123", "5", "12.3", "346", "9999", "1,234,568", "-12,345"]);
    }
}
