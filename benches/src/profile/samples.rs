//! Samples of the server process by perf, as tables: which threads, which crates, which functions.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::fault::{Bench, BenchError};
use crate::report::Table;
use crate::server::Server;
use crate::setup::Setup;

/// Samples a second of each thread; not a divisor of any period of the server's.
const FREQUENCY: &str = "1499";
/// Of a load, before anything is sampled.
const WARM: Duration = Duration::from_millis(700);
/// Sampled, seconds; shorter than the load.
const SECONDS: &str = "4";
/// Threads, crates and functions told.
const THREADS: usize = 8;
const CRATES: usize = 16;
const FUNCTIONS: usize = 45;
/// Of a name, characters.
const NAME_MAX: usize = 110;

/// Samples the server while `load` runs; what that found, and the tables.
///
/// # Errors
/// perf is not there or may not look, or the load failed.
pub fn during<T: Send>(
    setup: &Setup,
    server: &Server,
    load: impl FnOnce() -> Bench<T> + Send,
) -> Bench<(T, Vec<Table>)> {
    let file = setup.place.fresh("perf.data");
    let found = std::thread::scope(|scope| {
        let load = scope.spawn(load);
        std::thread::sleep(WARM);
        let recorded = record(&file, server.pid());
        let found = load.join().map_err(|_| BenchError::Other("the load panicked".into()))?;
        recorded.and(found)
    })?;
    let (threads, functions) = (report(&file, "comm")?, report(&file, "symbol")?);
    let mut crates: BTreeMap<&str, f64> = BTreeMap::new();
    for (share, name) in &functions {
        *crates.entry(crate_of(name)).or_default() += share;
    }
    let mut crates: Vec<_> =
        crates.into_iter().map(|(name, share)| (share, name.to_owned())).collect();
    crates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let tables = vec![
        table("thread", &threads, THREADS),
        table("crate", &crates, CRATES),
        table("function", &functions, FUNCTIONS),
    ];
    Ok((found, tables))
}

fn record(file: &Path, pid: u32) -> Bench<()> {
    let done = Command::new("perf")
        .args(["record", "-q", "-F", FREQUENCY, "-p", &pid.to_string(), "-o"])
        .arg(file)
        .args(["--", "sleep", SECONDS])
        .stdout(Stdio::null())
        .output()
        .map_err(BenchError::io("start perf (is it installed? Debian: linux-perf)"))?;
    done.status.success().then_some(()).ok_or_else(|| failed(&done.stderr))
}

fn failed(said: &[u8]) -> BenchError {
    let why = String::from_utf8_lossy(said).trim().to_owned();
    BenchError::Child { who: "perf".into(), deed: "start", why }
}

fn table(what: &str, rows: &[(f64, String)], most: usize) -> Table {
    let mut table = Table::new("", &["share", what]);
    for (share, name) in rows.iter().take(most) {
        let name: String = name.chars().take(NAME_MAX).collect();
        table.row(vec![format!("{share:.1} %"), format!("`{name}`")]);
    }
    table
}

/// Per cent of the samples, by `key`.
fn report(file: &Path, key: &str) -> Bench<Vec<(f64, String)>> {
    let done = Command::new("perf")
        .args(["report", "--no-children", "--stdio", "-q", "-g", "none", "-t", "\t", "--sort", key])
        .arg("-i")
        .arg(file)
        .output()
        .map_err(BenchError::io("start perf"))?;
    if !done.status.success() {
        return Err(failed(&done.stderr));
    }
    Ok(rows(&String::from_utf8_lossy(&done.stdout)).collect())
}

/// Share and name of each line of a report.
fn rows(said: &str) -> impl Iterator<Item = (f64, String)> {
    let lines = said.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut cells = line.split('\t').map(str::trim);
        let (share, name) = (cells.next()?, cells.next()?);
        let name = name.trim_start_matches("[.] ").replace("[k] ", "kernel::");
        Some((share.trim_end_matches('%').parse().ok()?, name))
    })
}

/// The crate of a function, as far as its name tells.
fn crate_of(name: &str) -> &str {
    let path = name.trim_start_matches(['<', '&', '(']).trim_start_matches("dyn ");
    let known = path.split_once("::").map(|(first, _)| first);
    known.filter(|first| first.chars().all(|c| c.is_alphanumeric() || c == '_')).unwrap_or("C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let said = "# head\n\n 12.50%\t[.] malloc\n 3.00%\t[k] __schedule  \t-      -\n \
                    1.00%\t[.] <a_b::C as d::E>::f\n";
        let found: Vec<_> = rows(said).collect();
        let names = ["malloc", "kernel::__schedule", "<a_b::C as d::E>::f"];
        let expected = [12.5, 3.0, 1.0].into_iter().zip(names.map(str::to_owned));
        assert_eq!(found, expected.collect::<Vec<_>>());
        assert_eq!(names.map(crate_of), ["C", "kernel", "a_b"]);
    }
}
