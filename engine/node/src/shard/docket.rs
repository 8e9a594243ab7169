//! The parcels that a shard has taken in, and the order in which it executes their commands: run by
//! run.
//!
//! A run fits no cache together with a thousand others; what is asked of it at about the same time
//! is executed together, so that it is fetched once. Commands of a lane to one run keep their order.
//! Always true: a command is in the list until it is executed or waits in its slot; a parcel leaves
//! when none of its commands is in the list.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;

use berth_inventory::planted;

use crate::ask::{Lane, Parcel, Work};

/// Commands of each lane that are taken in at once: a few milliseconds of work.
const TAKEN_IN: usize = 1_536;
/// Bits of a key for a place in a parcel.
const PLACE_BITS: u32 = 16;
/// Bits of a key for the number of a parcel.
const NUMBER_BITS: u32 = 24;

struct Taken<T> {
    lane: Lane,
    parcel: Box<Parcel<T>>,
}

/// See the module.
pub struct Docket<T> {
    /// By number; those that are through leave holes until the front is reached.
    parcels: VecDeque<Option<Taken<T>>>,
    /// The number of the first.
    first: u64,
    /// What is to be executed: slot of the run, number of the parcel, place in it.
    keys: Vec<u64>,
    /// Commands in `keys` of the finish lane and of the take lane.
    waiting: [usize; 2],
    /// All that was taken in is executed, or left for want of room, which what is new may still
    /// have: more may be taken in.
    open: bool,
    /// Parcels none of whose commands is left.
    pub(super) through: Vec<Box<Parcel<T>>>,
}

/// How far a command is from its execution, in what is fetched for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    /// The command itself and the slot of its run.
    Slot,
    /// The run.
    Run,
    /// What the run leads to.
    Places,
    /// What that leads to.
    Further,
}

/// Commands between each fetch and the execution: a fetch takes about as long as a tenth of a
/// command.
const AHEAD: [(Ahead, usize); 4] =
    [(Ahead::Slot, 8), (Ahead::Run, 6), (Ahead::Places, 4), (Ahead::Further, 2)];

/// Where the commands of a docket are executed.
pub(super) trait Bench<T> {
    /// This command comes soon: fetches what it needs, nothing else.
    fn foresee(&self, ahead: Ahead, slot: u32, work: &Work);

    /// Executes a command; `false` keeps it for later.
    fn execute(&mut self, lane: Lane, parcel: &mut Parcel<T>, place: usize) -> bool;
}

impl<T> Default for Docket<T> {
    fn default() -> Self {
        Self {
            parcels: VecDeque::new(),
            first: 0,
            keys: Vec::new(),
            waiting: [0; 2],
            open: true,
            through: Vec::new(),
        }
    }
}

impl<T> Docket<T> {
    /// Whether nothing is left to execute.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Commands left to execute.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it would take a parcel of `lane` in now.
    pub fn would_take(&self, lane: Lane) -> bool {
        self.open && self.waiting[lane as usize] < TAKEN_IN && self.next() < 1 << NUMBER_BITS
    }

    /// Takes parcels in from the queues, if all that was taken in before is executed or waits for
    /// room.
    pub fn take_in(&mut self, mut pop: impl FnMut(Lane) -> Option<Box<Parcel<T>>>) {
        let begin = self.keys.len();
        for lane in [Lane::Finish, Lane::Take] {
            while self.would_take(lane)
                && let Some(parcel) = pop(lane)
            {
                self.enter(lane, parcel);
            }
        }
        // What came earlier stays before it.
        self.keys[begin..].sort_unstable();
        // in-order
        if planted!("order-broken") {
            self.keys[begin..].reverse();
        }
        self.open = self.keys.is_empty();
    }

    fn enter(&mut self, lane: Lane, mut parcel: Box<Parcel<T>>) {
        let number = self.next();
        for (place, work) in parcel.works.iter().enumerate() {
            let slot = u64::from(work.run.slot.load(Relaxed));
            self.keys.push((slot << NUMBER_BITS | number) << PLACE_BITS | place as u64);
        }
        parcel.owed = parcel.works.len() as u32;
        self.waiting[lane as usize] += parcel.works.len();
        self.parcels.push_back(Some(Taken { lane, parcel }));
    }

    /// Puts commands on the bench in order until it has executed `budget`. How many were executed;
    /// parcels that are through wait to be taken.
    pub(super) fn work_off(&mut self, budget: usize, bench: &mut impl Bench<T>) -> usize {
        let (mut kept, mut looked_at, mut count) = (0, 0, 0);
        while looked_at < self.keys.len() && count < budget {
            let key = self.keys[looked_at];
            for (ahead, distance) in AHEAD {
                if let Some(key) = self.keys.get(looked_at + distance) {
                    let (parcel, place) = self.place(*key);
                    if let Some(taken) = &self.parcels[parcel] {
                        let slot = (key >> (NUMBER_BITS + PLACE_BITS)) as u32;
                        bench.foresee(ahead, slot, &taken.parcel.works[place]);
                    }
                }
            }
            looked_at += 1;
            let (parcel, place) = self.place(key);
            let taken = self.parcels[parcel].as_mut().expect("a parcel stays while it is owed");
            if !bench.execute(taken.lane, &mut taken.parcel, place) {
                self.keys[kept] = key;
                kept += 1;
                continue;
            }
            count += 1;
            self.waiting[taken.lane as usize] -= 1;
            taken.parcel.owed -= 1;
            if taken.parcel.owed == 0 {
                self.through.extend(self.parcels[parcel].take().map(|taken| taken.parcel));
            }
        }
        self.keys.drain(kept..looked_at);
        self.open = kept == self.keys.len();
        while let Some(None) = self.parcels.front() {
            self.parcels.pop_front();
            self.first += 1;
        }
        if self.parcels.is_empty() {
            self.first = 0;
        }
        count
    }

    /// The number of the next parcel; they begin anew when nothing is left, so that none wraps.
    fn next(&self) -> u64 {
        self.first + self.parcels.len() as u64
    }

    /// The parcel among those taken in, and the place in it.
    fn place(&self, key: u64) -> (usize, usize) {
        let number = key >> PLACE_BITS & ((1 << NUMBER_BITS) - 1);
        ((number - self.first) as usize, (key & ((1 << PLACE_BITS) - 1)) as usize)
    }
}
