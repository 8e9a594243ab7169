//! The engine as its users hold it: ask, look, be told. Cheap to clone.
//!
//! Commands go through the queues of their run's shard; reads never do. Every mutation is answered
//! once, after what it rests on is durable.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use berth_inventory::{Answer, Command, Millis, Run, RunId, UnixMillis, Version};
use berth_node::{
    Fault, Front, Health, Lane, Outcome, Published, RETRY_OVERLOADED_MS, RunEntry, RunTable,
    ShardStats, Work,
};

use berth_persistence::{LogReader, Lsn, ScanError};

use crate::engine::House;
use crate::reply::{Sink, Ticket};
use crate::shared::Item;
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
        let permit = self.house.front.permit(run)?;
        let (ticket, answer) = Ticket::one(permit);
        let lane = Lane::of(&command);
        let work = Work { run: Arc::clone(run), command, deadline, ticket: Some(ticket) };
        self.push(usize::from(run.shard), lane, Item::One(work));
        answer.await.unwrap_or(Err(Fault::Draining))
    }

    /// A session: commands in any number, answers as they become durable.
    pub fn session(&self) -> Session {
        let shards = self.house.shards.len();
        Session {
            engine: self.clone(),
            sink: Arc::new(Sink::default()),
            heaps: (0..shards * 2).map(|_| Vec::new()).collect(),
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
        let (house, entry) = (Arc::clone(&self.house), Arc::clone(run));
        let read = tokio::task::spawn_blocking(move || {
            house.stores.last_version(&entry).map(|run| run.map(|run: Run| Published::of(&run)))
        });
        let quarantined = |why: String| Fault::Quarantined { run: run.id, why: Arc::from(why) };
        let published = read.await.map_err(|panic| quarantined(panic.to_string()))?;
        let Some(published) = published.map_err(quarantined)? else {
            // Numbered and sold nothing yet: its first event is on its way.
            let plan = run.plan();
            let created = self.house.front.calendar.run_created(&plan, run.id.start_date, false);
            return Ok(RunTable::untouched(plan, created));
        };
        // Only into an empty place: a run that woke meanwhile has published something newer.
        let fresh = Arc::new(published);
        let none: Option<Arc<Published>> = None;
        run.published.compare_and_swap(&none, Some(Arc::clone(&fresh)));
        Ok(RunTable::published(run.id, run.published.load_full().unwrap_or(fresh)))
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
        self.house.front.vitals.admit(command)?;
        match command {
            Command::Reserve(reserve) => {
                let refused = self.house.front.fast_refusal(run, reserve, self.now());
                self.house.figures.fast_refusals.fetch_add(u64::from(refused.is_some()), Relaxed);
                Ok(refused)
            }
            _ => Ok(None),
        }
    }

    fn push(&self, shard: usize, lane: Lane, item: Item) {
        let shared = &self.house.shards[shard];
        if let Err(back) = shared.queue(lane).push(item) {
            let full = || Fault::Overloaded {
                what: "the queue of this shard",
                retry_after: Millis(RETRY_OVERLOADED_MS),
            };
            let works = match back {
                Item::One(work) => vec![work],
                Item::Many(works) => works,
            };
            for ticket in works.into_iter().filter_map(|work| work.ticket) {
                ticket.complete(Err(full()));
            }
        }
        shared.wake();
    }
}

/// A caller's stream of commands. Commands to one run keep their order within a lane.
pub struct Session {
    engine: Engine,
    sink: Arc<Sink>,
    /// Commands not pushed yet: per shard, finish lane and take lane.
    heaps: Vec<Vec<Work<Ticket>>>,
}

impl Session {
    /// Adds a command; [`Session::flush`] pushes it. `correlation` comes back with the answer.
    pub fn add(
        &mut self,
        correlation: u64,
        run: &Arc<RunEntry>,
        command: Command,
        deadline: UnixMillis,
    ) {
        let early = self.engine.refuse_early(run, &command);
        let permit = match early {
            Ok(None) => self.engine.front().permit(run),
            Ok(Some(answer)) => return self.sink.put_now(correlation, Ok(answer)),
            Err(fault) => Err(fault),
        };
        match permit {
            Ok(permit) => {
                let ticket = Ticket::of(&self.sink, correlation, permit);
                let lane = Lane::of(&command);
                let work = Work { run: Arc::clone(run), command, deadline, ticket: Some(ticket) };
                self.heaps[usize::from(run.shard) * 2 + usize::from(lane == Lane::Take)].push(work);
            }
            Err(fault) => self.sink.put_now(correlation, Err(fault)),
        }
    }

    /// Answers a command that never reached a run (a refusal before it, a fault of the message).
    pub fn answer(&self, correlation: u64, outcome: Outcome) {
        self.sink.put_now(correlation, outcome);
    }

    /// Pushes what was added: one item for each (shard, lane).
    pub fn flush(&mut self) {
        for at in 0..self.heaps.len() {
            let works = core::mem::take(&mut self.heaps[at]);
            if !works.is_empty() {
                let lane = if at % 2 == 1 { Lane::Take } else { Lane::Finish };
                self.engine.push(at / 2, lane, Item::Many(works));
            }
        }
    }

    /// Where the answers arrive; to be polled by one task.
    pub fn sink(&self) -> &Arc<Sink> {
        &self.sink
    }

    /// Commands without an answer taken.
    pub fn unanswered(&self) -> usize {
        self.sink.unanswered()
    }
}
