//! The report: `docs/benchmarks.md`, one section a suite, with its plots beside it.
//!
//! A suite rewrites its own section and the head, and leaves the others as they are: each section
//! stands between two markers and says when, where and on which commit it was measured.

mod plot;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::fault::{Bench, BenchError};

pub use plot::{Plot, Scale, Series};

/// What a suite has to say.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Name of the suite; also the name of the markers.
    pub suite: &'static str,
    /// Heading.
    pub title: String,
    /// Paragraphs before the tables: what was done, what must be known.
    pub notes: Vec<String>,
    /// Tables in order.
    pub tables: Vec<Table>,
    /// Plots in order.
    pub plots: Vec<Plot>,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// A line above it; may be empty.
    pub caption: String,
    /// Names of the columns.
    pub head: Vec<String>,
    /// Cells; each row is as long as the head.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(caption: impl Into<String>, head: &[&str]) -> Self {
        let head = head.iter().map(|name| (*name).to_owned()).collect();
        Self { caption: caption.into(), head, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// As text for a terminal.
    pub fn plain(&self) -> String {
        let lines = || core::iter::once(&self.head).chain(&self.rows);
        let width = |column: usize| {
            lines().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<_> = (0..self.head.len()).filter_map(width).collect();
        let mut text = String::new();
        if !self.caption.is_empty() {
            let _ = writeln!(text, "{}", self.caption);
        }
        for row in lines() {
            let cells: Vec<_> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            let _ = writeln!(text, "  {}", cells.join("  ").trim_end());
        }
        text
    }

    /// As a document has it.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut text = String::new();
        if !self.caption.is_empty() {
            let _ = writeln!(text, "{}\n", self.caption);
        }
        text += &line(&self.head);
        let _ = writeln!(text, "|{}", "---|".repeat(self.head.len()));
        for row in &self.rows {
            text += &line(row);
        }
        text
    }
}

impl Section {
    /// As text for a terminal.
    pub fn plain(&self) -> String {
        let mut text = format!("{}\n", self.title);
        self.notes.iter().for_each(|note| {
            let _ = writeln!(text, "  {note}");
        });
        self.tables.iter().for_each(|table| {
            let _ = write!(text, "\n{}", table.plain());
        });
        text
    }

    fn markdown(&self, place: &str) -> String {
        let mut text = format!("## {}\n\n{place}\n", self.title);
        self.notes.iter().for_each(|note| {
            let _ = write!(text, "\n{note}\n");
        });
        self.tables.iter().for_each(|table| {
            let _ = write!(text, "\n{}", table.markdown());
        });
        self.plots.iter().for_each(|plot| {
            let _ = write!(text, "\n![{}](benchmarks/{}.svg)\n", plot.title, plot.file);
        });
        text
    }
}

/// Where and on what something was measured.
#[derive(Clone, Debug)]
pub struct Ground {
    machine: String,
    commit: String,
    day: String,
}

impl Ground {
    /// This machine, this commit, today (UTC).
    pub fn here() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpus = text("/proc/cpuinfo");
        let model = cpus.lines().find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(": ")).map_or("unknown CPU", |m| m.1);
        let cores = std::thread::available_parallelism().map_or(1, core::num::NonZero::get);
        let memory = text("/proc/meminfo");
        let kib = memory.lines().next().and_then(|line| line.split_whitespace().nth(1));
        let gib = kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1_048_576.0;
        let kernel = text("/proc/sys/kernel/osrelease");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let days = now.map_or(0, |now| now.as_secs() / 86_400);
        Self {
            machine: format!("{model}, {cores} cores, {gib:.0} GiB, Linux {}", kernel.trim()),
            commit: commit(),
            day: berth_inventory::Date::from_days(days as i32).to_string(),
        }
    }

    /// In a line.
    pub fn line(&self) -> String {
        format!("Measured {} on {} ({}).", self.day, self.machine, self.commit)
    }
}

/// The commit that lies here, and whether something was changed since.
fn commit() -> String {
    let git = |args: &[&str]| {
        let out = std::process::Command::new("git").args(args).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "no commit known".into();
    };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changed) if changed.is_empty() => format!("commit {commit}"),
        _ => format!("commit {commit} with changes"),
    }
}

/// Writes the section and its plots into the report below `docs`.
///
/// # Errors
/// `docs` is no directory, or cannot be written to.
pub fn write(docs: &Path, section: &Section) -> Bench<PathBuf> {
    let path = docs.join("benchmarks.md");
    if !docs.is_dir() {
        let why = format!("{} is no directory: run in the root, or say --docs", docs.display());
        return Err(BenchError::Other(why));
    }
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let text = rewritten(&old, section.suite, &section.markdown(&Ground::here().line()));
    std::fs::write(&path, text).map_err(BenchError::io(format!("write {}", path.display())))?;
    let folder = docs.join("benchmarks");
    if !section.plots.is_empty() {
        std::fs::create_dir_all(&folder)
            .map_err(BenchError::io(format!("make {}", folder.display())))?;
    }
    for plot in &section.plots {
        plot.draw(&folder)?;
    }
    Ok(path)
}

/// The head of the report.
const HEAD: &str = "\
# Benchmarks

Every section is written by one command, `cargo run --release -p berth-benches -- SUITE`, after
`cargo build --release`; it says where, when and on which commit. Repeat it on your machine: rates
of two machines, or of two minutes of one machine, do not compare. What compares is a ratio to a
reference that was measured in turns with it, and CPU per command. `-- goals` measures every goal
and exits with 1 if one that must be reached is not. What eats a row that is short of its aim stands
in [profiles](profiles), which `-- profile` writes. The rows against PostgreSQL need the driver:
`cargo run --release -p berth-benches --features peers -- SUITE`.
";

fn marks(suite: &str) -> (String, String) {
    (format!("<!-- {suite}: begin -->"), format!("<!-- {suite}: end -->"))
}

/// The report with this section in the place of the old one, or at the end.
fn rewritten(old: &str, suite: &str, body: &str) -> String {
    let (begin, end) = marks(suite);
    let section = format!("{begin}\n{body}\n{end}\n");
    // Everything before the first marker is the head, and ours.
    let rest = old.find("<!-- ").map_or("", |at| &old[at..]);
    let found = rest
        .find(&begin)
        .and_then(|from| Some((from, from + rest[from..].find(&end)? + end.len())));
    let sections = match found {
        Some((from, to)) => {
            let after = rest[to..].strip_prefix('\n').unwrap_or(&rest[to..]);
            format!("{}{section}{after}", &rest[..from])
        }
        None if rest.is_empty() => section,
        None => format!("{}\n\n{section}", rest.trim_end()),
    };
    format!("{HEAD}\n{sections}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_rewrites_its_own_section_only() {
        let one = rewritten("", "echo", "first echo");
        let two = rewritten(&one, "wal", "first wal");
        let three = rewritten(&two, "echo", "second echo");
        assert!(three.contains("second echo") && three.contains("first wal"), "{three}");
        assert!(!three.contains("first echo"), "{three}");
        assert!(three.find("second echo") < three.find("first wal"), "order stays: {three}");
        assert_eq!(
            rewritten(&three, "echo", "second echo"),
            three,
            "writing twice changes nothing"
        );
        assert_eq!(three.matches("# Benchmarks").count(), 1);
    }

    #[test]
    fn a_table_is_lined_up() {
        let mut table = Table::new("", &["a", "long name"]);
        table.row(vec!["wide cell".into(), "1".into()]);
        assert_eq!(table.plain(), "  a          long name\n  wide cell  1\n");
        assert_eq!(table.markdown(), "| a | long name |\n|---|---|\n| wide cell | 1 |\n");
    }
}
