//! Counters of the server, and what it is.

use core::sync::atomic::Ordering::Relaxed;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use berth_engine::Engine;
use berth_engine::node::{Health, ShardStats};
use berth_engine::persistence::{DataDir, segment_of};
use berth_inventory::Millis;
use berth_proto::v1;
use tonic::Code;

use crate::desk::Desk;
use crate::wire::{Trouble, timestamp};

/// Operations.GetStats.
pub(super) async fn stats(desk: &Arc<Desk>) -> Result<v1::GetStatsResponse, Trouble> {
    let engine = &desk.engine;
    let (shards, _) = engine.stats().await;
    let walking = engine.clone();
    let walk = tokio::task::spawn_blocking(move || (runs(&walking), Segments::of(&walking)));
    let unread = |why: &dyn core::fmt::Display| {
        Trouble::new(Code::Internal, format!("the journal's files cannot be looked at: {why}"))
    };
    let ((open_runs, quarantined_runs), kept) = walk.await.map_err(|panic| unread(&panic))?;
    let kept = kept.map_err(|fault| unread(&fault))?;
    let figures = engine.figures();
    let durable_lsn = *engine.durable_lsn().borrow();
    Ok(v1::GetStatsResponse {
        server_time: Some(timestamp(engine.now())),
        started_at: Some(timestamp(engine.info().started_at)),
        open_runs,
        live_runs: shards.live as u64,
        quarantined_runs,
        live_holds: shards.holds.max(0).cast_unsigned(),
        commands: commands(desk, &shards),
        refusals: refusals(desk),
        rebuilds: shards.panics,
        clock_offset_ms: engine.clock_offset_ms(),
        journal: Some(v1::JournalStats {
            first_lsn: kept.first_lsn,
            durable_lsn,
            bytes: kept.bytes,
            segments: kept.count,
            groups: figures.groups.load(Relaxed),
            events: shards.events,
            indexed_lsn: figures.indexed_lsn.load(Relaxed),
            free_bytes: engine.front().vitals.disk_free(),
            failed: engine.health() == Health::JournalFailed,
            restart_estimate: prost_types::Duration::try_from(figures.restart_estimate()).ok(),
        }),
        fast_refusals: figures.fast_refusals.load(Relaxed),
        request_ids_forgotten: shards.forgotten,
    })
}

fn commands(desk: &Desk, shards: &ShardStats) -> Vec<v1::CommandCount> {
    let count = |kind: &str, outcome: &str, count| v1::CommandCount {
        kind: kind.into(),
        outcome: outcome.into(),
        count,
    };
    let mut commands: Vec<_> =
        desk.tally.ends().map(|(kind, end, n)| count(kind.name(), end.name(), n)).collect();
    if shards.expired > 0 {
        commands.push(count("expire", "done", shards.expired));
    }
    commands
}

fn refusals(desk: &Desk) -> Vec<v1::RefusalCount> {
    let refusals = desk.tally.refusals();
    refusals.map(|(reason, count)| v1::RefusalCount { reason: reason as i32, count }).collect()
}

/// Open runs, and runs out of service.
fn runs(engine: &Engine) -> (u64, u64) {
    let (front, now) = (engine.front(), engine.now());
    let mut open = 0;
    let mut quarantined = 0;
    for train in front.directory.trains() {
        if train.is_listed() {
            open += front.calendar.open_dates(train.light(), now).count() as u64;
        }
        let runs = train.runs();
        quarantined += runs.iter().filter(|run| run.refused.load().is_some()).count() as u64;
        let outside = runs.iter().filter(|run| {
            run.extra.load(Relaxed)
                && run.journaled.load(Relaxed)
                && !front.calendar.is_open(train.light(), run.id.start_date, now)
        });
        open += outside.count() as u64;
    }
    (open, quarantined)
}

/// The segment files of the log.
#[derive(Debug, PartialEq, Eq)]
struct Segments {
    first_lsn: u64,
    bytes: u64,
    count: u64,
}

impl Segments {
    fn of(engine: &Engine) -> Result<Self, String> {
        let data = DataDir::read_only(&engine.info().data_dir).map_err(|why| why.to_string())?;
        let dir = data.log();
        let files = std::fs::read_dir(&dir).and_then(|files| {
            files.map(|file| Ok(file?.file_name())).collect::<io::Result<Vec<OsString>>>()
        });
        let added = files.and_then(|files| Self::add_up(&dir, &files));
        added.map_err(|why| format!("{}: {why}", dir.display()))
    }

    /// Of the files in `dir`. A segment that retention lets go of between its name and its size is
    /// not there any more.
    fn add_up(dir: &Path, files: &[OsString]) -> io::Result<Self> {
        let mut kept = Self { first_lsn: u64::MAX, bytes: 0, count: 0 };
        for file in files {
            let Some(first) = file.to_str().and_then(segment_of) else { continue };
            match std::fs::metadata(dir.join(file)) {
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => continue,
                about => kept.bytes += about?.len(),
            }
            kept.first_lsn = kept.first_lsn.min(first);
            kept.count += 1;
        }
        // A log begins with frame 1.
        if kept.count == 0 {
            kept.first_lsn = 1;
        }
        Ok(kept)
    }
}

/// Operations.GetServerInfo. Walks the calendar: blocks.
pub(super) fn server_info(desk: &Desk) -> v1::GetServerInfoResponse {
    let engine = &desk.engine;
    let (info, now) = (engine.info(), engine.now());
    let calendar = &engine.front().calendar;
    let first_open = |train: &Arc<berth_engine::node::Train>| {
        calendar.open_dates(train.light(), now).next().filter(|_| train.is_listed())
    };
    let first = engine.front().directory.trains().into_iter().filter_map(first_open).min();
    let span = |time: Millis| prost_types::Duration {
        seconds: (time.0 / 1_000).cast_signed(),
        nanos: (time.0 % 1_000) as i32 * 1_000_000,
    };
    v1::GetServerInfoResponse {
        server_time: Some(timestamp(now)),
        version: info.software.trim_start_matches("berth ").to_owned(),
        started_at: Some(timestamp(info.started_at)),
        listen: desk.listen.clone(),
        admin_listen: desk.admin_listen.clone(),
        data_dir: info.data_dir.display().to_string(),
        durability: info.durability.to_string(),
        workers: info.shards.into(),
        zone: desk.zone.clone(),
        trains: info.trains as u32,
        first_start_date: first.unwrap_or(calendar.today(now)).to_string(),
        last_start_date: calendar.last_open(now).to_string(),
        hold_ttl_default: Some(span(info.holds.default)),
        hold_life_max: Some(span(info.holds.life)),
        hold_ttl_min: Some(span(info.holds.min)),
        hold_ttl_max: Some(span(info.holds.max)),
        grace_until: info.grace_until.map(timestamp),
        pid: std::process::id(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_goes_meanwhile_is_not_counted_and_costs_nobody_the_answer() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: usize| {
            std::fs::write(dir.path().join(name), vec![0; bytes]).unwrap();
            OsString::from(name)
        };
        let files = [
            write("00000000000000000001.seg", 10),
            write("00000000000000000040.seg", 20),
            write("00000000000000000090.seg", 30),
            write("next", 1_000),
        ];
        let add_up = || {
            let Segments { first_lsn, bytes, count } =
                Segments::add_up(dir.path(), &files).unwrap();
            (first_lsn, bytes, count)
        };
        assert_eq!(add_up(), (1, 60, 3), "what is zeroed ahead is no segment yet");
        std::fs::remove_file(dir.path().join(&files[0])).unwrap();
        assert_eq!(add_up(), (40, 50, 2));
        for file in &files[1..] {
            std::fs::remove_file(dir.path().join(file)).unwrap();
        }
        assert_eq!(add_up(), (1, 0, 0));
    }
}
