//! From what recovery found to what the node goes on with: time, grace, directory, live runs.

use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use berth_inventory::{Millis, Plan, PlanHash, Run, RunId, RunIndex, UnixMillis, planted};
use berth_persistence::{Catalogue, DataDir, NodeRecord, Recovered, Snapshots};
use hashbrown::HashMap;

use crate::directory::{Directory, RunEntry};
use crate::past_runs::{LastVersion, RunPasts};
use crate::plans::PlanBook;
use crate::settings::Settings;
use crate::shard::{Grace, LogPoint};

/// How far the wall clock may be behind the last journaled stamp, milliseconds.
pub const CLOCK_BEHIND_MAX_MS: u64 = 60_000;

/// The wall clock is so far behind the journal that time would run backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockBehind;

/// From when on engine time counts at `wall`: never before the last stamp of the journal, unless an
/// operator says that the stamp was wrong.
///
/// # Errors
/// The wall clock is more than [`CLOCK_BEHIND_MAX_MS`] behind, and nobody has accepted that.
pub fn engine_start(
    wall: UnixMillis,
    last_at: UnixMillis,
    accept: bool,
) -> Result<UnixMillis, ClockBehind> {
    if wall.0 + CLOCK_BEHIND_MAX_MS < last_at.0 {
        return if accept { Ok(wall) } else { Err(ClockBehind) };
    }
    Ok(wall.max(last_at))
}

/// A run that recovery hands to its shard.
pub struct Revived {
    /// Which.
    pub entry: Arc<RunEntry>,
    /// Its state.
    pub run: Box<Run>,
    /// From where a restart would have to read for it.
    pub dirty: Option<LogPoint>,
    /// What its live holds get.
    pub grace: Option<Grace>,
}

/// What the node is built around.
pub struct Risen {
    /// Trains and runs.
    pub directory: Arc<Directory>,
    /// Runs for their shards.
    pub revived: Vec<Revived>,
    /// Plans whose text the journal has.
    pub journaled_plans: Vec<PlanHash>,
    /// Runs that recovery refused; its own report names them.
    pub refused: Vec<RunId>,
    /// Those out of service whose train is not known any more.
    pub lost: Vec<RunId>,
}

type KeptPlans = HashMap<PlanHash, Result<Option<Arc<Plan>>, String>>;

/// What a restart works with.
#[derive(Clone, Copy)]
pub struct Restart<'a> {
    /// The trains that are sold.
    pub catalogue: &'a Arc<Catalogue>,
    /// The data directory.
    pub dir: &'a DataDir,
    /// Its snapshots.
    pub snapshots: &'a dyn Snapshots,
    /// Plans by hash.
    pub plans: &'a PlanBook,
    /// Bounds and times.
    pub settings: &'a Settings,
    /// Shards of the node.
    pub shards: u16,
}

impl Restart<'_> {
    /// Cold runs with live holds: one that outlived a stop in order is in a snapshot only, and must
    /// still expire.
    pub fn waiting(&self, found: &Recovered) -> Vec<RunIndex> {
        let holds = |index: &&RunIndex| {
            self.snapshots.latest(**index).is_some_and(|info| info.live_holds > 0)
        };
        found.cold.iter().filter(holds).copied().collect()
    }

    /// What a start at `at` gives to holds live at the last durable stamp, if there are any.
    pub fn grace(&self, found: &Recovered, waiting: &[RunIndex], at: UnixMillis) -> Option<Grace> {
        let span = Millis(self.settings.grace.as_millis() as u64);
        let anybody =
            !waiting.is_empty() || found.live.iter().any(|live| live.run.live_holds() > 0);
        anybody.then(|| Grace {
            until: at.saturating_add(span),
            as_of: found.served_at.unwrap_or_default(),
            span: self.settings.holds.grace_span(span),
        })
    }

    /// The record of the first frame of a start.
    pub fn started(grace: Option<Grace>, at: UnixMillis, software: &str) -> NodeRecord {
        NodeRecord::Started {
            grace_until: grace.map(|grace| grace.until),
            at,
            software: software.to_owned(),
        }
    }

    /// Everything that follows; `log_end` is behind the first frame of this start. What an operator
    /// should know goes into the report of `found`.
    pub fn rise(
        &self,
        found: &mut Recovered,
        waiting: Vec<RunIndex>,
        grace: Option<Grace>,
        log_end: LogPoint,
    ) -> Risen {
        let kept = self.kept_plans(found);
        let (mut next_run, next_block) = (found.next_run, found.next_pnr_block);
        // snapshot-and-tail, log-exact
        if planted!("run-number-reissued") {
            next_run = RunIndex(next_run.0.saturating_sub(1));
        }
        let others = self.plans.others();
        let directory =
            Arc::new(Directory::new(self.catalogue, others, self.shards, next_run, next_block));
        let journaled_plans = found.plans.iter().map(|(hash, _)| *hash).collect();
        let (refused, mut lost) = self.take_in(&directory, found, &kept);
        lost.sort_unstable_by_key(|run| (run.start_date, run.train));
        let bytes_before = log_end.bytes.saturating_sub(found.suffix_bytes);
        let mut revived = revive(&directory, found, grace, bytes_before);
        let pasts = RunPasts { dir: self.dir, snapshots: self.snapshots, plans: self.plans };
        for index in waiting {
            let Some(entry) = directory.by_index(index) else { continue };
            match pasts.last_version(&entry, || log_end.lsn.saturating_sub(1)) {
                Ok(Some(LastVersion { run, lacks_snapshot })) => {
                    let dirty = lacks_snapshot.then_some(log_end);
                    revived.push(Revived { entry, run, dirty, grace });
                }
                Ok(None) => {}
                Err(why) => {
                    found.report.push(out_of_service(entry.id, &why));
                    entry.refused.store(Some(Arc::new(why)));
                }
            }
        }
        Risen { directory, revived, journaled_plans, refused, lost }
    }

    /// Plans of cold runs that the catalogue does not have any more, or why there is none.
    fn kept_plans(&self, found: &Recovered) -> KeptPlans {
        let mut kept = HashMap::new();
        for info in found.cold.iter().filter_map(|index| self.snapshots.latest(*index)) {
            let hash = info.plan;
            kept.entry(hash).or_insert_with(|| self.plans.kept(hash, self.snapshots));
        }
        kept
    }

    /// Notes every run that the disk knows: numbers, PNR blocks, who is refused, who is lost.
    fn take_in(
        &self,
        directory: &Directory,
        found: &mut Recovered,
        kept: &KeptPlans,
    ) -> (Vec<RunId>, Vec<RunId>) {
        let (mut refused, mut lost) = (Vec::new(), Vec::new());
        for index in &found.cold {
            let Some(info) = self.snapshots.latest(*index) else { continue };
            if let Err(why) = &kept[&info.plan] {
                found.report.push(out_of_service(info.run, why));
            }
            if let Some(train) = directory.train(info.run.train) {
                let entry = directory.run(train, info.run.start_date);
                let plan = match &kept[&info.plan] {
                    Ok(plan) => plan.as_ref(),
                    Err(why) => {
                        entry.refused.store(Some(Arc::new(why.clone())));
                        None
                    }
                };
                directory.adopt(&entry, *index, plan);
                entry.set_kept(info.version);
                entry.extra.store(info.extra, Relaxed);
            } else {
                lost.push(info.run);
            }
        }
        for live in &found.live {
            let id = live.run.id();
            if let Some(train) = directory.train(id.train) {
                let entry = directory.run(train, id.start_date);
                entry.extra.store(live.run.is_extra(), Relaxed);
                directory.adopt(&entry, live.index, Some(live.run.plan()));
            }
        }
        for run in &found.refused {
            refused.push(run.run);
            if let Some(train) = directory.train(run.run.train) {
                let entry = directory.run(train, run.run.start_date);
                entry.refused.store(Some(Arc::new(run.why.clone())));
                directory.adopt(&entry, run.index, None);
            } else {
                lost.push(run.run);
            }
        }
        for (block, index) in &found.pnr_blocks {
            directory.lease_block(*block, *index);
        }
        (refused, lost)
    }
}

fn out_of_service(run: RunId, why: &str) -> String {
    format!("run {run} is out of service: {why}")
}

/// The replayed runs, ready for their shards.
fn revive(
    directory: &Directory,
    found: &mut Recovered,
    grace: Option<Grace>,
    bytes: u64,
) -> Vec<Revived> {
    let dirty = Some(LogPoint { lsn: found.from.0, bytes });
    let live = core::mem::take(&mut found.live);
    live.into_iter()
        .filter_map(|live| {
            let entry = directory.by_index(live.index)?;
            let grace = grace.filter(|_| live.run.live_holds() > 0);
            Some(Revived { entry, run: live.run, dirty, grace })
        })
        .collect()
}
