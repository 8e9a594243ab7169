//! One run anew, by the same suffix, filtered: what a panic inside a run costs.

use std::sync::Arc;

use berth_inventory::{Changes, Event, Run, RunIndex};

use super::load::Plans;
use super::replayer::guarded;
use super::{PlanParser, TextFinder};
use crate::group::Item;
use crate::log::scan::{Scanner, Step};
use crate::snapshot::SnapshotStore;
use crate::{DataDir, Lsn, NodeRecord};

/// Rebuilds run `index` as of frame `until`, which must be durable, from its latest whole
/// snapshot and the frames behind it. The log may be growing meanwhile.
///
/// # Errors
/// Why the run cannot be had, in words; it must stay refused then.
pub fn rebuild_run(
    dir: &DataDir,
    snapshots: &dyn SnapshotStore,
    index: RunIndex,
    until: Lsn,
    parse: PlanParser<'_>,
    find_text: TextFinder<'_>,
) -> Result<Box<Run>, String> {
    let mut plans = Plans::new(parse, find_text, snapshots);
    let (mut run, from) = match snapshots.latest(index) {
        Some(_) => plans.load(index).map(|(run, lsn)| (Some(run), lsn.next()))?,
        // Without a snapshot it is dirty from its first event on, and nothing dirty is covered.
        None => (None, snapshots.covered().map_or(Lsn(1), |covered| covered.lsn.next())),
    };
    let mut changes = Changes::default();
    let mut scanner =
        Scanner::open(&dir.log(), crate::frame::Magic::Group, from).map_err(|f| f.to_string())?;
    while scanner.last() < until {
        match scanner.step().map_err(|fault| fault.to_string())? {
            Step::Frame(at, _) if at.lsn < from => {}
            Step::Frame(at, whole) => {
                crate::group::for_each_item(whole.payload, &mut |item| {
                    take(at.lsn, item, index, &mut run, &mut plans, &mut changes)
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
    run.ok_or_else(|| format!("run number {index} is not in the log up to frame {until}"))
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
    item: Item,
    index: RunIndex,
    run: &mut Option<Box<Run>>,
    plans: &mut Plans<'_>,
    changes: &mut Changes,
) -> Result<(), Failure> {
    let (at, version, event) = match item {
        Item::Record(NodeRecord::PlanText { hash, text }) => {
            plans.take_text(hash, Arc::clone(&text));
            return Ok(());
        }
        Item::Event { run, at, version, event, .. } if run == index => (at, version, event),
        _ => return Ok(()),
    };
    match (run.as_deref_mut(), &event) {
        (Some(known), _) if version <= known.version() => {}
        (Some(known), _) if version == known.version().next() => {
            guarded(lsn, || known.apply(&event, at, changes)).map_err(Failure)?;
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
