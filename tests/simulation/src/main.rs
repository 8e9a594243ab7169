//! `berth-sim`: lives seeds until one fails, or until it has lived enough. Exit code 1 on a violation.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use berth_sim::fault::{Counts, Fault};
use berth_sim::kept;
use berth_sim::seeds::{keep_panics_quiet, live, shrink};
use berth_sim::world::{Failure, Setup, Stage, Summary};
use clap::Parser;

/// Lives seeded worlds around Berth's own node, log and recovery, and looks for what must not happen.
#[derive(Debug, Parser)]
#[command(name = "berth-sim", version)]
struct Args {
    /// One seed.
    #[arg(long, conflicts_with_all = ["seeds", "minutes"])]
    seed: Option<u64>,
    /// Seeds A..B, without B.
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Option<(u64, u64)>,
    /// Fresh seeds for so long.
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<f64>,
    /// The first of the fresh seeds; without it, the time of day says.
    #[arg(long, value_name = "SEED")]
    first: Option<u64>,
    /// Steps of a seed's first phase.
    #[arg(long, default_value_t = 2_000)]
    steps: u32,
    /// Clients of a seed.
    #[arg(long, default_value_t = 20)]
    clients: usize,
    /// Kinds of fault that are left out, separated by commas.
    #[arg(long, default_value = "", value_name = "KINDS")]
    without: String,
    /// Show a failing seed as it is.
    #[arg(long)]
    no_shrink: bool,
    /// Tell the last steps of the seed, whether or not it fails.
    #[arg(long)]
    story: bool,
    /// Put this fault into the product first.
    #[cfg(berth_planted)]
    #[arg(long, value_name = "FAULT")]
    plant: Option<String>,
    /// Look for planted faults, one after the other: `all`, names with commas, or COUNT@TURN for so
    /// many in rotation. Exit code 1 when one is not found within a minute.
    #[cfg(berth_planted)]
    #[arg(long, value_name = "FAULTS", conflicts_with_all = ["plant", "seed", "seeds", "minutes"])]
    plants: Option<String>,
    /// Write what was found there.
    #[cfg(berth_planted)]
    #[arg(long, value_name = "FILE", requires = "plants")]
    json: Option<std::path::PathBuf>,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let (first, end) = text.split_once("..").ok_or("expected A..B")?;
    let number = |text: &str| text.parse::<u64>().map_err(|why| why.to_string());
    Ok((number(first)?, number(end)?))
}

fn main() -> ExitCode {
    let args = Args::parse();
    let faults = match kept::without(&args.without) {
        Ok(faults) => faults,
        Err(why) => {
            eprintln!("{why}; there are: {}", names());
            return ExitCode::from(2);
        }
    };
    keep_panics_quiet();
    let setup = |seed| Setup { seed, clients: args.clients.max(1), steps: args.steps, faults };
    let stage = Stage::default();
    #[cfg(berth_planted)]
    if let Some(code) = planted(&args, setup, &stage) {
        return code;
    }
    if let Some(seed) = args.seed {
        return match live(setup(seed), &stage, args.story) {
            Ok(summary) => {
                println!("{}", one_line(&summary));
                ExitCode::SUCCESS
            }
            Err(failure) => failed(*failure, &stage, args.no_shrink),
        };
    }
    let (first, end) = args.seeds.unwrap_or((args.first.unwrap_or_else(time_of_day), u64::MAX));
    let limit = match (args.minutes, args.seeds) {
        (Some(minutes), _) => Duration::from_secs_f64(minutes * 60.0),
        (None, Some(_)) => Duration::MAX,
        (None, None) => Duration::from_secs(60),
    };
    many(first..end, limit, setup, &stage, args.no_shrink)
}

/// Plants one fault and goes on, or looks for many.
#[cfg(berth_planted)]
fn planted(args: &Args, setup: impl Fn(u64) -> Setup, stage: &Stage) -> Option<ExitCode> {
    use berth_sim::plants::{chosen, ledger, search};

    if !berth_inventory::planted::plant(args.plant.as_deref()) {
        eprintln!("no planted fault has this name; there are: {:?}", chosen("all"));
        return Some(ExitCode::from(2));
    }
    let names = match chosen(args.plants.as_ref()?) {
        Ok(names) => names,
        Err(why) => {
            eprintln!("{why}");
            return Some(ExitCode::from(2));
        }
    };
    let mut searches = Vec::new();
    for name in names {
        let done = search(name, args.first.unwrap_or(1), &setup, stage);
        let seconds = done.time.as_secs_f64();
        match &done.found {
            Some((setup, violation)) => println!(
                "{name:28} {seconds:6.1} s {:5} seeds  seed {} breaks {}",
                done.seeds, setup.seed, violation.property
            ),
            None => println!("{name:28} {seconds:6.1} s {:5} seeds  NOT FOUND", done.seeds),
        }
        searches.push(done);
    }
    if let Some(path) = &args.json {
        let commit = std::env::var("BERTH_COMMIT").unwrap_or_else(|_| "unknown".to_owned());
        if let Err(why) = std::fs::write(path, ledger(&searches, &commit)) {
            eprintln!("{}: {why}", path.display());
            return Some(ExitCode::from(2));
        }
    }
    let all = searches.iter().all(|search| search.found.is_some());
    Some(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn many(
    seeds: core::ops::Range<u64>,
    limit: Duration,
    setup: impl Fn(u64) -> Setup,
    stage: &Stage,
    no_shrink: bool,
) -> ExitCode {
    let begun = Instant::now();
    let (mut lived, mut steps, mut events, mut answers) = (0u64, 0, 0, 0);
    let mut counts = Counts::default();
    let first = seeds.start;
    for seed in seeds {
        if begun.elapsed() >= limit {
            break;
        }
        match live(setup(seed), stage, false) {
            Ok(summary) => {
                lived += 1;
                steps += summary.steps;
                events += summary.events;
                answers += summary.answers.0;
                counts.add(&summary.counts);
            }
            Err(failure) => {
                println!("{lived} seeds from {first} on were lived before");
                return failed(*failure, stage, no_shrink);
            }
        }
    }
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    println!(
        "{lived} seeds from {first} on, {steps} steps, {events} events, {answers} answers judged, \
         {:.0} seeds a minute; faults: {counts}; no violation",
        lived as f64 / minutes
    );
    ExitCode::SUCCESS
}

/// The one line a seed ends with: the same on any machine.
fn one_line(summary: &Summary) -> String {
    let Summary { setup, steps, counts, digest, .. } = summary;
    format!(
        "seed {} steps {steps} events {} answers {} starts {} faults: {counts} digest {digest:016x}",
        setup.seed, summary.events, summary.answers.0, summary.starts
    )
}

fn failed(failure: Failure, stage: &Stage, no_shrink: bool) -> ExitCode {
    println!(
        "VIOLATION {} (seed {}, step {})",
        failure.violation, failure.setup.seed, failure.step
    );
    let small = if no_shrink { failure } else { shrink(failure, stage, 200) };
    for line in &small.story {
        println!("    {line}");
    }
    println!("VIOLATION {} (step {})", small.violation, small.step);
    println!("live it again: {}", kept::line(&small.setup));
    let Setup { seed, clients, steps, faults } = small.setup;
    let left_out: Vec<_> =
        Fault::ALL.iter().filter(|fault| !faults.has(**fault)).map(|fault| fault.name()).collect();
    println!(
        "berth-sim --seed {seed} --clients {clients} --steps {steps} --without '{}' --story",
        left_out.join(",")
    );
    ExitCode::FAILURE
}

fn names() -> String {
    Fault::ALL.iter().map(|fault| fault.name()).collect::<Vec<_>>().join(", ")
}

fn time_of_day() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
