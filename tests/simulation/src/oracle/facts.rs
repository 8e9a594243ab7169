//! What a run is made of, as the rules need it: the catalogue's words and nothing of the machine.

use std::sync::Arc;

use berth_inventory::{
    BerthIndex, BerthName, BerthType, ListKind, Opens, Plan, Promotion, QuotaCode, RunId, StopRef,
    TravelClass,
};

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
    /// Nobody can name it: it has the halves of berths that this pool shares.
    pub halves_of: Option<u8>,
    /// The pool of its halves.
    pub halves: Option<u8>,
    /// The list of those who have one.
    pub rac: Option<u8>,
    /// The list of those who have nothing.
    pub waiting: Option<u8>,
    /// What becomes free goes to the first whom it fits, not to the first alone.
    pub first_that_fits: bool,
}

/// One list of a run.
#[derive(Clone, Copy, Debug)]
pub struct ListFacts {
    /// What its places are.
    pub kind: ListKind,
    /// The pool that those on it asked for.
    pub pool: u8,
    /// So many, most.
    pub limit: u16,
}

/// The pool of a berth that is sold as two halves: none.
pub const NO_POOL: u8 = u8::MAX;

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
    /// The halves in its stead.
    pub halves: Option<[u16; 2]>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Which dated train.
    pub run: RunId,
    /// Legs of its route.
    pub legs: u8,
    /// Its berths, then the halves of those that two share.
    pub berths: Vec<BerthFacts>,
    /// So many of them are berths.
    pub whole: u16,
    /// Its pools.
    pub pools: Vec<PoolFacts>,
    /// Its lists.
    pub lists: Vec<ListFacts>,
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
            halves_of: pool.halves_of.map(|pool| pool.0),
            halves: pool.behind.halves.map(|pool| pool.0),
            rac: pool.behind.rac.map(|list| list.0),
            waiting: pool.behind.waiting.map(|list| list.0),
            first_that_fits: pool.behind.promotion == Promotion::FirstThatFits,
        };
        let whole = plan.berths().len() as u16;
        let berth = |(berth, place): (&berth_inventory::Berth, u16)| {
            let halves = plan.halves(BerthIndex(place)).filter(|_| place < whole);
            BerthFacts {
                coach: plan.coaches()[usize::from(berth.coach)].id.as_str().to_owned(),
                number: berth.number,
                kind: berth.berth_type,
                pool: if halves.is_some() { NO_POOL } else { berth.pool.0 },
                halves: halves.map(|halves| halves.map(|half| half.0)),
            }
        };
        let list = |list: &berth_inventory::List| ListFacts {
            kind: list.kind,
            pool: list.pool.0,
            limit: list.limit,
        };
        Self {
            run,
            legs: plan.legs_count() as u8,
            berths: plan.places().iter().zip(0..).map(berth).collect(),
            whole,
            pools: plan.pools().iter().map(pool).collect(),
            lists: plan.lists().iter().map(list).collect(),
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
        let named = |p: &PoolFacts| p.halves_of.is_none() && p.class == class && p.quota == quota;
        let place = self.pools.iter().position(named);
        place.map(|place| place as u8)
    }

    /// The berth of a name.
    pub fn named(&self, name: &BerthName) -> Option<u16> {
        let of = |berth: &BerthFacts| *berth.coach == *name.coach && berth.number == name.number;
        self.berths.iter().position(of).map(|place| place as u16)
    }

    /// The berths that two share, as halves.
    pub fn shared(&self) -> impl Iterator<Item = [u16; 2]> {
        self.berths.iter().filter_map(|berth| berth.halves)
    }

    /// When nobody boards any more.
    pub fn last_departure(&self) -> u64 {
        self.departures[self.departures.len() - 2]
    }
}
