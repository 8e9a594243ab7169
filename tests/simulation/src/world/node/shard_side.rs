//! One shard with what the runtime has around it: queues, mailbox, wake, alarm, batch.

use std::collections::VecDeque;

use berth_inventory::{RunId, UnixMillis, Version};
use berth_node::{Batch, Docket, Effect, JobDone, Lane, Parcel, Shard};

use super::jobs::Actor;
use super::{Caller, Node, tell};

type Post = Box<Parcel<Caller>>;

/// What a worker's mailbox has.
pub enum Mail {
    Drain,
    Finished { run: RunId, epoch: u32, done: Box<JobDone> },
    SnapshotDurable { run: RunId, version: Version },
    SnapshotFailed { run: RunId, version: Version },
    Died { run: RunId, epoch: u32 },
}

/// See the module.
pub struct ShardSide {
    pub shard: Shard<Caller>,
    pub batch: Batch<Caller>,
    docket: Docket<Caller>,
    queues: [VecDeque<Post>; 2],
    heaps: [Option<Post>; 2],
    pub mail: VecDeque<Mail>,
    /// A drain is on its way or at work.
    scheduled: bool,
    /// The shard stopped for want of a group.
    starved: bool,
    /// The last durable batch, and its frame.
    pub durable: u64,
    pub told_lsn: u64,
    alarm: Option<UnixMillis>,
}

impl ShardSide {
    pub fn new(shard: Shard<Caller>) -> Self {
        Self {
            shard,
            batch: Batch::new(1),
            docket: Docket::default(),
            queues: [VecDeque::new(), VecDeque::new()],
            heaps: [None, None],
            mail: VecDeque::new(),
            scheduled: false,
            starved: false,
            durable: 0,
            told_lsn: 0,
            alarm: None,
        }
    }

    pub fn queue(&mut self, lane: Lane) -> &mut VecDeque<Post> {
        &mut self.queues[lane as usize]
    }

    pub fn heap(&mut self, lane: Lane) -> &mut Post {
        self.heaps[lane as usize].get_or_insert_with(|| Box::new(Parcel::new(Caller)))
    }

    pub fn take_heap(&mut self, lane: Lane) -> Option<Post> {
        self.heaps[lane as usize].take()
    }

    /// One wake in flight at most.
    pub fn wake(&mut self) {
        if !core::mem::replace(&mut self.scheduled, true) {
            self.mail.push_back(Mail::Drain);
        }
    }

    /// The alarm has rung, if it is time.
    pub fn ring(&mut self, now: UnixMillis) -> bool {
        let due = self.alarm.is_some_and(|at| at <= now);
        if due {
            self.alarm = None;
            self.wake();
        }
        due
    }

    pub fn alarm(&self) -> Option<UnixMillis> {
        self.alarm
    }

    pub fn set_durable(&mut self, number: u64, lsn: u64) {
        self.told_lsn = lsn;
        self.durable = number;
        self.group_ended();
    }

    /// Well or not: who waits for it looks again.
    pub fn group_ended(&mut self) {
        if core::mem::take(&mut self.starved) {
            self.wake();
        }
    }

    /// Whether a command waits here for anything.
    pub fn owes(&self) -> bool {
        !self.docket.is_empty()
            || self.queues.iter().any(|queue| !queue.is_empty())
            || self.shard.is_busy()
    }

    pub fn is_quiet(&self) -> bool {
        self.mail.is_empty()
            && self.docket.is_empty()
            && self.queues.iter().all(VecDeque::is_empty)
            && self.batch.is_empty()
            && !self.shard.is_busy()
            && !self.shard.has_fences()
            && !self.shard.has_backlog()
    }
}

impl Node {
    /// Whether a worker has mail.
    pub fn has_mail(&self, at: usize) -> bool {
        !self.sides[at].mail.is_empty()
    }

    /// Workers.
    pub fn workers(&self) -> usize {
        self.sides.len()
    }

    /// When the next alarm rings.
    pub fn next_alarm(&self) -> Option<UnixMillis> {
        self.sides.iter().filter_map(ShardSide::alarm).min()
    }

    /// Rings the alarms that are due; whether one was.
    pub fn ring(&mut self, steady: u64) -> bool {
        let now = self.now(steady);
        let rung = self.sides.iter_mut().map(|side| side.ring(now));
        rung.fold(false, |any, one| any | one)
    }

    /// A worker handles one message of its mailbox.
    pub fn work(&mut self, at: usize, steady: u64) {
        let now = self.now(steady);
        let Some(mail) = self.sides[at].mail.pop_front() else { return };
        match mail {
            Mail::Drain => {
                if self.drain(at, now) {
                    self.sides[at].mail.push_back(Mail::Drain);
                }
            }
            Mail::Finished { run, epoch, done } => {
                let side = &mut self.sides[at];
                side.shard.finished(run, epoch, *done, now, &mut side.batch);
                side.wake();
            }
            Mail::SnapshotDurable { run, version } => {
                self.sides[at].shard.snapshot_durable(run, version);
            }
            Mail::SnapshotFailed { run, version } => {
                self.sides[at].shard.snapshot_failed(run, version);
            }
            Mail::Died { run, epoch } => {
                self.sides[at].shard.died(run, epoch, now);
                self.sides[at].wake();
            }
        }
        self.after_message(at);
    }

    /// Answers, effects and the alarm after a message.
    pub(super) fn after_message(&mut self, at: usize) {
        let side = &mut self.sides[at];
        for parcel in side.shard.take_answers() {
            tell(&mut self.told, *parcel);
        }
        for effect in side.shard.take_effects() {
            match effect {
                Effect::Start { run, epoch, job } => {
                    let actor = self.actors.entry(run.id).or_insert_with(|| Actor::new(at));
                    actor.take(run, epoch, job);
                }
                Effect::Stop(run) => {
                    self.actors.remove(&run.id);
                }
            }
        }
        side.alarm = side.shard.next_look();
    }

    /// One drain; whether another must follow at once.
    fn drain(&mut self, at: usize, now: UnixMillis) -> bool {
        let fault = self.front.vitals.journal_fault();
        let (log_end, budget) = (self.log_end, self.ground.budget);
        let ShardSide { shard, batch, docket, queues, durable, starved, scheduled, .. } =
            &mut self.sides[at];
        docket.take_in(|lane| queues[lane as usize].pop_front());
        shard.begin(now, *durable, log_end, batch);
        let done = shard.work_off(docket, budget, now, batch);
        if let Some(fault) = fault {
            shard.fail_waiting(&fault);
        }
        let is_starved = done < budget && !docket.is_empty();
        let waits = is_starved || shard.has_backlog() || shard.has_fences() || shard.has_late();
        *starved |= waits;
        let more = |lane| docket.would_take(lane) && !queues[lane as usize].is_empty();
        if !docket.is_empty() && !is_starved || more(Lane::Finish) || more(Lane::Take) {
            return true;
        }
        // Nothing comes between these words here: a group that ends wakes the shard.
        *scheduled = false;
        if waits {
            return false;
        }
        let rests = queues.iter().all(VecDeque::is_empty);
        *scheduled = !rests;
        !rests
    }

    /// Has every dirty run snapshotted, for a stop in order; how many there are.
    pub fn snapshot_all(&mut self) -> usize {
        let mut dirty = 0;
        for at in 0..self.sides.len() {
            self.sides[at].shard.leave_deadlines();
            dirty += self.sides[at].shard.snapshot_all();
            self.after_message(at);
        }
        dirty
    }
}
