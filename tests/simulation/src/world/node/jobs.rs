//! The actors of runs and the keeper of snapshots, job by job and step by step.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use berth_inventory::{Run, RunId, Version};
use berth_node::{Job, JobDone, RunEntry, RunPasts};
use berth_persistence::{EncodedSnapshot, Lsn, SnapshotStore as _, Snapshots as _};

use super::Node;
use super::shard_side::Mail;

/// A snapshot on its way to the disk.
struct Taken {
    run: Arc<RunEntry>,
    epoch: u32,
    encoded: EncodedSnapshot,
    version: Version,
    batch: u64,
    lsn: u64,
    /// The state, when it stays away until the snapshot is durable.
    lent: Option<Box<Run>>,
}

/// What an actor is at.
enum Task {
    Snapshot(Box<Taken>),
    /// The keeper has the snapshot of this hand-over.
    Kept(u32),
}

/// One run's actor.
pub struct Actor {
    side: usize,
    jobs: VecDeque<(Arc<RunEntry>, u32, Job)>,
    task: Option<Task>,
    /// The last hand-over to it.
    epoch: u32,
}

impl Actor {
    pub fn new(side: usize) -> Self {
        Self { side, jobs: VecDeque::new(), task: None, epoch: 0 }
    }

    pub fn take(&mut self, run: Arc<RunEntry>, epoch: u32, job: Job) {
        self.epoch = epoch;
        self.jobs.push_back((run, epoch, job));
    }

    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.task.is_none()
    }
}

/// Snapshots that wait, and those that are written and not synced.
#[derive(Default)]
pub struct Keeper {
    waiting: Vec<Taken>,
    written: Vec<Taken>,
    failed: Option<String>,
}

impl Keeper {
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.written.is_empty()
    }

    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }
}

impl Node {
    /// Runs whose actor could go on.
    pub fn busy_actors(&self) -> Vec<RunId> {
        let ready = |actor: &Actor| match &actor.task {
            Some(Task::Snapshot(taken)) => self.may_keep(actor.side, taken),
            Some(Task::Kept(_)) => false,
            None => actor.jobs.front().is_some_and(|(_, _, job)| match job {
                Job::Rebuild => self.settled >= self.sides[actor.side].told_lsn,
                Job::Load | Job::Snapshot { .. } => true,
            }),
        };
        let busy = self.actors.iter().filter(|(_, actor)| ready(actor));
        busy.map(|(run, _)| *run).collect()
    }

    /// What a snapshot says must survive whatever the snapshot survives.
    fn may_keep(&self, side: usize, taken: &Taken) -> bool {
        let side = &self.sides[side];
        side.durable >= taken.batch && self.settled >= side.told_lsn.max(taken.lsn)
    }

    /// One step of a run's actor.
    pub fn act(&mut self, run: RunId) {
        let Some(actor) = self.actors.get_mut(&run) else { return };
        let side = actor.side;
        if let Some(Task::Snapshot(taken)) = actor.task.take_if(|t| matches!(t, Task::Snapshot(_)))
        {
            actor.task = Some(Task::Kept(taken.epoch));
            self.keeper.waiting.push(*taken);
            return;
        }
        let Some((entry, epoch, job)) = actor.jobs.pop_front() else { return };
        let done = match job {
            Job::Load => self.pasts().load(&entry, &self.front.calendar, || self.settled),
            Job::Rebuild => self.pasts().rebuild(&entry, &self.front.calendar, || self.settled),
            Job::Snapshot { state, batch, lsn, passivate } => {
                let index = *entry.index.get().expect("a run with events has its number");
                let (version, encoded) = (state.version(), EncodedSnapshot::of(&state, index));
                let mut taken =
                    Taken { run: entry, epoch, encoded, version, batch, lsn, lent: Some(state) };
                let back = if passivate { None } else { taken.lent.take() };
                actor.task = Some(Task::Snapshot(Box::new(taken)));
                let Some(state) = back else { return };
                JobDone::Encoded(state)
            }
        };
        self.sides[side].mail.push_back(Mail::Finished { run, epoch, done: Box::new(done) });
    }

    pub(super) fn pasts(&self) -> RunPasts<'_> {
        RunPasts { dir: &self.dir, snapshots: &self.snapshots, plans: &self.plans }
    }

    /// Whether snapshots cannot be written any more.
    pub fn keeps_no_snapshots(&self) -> bool {
        self.keeper.has_failed()
    }

    /// Whether the keeper has something to do.
    pub fn has_keeping(&self) -> bool {
        !self.keeper.is_idle()
    }

    /// One step of the keeper: what waits is written, or what is written is synced.
    pub fn keep(&mut self) {
        if self.keeper.written.is_empty() {
            let waiting = core::mem::take(&mut self.keeper.waiting);
            for taken in &waiting {
                if let Err(fault) = self.put(taken) {
                    self.keeper.failed.get_or_insert(fault);
                    return self.is_kept(waiting);
                }
            }
            self.keeper.written = waiting;
            return;
        }
        if let Err(fault) = self.snapshots.sync() {
            self.keeper.failed.get_or_insert(fault.to_string());
        }
        let written = core::mem::take(&mut self.keeper.written);
        self.is_kept(written);
    }

    fn put(&mut self, taken: &Taken) -> Result<(), String> {
        let hash = taken.encoded.info.plan;
        let words = |fault: berth_persistence::SnapshotError| fault.to_string();
        if !self.snapshots.has_plan_text(hash)
            && let Some(text) = self.plans.text(hash)
        {
            self.snapshots.put_plan_text(hash, &text).map_err(words)?;
        }
        self.snapshots.put(&taken.encoded, Lsn(taken.lsn)).map_err(words)
    }

    /// All of them are durable, or none is kept.
    fn is_kept(&mut self, group: Vec<Taken>) {
        let failed = self.keeper.failed.clone();
        for taken in group {
            let Taken { run, epoch, version, lent, .. } = taken;
            // Its actor may have died meanwhile: then nobody passes this on, and its successor may
            // wait for a snapshot of its own.
            let Some(actor) = self.actors.get_mut(&run.id) else { continue };
            if !matches!(actor.task, Some(Task::Kept(waits)) if waits == epoch) {
                continue;
            }
            actor.task = None;
            let id = run.id;
            let finished = |done| Mail::Finished { run: id, epoch, done: Box::new(done) };
            let mail = match (&failed, lent) {
                (None, None) => Mail::SnapshotDurable { run: id, version },
                (None, Some(state)) => finished(JobDone::Passivated(state)),
                (Some(why), Some(state)) => {
                    finished(JobDone::Failed { why: why.clone(), run: Some(state) })
                }
                (Some(_), None) => Mail::SnapshotFailed { run: id, version },
            };
            self.sides[actor.side].mail.push_back(mail);
        }
    }

    /// The actor of a run dies with what it has; whether there was one.
    pub fn kill_actor(&mut self, run: RunId) -> bool {
        let Some(actor) = self.actors.remove(&run) else { return false };
        let mail = &mut self.sides[actor.side].mail;
        let died = Mail::Died { run, epoch: actor.epoch };
        // Its last words may arrive after the news of its death.
        if actor.epoch % 2 == 0 {
            mail.push_front(died);
        } else {
            mail.push_back(died);
        }
        true
    }

    /// Runs that have an actor at work.
    pub fn working_actors(&self) -> Vec<RunId> {
        let at_work: BTreeMap<_, _> =
            self.actors.iter().filter(|(_, actor)| !actor.is_idle()).collect();
        at_work.into_keys().copied().collect()
    }
}
