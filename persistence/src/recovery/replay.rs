//! Replay for people and tools: the whole log, or a part of it, with every event shown.
//!
//! Chain, decode and apply are always checked; what is found wrong is told and never repaired.

use berth_inventory::{Event, Run, RunId, RunIndex, UnixMillis, Version};

use super::load::Plans;
use super::replayer::{Replayer, Slot};
use super::{PlanParser, RecoverError, RefusedRun, TextFinder, trusted_cover};
use crate::frame::{Chain, Magic};
use crate::group::Item;
use crate::log::scan::{Scanner, Step};
use crate::log::{DamageKind, LogProgress, ScanError, Tally, segment};
use crate::snapshot::SnapshotStore;
use crate::{CodecFault, DataDir, Lsn, MemorySnapshots, NodeRecord};

/// Where to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplayFrom {
    /// With the first frame kept.
    #[default]
    Start,
    /// With the snapshots, and the frames behind their cover mark.
    Snapshots,
}

/// Where to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// At the end.
    #[default]
    End,
    /// Behind this frame.
    Frame(Lsn),
    /// Behind the first frame with an event stamped later; events stamped later are left out.
    Stamp(UnixMillis),
}

/// What to replay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replay {
    /// Where to begin.
    pub from: ReplayFrom,
    /// Where to stop.
    pub until: Until,
    /// Only this run.
    pub run: Option<RunId>,
}

/// Sees what is replayed. Everything is optional.
pub trait Visitor {
    /// A record of the node.
    fn record(&mut self, lsn: Lsn, record: &NodeRecord) {
        let _ = (lsn, record);
    }

    /// An event, before it is applied. `id` is unknown for a run that cannot be named.
    fn event(&mut self, seen: &Seen<'_>) {
        let _ = seen;
    }

    /// An event, after it was applied to its run.
    fn applied(&mut self, seen: &Seen<'_>, run: &Run) {
        let _ = (seen, run);
    }

    /// Whether the visitor has seen enough; asked after every frame.
    fn is_done(&self) -> bool {
        false
    }

    /// How far the replay is; after every frame.
    fn progress(&mut self, progress: LogProgress) {
        let _ = progress;
    }
}

impl Visitor for () {}

/// An event on its way.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Its frame.
    pub lsn: Lsn,
    /// The shard that executed it.
    pub shard: u16,
    /// Its run's number.
    pub index: RunIndex,
    /// Its run's name.
    pub run: Option<RunId>,
    /// When.
    pub at: UnixMillis,
    /// The version it makes.
    pub version: Version,
    /// What happened.
    pub event: &'a Event,
}

/// What a replay came to.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Every run by number: those asked for, at the end of the replay.
    pub runs: Vec<(RunIndex, Box<Run>)>,
    /// Runs that may have lost an event.
    pub refused: Vec<RefusedRun>,
    /// First frame replayed.
    pub first: Lsn,
    /// Last frame replayed.
    pub last: Lsn,
    /// Events seen (of the runs asked for).
    pub events: u64,
    /// Everything that is not as it should be, a line each; empty = whole.
    pub damage: Vec<String>,
    /// A torn tail is no damage, but is told.
    pub torn: Option<String>,
}

/// Replays the log in `dir` without writing to it.
///
/// # Errors
/// As [`super::recover`], except that what is lost is told and not refused.
pub fn replay(
    dir: &DataDir,
    what: &Replay,
    snapshots: &dyn SnapshotStore,
    parse: PlanParser<'_>,
    find_text: TextFinder<'_>,
    visitor: &mut dyn Visitor,
) -> Result<Replayed, RecoverError> {
    let none = MemorySnapshots::new();
    let mut found = Replayed::default();
    let (base, covered): (&dyn SnapshotStore, Lsn) = match what.from {
        ReplayFrom::Start => (&none, Lsn(0)),
        ReplayFrom::Snapshots => (snapshots, trusted_cover(snapshots, &mut found.damage)),
    };
    let log = dir.log();
    let kept = segment::first_kept(&log)?;
    if let Err(fault) = super::vouch_for_deleted(base, kept) {
        found.damage.push(fault.to_string());
    }
    let mut scanner = Scanner::open(&log, Magic::Group, covered.next())?;
    let plans = Plans::new(parse, find_text, snapshots);
    let mut state = State {
        base,
        replayer: Replayer::new(base, plans),
        names: Vec::new(),
        what: *what,
        stopped: false,
        events: 0,
        visitor,
    };
    for run in base.runs() {
        if let Some(info) = base.latest(run) {
            state.name(run, info.run);
        }
    }
    let mut hole = false;
    while !state.stopped && !matches!(what.until, Until::Frame(lsn) if scanner.last() >= lsn) {
        match scanner.step()? {
            Step::Frame(at, whole) if at.lsn > covered => {
                let taken = state.frame(at.lsn, whole.payload);
                taken.map_err(|fault| {
                    let file = segment::path(&log, at.segment);
                    ScanError::Content { file, offset: at.offset, lsn: at.lsn, fault }
                })?;
                found.first = if found.first.0 == 0 { at.lsn } else { found.first };
                found.last = at.lsn;
            }
            Step::Frame(..) => {}
            Step::Footer(first, mut runs) => {
                runs.retain(|tallied| state.is_wanted(tallied.run, tallied.created));
                state.replayer.footer(first, &runs);
            }
            Step::Damage(damage) => {
                found.damage.push(damage.to_string());
                if let DamageKind::Frames { first, last, mut named } = damage.kind {
                    let at = (scanner.position().segment, damage.offset);
                    named.retain(|name| state.is_wanted(name.run, name.created));
                    state.replayer.lost(first, last, &named, at);
                    hole |= first < last;
                }
            }
            Step::End => {
                let end = scanner.end(Chain::default(), Tally::default());
                found.torn = end.cut.map(|cut| cut.to_string());
                break;
            }
        }
        state.visitor.progress(scanner.progress());
        state.stopped |= state.visitor.is_done();
    }
    if hole && state.replayer.hole.is_some() {
        found.damage.push("nothing names the runs of the lost frames".to_owned());
    }
    state.finish(&mut found);
    Ok(found)
}

struct State<'a> {
    base: &'a dyn SnapshotStore,
    replayer: Replayer<'a>,
    /// Names of runs by number.
    names: Vec<Option<RunId>>,
    what: Replay,
    stopped: bool,
    events: u64,
    visitor: &'a mut dyn Visitor,
}

impl State<'_> {
    fn name(&mut self, run: RunIndex, name: RunId) {
        let at = run.0 as usize;
        if at >= self.names.len() {
            self.names.resize(at + 1, None);
        }
        self.names[at] = Some(name);
    }

    fn is_wanted(&self, run: RunIndex, created: Option<RunId>) -> bool {
        let name = created.or_else(|| self.names.get(run.0 as usize).copied().flatten());
        self.what.run.is_none_or(|wanted| name.is_none_or(|name| name == wanted))
    }

    fn frame(&mut self, lsn: Lsn, payload: &[u8]) -> Result<(), CodecFault> {
        crate::group::for_each_item(payload, &mut |item| {
            match item {
                Item::Record(record) => {
                    self.visitor.record(lsn, &record);
                    self.replayer.take_record(lsn, record);
                }
                Item::Event { shard, run: index, at, version, event } => {
                    if matches!(self.what.until, Until::Stamp(until) if at > until) {
                        self.stopped = true;
                        return Ok(());
                    }
                    if let Event::RunCreated(created) = &event {
                        self.name(index, created.run);
                    }
                    let run = self.names.get(index.0 as usize).copied().flatten();
                    if self.what.run.is_none_or(|wanted| run == Some(wanted)) {
                        let seen = Seen { lsn, shard, index, run, at, version, event: &event };
                        self.visitor.event(&seen);
                        self.events += 1;
                        self.replayer.take_event(lsn, index, at, version, &event);
                        let slot = self.replayer.slots.get(index.0 as usize);
                        if let Some(Slot::Live(run, _)) = slot
                            && run.version() == version
                        {
                            self.visitor.applied(&seen, run);
                        }
                    }
                }
            }
            Ok(())
        })
    }

    fn finish(mut self, found: &mut Replayed) {
        found.events = self.events;
        let wanted = self.what.run;
        let slots = core::mem::take(&mut self.replayer.slots);
        for (index, slot) in slots.into_iter().enumerate() {
            let index = RunIndex(index as u32);
            match slot {
                Slot::Unknown => {}
                Slot::Live(run, _) => found.runs.push((index, run)),
                Slot::Cold => match self.replayer.plans.load(index) {
                    Ok((run, _)) => {
                        let known =
                            self.base.latest(index).map_or(run.version(), |info| info.version);
                        if run.version() < known {
                            let (id, held) = (run.id(), run.version());
                            found.damage.push(format!(
                                "run {id}: its snapshot of version {known} is damaged, the state \
                                 is that of version {held}"
                            ));
                        }
                        found.runs.push((index, run));
                    }
                    Err(why) => found.damage.push(why),
                },
                Slot::Refused(run, why) => {
                    if wanted.is_none_or(|wanted| wanted == run) {
                        found.damage.push(format!("run {run}: {why}"));
                        found.refused.push(RefusedRun { run, index, why });
                    }
                }
            }
        }
        found.runs.retain(|(_, run)| wanted.is_none_or(|wanted| wanted == run.id()));
        if let Some((run, lsn)) = self.replayer.nameless {
            found.damage.push(format!("run number {run} has events in frame {lsn} but no name"));
        }
    }
}
