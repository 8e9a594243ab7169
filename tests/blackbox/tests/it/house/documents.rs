//! What the papers owe the code: decisions have a form, the map names every crate, links lead
//! somewhere, and the command a newcomer runs is the command CI runs.

use super::assert_clean;
use super::tree::{files, metadata, read, root};

/// The command that runs every test, as README.md gives it and `.ci/run` runs it.
const TEST_COMMAND: &str = "cargo test --workspace";

/// Documents that must exist, because others point at them by name.
const REQUIRED: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "docs/cli-json.md",
    "docs/guarantees.md",
    "docs/invariants.md",
    "docs/journal-format.md",
    "docs/metrics.md",
    "docs/operations.md",
    "docs/proof/README.md",
    "docs/security.md",
];

#[test]
fn the_documents_are_there() {
    let missing = REQUIRED.iter().filter(|path| !root().join(path).is_file());
    let findings: Vec<String> = missing.map(|path| format!("{path} is missing")).collect();
    assert_clean("documents", &findings);
}

#[test]
fn every_decision_has_its_parts() {
    let mut findings = Vec::new();
    let mut numbers = Vec::new();
    for file in files("md").iter().filter(|file| file.starts_with("docs/adr/")) {
        let name = file.rsplit('/').next().expect("a path has a last part");
        let number = name.split('-').next().and_then(|n| n.parse::<u32>().ok());
        let Some(number) = number.filter(|_| name.as_bytes()[..4].iter().all(u8::is_ascii_digit))
        else {
            findings.push(format!("{file}: the name begins with four digits and a dash"));
            continue;
        };
        numbers.push(number);
        let text = read(file);
        if !text.starts_with(&format!("# ADR-{number:04}: ")) {
            findings
                .push(format!("{file}: the first line is `# ADR-{number:04}: what was decided`"));
        }
        let status = text.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("");
        let known = ["proposed", "accepted", "superseded by ADR-", "rejected"];
        if !known.iter().any(|word| status.starts_with(word)) {
            findings.push(format!("{file}: `Status: ` is one of {known:?}, found {status:?}"));
        }
        for part in ["## Context", "## Decision", "## Consequences"] {
            let body = text.split(&format!("\n{part}\n")).nth(1).map(str::trim);
            if body.is_none_or(|body| body.is_empty() || body.starts_with("## ")) {
                findings.push(format!("{file}: `{part}` is missing or empty"));
            }
        }
    }
    let expected: Vec<u32> = (1..).take(numbers.len()).collect();
    if numbers.is_empty() || numbers != expected {
        findings.push(format!("numbers run from 0001 without a gap, found {numbers:?}"));
    }
    assert_clean("decisions in docs/adr", &findings);
}

#[test]
fn the_map_names_every_crate() {
    let map = read("ARCHITECTURE.md");
    let mut findings = Vec::new();
    for package in metadata().workspace_packages() {
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
        let folder = folder.strip_prefix(root().to_str().expect("the root is UTF-8"));
        let folder = folder.expect("a crate lies below the root");
        let heading = format!("### `{folder}` = {}", package.name);
        if !map.lines().any(|line| line == heading) {
            findings.push(format!("ARCHITECTURE.md has no heading `{heading}`"));
        }
    }
    assert_clean("the code map", &findings);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut findings = Vec::new();
    for file in files("md") {
        let folder = root().join(&file).parent().expect("a file lies in a folder").to_path_buf();
        for target in links(&read(&file)) {
            if target.contains("://") || target.starts_with('#') || target.starts_with("mailto:") {
                continue;
            }
            let path = target.split('#').next().expect("split yields a first part");
            if !folder.join(path).exists() {
                findings.push(format!("{file}: ({target}) leads nowhere"));
            }
        }
    }
    assert_clean("links in documents", &findings);
}

#[test]
fn ci_runs_the_command_of_the_readme() {
    let readme = read("README.md");
    let stands = readme.lines().any(|line| line.trim_start().starts_with(TEST_COMMAND));
    assert!(stands, "README.md no longer shows `{TEST_COMMAND}` on a line of its own");
    let run = read(".ci/run");
    let runs = run.lines().any(|line| line.ends_with(&format!(" {TEST_COMMAND}")));
    assert!(runs, ".ci/run has no line that runs exactly `{TEST_COMMAND}`");
}

/// The targets of `[text](target)` outside code blocks.
fn links(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    let parts = prose.flat_map(|part| part.split("](").skip(1));
    parts.filter_map(|rest| rest.split(')').next()).collect()
}
