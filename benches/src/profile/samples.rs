//! Samples of the server process by perf, as tables: which threads, which objects, which functions.

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
/// Functions told.
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
    let tables =
        [("Threads", "comm", 12), ("Objects", "dso", 6), ("Functions", "symbol", FUNCTIONS)];
    let tables = tables.into_iter().map(|(title, key, most)| table(&file, title, key, most));
    Ok((found, tables.collect::<Bench<_>>()?))
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

fn table(file: &Path, title: &str, key: &str, most: usize) -> Bench<Table> {
    let done = Command::new("perf")
        .args(["report", "--no-children", "--stdio", "-q", "-g", "none", "-t", "\t", "--sort", key])
        .arg("-i")
        .arg(file)
        .output()
        .map_err(BenchError::io("start perf"))?;
    if !done.status.success() {
        return Err(failed(&done.stderr));
    }
    let mut table = Table::new("", &["share", &title.to_lowercase()]);
    for (share, name) in rows(&String::from_utf8_lossy(&done.stdout)).take(most) {
        table.row(vec![share, name]);
    }
    Ok(table)
}

/// Share and name of each line of a report.
fn rows(said: &str) -> impl Iterator<Item = (String, String)> {
    let lines = said.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let (share, name) = line.trim().split_once('\t')?;
        let name = name.trim().trim_start_matches("[.] ").replace("[k] ", "kernel: ");
        let name: String = name.chars().take(NAME_MAX).collect();
        Some((format!("{} %", share.trim().trim_end_matches('%')), format!("`{name}`")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let said = "# head\n\n  12.50%\t[.] malloc\n     3.00%\t[k] __schedule  \n";
        let found: Vec<_> = rows(said).collect();
        let expected = [("12.50 %", "`malloc`"), ("3.00 %", "`kernel: __schedule`")];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
