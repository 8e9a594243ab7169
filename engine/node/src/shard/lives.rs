//! The life of a slot: loaded, lent for a snapshot, going cold, lost and rebuilt.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use berth_inventory::{Command, Millis, Run, RunCreated, RunId, UnixMillis, Version, planted};

use super::slot::{Errand, Live, LogPoint, Place, Slot};
use super::slots::Seat;
use super::{Effect, Job, JobDone, Shard, Surroundings};
use crate::alarms::Why;
use crate::ask::{Fault, Way};
use crate::batch::Batch;
use crate::directory::RunEntry;
use crate::published::Published;

/// Grace for the live holds of a recovered run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    /// Holds with an earlier deadline get this one.
    pub until: UnixMillis,
    /// The last durable stamp before the restart.
    pub as_of: UnixMillis,
    /// Grace on top of a hold's 15 minutes.
    pub span: Millis,
}

impl<T: Way> Shard<T> {
    /// A run that recovery replayed: live before the listeners answer.
    pub fn install(
        &mut self,
        entry: &Arc<RunEntry>,
        run: Box<Run>,
        dirty: Option<LogPoint>,
        grace: Option<Grace>,
        now: UnixMillis,
        batch: &mut Batch<T>,
    ) {
        let published = Arc::new(Published::of(&run));
        entry.published.store(Some(Arc::clone(&published)));
        let mut slot = Slot::new(Arc::clone(entry), Place::Away(Errand::Load), now);
        slot.dirty = dirty;
        let slot = self.slots.insert(slot);
        if let Some(point) = dirty {
            self.around.dirty.push(point, slot.seat);
        }
        self.around.mind_rest(slot, self.idle_ms);
        self.around.come_home(slot, run, published, None);
        // grace
        if let Some(Grace { until, as_of, span }) = grace.filter(|_| !planted!("grace-forgotten")) {
            self.execute_own(entry, Command::Grace { until, as_of, span }, now, batch);
        }
    }

    /// A job came back. An answer to an older hand-over is dropped.
    pub fn finished(
        &mut self,
        id: RunId,
        epoch: u32,
        done: JobDone,
        now: UnixMillis,
        batch: &mut Batch<T>,
    ) {
        // replay-is-memory
        let any = planted!("late-state-accepted");
        let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.epoch == epoch || any) else {
            return;
        };
        let Place::Away(errand) = slot.place else { return };
        match (errand, done) {
            (
                Errand::Load | Errand::Rebuild,
                JobDone::Loaded { run, published, lacks_snapshot },
            ) => {
                if lacks_snapshot && slot.dirty.is_none() {
                    // As if its last event came now: it leaves memory with a snapshot.
                    let point = self.around.log_end;
                    slot.dirty = Some(point);
                    self.around.dirty.push(point, slot.seat);
                }
                slot.entry.published.store(Some(Arc::clone(&published)));
                self.around.come_home(slot, run, published, None);
            }
            (Errand::Load | Errand::Rebuild, JobDone::Fresh { run, published, created }) => {
                if slot.entry.index.get().is_none() {
                    self.around.directory.number(&slot.entry, run.plan());
                    // Numbered, but without an event until it sells something.
                    slot.entry.journaled.store(false, Relaxed);
                }
                self.around.come_home(slot, run, published, Some(created));
            }
            (Errand::Encode, JobDone::Encoded(run)) => self.around.give_back(slot, run),
            (Errand::Passivate, JobDone::Passivated(run)) => {
                slot.snapshotted(run.version());
                // no-panic
                let idle = slot.waiting.is_empty() || planted!("cold-with-a-queue");
                if idle && slot.dirty.is_none() {
                    return self.go_cold(id, run.version());
                }
                self.around.mind_rest(slot, self.idle_ms);
                self.around.give_back(slot, run);
            }
            (Errand::Encode | Errand::Passivate, JobDone::Failed { why, run: Some(run) }) => {
                // The keeper of snapshots says it once for all runs.
                tracing::debug!(run = %id, why, "snapshot failed; the log keeps the events");
                slot.snapshot_under_way = None;
                if errand == Errand::Passivate {
                    // Not at once again: what failed fails for all runs, and mostly for long.
                    let again = now.saturating_add(Millis(self.idle_ms));
                    self.around.alarms.set(again, Why::Rest, slot.seat);
                }
                self.around.give_back(slot, run);
            }
            (_, JobDone::Failed { why, .. }) => return self.take_out_of_service(id, &why),
            (errand, _) => unreachable!("an errand of {errand:?} came back with another's result"),
        }
        if errand == Errand::Load {
            self.around.stats.activations += 1;
        }
        // everything-answered
        if !planted!("lost-wake-up") {
            self.backlog.push_back(id);
        }
        self.work_off_backlog(now, batch);
    }

    /// A checkpoint snapshot of `version` is durable.
    pub fn snapshot_durable(&mut self, id: RunId, version: Version) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.snapshotted(version);
        }
        self.snapshot_wanted();
    }

    /// A checkpoint snapshot of `version` could not be kept: another is taken in time.
    pub fn snapshot_failed(&mut self, id: RunId, version: Version) {
        if let Some(slot) = self.slots.get_mut(id)
            && slot.snapshot_under_way == Some(version)
        {
            slot.snapshot_under_way = None;
        }
    }

    /// The run's actor died with whatever it had: the state is rebuilt from the journal.
    pub fn died(&mut self, id: RunId, epoch: u32, now: UnixMillis) {
        let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.epoch == epoch) else {
            return;
        };
        // What it was to keep is not kept, even if it has given the state back.
        slot.snapshot_under_way = None;
        let Place::Away(errand) = slot.place else { return };
        self.around.stats.panics += 1;
        if errand == Errand::Passivate {
            self.around.mind_rest(slot, self.idle_ms);
        }
        // Its last words may arrive after the news of its death.
        self.around.raise_epoch(slot);
        if slot.panicked(now) {
            return self.take_out_of_service(id, "its actor died three times within a minute");
        }
        slot.place = Place::Away(Errand::Fence);
        self.fenced.push(id);
        self.lift_fences();
    }

    /// Runs lost to a panic are rebuilt once everything they wrote before is durable.
    pub(super) fn lift_fences(&mut self) {
        for id in core::mem::take(&mut self.fenced) {
            let Some(slot) = self.slots.get_mut(id) else { continue };
            // log-exact
            if slot.last_batch > self.around.durable && !planted!("fence-lifted-early") {
                self.fenced.push(id);
            } else if let Some(why) = slot.entry.refused.load_full() {
                self.take_out_of_service(id, &why);
            } else {
                slot.place = Place::Away(Errand::Rebuild);
                self.around.send(slot, Job::Rebuild);
            }
        }
    }

    /// Stopping: deadlines are left to the next start, for an expiry would only dirty a run again.
    pub fn leave_deadlines(&mut self) {
        self.draining = true;
    }

    /// The journal failed: what waits for a run whose errand needs a group, or for an answer that
    /// rests on one, would wait for ever. To be called at the end of a drain, for it may have added
    /// to these. A run that is loaded comes all the same, and then it can be read.
    pub fn fail_waiting(&mut self, fault: &Fault) {
        for slot in self.slots.iter_mut() {
            let Place::Away(errand) = slot.place else { continue };
            if matches!(errand, Errand::Fence | Errand::Rebuild | Errand::Passivate) {
                for waiting in slot.waiting.drain(..) {
                    self.around.give_up(waiting, fault.clone());
                }
            }
        }
        for mut parcel in core::mem::take(&mut self.around.late) {
            parcel.fail(fault);
            self.around.answers.push(parcel);
        }
    }

    /// Dirty runs, by name: what a stop that ran out of time did not snapshot.
    pub fn dirty_runs(&self) -> Vec<RunId> {
        let dirty = self.slots.iter().filter(|slot| slot.dirty.is_some());
        let mut dirty: Vec<_> = dirty.map(|slot| slot.entry.id).collect();
        dirty.sort_unstable();
        dirty
    }

    /// Hands the state to its actor for a snapshot.
    pub(super) fn lend(&mut self, run: Seat, errand: Errand) {
        let Some(slot) = self.slots.at(run) else { return };
        let place = core::mem::replace(&mut slot.place, Place::Away(errand));
        let Place::Here(live) = place else {
            slot.place = place;
            return;
        };
        self.under_way.push(run);
        slot.snapshot_under_way = Some(live.run.version());
        slot.dirty_next = None;
        slot.published = Some(live.published);
        let batch = slot.last_batch;
        // The run goes on after this: the frame of its last batch may come to hold more of it.
        let lsn = self.around.log_end.lsn.saturating_sub(1);
        let passivate = errand == Errand::Passivate;
        self.around.send(slot, Job::Snapshot { state: live.run, batch, lsn, passivate });
    }

    /// The run leaves memory; what is asked of it then is read from its snapshot.
    pub(super) fn go_cold(&mut self, id: RunId, version: Version) {
        if let Some(slot) = self.slots.remove(id) {
            debug_assert!(slot.waiting.is_empty(), "a run with waiting work went cold");
            self.around.stats.passivations += 1;
            slot.entry.go_cold(version);
            self.around.directory.note_left();
            self.around.effects.push(Effect::Stop(slot.entry));
        }
    }

    /// Its waiting commands are refused by name; so is everything later, until a restart.
    fn take_out_of_service(&mut self, id: RunId, why: &str) {
        tracing::error!(run = %id, why, "run is out of service");
        let Some(mut slot) = self.slots.remove(id) else { return };
        slot.entry.live.store(false, Relaxed);
        slot.entry.refused.store(Some(Arc::new(why.to_owned())));
        self.around.stats.holds -= slot.holds;
        self.abandoned = [self.abandoned, slot.dirty].into_iter().flatten().min();
        for waiting in slot.waiting.drain(..) {
            self.around.give_up(waiting, Fault::Quarantined { run: id, why: Arc::from(why) });
        }
        self.around.effects.push(Effect::Stop(slot.entry));
    }
}

impl<T> Surroundings<T> {
    /// A run's state enters its slot for the first time, or anew after a panic.
    fn come_home(
        &mut self,
        slot: &mut Slot<T>,
        run: Box<Run>,
        published: Arc<Published>,
        unborn: Option<Box<RunCreated>>,
    ) {
        let mut live = Live { run, published, seat: slot.seat, alarm: UnixMillis::MAX, unborn };
        let next = live.run.next_deadline().unwrap_or(UnixMillis::MAX);
        self.mind(&mut live, next);
        self.stats.holds += slot.count_holds(live.run.live_holds());
        if live.unborn.is_none() {
            self.known_plans.insert(live.run.plan().hash());
        }
        let _ = slot.entry.plan.set(Arc::clone(live.run.plan()));
        // no-sold-out-after-effect
        let known = live.run.remembered().filter(|_| !planted!("filter-not-seeded"));
        slot.entry.filter.seed(known);
        slot.entry.live.store(true, Relaxed);
        slot.place = Place::Here(live);
    }

    /// A lent state comes back.
    fn give_back(&mut self, slot: &mut Slot<T>, run: Box<Run>) {
        let published = slot.published.take().expect("lent with its published side");
        let alarm = UnixMillis::MAX;
        let mut live = Live { run, published, seat: slot.seat, alarm, unborn: None };
        let next = live.run.next_deadline().unwrap_or(UnixMillis::MAX);
        self.mind(&mut live, next);
        slot.place = Place::Here(live);
    }
}
