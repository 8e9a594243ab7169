//! Per command: decide, apply, encode, park. A panic costs the run its state, nobody else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use berth_inventory::{
    Answer, BerthIndex, Command, Event, Millis, Ruling, RunIndex, Said, UnixMillis, Version,
    planted,
};

use super::slot::{Errand, Live, Place, Slot};
use super::{EXPIRY_LATE_BOUNDS_MS, ShardStats, Surroundings};
use crate::ask::{Fault, Lane, Outcome, State, Work};
use crate::batch::Batch;
use crate::directory::RunEntry;
use crate::published::{Head, RowChange};
use crate::settings::{RETRY_RECOVERING_MS, RUN_PERMITS};

impl<T> Surroundings<T> {
    /// Executes one command of a run that is here and tells it; the batch on which that rests.
    pub(super) fn step(
        &mut self,
        slot: &mut Slot<T>,
        work: &mut Work,
        now: UnixMillis,
        batch: &mut Batch<T>,
    ) -> u64 {
        let State::Asked(command) = &mut work.state else {
            unreachable!("a command is executed once");
        };
        if let Command::Reserve(reserve) = &*command
            && work.run.is_fed_in_vain()
        {
            work.run.filter.feed(reserve.request.id);
        }
        let outcome = self.answer_to(slot, command, now, batch);
        // The fault of one that met a panic rests on nothing.
        let rests_on = if outcome.is_ok() { slot.last_batch } else { 0 };
        work.tell(outcome);
        rests_on
    }

    fn answer_to(
        &mut self,
        slot: &mut Slot<T>,
        command: &mut Command,
        now: UnixMillis,
        batch: &mut Batch<T>,
    ) -> Outcome {
        let Place::Here(live) = &mut slot.place else {
            unreachable!("only a run that is here executes");
        };
        let index = *slot.entry.index.get().expect("a live run has its number");
        let before = batch.section.len_bytes();
        let own = (slot.last_batch == batch.number).then_some(slot.publication);
        let mark = batch.mark(own);
        self.give_names(live, index, command);
        let command = &*command;
        #[cfg(test)]
        let trap = self.trap;
        let forgotten = live.run.forgotten();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let outcome = self.decide_and_apply(live, &slot.entry, own, index, command, now, batch);
            // The trap of the tests springs when everything of the command is in the batch.
            #[cfg(test)]
            assert!(!trap.is_some_and(|trap| trap(command)), "the test's trap");
            outcome
        }));
        self.stats.executed += 1;
        // Only this lane brings ids that may be refused fast; it is first in, first out.
        slot.executed += u32::from(Lane::of(command) == Lane::Take);
        let Ok((answer, wrote)) = outcome else {
            batch.truncate(&mark);
            return Err(self.lost(slot, now));
        };
        if slot.executed >= RUN_PERMITS {
            slot.executed = 0;
            slot.entry.filter.rotate(live.run.remembered());
        }
        if let Some(publication) = wrote {
            self.stats.forgotten += live.run.forgotten() - forgotten;
            let holds = live.run.live_holds();
            self.stats.holds += slot.count_holds(holds);
            let bytes = batch.section.len_bytes() - before;
            slot.publication = publication;
            if slot.wrote(batch.number, bytes, self.log_end) {
                self.dirty.push(self.log_end, slot.seat);
            }
        }
        Ok(answer)
    }

    /// The ids that only the node can draw.
    fn give_names(&mut self, live: &Live, index: RunIndex, command: &mut Command) {
        match command {
            Command::Reserve(reserve) => reserve.hold = self.names.draw_hold(index),
            Command::Confirm(confirm) if live.run.needs_pnr_block() => {
                // Kept until somebody needs it: a confirm that is refused uses up no block.
                let spare = self.spare_block.get_or_insert_with(|| self.directory.draw_block());
                confirm.pnr_block = Some(*spare);
            }
            _ => {}
        }
    }

    /// The answer, and the run's publication in the batch if anything was written.
    #[expect(clippy::too_many_arguments, reason = "parts of one slot that are borrowed apart")]
    fn decide_and_apply(
        &mut self,
        live: &mut Live,
        entry: &Arc<RunEntry>,
        own: Option<u32>,
        index: RunIndex,
        command: &Command,
        now: UnixMillis,
        batch: &mut Batch<T>,
    ) -> (Answer, Option<u32>) {
        // A panic leaves events of a lost run here.
        let mut events = core::mem::take(&mut self.events);
        events.clear();
        let then = match live.run.rule(command, now, &mut events) {
            Ruling::Known(said) => return (Self::answer(live, now, said), None),
            Ruling::Refused(refusal) => {
                self.stats.refused += 1;
                return (Self::answer(live, now, Said::Refused(refusal)), None);
            }
            Ruling::Take(then) => then,
        };
        // The run is there already: nothing to write, nothing to wait for.
        if events.is_empty() && live.unborn.is_none() {
            let said = live.run.say(then);
            return (Self::answer(live, now, said), None);
        }
        let announce = self.give_birth(live, entry, index, now, batch);
        let mut changes = core::mem::take(&mut self.changes);
        changes.clear();
        for event in &events {
            live.run.apply(event, now, &mut changes);
            batch.section.push(index, now, live.run.version(), event);
            self.note(live, index, event, now);
        }
        let mut written = events.len() as u64 + u64::from(announce.is_some());
        // What was given back goes to who waits for it, in the same step.
        while let Some(event) = live.run.promote() {
            live.run.apply(&event, now, &mut changes);
            batch.section.push(index, now, live.run.version(), &event);
            written += 1;
        }
        self.stats.events += written;
        let head = Head::of(&live.run);
        self.mind(live, head.next_expiry);
        let run = &live.run;
        let place = own
            .unwrap_or_else(|| batch.open_publication(Arc::clone(&live.published), head, announce));
        let row = |berth: &BerthIndex| RowChange { berth: *berth, masks: run.masks(*berth) };
        // published-durable, both
        let missed = usize::from(planted!("row-not-published"));
        batch.publish_later(place, head, changes.berths.iter().skip(missed).map(row));
        if planted!("published-before-durable") {
            live.published.publish(head, changes.berths.iter().map(row));
        }
        // row-right
        if changes.lists && !planted!("waiting-not-published") {
            batch.waiting(place, live.run.waiting());
        }
        (self.changes, self.events) = (changes, events);
        let said = live.run.say(then);
        (Self::answer(live, now, said), Some(place))
    }

    fn answer(live: &Live, at: UnixMillis, mut said: Said) -> Answer {
        // What would be the first event is not written: the run is told as one that has none.
        if live.unborn.is_some()
            && let Said::Run(summary) = &mut said
        {
            summary.version = Version(0);
        }
        Answer { version: Self::told(live), at, said }
    }

    /// Writes a run's first event before its next, if it is not journaled yet; the entry to
    /// announce then.
    fn give_birth(
        &mut self,
        live: &mut Live,
        entry: &Arc<RunEntry>,
        index: RunIndex,
        now: UnixMillis,
        batch: &mut Batch<T>,
    ) -> Option<Arc<RunEntry>> {
        let created = live.unborn.take()?;
        live.run.born(now);
        let hash = created.plan;
        if self.known_plans.insert(hash) {
            batch.section.plan_text(hash, entry.plan_text());
            // Replay never asks for it: it is for people who ask why the pools are what they are.
            if let Some(rules) = entry.train.rules()
                && self.known_plans.insert(rules.hash)
            {
                batch.section.plan_text(rules.hash, Arc::clone(&rules.text));
            }
        }
        batch.section.push(index, now, Version(1), &Event::RunCreated(created));
        Some(Arc::clone(entry))
    }

    /// What an event means for the shard: figures to count, blocks to find runs by.
    fn note(&mut self, live: &Live, index: RunIndex, event: &Event, now: UnixMillis) {
        match event {
            Event::Expired { hold } => {
                self.stats.expired += 1;
                if let Some(view) = live.run.hold_view(*hold) {
                    let late = now.since(view.expires_at).0;
                    self.stats.expiry_late_ms = self.stats.expiry_late_ms.max(late);
                    let cell = EXPIRY_LATE_BOUNDS_MS.partition_point(|bound| *bound < late);
                    self.stats.expiry_late[cell] += 1;
                }
            }
            Event::PnrBlockLeased { block } => {
                // names-unique
                if !planted!("pnr-block-leased-twice") {
                    self.spare_block = None;
                }
                self.directory.lease_block(*block, index);
            }
            _ => {}
        }
    }

    /// A panic: the state is suspect and dropped; what came before the command stands.
    fn lost(&mut self, slot: &mut Slot<T>, now: UnixMillis) -> Fault {
        self.stats.panics += 1;
        let run = slot.entry.id;
        if slot.panicked(now) {
            let why = format!(
                "its commands met {} panics within a minute; report the log, restart the node",
                crate::settings::QUARANTINE_PANICS
            );
            tracing::error!(%run, "run is quarantined");
            slot.entry.refused.store(Some(Arc::new(why)));
        } else {
            tracing::error!(%run, "a command of this run met a panic; rebuilding it from the log");
        }
        slot.place = Place::Away(Errand::Fence);
        slot.snapshot_under_way = None;
        // The directory may know the spare block as this run's already.
        self.spare_block = None;
        // A text may have gone with the truncated events; writing one twice does no harm.
        self.known_plans.clear();
        Fault::Recovering { run, retry_after: Millis(RETRY_RECOVERING_MS) }
    }
}

impl ShardStats {
    /// Both shards' figures together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            executed: self.executed + other.executed,
            events: self.events + other.events,
            refused: self.refused + other.refused,
            expired: self.expired + other.expired,
            activations: self.activations + other.activations,
            passivations: self.passivations + other.passivations,
            forgotten: self.forgotten + other.forgotten,
            panics: self.panics + other.panics,
            live: self.live + other.live,
            holds: self.holds + other.holds,
            expiry_late_ms: self.expiry_late_ms.max(other.expiry_late_ms),
            expiry_late: core::array::from_fn(|i| self.expiry_late[i] + other.expiry_late[i]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_two_shards_are_the_sum_and_the_latest_of_both() {
        let one = |k: u64| ShardStats {
            executed: k,
            events: 2 * k,
            refused: 3 * k,
            expired: 4 * k,
            activations: 5 * k,
            passivations: 6 * k,
            forgotten: 7 * k,
            panics: 8 * k,
            live: 9 * k as usize,
            holds: 10 * k.cast_signed(),
            expiry_late_ms: 11 * k,
            expiry_late: core::array::from_fn(|i| (12 + i as u64) * k),
        };
        let both = ShardStats { expiry_late_ms: 11 * 5, ..one(3 + 5) };
        assert_eq!(format!("{:?}", one(3).and(one(5))), format!("{both:?}"));
    }
}
