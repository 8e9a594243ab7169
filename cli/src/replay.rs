//! `berth replay`: state anew from the log, as a summary or event by event, checked.
//!
//! Always checked: the chain of frames, every decode, every apply (a version follows the one
//! before). `--verify` adds the invariants of every run, and compares the replayed states with the
//! snapshots, the event store and the live node. What is read is never written to; a directory that
//! a node is using is read up to a frame that was whole when the replay began.

mod events;
mod report;
mod verify;

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use berth_inventory::{Run, RunId, TrainNumber};
use berth_node::Names;
use berth_persistence::{
    FileSnapshots, Keys, LogProgress, Lsn, MemorySnapshots, NodeRecord, Replay, ReplayFrom,
    Replayed, Seen, SnapshotStore, Snapshots, Until, Visitor,
};
use clap::Args;
use indicatif::ProgressBar;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::data_dir::{DirArgs, DiskFault, ReadDir, bar};
use crate::journey::Day;
use crate::said::{Exit, Fault};
use events::{KINDS, PlanBook, Printer, kind_of};
use report::{Checked, Counted, ReplayView, Report};
use verify::{Claims, History, Source, Store};

/// `berth replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// Only this train, on one --start-date
    #[arg(long, value_name = "NUMBER", requires = "start_date")]
    train: Option<TrainNumber>,
    /// Date of its start at the origin: YYYY-MM-DD, today, tomorrow or +N
    #[arg(long, value_name = "DAY", requires = "train")]
    start_date: Option<Day>,
    /// Stop behind this frame (LSN), or leave out what was stamped after this time (RFC 3339)
    #[arg(long, value_name = "LSN|TIME", value_parser = until)]
    until: Option<Until>,
    /// Begin with the snapshots instead of the first frame
    #[arg(long)]
    from_snapshots: bool,
    /// Check invariants too, and compare with snapshots, event store and --admin-server
    #[arg(long)]
    verify: bool,
    /// Print every event as a JSON line, instead of a summary
    #[arg(long)]
    events: bool,
    /// Print the summary as one JSON object on stdout
    #[arg(long)]
    json: bool,
    /// Compare with the node that serves from this directory: its admin listener
    #[arg(long, value_name = "URL", requires = "verify")]
    admin_server: Option<String>,
    /// IANA zone of the railway, for the words today, tomorrow and +N
    #[arg(long, env = "BERTH_ZONE", value_name = "ZONE", default_value = "Asia/Kolkata")]
    zone: String,
}

/// An LSN or an instant.
fn until(text: &str) -> Result<Until, String> {
    if let Ok(lsn) = text.parse() {
        return Ok(Until::Frame(Lsn(lsn)));
    }
    let wrong = || {
        format!(
            "{text:?} is neither an LSN nor a time: expected such as 4711 or 2026-12-01T04:30:00Z"
        )
    };
    let at: Timestamp = text.parse().map_err(|_| wrong())?;
    let ms = u64::try_from(at.as_millisecond()).map_err(|_| wrong())?;
    Ok(Until::Stamp(berth_inventory::UnixMillis(ms)))
}

impl ReplayArgs {
    fn only(&self) -> Result<Option<RunId>, Fault> {
        let Some((train, day)) = self.train.zip(self.start_date) else { return Ok(None) };
        let zone =
            TimeZone::get(&self.zone).map_err(|_| Fault::Zone { zone: self.zone.clone() })?;
        let date = day.resolve(Timestamp::now(), zone);
        Ok(date.parse().ok().map(|start_date| RunId { train, start_date }))
    }
}

/// Replays, tells, and says the exit code.
pub fn run(args: &ReplayArgs) -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let told = replay(args, &mut out).and_then(|report| {
        out.flush().map_err(Fault::Stdout)?;
        Ok(report)
    });
    match told {
        Ok(report) => {
            for line in report.messages(args.events) {
                eprintln!("berth replay: {line}");
            }
            report.exit().into()
        }
        Err(fault) => fault.tell("replay"),
    }
}

/// Replays and writes what belongs on stdout to `out`.
fn replay(args: &ReplayArgs, out: &mut dyn Write) -> Result<Report, DiskFault> {
    let from = ReadDir::open(&args.dir)?;
    let only = args.only()?;
    let mut notes = Vec::new();
    let first_kept = from.segments()?.first().map_or(1, |(first, _)| *first);
    let from_snapshots = args.from_snapshots || first_kept > 1;
    if first_kept > 1 && !args.from_snapshots {
        notes.push(format!(
            "the log begins with frame {first_kept}: what was before is taken from the snapshots"
        ));
    }
    // Whoever is compared with is asked first: the log then reaches what they said.
    let live = ask_live(args, only)?;
    let needs_snapshots = args.verify || from_snapshots;
    let snapshots = if needs_snapshots { Some(from.snapshots()?) } else { None };
    let checks = if args.verify {
        let store = Store::of(&from)?;
        Some(Checks::prepare(&from, snapshots.as_ref(), from_snapshots, store, live, only))
    } else {
        None
    };
    let end = from.end()?;
    if let (Some(end), Some(holder)) = (end, &from.holder) {
        notes.push(format!(
            "in use by {holder}: replayed up to frame {end}, the last when the replay began"
        ));
    }
    let plans = PlanBook::default();
    let printer = if args.events {
        let names = match Keys::read(from.dir.root()) {
            Ok(keys) => Some(Names::new(keys.bytes(), 0)),
            Err(fault) => {
                notes.push(format!("PNRs cannot be printed: {fault}"));
                None
            }
        };
        Some(Printer::new(out, names, &plans, snapshots.as_ref()))
    } else {
        None
    };
    let mut walk = Walk {
        // Lines and a bar on one terminal would spoil each other.
        bar: if args.events && io::stdout().is_terminal() {
            ProgressBar::hidden()
        } else {
            bar("replaying")
        },
        printer,
        plans: &plans,
        checks,
        kinds: [0; KINDS.len()],
        starts: 0,
        clean_at: Lsn(0),
        last: Lsn(0),
        end,
    };
    let what = Replay {
        from: if from_snapshots { ReplayFrom::Snapshots } else { ReplayFrom::Start },
        until: bounded(args.until.unwrap_or_default(), end),
        run: only,
    };
    let none = MemorySnapshots::new();
    let base: &dyn SnapshotStore = match &snapshots {
        Some(snapshots) => snapshots,
        None => &none,
    };
    let parse = |text: &str| plans.parse(text);
    let found = berth_persistence::replay(&from.dir, &what, base, &parse, &|_| None, &mut walk)?;
    walk.bar.finish_and_clear();
    if let Some(printer) = walk.printer.take() {
        printer.finish().map_err(Fault::Stdout)?;
    }
    let view = walk.into_view(args, &from, &what, found, snapshots.as_ref(), notes);
    let report = Report { view };
    if !args.events {
        report.write(args.json, out).map_err(Fault::Stdout)?;
    }
    Ok(report)
}

fn bounded(until: Until, end: Option<Lsn>) -> Until {
    match (until, end) {
        (Until::End, Some(end)) => Until::Frame(end),
        (Until::Frame(lsn), Some(end)) => Until::Frame(lsn.min(end)),
        // Behind the end of a log that is being written the walk stops by itself.
        (until, _) => until,
    }
}

fn ask_live(
    args: &ReplayArgs,
    only: Option<RunId>,
) -> Result<Option<Vec<verify::Claim>>, DiskFault> {
    let Some(url) = &args.admin_server else { return Ok(None) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Fault::Start)?;
    Ok(Some(runtime.block_on(verify::of_live(url, only))?))
}

/// What `--verify` compares with.
struct Checks {
    claims: Claims,
    /// Snapshots kept, and whether the replay is compared with them.
    kept: u64,
    compares_snapshots: bool,
    asks_live: bool,
    store: Store,
    /// Only when the whole log is replayed.
    history: Option<History>,
}

impl Checks {
    fn prepare(
        from: &ReadDir,
        snapshots: Option<&FileSnapshots>,
        from_snapshots: bool,
        store: Store,
        live: Option<Vec<verify::Claim>>,
        only: Option<RunId>,
    ) -> Self {
        let mut problems = Vec::new();
        let mut list = Vec::new();
        if let Some(snapshots) = snapshots {
            problems.extend(snapshots.damage().iter().map(|damage| {
                format!("{damage}: the log has everything; snap/ may be removed while no node runs")
            }));
            list = verify::of_snapshots(snapshots, &from.dir.snap(), only, &mut problems);
        }
        let kept = list.len() as u64;
        if from_snapshots {
            // The replay begins with them: comparing would say nothing.
            list.clear();
        }
        let asks_live = live.is_some();
        list.extend(live.unwrap_or_default());
        let history = store.indexed().filter(|_| !from_snapshots).map(History::new);
        let mut claims = Claims::new(list);
        claims.problems = problems;
        Self { claims, kept, compares_snapshots: !from_snapshots, asks_live, store, history }
    }

    /// Everything that can be said once the replay is over.
    fn finish(
        mut self,
        args: &ReplayArgs,
        from: &ReadDir,
        found: &Replayed,
        notes: &mut Vec<String>,
    ) -> Checked {
        let checking = bar("checking");
        checking.set_length(found.runs.len() as u64);
        let mut compared = 0;
        for (index, run) in &found.runs {
            self.claims.see(run);
            let broken = run.check();
            let id = run.id();
            self.claims.problems.extend(broken.iter().map(|broken| format!("run {id}: {broken}")));
            if let Some(history) = &self.history {
                compared += 1;
                let same = history.compare(&self.store, *index, id, run.version());
                self.claims.problems.extend(same.err());
            }
            checking.inc(1);
        }
        checking.finish_and_clear();
        self.ahead_of_the_log(args, from, found);
        let (_, same) = self.claims.count(|source| *source != Source::Live);
        let (live, live_same) = self.claims.count(|source| *source == Source::Live);
        if live > live_same {
            let left = live - live_same;
            notes.push(format!("{left} runs of the live node are at versions not replayed"));
        }
        let state = match &self.store {
            Store::Absent => "ABSENT",
            Store::Broken(why) if from.holder.is_some() => {
                notes.push(format!("the event store is being written and was not compared: {why}"));
                "NOT_COMPARED"
            }
            Store::Broken(why) => {
                self.claims.problems.push(format!(
                    "{why}; it is derived: remove events/ while no node runs, it is made again"
                ));
                "DAMAGED"
            }
            Store::Copied(_) if self.history.is_some() => "COMPARED",
            Store::Copied(_) => "NOT_COMPARED",
        };
        Checked {
            runs: found.runs.len() as u64,
            snapshots: Counted::of(self.kept, if self.compares_snapshots { same } else { 0 }),
            store: state,
            indexed: self.store.indexed(),
            store_runs: compared,
            live: self.asks_live.then(|| Counted::of(live, live_same)),
            problems: self.claims.problems,
        }
    }

    /// A snapshot may not know more than the log.
    fn ahead_of_the_log(&mut self, args: &ReplayArgs, from: &ReadDir, found: &Replayed) {
        if args.until.is_some() || from.holder.is_some() {
            return;
        }
        let mut lost = Vec::new();
        for claim in self.claims.unmet() {
            let Source::Snapshot(place) = &claim.source else { continue };
            if found.refused.iter().any(|refused| refused.run == claim.run) {
                continue;
            }
            let (run, version) = (claim.run, claim.version);
            lost.push(format!(
                "run {run}: the snapshot in {place} holds version {version}, which the log does \
                 not have: the end of the log is lost; restore log/ from a copy, or remove snap/ \
                 to go back to frame {}",
                found.last
            ));
        }
        self.claims.problems.extend(lost);
    }
}

/// Goes along with the replay.
struct Walk<'a> {
    bar: ProgressBar,
    printer: Option<Printer<'a>>,
    plans: &'a PlanBook,
    checks: Option<Checks>,
    kinds: [u64; KINDS.len()],
    starts: u64,
    /// The frame of the last clean stop.
    clean_at: Lsn,
    last: Lsn,
    /// Where a log that is being written stands still.
    end: Option<Lsn>,
}

impl Visitor for Walk<'_> {
    fn record(&mut self, lsn: Lsn, record: &NodeRecord) {
        self.last = lsn;
        self.plans.take(record);
        match record {
            NodeRecord::Started { .. } => self.starts += 1,
            NodeRecord::CleanStop { .. } => self.clean_at = lsn,
            NodeRecord::PlanText { .. } => {}
        }
    }

    fn event(&mut self, seen: &Seen<'_>) {
        self.last = seen.lsn;
        self.kinds[kind_of(seen.event)] += 1;
        if let Some(printer) = &mut self.printer {
            printer.print(seen);
        }
        if let Some(history) = self.checks.as_mut().and_then(|checks| checks.history.as_mut()) {
            history.see(seen);
        }
    }

    fn applied(&mut self, _: &Seen<'_>, run: &Run) {
        if let Some(checks) = &mut self.checks {
            checks.claims.see(run);
        }
    }

    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.last >= end)
            || self.printer.as_ref().is_some_and(Printer::is_done)
    }

    fn progress(&mut self, progress: LogProgress) {
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
    }
}

impl Walk<'_> {
    fn into_view(
        self,
        args: &ReplayArgs,
        from: &ReadDir,
        what: &Replay,
        mut found: Replayed,
        snapshots: Option<&FileSnapshots>,
        mut notes: Vec<String>,
    ) -> ReplayView {
        if let Some(torn) = snapshots.and_then(SnapshotStore::torn).map(ToString::to_string) {
            found.damage.retain(|damage| *damage != torn);
            if from.holder.is_none() {
                notes.push(format!("{torn} by the next start: nothing is lost"));
            }
        }
        if let Some(torn) = &found.torn {
            notes.push(format!("{torn} by the next start; nothing was changed now"));
        }
        let covered = snapshots.and_then(Snapshots::covered).map_or(Lsn(0), |mark| mark.lsn);
        match args.until {
            Some(Until::Frame(lsn)) if what.from == ReplayFrom::Snapshots && lsn < covered => {
                notes.push(format!(
                    "frame {lsn} is before what the snapshots hold: this is the state as of frame \
                     {covered} or later; a copy of the older segments of log/ would show the earlier"
                ));
            }
            Some(Until::Frame(lsn)) if found.last < lsn => {
                notes.push(format!("the log ends with frame {}, before frame {lsn}", found.last));
            }
            _ => {}
        }
        let verify = self.checks.map(|checks| checks.finish(args, from, &found, &mut notes));
        let is_clean = self.clean_at == found.last && found.last.0 > 0;
        let tally = report::Tally { kinds: self.kinds, starts: self.starts, is_clean };
        ReplayView::of(from, what, &found, &tally, verify, notes)
    }
}

/// Exit code 4 needs a reason, 0 none.
const fn exit_of(is_sound: bool) -> Exit {
    if is_sound { Exit::Done } else { Exit::Damaged }
}
