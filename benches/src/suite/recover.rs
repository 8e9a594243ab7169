//! `recover`: from a log without snapshots to a node that serves, on one core.
//!
//! The log is written by the machine through the log's own door, and is in the page cache when it
//! is read: what is measured is checking, decoding and applying, not the disk. Three
//! figures: the replay alone; the whole start of a node with one shard on one thread; and that of
//! the server in a fresh process, from its execution to the line that it serves.

mod history;
pub mod starts;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use berth_inventory::UnixMillis;

use self::starts::Start;
use crate::fault::{Bench, BenchError};
use crate::goal::{Goal, Target, number};
use crate::memory;
use crate::paired::Estimate;
use crate::report::{Section, Table};
use crate::server::Server;
use crate::setup::Setup;

/// Events of the log.
const EVENTS: u64 = 2_000_000;
/// Events of a short log.
const EVENTS_QUICK: u64 = 200_000;
/// More than the recovered runs take.
const MEMORY: usize = 2 << 30;
/// How long the server may take to say what it recovered, and between two looks.
const PATIENCE: Duration = Duration::from_secs(2);
const GLANCE: Duration = Duration::from_millis(5);
/// Starts of one figure.
const STARTS: usize = 5;

/// The row of the goals.
const SERVING: Target =
    Target::high("recovery, log suffix to serving, one core", "M events/s", 5.0, 12.0);

fn fault(why: &dyn core::fmt::Display) -> BenchError {
    BenchError::Other(format!("recovery: {why}"))
}

/// Starts the server over the log below `root`, with one worker; how long from its execution until
/// it says that it serves. It is killed, so that it leaves no snapshot for the next start.
fn serve(setup: &Setup, root: &Path, catalogue: &Path, runs: usize) -> Bench<Duration> {
    memory::back(MEMORY);
    let begun = Instant::now();
    let server = Server::berth(&setup.server_bin, catalogue, root, &["--workers=1"])?;
    let took = begun.elapsed();
    // The log says it after the line that it serves.
    while !server.said().contains("recovered=") && begun.elapsed() < took + PATIENCE {
        std::thread::sleep(GLANCE);
    }
    let said = server.said();
    server.kill();
    if said.contains(&format!("recovered={runs}")) {
        Ok(took)
    } else {
        Err(fault(&format!("{runs} runs were to be live; it said {said}")))
    }
}

/// The starts, and what they were of.
struct Rates {
    history: history::History,
    starts: Vec<Start>,
    /// Starts of the server in fresh processes.
    fresh: Vec<Duration>,
}

impl Rates {
    /// Million events a second.
    fn of(&self, seconds: impl Iterator<Item = f64>) -> Estimate {
        let events = self.history.events as f64 / 1e6;
        Estimate::of(&seconds.map(|seconds| events / seconds).collect::<Vec<_>>())
    }

    fn serving(&self) -> Estimate {
        self.of(self.starts.iter().map(|start| start.serving))
    }
}

fn measure(setup: &Setup) -> Bench<Rates> {
    let root = setup.place.fresh("recover");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = UnixMillis(now.map_or(0, |now| now.as_millis() as u64));
    let events = if setup.quick { EVENTS_QUICK } else { EVENTS };
    let history = history::write(&root, events, now)?;
    let file = root.with_extension("jsonl");
    history.write_catalogue(&file)?;
    let count = if setup.quick { 1 } else { STARTS };
    let starts = starts::in_a_child(&root, count)?;
    let expected = (history.events, history.runs);
    if let Some(start) = starts.iter().find(|start| (start.events, start.runs) != expected) {
        let (events, runs) = expected;
        return Err(fault(&format!("{start:?}, written were {events} events, {runs} runs")));
    }
    let fresh =
        (0..count).map(|_| serve(setup, &root, &file, history.runs)).collect::<Bench<_>>()?;
    std::fs::remove_dir_all(&root).map_err(BenchError::io(format!("remove {}", root.display())))?;
    Ok(Rates { history, starts, fresh })
}

/// The suite.
///
/// # Errors
/// The disk, or a recovery that did not find what was written.
pub fn run(setup: &Setup) -> Bench<Section> {
    let rates = measure(setup)?;
    let history = &rates.history;
    let mut table = Table::new("", &["what", "M events/s", "90 % interval", "seconds"]);
    let rows = [
        ("replay alone", rates.of(rates.starts.iter().map(|start| start.replay))),
        ("to serving, one shard", rates.serving()),
        (
            "berth serve --workers 1, a fresh process",
            rates.of(rates.fresh.iter().map(Duration::as_secs_f64)),
        ),
    ];
    for (what, found) in rows {
        table.row(vec![
            what.into(),
            number(found.value),
            format!("{} .. {}", number(found.low), number(found.high)),
            number(history.events as f64 / 1e6 / found.value),
        ]);
    }
    let note = format!(
        "{} events of {} runs in {} MiB of log, no snapshot, in the page cache; one core. Each run \
         has 1,200 berths and 24 legs; of four holds three are booked and one is given back.",
        number(history.events as f64),
        number(history.runs as f64),
        history.bytes >> 20
    );
    let title = "Recovery".into();
    Ok(Section { suite: "recover", title, notes: vec![note], tables: vec![table], plots: vec![] })
}

/// Its row of the goals.
pub fn goals(setup: &Setup) -> Vec<Goal> {
    vec![match measure(setup) {
        Ok(rates) => SERVING.reached(&rates.serving()),
        Err(why) => SERVING.failed(why),
    }]
}
