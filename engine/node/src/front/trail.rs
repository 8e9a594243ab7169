//! From what a request names to its run, a step at a time, so that the steps of many requests can be
//! taken side by side: each has the next one's memory fetched and waits for none (ADR-0014).

use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use berth_inventory::{Date, HoldId, Refusal, RequestId, TrainNumber};
use berth_kernel::{prefetch, prefetch_all};

use super::Front;
use crate::directory::{Numbered, RunEntry, Train};
use crate::names::HoldOrigin;

/// How far the run of a request is known.
pub enum Trail<'a> {
    /// By train and day: about where it stands in the train's list.
    Train(&'a Train, Date),
    /// By a hold's id: what the id says, and the place of the run's number.
    Hold(HoldOrigin, Option<&'a Numbered>),
    /// Nothing to go by.
    Cold,
}

impl Front {
    /// The trail of a request for a train's run; `date` may be that of a boarding stop.
    #[inline]
    pub fn trail_of_train(&self, train: TrainNumber, date: Date) -> Trail<'_> {
        let Some(train) = self.directory.train(train) else { return Trail::Cold };
        prefetch_all(&**train);
        Trail::Train(train, date)
    }

    /// The trail of a request for a hold.
    #[inline]
    pub fn trail_of_hold(&self, hold: HoldId) -> Trail<'_> {
        let origin = self.names.hold_origin(hold);
        let genuine = self.names.may_be_issued(origin);
        let place = genuine.then(|| self.directory.numbered_place(origin.run)).flatten();
        if let Some(place) = place {
            prefetch_all(place);
        }
        Trail::Hold(origin, place.and_then(|place| place.get()))
    }

    /// The run of a hold by its trail.
    ///
    /// # Errors
    /// As [`Front::by_hold`].
    pub fn follow(&self, hold: HoldId, trail: &Trail<'_>) -> Result<Arc<RunEntry>, Refusal> {
        let Trail::Hold(origin, Some(_)) = trail else {
            return self.by_hold(hold);
        };
        let run = self.directory.by_index(origin.run);
        run.filter(|run| run.journaled.load(Relaxed)).ok_or(Refusal::UnknownHold { hold })
    }
}

impl Trail<'_> {
    /// One step on. After three of them the run's entry is on its way.
    #[inline]
    pub fn step(&self, step: usize) {
        match (self, step) {
            (Self::Train(train, _), 0) => train.foresee_list(),
            (Self::Train(train, date), 1) => train.foresee_place(*date),
            (Self::Train(train, date), _) => train.foresee_run(*date),
            (Self::Hold(_, Some(place)), 0) => place.foresee(),
            (Self::Hold(..) | Self::Cold, _) => {}
        }
    }
}

impl RunEntry {
    /// Has fetched what a command is looked at with before it is queued: filter and published words.
    #[inline]
    pub fn foresee(&self, step: usize, id: RequestId) {
        if step == 0
            && let Some(published) = self.published.load().as_ref()
        {
            prefetch(published.front_words());
        }
        self.filter.foresee(step, id);
    }
}
