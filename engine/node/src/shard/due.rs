//! What falls due in a shard: deadlines of holds, runs that nobody asks any more, snapshots that
//! keep a restart short. A bounded part of it in each step, so that commands never wait long; the
//! rest follows as earlier work ends, and [`Shard::next_look`] says when somebody must look again.

use berth_inventory::{Command, Millis, UnixMillis, planted};

use super::slot::{Errand, Live, LogPoint, Place, Slot};
use super::slots::Seat;
use super::{Shard, Surroundings};
use crate::alarms::{Alarm, Alarms, Why};
use crate::ask::{Lane, Way};
use crate::batch::Batch;
use crate::settings::{
    LEAVE_AT_ONCE, LEAVE_EVERY_MS, SNAPSHOTS_AT_ONCE, SNAPSHOTS_AT_ONCE_STOPPING,
};

/// Alarms of one step.
const ALARMS_AT_ONCE: usize = 2_048;
/// When a run that is idle but busy for the moment is looked at again, milliseconds.
const REST_AGAIN_MS: u64 = 1_000;
/// How often the end of the log moves the point up to which runs are snapshotted, milliseconds.
const SWEEP_MS: u64 = 1_000;

impl<T: Way> Shard<T> {
    /// Looks at what is due at `now`, as far as the group has room.
    pub(super) fn look(&mut self, now: UnixMillis, batch: &mut Batch<T>) {
        if self.draining {
            return;
        }
        for alarm in core::mem::take(&mut self.fired) {
            self.expire(alarm, now, batch);
        }
        for _ in 0..ALARMS_AT_ONCE {
            let Some(alarm) = self.around.alarms.take(now) else { break };
            match alarm.why {
                Why::Rest => self.rest(alarm.run, now),
                Why::Expiry => self.expire(alarm, now, batch),
            }
            if !self.fired.is_empty() && !batch.has_room(Lane::Finish, self.shards()) {
                break;
            }
        }
        self.settle_alarms();
        self.leave(now);
        self.sweep(now);
    }

    /// Sees to it that the next alarm has a reason, so that nobody is woken in vain.
    fn settle_alarms(&mut self) {
        for _ in 0..ALARMS_AT_ONCE {
            let Some(alarm) = self.around.alarms.next() else { return };
            let mut slot = self.slots.at(alarm.run);
            let reason = slot.as_mut().and_then(|slot| match (alarm.why, &slot.place) {
                (Why::Rest, _) => Some(slot.touched.saturating_add(Millis(self.idle_ms))),
                (Why::Expiry, Place::Here(live)) if live.alarm == alarm.at => {
                    live.run.next_deadline()
                }
                // Away: its deadlines are minded again when it is back.
                (Why::Expiry, _) => None,
            });
            if reason.is_some_and(|reason| reason <= alarm.at) {
                return;
            }
            self.around.alarms.take(alarm.at);
            match (alarm.why, reason, slot.map(|slot| &mut slot.place)) {
                (Why::Rest, Some(reason), _) => {
                    self.around.alarms.set(reason, Why::Rest, alarm.run);
                }
                (Why::Expiry, reason, Some(Place::Here(live))) if live.alarm == alarm.at => {
                    live.alarm = UnixMillis::MAX;
                    self.around.mind(live, reason.unwrap_or(UnixMillis::MAX));
                }
                _ => {}
            }
        }
    }

    /// When the next look is due, though nobody asks; `None` when nothing is, or when what is waits
    /// for a group, whose end is a look.
    pub fn next_look(&self) -> Option<UnixMillis> {
        if self.draining || self.has_backlog() {
            return None;
        }
        let leave = (!self.leaving.is_empty()).then_some(self.leave_at);
        [self.around.alarms.next().map(|alarm| alarm.at), leave].into_iter().flatten().min()
    }

    /// Holds of one run whose deadline has come expire.
    fn expire(&mut self, alarm: Alarm, now: UnixMillis, batch: &mut Batch<T>) {
        let shards = self.shards();
        let mut before = None;
        loop {
            let Some(slot) = self.slots.at(alarm.run) else { return };
            let (touched, may_go_on) =
                (slot.touched, slot.waiting.is_empty() && slot.may_go_on(batch.number));
            // Away: its deadlines are minded again when it is back.
            let Place::Here(live) = &mut slot.place else { return };
            if live.alarm != alarm.at {
                return;
            }
            let Some((hold, at)) = live.run.first_due() else {
                live.alarm = UnixMillis::MAX;
                return;
            };
            if at > now || before == Some(hold) {
                // Never, but if it ever were the case it would be so for ever.
                debug_assert!(before != Some(hold), "hold {hold} did not expire");
                let next = if at > now { at } else { now.saturating_add(Millis(REST_AGAIN_MS)) };
                live.alarm = UnixMillis::MAX;
                // expiry-in-time
                let next = if planted!("lost-alarm") { UnixMillis::MAX } else { next };
                return self.around.mind(live, next);
            }
            if !may_go_on || !batch.has_room(Lane::Finish, shards) {
                return self.fired.push(alarm);
            }
            before = Some(hold);
            let entry = std::sync::Arc::clone(&slot.entry);
            self.execute_own(&entry, Command::Expire(hold), now, batch);
            // A timer is no sign of interest: it does not keep a run from going cold.
            if let Some(slot) = self.slots.at(alarm.run) {
                slot.touched = touched;
            }
        }
    }

    /// Looks whether a run has had its time without a command.
    fn rest(&mut self, run: Seat, now: UnixMillis) {
        let Some(slot) = self.slots.at(run) else { return };
        match slot.rests(self.idle_ms, self.around.durable, now) {
            Ok(()) => self.leaving.push_back(run),
            Err(again) => {
                self.around.alarms.set(again, Why::Rest, run);
            }
        }
    }

    /// Runs that had their time leave: those with a snapshot at once, the others with one more.
    fn leave(&mut self, now: UnixMillis) {
        if self.leaving.is_empty() || now < self.leave_at {
            return;
        }
        self.leave_at = now.saturating_add(Millis(LEAVE_EVERY_MS));
        for _ in 0..LEAVE_AT_ONCE {
            if !self.may_snapshot() {
                return;
            }
            let Some(run) = self.leaving.pop_front() else { return };
            let Some(slot) = self.slots.at(run) else { continue };
            // Somebody may have asked since it was lined up.
            if let Err(again) = slot.rests(self.idle_ms, self.around.durable, now) {
                self.around.alarms.set(again, Why::Rest, run);
            } else if slot.dirty.is_none() {
                let Place::Here(live) = &slot.place else { continue };
                let (id, version) = (slot.entry.id, live.run.version());
                self.go_cold(id, version);
            } else {
                self.lend(run, Errand::Passivate);
            }
        }
        if self.leaving.is_empty() {
            self.leaving.shrink_to_fit();
        }
    }

    /// The log has grown: runs whose first event without snapshot is too far back are snapshotted.
    fn sweep(&mut self, now: UnixMillis) {
        if now.since(self.swept).0 >= SWEEP_MS {
            self.swept = now;
            self.keep_restart_short(self.around.log_end);
        } else {
            self.snapshot_wanted();
        }
    }

    /// As a drain does once in a while, for a shard that nobody asks: its neighbours' events make
    /// the log grow too.
    pub fn keep_restart_short(&mut self, log_end: LogPoint) {
        self.around.log_end = log_end;
        let bound = log_end.bytes.saturating_sub(self.checkpoint_bytes / 2);
        self.wanted_bytes = self.wanted_bytes.max(bound);
        self.around.dirty.tidy(&self.slots);
        self.snapshot_wanted();
    }

    /// Goes on with the snapshots that are wanted, oldest event first, as many at once as may be.
    pub(super) fn snapshot_wanted(&mut self) {
        let mut place = 0;
        while let Some((point, run)) = self.around.dirty.at(place, &self.slots) {
            if point.bytes >= self.wanted_bytes || !self.may_snapshot() {
                return;
            }
            let Some(slot) = self.slots.at(run) else { return };
            if slot.dirty == Some(point) && slot.snapshot_under_way.is_none() {
                self.lend(run, Errand::Encode);
            }
            place += 1;
        }
    }

    /// Whether one more snapshot may be under way.
    fn may_snapshot(&mut self) -> bool {
        let most = if self.draining { SNAPSHOTS_AT_ONCE_STOPPING } else { SNAPSHOTS_AT_ONCE };
        if self.under_way.len() >= most {
            let slots = &self.slots;
            let goes_on =
                |run: &Seat| slots.see(*run).is_some_and(|slot| slot.snapshot_under_way.is_some());
            self.under_way.retain(goes_on);
        }
        self.under_way.len() < most
    }

    /// Has every dirty run snapshotted, for a clean stop; to be called until none is dirty. Returns
    /// how many are, at most.
    pub fn snapshot_all(&mut self) -> usize {
        if let Some(last) = self.around.dirty.last() {
            self.wanted_bytes = self.wanted_bytes.max(last.bytes + 1);
        }
        self.snapshot_wanted();
        self.around.dirty.len()
    }
}

impl<T> Slot<T> {
    /// Whether the run may leave memory, or when that is to be asked again.
    fn rests(&self, idle_ms: u64, durable: u64, now: UnixMillis) -> Result<(), UnixMillis> {
        let rested = self.touched.saturating_add(Millis(idle_ms));
        if now < rested {
            return Err(rested);
        }
        let again = now.saturating_add(Millis(REST_AGAIN_MS));
        let Place::Here(live) = &self.place else { return Err(again) };
        if let Some(deadline) = live.run.next_deadline() {
            return Err(deadline.max(again));
        }
        let is_told = self.dirty.is_some() || self.last_batch <= durable;
        let is_quiet = self.waiting.is_empty() && self.snapshot_under_way.is_none() && is_told;
        if is_quiet { Ok(()) } else { Err(again) }
    }
}

impl<T> Surroundings<T> {
    /// Has the run looked at when it may have had its time without a command.
    pub(super) fn mind_rest(&mut self, slot: &Slot<T>, idle_ms: u64) {
        self.alarms.set(slot.touched.saturating_add(Millis(idle_ms)), Why::Rest, slot.seat);
    }

    /// Has an alarm ring for the run's earliest deadline, unless one rings before.
    #[inline]
    pub(super) fn mind(&mut self, live: &mut Live, next: UnixMillis) {
        if Alarms::rings_before(next, live.alarm) {
            live.alarm = self.alarms.set(next, Why::Expiry, live.seat);
        }
    }
}
