//! Pages of runs, by start date, then train. No run is met or woken by being listed.

use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use berth_engine::Engine;
use berth_engine::node::{Directory, Published, RunEntry, Train};
use berth_inventory::{Answer, Command, Date, RunId, Said, UnixMillis};
use berth_proto::v1;

use crate::desk::Desk;
use crate::wire::{ListWish, Standing, answered_row, page_token, run_row};

/// A row, and its run if that was ever met.
type Row = (v1::TrainRunRow, Option<Arc<RunEntry>>);

/// A page, and the token of the next one; empty when this was the last. Walks the calendar: blocks.
pub(super) fn page(engine: &Engine, wish: &ListWish) -> (Vec<Row>, String) {
    let now = engine.now();
    let front = engine.front();
    let mut trains: Vec<&Arc<Train>> = front.directory.trains();
    trains.retain(|train| wish.train.is_none_or(|number| number == train.number));
    let Some((first, last)) = dates(engine, wish, &trains, now) else {
        return (Vec::new(), String::new());
    };
    let (mut rows, mut token) = (Vec::new(), String::new());
    let mut date = first;
    loop {
        for train in &trains {
            if wish.after.is_some_and(|after| (date, train.number) <= after) {
                continue;
            }
            let Some(row) = row(engine, wish, train, date, now) else { continue };
            if rows.len() == wish.page {
                return (rows, token);
            }
            token = page_token(RunId { train: train.number, start_date: date });
            rows.push(row);
        }
        if date >= last {
            return (rows, String::new());
        }
        date = date.plus(1);
    }
}

/// The dates to walk: those asked for, cut to where there can be a run.
fn dates(
    engine: &Engine,
    wish: &ListWish,
    trains: &[&Arc<Train>],
    now: UnixMillis,
) -> Option<(Date, Date)> {
    let calendar = &engine.front().calendar;
    let met = trains.iter().flat_map(|train| {
        let runs = train.runs();
        [runs.first().map(|run| run.id.start_date), runs.last().map(|run| run.id.start_date)]
    });
    let (mut first, mut last) = (calendar.today(now), calendar.last_open(now));
    for date in met.flatten() {
        (first, last) = (first.min(date), last.max(date));
    }
    // Runs under way started on an earlier day, at most as long ago as the longest journey takes.
    let longest = trains.iter().map(|train| train.light().last_departure / 1_440).max()?;
    first = first.min(calendar.today(now).plus(-(longest.cast_signed() + 1)));
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
    let entry = Directory::known(train, date);
    let touched = entry.as_ref().is_some_and(|run| run.journaled.load(Relaxed) || is_extra(run));
    let open = || train.is_listed() && engine.front().calendar.is_open(train.light(), date, now);
    if !touched && (wish.touched_only || !open()) {
        return None;
    }
    let id = RunId { train: train.number, start_date: date };
    match entry {
        None => Some((run_row(id, &train.plan(), COLD), None)),
        Some(entry) => Some((run_row(id, &entry.plan(), standing(&entry)), Some(entry))),
    }
}

const COLD: Standing =
    Standing { place: v1::RunPlace::Cold, version: 0, live_holds: 0, extra: false, retired: false };

fn is_extra(run: &RunEntry) -> bool {
    run.extra.load(Relaxed)
}

fn standing(run: &RunEntry) -> Standing {
    let head = run.published.load().as_ref().map(|published| published.read(Published::head));
    let place =
        if run.refused.load().is_some() { v1::RunPlace::Quarantined } else { v1::RunPlace::Cold };
    Standing {
        place,
        version: head.map_or(0, |head| head.version.0),
        extra: is_extra(run),
        retired: head.is_some_and(|head| head.retired),
        ..COLD
    }
}

/// The rows with what only runs in memory can tell: those are asked, the others are left asleep.
pub(super) async fn asked(desk: &Desk, rows: Vec<Row>) -> Vec<v1::TrainRunRow> {
    let mut told = Vec::with_capacity(rows.len());
    for (mut row, entry) in rows {
        if let Some(entry) = entry
            && entry.live.load(Relaxed)
        {
            row.set_place(v1::RunPlace::Live);
            // A node that is draining, or lost its journal, still lists its runs.
            let answer = desk.engine.ask(&entry, Command::GetRun, UnixMillis::MAX).await;
            if let Ok(Answer { version, said: Said::Run(summary), .. }) = &answer {
                row = answered_row(summary, version.0, &entry.plan());
            }
        }
        told.push(row);
    }
    told
}
