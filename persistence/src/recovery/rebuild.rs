//! One run anew, by the same suffix, filtered: what a panic inside a run costs.

use berth_inventory::{Changes, Event, Run, RunIndex, RunState, UnixMillis, Version};

use super::load::Plans;
use super::replayer::guarded;
use super::{PlanParser, TextFinder};
use crate::group::{SpanHead, Visit, for_each_part};
use crate::log::scan::{Scanner, Step};
use crate::snapshot::Snapshots;
use crate::stored::v1;
use crate::{DataDir, Lsn, MemorySnapshots, NodeRecord, SnapshotInfo};

/// What the snapshots know of one run, read in one go: whoever rebuilds it holds nobody up while
/// the log is read.
#[derive(Debug)]
pub struct RunPast {
    /// Its latest snapshot that is whole.
    snapshot: Option<(SnapshotInfo, RunState)>,
    /// The latest version that any snapshot had, whole or not.
    version: Version,
    /// The last frame that need not be read.
    covered: Lsn,
}

impl RunPast {
    /// Reads it; the log has frames from `kept` on.
    ///
    /// # Errors
    /// The latest snapshot is damaged, and what came before it is not there any more.
    pub fn read(snapshots: &dyn Snapshots, index: RunIndex, kept: Lsn) -> Result<Self, String> {
        let covered = snapshots.vouched().map_or(Lsn(0), |covered| covered.lsn);
        let Some(latest) = snapshots.latest(index) else {
            // Without a snapshot it is dirty from its first event on, and nothing dirty is covered.
            return Ok(Self { snapshot: None, version: Version(0), covered });
        };
        let why = match snapshots.load(index) {
            // What is covered is in the latest snapshot of each run.
            Ok(found) => {
                let covered = covered.max(found.0.lsn);
                return Ok(Self { snapshot: Some(found), version: latest.version, covered });
            }
            Err(why) => why,
        };
        let older = snapshots.load_older(index).ok().filter(|(info, _)| info.lsn.next() >= kept);
        if older.is_none() && kept > Lsn(1) {
            return Err(format!(
                "{why}, and no older one reaches up to frame {kept}, with which the log begins: \
                 restore snap/ from a copy and start again"
            ));
        }
        // Without an older one, from the first frame on.
        let covered = older.as_ref().map_or(Lsn(0), |(info, _)| info.lsn);
        Ok(Self { snapshot: older, version: latest.version, covered })
    }
}

/// Rebuilds run `index` as of frame `until`, which must be durable, from `past` and the frames
/// behind it. The log may be growing meanwhile.
///
/// # Errors
/// Why the run cannot be had, in words; it must stay refused then.
pub fn rebuild_run(
    dir: &DataDir,
    past: RunPast,
    index: RunIndex,
    until: Lsn,
    parse: PlanParser<'_>,
    find_text: TextFinder<'_>,
) -> Result<Box<Run>, String> {
    let none = MemorySnapshots::new();
    let mut plans = Plans::new(parse, find_text, &none);
    let (from, known) = (past.covered.next(), past.version);
    let run = match past.snapshot {
        None => None,
        Some((info, state)) => {
            let run = Run::from_state(plans.get(info.plan)?, state);
            Some(Box::new(run.map_err(|fault| fault.to_string())?))
        }
    };
    let changes = Changes::default();
    let mut rebuild = Rebuild { index, lsn: Lsn(0), run, plans, changes };
    let mut scanner =
        Scanner::open(&dir.log(), crate::frame::Magic::Group, from).map_err(|f| f.to_string())?;
    while scanner.last() < until {
        match scanner.step().map_err(|fault| fault.to_string())? {
            Step::Frame(at, _) if at.lsn < from => {}
            Step::Frame(at, whole) => {
                rebuild.lsn = at.lsn;
                for_each_part(whole.payload, &mut rebuild).map_err(|Failure(why)| why)?;
            }
            // A damaged frame costs this run only if a version is missing, which is seen below.
            Step::Damage(damage) => {
                if let crate::DamageKind::Frames { first, last, named } = &damage.kind {
                    let hit = first < last || named.iter().any(|name| name.run == index);
                    if hit && *last >= from {
                        return Err(damage.to_string());
                    }
                }
            }
            Step::Footer(..) => {}
            Step::End => return Err(format!("the log ends before frame {until}")),
        }
    }
    let missing = || format!("run number {index} is not in the log up to frame {until}");
    let run = rebuild.run.ok_or_else(missing)?;
    if run.version() < known {
        return Err(format!(
            "its snapshot of version {known} is damaged, and the log no longer has what is behind \
             version {}: restore snap/ from a copy",
            run.version()
        ));
    }
    Ok(run)
}

/// Why a rebuild stopped.
struct Failure(String);

impl From<crate::CodecFault> for Failure {
    fn from(fault: crate::CodecFault) -> Self {
        Self(fault.to_string())
    }
}

struct Rebuild<'a> {
    index: RunIndex,
    lsn: Lsn,
    run: Option<Box<Run>>,
    plans: Plans<'a>,
    changes: Changes,
}

impl Visit<Failure> for Rebuild<'_> {
    fn record(&mut self, record: NodeRecord) -> Result<(), Failure> {
        if let NodeRecord::PlanText { hash, text } = record {
            self.plans.take_text(hash, text);
        }
        Ok(())
    }

    fn span(&mut self, head: SpanHead, events: &mut &[u8]) -> Result<(), Failure> {
        let mut version = head.first;
        for _ in 0..head.count {
            if head.run == self.index {
                self.step(version, head.at, &v1::decode_event(events)?)?;
            } else {
                v1::walk_event(events)?;
            }
            version = version.next();
        }
        Ok(())
    }
}

impl Rebuild<'_> {
    fn step(&mut self, version: Version, at: UnixMillis, event: &Event) -> Result<(), Failure> {
        let (lsn, changes) = (self.lsn, &mut self.changes);
        match (self.run.as_deref_mut(), event) {
            (Some(known), _) if version <= known.version() => {}
            (Some(known), _) if version == known.version().next() => {
                guarded(lsn, || known.apply(event, at, changes)).map_err(Failure)?;
                changes.clear();
            }
            (None, Event::RunCreated(created)) if version.0 == 1 => {
                let plan = self.plans.get(created.plan).map_err(Failure)?;
                let new = guarded(lsn, || Box::new(Run::new(plan, created, at)));
                self.run = Some(new.map_err(Failure)?);
            }
            (known, _) => {
                let known = known.map_or(0, |run| run.version().0);
                return Err(Failure(format!("version {version} follows version {known}")));
            }
        }
        Ok(())
    }
}
