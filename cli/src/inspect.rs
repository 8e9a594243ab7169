//! `berth inspect`: what is in a data directory, without writing to it.
//!
//! The overview reads little; `--segments`, `--frames` and `--snapshots` list what is inside. To
//! know whether all of it is sound, use `berth replay --verify`.

mod frames;
mod segments;
mod snapshots;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::process::ExitCode;

use berth_persistence::{
    FORMAT, FileSnapshots, KeyError, Keys, Lsn, SnapshotStore as _, Snapshots as _, end_now,
};
use clap::Args;
use serde::Serialize;

use crate::data_dir::{DirArgs, DiskFault, ReadDir, files};
use crate::said::{Exit, Fault};
use frames::{FrameRange, FrameView};
use segments::SegmentView;
use snapshots::SnapshotView;

/// `berth inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// List the segments of the log; reads every frame of it
    #[arg(long)]
    segments: bool,
    /// List these frames, both ends included: 5..9, 5.., ..9 or 5
    #[arg(long, value_name = "FROM..TO")]
    frames: Option<FrameRange>,
    /// List the kept snapshots of every run
    #[arg(long)]
    snapshots: bool,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// What is in a data directory.
#[derive(Debug, Serialize)]
pub struct InspectView {
    data_dir: String,
    format: u16,
    in_use: Option<String>,
    key: &'static str,
    log: LogView,
    snapshot_log: SnapshotLogView,
    event_store: StoreView,
    cut: Vec<CutView>,
    segments: Option<Vec<SegmentView>>,
    frames: Option<Vec<FrameView>>,
    snapshots: Option<Vec<SnapshotView>>,
    torn: Vec<String>,
    damage: Vec<String>,
}

#[derive(Debug, Serialize)]
struct LogView {
    segments: u64,
    bytes: u64,
    first_lsn: Option<u64>,
    last_lsn: Option<u64>,
}

#[derive(Debug, Serialize)]
struct SnapshotLogView {
    bytes: u64,
    needed_bytes: u64,
    runs: u64,
    covered_lsn: Option<u64>,
}

#[derive(Debug, Serialize)]
struct StoreView {
    state: &'static str,
    bytes: u64,
    set_aside: bool,
}

#[derive(Debug, Serialize)]
struct CutView {
    file: String,
    bytes: u64,
}

/// What a walk found that is not as it should be.
#[derive(Debug, Default)]
pub struct Wrong {
    pub torn: Vec<String>,
    pub damage: Vec<String>,
}

/// Looks and tells.
pub fn run(args: &InspectArgs) -> ExitCode {
    let told = inspect(args).and_then(|view| {
        let mut out = io::stdout().lock();
        view.write(args.json, &mut out).and_then(|()| out.flush()).map_err(Fault::Stdout)?;
        Ok(view)
    });
    match told {
        Ok(view) => {
            for line in view.messages() {
                eprintln!("berth inspect: {line}");
            }
            view.exit().into()
        }
        Err(fault) => fault.tell("inspect"),
    }
}

fn inspect(args: &InspectArgs) -> Result<InspectView, DiskFault> {
    let from = ReadDir::open(&args.dir)?;
    let snapshots = from.snapshots()?;
    let mut wrong = Wrong::default();
    wrong.damage.extend(snapshots.damage().iter().map(ToString::to_string));
    let is_in_use = from.holder.is_some();
    wrong.torn.extend(snapshots.torn().filter(|_| !is_in_use).map(ToString::to_string));
    let end = from.end()?;
    let until = end.unwrap_or(Lsn(u64::MAX));
    let segments =
        if args.segments { Some(segments::list(&from, until, &mut wrong)?) } else { None };
    let frames = match &args.frames {
        Some(range) => Some(frames::list(&from, range, until, &mut wrong)?),
        None => None,
    };
    let kept = args.snapshots.then(|| snapshots::list(&snapshots, &mut wrong));
    wrong.torn.dedup();
    wrong.damage.sort();
    wrong.damage.dedup();
    Ok(InspectView {
        data_dir: from.dir.root().display().to_string(),
        format: FORMAT,
        key: match Keys::read(from.dir.root()) {
            Ok(_) => "PRESENT",
            Err(KeyError::Damaged { .. }) => "DAMAGED",
            Err(_) => "MISSING",
        },
        log: log_view(&from, end)?,
        snapshot_log: snapshot_log_view(&snapshots),
        event_store: store_view(&from)?,
        cut: cut_view(&from)?,
        segments,
        frames,
        snapshots: kept,
        torn: wrong.torn,
        damage: wrong.damage,
        in_use: from.holder,
    })
}

fn log_view(from: &ReadDir, end: Option<Lsn>) -> Result<LogView, DiskFault> {
    let segments = from.segments()?;
    let last = match end {
        Some(last) => last,
        None => end_now(&from.dir.log())?,
    };
    Ok(LogView {
        segments: segments.len() as u64,
        bytes: segments.iter().map(|(_, bytes)| bytes).sum(),
        first_lsn: segments.first().map(|(first, _)| *first).filter(|first| *first <= last.0),
        last_lsn: Some(last.0).filter(|last| *last > 0),
    })
}

fn snapshot_log_view(snapshots: &FileSnapshots) -> SnapshotLogView {
    let (bytes, needed_bytes) = snapshots.bytes();
    SnapshotLogView {
        bytes,
        needed_bytes,
        runs: snapshots.runs().len() as u64,
        covered_lsn: snapshots.covered().map(|covered| covered.lsn.0),
    }
}

fn store_view(from: &ReadDir) -> Result<StoreView, DiskFault> {
    let events = from.dir.events();
    let (found, chunks) = (files(&events)?, files(&from.dir.chunks())?);
    Ok(StoreView {
        state: if found.is_empty() { "ABSENT" } else { "PRESENT" },
        bytes: found.iter().chain(&chunks).map(|(_, bytes)| bytes).sum(),
        // The node moves a store that does not open to a name beside it.
        set_aside: from.dir.root().join("events-damaged").exists(),
    })
}

fn cut_view(from: &ReadDir) -> Result<Vec<CutView>, DiskFault> {
    let found = files(&from.dir.cut())?;
    Ok(found.into_iter().map(|(file, bytes)| CutView { file, bytes }).collect())
}

impl InspectView {
    fn write(&self, json: bool, out: &mut dyn Write) -> io::Result<()> {
        if json {
            serde_json::to_writer(&mut *out, self)?;
            return writeln!(out);
        }
        writeln!(out, "{}", self.text())
    }

    /// One name and value a line, then the lists.
    fn text(&self) -> String {
        let none = || "none".to_owned();
        let log = match (self.log.first_lsn, self.log.last_lsn) {
            (Some(first), Some(last)) => format!(
                "frames {first} to {last}, {} segments, {} bytes",
                self.log.segments, self.log.bytes
            ),
            _ => format!("no frame, {} segments, {} bytes", self.log.segments, self.log.bytes),
        };
        let snapshots = &self.snapshot_log;
        let covered = snapshots.covered_lsn.map_or_else(none, |lsn| format!("frame {lsn}"));
        let store = match (self.event_store.state, self.event_store.set_aside) {
            ("ABSENT", _) => "absent (derived, made again when the node indexes)".to_owned(),
            (_, aside) => format!(
                "{} bytes{}",
                self.event_store.bytes,
                if aside { ", a damaged one is in events-damaged/" } else { "" }
            ),
        };
        let line = |name: &str, value: String| format!("{name:<12} {value}");
        let mut lines = vec![
            line("directory", self.data_dir.clone()),
            line("format", self.format.to_string()),
            line("in use by", self.in_use.clone().unwrap_or_else(|| "nobody".to_owned())),
            line("key", self.key.to_lowercase()),
            line("log", log),
            line(
                "snapshots",
                format!(
                    "of {} runs, {} bytes ({} needed), all covered up to: {covered}",
                    snapshots.runs, snapshots.bytes, snapshots.needed_bytes
                ),
            ),
            line("event store", store),
        ];
        for cut in &self.cut {
            lines.push(line("cut off", format!("cut/{}, {} bytes", cut.file, cut.bytes)));
        }
        lines.extend(self.segments.iter().flatten().map(SegmentView::text));
        lines.extend(self.frames.iter().flatten().map(FrameView::text));
        lines.extend(self.snapshots.iter().flatten().map(SnapshotView::text));
        lines.join("\n")
    }

    fn messages(&self) -> Vec<String> {
        let torn = self.torn.iter().map(|torn| format!("note: {torn} by the next start"));
        let damage = self.damage.iter().map(|damage| format!("damage: {damage}"));
        let advice = "berth replay --verify says what it means for the runs".to_owned();
        let advice = (!self.damage.is_empty()).then_some(advice);
        torn.chain(damage).chain(advice).collect()
    }

    const fn exit(&self) -> Exit {
        if self.damage.is_empty() { Exit::Done } else { Exit::Damaged }
    }
}
