//! Instructions of the pure machine by callgrind, function by function.

use std::collections::BTreeMap;
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
        .args(["--threshold=100", "--auto=no"])
        .arg(&file)
        .output()
        .map_err(BenchError::io("start callgrind_annotate"))?;
    let said = String::from_utf8_lossy(&done.stdout);
    let mut table = Table::new("", &["instructions a command", "share", "function"]);
    for (count, name) in functions(&said).into_iter().take(FUNCTIONS) {
        let count = count as f64 / COMMANDS as f64;
        let share = format!("{:.1} %", 100.0 * count / a_command);
        let name: String = name.chars().take(NAME_MAX).collect();
        table.row(vec![number(count.round()), share, format!("`{name}`")]);
    }
    let how = format!(
        "`berth-benches profile core`: callgrind, {} instructions a command, reserve and release of \
         one adult in turns on one run of 1,200 berths and 24 legs that is half sold, with the \
         event's bytes and the answer; {COMMANDS} commands. A function alone, with what is inlined into it.",
        number(a_command.round())
    );
    Ok((how, vec![table]))
}

/// Every function with its count, the largest first. An annotation has a line for each file that code
/// of a function comes from.
fn functions(said: &str) -> Vec<(u64, String)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (count, name) in said.lines().filter_map(line) {
        *counts.entry(name).or_default() += count;
    }
    let mut functions: Vec<_> =
        counts.into_iter().map(|(n, count)| (count, n.to_owned())).collect();
    functions.sort_by(|a, b| b.cmp(a));
    functions
}

/// `5 ( 5.0%)  file:function [object]`, without the object where callgrind knows none.
fn line(line: &str) -> Option<(u64, &str)> {
    let (count, rest) = line.trim().split_once(' ')?;
    let count = count.replace(',', "").parse().ok()?;
    let (_, name) = rest.split_once("%)")?.1.split_once(':')?;
    Some((count, name.rsplit_once(" [").map_or(name, |(name, _)| name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_read() {
        let said = "Ir\n37,000,000 (100.0%)  PROGRAM TOTALS\n\nIr  file:function\n\
                    7,400,000 (20.0%)  /src/run/apply.rs:berth::apply [/bin/berth-benches]\n\
                    20 ( 0.0%)  /rustc/mem.rs:berth::apply\n\
                    10 ( 0.0%)  ???:memcpy [/lib/libc.so.6]\n";
        let expected = [(7_400_020, "berth::apply"), (10, "memcpy")];
        assert_eq!(functions(said), expected.map(|(count, name)| (count, name.to_owned())));
    }
}
