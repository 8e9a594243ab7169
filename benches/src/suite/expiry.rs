//! `expiry`: a million live holds run out, and a server with nothing due sleeps.
//!
//! `berth serve` with default flags in a process of its own. Lateness is read from its journal
//! afterwards, hold by hold: the stamp of the expiry minus the deadline. Deadlines are spread over
//! 25 s where people spread them over 15 min, so 36 times as many fall due in a second as the goal
//! asks for. Wake-ups are voluntary context switches of all threads, while all holds are live and
//! the next deadline is far.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use berth_inventory::Event;
use berth_persistence::{DataDir, LogReader};
use berth_proto::v1;
use hdrhistogram::Histogram;

use super::core::train::{Shape, entry};
use super::flow::{Order, Then, fill};
use super::network::today;
use super::stand::Stand;
use crate::fault::{Bench, BenchError};
use crate::goal::{Goal, Target, number};
use crate::paired::Estimate;
use crate::report::{Section, Table};
use crate::setup::Setup;

/// Rows of the goals.
const LATE: Target = Target::low("a million live holds: lateness of expiry, p99", "ms", 50.0, 20.0);
const WAKES: Target =
    Target::low("a million live holds, none due: wake-ups of the process", "a second", 50.0, 20.0);

/// Trains and days: 1,100 runs of 1,200 berths.
const TRAINS: usize = 20;
const DAYS: i32 = 55;
/// What is asked, at which size.
const FULL: Scale = Scale { holds: 1_000_000, lead: 70, spread: 25, watch: 10 };
const QUICK: Scale = Scale { holds: 20_000, lead: 14, spread: 2, watch: 2 };
/// Latest expiry that is told apart, milliseconds.
const LATEST_MS: u64 = 3_600_000;
/// From the last deadline to the end of the server.
const AFTER: Duration = Duration::from_secs(3);

/// Times in seconds.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// Live at once.
    holds: u64,
    /// From the first reserve to the first deadline.
    lead: u64,
    /// From the first deadline to the last.
    spread: u64,
    /// How long wake-ups are counted.
    watch: u64,
}

#[derive(Debug)]
struct Found {
    scale: Scale,
    filled_in: Duration,
    /// Milliseconds; a hold that did not expire is not in it.
    late: Histogram<u64>,
    wakes: f64,
}

fn measure(setup: &Setup) -> Bench<Found> {
    let scale = if setup.quick { QUICK } else { FULL };
    let trains = (0..TRAINS).map(|n| entry(10_000 + n, Shape::PROMISED));
    let stand = Stand::new(setup, "expiry", trains, &[])?;
    let server = &stand.server;
    let begun = Instant::now();
    let first = begun + Duration::from_secs(scale.lead);
    let filled = fill(&server.address, orders(scale, first), Then::Keep)?;
    let filled_in = begun.elapsed();
    if filled.held != scale.holds {
        return Err(BenchError::Other(format!("{} of {} are held", filled.held, scale.holds)));
    }
    // Whatever the last commands left to do is done.
    std::thread::sleep(Duration::from_secs(1));
    let watch = Duration::from_secs(scale.watch);
    if Instant::now() + watch > first {
        let took = filled_in.as_secs();
        let why = format!("this machine needs {took} s to hold {} berths: too long", scale.holds);
        return Err(BenchError::Other(why));
    }
    let (before, watched) = (wakes(server.pid()), Instant::now());
    std::thread::sleep(watch);
    let wakes = since(&before, &wakes(server.pid())) as f64 / watched.elapsed().as_secs_f64();
    let last = first + Duration::from_secs(scale.spread) + AFTER;
    std::thread::sleep(last.saturating_duration_since(Instant::now()));
    let left = stand.stop();
    let late = lateness(&left.data)?;
    left.end(setup)?;
    Ok(Found { scale, filled_in, late, wakes })
}

/// As many orders as holds, their deadlines spread in scattered order.
fn orders(scale: Scale, first: Instant) -> impl Iterator<Item = Order> {
    let today = today();
    let runs: Vec<_> = (1..=DAYS)
        .flat_map(|day| (0..TRAINS).map(move |train| (day, train)))
        .map(|(day, train)| v1::RunRef {
            train: (10_000 + train).to_string(),
            day: Some(v1::run_ref::Day::StartDate(today.plus(day).to_string())),
        })
        .collect();
    (0..scale.holds).map(move |n| {
        let (run, turn) = (n as usize % runs.len(), n as usize / runs.len());
        let from = 1 + (turn % 20) as u32;
        let deadline = first + Duration::from_millis(n * 7_919 % (scale.spread * 1_000));
        Order {
            run: runs[run].clone(),
            journey: (from, from + 3),
            class: v1::TravelClass::Sleeper,
            ttl: Some(deadline.saturating_duration_since(Instant::now())),
        }
    })
}

/// Voluntary context switches of each thread of a process so far.
fn wakes(pid: u32) -> BTreeMap<OsString, u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let of = |thread: fs::DirEntry| {
        let status = fs::read_to_string(thread.path().join("status")).ok()?;
        Some((thread.file_name(), switches(&status)?))
    };
    threads.filter_map(Result::ok).filter_map(of).collect()
}

/// Those since `before`; a thread that has ended meanwhile takes its own with it.
fn since(before: &BTreeMap<OsString, u64>, now: &BTreeMap<OsString, u64>) -> u64 {
    now.iter().map(|(thread, count)| count.saturating_sub(*before.get(thread).unwrap_or(&0))).sum()
}

/// As a thread's `status` says it.
fn switches(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

/// Stamps of expiries minus deadlines, from the journal below `root`.
fn lateness(root: &Path) -> Bench<Histogram<u64>> {
    let fault = |why: &dyn core::fmt::Display| BenchError::Other(format!("the journal: {why}"));
    let dir = DataDir::read_only(root).map_err(|why| fault(&why))?;
    let mut deadlines = HashMap::new();
    let mut late = Histogram::new_with_bounds(1, LATEST_MS, 3).expect("sound bounds");
    for frame in LogReader::open(&dir.log()).map_err(|why| fault(&why))? {
        let frame = frame.map_err(|why| fault(&why))?;
        for (_, _, at, _, event) in frame.events() {
            match event {
                Event::Held { hold, expires_at, .. } => {
                    deadlines.insert(*hold, *expires_at);
                }
                Event::Expired { hold } => {
                    let deadline = deadlines.remove(hold);
                    let deadline = deadline.ok_or_else(|| fault(&"an expiry of no hold"))?;
                    late.saturating_record(at.since(deadline).0);
                }
                _ => {}
            }
        }
    }
    Ok(late)
}

impl Found {
    /// A percentile of the lateness; an error when too many never expired.
    fn ms(&self, part: f64) -> Bench<f64> {
        let missing = self.scale.holds - self.late.len();
        if missing as f64 > self.scale.holds as f64 * (1.0 - part / 100.0) {
            let why = format!("{missing} holds were live {AFTER:?} after their deadline");
            return Err(BenchError::Other(why));
        }
        Ok(self.late.value_at_percentile(part) as f64)
    }
}

/// The suite.
///
/// # Errors
/// A server that does not start or stop, or holds that never expire.
pub fn run(setup: &Setup) -> Bench<Section> {
    let found = measure(setup)?;
    let mut table = Table::new("", &["lateness of expiry", "ms"]);
    for part in [50.0, 90.0, 99.0, 99.9] {
        table.row(vec![format!("p{part}"), number(found.ms(part)?)]);
    }
    table.row(vec!["latest".into(), number(found.late.max() as f64)]);
    let Scale { holds, spread, watch, .. } = found.scale;
    let notes = vec![format!(
        "{} holds, live {:.0} s after the first; their deadlines are spread over {spread} s. With \
         all of them live and none due, the process woke up {} times a second over {watch} s.",
        number(holds as f64),
        found.filled_in.as_secs_f64(),
        number(found.wakes)
    )];
    let title = "Expiry of a million holds".into();
    Ok(Section { suite: "expiry", title, notes, tables: vec![table], plots: vec![] })
}

/// Its rows of the goals.
pub fn goals(setup: &Setup) -> Vec<Goal> {
    match measure(setup) {
        Ok(found) => {
            let remark = format!("deadlines spread over {} s, not 15 min", found.scale.spread);
            let late = match found.ms(99.0) {
                Ok(ms) => LATE.reached(&Estimate::exact(ms)).with_remark(remark),
                Err(why) => LATE.failed(why),
            };
            vec![late, WAKES.reached(&Estimate::exact(found.wakes))]
        }
        Err(why) => vec![LATE.failed(&why), WAKES.failed(&why)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_of_a_thread_are_read() {
        let status = "Name:\tberth\nvoluntary_ctxt_switches:\t41\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(switches(status), Some(41));
        assert_eq!(switches(""), None);
        let own = wakes(std::process::id());
        assert!(since(&BTreeMap::new(), &own) > 0);
        let mut before = own.clone();
        before.insert("ended".into(), 1_000);
        assert_eq!(since(&before, &own), 0, "a thread that ended is not counted back");
    }

    #[test]
    fn deadlines_fill_the_spread() {
        let scale = Scale { holds: 5_000, lead: 60, spread: 20, watch: 1 };
        let first = Instant::now() + Duration::from_secs(60);
        let ttls: Vec<_> = orders(scale, first).filter_map(|order| order.ttl).collect();
        assert_eq!(ttls.len(), 5_000);
        let (low, high) = (ttls.iter().min().unwrap(), ttls.iter().max().unwrap());
        assert!(high.as_secs() >= 78 && low.as_secs() <= 60, "{low:?} .. {high:?}");
    }
}
