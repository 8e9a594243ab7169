//! One run anew, by the same suffix, filtered: what a panic inside a run costs.

use berth_inventory::{Changes, Event, Run, RunIndex, RunState, UnixMillis, Version};

use super::load::Plans;
use super::replayer::guarded;
use super::{PlanParser, TextFinder};
use crate::group::{Part, for_each_part};
use crate::log::scan::{Scanner, Step};
use crate::snapshot::SnapshotStore;
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
    /// Reads it.
    ///
    /// # Errors
    /// There are snapshots, and none of them is whole.
    pub fn read(snapshots: &dyn SnapshotStore, index: RunIndex) -> Result<Self, String> {
        let covered = snapshots.covered().map_or(Lsn(0), |covered| covered.lsn);
        let Some(latest) = snapshots.latest(index) else {
            // Without a snapshot it is dirty from its first event on, and nothing dirty is covered.
            return Ok(Self { snapshot: None, version: Version(0), covered });
        };
        let (found, covered) = match snapshots.load(index) {
            // What is covered is in the latest snapshot of each run.
            Ok(found) => {
                let lsn = found.0.lsn;
                (found, covered.max(lsn))
            }
            Err(why) => {
                let found = snapshots.load_older(index).map_err(|_| why.to_string())?;
                let lsn = found.0.lsn;
                (found, lsn)
            }
        };
        Ok(Self { snapshot: Some(found), version: latest.version, covered })
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
    let mut run = match past.snapshot {
        None => None,
        Some((info, state)) => {
            let run = Run::from_state(plans.get(info.plan)?, state);
            Some(Box::new(run.map_err(|fault| fault.to_string())?))
        }
    };
    let mut changes = Changes::default();
    let mut scanner =
        Scanner::open(&dir.log(), crate::frame::Magic::Group, from).map_err(|f| f.to_string())?;
    while scanner.last() < until {
        match scanner.step().map_err(|fault| fault.to_string())? {
            Step::Frame(at, _) if at.lsn < from => {}
            Step::Frame(at, whole) => {
                for_each_part(whole.payload, &mut |part| {
                    take(at.lsn, part, index, &mut run, &mut plans, &mut changes)
                })
                .map_err(|Failure(why)| why)?;
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
    let run =
        run.ok_or_else(|| format!("run number {index} is not in the log up to frame {until}"))?;
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

fn take(
    lsn: Lsn,
    part: Part<'_, '_>,
    index: RunIndex,
    run: &mut Option<Box<Run>>,
    plans: &mut Plans<'_>,
    changes: &mut Changes,
) -> Result<(), Failure> {
    let (head, events) = match part {
        Part::Record(record) => {
            if let NodeRecord::PlanText { hash, text } = record {
                plans.take_text(hash, text);
            }
            return Ok(());
        }
        Part::Span(head, events) => (head, events),
    };
    let mut version = head.first;
    for _ in 0..head.count {
        if head.run == index {
            let event = v1::decode_event(events)?;
            step((lsn, version, head.at), &event, run, plans, changes)?;
        } else {
            v1::walk_event(events)?;
        }
        version = version.next();
    }
    Ok(())
}

fn step(
    (lsn, version, at): (Lsn, Version, UnixMillis),
    event: &Event,
    run: &mut Option<Box<Run>>,
    plans: &mut Plans<'_>,
    changes: &mut Changes,
) -> Result<(), Failure> {
    match (run.as_deref_mut(), event) {
        (Some(known), _) if version <= known.version() => {}
        (Some(known), _) if version == known.version().next() => {
            guarded(lsn, || known.apply(event, at, changes)).map_err(Failure)?;
            changes.clear();
        }
        (None, Event::RunCreated(created)) if version.0 == 1 => {
            let plan = plans.get(created.plan).map_err(Failure)?;
            *run = Some(guarded(lsn, || Box::new(Run::new(plan, created, at))).map_err(Failure)?);
        }
        (known, _) => {
            let known = known.map_or(0, |run| run.version().0);
            return Err(Failure(format!("version {version} follows version {known}")));
        }
    }
    Ok(())
}
