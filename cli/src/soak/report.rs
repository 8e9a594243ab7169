//! What a soak came to, for people and as JSON (`docs/cli-json.md`).

use std::fmt::Write as _;
use std::time::Duration;

use berth_client::v1;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::faults::FaultsView;
use super::findings::{Findings, Violation};
use super::memory::MemoryView;
use super::tally::{Figures, Kind};
use crate::words;

/// The whole report.
#[derive(Debug, Serialize)]
pub struct Report {
    pub scenario: &'static str,
    pub clients: u32,
    pub seed: u64,
    pub server: String,
    pub own_server: bool,
    pub duration_ms: u64,
    pub ended_early: Option<String>,
    pub commands: RateView,
    pub granted: RateView,
    pub refused: RateView,
    pub unanswered: RateView,
    pub kinds: Vec<KindView>,
    pub expiry: Option<ExpiryView>,
    pub faults: Option<FaultsView>,
    pub memory: Option<MemoryView>,
    pub checked: CheckedView,
    pub violations: ViolationsView,
    pub data_dir: Option<String>,
}

/// A count, and the same by the second.
#[derive(Debug, Serialize)]
pub struct RateView {
    pub count: u64,
    pub per_second: u64,
}

/// One kind of command.
#[derive(Debug, Serialize)]
pub struct KindView {
    pub kind: &'static str,
    pub granted: u64,
    pub refused: Vec<OutcomeView>,
    pub unanswered: Vec<OutcomeView>,
    pub latency_us: SpreadView,
}

/// How often something came out.
#[derive(Debug, Serialize)]
pub struct OutcomeView {
    pub outcome: String,
    pub count: u64,
}

/// Percentiles.
#[derive(Debug, Serialize)]
pub struct SpreadView {
    pub p50: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

impl SpreadView {
    /// Of a histogram.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            p50: histogram.value_at_quantile(0.5),
            p99: histogram.value_at_quantile(0.99),
            p99_9: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}

/// How holds expired.
#[derive(Debug, Serialize)]
pub struct ExpiryView {
    /// Holds that expired by the journal, and how late; null without a journal.
    pub expired: Option<u64>,
    pub late_ms: Option<SpreadView>,
    /// Berths held again after they had expired; null without a journal.
    pub held_again: Option<u64>,
    /// Holds of the probe, and how late they were still seen as held.
    pub probed: u64,
    pub seen_late_ms: SpreadView,
}

/// What was checked.
#[derive(Debug, Default, Serialize)]
pub struct CheckedView {
    pub runs: u64,
    pub holds: u64,
    pub changes: u64,
    pub unknown_requests: u64,
    pub berth_legs: u64,
    pub published_counts: u64,
    /// `data directory`, `Journal.Read`, or null.
    pub journal: Option<&'static str>,
    pub journal_events: u64,
    pub first_lsn: u64,
    pub last_lsn: u64,
    pub digests: u64,
}

/// What is broken.
#[derive(Debug, Serialize)]
pub struct ViolationsView {
    pub count: u64,
    pub checks: Vec<OutcomeView>,
    pub first: Vec<Violation>,
}

impl ViolationsView {
    /// Of what was found.
    pub fn of(findings: &Findings) -> Self {
        let check = |(check, count): (&&str, &u64)| OutcomeView {
            outcome: (*check).to_owned(),
            count: *count,
        };
        Self {
            count: findings.count(),
            checks: findings.by_check.iter().map(check).collect(),
            first: findings.listed.clone(),
        }
    }
}

impl KindView {
    /// Of the figures of one kind.
    pub fn of((kind, figures): &(Kind, Figures)) -> Self {
        let refused = |(reason, count): (&i32, &u64)| OutcomeView {
            outcome: words::name(*reason, "REASON_", v1::Reason::as_str_name),
            count: *count,
        };
        let unanswered = |(code, count): (&i32, &u64)| OutcomeView {
            outcome: code_name(*code).to_owned(),
            count: *count,
        };
        Self {
            kind: kind.name(),
            granted: figures.granted,
            refused: figures.refused.iter().map(refused).collect(),
            unanswered: figures.unanswered.iter().map(unanswered).collect(),
            latency_us: SpreadView::of(&figures.latency),
        }
    }
}

/// A canonical code as gRPC writes it.
fn code_name(code: i32) -> &'static str {
    use tonic::Code;
    match Code::from_i32(code) {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The four rates of a load that took so long: commands, granted, refused, unanswered.
pub fn rates(figures: &[(Kind, Figures)], took: Duration) -> [RateView; 4] {
    let rate = |count: u64| RateView {
        count,
        per_second: (count as f64 / took.as_secs_f64().max(0.001)).round() as u64,
    };
    let sum = |of: fn(&Figures) -> u64| rate(figures.iter().map(|(_, f)| of(f)).sum());
    [
        sum(Figures::sent),
        sum(|f| f.granted),
        sum(Figures::refused_in_all),
        sum(Figures::unanswered_in_all),
    ]
}

impl Report {
    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let own = if self.own_server { "its own server" } else { &self.server };
        let seconds = self.duration_ms as f64 / 1_000.0;
        writeln!(
            out,
            "soak {}: {} clients, {seconds:.1} s against {own}, seed {}",
            self.scenario, self.clients, self.seed
        )?;
        if let Some(why) = &self.ended_early {
            writeln!(out, "ended early: {why}")?;
        }
        let rates = [
            ("commands", &self.commands),
            ("granted", &self.granted),
            ("refused", &self.refused),
            ("unanswered", &self.unanswered),
        ];
        for (name, rate) in rates {
            writeln!(out, "  {name:<10} {:>10} {:>9}/s", rate.count, rate.per_second)?;
        }
        writeln!(out, "  latency us        p50       p99     p99.9       max")?;
        for kind in &self.kinds {
            let SpreadView { p50, p99, p99_9, max } = &kind.latency_us;
            writeln!(out, "  {:<10} {p50:>9} {p99:>9} {p99_9:>9} {max:>9}", kind.kind)?;
        }
        for kind in &self.kinds {
            write!(out, "  {:<10} granted {}", kind.kind, kind.granted)?;
            for outcome in kind.refused.iter().chain(&kind.unanswered) {
                write!(out, ", {} {}", outcome.outcome, outcome.count)?;
            }
            writeln!(out)?;
        }
        if let Some(expiry) = &self.expiry {
            if let (Some(expired), Some(late)) = (expiry.expired, &expiry.late_ms) {
                let again = expiry.held_again.unwrap_or_default();
                writeln!(
                    out,
                    "  {expired} holds expired, late by ms p50 {} p99 {} p99.9 {} max {}; {again} \
                     berths held again",
                    late.p50, late.p99, late.p99_9, late.max
                )?;
            }
            let late = &expiry.seen_late_ms;
            writeln!(
                out,
                "  {} probed by the published count: still held after their deadline for ms p50 {} \
                 p99 {} max {}",
                expiry.probed, late.p50, late.p99, late.max
            )?;
        }
        self.write_faults(out)?;
        let c = &self.checked;
        writeln!(
            out,
            "checked: {} runs, {} holds, {} changes, {} unknown requests, {} berth-legs, {} counts",
            c.runs, c.holds, c.changes, c.unknown_requests, c.berth_legs, c.published_counts
        )?;
        match c.journal {
            Some(journal) => writeln!(
                out,
                "journal ({journal}): {} events, LSN {} to {}, {} digests compared",
                c.journal_events, c.first_lsn, c.last_lsn, c.digests
            )?,
            None => writeln!(out, "journal: not checked (no admin listener)")?,
        }
        for violation in &self.violations.first {
            writeln!(out, "VIOLATION {} {}: {}", violation.check, violation.run, violation.what)?;
        }
        match self.violations.count {
            0 => writeln!(out, "no violations")?,
            count => {
                let checks = &self.violations.checks;
                let each: Vec<String> =
                    checks.iter().map(|c| format!("{} {}", c.outcome, c.count)).collect();
                writeln!(out, "{count} violations: {}", each.join(", "))?;
            }
        }
        if let Some(dir) = &self.data_dir {
            writeln!(out, "kept: {dir}")?;
        }
        Ok(())
    }
}

impl Report {
    fn write_faults(&self, out: &mut String) -> std::fmt::Result {
        if let Some(faults) = &self.faults {
            write!(out, "faults: {} kills", faults.kills)?;
            if let Some(away) = &faults.away_ms {
                write!(out, " (serving again after ms p50 {} max {})", away.p50, away.max)?;
            }
            writeln!(
                out,
                ", {} calls given up, {} slow readers ({} reads, opened {} times)",
                faults.cancelled, faults.slow_readers, faults.slow_reads, faults.slow_opened
            )?;
        }
        let Some(memory) = &self.memory else { return Ok(()) };
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            out,
            "memory: {:.1} MiB at first, {:.1} at last, {:.1} at most",
            mib(memory.first_bytes),
            mib(memory.last_bytes),
            mib(memory.max_bytes)
        )?;
        match memory.slope_bytes_per_minute {
            Some(slope) => writeln!(
                out,
                "; {:+.2} MiB a minute in the second half of {} s",
                slope as f64 / f64::from(1 << 20),
                memory.looked_ms / 1_000
            ),
            None => writeln!(out, "; too short for a slope"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report of fixed figures, for the golden file.
    fn fixed() -> Report {
        let mut reserve = Figures { granted: 900, ..Figures::default() };
        reserve.refused.insert(v1::Reason::SoldOut.into(), 80);
        reserve.unanswered.insert(14, 20);
        (1..=1_000).for_each(|us| reserve.latency.saturating_record(us));
        let figures = [(Kind::Reserve, reserve)];
        let [commands, granted, refused, unanswered] = rates(&figures, Duration::from_secs(2));
        let mut findings = Findings::default();
        findings.add("berth-leg-twice", "12951/2026-12-01", "B3-12 is in two holds");
        let spread = || SpreadView { p50: 4, p99: 11, p99_9: 12, max: 12 };
        Report {
            scenario: "expiry",
            clients: 64,
            seed: 7,
            server: "http://127.0.0.1:40001".into(),
            own_server: true,
            duration_ms: 2_000,
            ended_early: None,
            commands,
            granted,
            refused,
            unanswered,
            kinds: figures.iter().map(KindView::of).collect(),
            expiry: Some(ExpiryView {
                expired: Some(300),
                late_ms: Some(spread()),
                held_again: Some(41),
                probed: 150,
                seen_late_ms: spread(),
            }),
            faults: Some(FaultsView {
                kills: 3,
                away_ms: Some(spread()),
                slow_readers: 8,
                slow_reads: 90,
                slow_opened: 11,
                cancelled: 60,
            }),
            memory: Some(MemoryView {
                first_bytes: 50 << 20,
                last_bytes: 61 << 20,
                max_bytes: 64 << 20,
                slope_bytes_per_minute: Some(1 << 19),
                looked_ms: 40_000,
            }),
            checked: CheckedView {
                runs: 8,
                holds: 900,
                changes: 120,
                unknown_requests: 1,
                berth_legs: 64_000,
                published_counts: 320,
                journal: Some("data directory"),
                journal_events: 1_500,
                first_lsn: 1,
                last_lsn: 700,
                digests: 8,
            },
            violations: ViolationsView::of(&findings),
            data_dir: Some("/tmp/berth-soak".into()),
        }
    }

    #[test]
    fn the_json_is_that_of_the_golden_file() {
        let json = serde_json::to_string_pretty(&fixed()).unwrap() + "\n";
        expect_test::expect_file!["../../golden/soak.json"].assert_eq(&json);
    }

    #[test]
    fn the_text_says_rates_latency_and_every_violation() {
        let text = fixed().text();
        for part in [
            "commands         1000       500/s",
            "reserve          500       990       999      1000",
            "SOLD_OUT 80, UNAVAILABLE 20",
            "VIOLATION berth-leg-twice 12951/2026-12-01: B3-12 is in two holds",
            "1 violations: berth-leg-twice 1",
            "kept: /tmp/berth-soak",
            "faults: 3 kills (serving again after ms p50 4 max 12), 60 calls given up",
            "50.0 MiB at first, 61.0 at last, 64.0 at most; +0.50 MiB a minute",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
