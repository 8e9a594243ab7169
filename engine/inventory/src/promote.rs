//! Promotion: who gets a place that has become free.
//!
//! Asked after every command that gave something back, once its events are applied, and again after
//! every promotion, until nobody can be promoted; so it is part of the same step, and each promotion
//! is an event of its own. In the order of the pools: whoever has a half of a shared berth (RAC) gets
//! a berth, then whoever waits gets what is free then, a berth if nobody with a half can use it,
//! else a half. With [`Promotion::WaitForHead`] a free place waits until it fits the first of the
//! list; with [`Promotion::FirstThatFits`] it goes to the first whom it fits.
//! Always true afterwards: no free place fits whom it would go to (INV-13). Source: domain 1.7.

#[cfg(test)]
mod tests;

use arrayvec::ArrayVec;

use crate::choose::choose_one;
use crate::lists::{Lists, Place, Standing};
use crate::{Behind, BerthIndex, Event, LegRange, ListIndex, Plan, PoolIndex, Promotion, Run};

/// Journeys that nothing was found for, remembered while one list is gone through.
const FAILED_MAX: usize = 16;

impl Run {
    /// The promotion that is due, if one is: apply it and ask again. Nothing is due unless something
    /// was given back since the last time.
    #[inline]
    pub fn promote(&mut self) -> Option<Event> {
        if !self.lists.as_ref()?.stirred {
            return None;
        }
        let due = self.promotion_due();
        if due.is_none()
            && let Some(lists) = &mut self.lists
        {
            lists.stirred = false;
        }
        due
    }

    /// The first promotion that is due, whatever happened last.
    pub(crate) fn promotion_due(&self) -> Option<Event> {
        let lists = self.lists.as_deref()?;
        if self.retired {
            return None;
        }
        let behind = self.plan.pools().iter().map(|pool| pool.behind);
        (0..).zip(behind).find_map(|(pool, behind)| self.due_in(lists, PoolIndex(pool), behind))
    }

    fn due_in(&self, lists: &Lists, pool: PoolIndex, behind: Behind) -> Option<Event> {
        // list-in-order, both
        let passes = crate::planted!("head-passed-over");
        let first_only = behind.promotion == Promotion::WaitForHead && !passes;
        let find = |list, pool| {
            self.first_that_fits(lists.order(list).places.as_slice(), pool, first_only)
        };
        if let Some(rac) = behind.rac
            && let Some((place, berth)) = find(rac, pool)
        {
            return Some(self.promotion(place, berth, None));
        }
        let waiting = behind.waiting?;
        // With a half somebody stands before all who wait.
        let nobody_before = behind.rac.is_none_or(|rac| lists.len(rac) == 0);
        if (!first_only || nobody_before)
            && let Some((place, berth)) = find(waiting, pool)
        {
            return Some(self.promotion(place, berth, None));
        }
        let (halves, rac) = (behind.halves?, behind.rac?);
        let (place, half) = find(waiting, halves)?;
        Some(self.promotion(place, half, Some(rac)))
    }

    /// The first of these for whom something is free in the pool, and what.
    fn first_that_fits(
        &self,
        places: &[Place],
        pool: PoolIndex,
        first_only: bool,
    ) -> Option<(Place, BerthIndex)> {
        let mut failed = ArrayVec::<LegRange, FAILED_MAX>::new();
        let first = places.len().saturating_sub(1);
        let first = if crate::planted!("last-promoted-first") { first } else { 0 };
        for place in places.iter().skip(first).take(if first_only { 1 } else { usize::MAX }) {
            let card = self.register.card(place.card);
            let legs = card.legs;
            if failed.iter().any(|failed| legs.contains(*failed)) {
                continue;
            }
            let passenger = card.party()[usize::from(place.passenger)].seat().passenger;
            let index = self.indexes[usize::from(pool.0)].as_ref();
            match choose_one(&self.plan, pool, &self.rows, index, legs, passenger) {
                Ok(berth) => return Some((*place, berth)),
                Err(_) if failed.is_full() => {}
                Err(_) => failed.push(legs),
            }
        }
        None
    }

    fn promotion(&self, place: Place, berth: BerthIndex, list: Option<ListIndex>) -> Event {
        let hold = self.register.card(place.card).hold;
        let number = |list| self.lists.as_ref().map_or(1, |lists| lists.order(list).next());
        let standing = list.map(|list| Standing { list, number: number(list) });
        Event::Promoted { hold, passenger: place.passenger, berth, standing }
    }

    /// Whether somebody waits for what a reserve of this journey would take: they ride no further and
    /// were first. Where whoever fits is promoted at once, nobody can be.
    #[inline]
    pub(crate) fn is_overtaking(&self, pool: PoolIndex, legs: LegRange) -> bool {
        self.lists.as_deref().is_some_and(|lists| self.overtakes_on(lists, pool, legs))
    }

    fn overtakes_on(&self, lists: &Lists, pool: PoolIndex, legs: LegRange) -> bool {
        let behind = self.plan.pool(pool).behind;
        let waits = |list| lists.waits_inside(list, legs, &self.register);
        // nobody-overtaken
        let overtakes = crate::planted!("waiting-overtaken");
        behind.promotion == Promotion::WaitForHead
            && !overtakes
            && (behind.rac.is_some_and(waits) || behind.waiting.is_some_and(waits))
    }

    /// Whether somebody on the waiting list behind the pool waits for a half that a reserve of this
    /// journey would take.
    pub(crate) fn is_overtaking_for_a_half(&self, pool: PoolIndex, legs: LegRange) -> bool {
        let Some(lists) = self.lists.as_deref() else { return false };
        let waiting = self.plan.pool(pool).behind.waiting;
        // nobody-overtaken
        let overtakes = crate::planted!("waiting-overtaken-for-a-half");
        !overtakes && waiting.is_some_and(|list| lists.waits_inside(list, legs, &self.register))
    }
}

/// The pool to whose index a place belongs.
#[inline]
pub(crate) fn pool_of(plan: &Plan, place: BerthIndex) -> PoolIndex {
    plan.berth(place).pool
}
