//! The next commands of a parcel, looked at together before they are executed one by one.

use core::hint::black_box;
use core::sync::atomic::Ordering::Relaxed;
use std::collections::VecDeque;

use berth_inventory::{Command, Run};

use super::Shard;
use super::slot::Place;
use crate::ask::Work;

/// Commands looked at together: as many misses as a core has under way at once, and some more.
pub(super) const AHEAD: usize = 16;

impl<T> Shard<T> {
    /// Has what the next [`AHEAD`] commands need on its way to the caches. Changes nothing.
    pub(super) fn look_ahead(&self, works: &VecDeque<Work>) {
        let works = || works.iter().take(AHEAD);
        let entries = works().fold(0, |sum, work| sum ^ work.run.slot.load(Relaxed));
        let slots = works().fold(0, |sum, work| {
            let Some(slot) = self.slots.peek(&work.run) else { return sum };
            sum ^ slot.last_batch ^ slot.touched.0 ^ slot.waiting.len() as u64
        });
        black_box((entries, slots));
        let all = |look: fn(&Run, &Command) -> u64| {
            black_box(works().fold(0, |sum, work| match self.slots.peek(&work.run) {
                Some(slot) => match &slot.place {
                    Place::Here(live) => sum ^ look(&live.run, &work.command),
                    Place::Away(_) => sum,
                },
                None => sum,
            }));
        };
        all(|run, _| run.warm_head());
        all(Run::warm_ids);
        all(Run::warm_state);
        all(Run::warm_row);
    }
}
