//! From what is on disk to runs: snapshots, and the suffix of the commit log behind them.
//!
//! Recovery reads and never writes. Every run with events behind its snapshot is replayed (rows
//! only; indexes are built on the first command), every other one stays cold and its snapshot is
//! its last version. What is damaged is told; a run that may have lost an event is refused by
//! name, unless a later snapshot has it. Versions are the proof: no event is applied that does
//! not make exactly the next version.
//!
//! Frames are read in the order of the log, and their events are applied run by run, a stretch of
//! the log at a time (`wave`): runs are independent, and one that is in the cache is
//! rebuilt several times as fast as one that is fetched for each event.

mod load;
mod rebuild;
mod replay;
mod replayer;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use berth_inventory::{Plan, PlanHash, Run, RunId, RunIndex, UnixMillis, planted};

pub use rebuild::{RunPast, rebuild_run};
pub use replay::{Replay, ReplayFrom, Replayed, Seen, Until, Visitor, replay};

use crate::codec::CodecFault;
use crate::frame::{Chain, Magic};
use crate::log::scan::{Scanner, Step};
use crate::log::{Damage, DamageKind, ScanError, Tally, segment};
use crate::snapshot::SnapshotStore;
use crate::wave::Wave;
use crate::{DataDir, FileError, LogEnd, LogPosition, Lsn};
use load::Plans;
use replayer::{Replayer, Slot};

/// PNR blocks skipped after damage: more than the lost frames can have leased, few of the 35
/// million there are.
const PNR_BLOCKS_SKIPPED: u32 = 4_096;

/// Bytes of spans after which a wave is applied. Enough that a run's state is fetched seldom, and
/// little beside the runs themselves; with 16 MiB recovery takes a fifth longer.
const WAVE_BYTES: usize = 64 << 20;

/// Parses a catalogue text.
pub type PlanParser<'a> = &'a dyn Fn(&str) -> Result<Arc<Plan>, String>;
/// Finds a catalogue text by its hash in what the node has loaded.
pub type TextFinder<'a> = &'a dyn Fn(PlanHash) -> Option<Arc<str>>;

/// Recovery cannot go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecoverError {
    /// The commit log cannot be read.
    #[error(transparent)]
    Scan(#[from] Arc<ScanError>),
    /// The system failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The log ends before what a snapshot has seen.
    #[error(
        "the commit log ends at frame {log}{}, but snapshots have seen frame {snapshot}: the end of \
         the log is lost; restore log/ from a copy, or remove snap/ to go back to frame {log}",
        torn_at(.cut.as_ref())
    )]
    LogTooShort {
        /// What would be cut off, if anything.
        cut: Option<crate::Cut>,
        /// Last frame of the log.
        log: Lsn,
        /// Last frame a snapshot names.
        snapshot: Lsn,
    },
    /// Frames are lost and nothing names the runs in them.
    #[error(
        "frames {first} to {last} are lost and nothing names the runs in them: restore the \
         segment that had them from a copy (log/{segment}, which is damaged at byte {offset})"
    )]
    Unnamed {
        /// First lost frame.
        first: Lsn,
        /// Last lost frame.
        last: Lsn,
        /// File name of the segment.
        segment: String,
        /// First byte that is wrong in it.
        offset: u64,
    },
    /// Frames that no cover mark vouches for were deleted.
    #[error(
        "the commit log begins with frame {first}, and snapshots hold everything up to frame \
         {covered} only: what is between is lost; restore snap/ or the older segments of log/ \
         from a copy"
    )]
    Beheaded {
        /// First frame kept.
        first: Lsn,
        /// Last frame that snapshots vouch for.
        covered: Lsn,
    },
    /// Several snapshots in a row are lost, and the log cannot stand in for them.
    #[error(
        "{damage}, and the log begins with frame {kept}: which runs lost their snapshot cannot be \
         known; restore snap/ from a copy"
    )]
    SnapshotsLost {
        /// What is damaged.
        damage: Damage,
        /// First frame kept of the log.
        kept: Lsn,
    },
    /// Events of a run whose name is nowhere.
    #[error(
        "run number {run} has events from frame {lsn} on, but the log does not say which train it \
         is: segments before it are missing; restore log/ from a copy"
    )]
    Nameless {
        /// The run's number.
        run: RunIndex,
        /// Where its first unexplained event is.
        lsn: Lsn,
    },
}

impl From<ScanError> for RecoverError {
    fn from(fault: ScanError) -> Self {
        Self::Scan(Arc::new(fault))
    }
}

/// A run that was replayed.
#[derive(Debug)]
pub struct LiveRun {
    /// Its number.
    pub index: RunIndex,
    /// Its state.
    pub run: Box<Run>,
    /// The frame with its last event.
    pub lsn: Lsn,
}

/// A run that is not served, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRun {
    /// Which dated train.
    pub run: RunId,
    /// Its number.
    pub index: RunIndex,
    /// Why, in words.
    pub why: String,
}

/// What recovery found.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Runs with events behind their snapshot, by number.
    pub live: Vec<LiveRun>,
    /// Runs whose snapshot is their last version, by number; the snapshot store has the rest.
    pub cold: Vec<RunIndex>,
    /// Runs that may have lost an event, by number. Nobody may create them anew.
    pub refused: Vec<RefusedRun>,
    /// The first run number that was never given.
    pub next_run: RunIndex,
    /// The first PNR block that was never leased.
    pub next_pnr_block: u32,
    /// Which run has leased which block, by block.
    pub pnr_blocks: Vec<(u32, RunIndex)>,
    /// The number the next frame gets.
    pub next_lsn: Lsn,
    /// The last durable stamp.
    pub last_at: Option<UnixMillis>,
    /// The last durable stamp of a node that served: a start alone, which may have crashed before
    /// it gave anybody grace, does not count.
    pub served_at: Option<UnixMillis>,
    /// Frames of the `Started` records that were read.
    pub starts: Vec<Lsn>,
    /// Whether the last frame is a clean stop.
    pub clean: bool,
    /// Catalogue entries that were needed, by hash.
    pub plans: Vec<(PlanHash, Arc<Plan>)>,
    /// Texts found in the replayed frames; those of the snapshot store are there.
    pub texts: Vec<(PlanHash, Arc<str>)>,
    /// First frame that was replayed (everything before is in snapshots).
    pub from: Lsn,
    /// Events applied.
    pub events: u64,
    /// Bytes of log behind the cover mark.
    pub suffix_bytes: u64,
    /// Where the log ends, for `FileLog::resume`.
    pub end: LogEnd,
    /// What an operator should know, a line each.
    pub report: Vec<String>,
}

/// Reads the data directory `dir` and rebuilds every run.
///
/// # Errors
/// What makes it impossible to know what was lost, or the system's own failures.
pub fn recover(
    dir: &DataDir,
    snapshots: &dyn SnapshotStore,
    parse: PlanParser<'_>,
    find_text: TextFinder<'_>,
) -> Result<Recovered, RecoverError> {
    recover_by(dir, snapshots, parse, find_text, Wave::of(WAVE_BYTES))
}

/// The same, `wave` by `wave`.
fn recover_by(
    dir: &DataDir,
    snapshots: &dyn SnapshotStore,
    parse: PlanParser<'_>,
    find_text: TextFinder<'_>,
    mut wave: Wave,
) -> Result<Recovered, RecoverError> {
    let mut report = Vec::new();
    let covered = trusted_cover(snapshots, &mut report);
    let log = dir.log();
    let kept = segment::first_kept(&log)?;
    vouch_for_deleted(snapshots, kept)?;
    // From the last covered frame on: behind it there may be a segment that has nothing yet, and who
    // goes on there must know what its first frame follows.
    let mut scanner = Scanner::open(&log, Magic::Group, covered)?;
    let mut replayer = Replayer::new(snapshots, Plans::new(parse, find_text, snapshots));
    replayer.take_cover(snapshots.covered().unwrap_or_default());
    let content = |(at, fault): (LogPosition, CodecFault)| {
        let (file, offset, lsn) = (segment::path(&log, at.segment), at.offset, at.lsn);
        ScanError::Content { file, offset, lsn, fault }
    };
    let mut suffix_bytes = 0;
    let (mut names, mut tally) = (Vec::new(), Tally::default());
    loop {
        let step = scanner.step();
        // What is not a frame looks at the state of runs, or ends the walk.
        // replay-is-memory, log-exact
        let forgets = planted!("tail-not-replayed") && matches!(step, Ok(Step::End));
        if wave.is_full() || !matches!(step, Ok(Step::Frame(..))) && !forgets {
            replayer.apply(&mut wave, &mut tally).map_err(content)?;
        }
        match step? {
            Step::Frame(at, whole) => {
                names.clear();
                let replayed = at.lsn > covered;
                suffix_bytes += if replayed { whole.header.frame_bytes() as u64 } else { 0 };
                let into = replayed.then_some(&mut wave);
                let taken = replayer.frame(at, whole.payload, into, &mut names, &mut tally);
                if let Err(fault) = taken {
                    // What came before it may be at fault too, and is told first.
                    replayer.apply(&mut wave, &mut tally).map_err(content)?;
                    return Err(content((at, fault)).into());
                }
            }
            Step::Footer(first, runs) => {
                replayer.footer(first, &runs);
                tally.clear();
            }
            Step::Damage(damage) => {
                report.push(advised(&damage, covered));
                if let DamageKind::Frames { first, last, named } = &damage.kind {
                    // What a snapshot covers does not matter.
                    // flip-found
                    if *last > covered && !planted!("damage-passed-over") {
                        let at = (scanner.position().segment, damage.offset);
                        replayer.lost(*first, *last, named, at);
                    }
                }
            }
            Step::End => break,
        }
    }
    Replayer::sort_names(&mut names);
    let end = scanner.end(Chain { names, ..Chain::default() }, tally);
    if let Some(cut) = &end.cut {
        report.push(cut.to_string());
    }
    replayer.refuse_lost_snapshots(snapshots.damage(), kept);
    finish(replayer, end, covered, suffix_bytes, snapshots, report)
}

fn torn_at(cut: Option<&crate::Cut>) -> String {
    let at = |cut: &crate::Cut| format!(" ({} is torn at byte {})", cut.file.display(), cut.offset);
    cut.map_or_else(String::new, at)
}

/// Damage of snapshots, and what may be done about it.
fn advised_of_snapshots(damage: &Damage) -> String {
    match damage.kind {
        DamageKind::Frames { .. } => format!(
            "{damage}; the commit log has what was in it, so nothing needs to be done unless a run \
             is said to be out of service"
        ),
        DamageKind::NothingLost => format!("{damage}, and nothing needs to be done"),
    }
}

/// Damage of the log, and what may be done about it.
fn advised(damage: &Damage, covered: Lsn) -> String {
    match &damage.kind {
        DamageKind::Frames { last, .. } if *last > covered => format!(
            "{damage}; restore the file from a copy and start again, or go on without the runs that \
             are said to be out of service"
        ),
        DamageKind::Frames { .. } => format!(
            "{damage}; snapshots have what it came to, so nothing needs to be done; with the file \
             restored from a copy its history could be read from the log again"
        ),
        DamageKind::NothingLost => format!("{damage}, and nothing needs to be done"),
    }
}

/// The cover mark, unless snapshots it vouches for are damaged: then nothing is covered and the
/// whole log is read, where versions decide what is old.
fn trusted_cover(snapshots: &dyn SnapshotStore, report: &mut Vec<String>) -> Lsn {
    let damage = snapshots.damage();
    report.extend(damage.iter().map(advised_of_snapshots));
    report.extend(snapshots.torn().map(ToString::to_string));
    let lost = damage.iter().any(|d| matches!(d.kind, DamageKind::Frames { .. }));
    if lost {
        report.push("snapshots are damaged: the whole log is replayed instead".to_owned());
        return Lsn(0);
    }
    snapshots.covered().map_or(Lsn(0), |covered| covered.lsn)
}

/// Frames before `kept` are not there any more: snapshots must hold all of them.
fn vouch_for_deleted(snapshots: &dyn SnapshotStore, kept: Lsn) -> Result<(), RecoverError> {
    let covered = snapshots.covered().map_or(Lsn(0), |covered| covered.lsn);
    if kept > covered.next() {
        return Err(RecoverError::Beheaded { first: kept, covered });
    }
    let unnamed = snapshots.damage().iter().find(
        |damage| matches!(&damage.kind, DamageKind::Frames { first, last, .. } if first < last),
    );
    match unnamed {
        Some(damage) if kept > Lsn(1) => {
            Err(RecoverError::SnapshotsLost { damage: damage.clone(), kept })
        }
        _ => Ok(()),
    }
}

fn finish(
    mut replayer: Replayer<'_>,
    end: LogEnd,
    covered: Lsn,
    suffix_bytes: u64,
    snapshots: &dyn SnapshotStore,
    mut report: Vec<String>,
) -> Result<Recovered, RecoverError> {
    if let Some((first, last, (segment, offset))) = replayer.hole {
        let segment = crate::file_name(segment);
        return Err(RecoverError::Unnamed { first, last, segment, offset });
    }
    if let Some((run, lsn)) = replayer.nameless {
        return Err(RecoverError::Nameless { run, lsn });
    }
    let seen = snapshots.runs().into_iter().filter_map(|run| Some(snapshots.latest(run)?.lsn));
    let seen = seen.chain(snapshots.covered().map(|c| c.lsn)).max().unwrap_or_default();
    if seen > end.chain.last {
        let (log, cut) = (end.chain.last, end.cut);
        return Err(RecoverError::LogTooShort { cut, log, snapshot: seen });
    }
    let mut found = Recovered {
        next_run: replayer.next_run,
        next_pnr_block: replayer.next_pnr_block,
        next_lsn: end.chain.last.next(),
        last_at: replayer.last_at,
        served_at: replayer.served_at,
        starts: core::mem::take(&mut replayer.starts),
        clean: replayer.clean,
        from: covered.next(),
        events: replayer.events,
        suffix_bytes,
        end,
        ..Recovered::default()
    };
    if replayer.has_lost {
        found.next_pnr_block = found.next_pnr_block.saturating_add(PNR_BLOCKS_SKIPPED);
    }
    replayer.pnr_blocks.sort_unstable();
    replayer.pnr_blocks.dedup();
    found.pnr_blocks = core::mem::take(&mut replayer.pnr_blocks);
    for (index, slot) in core::mem::take(&mut replayer.slots).into_iter().enumerate() {
        let index = RunIndex(index as u32);
        match slot {
            Slot::Unknown => {}
            Slot::Cold => found.cold.push(index),
            Slot::Live(run, lsn) => found.live.push(LiveRun { index, run, lsn }),
            Slot::Refused(run, why) => {
                report.push(format!("run {run} is out of service: {why}"));
                found.refused.push(RefusedRun { run, index, why });
            }
        }
    }
    let (plans, texts) = replayer.plans.into_parts();
    (found.plans, found.texts, found.report) = (plans, texts, report);
    Ok(found)
}
