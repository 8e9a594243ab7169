//! A run in figures, for operators and for `replay`.

use crate::run::Run;
use crate::{
    BerthIndex, Digest, PlanHash, PoolIndex, QuotaCode, RunId, TravelClass, UnixMillis, Version,
};

/// Berths times legs, by what became of them: `free + held + sold + blocked = capacity` (INV-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BerthLegs {
    /// All.
    pub capacity: u32,
    /// For sale.
    pub free: u32,
    /// Held.
    pub held: u32,
    /// Booked.
    pub sold: u32,
    /// Out of sale.
    pub blocked: u32,
}

impl BerthLegs {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            capacity: self.capacity + other.capacity,
            free: self.free + other.free,
            held: self.held + other.held,
            sold: self.sold + other.sold,
            blocked: self.blocked + other.blocked,
        }
    }
}

/// One pool in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSummary {
    /// Which.
    pub pool: PoolIndex,
    /// Its class.
    pub class: TravelClass,
    /// Its quota.
    pub quota: QuotaCode,
    /// When it opens.
    pub opens_at: UnixMillis,
    /// Whether an operator closed it.
    pub closed: bool,
    /// Its berths.
    pub berths: u16,
    /// Berths free on the whole route.
    pub free_throughout: u16,
    /// Its berths times legs.
    pub berth_legs: BerthLegs,
}

/// One run in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// Which.
    pub run: RunId,
    /// What it is made of.
    pub plan: PlanHash,
    /// Events applied.
    pub version: Version,
    /// The latest stamp of its events.
    pub last_at: UnixMillis,
    /// Names its state.
    pub digest: Digest,
    /// Created by an operator outside the calendar.
    pub extra: bool,
    /// Whether it is over.
    pub retired: bool,
    /// All its berths times legs.
    pub berth_legs: BerthLegs,
    /// Holds that keep somebody.
    pub live_holds: u32,
    /// Bookings ever made.
    pub bookings: u32,
    /// Request ids that would be recognised.
    pub remembered: u32,
    /// Holds whose ids were forgotten because too many had ended since.
    pub forgotten: u64,
    /// Its pools, in the order of the plan.
    pub pools: Vec<PoolSummary>,
}

impl Run {
    /// Whether an operator made it outside the calendar.
    pub fn is_extra(&self) -> bool {
        self.created.extra
    }

    /// The run in figures. Walks every berth and digests the state: for people, not for traffic.
    pub fn summary(&self) -> RunSummary {
        let pools: Vec<PoolSummary> = (0..self.plan.pools().len() as u8)
            .map(|pool| self.pool_summary(PoolIndex(pool)))
            .collect();
        RunSummary {
            run: self.id(),
            plan: self.plan.hash(),
            version: self.version,
            last_at: self.last_at,
            digest: self.digest(),
            extra: self.created.extra,
            retired: self.retired,
            berth_legs: pools
                .iter()
                .map(|pool| pool.berth_legs)
                .fold(BerthLegs::default(), BerthLegs::plus),
            live_holds: self.live_holds() as u32,
            bookings: self.register.bookings.len() as u32,
            remembered: self.remembered().count() as u32,
            forgotten: self.forgotten(),
            pools,
        }
    }

    fn pool_summary(&self, index: PoolIndex) -> PoolSummary {
        let pool = self.plan.pool(index);
        PoolSummary {
            pool: index,
            class: pool.class,
            quota: pool.quota,
            opens_at: self.opens(index),
            closed: self.closed >> index.0 & 1 == 1,
            berths: pool.berths.len() as u16,
            free_throughout: self.free(index, self.plan.route()),
            berth_legs: self.berth_legs(pool.berths.iter().copied()),
        }
    }

    fn berth_legs(&self, berths: impl Iterator<Item = BerthIndex>) -> BerthLegs {
        let legs = self.plan.route().len();
        berths
            .map(|berth| {
                let masks = self.masks(berth);
                BerthLegs {
                    capacity: legs,
                    free: legs - self.rows.taken(berth).count(),
                    held: masks.held.count(),
                    sold: masks.sold.count(),
                    blocked: masks.blocked.count(),
                }
            })
            .fold(BerthLegs::default(), BerthLegs::plus)
    }
}
