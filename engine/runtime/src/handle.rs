//! The engine as its users hold it: ask, look, be told. Cheap to clone.
//!
//! Commands go through the queues of their run's shard; reads never do. Every mutation is answered
//! once, after what it rests on is durable.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use berth_inventory::{Answer, Command, Millis, RunId, UnixMillis, Version};
use berth_node::{
    Fault, Front, Health, Lane, Outcome, Parcel, RETRY_OVERLOADED_MS, RunEntry, RunTable,
    ShardStats, Work,
};

use berth_persistence::{LogReader, Lsn, ScanError};

use crate::engine::House;
use crate::reply::{self, Back, Lost, Post, Sink};
use crate::worker::WorkerMessage;

/// See the module.
#[derive(Clone)]
pub struct Engine {
    pub(crate) house: Arc<House>,
}

impl Engine {
    /// Finding runs, drawing names, fast refusal: decisions before the queue.
    pub fn front(&self) -> &Front {
        &self.house.front
    }

    /// Engine time.
    pub fn now(&self) -> UnixMillis {
        self.house.clock.now()
    }

    /// Engine time minus wall clock, milliseconds.
    pub fn clock_offset_ms(&self) -> i64 {
        self.house.clock.offset_ms()
    }

    /// State of the journal.
    pub fn health(&self) -> Health {
        self.house.front.vitals.health()
    }

    /// Follows [`Engine::health`].
    pub fn health_watch(&self) -> tokio::sync::watch::Receiver<Health> {
        self.house.health.subscribe()
    }

    /// One command, answered when what it rests on is durable. Not cancelled by dropping the
    /// future: what was pushed happens, and a retry finds it.
    pub async fn ask(
        &self,
        run: &Arc<RunEntry>,
        command: Command,
        deadline: UnixMillis,
    ) -> Outcome {
        if let Some(answer) = self.refuse_early(run, &command)? {
            return Ok(answer);
        }
        let run = self.house.front.permit_for(Arc::clone(run), &command)?;
        let (shard, lane) = (usize::from(run.shard), Lane::of(&command));
        let (post, answer) = Back::one(Work::new(run, command, deadline, 0));
        self.push(shard, lane, post);
        answer.await.unwrap_or(Err(Fault::Draining))
    }

    /// A session: commands in any number, answers as they become durable.
    pub fn session(&self) -> Session {
        let shards = self.house.shards.len();
        Session {
            engine: self.clone(),
            sink: Arc::new(Sink::default()),
            heaps: (0..shards * 2).map(|_| None).collect(),
            spare: Vec::new(),
            spare_room: 0,
            taken: Vec::new(),
            unanswered: 0,
        }
    }

    /// What readers see of a run, without waking it: published words, its snapshot, or its plan.
    ///
    /// # Errors
    /// Quarantined when the run's snapshot cannot be read.
    pub async fn table(&self, run: &Arc<RunEntry>) -> Result<RunTable, Fault> {
        if let Some(why) = run.refused.load_full() {
            return Err(Fault::Quarantined { run: run.id, why: Arc::from(why.as_str()) });
        }
        if let Some(published) = run.published.load_full() {
            return Ok(RunTable::published(run.id, published));
        }
        if !run.journaled.load(Relaxed) {
            let plan = run.plan();
            let extra = run.extra.load(Relaxed);
            let created = self.house.front.calendar.run_created(&plan, run.id.start_date, extra);
            return Ok(RunTable::untouched(plan, created));
        }
        self.cold_table(run).await
    }

    /// Figures of all shards together, and the items waiting in their queues.
    pub async fn stats(&self) -> (ShardStats, usize) {
        let mut sum = ShardStats::default();
        let mut depth = 0;
        for shard in &self.house.shards {
            depth += shard.depth();
            if let Some(stats) = shard.call(WorkerMessage::Stats).await {
                sum = sum.and(stats);
            }
        }
        (sum, depth)
    }

    /// Messages waiting in the queues of all shards.
    pub fn queued(&self) -> usize {
        self.house.shards.iter().map(|shard| shard.depth()).sum()
    }

    /// Version and digest of a run that is in memory, for comparing a live node with its log.
    pub async fn digest(&self, run: &RunEntry) -> Option<(Version, String)> {
        let shard = &self.house.shards[usize::from(run.shard)];
        let id: RunId = run.id;
        shard.call(|reply| WorkerMessage::Digest(id, reply)).await.flatten()
    }

    /// Reads the commit log from frame `from` on; blocks, so not on a runtime's worker. What it
    /// gives ends with the last durable frame; `LogReader::follow_to` goes on from there.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn read_log(&self, from: Lsn) -> Result<LogReader, ScanError> {
        let until = Lsn(*self.house.durable_lsn.borrow());
        Ok(LogReader::open_at(&self.house.stores.dir().log(), from)?.until(until))
    }

    /// Follows the last durable frame.
    pub fn durable_lsn(&self) -> tokio::sync::watch::Receiver<u64> {
        self.house.durable_lsn.subscribe()
    }

    fn refuse_early(
        &self,
        run: &Arc<RunEntry>,
        command: &Command,
    ) -> Result<Option<Answer>, Fault> {
        let refused = self.house.front.refuse_early(run, command, || self.now())?;
        if refused.is_some() {
            self.house.figures.fast_refusals.fetch_add(1, Relaxed);
        }
        Ok(refused)
    }

    fn push(&self, shard: usize, lane: Lane, post: Post) {
        let shared = &self.house.shards[shard];
        if let Err(back) = shared.queue(lane).push(post) {
            let what = "the queue of this shard";
            let retry_after = Millis(RETRY_OVERLOADED_MS);
            reply::fail(back, &Fault::Overloaded { what, retry_after });
        }
        shared.wake();
    }
}

/// See [`Session::poll_told`].
pub const ANSWERS_AHEAD: [usize; 4] = [8, 6, 4, 2];

/// Commands for which a session keeps room in parcels that came back: a full message for each lane
/// of two shards. A session that waits for nothing keeps less than two megabytes.
const SPARE_COMMANDS: usize = 4_096;

/// A caller's stream of commands. Commands to one run keep their order within a lane.
pub struct Session {
    engine: Engine,
    sink: Arc<Sink>,
    /// Commands not pushed yet: per shard, finish lane and take lane.
    heaps: Vec<Option<Post>>,
    /// Parcels answered and taken, for their memory.
    spare: Vec<Post>,
    /// Commands for which these have room.
    spare_room: usize,
    taken: Vec<Post>,
    unanswered: usize,
}

impl Session {
    /// Adds a command; [`Session::flush`] pushes it. Gives the outcome if it needs no queue;
    /// otherwise `tag` comes back with it.
    pub fn add(
        &mut self,
        tag: u64,
        run: Arc<RunEntry>,
        command: Command,
        deadline: UnixMillis,
    ) -> Option<Outcome> {
        match self.engine.refuse_early(&run, &command) {
            Ok(None) => {}
            Ok(Some(answer)) => return Some(Ok(answer)),
            Err(fault) => return Some(Err(fault)),
        }
        let lane = Lane::of(&command);
        let run = match self.engine.front().permit_for(run, &command) {
            Ok(permit) => permit,
            Err(fault) => return Some(Err(fault)),
        };
        let heap = usize::from(run.shard) * 2 + usize::from(lane == Lane::Take);
        let post = self.heaps[heap].get_or_insert_with(|| match self.spare.pop() {
            Some(mut post) => {
                self.spare_room -= post.works.capacity();
                post.reuse(Back::to_sink(&self.sink));
                post
            }
            None => Box::new(Parcel::new(Back::to_sink(&self.sink))),
        });
        post.works.push(Work::new(run, command, deadline, tag));
        post.to.owed += 1;
        self.unanswered += 1;
        None
    }

    /// Pushes what was added: one parcel for each (shard, lane).
    pub fn flush(&mut self) {
        for at in 0..self.heaps.len() {
            if let Some(post) = self.heaps[at].take() {
                let lane = if at % 2 == 1 { Lane::Take } else { Lane::Finish };
                self.engine.push(at / 2, lane, post);
            }
        }
    }

    /// Commands that were added and whose answer has not been taken.
    pub fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// The answers that have come, as soon as there is one; for callers that wait for them alone.
    ///
    /// # Errors
    /// See [`Session::poll_told`].
    pub async fn told(&mut self) -> Result<Vec<(u64, Outcome)>, Lost> {
        let mut all = Vec::new();
        let poll = |cx: &mut Context<'_>| {
            let tell = |work: &Work, outcome: &Outcome| all.push((work.tag, outcome.clone()));
            self.poll_told(cx, |_, _| {}, tell)
        };
        core::future::poll_fn(poll).await?;
        Ok(all)
    }

    /// Gives every answer that has come to `tell`; pending while there is none. To be polled by one
    /// task. `foresee` is given each some answers before, at every distance of [`ANSWERS_AHEAD`]
    /// (its place there comes with it), so that what its words need is fetched by then.
    ///
    /// # Errors
    /// What is not answered by now never will be: the node is going.
    pub fn poll_told(
        &mut self,
        cx: &mut Context<'_>,
        foresee: impl Fn(usize, &Work),
        mut tell: impl FnMut(&Work, &Outcome),
    ) -> Poll<Result<(), Lost>> {
        let mut taken = core::mem::take(&mut self.taken);
        let polled = self.sink.poll_take(cx, &mut taken);
        let all = || taken.iter().flat_map(|post| &post.works);
        let mut ahead = ANSWERS_AHEAD.map(|distance| all().skip(distance));
        for work in all() {
            for (step, ahead) in ahead.iter_mut().enumerate() {
                if let Some(work) = ahead.next() {
                    foresee(step, work);
                }
            }
            if let Some(outcome) = work.outcome() {
                self.unanswered -= 1;
                tell(work, outcome);
            }
        }
        for mut post in taken.drain(..) {
            post.works.clear();
            if self.spare_room + post.works.capacity() <= SPARE_COMMANDS {
                self.spare_room += post.works.capacity();
                self.spare.push(post);
            }
        }
        self.taken = taken;
        polled
    }
}
