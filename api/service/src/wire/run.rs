//! Runs as operators see them.

use berth_engine::node::Title;
use berth_inventory::{Plan, RunId, RunSummary, UnixMillis};
use berth_proto::v1;

use super::names::{class, stop, timestamp};

/// What only the node knows of a run, beside its plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub place: v1::RunPlace,
    pub version: u64,
    pub live_holds: u32,
    pub extra: bool,
    pub retired: bool,
}

/// A line of a list.
pub(crate) fn run_row(run: RunId, title: Title<'_>, standing: Standing) -> v1::TrainRunRow {
    let (origin, terminus) = title.ends;
    v1::TrainRunRow {
        train: run.train.to_string(),
        name: title.name.into(),
        start_date: run.start_date.to_string(),
        origin: origin.to_string(),
        terminus: terminus.to_string(),
        place: standing.place.into(),
        run_version: standing.version,
        live_holds: standing.live_holds,
        extra: standing.extra,
        retired: standing.retired,
    }
}

/// A run that has just answered: it is in memory.
pub(crate) fn answered_row(summary: &RunSummary, version: u64, plan: &Plan) -> v1::TrainRunRow {
    let standing = Standing {
        place: v1::RunPlace::Live,
        version,
        live_holds: summary.live_holds,
        extra: summary.extra,
        retired: summary.retired,
    };
    run_row(summary.run, plan.into(), standing)
}

/// A run out of service of a train that nobody knows any more: its name and date are all there is.
pub(crate) fn lost_row(run: RunId) -> v1::TrainRunRow {
    v1::TrainRunRow {
        train: run.train.to_string(),
        start_date: run.start_date.to_string(),
        place: v1::RunPlace::Quarantined.into(),
        ..Default::default()
    }
}

/// A run with its plan, counts and digest. `midnight` is 00:00 of its start date; `version` is what
/// is told of it.
pub(crate) fn train_run(
    summary: &RunSummary,
    version: u64,
    plan: &Plan,
    midnight: UnixMillis,
) -> v1::TrainRun {
    v1::TrainRun {
        row: Some(answered_row(summary, version, plan)),
        plan_hash: summary.plan.to_string(),
        digest: summary.digest.to_string(),
        stops: stops(plan, midnight),
        coaches: plan.coaches().iter().map(|coach| run_coach(plan, coach)).collect(),
        pools: summary.pools.iter().map(|pool| run_pool(plan, pool)).collect(),
        bookings: summary.bookings.into(),
        rules: plan.rules().unwrap_or_default().into(),
    }
}

fn stops(plan: &Plan, midnight: UnixMillis) -> Vec<v1::RunStop> {
    let last = plan.stops().len() - 1;
    let at = |minute: u32| {
        let span = berth_inventory::Millis(u64::from(minute) * 60_000);
        timestamp(midnight.saturating_add(span))
    };
    let stop = |(place, stop): (usize, &berth_inventory::Stop)| v1::RunStop {
        sequence: place as u32 + 1,
        code: stop.code.to_string(),
        km: stop.km,
        arrival: (place > 0).then(|| at(stop.arrival)),
        departure: (place < last).then(|| at(stop.departure)),
    };
    plan.stops().iter().enumerate().map(stop).collect()
}

fn run_coach(plan: &Plan, coach: &berth_inventory::Coach) -> v1::RunCoach {
    v1::RunCoach {
        coach: coach.id.as_str().into(),
        layout: coach.layout.as_ref().into(),
        berths: coach.count.into(),
        from_stop: Some(stop(plan, coach.legs.from)),
        to_stop: Some(stop(plan, coach.legs.to)),
    }
}

fn run_pool(plan: &Plan, pool: &berth_inventory::PoolSummary) -> v1::RunPool {
    let legs = pool.berth_legs;
    v1::RunPool {
        travel_class: class(pool.class),
        quota: pool.quota.to_string(),
        berths: pool.berths.into(),
        opens_at: (pool.opens_at.0 > 0).then(|| timestamp(pool.opens_at)),
        closed: pool.closed,
        party_max: plan.pool(pool.pool).party_max.into(),
        capacity: legs.capacity.into(),
        free: legs.free.into(),
        held: legs.held.into(),
        sold: legs.sold.into(),
        blocked: legs.blocked.into(),
    }
}
