//! `memory`: what a whole network takes, all of it live, and all of it at rest.
//!
//! `berth serve` as people run it, in a process of its own. Every open run gets one booking, so that
//! it has a state, a published side and a memory of requests; then nobody asks any more, and runs
//! leave memory as they fall idle. The last figure is a server that was stopped in order and started
//! again: everything it has is in snapshots.

use std::time::{Duration, Instant};

use crate::fault::{Bench, BenchError};
use crate::goal::{Goal, Target, number};
use crate::paired::Estimate;
use crate::report::{Section, Table};
use crate::server::Server;
use crate::setup::Setup;

use super::admin;
use super::flow::{Then, fill};
use super::network;
use super::stand::Stand;

/// Rows of the goals.
const LIVE: Target = Target::low("whole network, 134,000 real runs: all live", "GB", 6.0, 4.0);
const COLD: Target =
    Target::low("whole network, 134,000 real runs: after all passivated", "GB", 1.0, 0.5);
/// Runs of a quick look.
const RUNS_QUICK: usize = 2_000;
/// From the last command to the first look at runs that leave: default idle time and a sweep.
const IDLE: Duration = Duration::from_secs(62);
/// How long runs are watched leaving before it is told whether all will.
const WATCH: Duration = Duration::from_secs(10);
/// Longest wait for the last of them.
const LEAVE_LIMIT: Duration = Duration::from_secs(90);
/// From the last run that leaves to the last page given back: a second's rest and the work.
const GIVE_BACK: Duration = Duration::from_secs(5);
/// Between two looks.
const GLANCE: Duration = Duration::from_millis(500);

/// What was found; bytes.
#[derive(Debug)]
struct Found {
    runs: usize,
    start: u64,
    live: u64,
    live_runs: u64,
    filled_in: Duration,
    /// All runs at rest, or why that was not seen.
    cold: Bench<u64>,
    /// Runs that left memory a second.
    leave_rate: f64,
    /// After a stop in order and a start, or why that was not seen.
    restarted: Bench<u64>,
}

fn measure(setup: &Setup, restart: bool) -> Bench<Found> {
    let stand = Stand::new(setup, "memory", network::entries(), &["--open-days", "60"])?;
    let server = &stand.server;
    let mut runs = network::runs(network::today());
    if setup.quick {
        runs.truncate(RUNS_QUICK);
    }
    let start = server.resident();
    let begun = Instant::now();
    let filled = fill(&server.address, network::one_each(&runs), Then::Confirm)?;
    let filled_in = begun.elapsed();
    if filled.booked != runs.len() as u64 {
        return Err(BenchError::Other(format!("{} of {} runs booked", filled.booked, runs.len())));
    }
    let live_runs = admin::stats(&server.admin)?.live_runs;
    let live = server.resident();
    let (cold, leave_rate) = rest(server);
    let restarted = if restart {
        let again = stand.again(setup);
        again.and_then(|stand| {
            let resident = stand.server.resident();
            stand.end(setup).map(|()| resident)
        })
    } else {
        stand.end(setup)?;
        Err(BenchError::Other("not asked for".into()))
    };
    let runs = runs.len();
    Ok(Found { runs, start, live, live_runs, filled_in, cold, leave_rate, restarted })
}

/// Waits until no run is in memory: its resident bytes then, and how many runs left a second.
fn rest(server: &Server) -> (Bench<u64>, f64) {
    let live = || admin::stats(&server.admin).map(|stats| stats.live_runs);
    let rate = || -> Bench<f64> {
        std::thread::sleep(IDLE);
        let (first, begun) = (live()?, Instant::now());
        std::thread::sleep(WATCH);
        Ok(first.saturating_sub(live()?) as f64 / begun.elapsed().as_secs_f64())
    };
    let rate = match rate() {
        Ok(rate) => rate,
        Err(why) => return (Err(why), 0.0),
    };
    let left = || -> Bench<u64> {
        let left = live()?;
        if left as f64 > rate * LEAVE_LIMIT.as_secs_f64() {
            let after = (IDLE + WATCH).as_secs();
            return Err(BenchError::Other(format!(
                "{left} runs are in memory {after} s after the last command and leave it at \
                 {rate:.0} a second"
            )));
        }
        let begun = Instant::now();
        while live()? > 0 {
            if begun.elapsed() > LEAVE_LIMIT {
                return Err(BenchError::Other(format!("{} runs stay in memory", live()?)));
            }
            std::thread::sleep(GLANCE);
        }
        std::thread::sleep(GIVE_BACK);
        Ok(server.resident())
    };
    (left(), rate)
}

/// The suite.
///
/// # Errors
/// A server that does not start or stop, or does not take a booking for each run.
pub fn run(setup: &Setup) -> Bench<Section> {
    let found = measure(setup, true)?;
    let mut table = Table::new("", &["when", "GB", "bytes a run"]);
    let mut row = |when: &str, bytes: u64| {
        let each = bytes.saturating_sub(found.start) as f64 / found.runs as f64;
        table.row(vec![when.into(), number(bytes as f64 / 1e9), number(each)]);
    };
    row("after the start, no run live", found.start);
    row("every run live, one booking each", found.live);
    if let Ok(cold) = &found.cold {
        row("after all were passivated", *cold);
    }
    if let Ok(restarted) = &found.restarted {
        row("after a stop in order and a start, no run live", *restarted);
    }
    let mut notes = vec![format!(
        "{} runs of {} trains; {} of them live when the last was booked, {:.0} s after the first. \
         Runs without command or hold leave memory after 60 s, here {:.0} a second. Resident \
         memory of `berth serve`, default flags.",
        number(found.runs as f64),
        number(network::TRAINS as f64),
        number(found.live_runs as f64),
        found.filled_in.as_secs_f64(),
        found.leave_rate
    )];
    let unseen = [("All passivated", &found.cold), ("Started again", &found.restarted)];
    for (what, found) in unseen {
        if let Err(why) = found {
            notes.push(format!("{what}: not seen: {why}."));
        }
    }
    let title = "Memory of a whole network".into();
    Ok(Section { suite: "memory", title, notes, tables: vec![table], plots: vec![] })
}

/// Its rows of the goals.
pub fn goals(setup: &Setup) -> Vec<Goal> {
    let gb = |bytes: u64| Estimate::exact(bytes as f64 / 1e9);
    match measure(setup, false) {
        Ok(found) => {
            let part = format!("{} of {} runs live", found.live_runs, found.runs);
            let cold = match &found.cold {
                Ok(bytes) => COLD.reached(&gb(*bytes)),
                Err(why) => COLD.failed(why),
            };
            vec![LIVE.reached(&gb(found.live)).with_remark(part), cold]
        }
        Err(why) => vec![LIVE.failed(&why), COLD.failed(&why)],
    }
}
