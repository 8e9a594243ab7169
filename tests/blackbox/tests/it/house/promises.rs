//! What the papers promise is tested: every test that they name exists, and the invariants of
//! `docs/invariants.md` are those of the code, in both directions.

use std::collections::{BTreeMap, BTreeSet};

use super::assert_clean;
use super::tree::{read, root};

/// Documents that name tests, each as `name` (`file`).
const NAME_TESTS: &[&str] = &["docs/guarantees.md", "docs/invariants.md"];

/// The properties of the simulation, one a file.
const PROPERTIES: &str = "tests/simulation/src/property";

/// The laws, each with its number.
const LAWS: &str = "engine/inventory/src/invariant.rs";

/// A name of so many words is that of a test.
const WORDS_OF_A_TEST: usize = 4;

#[test]
fn every_test_that_is_named_exists() {
    let mut findings = Vec::new();
    for document in NAME_TESTS {
        let text = read(document);
        let named = tests_named(&text);
        if named.len() < 10 {
            findings.push(format!("{document} names {} tests: is its form another?", named.len()));
        }
        for (name, file) in named {
            let Some(file) = file else {
                findings.push(format!("{document}: behind `{name}` there is no (`file`)"));
                continue;
            };
            if !root().join(file).is_file() {
                findings.push(format!("{document}: {file} of `{name}` is gone"));
            } else if !is_test(&read(file), name) {
                findings.push(format!("{document}: {file} has no test `{name}`"));
            }
        }
    }
    assert_clean("tests that documents rest on", &findings);
}

#[test]
fn every_property_of_the_simulation_is_named_and_there() {
    let mut findings = Vec::new();
    let is_code = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "rs");
    let files = std::fs::read_dir(root().join(PROPERTIES)).expect("the folder is there");
    let files = files.map(|file| file.expect("an entry").path()).filter(is_code);
    let names: BTreeSet<String> = files.filter_map(|file| property_of(&file)).collect();
    let papers: Vec<String> = NAME_TESTS.iter().map(|paper| read(paper)).collect();
    let named: BTreeSet<&str> = papers.iter().flat_map(|text| properties_named(text)).collect();
    for name in names.iter().filter(|name| !named.contains(name.as_str())) {
        findings.push(format!("property `{name}` shows no promise of {NAME_TESTS:?}"));
    }
    for name in named.iter().filter(|name| !names.contains(**name)) {
        findings.push(format!("there is no property `{name}` in {PROPERTIES}"));
    }
    assert_clean("properties that documents rest on", &findings);
}

/// What a property calls itself: the only word in quotes behind its `fn name`.
fn property_of(file: &std::path::Path) -> Option<String> {
    let code = std::fs::read_to_string(file).expect("a file of the source");
    let (_, behind) = code.split_once("fn name(&self)")?;
    behind.split('"').nth(1).map(str::to_owned)
}

/// What is quoted behind the word property, or properties, up to the end of the sentence.
fn properties_named(text: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for (at, _) in text.match_indices("ropert") {
        let sentence = text[at..].split_inclusive('`').take(20);
        let mut is_quoted = false;
        for part in sentence {
            let word = part.trim_end_matches('`');
            let is_name = word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            if is_quoted && is_name {
                named.push(word);
            }
            if !is_quoted && word.contains(['.', ';', '(', ':']) {
                break;
            }
            is_quoted = !is_quoted;
        }
    }
    named
}

#[test]
fn the_numbered_invariants_are_those_of_the_code() {
    let (code, paper) = (read(LAWS), read("docs/invariants.md"));
    let (laws, written) = (laws_of_the_code(&code), laws_of_the_paper(&paper));
    let mut findings = Vec::new();
    for (number, (function, sentence)) in &laws {
        let Some(text) = written.get(number) else {
            findings.push(format!("INV-{number} has no heading in docs/invariants.md"));
            continue;
        };
        if !text.starts_with(&format!("Function `{function}`: {sentence}")) {
            findings.push(format!("INV-{number} should read: Function `{function}`: {sentence}"));
        }
        if !code.contains(&format!("({number}, {function})")) {
            findings.push(format!("INV-{number}: {function} is not in the CATALOGUE of {LAWS}"));
        }
    }
    for (number, text) in &written {
        // What needs the events has no function of a state.
        if text.starts_with("Function `") && !laws.contains_key(number) {
            findings.push(format!("INV-{number} of docs/invariants.md has no function in {LAWS}"));
        } else if !code.contains(&format!("INV-{number}")) {
            findings.push(format!("INV-{number} of docs/invariants.md is not named in {LAWS}"));
        }
    }
    let numbers: Vec<u8> = written.keys().copied().collect();
    if numbers != (1..=numbers.len() as u8).collect::<Vec<_>>() {
        findings.push(format!("numbers run from 1 without a gap, found {numbers:?}"));
    }
    assert_clean("numbered invariants", &findings);
}

/// Names of tests, each with the file that follows it in brackets. Line breaks do not matter.
fn tests_named(text: &str) -> Vec<(&str, Option<&str>)> {
    let mut parts = text.split('`').skip(1).peekable();
    let mut named = Vec::new();
    while let Some(quoted) = parts.next() {
        let between = parts.next().unwrap_or_default();
        let is_name =
            quoted.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if is_name && quoted.split('_').count() > WORDS_OF_A_TEST {
            let file = parts.peek().filter(|_| between.trim() == "(");
            named.push((quoted, file.copied()));
        }
    }
    named
}

/// Whether `code` has a test of that name: its attribute stands in one of the lines before it.
fn is_test(code: &str, name: &str) -> bool {
    let lines: Vec<&str> = code.lines().map(str::trim_start).collect();
    let begins = |line: &&str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ").is_some_and(|rest| rest.starts_with(&format!("{name}(")))
    };
    lines.iter().position(begins).is_some_and(|at| {
        let mut before = lines[..at].iter().rev().take_while(|line| !line.is_empty());
        before.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

/// By number: the function, and the sentence that says it.
fn laws_of_the_code(code: &str) -> BTreeMap<u8, (String, String)> {
    let mut laws = BTreeMap::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let Some((number, begin)) = line.strip_prefix("/// INV-").and_then(|l| l.split_once(": "))
        else {
            continue;
        };
        let number = number.parse().expect("an invariant has a number");
        let mut sentence = begin.to_owned();
        for line in lines.by_ref() {
            if let Some(more) = line.strip_prefix("/// ") {
                sentence.push(' ');
                sentence.push_str(more);
            } else {
                let name = line.strip_prefix("fn ").and_then(|rest| rest.split_once('('));
                let (name, _) = name.expect("behind the sentence stands its function");
                laws.insert(number, (name.to_owned(), sentence));
                break;
            }
        }
    }
    assert!(!laws.is_empty(), "{LAWS} has no `/// INV-n: sentence`");
    laws
}

/// By number: what stands below its heading, on one line.
fn laws_of_the_paper(paper: &str) -> BTreeMap<u8, String> {
    let mut laws = BTreeMap::new();
    for part in paper.split("\n## ").skip(1) {
        let (heading, body) = part.split_once('\n').expect("a heading has a text below it");
        if let Some(number) = heading.strip_prefix("INV-") {
            let number = number.parse().expect("a heading is `## INV-n`");
            let text = body.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(laws.insert(number, text).is_none(), "INV-{number} stands there twice");
        }
    }
    laws
}

#[test]
fn a_test_is_found_by_name_and_file() {
    let text = "see `a_b_c_d_e` (`x.rs`), `f_g_h_i_j`\n  (`y.rs`) and `k_l_m_n_o`, not `apply`";
    let found = tests_named(text);
    let expected = [("a_b_c_d_e", Some("x.rs")), ("f_g_h_i_j", Some("y.rs")), ("k_l_m_n_o", None)];
    assert_eq!(found, expected);
    let code = "#[test]\nfn a_b() {}\n\nfn c_d() {}\n\n#[tokio::test(x)]\nasync fn e_f() {}\n";
    assert!(is_test(code, "a_b") && is_test(code, "e_f"));
    assert!(!is_test(code, "c_d") && !is_test(code, "a"));
}
