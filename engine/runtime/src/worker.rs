//! The shard worker: a ractor actor that drains one shard's queues. One wake per (message, shard).
//!
//! It reads the clock once per drain, executes under the lock of its batch (which only the journal
//! thread shares, to swap it), and carries out effects. It supervises the actors of its runs: a run
//! whose actor dies loses that state and is rebuilt, nothing else happens.

use std::sync::Arc;

use berth_inventory::{RunId, UnixMillis, Version};
use berth_node::{
    DRAIN_BUDGET, Docket, Effect, JobDone, Lane, LogPoint, Revived, RunEntry, Shard, ShardStats,
    Standing, Vitals,
};
use hashbrown::HashMap;
use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent,
};

use crate::clock::Clock;
use crate::journal::JournalHandle;
use crate::reply::{Back, hand_over_all};
use crate::run_actor::{RunActor, RunJob, RunStores};
use crate::shared::{LogEnd, ShardShared};

/// Control messages; commands come through the queues.
pub(crate) enum WorkerMessage {
    Drain,
    Install(Vec<Revived>, RpcReplyPort<()>),
    Finished {
        run: RunId,
        epoch: u32,
        done: Box<JobDone>,
    },
    SnapshotDurable {
        run: RunId,
        version: Version,
    },
    SnapshotFailed {
        run: RunId,
        version: Version,
    },
    /// Snapshot what is dirty; answers how many runs are still dirty.
    SnapshotAll(RpcReplyPort<usize>),
    DirtyRuns(RpcReplyPort<Vec<RunId>>),
    Floor(RpcReplyPort<Option<LogPoint>>),
    /// Whether work waits in a slot.
    Busy(RpcReplyPort<bool>),
    Stats(RpcReplyPort<ShardStats>),
    /// How these runs stand, in their order.
    Standings(Vec<RunId>, RpcReplyPort<Vec<Option<Standing>>>),
    /// Digest of one run if it is in memory.
    Digest(RunId, RpcReplyPort<Option<(Version, String)>>),
}

/// What a worker needs of the house.
#[derive(Clone)]
pub(crate) struct Workplace {
    pub shared: Arc<ShardShared>,
    pub journal: JournalHandle,
    pub log_end: Arc<LogEnd>,
    pub clock: Clock,
    pub vitals: Arc<Vitals>,
    pub stores: RunStores,
}

pub(crate) struct ShardWorker;

pub(crate) struct WorkerState {
    shard: Shard<Back>,
    place: Workplace,
    /// The actors of this shard's runs, and which run and epoch each is at work for.
    actors: HashMap<RunId, ActorRef<RunJob>>,
    by_actor: HashMap<ActorId, (RunId, u32)>,
    /// Parcels taken from the queues.
    docket: Docket<Back>,
}

impl Actor for ShardWorker {
    type Msg = WorkerMessage;
    type State = WorkerState;
    type Arguments = (Shard<Back>, Workplace);

    async fn pre_start(
        &self,
        _: ActorRef<WorkerMessage>,
        (shard, place): Self::Arguments,
    ) -> Result<WorkerState, ActorProcessingErr> {
        Ok(WorkerState {
            shard,
            place,
            actors: HashMap::new(),
            by_actor: HashMap::new(),
            docket: Docket::default(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<WorkerMessage>,
        message: WorkerMessage,
        state: &mut WorkerState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            WorkerMessage::Drain => {
                if state.drain() {
                    myself.cast(WorkerMessage::Drain)?;
                }
            }
            WorkerMessage::Install(runs, reply) => {
                let (durable, log_end) = (state.place.shared.durable(), state.place.log_end.get());
                state.in_batch(|shard, now, batch| {
                    shard.begin(now, durable, log_end, batch);
                    for Revived { entry, run, dirty, grace } in runs {
                        shard.install(&entry, run, dirty, grace, now, batch);
                    }
                });
                let _ = reply.send(());
            }
            WorkerMessage::Finished { run, epoch, done } => {
                state.in_batch(|shard, now, batch| shard.finished(run, epoch, *done, now, batch));
                state.place.shared.wake();
            }
            WorkerMessage::SnapshotDurable { run, version } => {
                state.shard.snapshot_durable(run, version);
            }
            WorkerMessage::SnapshotFailed { run, version } => {
                state.shard.snapshot_failed(run, version);
            }
            WorkerMessage::SnapshotAll(reply) => {
                state.shard.leave_deadlines();
                let _ = reply.send(state.shard.snapshot_all());
            }
            WorkerMessage::DirtyRuns(reply) => {
                let _ = reply.send(state.shard.dirty_runs());
            }
            WorkerMessage::Floor(reply) => {
                state.shard.keep_restart_short(state.place.log_end.get());
                let _ = reply.send(state.shard.floor());
            }
            WorkerMessage::Busy(reply) => {
                let _ = reply.send(!state.docket.is_empty() || state.shard.is_busy());
            }
            WorkerMessage::Stats(reply) => {
                let _ = reply.send(state.shard.stats());
            }
            WorkerMessage::Standings(runs, reply) => {
                let _ = reply.send(runs.iter().map(|run| state.shard.standing(*run)).collect());
            }
            WorkerMessage::Digest(run, reply) => {
                let digest = state.shard.peek(run).map(|r| (r.version(), r.digest().to_string()));
                let _ = reply.send(digest);
            }
        }
        state.carry_out(&myself).await;
        state.place.shared.alarm.set(state.shard.next_look());
        Ok(())
    }

    // The default stops this worker, and with it every run of the shard, when any run actor ends.
    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<WorkerMessage>,
        event: SupervisionEvent,
        state: &mut WorkerState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(who, why) => {
                if let Some((run, epoch)) = state.forget(&who) {
                    tracing::error!(%run, %why, "the actor of this run died");
                    let now = state.place.clock.now();
                    state.shard.died(run, epoch, now);
                    // It may wait for a group, or for one that ended since the last drain.
                    state.place.shared.wake();
                    state.carry_out(&myself).await;
                    state.place.shared.alarm.set(state.shard.next_look());
                }
            }
            SupervisionEvent::ActorTerminated(who, ..) => {
                state.forget(&who);
            }
            _ => {}
        }
        Ok(())
    }
}

impl WorkerState {
    /// One drain; whether another must follow at once.
    fn drain(&mut self) -> bool {
        let shared = Arc::clone(&self.place.shared);
        let log_end = Arc::clone(&self.place.log_end);
        let vitals = Arc::clone(&self.place.vitals);
        let (mut starved, mut waits, mut seen) = (false, false, 0);
        let mut docket = core::mem::take(&mut self.docket);
        docket.take_in(|lane| shared.queue(lane).pop());
        self.in_batch(|shard, now, batch| {
            // Under the lock: a group that ended before is seen, one that ends later wakes us.
            seen = shared.groups_ended();
            shard.begin(now, shared.durable(), log_end.get(), batch);
            let done = shard.work_off(&mut docket, DRAIN_BUDGET, now, batch);
            if let Some(fault) = vitals.journal_fault() {
                shard.fail_waiting(&fault);
            }
            starved = done < DRAIN_BUDGET && !docket.is_empty();
            waits = starved || shard.has_backlog() || shard.has_fences() || shard.has_late();
            if waits {
                // Under the batch's lock: the group that takes this batch has not ended yet.
                shared.starve();
            }
        });
        let waiting = |lane| docket.would_take(lane) && !shared.queue(lane).is_empty();
        let more = !docket.is_empty() && !starved || waiting(Lane::Finish) || waiting(Lane::Take);
        self.docket = docket;
        if more {
            return true;
        }
        if waits { shared.wait_for_group(seen) } else { !shared.may_rest() }
    }

    /// Runs `work` with the batch locked and the clock read once, then hands everything on.
    fn in_batch(
        &mut self,
        work: impl FnOnce(&mut Shard<Back>, UnixMillis, &mut berth_node::Batch<Back>),
    ) {
        let shared = Arc::clone(&self.place.shared);
        let now = self.place.clock.now();
        let mut batch = shared.batch();
        work(&mut self.shard, now, &mut batch);
        let filled = !batch.is_empty();
        drop(batch);
        if filled {
            self.place.journal.kick();
        }
        hand_over_all(self.shard.take_answers());
    }

    async fn carry_out(&mut self, myself: &ActorRef<WorkerMessage>) {
        let effects: Vec<_> = self.shard.take_effects().collect();
        for effect in effects {
            match effect {
                Effect::Start { run, epoch, job } => {
                    let id = run.id;
                    match self.actor(&run, myself).await {
                        Ok(actor) => {
                            self.by_actor.insert(actor.get_id(), (id, epoch));
                            let _ = actor.cast(RunJob { run, epoch, job });
                        }
                        Err(why) => {
                            let why = format!("its actor did not start: {why}");
                            let done = Box::new(JobDone::Failed { why, run: None });
                            let _ = myself.cast(WorkerMessage::Finished { run: id, epoch, done });
                        }
                    }
                }
                Effect::Stop(run) => {
                    if let Some(actor) = self.actors.remove(&run.id) {
                        self.by_actor.remove(&actor.get_id());
                        actor.stop(None);
                    }
                }
            }
        }
    }

    async fn actor(
        &mut self,
        run: &Arc<RunEntry>,
        myself: &ActorRef<WorkerMessage>,
    ) -> Result<ActorRef<RunJob>, ractor::SpawnErr> {
        if let Some(actor) = self.actors.get(&run.id) {
            return Ok(actor.clone());
        }
        let argument = (self.place.stores.clone(), Arc::clone(&self.place.shared));
        let supervisor = ActorCell::from(myself.clone());
        let (actor, _) = Actor::spawn_linked(None, RunActor, argument, supervisor).await?;
        self.actors.insert(run.id, actor.clone());
        Ok(actor)
    }

    fn forget(&mut self, who: &ActorCell) -> Option<(RunId, u32)> {
        let (run, epoch) = self.by_actor.remove(&who.get_id())?;
        if self.actors.get(&run).is_some_and(|actor| actor.get_id() == who.get_id()) {
            self.actors.remove(&run);
        }
        Some((run, epoch))
    }
}
