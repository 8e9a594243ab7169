//! What a replay came to, as JSON and for people.

use std::io::{self, Write};

use berth_inventory::Run;
use berth_persistence::{Lsn, Replay, ReplayFrom, Replayed};
use serde::Serialize;

use super::events::{KINDS, stamp};
use super::exit_of;
use crate::data_dir::ReadDir;
use crate::said::Exit;

/// What to do about a damaged log.
const ADVICE: &str = "restore the named file from a copy of the directory; without one, \
    berth serve refuses the runs that may have lost an event, by name, and serves the others";

/// The summary.
#[derive(Debug, Serialize)]
pub struct ReplayView {
    data_dir: String,
    in_use: Option<String>,
    from: &'static str,
    first_lsn: Option<u64>,
    last_lsn: Option<u64>,
    starts: u64,
    clean_stop: bool,
    events: u64,
    kinds: Vec<KindView>,
    runs: Vec<RunView>,
    refused: Vec<RefusedView>,
    torn: Option<String>,
    damage: Vec<String>,
    verify: Option<VerifyView>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct KindView {
    kind: &'static str,
    count: u64,
}

#[derive(Debug, Serialize)]
struct RunView {
    train: String,
    start_date: String,
    version: u64,
    digest: String,
    last_at: Option<String>,
    live_holds: u32,
    bookings: u32,
    retired: bool,
    berth_legs: BerthLegsView,
}

#[derive(Debug, Serialize)]
struct BerthLegsView {
    capacity: u32,
    free: u32,
    held: u32,
    sold: u32,
    blocked: u32,
}

#[derive(Debug, Serialize)]
struct RefusedView {
    train: String,
    start_date: String,
    why: String,
}

#[derive(Debug, Serialize)]
struct VerifyView {
    runs_checked: u64,
    snapshots: Counted,
    event_store: StoreView,
    live: Option<Counted>,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct StoreView {
    state: &'static str,
    indexed_lsn: Option<u64>,
    runs_compared: u64,
}

/// Things there are, and how many of them were compared.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Counted {
    found: u64,
    compared: u64,
}

impl Counted {
    pub const fn of(found: u64, compared: u64) -> Self {
        Self { found, compared }
    }
}

/// What `--verify` has done.
pub struct Checked {
    pub runs: u64,
    pub snapshots: Counted,
    pub store: &'static str,
    pub indexed: Option<Lsn>,
    pub store_runs: u64,
    pub live: Option<Counted>,
    pub problems: Vec<String>,
}

/// What was counted on the way.
pub struct Tally {
    pub kinds: [u64; KINDS.len()],
    pub starts: u64,
    pub is_clean: bool,
}

impl RunView {
    fn of(run: &Run) -> Self {
        let sum = run.summary();
        Self {
            train: sum.run.train.to_string(),
            start_date: sum.run.start_date.to_string(),
            version: sum.version.0,
            digest: sum.digest.to_string(),
            last_at: stamp(sum.last_at),
            live_holds: sum.live_holds,
            bookings: sum.bookings,
            retired: sum.retired,
            berth_legs: BerthLegsView {
                capacity: sum.berth_legs.capacity,
                free: sum.berth_legs.free,
                held: sum.berth_legs.held,
                sold: sum.berth_legs.sold,
                blocked: sum.berth_legs.blocked,
            },
        }
    }

    fn text(&self) -> String {
        format!(
            "{:<6} of {}  version {:<6} digest {}  {} held, {} booked",
            self.train, self.start_date, self.version, self.digest, self.live_holds, self.bookings
        )
    }
}

impl ReplayView {
    pub fn of(
        from: &ReadDir,
        what: &Replay,
        found: &Replayed,
        tally: &Tally,
        verify: Option<Checked>,
        notes: Vec<String>,
    ) -> Self {
        let lsn = |lsn: Lsn| (lsn.0 > 0).then_some(lsn.0);
        let mut runs: Vec<_> = found.runs.iter().map(|(_, run)| run).collect();
        runs.sort_by_key(|run| (run.id().start_date, run.id().train));
        let refused = found.refused.iter().map(|refused| RefusedView {
            train: refused.run.train.to_string(),
            start_date: refused.run.start_date.to_string(),
            why: refused.why.clone(),
        });
        let kinds = KINDS.iter().zip(tally.kinds).filter(|(_, count)| *count > 0);
        Self {
            data_dir: from.dir.root().display().to_string(),
            in_use: from.holder.clone(),
            from: match what.from {
                ReplayFrom::Start => "LOG",
                ReplayFrom::Snapshots => "SNAPSHOTS",
            },
            first_lsn: lsn(found.first),
            last_lsn: lsn(found.last),
            starts: tally.starts,
            clean_stop: tally.is_clean,
            events: found.events,
            kinds: kinds.map(|(kind, count)| KindView { kind, count }).collect(),
            runs: runs.into_iter().map(|run| RunView::of(run)).collect(),
            refused: refused.collect(),
            torn: found.torn.clone(),
            damage: found.damage.clone(),
            verify: verify.map(|checked| VerifyView {
                runs_checked: checked.runs,
                snapshots: checked.snapshots,
                event_store: StoreView {
                    state: checked.store,
                    indexed_lsn: checked.indexed.map(|lsn| lsn.0),
                    runs_compared: checked.store_runs,
                },
                live: checked.live,
                problems: checked.problems,
            }),
            notes,
        }
    }

    /// From which frame to which.
    fn range(&self) -> String {
        let base = if self.from == "LOG" { "the log" } else { "the snapshots" };
        match (self.first_lsn, self.last_lsn) {
            (Some(first), Some(last)) => {
                format!("replayed frames {first} to {last} from {base}: {} events", self.events)
            }
            _ => format!("replayed no frame; {} runs are in {base}", self.runs.len()),
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("{}; starts of the node: {}", self.range(), self.starts)];
        lines.extend(self.kinds.iter().map(|kind| format!("  {:<17} {}", kind.kind, kind.count)));
        lines.extend(self.runs.iter().map(RunView::text));
        lines.extend(
            self.refused
                .iter()
                .map(|refused| format!("{:<6} of {}  REFUSED", refused.train, refused.start_date)),
        );
        if let Some(verify) = &self.verify {
            lines.extend(verify.text());
        }
        lines.join("\n")
    }
}

impl VerifyView {
    fn text(&self) -> Vec<String> {
        let compared = |counted: &Counted| format!("{} of {}", counted.compared, counted.found);
        let store = &self.event_store;
        let indexed = store.indexed_lsn.unwrap_or(0);
        let store = match store.state {
            "ABSENT" => "absent (it is derived, and made again when the node indexes)".to_owned(),
            "COMPARED" => format!(
                "{} runs compared up to frame {indexed}, where it is; the rest is in the log",
                store.runs_compared
            ),
            "DAMAGED" => "damaged".to_owned(),
            _ => "not compared".to_owned(),
        };
        let mut lines = vec![
            format!("checked    the invariants of {} runs", self.runs_checked),
            format!("snapshots  {} compared with the replay", compared(&self.snapshots)),
            format!("events     {store}"),
        ];
        let live = self.live.as_ref();
        lines.extend(live.map(|live| format!("live node  {} runs compared", compared(live))));
        lines.push(match self.problems.len() {
            0 => "everything agrees".to_owned(),
            count => format!("{count} PROBLEMS"),
        });
        lines
    }
}

/// What a replay has to say.
#[derive(Debug)]
pub struct Report {
    pub view: ReplayView,
}

impl Report {
    /// Writes the summary.
    pub fn write(&self, json: bool, out: &mut dyn Write) -> io::Result<()> {
        if json {
            serde_json::to_writer(&mut *out, &self.view)?;
            return writeln!(out);
        }
        writeln!(out, "{}", self.view.text())
    }

    /// What belongs on stderr; with events on stdout, the range too.
    pub fn messages(&self, events: bool) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(events.then(|| self.view.range()));
        lines.extend(self.view.notes.iter().map(|note| format!("note: {note}")));
        lines.extend(self.view.damage.iter().map(|damage| format!("damage: {damage}")));
        lines.extend((!self.view.damage.is_empty()).then(|| ADVICE.to_owned()));
        let problems = self.view.verify.iter().flat_map(|verify| &verify.problems);
        lines.extend(problems.map(|problem| format!("problem: {problem}")));
        lines
    }

    /// 4 when anything is damaged or broken.
    pub fn exit(&self) -> Exit {
        let problems = self.view.verify.as_ref().is_some_and(|v| !v.problems.is_empty());
        exit_of(self.view.damage.is_empty() && !problems)
    }
}
