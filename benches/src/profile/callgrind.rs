//! Instructions of the pure machine by callgrind, function by function.

use std::process::Command;

use crate::fault::{Bench, BenchError};
use crate::goal::number;
use crate::report::Table;
use crate::suite::core::instructions::{COMMANDS, counted};

/// Functions told.
const FUNCTIONS: usize = 40;
/// Of a name, characters.
const NAME_MAX: usize = 110;

/// What was done, and the table.
///
/// # Errors
/// valgrind is not there.
pub fn core() -> Bench<(String, Vec<Table>)> {
    let dir = tempfile::tempdir().map_err(BenchError::io("make a directory"))?;
    let file = dir.path().join("callgrind.out");
    let a_command = counted(&file)?;
    let done = Command::new("callgrind_annotate")
        .args(["--threshold=99", "--auto=no"])
        .arg(&file)
        .output()
        .map_err(BenchError::io("start callgrind_annotate"))?;
    let said = String::from_utf8_lossy(&done.stdout);
    let mut table = Table::new("", &["instructions a command", "share", "function"]);
    for (count, name) in rows(&said).take(FUNCTIONS) {
        let count = count as f64 / COMMANDS as f64;
        let share = format!("{:.1} %", 100.0 * count / a_command);
        table.row(vec![number(count.round()), share, format!("`{name}`")]);
    }
    let how = format!(
        "`berth-benches profile core`: callgrind, {} instructions a command, reserve and release of \
         one adult in turns on one run of 1,200 berths and 24 legs that is half sold, with the \
         event's bytes and the answer; {COMMANDS} commands. A function alone.",
        number(a_command.round())
    );
    Ok((how, vec![table]))
}

/// Count and name of each line of a function.
fn rows(said: &str) -> impl Iterator<Item = (u64, String)> {
    said.lines().filter_map(|line| {
        let (count, rest) = line.trim().split_once(' ')?;
        let count = count.replace(',', "").parse().ok()?;
        // "( 5.0%)  file:function [object]" or without the share.
        let rest = rest.trim();
        let rest = rest.split_once("%)").map_or(rest, |(_, rest)| rest.trim());
        let name = rest.rsplit_once(" [").map_or(rest, |(name, _)| name);
        let (file, function) = name.split_once(':')?;
        let file = file.rsplit('/').next().unwrap_or(file);
        let name: String = format!("{file}: {function}").chars().take(NAME_MAX).collect();
        (function != "PROGRAM TOTALS").then_some((count, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_read() {
        let said = "Ir\n37,000,000 (100.0%)  PROGRAM TOTALS\n\nIr  file:function\n\
                    7,400,000 (20.0%)  /src/run/apply.rs:berth::apply [/bin/berth-benches]\n\
                    10 ( 0.0%)  ???:memcpy\n";
        let found: Vec<_> = rows(said).collect();
        assert_eq!(
            found,
            [(7_400_000, "apply.rs: berth::apply".to_owned()), (10, "???: memcpy".to_owned())]
        );
    }
}
