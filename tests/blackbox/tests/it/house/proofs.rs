//! The ledger of long proofs: that it can be read, and what of it is older than the code.

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
