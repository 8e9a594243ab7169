//! A node in one thread, for tests: shards, a log in memory, and every effect carried out here.
//!
//! Nothing happens by itself. A test asks, commits groups, lets virtual time pass and has jobs of
//! run actors done when it says so. After each commit the world looks at what must always hold: an
//! answer leaves after what it rests on is durable and public, published words show the log and
//! nothing else, and the log has every version once. Times are Unix milliseconds.

mod activation;
mod answers;
mod asking;
mod expiry;
mod finding;
mod history;
mod limits;
mod lives;
mod once;
mod panics;
mod past;
mod readers;
mod restart;
mod shown;
mod week;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use berth_inventory::{Command, Date, Run, RunId, RunState, UnixMillis, Version};
use berth_persistence::{Catalogue, CommitLog, Durability, MemoryLog, NodeRecord};

use crate::{
    Batch, Calendar, Directory, Docket, Effect, Front, Grace, Job, JobDone, Lane, LogPoint, Names,
    Outcome, Parcel, Permit, Published, RunEntry, Settings, Shard, State, Vitals, Way, Work,
};
use past::Past;

/// Virtual time begins here: noon UTC of some day in 2024.
pub(crate) const T0: UnixMillis = UnixMillis(20_000 * 86_400_000 + 43_200_000);
/// Start date of the first run of [`World::run`].
const FIRST_DAY: i32 = 20_010;

/// A snapshot that is encoded and waits for its group to be durable.
struct Keeping {
    run: Arc<RunEntry>,
    epoch: u32,
    batch: u64,
    version: Version,
    state: RunState,
    /// The run itself, when it goes cold with this snapshot.
    lent: Option<Box<Run>>,
}

impl Way for () {
    fn share(&mut self) -> Self {}
}

/// A group that the journal has taken from the shards and not made durable yet.
pub(crate) struct Group(pub Vec<Batch<()>>);

/// See the module.
pub(crate) struct World {
    pub now: UnixMillis,
    pub log: MemoryLog,
    pub front: Front,
    pub shards: Vec<Shard<()>>,
    pub batches: Vec<Batch<()>>,
    /// Jobs that wait for the test; empty unless `jobs_wait`.
    pub jobs: VecDeque<Effect>,
    pub jobs_wait: bool,
    /// What every ticket was told.
    pub told: BTreeMap<u64, Outcome>,
    /// Runs that went cold or out of service.
    pub stopped: Vec<RunId>,
    pub snapshots: BTreeMap<RunId, RunState>,
    pub settings: Settings,
    catalogue: Arc<Catalogue>,
    keeping: Vec<Keeping>,
    durable: Vec<u64>,
    log_end: LogPoint,
    asked: Vec<Arc<RunEntry>>,
}

impl World {
    /// A node of `shards` shards on an empty log.
    pub fn new(shards: u16) -> Self {
        let catalogue = Arc::new(asking::catalogue());
        Self::boot(MemoryLog::new(), catalogue, shards, Settings::default(), T0)
    }

    /// What would be up again after a power cut and `pause` ms: only the log survives.
    pub fn restart(mut self, pause: u64) -> Self {
        self.log.power_cut();
        let now = UnixMillis(self.now.0 + pause);
        let shards = self.shards.len() as u16;
        Self::boot(self.log, self.catalogue, shards, self.settings, now)
    }

    fn boot(
        mut log: MemoryLog,
        catalogue: Arc<Catalogue>,
        shards: u16,
        settings: Settings,
        now: UnixMillis,
    ) -> Self {
        let past = Past::of(&log);
        let until = UnixMillis(now.0 + settings.grace.as_millis() as u64);
        let record =
            NodeRecord::Started { grace_until: Some(until), at: now, software: "test".into() };
        let start = log.append(&[record], &[]).unwrap();
        log.sync(Durability::Power).unwrap();
        let (next_run, next_block) = (past.next_index, past.next_block);
        let directory = Arc::new(Directory::new(&catalogue, [], shards, next_run, next_block));
        let names = Arc::new(Names::new(&[7; 32], start.0));
        let new_shard = |number| {
            let (directory, names) = (Arc::clone(&directory), Arc::clone(&names));
            Shard::new(number, shards, directory, names, &settings, now)
        };
        let mut world = Self {
            now,
            log_end: LogPoint { lsn: start.0 + 1, bytes: log.bytes() },
            log,
            shards: (0..shards).map(new_shard).collect(),
            front: Front {
                directory,
                names,
                vitals: Arc::new(Vitals::new(0, None)),
                calendar: Calendar::new(catalogue.zone(), 60).unwrap(),
            },
            batches: (0..shards).map(|_| Batch::new(1)).collect(),
            jobs: VecDeque::new(),
            jobs_wait: false,
            told: BTreeMap::new(),
            stopped: Vec::new(),
            snapshots: BTreeMap::new(),
            settings,
            catalogue,
            keeping: Vec::new(),
            durable: vec![0; usize::from(shards)],
            asked: Vec::new(),
        };
        world.front.vitals.serve();
        for shard in &mut world.shards {
            shard.set_trap(asking::springs);
        }
        world.begin();
        world.install(past, Grace { until, as_of: UnixMillis(0), span: until.since(now) });
        world
    }

    fn install(&mut self, past: Past, grace: Grace) {
        for (index, run) in past.runs {
            let train = Arc::clone(self.front.directory.train(run.id().train).unwrap());
            let entry = self.front.directory.run(&train, run.id().start_date);
            self.front.directory.adopt(&entry, index, Some(run.plan()));
            for block in &run.state().pnr_blocks {
                self.front.directory.lease_block(*block, index);
            }
            let dirty = Some(LogPoint { lsn: 1, bytes: 0 });
            let grace = Some(Grace { as_of: past.last_at, ..grace });
            let at = usize::from(entry.shard);
            let batch = &mut self.batches[at];
            self.shards[at].install(&entry, Box::new(run), dirty, grace, self.now, batch);
        }
        self.settle();
    }

    /// Run number `day` of the one train.
    pub fn run(&self, day: u32) -> Arc<RunEntry> {
        let train = self.front.directory.train(asking::TRAIN.parse().unwrap()).unwrap();
        self.front.directory.run(train, Date::from_days(FIRST_DAY + day.cast_signed()))
    }

    /// Has a command executed that has no deadline; its ticket.
    pub fn ask(&mut self, run: &Arc<RunEntry>, command: Command) -> u64 {
        self.ask_by(run, command, UnixMillis::MAX)
    }

    /// Has a command executed that must be begun before `deadline`.
    pub fn ask_by(&mut self, run: &Arc<RunEntry>, command: Command, deadline: UnixMillis) -> u64 {
        let run = self.front.permit(Arc::clone(run), Lane::of(&command));
        let run = run.expect("fewer than a run's permits are under way");
        self.push(run, command, deadline)
    }

    /// Has a command executed that was let in before.
    pub fn push(&mut self, run: Permit, command: Command, deadline: UnixMillis) -> u64 {
        let ticket = self.asked.len() as u64;
        self.asked.push(Arc::clone(&run));
        let at = usize::from(run.shard);
        let lane = Lane::of(&command);
        let work = Work::new(run, command, deadline, ticket);
        let mut parcel = Some(Box::new(Parcel::of_work((), work)));
        let mut docket = Docket::default();
        docket.take_in(|of| parcel.take_if(|_| of == lane));
        let count = self.shards[at].work_off(&mut docket, 1, self.now, &mut self.batches[at]);
        assert!(count == 1 && docket.is_empty(), "a group of this world has room");
        self.settle();
        ticket
    }

    /// One drain of every shard that finds its queues empty.
    pub fn begin(&mut self) {
        for (at, shard) in self.shards.iter_mut().enumerate() {
            shard.begin(self.now, self.durable[at], self.log_end, &mut self.batches[at]);
        }
        self.settle();
    }

    /// Lets time pass, then drains.
    pub fn tick(&mut self, ms: u64) {
        self.now.0 += ms;
        self.begin();
    }

    /// The journal takes what the shards have ready.
    pub fn take_group(&mut self) -> Group {
        let swap = |batch: &mut Batch<()>| {
            let next = if batch.is_empty() { batch.number } else { batch.number + 1 };
            core::mem::replace(batch, Batch::new(next))
        };
        Group(self.batches.iter_mut().map(swap).collect())
    }

    /// Append, sync, publish, tell that it is durable, answer, drain: as the journal thread does.
    pub fn finish_group(&mut self, group: Group) {
        let sections = group.0.iter().enumerate().filter(|(_, batch)| !batch.section.is_empty());
        let sections: Vec<_> = sections.map(|(at, batch)| (at as u16, &batch.section)).collect();
        if !sections.is_empty() {
            let lsn = self.log.append(&[], &sections).unwrap();
            self.log.sync(Durability::Power).unwrap();
            self.log_end = LogPoint { lsn: lsn.0 + 1, bytes: self.log.bytes() };
        }
        for (at, mut batch) in group.0.into_iter().enumerate().filter(|(_, b)| !b.is_empty()) {
            batch.publish();
            self.durable[at] = batch.number;
            for parcel in batch.done.drain(..) {
                self.tell(*parcel);
            }
        }
        self.keep_snapshots();
        self.begin();
    }

    /// Bytes of log up to here.
    pub fn log_bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// One group, start to end.
    pub fn commit(&mut self) {
        let group = self.take_group();
        self.finish_group(group);
    }

    /// Commits until nothing is left to write and no job to do.
    pub fn commit_all(&mut self) {
        self.jobs_wait = false;
        self.settle();
        while self.batches.iter().any(|batch| !batch.is_empty())
            || self.shards.iter().any(|shard| shard.has_backlog() || shard.has_fences())
        {
            self.commit();
        }
    }

    /// Has the oldest waiting job done.
    pub fn do_job(&mut self) {
        let job = self.jobs.pop_front().expect("a job waits");
        self.carry_out(job);
        self.settle();
    }

    /// Takes answers and effects from the shards and carries them out.
    pub fn settle(&mut self) {
        loop {
            let mut told = Vec::new();
            for shard in &mut self.shards {
                told.extend(shard.take_answers());
                self.jobs.extend(shard.take_effects());
            }
            for parcel in told {
                self.tell(*parcel);
            }
            self.jobs.retain(|effect| match effect {
                Effect::Start { .. } => true,
                Effect::Stop(run) => {
                    self.stopped.push(run.id);
                    false
                }
            });
            if self.jobs_wait {
                return;
            }
            let Some(job) = self.jobs.pop_front() else { return };
            self.carry_out(job);
        }
    }

    fn tell(&mut self, parcel: Parcel<()>) {
        for work in parcel.works {
            match work.state {
                State::Told(outcome) => self.tell_one(work.tag, outcome),
                State::Gone => {}
                State::Asked(command) => panic!("{command:?} is handed back unanswered"),
            }
        }
    }

    fn tell_one(&mut self, ticket: u64, outcome: Outcome) {
        if let Ok(answer) = &outcome {
            let run = &self.asked[ticket as usize];
            let public = run.published.load().as_ref().map_or(run.kept(), |p| p.head().version);
            assert!(public >= answer.version, "{run:?}: {public} public, told {}", answer.version);
        }
        let before = self.told.insert(ticket, outcome);
        assert!(before.is_none(), "ticket {ticket} was told twice");
    }

    fn carry_out(&mut self, effect: Effect) {
        let Effect::Start { run, epoch, job } = effect else { unreachable!("stops are noted") };
        match job {
            Job::Load => {
                let done = self.load(&run, true);
                self.finished(&run, epoch, done);
            }
            Job::Rebuild => {
                let done = self.load(&run, false);
                self.finished(&run, epoch, done);
            }
            Job::Snapshot { state, batch, passivate, .. } => {
                let (version, kept) = (state.version(), state.state());
                let lent = if passivate {
                    Some(state)
                } else {
                    self.finished(&run, epoch, JobDone::Encoded(state));
                    None
                };
                self.keeping.push(Keeping { run, epoch, batch, version, state: kept, lent });
                self.keep_snapshots();
            }
        }
    }

    /// Hands a result to the run's shard.
    pub fn finished(&mut self, run: &Arc<RunEntry>, epoch: u32, done: JobDone) {
        let at = usize::from(run.shard);
        self.shards[at].finished(run.id, epoch, done, self.now, &mut self.batches[at]);
        self.settle();
    }

    /// What a run's actor would bring: the log's state, or the first state of a run without event.
    pub fn load(&self, entry: &Arc<RunEntry>, from_snapshot: bool) -> JobDone {
        let past = Past::of(&self.log);
        let index = entry.index.get().copied();
        let Some(run) = index.and_then(|index| past.runs.into_iter().find(|(i, _)| *i == index))
        else {
            assert!(!from_snapshot || !self.snapshots.contains_key(&entry.id));
            let plan = entry.plan();
            let extra = entry.extra.load(Relaxed);
            let created = self.front.calendar.run_created(&plan, entry.id.start_date, extra);
            let run = Box::new(Run::new(plan, &created, UnixMillis(0)));
            let published = Arc::new(Published::of(&run));
            return JobDone::Fresh { run, published, created: Box::new(created) };
        };
        let run = run.1;
        if from_snapshot {
            let kept = self.snapshots.get(&entry.id).expect("a cold run has a snapshot");
            let kept = Run::from_state(Arc::clone(run.plan()), kept.clone()).unwrap();
            assert_eq!(kept.digest(), run.digest(), "the last snapshot is the last version");
        }
        let published = Arc::new(Published::of(&run));
        JobDone::Loaded { run: Box::new(run), published, lacks_snapshot: false }
    }

    /// The world keeps the runs that were asked, for its checks: no longer, with everybody told.
    pub fn forget_asked(&mut self) {
        assert_eq!(self.told.len(), self.asked.len(), "everybody is told");
        self.told.clear();
        self.asked.clear();
    }

    fn keep_snapshots(&mut self) {
        let ready =
            |keeping: &mut Keeping| self.durable[usize::from(keeping.run.shard)] >= keeping.batch;
        for ready in self.keeping.extract_if(.., ready).collect::<Vec<_>>() {
            let Keeping { run, epoch, version, state, lent, .. } = ready;
            self.snapshots.insert(run.id, state);
            match lent {
                Some(lent) => self.finished(&run, epoch, JobDone::Passivated(lent)),
                None => self.shards[usize::from(run.shard)].snapshot_durable(run.id, version),
            }
        }
    }
}
