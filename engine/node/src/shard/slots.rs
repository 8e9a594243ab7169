//! The slots of a shard, found by the number in a run's entry or by the run's name.

use std::sync::atomic::Ordering::Relaxed;

use berth_inventory::RunId;
use berth_kernel::{prefetch, prefetch_all};
use hashbrown::HashMap;

use super::docket::Ahead;
use super::slot::{Live, Place, Slot};
use crate::ask::{State, Work};
use crate::directory::RunEntry;

/// A slot in one of its lives: a timer that outlives the run's stay finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    /// Its number, from 0.
    pub slot: u32,
    /// Drawn anew whenever a run takes a slot.
    pub life: u32,
}

/// See the module.
pub(crate) struct Slots<T> {
    cells: Vec<Option<Slot<T>>>,
    free: Vec<u32>,
    by_name: HashMap<RunId, u32>,
    lives: u32,
}

impl<T> Slots<T> {
    pub fn new() -> Self {
        Self { cells: Vec::new(), free: Vec::new(), by_name: HashMap::new(), lives: 0 }
    }

    /// The slot that a run's entry names.
    pub fn of(&mut self, entry: &RunEntry) -> Option<&mut Slot<T>> {
        let number = entry.slot.load(Relaxed).checked_sub(1)?;
        self.cells[number as usize].as_mut()
    }

    /// Has what a command needs fetched: `number` is its run's slot, from 1.
    #[inline]
    pub(super) fn foresee(&self, ahead: Ahead, number: u32, work: &Work) {
        if ahead == Ahead::Slot {
            prefetch_all(work);
        }
        let Some(slot) = self.cells.get((number as usize).wrapping_sub(1)) else { return };
        if ahead == Ahead::Slot {
            return prefetch_all(slot);
        }
        let Some(Slot { place: Place::Here(Live { run, .. }), entry, .. }) = slot else { return };
        let State::Asked(command) = &work.state else { return };
        match ahead {
            Ahead::Slot => {}
            Ahead::Run => {
                prefetch_all(&**run);
                prefetch(core::ptr::from_ref(&entry.in_flight).cast());
            }
            Ahead::Places => run.foresee(command, prefetch),
            Ahead::Further => run.foresee_further(command, prefetch),
        }
    }

    /// The slot, if it is still in that life.
    pub fn at(&mut self, seat: Seat) -> Option<&mut Slot<T>> {
        self.cells.get_mut(seat.slot as usize)?.as_mut().filter(|slot| slot.seat == seat)
    }

    /// As [`Slots::at`], to look only.
    pub fn see(&self, seat: Seat) -> Option<&Slot<T>> {
        self.cells.get(seat.slot as usize)?.as_ref().filter(|slot| slot.seat == seat)
    }

    pub fn get(&self, run: RunId) -> Option<&Slot<T>> {
        self.cells[*self.by_name.get(&run)? as usize].as_ref()
    }

    pub fn get_mut(&mut self, run: RunId) -> Option<&mut Slot<T>> {
        self.cells[*self.by_name.get(&run)? as usize].as_mut()
    }

    /// Takes a run in that has no slot.
    pub fn insert(&mut self, mut slot: Slot<T>) -> &mut Slot<T> {
        let number = self.free.pop().unwrap_or_else(|| {
            self.cells.push(None);
            (self.cells.len() - 1) as u32
        });
        self.lives = self.lives.wrapping_add(1);
        slot.seat = Seat { slot: number, life: self.lives };
        slot.entry.slot.store(number + 1, Relaxed);
        self.by_name.insert(slot.entry.id, number);
        self.cells[number as usize].insert(slot)
    }

    pub fn remove(&mut self, run: RunId) -> Option<Slot<T>> {
        let number = self.by_name.remove(&run)?;
        let slot = self.cells[number as usize].take()?;
        slot.entry.slot.store(0, Relaxed);
        self.free.push(number);
        if self.by_name.is_empty() {
            // Everybody has gone: so does the room they took.
            self.cells = Vec::new();
            self.free = Vec::new();
            self.by_name.shrink_to_fit();
        }
        Some(slot)
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Slot<T>> {
        self.cells.iter().flatten()
    }

    /// All of them, by number.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot<T>> {
        self.cells.iter_mut().flatten()
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }
}
