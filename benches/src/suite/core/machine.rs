//! One run with what a shard does for it: decide, apply, encode into the section, answer.
//!
//! Commands are changed in place, so that no caller's memory is measured. Time moves on by 1 ms
//! and the section is emptied after as many commands as a shard executes in one drain.

use std::hint::black_box;
use std::sync::Arc;

use berth_inventory::{
    Changes, Command, Events, HoldId, Millis, PNR_BLOCK, Plan, PlanHash, Pnr, Ruling, Run,
    RunCreated, RunId, RunIndex, UnixMillis,
};
use berth_node::DRAIN_BUDGET;
use berth_persistence::Section;

use super::caller::Caller;
use super::train::{Shape, entry};

/// Ended holds that a run remembers, and a few: from here on nothing grows.
const ENDED_FIRST: usize = 2 * berth_inventory::REMEMBER_ENDED_MAX;
/// 00:00 of the start date, far behind the time of the commands.
const MIDNIGHT: UnixMillis = UnixMillis(86_400_000_000);

/// A run of this train with every pool open, far before its departure.
pub fn open_run(plan: &Arc<Plan>) -> Run {
    let start_date = "2026-01-01".parse().expect("a date");
    let created = RunCreated {
        run: RunId { train: plan.number(), start_date },
        plan: plan.hash(),
        midnight: MIDNIGHT,
        opens: plan.pools().iter().map(|_| UnixMillis(0)).collect(),
        extra: false,
    };
    Run::new(Arc::clone(plan), &created, UnixMillis(0))
}

/// A run and everything a command of it touches.
pub(super) struct Desk {
    pub(super) run: Run,
    section: Section,
    changes: Changes,
    /// Taken up and emptied by every command, as a shard's.
    events: Events,
    now: UnixMillis,
    executed: usize,
    answers: bool,
}

impl Desk {
    /// Of a run that sold nothing yet.
    pub(super) fn new(plan: &Arc<Plan>) -> Self {
        Self {
            run: open_run(plan),
            section: Section::default(),
            changes: Changes::default(),
            events: Events::new(),
            now: UnixMillis(1_000),
            executed: 0,
            answers: true,
        }
    }

    /// Executes one command as a shard does; whether it took effect.
    #[inline]
    pub(super) fn execute(&mut self, command: &Command) -> bool {
        self.executed += 1;
        if self.executed.is_multiple_of(DRAIN_BUDGET) {
            self.section.clear();
            self.now = self.now.saturating_add(Millis(1));
        }
        self.events.clear();
        let Ruling::Take(then) = self.run.rule(command, self.now, &mut self.events) else {
            return false;
        };
        for event in &self.events {
            self.run.apply(event, self.now, &mut self.changes);
            self.section.push(RunIndex(1), self.now, self.run.version(), event);
        }
        while let Some(event) = self.run.promote() {
            self.run.apply(&event, self.now, &mut self.changes);
            self.section.push(RunIndex(1), self.now, self.run.version(), &event);
        }
        black_box(&self.changes);
        self.changes.clear();
        if self.answers {
            black_box(&self.run.say(then));
        }
        true
    }
}

/// A run that is half sold, and a caller of it.
pub struct Machine {
    desk: Desk,
    caller: Caller,
    /// The PNR block the run leased last, and how many numbers of it are used.
    block: u32,
    booked: u64,
}

impl Machine {
    /// A run of this shape, half of its berth-legs booked, with its memory of ended holds full.
    pub fn half_sold(shape: Shape) -> Self {
        let mut machine = Self::empty(shape);
        let mean = 1.0 + (f64::from(shape.legs) * 0.4 - 1.0).max(0.0) / 2.0;
        let half = (shape.berths() as f64 * f64::from(shape.legs) / mean / 2.0) as usize;
        for _ in 0..half {
            let hold = machine.reserve().expect("half of a train is free");
            machine.confirm(hold);
        }
        for _ in 0..ENDED_FIRST {
            machine.reserve_and_release();
        }
        machine
    }

    /// A run of this shape that sold nothing yet.
    pub fn empty(shape: Shape) -> Self {
        let plan = Plan::new(&entry(10_001, shape), PlanHash([1; 32])).expect("a sound train");
        let desk = Desk::new(&Arc::new(plan));
        Self { desk, caller: Caller::new(1, shape.legs), block: 0, booked: 0 }
    }

    /// Whether what the caller is told is made as well.
    pub fn answers(mut self, answers: bool) -> Self {
        self.desk.answers = answers;
        self
    }

    /// Holds a berth for the next journey; `None` when there is none.
    #[inline]
    pub fn reserve(&mut self) -> Option<HoldId> {
        let (command, hold) = self.caller.reserve();
        self.desk.execute(command).then_some(hold)
    }

    /// Gives a hold back.
    #[inline]
    pub fn release(&mut self, hold: HoldId) {
        let release = self.caller.release(hold);
        assert!(self.desk.execute(&release), "a live hold can be released");
    }

    /// Books a hold.
    #[inline]
    pub fn confirm(&mut self, hold: HoldId) -> Pnr {
        let block = self.desk.run.needs_pnr_block().then_some(self.block + 1);
        if let Some(block) = block {
            (self.block, self.booked) = (block, 0);
        }
        let confirm = self.caller.confirm(hold, block);
        assert!(self.desk.execute(confirm), "a live hold can be confirmed");
        self.booked += 1;
        // A run takes the numbers of its block in order.
        Pnr(u64::from(self.block) * PNR_BLOCK + self.booked - 1)
    }

    /// Cancels a booking.
    #[inline]
    pub fn cancel(&mut self, pnr: Pnr) {
        let cancel = self.caller.cancel(pnr);
        assert!(self.desk.execute(&cancel), "a booking can be cancelled");
    }

    /// Two commands, if a berth was free.
    #[inline]
    pub fn reserve_and_release(&mut self) -> usize {
        match self.reserve() {
            Some(hold) => {
                self.release(hold);
                2
            }
            None => 1,
        }
    }

    /// Three commands, if a berth was free.
    #[inline]
    pub fn reserve_confirm_and_cancel(&mut self) -> usize {
        match self.reserve() {
            Some(hold) => {
                let pnr = self.confirm(hold);
                self.cancel(pnr);
                3
            }
            None => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_train_is_sold_and_wishes_are_granted() {
        let mut machine = Machine::half_sold(Shape { coaches: 3, legs: 24 });
        let summary = machine.desk.run.summary();
        let share = summary.berth_legs.sold as f64 / summary.berth_legs.capacity as f64;
        assert!((0.45..0.55).contains(&share), "{share}");
        assert_eq!(summary.berth_legs.held, 0);
        let executed = (0..1_000).map(|_| machine.reserve_and_release()).sum::<usize>();
        assert!(executed > 1_980, "{executed}: a sold-out bench is another bench");
    }

    #[test]
    fn a_cycle_leaves_the_berths_as_they_were() {
        let mut machine = Machine::empty(Shape { coaches: 1, legs: 24 });
        for _ in 0..PNR_BLOCK + 10 {
            assert_eq!(machine.reserve_confirm_and_cancel(), 3);
        }
        let summary = machine.desk.run.summary();
        assert_eq!(summary.berth_legs.free, summary.berth_legs.capacity);
        assert!(machine.desk.run.check().is_empty());
    }
}
