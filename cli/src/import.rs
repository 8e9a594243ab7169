//! `berth import`: timetables from elsewhere become a catalogue.
//!
//! Every source is read to a [`Harvest`]: the trains that make a plan, and by name and reason
//! everything that does not. Nothing is skipped in silence: the list goes to stderr, with `--json`
//! it is also one object on stdout. The catalogue appears whole or not at all.

mod gtfs;
mod harvest;
mod rakes;
mod trains;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use berth_node::{Calendar, UnknownZone};
use berth_persistence::{ZONE_DEFAULT, entry_to_json, header_to_json};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use harvest::{Harvest, Why};

const TRAINS_HELP: &str = r#"The list, one JSON object a line:
{"no":"12951","name":"RAJDHANI","days":"1111111","coaches":["H1:1A","GEN:GEN"],
 "stops":[["MMCT",0,null,1020],["NDLS",1386,1952,null]]}
days from Monday; stops are code, km, arrival and departure in minutes from 00:00 of day 1"#;

const RAKES_HELP: &str = r#"TOML file that says which coaches a train has:
[[rake]]
trains = ["12951", "12952"]
coaches = ["H1:1A", "A1..A5:2A", "B1..B11:3A"]
[[rake]]
route_types = [2]    # every other train of these GTFS route types
coaches = ["S1..S10:SL"]"#;

/// `berth import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(subcommand)]
    source: Source,
}

/// What to read.
#[derive(Debug, Subcommand)]
pub enum Source {
    /// Read a list of trains with rakes, one JSON object a line
    Trains(TrainsArgs),
    /// Read a GTFS feed and a file of rakes
    Gtfs(GtfsArgs),
}

/// `berth import trains`.
#[derive(Debug, Args)]
pub struct TrainsArgs {
    /// The list
    #[arg(long_help = TRAINS_HELP)]
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    /// IANA zone of the dates and minutes
    #[arg(long, default_value = ZONE_DEFAULT)]
    zone: String,
}

/// `berth import gtfs`.
#[derive(Debug, Args)]
pub struct GtfsArgs {
    /// The feed, a zip file or a directory
    feed: PathBuf,
    /// TOML file that says which coaches a train has
    #[arg(long, value_name = "FILE", long_help = RAKES_HELP)]
    rakes: PathBuf,
    #[command(flatten)]
    target: Target,
}

/// Where the catalogue goes.
#[derive(Debug, Args)]
struct Target {
    /// Catalogue to write; replaced if it exists
    #[arg(short, long, value_name = "CATALOGUE")]
    output: PathBuf,
    /// Print a summary as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// The rakes file is wrong.
    #[error("rakes file {} is wrong: {error}", path.display())]
    Rakes {
        /// Which file.
        path: PathBuf,
        /// What, where, and how to mend it.
        error: String,
    },
    /// The zone does not exist.
    #[error(transparent)]
    Zone(#[from] UnknownZone),
    /// No train of the source makes a plan.
    #[error("no train of {} can be imported; nothing was written", path.display())]
    Nothing {
        /// Which file.
        path: PathBuf,
    },
    /// The catalogue cannot be written.
    #[error("catalogue {} cannot be written: {error}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Stdout is full.
    #[error("the catalogue is written, but its summary cannot be: {0}")]
    Stdout(io::Error),
}

/// Runs `berth import`: 0 when at least one train was imported, else 1.
pub fn run(args: &ImportArgs) -> ExitCode {
    match import(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("berth import: {error}");
            ExitCode::FAILURE
        }
    }
}

fn import(args: &ImportArgs) -> Result<(), ImportError> {
    let (source, target, zone, harvest) = match &args.source {
        Source::Trains(args) => {
            let harvest = trains::read(&args.file)?;
            (&args.file, &args.target, args.zone.clone(), harvest)
        }
        Source::Gtfs(args) => {
            let (zone, harvest) = gtfs::read(&args.feed, &args.rakes)?;
            (&args.feed, &args.target, zone, harvest)
        }
    };
    Calendar::new(&zone, 0)?;
    let imported = !harvest.entries().is_empty();
    if imported {
        write(&target.output, &zone, &harvest)
            .map_err(|error| ImportError::Unwritable { path: target.output.clone(), error })?;
    }
    // Who closes stderr does not want the list; the catalogue is written.
    let _ = io::stderr().write_all(harvest.report(source, &target.output).as_bytes());
    if target.json {
        match writeln!(io::stdout(), "{}", harvest.summary(source, &target.output)) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(ImportError::Stdout(error));
            }
            _ => {}
        }
    }
    if imported { Ok(()) } else { Err(ImportError::Nothing { path: source.clone() }) }
}

/// Writes beside the target and renames, so that a reader never sees half a catalogue.
fn write(path: &Path, zone: &str, harvest: &Harvest) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = write_to(&beside, zone, harvest).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one that counts; there may be no such file.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

fn write_to(path: &Path, zone: &str, harvest: &Harvest) -> io::Result<()> {
    let mut file = io::BufWriter::new(File::create(path)?);
    writeln!(file, "{}", header_to_json(zone))?;
    for entry in harvest.entries() {
        writeln!(file, "{}", entry_to_json(entry))?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// A bar on stderr when it is a terminal, else nothing.
fn progress(what: &'static str, len: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(len as u64).with_style(style).with_message(what)
}

#[cfg(test)]
mod tests;
