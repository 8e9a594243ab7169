//! Runs with events that no durable snapshot has, oldest such event first.
//!
//! The end of the log only moves on, so a run that becomes dirty stands behind all others: the line
//! is sorted without sorting. An entry counts while it names the first event without snapshot of its
//! run (or the first after the version that is being snapshotted); others are dropped when they
//! are met, and at most half of a long line is such.

use std::collections::VecDeque;

use super::slot::{LogPoint, Slot};
use super::slots::{Seat, Slots};

/// Entries that may be stale before the line is looked through.
const SLACK: usize = 1_024;

/// See the module.
#[derive(Default)]
pub(crate) struct DirtyLine {
    line: VecDeque<(LogPoint, Seat)>,
}

impl<T> Slot<T> {
    fn counts(&self, point: LogPoint) -> bool {
        self.dirty == Some(point) || self.dirty_next == Some(point)
    }
}

impl DirtyLine {
    /// The run has an event at `point`, the first since its snapshot.
    pub fn push(&mut self, point: LogPoint, run: Seat) {
        self.line.push_back((point, run));
    }

    /// The entry at this place, once what does not count any more is gone from there.
    pub fn at<T>(&mut self, place: usize, slots: &Slots<T>) -> Option<(LogPoint, Seat)> {
        loop {
            let (point, run) = *self.line.get(place)?;
            if slots.see(run).is_some_and(|slot| slot.counts(point)) {
                return Some((point, run));
            }
            self.line.remove(place);
        }
    }

    /// The oldest event without snapshot.
    pub fn first<T>(&self, slots: &Slots<T>) -> Option<LogPoint> {
        let counts = |(point, run): &(LogPoint, Seat)| {
            slots.see(*run).is_some_and(|slot| slot.counts(*point)).then_some(*point)
        };
        self.line.iter().find_map(counts)
    }

    /// The last entry's event.
    pub fn last(&self) -> Option<LogPoint> {
        self.line.back().map(|(point, _)| *point)
    }

    /// Entries, those that do not count included.
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Drops what does not count when there may be much of it.
    pub fn tidy<T>(&mut self, slots: &Slots<T>) {
        // A run has at most two entries that count.
        if self.line.len() <= 4 * slots.len() + SLACK {
            return;
        }
        self.line.retain(|(point, run)| slots.see(*run).is_some_and(|slot| slot.counts(*point)));
        self.line.shrink_to(2 * self.line.len());
    }
}
