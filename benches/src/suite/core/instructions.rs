//! Instructions a command, counted by callgrind and held against the figure that is on record.
//!
//! They do not drift with the machine's mood, so a small tolerance is enough; they do change with
//! the compiler, so the record names it. What is counted is
//! [`counted_commands`] of this program, started again below it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::cost::counted_commands;
use super::machine::Machine;
use super::train::Shape;
use crate::fault::{Bench, BenchError};

/// Commands that are counted: enough that what differs between them evens out.
pub const COMMANDS: usize = 20_000;
/// What may be more than on record, per cent.
const TOLERANCE_PER_CENT: f64 = 2.0;
/// Where the record is kept, from the root of the repository.
pub const RECORD: &str = "benches/core-instructions.json";

/// Runs what callgrind counts.
pub fn count(commands: usize) {
    let mut machine = Machine::half_sold(Shape::PROMISED);
    println!("{} commands", counted_commands(&mut machine, commands));
}

/// Instructions a command, by callgrind below this program.
fn measure() -> Bench<f64> {
    let dir = tempfile::tempdir().map_err(BenchError::io("make a directory"))?;
    counted(&dir.path().join("callgrind.out"))
}

/// The same, with what callgrind has to say in `file`.
///
/// # Errors
/// No valgrind.
pub fn counted(file: &Path) -> Bench<f64> {
    let program = std::env::current_exe().map_err(BenchError::io("find this program"))?;
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*counted_commands*"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .args(["count-core", &COMMANDS.to_string()])
        .output()
        .map_err(BenchError::io("start valgrind (is it installed?)"))?;
    let told = String::from_utf8_lossy(&out.stderr);
    let collected = out.status.success().then(|| instructions(&told)).flatten();
    collected.map(|count| count as f64 / COMMANDS as f64).ok_or_else(|| BenchError::Child {
        who: "valgrind".into(),
        deed: "start",
        why: told.lines().rev().take(3).collect::<Vec<_>>().join("; "),
    })
}

/// The first figure behind "Collected :".
fn instructions(told: &str) -> Option<u64> {
    let line = told.lines().find_map(|line| line.split_once("Collected :"))?.1;
    line.split_whitespace().next()?.parse().ok().filter(|count| *count > 0)
}

/// The compiler in use.
fn compiler() -> String {
    let out = Command::new("rustc").arg("--version").output();
    out.map_or_else(|_| "unknown".into(), |out| String::from_utf8_lossy(&out.stdout).trim().into())
}

/// Counts, and writes the record anew.
///
/// # Errors
/// No valgrind, or the file cannot be written.
pub fn record(file: &Path) -> Bench<()> {
    let found = measure()?;
    let text = json!({ "instructions_a_command": found.round(), "compiler": compiler() });
    fs::write(file, format!("{text:#}\n"))
        .map_err(BenchError::io(format!("write {}", file.display())))?;
    println!("{found:.0} instructions a command, on record in {}", file.display());
    Ok(())
}

/// Counts, and fails when it is more than on record.
///
/// # Errors
/// As said, or no valgrind, or no record.
pub fn check(file: &Path) -> Bench<()> {
    let text = fs::read_to_string(file);
    let text = text.map_err(BenchError::io(format!("read {}", file.display())))?;
    let found = measure()?;
    let line = verdict(&text, found, &compiler()).map_err(BenchError::Other)?;
    println!("{line}");
    Ok(())
}

/// Whether `found` is within the record `text`; the reason when not.
fn verdict(text: &str, found: f64, compiler: &str) -> Result<String, String> {
    let record: Value = serde_json::from_str(text).map_err(|why| format!("the record: {why}"))?;
    let on_record = record["instructions_a_command"].as_f64();
    let on_record = on_record.ok_or("the record has no instructions_a_command")?;
    let change = (found / on_record - 1.0) * 100.0;
    let line = format!(
        "{found:.0} instructions a command, {on_record:.0} on record ({change:+.1} %, at most \
         +{TOLERANCE_PER_CENT} %)"
    );
    if change > TOLERANCE_PER_CENT {
        let by = record["compiler"].as_str().unwrap_or("unknown");
        let hint = if by == compiler { "" } else { "; the record is of another compiler" };
        return Err(format!(
            "{line}{hint}: find what made it dearer, or record it anew with --record and say why"
        ));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callgrind_says_is_read() {
        let told = "==1== Events    : Ir\n==1== Collected : 67000974\n==1==\n";
        assert_eq!(instructions(told), Some(67_000_974));
        assert_eq!(instructions("==1== Collected : 0\n"), None, "nothing was switched on");
        assert_eq!(instructions("valgrind: no such file"), None);
    }

    #[test]
    fn only_more_than_the_tolerance_is_too_much() {
        let record = r#"{"instructions_a_command": 1000.0, "compiler": "rustc 1"}"#;
        assert!(verdict(record, 1_019.0, "rustc 1").is_ok());
        assert!(verdict(record, 500.0, "rustc 1").is_ok(), "less is welcome");
        let why = verdict(record, 1_030.0, "rustc 1").unwrap_err();
        assert!(why.contains("+3.0 %") && !why.contains("another compiler"), "{why}");
        assert!(verdict(record, 1_030.0, "rustc 2").unwrap_err().contains("another compiler"));
        assert!(verdict("{}", 1.0, "").is_err());
    }
}
