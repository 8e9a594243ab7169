//! What is free on one journey: as a message for batches and watchers, and straight into the bytes of
//! a response for the call that is asked most. The message is the definition.

#[cfg(test)]
mod tests;

use berth_engine::node::{Names, PoolRow, RunTable, SaleStatus};
use berth_inventory::{LegRange, Plan, QuotaCode, Refusal, UnixMillis, Version};
use berth_proto::v1;

use super::names::{class, stop, timestamp};
use super::pen::Pen;
use super::said::boarding;
use super::write;

/// The rows of one journey, by class, then quota.
pub(crate) struct Table {
    of: RunTable,
    legs: LegRange,
    rows: Vec<PoolRow>,
}

impl Table {
    /// Of these rows, in any order.
    pub fn new(of: RunTable, legs: LegRange, mut rows: Vec<PoolRow>) -> Self {
        let plan = of.plan();
        rows.sort_by_key(|row| {
            let pool = plan.pool(row.pool);
            (pool.class, pool.quota)
        });
        Self { of, legs, rows }
    }

    /// As a message.
    pub fn message(&self) -> v1::AvailabilityTable {
        let plan = self.of.plan();
        v1::AvailabilityTable {
            train: plan.number().to_string(),
            start_date: self.of.id().start_date.to_string(),
            date: boarding(plan, self.of.id().start_date, self.legs),
            from_stop: Some(stop(plan, self.legs.from)),
            to_stop: Some(stop(plan, self.legs.to)),
            rows: self.rows.iter().map(|row| pool_row(plan, *row)).collect(),
        }
    }

    /// As field 3 of a response.
    fn write(&self, pen: &mut Pen) {
        let plan = self.of.plan();
        let mark = pen.mark();
        for row in self.rows.iter().rev() {
            write_row(pen, plan, row);
        }
        write::stop(pen, 5, plan, self.legs.to);
        write::stop(pen, 4, plan, self.legs.from);
        let start_date = self.of.id().start_date;
        pen.date(3, start_date.plus(plan.boarding_day_offset(self.legs.from)));
        pen.date(2, start_date);
        pen.name(1, plan.number().as_bytes());
        pen.close(3, mark);
    }
}

/// The response of Availability.Query.
pub(crate) fn query_response(
    pen: &mut Pen,
    version: Version,
    as_of: UnixMillis,
    table: &Result<Table, Refusal>,
    names: &Names,
) {
    match table {
        Ok(table) => table.write(pen),
        Err(why) => write::refused(pen, why, names),
    }
    pen.instant(2, as_of);
    pen.number(1, version.0);
}

fn status(row: &PoolRow) -> (v1::AvailabilityStatus, Option<UnixMillis>) {
    use v1::AvailabilityStatus as Status;
    match row.status {
        SaleStatus::Available(_) => (Status::Available, None),
        SaleStatus::Rac(_) => (Status::Rac, None),
        SaleStatus::Waiting(_) => (Status::Waiting, None),
        SaleStatus::Regret(_) => (Status::Regret, None),
        SaleStatus::SoldOut => (Status::SoldOut, None),
        SaleStatus::NotOpen(at) => (Status::NotOpen, Some(at)),
        SaleStatus::Closed => (Status::Closed, None),
    }
}

/// What stands behind the pool and is asked for now: which list, and its figure.
fn behind(plan: &Plan, row: &PoolRow) -> Option<(QuotaCode, u16)> {
    let behind = plan.pool(row.pool).behind;
    let (list, count) = match row.status {
        SaleStatus::Rac(free) => (behind.rac?, free),
        SaleStatus::Waiting(count) | SaleStatus::Regret(count) => (behind.waiting?, count),
        _ => return None,
    };
    Some((plan.list(list).label, count))
}

fn pool_row(plan: &Plan, row: PoolRow) -> v1::AvailabilityRow {
    let pool = plan.pool(row.pool);
    let (status, opens_at) = status(&row);
    let behind = behind(plan, &row);
    v1::AvailabilityRow {
        behind: behind.map_or(0, |(_, count)| count.into()),
        list: behind.map_or_else(String::new, |(list, _)| list.to_string()),
        travel_class: class(pool.class),
        quota: pool.quota.to_string(),
        status: status.into(),
        count: row.free.into(),
        opens_at: opens_at.map(timestamp),
    }
}

fn write_row(pen: &mut Pen, plan: &Plan, row: &PoolRow) {
    let pool = plan.pool(row.pool);
    let (status, opens_at) = status(row);
    let mark = pen.mark();
    if let Some((list, count)) = behind(plan, row) {
        pen.text(7, list.as_str());
        pen.number(6, count.into());
    }
    if let Some(at) = opens_at {
        pen.instant(5, at);
    }
    pen.number(4, row.free.into());
    pen.number(3, status as u64);
    pen.text(2, pool.quota.as_str());
    pen.number(1, pool.class as u64);
    pen.close(6, mark);
}
