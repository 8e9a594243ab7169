//! The ledger of long proofs: that it can be read, and what of it is older than the code.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::assert_clean;
use super::tree::{files, read, root};

/// What a proof is not about.
const NOT_CODE: &[&str] = &[":!docs", ":!*.md", ":!.ci"];

fn ledgers() -> Vec<String> {
    files("json")
        .into_iter()
        .filter(|file| file.starts_with("docs/proof/") && !file.contains("/details/"))
        .collect()
}

#[test]
fn the_ledger_of_proofs_can_be_read() {
    let mut findings = Vec::new();
    for file in ledgers() {
        let entries = serde_json::from_str::<Vec<Value>>(&read(&file));
        let entries = match entries {
            Ok(entries) if !entries.is_empty() => entries,
            other => {
                findings.push(format!("{file} is no list of proofs: {other:?}"));
                continue;
            }
        };
        for entry in entries {
            let is_whole =
                ["when", "commit", "command", "outcome"].iter().all(|k| entry[k].is_string())
                    && entry["seconds"].is_u64()
                    && entry["counts"].is_array();
            if !is_whole {
                findings.push(format!("{file} has an entry that is not whole: {entry}"));
            }
        }
    }
    assert_clean("docs/proof", &findings);
}

/// Printed, not failed: a night later it is proved anew.
#[test]
fn stale_proofs_are_told() {
    for file in ledgers() {
        let entries: Vec<Value> = serde_json::from_str(&read(&file)).unwrap_or_default();
        let last = entries.iter().rfind(|entry| entry["outcome"] == "ok");
        let Some(commit) = last.and_then(|entry| entry["commit"].as_str()) else {
            println!("never passed: {file}");
            continue;
        };
        match changed_since(commit) {
            None => println!("cannot tell: {file} proves {commit}, which git does not know here"),
            Some(0) => {}
            Some(count) => println!("stale: {file} proves {commit}; {count} files changed since"),
        }
    }
}

/// Files of code that differ from that commit; nothing, where git cannot say.
fn changed_since(commit: &str) -> Option<usize> {
    let output = Command::new("git")
        .current_dir(root())
        .args(["diff", "--name-only", commit, "--", "."])
        .args(NOT_CODE)
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).lines().count())
}

/// The part of `.ci/nightly` that writes the ledger, from its first function to the last.
fn writer() -> String {
    let script = read(".ci/nightly");
    let (_, behind) = script.split_once("# Text as JSON has it.\n").expect("the writer begins so");
    let (writer, _) = behind.split_once("# proof NAME").expect("and ends before the proofs");
    writer.to_owned()
}

/// Runs `words` behind the writer, with a ledger in `place`; what it says.
fn write(place: &std::path::Path, words: &str) -> String {
    let script = format!("set -euo pipefail\nledger=. scratch=. commit=abc\n{}\n{words}", writer());
    let output = Command::new("bash").current_dir(place).args(["-c", &script]).output();
    let output = output.expect("bash runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it says text")
}

#[test]
fn a_proof_is_written_behind_those_before_it() {
    let place = tempfile::tempdir().unwrap();
    let said = "noise\nproof: 3 kills, \"all\" kept\ncounted: a\\b\tc\u{1b}[0m\n\
                test result: ok. 0 passed; 9 filtered\ntest result: ok. 2 passed\n";
    fs::write(place.path().join("some.log"), said).unwrap();
    write(place.path(), r#"write_down some 'K="1" cargo test' 7 FAILED"#);
    write(place.path(), "write_down some 'next &&\n  line' 500 ok");
    write(place.path(), "commit=def; write_down some next 1 ok");
    write(place.path(), "write_down some last 80 ok");
    let text = fs::read_to_string(place.path().join("some.json")).unwrap();
    let entries: Vec<Value> = serde_json::from_str(&text).expect("a list of objects");
    let of = |key: &str| entries.iter().map(|entry| entry[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("outcome"), ["FAILED", "ok", "ok", "ok"]);
    assert_eq!(of("command")[..2], ["K=\"1\" cargo test", "next &&\n  line"]);
    assert_eq!(of("seconds"), [7, 500, 1, 80]);
    let counts = ["3 kills, \"all\" kept", "a\\b c[0m", "test result: ok. 2 passed"];
    assert!(entries.iter().all(|entry| entry["counts"] == serde_json::json!(counts)), "{text}");
    // What was `ok` for a commit adds up, and one that failed is nothing.
    assert_eq!(write(place.path(), "spent some; commit=def; spent some").trim(), "580\n1");
    assert_eq!(write(place.path(), "commit=ghi; spent some; spent other"), "");
}
