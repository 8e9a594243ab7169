//! The journal thread: forms groups, makes them durable, publishes, then answers. In this order.
//!
//! It swaps every shard's batch for an empty one, writes them as one frame with one append and one
//! sync, without linger and without spinning; while it syncs, the next group fills. A failed append
//! or sync ends the journal for good: whoever waits is told, now and later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use berth_node::{Batch, Front, Health, LogPoint};
use berth_persistence::{CommitLog, Durability, LogError, NONE_WRITE_EVERY_MS, NodeRecord};
use tokio::sync::watch;

use crate::kick::Kick;
use crate::reply::{Back, Sink, fail, hand_over};
use crate::shared::{LogEnd, ShardShared};

const NONE_WRITE_EVERY: Duration = Duration::from_millis(NONE_WRITE_EVERY_MS);
/// Under `process` and `none` the log is fdatasynced behind the callers this often, so that
/// snapshots may rest on it.
const SETTLE_EVERY: Duration = Duration::from_secs(1);

/// Wakes the journal thread: something waits to be written, or it should look whether it must stop.
pub(crate) type JournalHandle = Arc<Kick>;

/// What the journal thread is made of.
pub(crate) struct Journal {
    pub log: Box<dyn CommitLog>,
    pub durability: Durability,
    pub shards: Vec<Arc<ShardShared>>,
    pub front: Arc<Front>,
    pub health: watch::Sender<Health>,
    pub log_end: Arc<LogEnd>,
    pub stop: Arc<AtomicBool>,
    /// The last durable frame, for those who follow the log.
    pub durable_lsn: watch::Sender<u64>,
    /// The last frame that survives a power cut; the same under `power`.
    pub settled: watch::Sender<u64>,
    pub figures: Arc<crate::engine::Figures>,
    /// Where the answers of single calls go.
    pub calls: Arc<Sink>,
    /// Told when the thread itself dies.
    pub fatal: crate::supervisor::Fatal,
}

impl Journal {
    /// Starts the thread. It ends after `stop` is set and everything is written, with the log.
    pub fn start(self, handle: &JournalHandle) -> std::io::Result<JoinHandle<Box<dyn CommitLog>>> {
        let kick = Arc::clone(handle);
        let fatal = self.fatal.clone();
        let thread = std::thread::Builder::new().name("berth-journal".into()).spawn(move || {
            let run = std::panic::AssertUnwindSafe(|| self.run(&kick));
            match std::panic::catch_unwind(run) {
                Ok(log) => log,
                Err(panic) => {
                    fatal.send_replace(Some("the journal thread died of a panic".to_owned()));
                    std::panic::resume_unwind(panic)
                }
            }
        })?;
        handle.attach(thread.thread().clone());
        Ok(thread)
    }

    fn run(mut self, kick: &Kick) -> Box<dyn CommitLog> {
        let mut group: Vec<_> = self.shards.iter().map(|_| Batch::new(0)).collect();
        let (mut written, mut settled) = (Instant::now(), Instant::now());
        loop {
            let stopping = self.stop.load(SeqCst);
            let worked = self.commit(&mut group);
            if self.durability == Durability::None
                && (written.elapsed() >= NONE_WRITE_EVERY || stopping)
            {
                written = Instant::now();
                self.sync_behind(Durability::Process);
            }
            if self.durability != Durability::Power
                && (settled.elapsed() >= SETTLE_EVERY || stopping)
            {
                settled = Instant::now();
                self.sync_behind(Durability::Power);
            }
            if worked {
                continue;
            }
            if stopping {
                return self.log;
            }
            kick.wait(match self.durability {
                Durability::None => Some(NONE_WRITE_EVERY),
                Durability::Process => Some(SETTLE_EVERY),
                Durability::Power => None,
            });
        }
    }

    /// Under the weaker words: what was told long ago is brought to the disk behind the caller.
    fn sync_behind(&mut self, how: Durability) {
        let end = self.log.end().lsn.0;
        if how == Durability::Power && *self.settled.borrow() == end {
            return;
        }
        match self.log.sync(how) {
            Ok(()) if how == Durability::Power => {
                self.settled.send_replace(end);
            }
            Ok(()) => {
                self.durable_lsn.send_replace(end);
            }
            Err(fault) => self.fail(&fault),
        }
    }

    /// One group; whether there was anything to do.
    fn commit(&mut self, group: &mut [Batch<Back>]) -> bool {
        let mut worked = false;
        for (shard, spare) in self.shards.iter().zip(&mut *group) {
            let mut batch = shard.batch();
            spare.reuse(batch.number);
            if !batch.is_empty() {
                worked = true;
                spare.number = batch.number + 1;
                core::mem::swap(&mut *batch, spare);
            }
        }
        if !worked {
            return false;
        }
        let outcome = self.write(group);
        if let Err(fault) = &outcome {
            self.fail(fault);
        }
        let fault = self.front.vitals.journal_fault();
        let lsn = self.log.end().lsn.0;
        let mut woken = Vec::new();
        for (shard, batch) in self.shards.iter().zip(group) {
            if batch.is_empty() {
                continue;
            }
            match &fault {
                None => {
                    batch.publish();
                    shard.set_durable(batch.number, lsn);
                    let done = batch.done.drain(..);
                    done.for_each(|post| hand_over(post, Some(&self.calls), &mut woken));
                }
                // Whether a parked command took effect is unknown until the disk is read again:
                // that is said to everybody, answers that rest on the lost group included.
                Some(fault) => {
                    batch.done.drain(..).for_each(|post| fail(post, fault));
                    shard.group_failed();
                }
            }
        }
        for sink in &woken {
            sink.wake();
        }
        true
    }

    fn write(&mut self, group: &[Batch<Back>]) -> Result<(), LogError> {
        let sections: Vec<_> = group
            .iter()
            .enumerate()
            .filter(|(_, batch)| !batch.section.is_empty())
            .map(|(shard, batch)| (shard as u16, &batch.section))
            .collect();
        if sections.is_empty() {
            // Only answers that waited for an earlier group: nothing to write.
            return Ok(());
        }
        let bytes: usize = sections.iter().map(|(_, section)| section.len_bytes()).sum();
        let begun = Instant::now();
        let lsn = self.log.append(&[], &sections)?;
        let appended = Instant::now();
        self.log.sync(self.durability)?;
        self.figures.groups.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        metrics::histogram!("berth_journal_group_bytes").record(bytes as f64);
        metrics::histogram!("berth_journal_sync_seconds").record(appended.elapsed().as_secs_f64());
        metrics::histogram!("berth_journal_group_seconds").record(begun.elapsed().as_secs_f64());
        self.log_end.set(LogPoint { lsn: lsn.0 + 1, bytes: self.log.bytes() });
        if self.durability != Durability::None {
            self.durable_lsn.send_replace(lsn.0);
        }
        if self.durability == Durability::Power {
            self.settled.send_replace(lsn.0);
        }
        Ok(())
    }

    fn fail(&self, fault: &LogError) {
        if self.front.vitals.journal_fault().is_none() {
            tracing::error!(%fault, "the journal failed; mutations are refused until a restart");
        }
        self.front.vitals.fail_journal(&fault.to_string());
        self.health.send_replace(Health::JournalFailed);
        // What waits for a run that is away on what needs the journal has asked for no group.
        self.shards.iter().for_each(|shard| shard.wake());
    }
}

impl Journal {
    /// Writes a node record of its own frame before the thread starts or after it ended.
    pub fn record(log: &mut dyn CommitLog, record: NodeRecord) -> Result<u64, LogError> {
        let lsn = log.append(&[record], &[])?;
        log.sync(Durability::Power)?;
        Ok(lsn.0)
    }
}
