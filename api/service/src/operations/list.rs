//! Pages of runs, by start date, then train. No run is asked or woken by being listed, and no plan
//! is built for a row: what is published, its snapshot's head and a look at its slot say it all.

use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use berth_engine::Engine;
use berth_engine::node::{RunEntry, Train, Whereabouts};
use berth_inventory::{Date, RunId, UnixMillis};
use berth_proto::v1;

use crate::wire::{ListWish, Standing, lost_row, page_token, run_row};

/// A row, and its run if that was ever met.
type Row = (v1::TrainRunRow, Option<Arc<RunEntry>>);

/// What may have a run on a day.
#[derive(Clone, Copy)]
enum Candidate<'a> {
    Train(&'a Arc<Train>),
    /// A run out of service of a train that nobody knows any more.
    Lost(RunId),
}

/// A page, and the token of the next one; empty when this was the last. Walks the calendar: blocks.
pub(super) fn page(engine: &Engine, wish: &ListWish) -> (Vec<Row>, String) {
    let now = engine.now();
    let mut trains: Vec<&Arc<Train>> = engine.front().directory.trains();
    let wished = |train| wish.train.is_none_or(|number| number == train);
    trains.retain(|train| wished(train.number));
    let lost: Vec<RunId> =
        engine.info().lost.iter().copied().filter(|run| wished(run.train)).collect();
    let Some((first, last)) = dates(engine, wish, &trains, &lost, now) else {
        return (Vec::new(), String::new());
    };
    let (mut rows, mut token) = (Vec::new(), String::new());
    let mut date = first;
    loop {
        for (number, candidate) in candidates(&trains, &lost, date) {
            if wish.after.is_some_and(|after| (date, number) <= after) {
                continue;
            }
            let row = match candidate {
                Candidate::Train(train) => row(engine, wish, train, date, now),
                Candidate::Lost(run) => Some((lost_row(run), None)),
            };
            let Some(row) = row else { continue };
            if rows.len() == wish.page {
                return (rows, token);
            }
            token = page_token(RunId { train: number, start_date: date });
            rows.push(row);
        }
        if date >= last {
            return (rows, String::new());
        }
        date = date.plus(1);
    }
}

/// What may have a run on `date`, by number.
fn candidates<'a>(
    trains: &[&'a Arc<Train>],
    lost: &[RunId],
    date: Date,
) -> Vec<(berth_inventory::TrainNumber, Candidate<'a>)> {
    let lost = lost.iter().filter(|run| run.start_date == date);
    let mut all: Vec<_> = (trains.iter())
        .map(|train| (train.number, Candidate::Train(train)))
        .chain(lost.map(|run| (run.train, Candidate::Lost(*run))))
        .collect();
    // The trains are sorted: this is one pass when nothing is lost.
    all.sort_by_key(|(number, _)| *number);
    all
}

/// The dates to walk: those asked for, cut to where there can be a run.
fn dates(
    engine: &Engine,
    wish: &ListWish,
    trains: &[&Arc<Train>],
    lost: &[RunId],
    now: UnixMillis,
) -> Option<(Date, Date)> {
    let calendar = &engine.front().calendar;
    let met = trains.iter().filter_map(|train| train.span());
    let (mut first, mut last) = (calendar.today(now), calendar.last_open(now));
    for (from, to) in met.chain(lost.iter().map(|run| (run.start_date, run.start_date))) {
        (first, last) = (first.min(from), last.max(to));
    }
    // Runs under way started on an earlier day, at most as long ago as the longest journey takes.
    let longest = trains.iter().map(|train| train.light().last_departure / 1_440).max();
    if let Some(longest) = longest {
        first = first.min(calendar.today(now).plus(-(longest.cast_signed() + 1)));
    } else if lost.is_empty() {
        return None;
    }
    let first = first.max(wish.first.unwrap_or(Date::MIN));
    let first = first.max(wish.after.map_or(Date::MIN, |(date, _)| date));
    let last = last.min(wish.last.unwrap_or(Date::MAX));
    (first <= last).then_some((first, last))
}

fn row(
    engine: &Engine,
    wish: &ListWish,
    train: &Arc<Train>,
    date: Date,
    now: UnixMillis,
) -> Option<Row> {
    let entry = engine.front().directory.known(train, date);
    let touched = entry.as_ref().is_some_and(is_touched);
    let open = || train.is_listed() && engine.front().calendar.is_open(train.light(), date, now);
    if !touched && (wish.touched_only || !open()) {
        return None;
    }
    let id = RunId { train: train.number, start_date: date };
    let Some(entry) = entry else { return Some((run_row(id, train.title(), COLD), None)) };
    let (version, retired) = engine.last_told(&entry);
    let standing =
        Standing { version: version.0, extra: touched && is_extra(&entry), retired, ..COLD };
    Some((run_row(id, entry.title(), standing), Some(entry)))
}

const COLD: Standing =
    Standing { place: v1::RunPlace::Cold, version: 0, live_holds: 0, extra: false, retired: false };

/// It has events, or is known to have had some.
fn is_touched(run: &Arc<RunEntry>) -> bool {
    run.journaled.load(Relaxed) || run.refused.load().is_some()
}

/// Made by an operator: noted, or there is no other way it can have come to be.
fn is_extra(run: &RunEntry) -> bool {
    let days = run.plan.get().map_or_else(|| run.train.light().days, |plan| plan.days());
    run.extra.load(Relaxed) || !days.runs_on(run.id.start_date)
}

/// The rows with where each run's state is.
pub(super) async fn placed(engine: &Engine, rows: Vec<Row>) -> Vec<v1::TrainRunRow> {
    let met: Vec<Arc<RunEntry>> = rows.iter().filter_map(|(_, run)| run.clone()).collect();
    let mut standings = engine.standings(&met).await.into_iter();
    let mut told = Vec::with_capacity(rows.len());
    for (mut row, run) in rows {
        if let Some(run) = run {
            let standing = standings.next().flatten();
            row.live_holds = standing.map_or(0, |standing| standing.live_holds);
            row.set_place(match standing.map(|standing| standing.at) {
                _ if run.refused.load().is_some() => v1::RunPlace::Quarantined,
                Some(Whereabouts::Loading) => v1::RunPlace::Loading,
                Some(Whereabouts::Here) => v1::RunPlace::Live,
                Some(Whereabouts::Away) => v1::RunPlace::Away,
                None => v1::RunPlace::Cold,
            });
        }
        told.push(row);
    }
    told
}
