//! One shard: the runs it owns, their commands in order, their deadlines. Decides, never waits.
//!
//! Inputs are method calls with `now` as an argument; effects are a closed list that the runtime
//! (or a test) carries out. A run's state is in its slot or away on an errand in its actor; while
//! it is away its commands wait in the slot, in order, and are executed before anything newer.
//! Always true: an answer leaves no earlier than the events it rests on are durable.

mod dirty;
mod docket;
mod due;
mod execute;
mod job;
mod lives;
mod slot;
mod slots;
mod standing;

use std::sync::Arc;

use berth_inventory::{Changes, Command, Events, Run, RunId, UnixMillis, Version, planted};

use crate::alarms::{Alarm, Alarms};
use crate::ask::{Fault, Lane, Parcel, Way, Work};
use crate::batch::Batch;
use crate::directory::{Directory, RunEntry};
use crate::front::Permit;
use crate::names::Names;
use crate::settings::RUN_GROUP_BYTES_MAX;

use dirty::DirtyLine;
pub use docket::Docket;
use docket::{Ahead, Bench};
pub use job::{Effect, Job, JobDone};
pub use lives::Grace;
pub use slot::LogPoint;
use slot::{Errand, Live, Place, Slot, Waiting};
pub use slots::Seat;
use slots::Slots;
pub use standing::{Standing, Whereabouts};

/// Bounds of the cells that lateness of expiry is counted in, milliseconds.
pub const EXPIRY_LATE_BOUNDS_MS: [u64; 8] = [5, 10, 20, 30, 40, 50, 100, 1_000];

/// Figures of a shard since its start.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShardStats {
    /// Commands executed.
    pub executed: u64,
    /// Events written.
    pub events: u64,
    /// Refusals given.
    pub refused: u64,
    /// Holds expired by the timer.
    pub expired: u64,
    /// Runs loaded.
    pub activations: u64,
    /// Runs that went cold.
    pub passivations: u64,
    /// Ended holds whose request ids were forgotten because too many had ended since.
    pub forgotten: u64,
    /// Panics caught.
    pub panics: u64,
    /// Runs in memory.
    pub live: usize,
    /// Live holds (as of the last events of each run).
    pub holds: i64,
    /// How late the last expiries were, milliseconds, at most.
    pub expiry_late_ms: u64,
    /// How many expiries were late by at most each of [`EXPIRY_LATE_BOUNDS_MS`], none counted twice;
    /// the last cell has the rest.
    pub expiry_late: [u64; EXPIRY_LATE_BOUNDS_MS.len() + 1],
}

/// What a shard shares with its neighbours and knows of the log.
pub(crate) struct Surroundings<T> {
    pub number: u16,
    pub shards: u16,
    pub names: Arc<Names>,
    pub directory: Arc<Directory>,
    pub alarms: Alarms,
    /// Runs with events that no snapshot has.
    pub dirty: DirtyLine,
    /// The last batch known durable.
    pub durable: u64,
    /// Where the log will go on, at the last look.
    pub log_end: LogPoint,
    /// Answers that need not wait.
    pub answers: Vec<Box<Parcel<T>>>,
    /// Answers that rest on a batch in sync: they need not wait for the next one.
    pub late: std::collections::VecDeque<Box<Parcel<T>>>,
    /// What the events of a command touch; its memory is kept.
    pub changes: Changes,
    /// The events of a command; written in place, they are large.
    pub events: Events,
    pub effects: Vec<Effect>,
    pub known_plans: hashbrown::HashSet<berth_inventory::PlanHash>,
    /// A block of PNR numbers for the next confirm that needs one.
    pub spare_block: Option<u32>,
    /// Hand-overs so far: no two have the same epoch, not even in two lives of a slot.
    pub epochs: u32,
    pub stats: ShardStats,
    #[cfg(test)]
    pub trap: Option<fn(&Command) -> bool>,
}

/// See the module.
pub struct Shard<T> {
    slots: Slots<T>,
    around: Surroundings<T>,
    /// Runs with work waiting in their slot that may go on.
    backlog: std::collections::VecDeque<RunId>,
    /// Runs lost to a panic whose last batch is not durable yet.
    fenced: Vec<RunId>,
    /// Alarms that have rung and were not done with, for want of room in the group.
    fired: Vec<Alarm>,
    /// Runs that had their time without a command and leave one after the other.
    leaving: std::collections::VecDeque<Seat>,
    /// When the next of them may.
    leave_at: UnixMillis,
    /// Runs with a snapshot under way, and some whose snapshot has ended.
    under_way: Vec<Seat>,
    idle_ms: u64,
    checkpoint_bytes: u64,
    /// Runs with an event before this byte of the log are wanted in a snapshot.
    wanted_bytes: u64,
    swept: UnixMillis,
    /// The oldest event without snapshot of runs that went out of service: the next start needs it.
    abandoned: Option<LogPoint>,
    /// Stopping: deadlines are left to the next start.
    draining: bool,
}

impl<T: Way> Shard<T> {
    /// Shard `number` of `shards`, empty.
    pub fn new(
        number: u16,
        shards: u16,
        directory: Arc<Directory>,
        names: Arc<Names>,
        settings: &crate::settings::Settings,
        now: UnixMillis,
    ) -> Self {
        Self {
            slots: Slots::new(),
            around: Surroundings {
                number,
                shards,
                names,
                directory,
                alarms: Alarms::default(),
                dirty: DirtyLine::default(),
                durable: 0,
                log_end: LogPoint { lsn: 0, bytes: 0 },
                answers: Vec::new(),
                late: std::collections::VecDeque::new(),
                changes: Changes::default(),
                events: Events::new(),
                effects: Vec::new(),
                known_plans: hashbrown::HashSet::new(),
                spare_block: None,
                epochs: 0,
                stats: ShardStats::default(),
                #[cfg(test)]
                trap: None,
            },
            backlog: std::collections::VecDeque::new(),
            fenced: Vec::new(),
            fired: Vec::new(),
            leaving: std::collections::VecDeque::new(),
            leave_at: now,
            under_way: Vec::new(),
            wanted_bytes: 0,
            idle_ms: settings.idle.as_millis() as u64,
            checkpoint_bytes: settings.checkpoint_bytes,
            swept: now,
            abandoned: None,
            draining: false,
        }
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.around.number
    }

    /// Begins a drain: what is durable by now, where the log ends; then deadlines and waiting work.
    pub fn begin(
        &mut self,
        now: UnixMillis,
        durable: u64,
        log_end: LogPoint,
        batch: &mut Batch<T>,
    ) {
        self.around.durable = durable;
        self.around.log_end = log_end;
        self.around.tell_late();
        self.lift_fences();
        self.look(now, batch);
        self.work_off_backlog(now, batch);
    }

    /// Executes commands of the docket, at most `budget`, while there is room for their lane in the
    /// batch; how many. A parcel that is through goes to the batch or to [`Shard::take_answers`];
    /// commands that must wait in their slot leave it.
    pub fn work_off(
        &mut self,
        docket: &mut Docket<T>,
        budget: usize,
        now: UnixMillis,
        batch: &mut Batch<T>,
    ) -> usize {
        let count = docket.work_off(budget, &mut AtWork { shard: self, now, batch });
        for parcel in docket.through.drain(..) {
            if parcel.told().next().is_some() {
                self.around.hand_back(parcel, batch);
            }
        }
        // One whose last batch is durable waits for no group, so no group's end would wake us for it.
        self.lift_fences();
        count
    }

    /// One command: the batch on which its answer rests, or nothing yet if it left for its slot. `to`
    /// is the way of its parcel; `None` for the node's own commands.
    fn execute(
        &mut self,
        work: &mut Work,
        to: Option<&mut T>,
        now: UnixMillis,
        batch: &mut Batch<T>,
    ) -> Option<u64> {
        // effect-has-cause
        if work.deadline <= now && !planted!("deadline-ignored") {
            let late = now.since(work.deadline);
            work.tell(Err(Fault::DeadlineExceeded { late }));
            return Some(0);
        }
        if self.slots.of(&work.run).is_none() {
            if let Some(why) = work.run.refused.load_full() {
                let why = Arc::from(why.as_str());
                work.tell(Err(Fault::Quarantined { run: work.run.id, why }));
                return Some(0);
            }
            let away = Slot::new(Arc::clone(&work.run), Place::Away(Errand::Load), now);
            let slot = self.slots.insert(away);
            self.around.mind_rest(slot, self.idle_ms);
            self.around.send(slot, Job::Load);
        }
        let slot = self.slots.of(&work.run).expect("just looked at or made");
        slot.touched = now;
        if slot.waiting.is_empty() && slot.may_go_on(batch.number) {
            let rests_on = self.around.step(slot, work, now, batch);
            if matches!(slot.place, Place::Away(Errand::Fence)) {
                self.fenced.push(slot.entry.id);
            }
            return Some(rests_on);
        }
        // Bounded by the run's permits.
        if slot.waiting.is_empty() && matches!(slot.place, Place::Here(_)) {
            self.backlog.push_back(slot.entry.id);
        }
        slot.waiting.push_back(Waiting { work: work.leave(), to: to.map(Way::share) });
        None
    }

    /// One of the node's own commands: nobody is told.
    fn execute_own(
        &mut self,
        run: &Arc<RunEntry>,
        command: Command,
        now: UnixMillis,
        batch: &mut Batch<T>,
    ) {
        let mut work = Work::new(Permit::own(run), command, UnixMillis::MAX, 0);
        self.execute(&mut work, None, now, batch);
    }

    /// Answers that rest on durable state and need not wait for a group.
    pub fn take_answers(&mut self) -> std::vec::Drain<'_, Box<Parcel<T>>> {
        self.around.answers.drain(..)
    }

    /// What is to be done outside.
    pub fn take_effects(&mut self) -> std::vec::Drain<'_, Effect> {
        self.around.effects.drain(..)
    }

    /// Whether work waits here that a further drain could do (not work that waits for an errand).
    pub fn has_backlog(&self) -> bool {
        !self.backlog.is_empty() || !self.fired.is_empty()
    }

    /// Whether runs wait for their last batch to become durable before they are rebuilt.
    pub fn has_fences(&self) -> bool {
        !self.fenced.is_empty()
    }

    /// Whether answers wait for the batch in sync.
    pub fn has_late(&self) -> bool {
        !self.around.late.is_empty()
    }

    /// Whether commands wait in a slot, for an errand or for room, or answers for a batch.
    pub fn is_busy(&self) -> bool {
        self.has_late() || self.slots.iter().any(|slot| !slot.waiting.is_empty())
    }

    /// Plans whose text the journal has: it is written once per hash.
    pub fn know_plans(&mut self, plans: impl IntoIterator<Item = berth_inventory::PlanHash>) {
        self.around.known_plans.extend(plans);
    }

    /// Shards of the node.
    pub fn shards(&self) -> usize {
        usize::from(self.around.shards)
    }

    /// Figures.
    pub fn stats(&self) -> ShardStats {
        let mut stats = self.around.stats;
        stats.live = self.slots.len();
        stats
    }

    /// The oldest log point that a restart would need for this shard's runs.
    pub fn floor(&self) -> Option<LogPoint> {
        // snapshot-and-tail, log-exact
        let dirty = self.around.dirty.first(&self.slots).filter(|_| !planted!("cover-ahead"));
        dirty.into_iter().chain(self.abandoned).min()
    }

    /// A command for which `trap` is true panics once all it does is in the batch.
    #[cfg(test)]
    pub(crate) fn set_trap(&mut self, trap: fn(&Command) -> bool) {
        self.around.trap = Some(trap);
    }

    /// Looks at the state of one live run: for tests and for comparing a live node with its log.
    pub fn peek(&self, run: RunId) -> Option<&Run> {
        match &self.slots.get(run)?.place {
            Place::Here(live) => Some(&live.run),
            Place::Away(_) => None,
        }
    }

    fn work_off_backlog(&mut self, now: UnixMillis, batch: &mut Batch<T>) {
        for _ in 0..self.backlog.len() {
            let Some(id) = self.backlog.pop_front() else { return };
            let Some(slot) = self.slots.get_mut(id) else { continue };
            while slot.may_go_on(batch.number) {
                let Some(Waiting { work, .. }) = slot.waiting.front() else { break };
                if !batch.has_room(work.lane(), usize::from(self.around.shards)) {
                    break;
                }
                let Some(Waiting { mut work, to }) = slot.waiting.pop_front() else { break };
                let rests_on = if work.deadline <= now {
                    let late = now.since(work.deadline);
                    work.tell(Err(Fault::DeadlineExceeded { late }));
                    0
                } else {
                    self.around.step(slot, &mut work, now, batch)
                };
                if let Some(to) = to {
                    let parcel = Parcel { rests_on, ..Parcel::of_work(to, work) };
                    self.around.hand_back(Box::new(parcel), batch);
                }
            }
            match slot.place {
                Place::Here(_) if !slot.waiting.is_empty() => self.backlog.push_back(id),
                Place::Away(Errand::Fence) => self.fenced.push(id),
                _ => {}
            }
        }
    }
}

/// A shard that works its docket off into a batch.
struct AtWork<'a, T> {
    shard: &'a mut Shard<T>,
    now: UnixMillis,
    batch: &'a mut Batch<T>,
}

impl<T: Way> Bench<T> for AtWork<'_, T> {
    #[inline]
    fn foresee(&self, ahead: Ahead, slot: u32, work: &Work) {
        self.shard.slots.foresee(ahead, slot, work);
    }

    #[inline]
    fn execute(&mut self, lane: Lane, parcel: &mut Parcel<T>, place: usize) -> bool {
        if !self.batch.has_room(lane, self.shard.shards()) {
            return false;
        }
        let Parcel { to, works, .. } = parcel;
        let rests_on = self.shard.execute(&mut works[place], Some(to), self.now, self.batch);
        parcel.rests_on = parcel.rests_on.max(rests_on.unwrap_or(0));
        true
    }
}

impl<T> Slot<T> {
    /// Whether its next command may be executed into batch `number` now.
    fn may_go_on(&self, number: u64) -> bool {
        matches!(self.place, Place::Here(_))
            && (self.last_batch != number || self.batch_bytes < RUN_GROUP_BYTES_MAX)
    }
}

impl<T> Surroundings<T> {
    /// Answers leave as soon as what they rest on is durable, and no earlier.
    fn hand_back(&mut self, parcel: Box<Parcel<T>>, batch: &mut Batch<T>) {
        // answer-durable, both
        if planted!("reply-before-sync") {
            self.answers.push(parcel);
        } else if parcel.rests_on == batch.number {
            batch.done.push(parcel);
        } else if parcel.rests_on > self.durable && !planted!("late-answer-at-once") {
            self.late.push_back(parcel);
        } else {
            self.answers.push(parcel);
        }
    }

    /// Tells what rested on batches that are durable by now.
    fn tell_late(&mut self) {
        while self.late.front().is_some_and(|parcel| parcel.rests_on <= self.durable) {
            self.answers.extend(self.late.pop_front());
        }
    }

    /// A command that waited in its slot in vain.
    fn give_up(&mut self, waiting: Waiting<T>, fault: Fault) {
        let Waiting { mut work, to } = waiting;
        if let Some(to) = to {
            work.tell(Err(fault));
            self.answers.push(Box::new(Parcel::of_work(to, work)));
        }
    }

    /// Sends a job to the run's actor, under a new epoch.
    fn send(&mut self, slot: &mut Slot<T>, job: Job) {
        self.raise_epoch(slot);
        self.effects.push(Effect::Start { run: Arc::clone(&slot.entry), epoch: slot.epoch, job });
    }

    /// From here on, what comes from an earlier hand-over is dropped.
    fn raise_epoch(&mut self, slot: &mut Slot<T>) {
        self.epochs = self.epochs.wrapping_add(1);
        slot.epoch = self.epochs;
    }

    /// What a version is told as: a run without journaled event has none.
    fn told(live: &Live) -> Version {
        if live.unborn.is_some() { Version(0) } else { live.run.version() }
    }
}
