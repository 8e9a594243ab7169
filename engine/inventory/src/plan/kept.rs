//! Berths kept for long journeys: the pooled quota as a count (domain 1.5, 3.2).
//!
//! On an end-to-end train a short journey draws on a small part of the general berths. That part is
//! no set of berths here: a short journey may sit on every berth that is sold, held or blocked on
//! another leg, and what a pool limits is how far it may *open* berths that are free on the whole
//! route. As its departure comes nearer, less is kept. Where several rows speak of a journey, the one
//! that keeps most counts.
//!
//! Always true of the rows of a pool: at most [`KEPT_MAX`], each for some journeys and some time.
//! Units: kilometres of the journey, minutes before the train leaves its first stop.

use super::Plan;
use crate::{KEPT_MAX, LegRange, Millis, PoolIndex};

/// Longest time before the departure that a row may name: as the longest sale.
pub(super) const SINCE_MAX: u32 = 366 * 1_440;

/// A row: a journey below so many kilometres opens no berth while at most so many are free on the
/// whole route. How many falls evenly with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Journeys of fewer kilometres are short.
    pub below_km: u32,
    /// Berths that they leave at `since` and before.
    pub berths: u16,
    /// Berths that they leave at last, just before `until`.
    pub last: u16,
    /// Minutes before the departure at the origin at which what is kept begins to fall.
    pub since: u32,
    /// Minutes before the departure at which the row ends.
    pub until: u32,
}

impl Kept {
    /// Whether it says something.
    pub(super) const fn is_sound(self) -> bool {
        self.below_km > 0
            && self.berths > 0
            && self.last <= self.berths
            && self.until < self.since
            && self.since <= SINCE_MAX
    }

    /// Berths that a journey of so many kilometres must leave, `left` before the departure.
    pub fn berths(self, km: u32, left: Millis) -> u16 {
        let (since, until) = (u64::from(self.since) * 60_000, u64::from(self.until) * 60_000);
        if km >= self.below_km || left.0 <= until {
            return 0;
        }
        if left.0 >= since {
            return self.berths;
        }
        let falls = u64::from(self.berths - self.last) * (left.0 - until) / (since - until);
        self.last + falls as u16
    }
}

impl Plan {
    /// Whether a pool keeps berths for long journeys at all.
    #[inline]
    pub fn keeps(&self, pool: PoolIndex) -> bool {
        self.keeping >> pool.0 & 1 == 1
    }

    /// How many wholly vacant berths a journey must leave in a pool, `left` before the departure.
    pub fn kept(&self, pool: PoolIndex, legs: LegRange, left: Millis) -> u16 {
        if !self.keeps(pool) {
            return 0;
        }
        let km = |stop: u8| self.stops[usize::from(stop)].km;
        let journey = km(legs.to) - km(legs.from);
        self.pool(pool).kept.iter().map(|row| row.berths(journey, left)).max().unwrap_or(0)
    }

    /// Of the berths of a pool free on a journey, those that it may have: `vacant` of them are free
    /// on the whole route, of which what is kept stays.
    pub fn sellable(
        &self,
        pool: PoolIndex,
        legs: LegRange,
        (free, vacant): (u16, u16),
        left: Millis,
    ) -> u16 {
        // What is read of a run that goes on meanwhile may not fit together.
        free.saturating_sub(vacant.min(self.kept(pool, legs, left)))
    }
}

const _: () = assert!(KEPT_MAX <= u8::MAX as usize, "a reserve looks at every row");
