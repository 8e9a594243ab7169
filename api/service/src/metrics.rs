//! The process's one recorder of metrics, rendered as Prometheus text. Names and units are listed
//! in docs/metrics.md; no label ever names a run, a berth, a PNR, a user or an address.
//!
//! What is cheap to read is read when somebody asks; only distributions are recorded on the way.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use berth_engine::node::{EXPIRY_LATE_BOUNDS_MS, ShardStats};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::desk::Desk;

/// Bounds of every `_seconds` histogram: from a sync of a fast disk to a stall.
const SECONDS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
    5.0,
];
/// Bounds of every `_bytes` histogram: from one event to a full group.
const BYTES: [f64; 8] =
    [256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0];
/// Between two clearings of what was recorded and not yet asked for.
const UPKEEP: Duration = Duration::from_secs(5);

/// The recorder, installed by the first who asks.
///
/// # Errors
/// Another recorder has been installed in this process.
pub(crate) fn recorder() -> Result<PrometheusHandle, BuildError> {
    static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    // Held while installing: who comes second waits for the handle instead of finding neither.
    let mut recorder = RECORDER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*recorder {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".into()), &BYTES)?
        .install_recorder()?;
    Ok(recorder.insert(handle).clone())
}

/// Keeps what is recorded from piling up while nobody asks.
pub(crate) async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

/// The text of `/metrics`.
pub(crate) async fn render(desk: &Desk, handle: &PrometheusHandle) -> String {
    let (stats, depth) = desk.engine.stats().await;
    for (kind, end, count) in desk.tally.ends() {
        metrics::counter!("berth_commands_total", "kind" => kind.name(), "outcome" => end.name())
            .absolute(count);
    }
    for (reason, count) in desk.tally.refusals() {
        metrics::counter!("berth_refusals_total", "reason" => reason.code()).absolute(count);
    }
    desk.turned_away.tell();
    metrics::counter!("berth_holds_expired_total").absolute(stats.expired);
    metrics::counter!("berth_events_total").absolute(stats.events);
    metrics::counter!("berth_run_activations_total").absolute(stats.activations);
    metrics::counter!("berth_run_passivations_total").absolute(stats.passivations);
    metrics::counter!("berth_run_panics_total").absolute(stats.panics);
    metrics::gauge!("berth_runs_live").set(stats.live as f64);
    metrics::gauge!("berth_holds_live").set(stats.holds as f64);
    metrics::gauge!("berth_queue_depth").set(depth as f64);
    metrics::gauge!("berth_expiry_late_max_seconds").set(stats.expiry_late_ms as f64 / 1_000.0);
    metrics::gauge!("berth_durable_lsn").set(*desk.engine.durable_lsn().borrow() as f64);
    desk.rooms.count();
    let mut text = handle.render();
    expiry_late(&mut text, &stats);
    text
}

/// The shards count lateness in cells of their own, which no recorder can take over.
fn expiry_late(text: &mut String, stats: &ShardStats) {
    const NAME: &str = "berth_expiry_late_seconds";
    let _ = writeln!(text, "# TYPE {NAME} histogram");
    let mut count = 0;
    for (bound, late) in EXPIRY_LATE_BOUNDS_MS.iter().zip(stats.expiry_late) {
        count += late;
        let _ = writeln!(text, "{NAME}_bucket{{le=\"{}\"}} {count}", *bound as f64 / 1_000.0);
    }
    count += stats.expiry_late[EXPIRY_LATE_BOUNDS_MS.len()];
    let _ = writeln!(text, "{NAME}_bucket{{le=\"+Inf\"}} {count}\n{NAME}_count {count}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_told_in_cells_that_add_up() {
        let mut stats = ShardStats::default();
        (stats.expiry_late[0], stats.expiry_late[5], stats.expiry_late[8]) = (7, 2, 1);
        let mut text = String::new();
        expiry_late(&mut text, &stats);
        for line in [
            "# TYPE berth_expiry_late_seconds histogram",
            "berth_expiry_late_seconds_bucket{le=\"0.005\"} 7",
            "berth_expiry_late_seconds_bucket{le=\"0.04\"} 7",
            "berth_expiry_late_seconds_bucket{le=\"0.05\"} 9",
            "berth_expiry_late_seconds_bucket{le=\"1\"} 9",
            "berth_expiry_late_seconds_bucket{le=\"+Inf\"} 10",
            "berth_expiry_late_seconds_count 10",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in\n{text}");
        }
    }
}
