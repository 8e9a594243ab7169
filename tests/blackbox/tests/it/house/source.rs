//! How source files are named and what they may name.
//!
//! These are greps over the code before a `//` comment, so a comment may say the words. A rule
//! that needs more than that belongs into clippy or the type system.

use std::collections::BTreeSet;

use super::assert_clean;
use super::tree::{code, files, read};

/// A crate that may leave us one day is named in one file, behind a trait.
const NAMED_ONCE: &[(&str, &str)] = &[
    ("bincode", "persistence/src/codec.rs"),
    ("sled", "persistence/src/event_store/sled_store.rs"),
];

/// Longer than this, a file holds two ideas.
const LINES_MAX: usize = 500;

/// Files that are longer all the same, with the length they must not pass. This list only gets
/// shorter and its numbers smaller: cut the file before you touch its line.
const LONG_FILES: &[(&str, usize)] = &[];

/// Words that a room must not say: (folder, words, why).
const SILENT_ROOMS: &[(&str, &[&str], &str)] = &[
    (
        "engine/inventory/src/",
        &[
            "std::fs",
            "std::net",
            "std::time",
            "std::thread",
            "std::process",
            "std::env",
            "std::io",
            "println!",
        ],
        "the machine has no I/O, no clock, no threads",
    ),
    (
        "engine/rules/src/",
        &["std::fs", "std::net", "std::time", "std::process", "std::env", "std::io", "println!"],
        "a rule book is read from a text that somebody else has fetched",
    ),
    (
        "engine/node/src/",
        &[
            "std::fs",
            "std::net",
            "std::process",
            "thread::spawn",
            "Instant::now",
            "SystemTime::now",
            "Timestamp::now",
            "Zoned::now",
            "println!",
        ],
        "the node decides; the runtime reads clocks and does I/O",
    ),
];

/// Files in which a test may sleep, each as the pause between two looks at a condition.
const PAUSES: &[&str] = &["tests/blackbox/tests/it/patience.rs"];

#[test]
fn a_risky_crate_is_named_in_one_file() {
    let mut findings = Vec::new();
    for (name, home) in NAMED_ONCE {
        let sources = files("rs");
        let naming: BTreeSet<&String> = sources
            .iter()
            .filter(|f| read(f).lines().any(|l| names_crate(code(l), name)))
            .collect();
        let strangers = naming.iter().filter(|file| file.as_str() != *home);
        findings.extend(strangers.map(|f| format!("{f} names {name}: only {home} may")));
        if !naming.iter().any(|file| file.as_str() == *home) {
            findings.push(format!("{home} does not name {name}: mend NAMED_ONCE"));
        }
    }
    assert_clean("risky crates are one-file changes (docs/adr/0005)", &findings);
}

#[test]
fn naming_a_crate_is_told_from_saying_its_name() {
    for (line, expected) in [
        ("use grain::Config;", true),
        ("use grain;", true),
        ("let x = grain::open(path)?;", true),
        ("let x = ::grain::open(path)?;", true),
        ("fn f(db: &grain::Db) {}", true),
        ("use crate::grain::GrainStore;", false),
        ("mod grain;", false),
        ("\"grain says no\"", false),
        ("let ingrain = whole_grain::x();", false),
    ] {
        assert_eq!(names_crate(line, "grain"), expected, "{line}");
    }
}

#[test]
fn files_are_named_by_what_is_in_them() {
    let vague =
        ["mod.rs", "utils.rs", "util.rs", "common.rs", "helpers.rs", "helper.rs", "misc.rs"];
    let folders = ["utils", "util", "common", "helpers", "helper", "misc"];
    let mut findings = Vec::new();
    for file in files("rs") {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", &file));
        if vague.contains(&name) {
            findings.push(format!("{file}: name it by the noun inside (foo.rs beside foo/)"));
        }
        if folder.split('/').any(|part| folders.contains(&part)) {
            findings.push(format!("{file}: its folder says nothing, name it by the noun inside"));
        }
    }
    assert_clean("names of files", &findings);
}

#[test]
fn no_test_is_switched_off() {
    let mut findings = Vec::new();
    for file in files("rs") {
        for (number, line) in (1..).zip(read(&file).lines()) {
            if code(line).contains(concat!("#[", "ignore")) {
                findings.push(format!("{file}:{number}"));
            }
        }
    }
    assert_clean("a test runs or goes; long proofs are knobs of .ci/nightly", &findings);
}

#[test]
fn tests_wait_for_conditions_not_for_times() {
    let mut findings = Vec::new();
    for file in files("rs") {
        if PAUSES.contains(&file.as_str()) {
            continue;
        }
        let mut in_tests = file.contains("/tests/") || file.ends_with("/tests.rs");
        for (number, line) in (1..).zip(read(&file).lines()) {
            in_tests |= line.trim_start().starts_with("#[cfg(test)]");
            let sleeps = [concat!("thread::", "sleep("), concat!("time::", "sleep(")];
            if in_tests && sleeps.iter().any(|s| code(line).contains(s)) {
                findings.push(format!("{file}:{number}: {}", line.trim()));
            }
        }
    }
    assert_clean("a test that sleeps is slow on a fast machine and red on a slow one", &findings);
}

#[test]
fn long_files_only_get_shorter() {
    let mut findings = Vec::new();
    let sources = files("rs");
    for file in &sources {
        let lines = read(file).lines().count();
        let listed = LONG_FILES.iter().find(|(name, _)| name == file).map(|(_, max)| *max);
        match listed {
            None if lines > LINES_MAX => {
                findings.push(format!("{file} has {lines} lines, {LINES_MAX} at most: cut it"));
            }
            Some(max) if lines > max => {
                findings.push(format!("{file} grew to {lines} lines from {max}: cut it"));
            }
            Some(_) if lines <= LINES_MAX => {
                findings.push(format!("{file} has {lines} lines: take it out of LONG_FILES"));
            }
            _ => {}
        }
    }
    let gone = LONG_FILES.iter().filter(|(name, _)| !sources.iter().any(|file| file == name));
    findings.extend(gone.map(|(name, _)| format!("{name} is gone: take it out of LONG_FILES")));
    assert_clean("one idea a file", &findings);
}

#[test]
fn pure_rooms_stay_silent() {
    let mut findings = Vec::new();
    for (room, words, why) in SILENT_ROOMS {
        for file in files("rs").iter().filter(|file| file.starts_with(room)) {
            for (number, line) in (1..).zip(read(file).lines()) {
                let said = words.iter().filter(|word| code(line).contains(*word));
                findings.extend(said.map(|word| format!("{file}:{number} says {word}: {why}")));
            }
        }
    }
    assert_clean("what a room must not know", &findings);
}

/// Whether the code uses the crate `name`: a path that begins with it, or a `use` of it. A module
/// of the same name (`crate::name::..`) and a string are not the crate.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let inside_a_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let owner = before.strip_suffix("::");
        let of_a_module = owner.is_some_and(|o| o.ends_with(|c: char| c.is_alphanumeric()));
        let is_use = ["use ", "extern crate "].iter().any(|word| before.ends_with(word));
        let ends = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        !inside_a_word && !of_a_module && (after.starts_with("::") || is_use && ends)
    })
}
