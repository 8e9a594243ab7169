//! What a run is made of, as the rules need it: the catalogue's words and nothing of the machine.

use std::sync::Arc;

use berth_inventory::{BerthType, Opens, Plan, QuotaCode, RunId, StopRef, TravelClass};

use crate::trains::midnight;

/// One pool of a run.
#[derive(Clone, Debug)]
pub struct PoolFacts {
    /// Its class.
    pub class: TravelClass,
    /// Its quota.
    pub quota: QuotaCode,
    /// When it opens; 0 = with the run.
    pub opens_at: u64,
    /// The largest party.
    pub party_max: usize,
    /// For women, and men of 60 and more.
    pub for_some: bool,
}

/// One berth.
#[derive(Clone, Debug)]
pub struct BerthFacts {
    /// Its coach.
    pub coach: String,
    /// Its number there.
    pub number: u16,
    /// What it is.
    pub kind: BerthType,
    /// The pool it is sold from.
    pub pool: u8,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Which dated train.
    pub run: RunId,
    /// Legs of its route.
    pub legs: u8,
    /// Its berths.
    pub berths: Vec<BerthFacts>,
    /// Its pools.
    pub pools: Vec<PoolFacts>,
    /// When it leaves each stop.
    pub departures: Vec<u64>,
}

impl Facts {
    /// Those of a dated train.
    pub fn new(run: RunId, plan: &Arc<Plan>) -> Self {
        let zero = midnight(run.start_date);
        let opens_at = |opens: Opens| match opens {
            Opens::WithRun => 0,
            Opens::Before { days, minute } => {
                midnight(run.start_date.plus(-i32::from(days))) + u64::from(minute) * 60_000
            }
        };
        let pool = |pool: &berth_inventory::Pool| PoolFacts {
            class: pool.class,
            quota: pool.quota,
            opens_at: opens_at(pool.opens),
            party_max: usize::from(pool.party_max),
            for_some: !pool.eligible_words.is_empty(),
        };
        let berth = |berth: &berth_inventory::Berth| BerthFacts {
            coach: plan.coaches()[usize::from(berth.coach)].id.as_str().to_owned(),
            number: berth.number,
            kind: berth.berth_type,
            pool: berth.pool.0,
        };
        Self {
            run,
            legs: plan.legs_count() as u8,
            berths: plan.berths().iter().map(berth).collect(),
            pools: plan.pools().iter().map(pool).collect(),
            departures: plan
                .stops()
                .iter()
                .map(|stop| zero + u64::from(stop.departure) * 60_000)
                .collect(),
        }
    }

    /// The legs between two stops named by their place; `None` when there is no such journey.
    pub fn legs(&self, from: StopRef, to: StopRef) -> Option<(u8, u8)> {
        let (StopRef::Sequence(from), StopRef::Sequence(to)) = (from, to) else { return None };
        let stops = 1..=u16::from(self.legs) + 1;
        let fine = stops.contains(&from) && stops.contains(&to) && from < to;
        fine.then(|| (from as u8 - 1, to as u8 - 1))
    }

    /// The pool of a class and quota.
    pub fn pool(&self, class: TravelClass, quota: QuotaCode) -> Option<u8> {
        let place = self.pools.iter().position(|p| p.class == class && p.quota == quota);
        place.map(|place| place as u8)
    }

    /// When nobody boards any more.
    pub fn last_departure(&self) -> u64 {
        self.departures[self.departures.len() - 2]
    }
}
