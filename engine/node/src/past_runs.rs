//! What the actor of a run brings: the run's last version, or what it would be born as.
//!
//! Reads snapshots and log, changes neither.

use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use berth_inventory::{PlanHash, Run, UnixMillis};
use berth_persistence::{DataDir, Lsn, RunPast, Snapshots, first_kept, rebuild_run};

use crate::calendar::Calendar;
use crate::directory::RunEntry;
use crate::plans::PlanBook;
use crate::published::Published;
use crate::shard::JobDone;

/// How often a rebuild begins anew because a segment went under it.
const REBUILDS_MAX: u32 = 3;

/// A run as its last event left it.
#[derive(Debug)]
pub struct LastVersion {
    /// Its state.
    pub run: Box<Run>,
    /// Its latest snapshot is damaged.
    pub lacks_snapshot: bool,
}

/// Where a run's past is kept.
#[derive(Clone, Copy)]
pub struct RunPasts<'a> {
    /// The data directory.
    pub dir: &'a DataDir,
    /// Its snapshots.
    pub snapshots: &'a dyn Snapshots,
    /// Plans by hash.
    pub plans: &'a PlanBook,
}

impl RunPasts<'_> {
    /// The run at its last version, if it has a snapshot. Where that is damaged, an older one and the
    /// log stand in for it, if they still can; `settled` as for [`RunPasts::rebuilt`].
    ///
    /// # Errors
    /// The run cannot be had from either: why, and what to do.
    pub fn last_version(
        &self,
        entry: &RunEntry,
        settled: impl Fn() -> u64,
    ) -> Result<Option<LastVersion>, String> {
        let why = match self.snapshotted(entry) {
            Ok(found) => {
                let whole = |run| LastVersion { run: Box::new(run), lacks_snapshot: false };
                return Ok(found.map(whole));
            }
            Err(why) => why,
        };
        let run = self.rebuilt(entry, settled)?;
        tracing::warn!(
            run = %entry.id, why,
            "the run is made anew from the commit log, nothing of it is lost; nothing is to be done"
        );
        Ok(Some(LastVersion { run, lacks_snapshot: true }))
    }

    fn snapshotted(&self, entry: &RunEntry) -> Result<Option<Run>, String> {
        let Some(index) = entry.index.get() else { return Ok(None) };
        let snapshots = self.snapshots;
        if snapshots.latest(*index).is_none() {
            return Ok(None);
        }
        let (info, state) = snapshots.load(*index).map_err(|fault| fault.to_string())?;
        let kept = if self.plans.has(info.plan) { None } else { snapshots.plan_text(info.plan) };
        let plan = match kept {
            Some(text) => self.plans.parse(&text)?,
            None => self.plans.plan(info.plan)?,
        };
        Run::from_state(plan, state).map(Some).map_err(|fault| fault.to_string())
    }

    /// The run from its snapshot and the log behind it, up to the last frame that survives a power
    /// cut, which `settled` says. Snapshots of others go on meanwhile.
    ///
    /// # Errors
    /// Why it cannot be had, in words.
    pub fn rebuilt(&self, entry: &RunEntry, settled: impl Fn() -> u64) -> Result<Box<Run>, String> {
        let index = entry.index.get().ok_or("the run has no number in the journal")?;
        let parse = |text: &str| self.plans.parse(text);
        let find =
            |hash: PlanHash| self.plans.text(hash).or_else(|| self.snapshots.plan_text(hash));
        let mut tries = 1;
        loop {
            let kept = first_kept(&self.dir.log());
            let until = Lsn(settled());
            let past = RunPast::read(self.snapshots, *index, kept.clone().unwrap_or(Lsn(1)))?;
            let rebuilt = rebuild_run(self.dir, past, *index, until, &parse, &find);
            // A segment may go while it is read, when snapshots no longer need it: then less is to
            // be read.
            let gone = first_kept(&self.dir.log()).ok() != kept.ok();
            if rebuilt.is_ok() || !gone || tries == REBUILDS_MAX {
                return rebuilt;
            }
            tries += 1;
        }
    }

    /// What comes of a load.
    pub fn load(
        &self,
        entry: &RunEntry,
        calendar: &Calendar,
        settled: impl Fn() -> u64,
    ) -> JobDone {
        if !entry.journaled.load(Relaxed) {
            return fresh(entry, calendar);
        }
        match self.last_version(entry, settled) {
            Ok(Some(LastVersion { run, lacks_snapshot })) => loaded(run, lacks_snapshot),
            Ok(None) => fresh(entry, calendar),
            Err(why) => JobDone::Failed { why, run: None },
        }
    }

    /// What comes of a rebuild.
    pub fn rebuild(
        &self,
        entry: &RunEntry,
        calendar: &Calendar,
        settled: impl Fn() -> u64,
    ) -> JobDone {
        if !entry.journaled.load(Relaxed) {
            return fresh(entry, calendar);
        }
        match self.rebuilt(entry, settled) {
            Ok(run) => loaded(run, false),
            Err(why) => JobDone::Failed { why, run: None },
        }
    }
}

/// A run without event, and the event that would be its first.
fn fresh(entry: &RunEntry, calendar: &Calendar) -> JobDone {
    let plan = entry.plan();
    let extra = entry.extra.load(Relaxed);
    let created = Box::new(calendar.run_created(&plan, entry.id.start_date, extra));
    let run = Box::new(Run::new(plan, &created, UnixMillis(0)));
    let published = Arc::new(Published::of(&run));
    JobDone::Fresh { run, published, created }
}

fn loaded(run: Box<Run>, lacks_snapshot: bool) -> JobDone {
    let published = Arc::new(Published::of(&run));
    JobDone::Loaded { run, published, lacks_snapshot }
}
