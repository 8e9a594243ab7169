//! Starts in a process of their own, whose heap is set up as that of `berth serve`.
//!
//! The first start is not told: it makes the memory that the others find. A start in a fresh process
//! waits for the kernel, and on a virtual machine for the host, to clear it, which is another thing
//! than checking, decoding and applying; the suite tells that one beside it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use berth_engine::{Engine, StartOptions};
use berth_node::Settings;
use berth_persistence::{
    Catalogue, DataDir, Durability, FileSnapshots, SNAPSHOT_SEGMENT_BYTES, plan_from_text, recover,
};

use super::{fault, history};
use crate::fault::{Bench, BenchError};

/// What `berth serve` says to the allocator before it starts (ADR 12).
const HEAP: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=67108864:glibc.malloc.tcache_count=256",
);
/// What a stop may take: that of the journal's thread, and nothing for snapshots.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// What a replay found, and how long it took.
#[derive(Clone, Copy, Debug)]
pub struct Replayed {
    /// Events applied.
    pub events: u64,
    /// Runs rebuilt.
    pub runs: usize,
    /// From the first file opened to the last run.
    pub took: Duration,
}

/// One replay and one start of a node with one shard on one thread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    /// Events replayed.
    pub events: u64,
    /// Runs live once it served.
    pub runs: usize,
    /// The replay alone, seconds.
    pub replay: f64,
    /// The start, seconds.
    pub serving: f64,
}

/// So many starts over the log below `root`, in a child.
///
/// # Errors
/// The child, or what recovery says.
pub fn in_a_child(root: &Path, count: usize) -> Bench<Vec<Start>> {
    let program = std::env::current_exe().map_err(BenchError::io("find this program"))?;
    let count = count.to_string();
    let mut command = Command::new(program);
    command.arg("recover-starts").arg(root).arg(count).env(HEAP.0, HEAP.1);
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.map_err(BenchError::io("start this program again"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(fault(&format!("the child that starts it: {}", output.status)));
    }
    said.lines()
        .map(|line| parse(line).ok_or_else(|| fault(&format!("it said {line:?}"))))
        .collect()
}

fn parse(line: &str) -> Option<Start> {
    let mut words = line.split(' ');
    let start = Start {
        events: words.next()?.parse().ok()?,
        runs: words.next()?.parse().ok()?,
        replay: words.next()?.parse().ok()?,
        serving: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(start)
}

/// The child: prints a line for each start but the first.
///
/// # Errors
/// What recovery says.
pub fn print(root: &Path, count: usize) -> Bench<()> {
    let catalogue = Arc::new(history::catalogue());
    for number in 0..=count {
        let Replayed { events, runs: replayed, took } = replay(root, &catalogue)?;
        let (runs, serving) = serve(root, &catalogue)?;
        if replayed != runs {
            return Err(fault(&format!("{replayed} runs were replayed and {runs} are live")));
        }
        if number > 0 {
            println!("{events} {runs} {} {}", took.as_secs_f64(), serving.as_secs_f64());
        }
    }
    Ok(())
}

/// Replays the log below `root`, and nothing else.
///
/// # Errors
/// What recovery says.
pub fn replay(root: &Path, catalogue: &Arc<Catalogue>) -> Bench<Replayed> {
    let begun = Instant::now();
    let dir = DataDir::open(root).map_err(|why| fault(&why))?;
    let snapshots = FileSnapshots::open(&dir.snap(), &dir.cut(), SNAPSHOT_SEGMENT_BYTES)
        .map_err(|why| fault(&why))?;
    let parse = |text: &str| plan_from_text(text).map(Arc::new).map_err(|why| why.to_string());
    let text = |hash| {
        let train = catalogue.trains().iter().find(|train| train.hash() == hash)?;
        Some(Arc::clone(train.text()))
    };
    let found = recover(&dir, &snapshots, &parse, &text).map_err(|why| fault(&why))?;
    let took = begun.elapsed();
    Ok(Replayed { events: found.events, runs: found.live.len(), took })
}

/// Starts a node with one shard on one thread below `root`; how long until it serves.
fn serve(root: &Path, catalogue: &Arc<Catalogue>) -> Bench<(usize, Duration)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::io("make a runtime"))?;
    let options = StartOptions {
        data_dir: root.to_owned(),
        catalogue: Arc::clone(catalogue),
        durability: Durability::Power,
        workers: 1,
        settings: Settings { min_free_bytes: 0, ..Settings::default() },
        accept_clock: false,
        address: "bench".into(),
    };
    let begun = Instant::now();
    runtime.block_on(async {
        let engine = Engine::start(options).await.map_err(|why| fault(&why))?;
        let took = begun.elapsed();
        let runs = engine.info().recovered;
        // Too short for a snapshot, which would make the next start cheaper; its threads end.
        engine.stop(STOP_LIMIT).await.map_err(|why| fault(&why))?;
        Ok((runs, took))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_is_that_of_serve() {
        let serve = include_str!("../../../../cli/src/serve/heap.rs");
        assert!(
            serve.contains(&format!("{:?}", HEAP.0)) && serve.contains(&format!("{:?}", HEAP.1))
        );
    }

    #[test]
    fn a_start_is_read_as_it_is_printed() {
        let start = Start { events: 7, runs: 2, replay: 0.5, serving: 0.25 };
        assert_eq!(parse("7 2 0.5 0.25"), Some(start));
        assert_eq!((parse("7 2 0.5"), parse("7 2 0.5 0.25 1"), parse("")), (None, None, None));
    }
}
