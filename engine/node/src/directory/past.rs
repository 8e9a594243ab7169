//! Runs that left long ago and are at rest: a few words each, instead of an entry.
//!
//! An entry goes only when nobody else holds it, so that a run never has two. Whoever asks for a
//! run of the past has its entry made anew, from the same words; it leaves again in time.

use core::sync::atomic::Ordering::Relaxed;
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use berth_inventory::{Date, Plan, RunIndex, Version};
use berth_kernel::prefetch_all;

use super::{Directory, RunEntry, Train};
use crate::calendar::Calendar;

/// What is left of one.
pub(super) struct PastRun {
    index: RunIndex,
    kept: Version,
    extra: bool,
    /// Its plan, when its train has another by now.
    plan: Option<Arc<Plan>>,
}

/// Those of one train, by start date.
pub(super) type PastRuns = BTreeMap<Date, PastRun>;

/// Where the run of a date stands: a train that runs every day has it at the date's distance from
/// the first.
#[inline]
fn place(runs: &[(Date, Arc<RunEntry>)], date: Date) -> Option<usize> {
    let guess = (date.days() - runs.first()?.0.days()) as usize;
    match runs.get(guess) {
        Some(run) if run.0 == date => Some(guess),
        _ => runs.binary_search_by_key(&date, |run| run.0).ok(),
    }
}

impl Train {
    /// First and last start date of the runs that were ever met.
    pub fn span(&self) -> Option<(Date, Date)> {
        let past = self.past();
        let runs = self.runs.load();
        let of_past = [past.first_key_value(), past.last_key_value()];
        let dates = of_past.into_iter().flatten().map(|(date, _)| *date);
        let dates = dates.chain([runs.first(), runs.last()].into_iter().flatten().map(|run| run.0));
        dates
            .map(|date| (date, date))
            .reduce(|(first, last), (date, _)| (first.min(date), last.max(date)))
    }

    pub(super) fn past(&self) -> MutexGuard<'_, PastRuns> {
        // Nothing under it panics half way.
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run's entry, if it has one.
    pub(super) fn present(&self, start_date: Date) -> Option<Arc<RunEntry>> {
        let runs = self.runs.load();
        Some(Arc::clone(&runs[place(&runs, start_date)?].1))
    }

    /// Has the list of runs fetched.
    #[inline]
    pub(crate) fn foresee_list(&self) {
        prefetch_all(&**self.runs.load());
    }

    /// Has the place in the list fetched where a run most likely stands.
    #[inline]
    pub(crate) fn foresee_place(&self, date: Date) {
        let runs = self.runs.load();
        // The first date says where; it is asked for when the place is.
        if let Some(first) = runs.first() {
            let guess = (date.days() - first.0.days()).max(0) as usize;
            prefetch_all(&runs[guess.min(runs.len() - 1)]);
        }
    }

    /// Has the entry of a run fetched, if it has one.
    #[inline]
    pub(crate) fn foresee_run(&self, date: Date) {
        let runs = self.runs.load();
        if let Some(at) = place(&runs, date) {
            prefetch_all(&*runs[at].1);
        }
    }

    /// Adds an entry to the list.
    pub(super) fn put(&self, entry: &Arc<RunEntry>) {
        let date = entry.id.start_date;
        self.runs.rcu(|runs| {
            let mut grown = Vec::with_capacity(runs.len() + 1);
            let at = runs.partition_point(|run| run.0 < date);
            grown.extend_from_slice(&runs[..at]);
            grown.push((date, Arc::clone(entry)));
            grown.extend_from_slice(&runs[at..]);
            grown
        });
    }

    /// Takes one from the list.
    fn take(&self, date: Date) {
        self.runs.rcu(|runs| runs.iter().filter(|run| run.0 != date).cloned().collect::<Vec<_>>());
    }
}

impl Directory {
    /// The run's entry, made anew if it is one of the past.
    pub(super) fn found(
        &self,
        train: &Arc<Train>,
        start_date: Date,
        past: &mut PastRuns,
    ) -> Option<Arc<RunEntry>> {
        if let Some(entry) = train.present(start_date) {
            return Some(entry);
        }
        let PastRun { index, kept, extra, plan } = past.remove(&start_date)?;
        let entry = self.entry(train, start_date);
        let _ = entry.index.set(index);
        if let Some(plan) = plan {
            let _ = entry.plan.set(plan);
        }
        entry.set_kept(kept);
        entry.extra.store(extra, Relaxed);
        entry.journaled.store(true, Relaxed);
        self.put(train, &entry);
        Some(entry)
    }

    /// Makes an entry found again, by date and by number.
    fn put(&self, train: &Train, entry: &Arc<RunEntry>) {
        if let Some(place) = self.place(entry) {
            place.store(Some(Arc::clone(entry)));
        }
        train.put(entry);
    }

    fn place(&self, entry: &RunEntry) -> Option<&ArcSwapOption<RunEntry>> {
        let index = entry.index.get()?;
        Some(&self.by_index.cell(index.0 as usize)?.get()?.entry)
    }

    /// Lets go of the entries of runs that are long past, in no other's hand and in no memory. How
    /// many went.
    pub fn let_go_of_the_past(&self, today: Date) -> usize {
        let trains = self.trains();
        trains.into_iter().map(|train| self.let_go_of(train, today)).sum()
    }

    fn let_go_of(&self, train: &Train, today: Date) -> usize {
        let light = train.light();
        let is_past = |date| Calendar::is_past(light, date, today);
        if !train.runs.load().first().is_some_and(|run| is_past(run.0)) {
            return 0;
        }
        let mut past = train.past();
        let dates: Vec<_> =
            train.runs.load().iter().map(|run| run.0).take_while(|date| is_past(*date)).collect();
        dates.into_iter().filter(|date| self.let_go(train, *date, &mut past)).count()
    }

    /// Whether it could go.
    fn let_go(&self, train: &Train, date: Date, past: &mut PastRuns) -> bool {
        let Some(entry) = train.present(date) else { return false };
        if entry.live.load(Relaxed) || entry.refused.load().is_some() {
            return false;
        }
        // Found by nobody any more who does not have it already; those who do are counted.
        train.take(date);
        if let Some(place) = self.place(&entry) {
            place.store(None);
        }
        match Arc::try_unwrap(entry) {
            Ok(entry) => {
                if entry.journaled.load(Relaxed)
                    && let Some(index) = entry.index.get()
                {
                    let other = |plan: &Arc<Plan>| plan.hash() != train.hash();
                    let run = PastRun {
                        index: *index,
                        kept: entry.kept(),
                        extra: entry.extra.load(Relaxed),
                        plan: entry.plan.into_inner().filter(other),
                    };
                    past.insert(date, run);
                }
                true
            }
            Err(entry) => {
                self.put(train, &entry);
                false
            }
        }
    }
}
