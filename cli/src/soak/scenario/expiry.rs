//! Holds that nobody pays for: as short as they may be, and left alone.
//!
//! All but the last run are filled again and again. Some holds are looked at, some are extended, some
//! are paid for too late. The last run belongs to one probe, which watches the published count.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use berth_client::v1;
use tokio::time::sleep;

use super::super::check::expiry::{Look, NOT_SOLD_AGAIN, Probe, SHOWN};
use super::super::effect::ms;
use super::super::stage::{StageRun, stop};
use crate::soak::flow::{Flow, Mine, Tries};
use crate::soak::outcome::Word;
use crate::soak::wish::{Taste, wish};

/// Holds of the probe, most.
const PROBE_HOLDS: u32 = 150;
/// Between two holds of the probe, so that their deadlines differ.
const PROBE_GAP: Duration = Duration::from_millis(9);
/// Between two looks of the probe.
const PROBE_LOOK: Duration = Duration::from_millis(2);
/// How long the probe waits for a berth to come back.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);

pub async fn play(flow: &mut Flow) {
    let tries = Tries::default();
    let runs = flow.shared.stage.runs.len() as u32 - 1;
    let mut left: VecDeque<Mine> = VecDeque::new();
    while flow.goes_on() {
        let run = flow.dice(runs);
        let pause = match flow.reserve(run, Taste::Mixed, &tries).await {
            Ok(mut mine) => {
                match flow.dice(20) {
                    0 => {
                        flow.extend(&mut mine, Duration::from_secs(1), &tries).await;
                    }
                    1 => {
                        flow.release(&mut mine, 0, &tries).await;
                    }
                    2..6 => left.push_back(mine),
                    _ => {}
                }
                100 + flow.dice(200)
            }
            Err(_) => 30 + flow.dice(60),
        };
        while let Some(oldest) = left.front() {
            let age = oldest.since.elapsed();
            // Around the deadline, on both sides of it.
            if age < flow.shared.times.ttl.saturating_sub(Duration::from_millis(40)) {
                break;
            }
            let Some(mut mine) = left.pop_front() else { break };
            flow.look(&mine).await;
            if age > flow.shared.times.ttl + Duration::from_millis(20) {
                too_late(flow, &mut mine).await;
            }
        }
        sleep(Duration::from_millis(u64::from(pause))).await;
    }
}

/// Paying after the deadline is refused.
async fn too_late(flow: &mut Flow, mine: &mut Mine) {
    if let Ok(booked) = flow.confirm(mine, 0, false, &Tries::default()).await {
        let name = flow.shared.stage.run(mine.run).name.clone();
        let what = format!(
            "hold {} was confirmed as PNR {} after its deadline {}",
            mine.id, booked.pnr, mine.expires_at
        );
        flow.findings.add(SHOWN, &name, what);
    }
}

/// Watches the count of the last run through one life of its holds.
pub async fn probe(flow: &mut Flow) -> Probe {
    let run = flow.shared.stage.runs.len() as u32 - 1;
    let stage_run = flow.shared.stage.run(run).clone();
    let mut probe = Probe { run: stage_run.name.clone(), ..Probe::default() };
    let Some((class, berths)) = stage_run.classes.iter().max_by_key(|(_, n)| *n).copied() else {
        return probe;
    };
    let begun = Instant::now();
    for _ in 0..PROBE_HOLDS.min(berths) {
        // On a slow machine fewer: the first may not expire before the last is made.
        if begun.elapsed() >= flow.shared.times.ttl / 2 {
            break;
        }
        let ask = single(flow, &stage_run);
        if let Ok(mine) = flow.reserve_this(run, ask, &Tries::default()).await {
            probe.holds.push((mine.expires_at, 1));
        }
        sleep(PROBE_GAP).await;
    }
    probe.holds.sort_unstable();
    let Some(low) = look(flow, run, class).await else { return probe };
    if probe.holds.first().is_some_and(|(first, _)| low.as_of >= *first) {
        // So slow that the first may have expired before all were counted: that says nothing.
        probe.holds.clear();
        return probe;
    }
    probe.low = low.free;
    let high = low.free + probe.holds.len() as u32;
    // Nothing may come back before the shortest life is over; look from a little before that on.
    let first = flow.shared.times.ttl.saturating_sub(Duration::from_millis(500));
    sleep(first.saturating_sub(begun.elapsed())).await;
    let end = Instant::now() + PROBE_GAP * PROBE_HOLDS * 3 + PROBE_PATIENCE;
    while Instant::now() < end {
        let Some(seen) = look(flow, run, class).await else { continue };
        probe.looks.push(seen);
        if seen.free >= high {
            break;
        }
        sleep(PROBE_LOOK).await;
    }
    if probe.looks.last().is_none_or(|seen| seen.free < high) {
        let seen = probe.looks.last().map_or(0, |seen| seen.free);
        let what = format!("{seen} berths free, {high} expected after all deadlines");
        flow.findings.add(NOT_SOLD_AGAIN, &probe.run, what);
    }
    // A last look, so that the one before has a later one.
    probe.looks.extend(look(flow, run, class).await);
    for _ in 0..probe.holds.len() {
        let ask = single(flow, &stage_run);
        probe.asked_again += 1;
        if let Err(Word::Refused(reason)) = flow.reserve_this(run, ask, &Tries::default()).await {
            let reason = crate::words::name(reason, "REASON_", v1::Reason::as_str_name);
            probe.refused_again.push(format!("a berth that came back was refused: {reason}"));
        }
    }
    probe
}

/// One grown-up on the whole route.
fn single(flow: &mut Flow, run: &StageRun) -> v1::ReserveRequest {
    let (ttl, reference) = (flow.shared.times.ttl, &flow.shared.reference);
    wish(&mut flow.rng, run, Taste::Single, ttl, reference)
}

/// The published count of a class on the whole route.
async fn look(flow: &Flow, run: u32, class: v1::TravelClass) -> Option<Look> {
    use v1::query_response::Outcome;
    let shared = &flow.shared;
    let run = shared.stage.run(run);
    let ask = v1::QueryRequest {
        run: Some(run.reference()),
        from_stop: Some(stop(0)),
        to_stop: Some(stop(run.legs)),
        travel_class: class.into(),
        quota: "GN".to_owned(),
    };
    let begun = Instant::now();
    let said = shared.lines.reader().query(ask).await;
    shared.lines.queried(said.is_ok(), begun.elapsed());
    let said = said.ok()?;
    let Some(Outcome::Table(table)) = said.outcome else { return None };
    Some(Look { as_of: ms(said.as_of.as_ref()), free: table.rows.first()?.count })
}
