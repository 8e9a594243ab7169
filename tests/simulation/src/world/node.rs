//! The product's node in one thread: what the runtime carries over actors, queues and threads is
//! carried here step by step, in whatever order the world says. It decides nothing.
//!
//! A shard's worker has a mailbox and one wake in flight; the journal goes through a group stage by
//! stage; each run's actor does one job at a time; the keeper of snapshots writes, then syncs. Any
//! two of these may come between each other, and the node may end between any two.

mod jobs;
mod journal;
mod shard_side;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use berth_inventory::{Answer, Command, Digest, Run, RunId, UnixMillis};
use berth_node::{
    Calendar, Fault, Front, Grace, JobDone, Lane, LogPoint, Names, Outcome, Parcel, PlanBook,
    Published, Restart, Revived, Risen, RunEntry, Settings, Shard, Vitals, Way, Work,
};
use berth_persistence::{
    Catalogue, CommitLog, DataDir, Durability, FileLog, FileSnapshots, LogSettings, SnapshotInfo,
    Snapshots as _, recover,
};

use jobs::{Actor, Keeper};
use journal::Group;
pub use journal::Happened;
use shard_side::ShardSide;

/// Bytes of a snapshot segment: small, so that compaction happens.
const SNAP_SEGMENT: u64 = 8 << 10;

/// Whoever waits for an answer; the tag of his command says who.
#[derive(Debug)]
pub struct Caller;

impl Way for Caller {
    fn share(&mut self) -> Self {
        Self
    }
}

/// What a start is given.
#[derive(Clone)]
pub struct Ground {
    /// The trains.
    pub catalogue: Arc<Catalogue>,
    /// Bounds and times.
    pub settings: Settings,
    /// Shards.
    pub shards: u16,
    /// What "durable" means.
    pub durability: Durability,
    /// Parcels of a queue.
    pub queue: usize,
    /// Commands of one drain.
    pub budget: usize,
    /// The calendar; made once, for the zone is looked up.
    pub calendar: Calendar,
}

/// Where a start begins to count time.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// What the wall clock says.
    pub wall: u64,
    /// Time that no one can set, milliseconds.
    pub steady: u64,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Whoever asks is told of this version, which has this digest.
    Serves(u64, Digest),
    /// Whoever asks is told by name why not.
    Refused,
}

/// Why a node did not start.
#[derive(Debug)]
pub enum NoStart {
    /// The wall clock is behind the journal.
    ClockBehind,
    /// The disk, in words.
    Disk(String),
}

/// What an operator is told of a start.
#[derive(Clone, Debug, Default)]
pub struct StartReport {
    /// In words.
    pub lines: Vec<String>,
    /// Runs that recovery refused.
    pub refused: Vec<RunId>,
    /// The grace of this start.
    pub grace: Option<Grace>,
    /// When it began.
    pub at: u64,
    /// The last stamp of a node that served before.
    pub served_at: u64,
    /// The frame of its first record.
    pub lsn: u64,
}

/// See the module.
pub struct Node {
    /// Before the queue.
    pub front: Front,
    ground: Ground,
    dir: DataDir,
    log: FileLog,
    snapshots: FileSnapshots,
    plans: PlanBook,
    sides: Vec<ShardSide>,
    group: Option<Group>,
    actors: BTreeMap<RunId, Actor>,
    keeper: Keeper,
    log_end: LogPoint,
    /// The last frame that survives a power cut.
    settled: u64,
    groups: u64,
    start: StartReport,
    clocks: Clocks,
    /// Engine time at its start.
    base: u64,
    covered: Option<(u64, u64)>,
    told: Vec<(u64, Outcome)>,
}

impl Node {
    /// From what is on the disk to a node that serves.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn start(
        root: &berth_persistence::DiskPath,
        ground: &Ground,
        clocks: Clocks,
        accept_clock: bool,
        segment_bytes: u64,
    ) -> Result<Self, NoStart> {
        let disk = |fault: &dyn core::fmt::Display| NoStart::Disk(fault.to_string());
        let dir = DataDir::open(root).map_err(|fault| disk(&fault))?;
        let snapshots = FileSnapshots::open(&dir.snap(), &dir.cut(), SNAP_SEGMENT);
        let snapshots = snapshots.map_err(|fault| disk(&fault))?;
        let plans = PlanBook::new(&ground.catalogue);
        let parse = |text: &str| plans.parse(text);
        let found = recover(&dir, &snapshots, &parse, &|hash| plans.text(hash));
        let mut found = found.map_err(|fault| disk(&fault))?;
        let last_at = found.last_at.unwrap_or_default();
        let base = berth_node::engine_start(UnixMillis(clocks.wall), last_at, accept_clock);
        let base = base.map_err(|berth_node::ClockBehind| NoStart::ClockBehind)?;
        let end = core::mem::take(&mut found.end);
        let segments = LogSettings { segment_bytes, ..LogSettings::default() };
        let log = FileLog::resume(&dir.log(), &dir.cut(), segments, end);
        let mut log = log.map_err(|fault| disk(&fault))?;
        let restart = Restart {
            catalogue: &ground.catalogue,
            dir: &dir,
            snapshots: &snapshots,
            plans: &plans,
            settings: &ground.settings,
            shards: ground.shards,
        };
        let waiting = restart.waiting(&found);
        let grace = restart.grace(&found, &waiting, base);
        let first = Restart::started(grace, base, "berth-sim");
        let lsn = log.append(&[first], &[]).map_err(|fault| disk(&fault))?;
        log.sync(Durability::Power).map_err(|fault| disk(&fault))?;
        let log_end = LogPoint { lsn: lsn.0 + 1, bytes: log.bytes() };
        let risen = restart.rise(&mut found, waiting, grace, log_end);
        let Risen { directory, revived, journaled_plans, refused, .. } = risen;
        let served_at = found.served_at.unwrap_or_default().0;
        let lines = core::mem::take(&mut found.report);
        let start = StartReport { lines, refused, grace, at: base.0, served_at, lsn: lsn.0 };
        let names = Arc::new(Names::new(&[7; 32], lsn.0));
        let vitals = Vitals::new(ground.settings.min_free_bytes, ground.settings.max_log_bytes);
        let front =
            Front { directory, names, vitals: Arc::new(vitals), calendar: ground.calendar.clone() };
        let side = |number| {
            let (directory, names) = (Arc::clone(&front.directory), Arc::clone(&front.names));
            let (shards, settings) = (ground.shards, &ground.settings);
            let mut shard = Shard::new(number, shards, directory, names, settings, base);
            shard.know_plans(journaled_plans.iter().copied());
            ShardSide::new(shard)
        };
        let sides = (0..ground.shards).map(side).collect();
        let mut node = Self {
            front,
            ground: ground.clone(),
            dir,
            log,
            snapshots,
            plans,
            sides,
            group: None,
            actors: BTreeMap::new(),
            keeper: Keeper::default(),
            log_end,
            settled: lsn.0,
            groups: 0,
            start,
            clocks,
            base: base.0,
            covered: None,
            told: Vec::new(),
        };
        node.install(revived, base);
        node.front.vitals.serve();
        Ok(node)
    }

    fn install(&mut self, revived: Vec<Revived>, now: UnixMillis) {
        let mut heaps: Vec<Vec<Revived>> = self.sides.iter().map(|_| Vec::new()).collect();
        for run in revived {
            heaps[usize::from(run.entry.shard)].push(run);
        }
        for (at, heap) in heaps.into_iter().enumerate() {
            let side = &mut self.sides[at];
            side.shard.begin(now, side.durable, self.log_end, &mut side.batch);
            for Revived { entry, run, dirty, grace } in heap {
                side.shard.install(&entry, run, dirty, grace, now, &mut side.batch);
            }
            side.wake();
            self.after_message(at);
        }
    }

    /// Engine time.
    pub fn now(&self, steady: u64) -> UnixMillis {
        UnixMillis(self.base + (steady - self.clocks.steady))
    }

    /// How it started.
    pub fn report(&self) -> &StartReport {
        &self.start
    }

    /// What was handed out since this was last asked.
    pub fn take_told(&mut self) -> Vec<(u64, Outcome)> {
        core::mem::take(&mut self.told)
    }

    /// A command of a run: an outcome at once, or it goes into a parcel of its shard and lane.
    pub fn admit(
        &mut self,
        run: &Arc<RunEntry>,
        tag: u64,
        command: Command,
        deadline: UnixMillis,
        steady: u64,
    ) -> Option<(Outcome, bool)> {
        match self.front.refuse_early(run, &command, || self.now(steady)) {
            Ok(None) => {}
            Ok(Some(answer)) => return Some((Ok::<Answer, Fault>(answer), true)),
            Err(fault) => return Some((Err(fault), false)),
        }
        let lane = Lane::of(&command);
        let permit = match self.front.permit_for(Arc::clone(run), &command) {
            Ok(permit) => permit,
            Err(fault) => return Some((Err(fault), false)),
        };
        let side = &mut self.sides[usize::from(run.shard)];
        side.heap(lane).works.push(Work::new(permit, command, deadline, tag));
        None
    }

    /// Pushes what was admitted: a parcel for each shard and lane. What finds its queue full is
    /// answered; how many parcels did.
    pub fn flush(&mut self) -> usize {
        let (mut full, queue) = (0, self.ground.queue);
        for side in &mut self.sides {
            for lane in [Lane::Finish, Lane::Take] {
                let Some(mut parcel) = side.take_heap(lane) else { continue };
                if side.queue(lane).len() < queue {
                    side.queue(lane).push_back(parcel);
                } else {
                    full += 1;
                    let retry_after = berth_inventory::Millis(berth_node::RETRY_OVERLOADED_MS);
                    let what = "the queue of this shard";
                    parcel.fail(&Fault::Overloaded { what, retry_after });
                    tell(&mut self.told, *parcel);
                }
                side.wake();
            }
        }
        full
    }

    fn entry(&self, run: RunId) -> Option<Arc<RunEntry>> {
        let train = self.front.directory.train(run.train)?;
        self.front.directory.known(train, run.start_date)
    }

    /// The state of a run, if it is in its slot.
    pub fn peek(&self, run: RunId) -> Option<&berth_inventory::Run> {
        self.sides.iter().find_map(|side| side.shard.peek(run))
    }

    /// What readers see of a run in memory.
    pub fn published(&self, run: RunId) -> Option<Arc<Published>> {
        self.entry(run)?.published.load_full()
    }

    /// The version that readers of a cold run are told.
    pub fn kept(&self, run: RunId) -> u64 {
        self.entry(run).map_or(0, |entry| entry.kept().0)
    }

    /// Whether a run has been refused or quarantined.
    pub fn is_out_of_service(&self, run: RunId) -> bool {
        self.entry(run).is_some_and(|entry| entry.refused.load().is_some())
    }

    /// How a run stands, in its slot or as it would be loaded; `None` when it has no event.
    pub fn standing(&self, run: RunId) -> Option<Standing> {
        let of = |run: &Run| Standing::Serves(run.version().0, run.digest());
        if self.is_out_of_service(run) {
            return Some(Standing::Refused);
        }
        if let Some(live) = self.peek(run) {
            return Some(of(live));
        }
        let entry = self.entry(run).filter(|entry| entry.journaled.load(Relaxed))?;
        match self.pasts().load(&entry, &self.front.calendar, || self.settled) {
            JobDone::Loaded { run, .. } => Some(of(&run)),
            JobDone::Failed { .. } => Some(Standing::Refused),
            _ => None,
        }
    }

    /// The latest snapshot of a run.
    pub fn snapshot(&self, run: RunId) -> Option<Arc<SnapshotInfo>> {
        let entry = self.entry(run)?;
        self.snapshots.latest(*entry.index.get()?)
    }

    /// Runs in memory.
    pub fn live(&self) -> usize {
        self.sides.iter().map(|side| side.shard.stats().live).sum()
    }

    /// Runs that went cold since the start.
    pub fn passivations(&self) -> u64 {
        self.sides.iter().map(|side| side.shard.stats().passivations).sum()
    }

    /// Panics caught since the start.
    pub fn panics(&self) -> u64 {
        self.sides.iter().map(|side| side.shard.stats().panics).sum()
    }

    /// The journal has failed.
    pub fn has_failed(&self) -> bool {
        self.front.vitals.journal_fault().is_some()
    }

    /// Whether nothing is under way: no queue, batch, group, job, or waiting command.
    pub fn is_quiet(&self) -> bool {
        self.group.is_none()
            && self.actors.values().all(Actor::is_idle)
            && self.keeper.is_idle()
            && self.sides.iter().all(ShardSide::is_quiet)
    }

    /// Whether a command waits though nobody in the node has anything to do: it would wait for
    /// ever, or until somebody else comes.
    pub fn waits_in_vain(&self) -> bool {
        let is_idle = self.group.is_none()
            && self.sides.iter().all(|side| side.mail.is_empty() && side.batch.is_empty())
            && self.keeper.is_idle()
            && !self.needs_settling();
        is_idle && self.busy_actors().is_empty() && self.sides.iter().any(ShardSide::owes)
    }

    /// The data directory.
    pub fn dir(&self) -> &DataDir {
        &self.dir
    }

    /// Whether a run has events, as far as the node knows.
    pub fn journaled(&self, run: RunId) -> bool {
        self.entry(run).is_some_and(|entry| entry.journaled.load(Relaxed))
    }
}

/// Takes the answers out of a parcel.
fn tell(told: &mut Vec<(u64, Outcome)>, parcel: Parcel<Caller>) {
    for work in parcel.works {
        match work.state {
            berth_node::State::Told(outcome) => told.push((work.tag, outcome)),
            berth_node::State::Gone => {}
            berth_node::State::Asked(command) => {
                panic!("{command:?} is handed back unanswered")
            }
        }
    }
}
