//! What a reader is told of a run: from its published words, or from its plan while it is cold and
//! has no event. Never activates anything.

use std::sync::Arc;

use berth_inventory::{
    Behind, BerthIndex, LegRange, Plan, PoolIndex, RunCreated, RunId, UnixMillis, Version,
};

use crate::published::{BerthState, Published};

/// The state of one pool's sale for one journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaleStatus {
    /// So many berths are free.
    Available(u16),
    /// No berth is free, but so many halves of berths that two passengers share.
    Rac(u16),
    /// Nothing is free; so many wait, and more may.
    Waiting(u16),
    /// Nothing is free, and the waiting list is full.
    Regret(u16),
    /// None is free, and there is nothing behind.
    SoldOut,
    /// Sale begins then.
    NotOpen(UnixMillis),
    /// Sale has ended or was closed.
    Closed,
}

/// One pool for one journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolRow {
    /// Which pool of the plan.
    pub pool: PoolIndex,
    /// Whether one can buy, and how many are left.
    pub status: SaleStatus,
    /// Berths free on the journey, whether or not they are on sale.
    pub free: u16,
}

enum Source {
    Published(Arc<Published>),
    Plan { plan: Arc<Plan>, created: Box<RunCreated> },
}

/// What stands behind a pool without a free berth.
struct Left {
    /// Halves of berths free on the journey.
    halves: u16,
    /// How many are on the waiting list.
    waiting: u16,
}

impl Left {
    /// Who waits comes before who asks, so nobody is shown a half while somebody does.
    fn status(&self, plan: &Plan, behind: Behind) -> SaleStatus {
        if self.halves > 0 && self.waiting == 0 {
            return SaleStatus::Rac(self.halves);
        }
        match behind.waiting.map(|list| plan.list(list).limit) {
            None if self.halves > 0 => SaleStatus::Rac(self.halves),
            None => SaleStatus::SoldOut,
            Some(limit) if self.waiting < limit => SaleStatus::Waiting(self.waiting),
            Some(_) => SaleStatus::Regret(self.waiting),
        }
    }
}

/// See the module.
pub struct RunTable {
    id: RunId,
    source: Source,
}

impl RunTable {
    /// From what a run has published.
    pub fn published(id: RunId, published: Arc<Published>) -> Self {
        Self { id, source: Source::Published(published) }
    }

    /// From the plan of a run that has no event yet.
    pub fn untouched(plan: Arc<Plan>, created: RunCreated) -> Self {
        Self { id: created.run, source: Source::Plan { plan, created: Box::new(created) } }
    }

    /// Which run.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// Its train.
    pub fn plan(&self) -> &Arc<Plan> {
        match &self.source {
            Source::Published(published) => published.plan(),
            Source::Plan { plan, .. } => plan,
        }
    }

    /// 00:00 of the start date.
    pub fn midnight(&self) -> UnixMillis {
        match &self.source {
            Source::Published(published) => published.midnight(),
            Source::Plan { created, .. } => created.midnight,
        }
    }

    /// The version that is told now, and the stamp it is of; zeros for an untouched run.
    pub fn version(&self) -> (Version, UnixMillis) {
        match &self.source {
            Source::Published(published) => published.read(|p| (p.head().version, p.head().as_of)),
            Source::Plan { .. } => (Version(0), UnixMillis(0)),
        }
    }

    /// Every pool that sells `legs`, in the plan's order, all of one version.
    pub fn rows(&self, legs: LegRange, now: UnixMillis) -> (Version, Vec<PoolRow>) {
        let plan = self.plan();
        let pools = || {
            (0..plan.pools().len()).map(|p| PoolIndex(p as u8)).filter(|pool| {
                let pool = plan.pool(*pool);
                pool.halves_of.is_none()
                    && (pool.board.0..=pool.board.1).contains(&legs.from)
                    && (pool.alight.0..=pool.alight.1).contains(&legs.to)
            })
        };
        let gone = now >= plan.departure(self.midnight(), legs.from);
        let before = plan.departure(self.midnight(), 0).since(now);
        let row = |pool: PoolIndex,
                   closed: bool,
                   opens: UnixMillis,
                   free: &dyn Fn(LegRange) -> u16,
                   left: Left| {
            let vacant = if plan.keeps(pool) { free(plan.route()) } else { 0 };
            let free = plan.sellable(pool, legs, (free(legs), vacant), before);
            let status = if opens > now && !gone {
                SaleStatus::NotOpen(opens)
            } else if gone || closed {
                SaleStatus::Closed
            } else if free == 0 {
                left.status(plan, plan.pool(pool).behind)
            } else {
                SaleStatus::Available(free)
            };
            PoolRow { pool, status, free }
        };
        match &self.source {
            Source::Published(published) => published.read(|p| {
                let head = p.head();
                let closed = |pool: PoolIndex| head.retired || head.closed >> pool.0 & 1 == 1;
                let free = |pool| move |legs| p.free(pool, legs) as u16;
                let rows = pools().map(|pool| {
                    let behind = plan.pool(pool).behind;
                    let left = Left {
                        halves: behind.halves.map_or(0, |halves| p.free(halves, legs) as u16),
                        waiting: behind.waiting.map_or(0, |list| p.waiting(list)),
                    };
                    row(pool, closed(pool), p.opens(pool), &free(pool), left)
                });
                (head.version, rows.collect())
            }),
            Source::Plan { plan, created } => {
                let opens = |pool: PoolIndex| created.opens[usize::from(pool.0)];
                let free = |pool| move |legs| plan.capacity(pool, legs);
                let rows = pools().map(|pool| {
                    let halves = plan.pool(pool).behind.halves;
                    let halves = halves.map_or(0, |halves| plan.capacity(halves, legs));
                    let left = Left { halves, waiting: 0 };
                    row(pool, false, opens(pool), &free(pool), left)
                });
                (Version(0), rows.collect())
            }
        }
    }

    /// The state of every berth over a journey, in the plan's order, all of one version.
    pub fn berths(&self, legs: LegRange) -> (Version, Vec<BerthState>) {
        let plan = self.plan();
        let all = || (0..plan.berths().len()).map(|berth| BerthIndex(berth as u16));
        match &self.source {
            Source::Published(published) => published.read(|p| {
                (p.head().version, all().map(|berth| p.berth_state(berth, legs)).collect())
            }),
            Source::Plan { plan, .. } => {
                let state = |berth| {
                    let runs = plan.berth_legs(berth).contains(legs);
                    if runs { BerthState::Free } else { BerthState::Blocked }
                };
                (Version(0), all().map(state).collect())
            }
        }
    }
}
