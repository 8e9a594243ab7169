//! `berth ops stats`: what the server has done since its start, and what it holds.

use berth_client::v1;
use clap::Args;
use serde::Serialize;

use crate::said::{Fault, Said};
use crate::target::Target;
use crate::view::{millis, utc};
use crate::words;

/// `berth ops stats`.
#[derive(Debug, Args)]
pub struct StatsArgs {
    #[command(flatten)]
    pub target: Target,
}

/// Counters and gauges.
#[derive(Debug, Serialize)]
pub struct StatsView {
    server_time: Option<String>,
    started_at: Option<String>,
    open_runs: u64,
    live_runs: u64,
    quarantined_runs: u64,
    live_holds: u64,
    commands: Vec<CommandView>,
    refusals: Vec<RefusalsView>,
    fast_refusals: u64,
    request_ids_forgotten: u64,
    rebuilds: u64,
    clock_offset_ms: i64,
    journal: Option<JournalView>,
}

#[derive(Debug, Serialize)]
struct CommandView {
    kind: String,
    outcome: String,
    count: u64,
}

#[derive(Debug, Serialize)]
struct RefusalsView {
    reason: String,
    count: u64,
}

#[derive(Debug, Serialize)]
struct JournalView {
    first_lsn: u64,
    durable_lsn: u64,
    bytes: u64,
    segments: u64,
    groups: u64,
    events: u64,
    indexed_lsn: u64,
    free_bytes: u64,
    failed: bool,
    restart_estimate_ms: Option<i64>,
}

impl StatsView {
    pub fn of(stats: &v1::GetStatsResponse) -> Self {
        let command = |count: &v1::CommandCount| CommandView {
            kind: count.kind.clone(),
            outcome: count.outcome.clone(),
            count: count.count,
        };
        let refusal = |count: &v1::RefusalCount| RefusalsView {
            reason: words::name(count.reason, "REASON_", v1::Reason::as_str_name),
            count: count.count,
        };
        let journal = |journal: &v1::JournalStats| JournalView {
            first_lsn: journal.first_lsn,
            durable_lsn: journal.durable_lsn,
            bytes: journal.bytes,
            segments: journal.segments,
            groups: journal.groups,
            events: journal.events,
            indexed_lsn: journal.indexed_lsn,
            free_bytes: journal.free_bytes,
            failed: journal.failed,
            restart_estimate_ms: millis(journal.restart_estimate.as_ref()),
        };
        Self {
            server_time: utc(stats.server_time.as_ref()),
            started_at: utc(stats.started_at.as_ref()),
            open_runs: stats.open_runs,
            live_runs: stats.live_runs,
            quarantined_runs: stats.quarantined_runs,
            live_holds: stats.live_holds,
            commands: stats.commands.iter().map(command).collect(),
            refusals: stats.refusals.iter().map(refusal).collect(),
            fast_refusals: stats.fast_refusals,
            request_ids_forgotten: stats.request_ids_forgotten,
            rebuilds: stats.rebuilds,
            clock_offset_ms: stats.clock_offset_ms,
            journal: stats.journal.as_ref().map(journal),
        }
    }

    /// One name and value a line.
    pub fn text(&self) -> String {
        let mut lines = vec![
            ("started at".to_owned(), self.started_at.clone().unwrap_or_default()),
            ("open runs".to_owned(), self.open_runs.to_string()),
            ("live runs".to_owned(), self.live_runs.to_string()),
            ("quarantined runs".to_owned(), self.quarantined_runs.to_string()),
            ("live holds".to_owned(), self.live_holds.to_string()),
        ];
        for row in &self.commands {
            lines.push((format!("{} {}", row.kind, row.outcome), row.count.to_string()));
        }
        for row in &self.refusals {
            lines.push((format!("refused {}", row.reason), row.count.to_string()));
        }
        lines.extend([
            ("refused without a queue".to_owned(), self.fast_refusals.to_string()),
            ("request ids forgotten".to_owned(), self.request_ids_forgotten.to_string()),
            ("runs rebuilt".to_owned(), self.rebuilds.to_string()),
            ("clock offset".to_owned(), format!("{} ms", self.clock_offset_ms)),
        ]);
        if let Some(journal) = &self.journal {
            let state = if journal.failed { "FAILED, restart the server" } else { "sound" };
            lines.extend([
                ("journal".to_owned(), state.to_owned()),
                ("  LSNs".to_owned(), format!("{} to {}", journal.first_lsn, journal.durable_lsn)),
                ("  indexed to".to_owned(), journal.indexed_lsn.to_string()),
                ("  groups".to_owned(), journal.groups.to_string()),
                ("  events".to_owned(), journal.events.to_string()),
                ("  segments".to_owned(), journal.segments.to_string()),
                ("  bytes".to_owned(), journal.bytes.to_string()),
                ("  free on disk".to_owned(), format!("{} bytes", journal.free_bytes)),
            ]);
            if let Some(ms) = journal.restart_estimate_ms {
                lines.push(("  a restart takes".to_owned(), format!("about {ms} ms")));
            }
        }
        let line = |(name, value): (String, String)| format!("{name:<26} {value}");
        lines.into_iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Asks and tells.
pub async fn run(args: &StatsArgs) -> Result<Said, Fault> {
    let stats = args.target.admin().await?.get_stats(v1::GetStatsRequest {}).await?;
    let view = StatsView::of(&stats);
    Ok(Said::done(&view, view.text()))
}
