//! Benches of Berth: `cargo run --release -p berth-benches -- SUITE`, after `cargo build --release`.
//!
//! A suite prints its tables on stderr and writes its section of `docs/benchmarks.md` with plots
//! beside it. `goals` measures every goal and exits with 1 if one that must be reached is not;
//! `--json` prints its rows as one object on stdout. Two older programs stay: `engine`, a whole node
//! in this process without gRPC, and `bounds`, which asserts what is promised in seconds and bytes.

mod bounds;
mod disk;
mod echo;
mod engine_suite;
mod fault;
mod figure;
mod goal;
mod goals;
mod load;
mod memory;
mod open_loop;
mod paired;
mod place;
mod profile;
mod report;
mod server;
mod setup;
mod shape;
mod suite;
mod versus;
mod waiting_room;
mod wire;
mod yields;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::echo::Reading;
use crate::fault::{Bench, BenchError};
use crate::server::Flavour;
use crate::setup::Setup;
use crate::shape::Shape;
use crate::suite::SUITES;
use crate::suite::core::instructions;
use crate::suite::recover::starts;

/// Measure Berth on this machine
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Measure: goals, bounds, engine, or a suite (see `list`)
    #[command(external_subcommand)]
    Suite(Vec<String>),
    /// Say what can be measured
    List,
    /// Write what eats a row to docs/profiles/, by perf and callgrind
    Profile {
        /// The rows [default: all]
        rows: Vec<String>,
        /// The server under test [default: berth beside this program]
        #[arg(long, value_name = "PATH")]
        server_bin: Option<PathBuf>,
        /// Where all data goes [default: the system's temporary directory]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Where profiles/ is
        #[arg(long, value_name = "DIR", default_value = "docs")]
        docs: PathBuf,
    },
    /// Count instructions a command of the pure machine with callgrind, against the record
    CoreInstructions {
        /// Write the record anew
        #[arg(long)]
        record: bool,
        /// The record
        #[arg(long, value_name = "FILE", default_value = instructions::RECORD)]
        file: PathBuf,
    },
    /// Say what seat choice is worth in berth-kilometres, against the fair bound and the optimum
    Yield {
        /// Print every train, load and policy, and the goals, as one JSON object on stdout
        #[arg(long)]
        json: bool,
        /// One day, no report: to see that it works
        #[arg(long)]
        quick: bool,
        /// Where benchmarks.md is
        #[arg(long, value_name = "DIR", default_value = "docs")]
        docs: PathBuf,
    },
    /// Let ten million people into a waiting room: what they cost, in which order they come in
    WaitingRoom {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 10_000_000)]
        people: u32,
        /// Print what was found as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// What callgrind counts
    #[command(hide = true)]
    CountCore { commands: usize },
    /// Start over a log again and again
    #[command(hide = true)]
    RecoverStarts { root: PathBuf, count: usize },
    /// Serve as an echo until ended
    #[command(hide = true)]
    EchoServer {
        #[arg(long)]
        flavour: Flavour,
        #[arg(long, default_value = "prost")]
        reading: Reading,
    },
}

/// Options of every suite
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Options {
    /// The suite
    suite: String,
    /// Print the rows of goals as JSON on stdout
    #[arg(long)]
    json: bool,
    /// Pairs of each comparison [default: 7]
    #[arg(long, value_name = "N")]
    pairs: Option<usize>,
    /// Length of one side of a pair [default: 1]
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    /// Where all data goes [default: the system's temporary directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Few and short rounds, no report: to see that it works
    #[arg(long)]
    quick: bool,
    /// The server under test [default: berth beside this program]
    #[arg(long, value_name = "PATH")]
    server_bin: Option<PathBuf>,
    /// A flag for the server beside the defaults, such as --server-flag=--workers=1
    #[arg(long = "server-flag", value_name = "FLAG")]
    server_flags: Vec<String>,
    /// Only this shape, CONNECTIONSxBATCHxMESSAGES, and no report
    #[arg(long, value_name = "CxBxM")]
    shape: Option<Shape>,
    /// With --shape: its latency at parts of its ceiling, in place of the echo
    #[arg(long, requires = "shape")]
    open: bool,
    /// Holds of a hundred that are paid for, then cancelled; the others are released
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u8).range(0..=100))]
    paid: u8,
    /// How much of a request the echo decodes
    #[arg(long, value_name = "WORD", default_value = "prost")]
    echo: Reading,
    /// Spread over 1,000 runs by Zipf's law with this exponent; 0 is uniform
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    zipf: f64,
    /// Goals: with the peers
    #[arg(long)]
    peers: bool,
    /// Where benchmarks.md is
    #[arg(long, value_name = "DIR", default_value = "docs")]
    docs: PathBuf,
}

fn main() -> ExitCode {
    let words = match Args::parse().what {
        What::Suite(words) => words,
        What::List => {
            list();
            return ExitCode::SUCCESS;
        }
        What::Profile { rows, server_bin, dir, docs } => {
            let setup = Setup::new(dir.as_deref(), server_bin, false);
            let done = setup.and_then(|setup| profile::run(&setup, &docs, &rows));
            return told_of(done.map(|()| ExitCode::SUCCESS));
        }
        What::CoreInstructions { record, file } => {
            let done =
                if record { instructions::record(&file) } else { instructions::check(&file) };
            return told_of(done.map(|()| ExitCode::SUCCESS));
        }
        What::Yield { json, quick, docs } => {
            return told_of(yields::run((!quick).then_some(docs.as_path()), json, quick));
        }
        What::WaitingRoom { people, json } => return waiting_room::run(people, json),
        What::CountCore { commands } => {
            instructions::count(commands);
            return ExitCode::SUCCESS;
        }
        What::RecoverStarts { root, count } => {
            return told_of(starts::print(&root, count).map(|()| ExitCode::SUCCESS));
        }
        What::EchoServer { flavour, reading } => {
            return told_of(echo::serve(flavour, reading).map(|()| ExitCode::SUCCESS));
        }
    };
    told_of(run(&Options::parse_from(words)))
}

fn told_of(done: Bench<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|why| {
        eprintln!("berth-benches: {why}");
        ExitCode::FAILURE
    })
}

fn list() {
    for suite in SUITES {
        println!("{:<10} {}", suite.name, suite.about);
    }
    println!("{:<10} every goal, as a table and with --json for programs", "goals");
    let rows: Vec<_> = profile::names().collect();
    println!("{:<10} what eats a row, to docs/profiles/: {}", "profile", rows.join(", "));
    println!("{:<10} instructions of the pure machine, against the record", "core-instructions");
    println!(
        "{:<10} berth-kilometres that seat choice wins, against what nobody can beat",
        "yield"
    );
    println!("{:<10} ten million people before a sale", "waiting-room");
    println!("{:<10} a whole node in this process, without gRPC", "engine");
    println!("{:<10} what is promised in seconds and bytes", "bounds");
}

fn run(options: &Options) -> Bench<ExitCode> {
    match options.suite.as_str() {
        "bounds" => return Ok(bounds::run()),
        "engine" => engine_suite::run(),
        name if suite::find(name).is_some() || name == "goals" => return measure(options),
        other => {
            let why = format!("no suite is called {other:?}: `berth-benches list` says which are");
            return Err(BenchError::Other(why));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A suite of the report, or the goals.
fn measure(options: &Options) -> Bench<ExitCode> {
    let dir = options.dir.as_deref();
    let mut setup = Setup::new(dir, options.server_bin.clone(), options.quick)?;
    setup.pairs = options.pairs.unwrap_or(setup.pairs).max(1);
    if let Some(seconds) = options.seconds {
        setup.seconds = Duration::try_from_secs_f64(seconds)
            .map_err(|why| BenchError::Other(format!("--seconds {seconds}: {why}")))?;
    }
    setup.server_flags.clone_from(&options.server_flags);
    setup.shape = options.shape;
    setup.echo = options.echo;
    setup.paid = options.paid;
    setup.open = options.open;
    setup.zipf = options.zipf;
    if setup.place.in_memory() {
        let at = setup.place.root().display();
        eprintln!("{at} is in memory: a sync costs nothing there, say --dir for real figures");
    }
    let measured = told(&setup, options);
    if measured.is_err() {
        eprintln!("what was written stays in {}", setup.place.keep().display());
    }
    measured
}

/// Measures and tells.
fn told(setup: &Setup, options: &Options) -> Bench<ExitCode> {
    let reported = !options.quick && options.shape.is_none();
    let (section, code) = if options.suite == "goals" {
        let goals = goals::measure(setup, options.peers)?;
        if options.json {
            println!("{}", goal::to_json(&goals));
        }
        (goals::section(&goals), goals::exit(&goals))
    } else {
        let suite = suite::find(&options.suite).and_then(|suite| suite.run);
        let run = suite.ok_or_else(|| BenchError::Other("this suite only has goals".into()))?;
        (run(setup)?, ExitCode::SUCCESS)
    };
    setup.place.check()?;
    eprintln!("{}", section.plain());
    if reported {
        eprintln!("written to {}", report::write(&options.docs, &section)?.display());
    }
    Ok(code)
}
