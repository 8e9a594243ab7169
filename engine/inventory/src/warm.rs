//! Looking ahead: what the next commands will touch is read now, so that cache misses overlap.
//!
//! A thousand runs do not fit a core's caches, and one command touches some twenty lines of its
//! run, most of them found through the one before. One command at a time pays each miss in full;
//! a look at the same line of sixteen runs pays about one. Reading is all that happens here: the
//! sums mean nothing and keep the reads from being left out. Source: the measurement in
//! `docs/benchmarks.md`; Chen et al., "Improving hash join performance through prefetching" (2007).

use crate::{BerthIndex, Command, HoldId, LegRange, Plan, PoolIndex, RequestId, Run};

impl Run {
    /// First look: the run's own words.
    pub fn warm_head(&self) -> u64 {
        let register = &self.register;
        let index = self.indexes.first().is_some_and(Option::is_some);
        self.version.0 ^ self.leaves_at.0 ^ self.closed ^ register.live as u64 ^ u64::from(index)
    }

    /// Second look: where the command's ids would stand.
    pub fn warm_ids(&self, command: &Command) -> u64 {
        let (hold, request) = ids(command);
        let id = |id: u128| self.register.warm_id(id);
        hold.map_or(0, |hold| id(hold.0)) ^ request.map_or(0, |request| id(request.0))
    }

    /// Third look: the hold's card, or the gaps of the journey.
    pub fn warm_state(&self, command: &Command) -> u64 {
        if let (Some(hold), _) = ids(command) {
            let card = self.register.get(hold);
            return card.map_or(0, |card| card.expires_at.0 ^ u64::from(card.booking));
        }
        let Command::Reserve(ask) = command else { return 0 };
        let (from, to) = (self.plan.resolve(ask.from), self.plan.resolve(ask.to));
        let Some(legs) = from.zip(to).and_then(|(from, to)| LegRange::new(from, to)) else {
            return 0;
        };
        let pool = self.plan.pool_for(ask.class, ask.quota, legs);
        let index = pool.and_then(|pool| self.indexes[usize::from(pool.0)].as_ref());
        index.and_then(|index| index.tightest(legs)).map_or(0, u64::from)
    }

    /// Fourth look: the row of the hold's first berth.
    pub fn warm_row(&self, command: &Command) -> u64 {
        let (Some(hold), _) = ids(command) else { return 0 };
        let berth = self.register.get(hold).and_then(|card| card.party().first()?.berth);
        berth.map_or(0, |berth| self.rows.taken(berth).0 as u64)
    }
}

impl Plan {
    /// What naming a journey and a berth will need.
    pub fn warm(&self, pool: PoolIndex, legs: LegRange, berth: Option<BerthIndex>) -> u64 {
        let stops = self.stops();
        let stop = |at: u8| u64::from(stops[usize::from(at)].departure);
        let berth = berth.map_or(0, |berth| u64::from(self.berth(berth).number));
        stop(legs.from) ^ stop(legs.to) ^ berth ^ self.pool(pool).quota.as_str().len() as u64
    }
}

const fn ids(command: &Command) -> (Option<HoldId>, Option<RequestId>) {
    match command {
        Command::Reserve(ask) => (None, Some(ask.request.id)),
        Command::Confirm(ask) => (Some(ask.hold), Some(ask.request.id)),
        Command::Release(ask) => (Some(ask.hold), Some(ask.request.id)),
        Command::Extend(ask) => (Some(ask.hold), Some(ask.request.id)),
        Command::Cancel(ask) => (None, Some(ask.request.id)),
        Command::Expire(hold) | Command::GetHold(hold) => (Some(*hold), None),
        _ => (None, None),
    }
}
