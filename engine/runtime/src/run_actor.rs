//! The actor of one live run: what the run needs done off the hot path. Load, rebuild, snapshot.
//!
//! It has the run's state only while a job lends it. Jobs block on files, so each runs on a thread
//! for blocking work; a panic there ends the actor, and its supervisor has the run rebuilt.

use std::sync::Arc;

use berth_inventory::Run;
use berth_node::{Calendar, Job, JobDone, RunEntry};
use berth_persistence::EncodedSnapshot;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::shared::ShardShared;
use crate::stores::Stores;
use crate::worker::WorkerMessage;

/// A run of no more events, each of which makes a record at most, is encoded at once.
const SMALL_EVENTS: u64 = 64;
/// If it has no more berths.
const SMALL_BERTHS: usize = 2_048;

/// A job with what its result must name.
pub(crate) struct RunJob {
    pub run: Arc<RunEntry>,
    pub epoch: u32,
    pub job: Job,
}

/// Where a run's past is kept, and how its future is made.
#[derive(Clone)]
pub(crate) struct RunStores {
    pub stores: Arc<Stores>,
    pub calendar: Arc<Calendar>,
}

pub(crate) struct RunActor;

impl Actor for RunActor {
    type Msg = RunJob;
    type State = (RunStores, Arc<ShardShared>);
    type Arguments = (RunStores, Arc<ShardShared>);

    async fn pre_start(
        &self,
        _: ActorRef<RunJob>,
        argument: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(argument)
    }

    async fn handle(
        &self,
        _: ActorRef<RunJob>,
        RunJob { run, epoch, job }: RunJob,
        (stores, shared): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let id = run.id;
        let finished = |done: JobDone| {
            shared.send(WorkerMessage::Finished { run: id, epoch, done: Box::new(done) });
        };
        match job {
            Job::Load => {
                let load = move |s: &RunStores| {
                    s.stores.pasts().load(&run, &s.calendar, || s.stores.settled_now())
                };
                finished(stores.clone().off_thread(load).await?);
            }
            Job::Rebuild => {
                // Everything it wrote was told; under the weaker words it may not be in the file.
                let (mut settled, told) = (stores.stores.settled(), shared.told_lsn());
                if settled.wait_for(|lsn| *lsn >= told).await.is_ok() {
                    let rebuild = move |s: &RunStores| {
                        let settled = || s.stores.settled_now();
                        s.stores.pasts().rebuild(&run, &s.calendar, settled)
                    };
                    finished(stores.clone().off_thread(rebuild).await?);
                }
            }
            Job::Snapshot { state, batch, lsn, passivate } => {
                let version = state.version();
                let (state, encoded) = stores.encode(&run, state).await?;
                let mut lent = Some(state);
                if !passivate && let Some(state) = lent.take() {
                    finished(JobDone::Encoded(state));
                }
                // What a snapshot says must survive whatever the snapshot survives.
                if shared.durable() < batch {
                    let mut durable = shared.durable_watch.subscribe();
                    if durable.wait_for(|number| *number >= batch).await.is_err() {
                        return Ok(());
                    }
                }
                let mut settled = stores.stores.settled();
                let told = shared.told_lsn().max(lsn);
                if settled.wait_for(|lsn| *lsn >= told).await.is_err() {
                    return Ok(());
                }
                let kept = stores.stores.keep_snapshot(encoded, lsn).await;
                let kept = kept.ok_or("the thread that keeps snapshots died")?;
                match (kept, lent) {
                    (Ok(()), None) => {
                        shared.send(WorkerMessage::SnapshotDurable { run: id, version });
                    }
                    (Ok(()), Some(state)) => finished(JobDone::Passivated(state)),
                    (Err(why), Some(state)) => {
                        finished(JobDone::Failed { why, run: Some(state) });
                    }
                    (Err(why), None) => {
                        tracing::debug!(run = %id, %why, "snapshot not kept");
                        shared.send(WorkerMessage::SnapshotFailed { run: id, version });
                    }
                }
            }
        }
        Ok(())
    }
}

impl RunStores {
    async fn off_thread<R: Send + 'static>(
        self,
        job: impl FnOnce(&Self) -> R + Send + 'static,
    ) -> Result<R, ActorProcessingErr> {
        // A panic in the job becomes the actor's own end.
        Ok(tokio::task::spawn_blocking(move || job(&self)).await?)
    }

    /// Encodes a state: at once if that is a matter of microseconds, else on a thread of its own.
    async fn encode(
        &self,
        run: &Arc<RunEntry>,
        state: Box<Run>,
    ) -> Result<(Box<Run>, EncodedSnapshot), ActorProcessingErr> {
        if state.version().0 <= SMALL_EVENTS && state.plan().berths().len() <= SMALL_BERTHS {
            let encoded = Stores::encode_snapshot(run, &state);
            return Ok((state, encoded));
        }
        let run = Arc::clone(run);
        let encode = move |_: &Self| {
            let encoded = Stores::encode_snapshot(&run, &state);
            (state, encoded)
        };
        self.clone().off_thread(encode).await
    }
}
