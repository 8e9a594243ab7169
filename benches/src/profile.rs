//! `profile`: what eats a row, as tables in `docs/profiles/`: samples of the server process by perf
//! while its load runs, or instructions by callgrind where there is one thread and no clock.
//!
//! A profile is one file a row. The tables stand between two markers and are written anew; what
//! people concluded stands behind them and stays.

mod callgrind;
mod samples;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::fault::{Bench, BenchError};
use crate::load::{Calls, Spread, Stage};
use crate::report::{Ground, Table};
use crate::setup::Setup;
use crate::shape::Shape;
use crate::suite::read::Beside;
use crate::suite::session::cycles;
use crate::versus::Bed;

/// Length of the load that is sampled.
const LOAD: Duration = Duration::from_secs(6);
/// The conclusions of a profile that nobody has drawn yet.
const UNREAD: &str =
    "Nobody has read this profile yet: say what eats the rest, and which design would get there.";

/// What is done while the server is looked at.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// No server: the pure machine under callgrind.
    Core,
    /// Cycles in this shape.
    Load(Calls, Shape),
    /// Queries beside writes.
    Query,
}

/// A row that may be short of its aim.
struct Row {
    name: &'static str,
    title: &'static str,
    work: Work,
}

const ROWS: [Row; 6] = [
    Row { name: "core", title: "The pure machine with encoding", work: Work::Core },
    Row {
        name: "session-8x256x8",
        title: "Session, 8 connections x 256 x 8, 1,000 runs",
        work: Work::Load(Calls::Session, Shape::new(8, 256, 8)),
    },
    Row {
        name: "session-4x16x8",
        title: "Session, 4 connections x 16 x 8, 1,000 runs",
        work: Work::Load(Calls::Session, Shape::new(4, 16, 8)),
    },
    Row {
        name: "unary-64",
        title: "Unary, 64 in flight on one connection",
        work: Work::Load(Calls::Unary, Shape::new(1, 1, 64)),
    },
    Row {
        name: "unary-1024",
        title: "Unary, 1,024 in flight over 8 connections",
        work: Work::Load(Calls::Unary, Shape::new(8, 1, 128)),
    },
    Row {
        name: "query",
        title: "Availability queries, 64 in flight, beside half a write load",
        work: Work::Query,
    },
];

/// Names of all rows.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

/// Profiles these rows, or all, into `docs/profiles/`.
///
/// # Errors
/// A row that nobody knows, a tool that is missing, a server that does not start.
pub fn run(setup: &Setup, docs: &Path, wanted: &[String]) -> Bench<()> {
    if let Some(unknown) = wanted.iter().find(|name| !names().any(|known| known == **name)) {
        let known: Vec<_> = names().collect();
        let why = format!("no row is called {unknown:?}; there are {}", known.join(", "));
        return Err(BenchError::Other(why));
    }
    let folder = docs.join("profiles");
    fs::create_dir_all(&folder).map_err(BenchError::io(format!("make {}", folder.display())))?;
    for row in ROWS.iter().filter(|row| wanted.is_empty() || wanted.iter().any(|w| w == row.name)) {
        eprintln!("profile: {}", row.title);
        let (how, tables) = measured(setup, row.work)?;
        let mut body = format!("{}\n\n{how}\n", Ground::here().line());
        for table in &tables {
            let _ = write!(body, "\n{}", table.markdown());
        }
        let path = folder.join(format!("{}.md", row.name));
        let old = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, rewritten(&old, row, &body))
            .map_err(BenchError::io(format!("write {}", path.display())))?;
        eprintln!("written to {}", path.display());
    }
    Ok(())
}

fn measured(setup: &Setup, work: Work) -> Bench<(String, Vec<Table>)> {
    let how = |what: &str| {
        format!(
            "`berth-benches profile`: perf samples of the server process, user and system, {what}; \
             the client shares the machine. Shares are of the server's CPU time, a function alone."
        )
    };
    match work {
        Work::Core => callgrind::core(),
        Work::Load(calls, shape) => {
            let bed = Bed::new(setup, &[])?;
            let stage = Stage::new(Spread::Zipf(setup.zipf));
            // The first round makes runs of trains that nobody asked for before.
            cycles(setup, Calls::Session, Shape::new(4, 16, 8), &stage).run(&bed.server)?;
            let mut load = cycles(setup, calls, shape, &stage);
            load.seconds = LOAD;
            let (found, samples) = samples::during(setup, &bed.server, || load.run(&bed.server))?;
            bed.stop(setup)?;
            let rate = crate::goal::number(found.rate);
            let what = format!(
                "while it answered {rate} commands a second at {:.3} us of its CPU a command",
                found.server_us
            );
            Ok((how(&what), samples))
        }
        Work::Query => {
            let beside = Beside::new(setup)?;
            let (rate, samples) = samples::during(setup, beside.server(), || beside.queries(LOAD))?;
            let what = format!(
                "while it answered {} queries and {} writes a second",
                crate::goal::number(rate),
                crate::goal::number(beside.writes())
            );
            beside.stop(setup)?;
            Ok((how(&what), samples))
        }
    }
}

const BEGIN: &str = "<!-- tables: begin -->";
const END: &str = "<!-- tables: end -->";

/// The file with these tables in the place of the old ones.
fn rewritten(old: &str, row: &Row, body: &str) -> String {
    let rest = old.split_once(END).map_or(UNREAD, |(_, rest)| rest.trim());
    format!("# {}\n\n{BEGIN}\n{body}\n{END}\n\n{rest}\n", row.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_written_anew_and_conclusions_stay() {
        let row = &ROWS[0];
        let one = rewritten("", row, "old table");
        assert!(one.contains(UNREAD) && one.contains("old table"), "{one}");
        let read = one.replace(UNREAD, "Half of it is memcpy.");
        let two = rewritten(&read, row, "new table");
        assert!(two.contains("new table") && !two.contains("old table"), "{two}");
        assert!(two.ends_with("Half of it is memcpy.\n"), "{two}");
        assert_eq!(rewritten(&two, row, "new table"), two);
    }
}
