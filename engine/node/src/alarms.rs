//! Alarms of one shard: when to look at a run again, for its earliest deadline or its rest.
//!
//! A run has one alarm of each kind at a time; its holds have theirs in the run itself, in order. So
//! a million live holds are as many alarms as there are runs, and the next instant at which anything
//! is due is known: nobody has to look before. Instants are rounded up to a grid, so that what is due
//! about then is one wake-up. Alarms are never removed: one whose reason has gone is dropped, or
//! moved, when it has become the next.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use berth_inventory::UnixMillis;

use crate::shard::Seat;

/// Holds expire on this grid, milliseconds: late by less than that.
const EXPIRY_GRID_MS: u64 = 16;
/// Runs go to rest on this grid, milliseconds.
const REST_GRID_MS: u64 = 250;

/// What to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A hold's deadline.
    Expiry,
    /// Whether nobody asks any more.
    Rest,
}

/// A look at a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// When it rings: on the grid, never early.
    pub at: UnixMillis,
    /// What for.
    pub why: Why,
    /// The run's place in the shard.
    pub run: Seat,
}

/// See the module.
#[derive(Default)]
pub struct Alarms {
    waiting: BinaryHeap<Reverse<Alarm>>,
}

impl Alarms {
    /// Rings not before `at`, less than a grid's width after; the instant.
    pub fn set(&mut self, at: UnixMillis, why: Why, run: Seat) -> UnixMillis {
        let grid = match why {
            Why::Expiry => EXPIRY_GRID_MS,
            Why::Rest => REST_GRID_MS,
        };
        let at = UnixMillis(at.0.div_ceil(grid).saturating_mul(grid));
        self.waiting.push(Reverse(Alarm { at, why, run }));
        at
    }

    /// Takes the next alarm if it is due at `now`; in order of time, then of kind and place.
    pub fn take(&mut self, now: UnixMillis) -> Option<Alarm> {
        let alarm = self.next().filter(|alarm| alarm.at <= now)?;
        self.waiting.pop();
        // After a rush of runs its room goes back.
        if self.waiting.capacity() > 4 * self.waiting.len() + 1_024 {
            self.waiting.shrink_to(2 * self.waiting.len());
        }
        Some(alarm)
    }

    /// Whether an alarm for `next` would ring before one for the same that is set.
    #[inline]
    pub fn rings_before(next: UnixMillis, set: UnixMillis) -> bool {
        set.0.saturating_sub(next.0) >= EXPIRY_GRID_MS
    }

    /// The next one.
    pub fn next(&self) -> Option<Alarm> {
        self.waiting.peek().map(|Reverse(alarm)| *alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_ring_in_order_and_none_early() {
        let mut alarms = Alarms::default();
        let seat = |slot| Seat { slot, life: 1 };
        let start = 1_000_000;
        for offset in [900_000, 0, 5_000, 15, 16, 17, 1, 65_536, 300_000] {
            let at = alarms.set(UnixMillis(start + offset), Why::Expiry, seat(offset as u32));
            assert!((start + offset..start + offset + EXPIRY_GRID_MS).contains(&at.0));
        }
        assert_eq!(alarms.set(UnixMillis(start + 60_001), Why::Rest, seat(7)).0, start + 60_250);
        assert_eq!(alarms.next().map(|next| next.at), Some(UnixMillis(start)));
        let mut rung = Vec::new();
        while let Some(next) = alarms.next() {
            assert_eq!(alarms.take(UnixMillis(next.at.0 - 1)), None, "one early");
            assert_eq!(alarms.take(next.at), Some(next));
            rung.push(next.at);
        }
        assert!(rung.is_sorted() && rung.len() == 10);
    }
}
