//! Writes every mutant of a list into the sources it is about, each behind a question that is asked at
//! run time: `crate::mutant::on(N)`. So one build serves all mutants, where cargo-mutants builds the
//! crate anew for each.
//!
//! `berth-mutants LIST TREE LEFT_OUT`: LIST is what `cargo mutants --list --json` prints, TREE the copy
//! of the workspace that is rewritten, LEFT_OUT a JSON object: `mutants`, numbers of those that cannot
//! be said so (they do not compile, or stand where the compiler computes), and `const`, functions that
//! must stay `const`. Each place is marked in comments, `/*<N*/` to `/*N>*/` for what mutant N says
//! instead and `/*[N*/` to `/*N]*/` for the place whose first mutant is N, so that an error of the
//! compiler can be laid at a mutant's door.

mod places;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::{env, fs};

use serde_json::Value;

/// One line of the list.
struct Mutant {
    number: usize,
    kind: String,
    line: usize,
    /// From 0, as syn counts.
    column: usize,
    says: String,
}

fn mutants(list: &Value, left_out: &HashSet<usize>) -> BTreeMap<String, Vec<Mutant>> {
    let mut files: BTreeMap<String, Vec<Mutant>> = BTreeMap::new();
    for (number, entry) in list.as_array().expect("a list").iter().enumerate() {
        let text = |key: &str| entry[key].as_str().expect("a text").to_owned();
        let start = &entry["span"]["start"];
        let count = |key: &str| start[key].as_u64().expect("a number") as usize;
        let kept = files.entry(text("file")).or_default();
        if !left_out.contains(&number) {
            kept.push(Mutant {
                number,
                kind: text("genre"),
                line: count("line"),
                column: count("column") - 1,
                says: text("replacement"),
            });
        }
    }
    files
}

/// The module behind the question. Without the variable nothing is on; with `reached:FILE` each
/// number that is asked for is written there once.
fn module(count: usize) -> String {
    include_str!("mutant.rs").replace("COUNT", &count.to_string())
}

fn main() {
    let [list, tree, left_out] =
        env::args().skip(1).collect::<Vec<_>>().try_into().expect("LIST TREE LEFT_OUT");
    let read = |path: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON")
    };
    let (list, left_out) = (read(&list), read(&left_out));
    let numbers = left_out["mutants"].as_array().expect("numbers").iter();
    let numbers = numbers.map(|n| n.as_u64().expect("a number") as usize).collect();
    let consts = left_out["const"].as_array().expect("names").iter();
    let consts: HashSet<String> =
        consts.map(|name| name.as_str().expect("a name").to_owned()).collect();

    let mut crates = HashSet::new();
    let mut written = HashSet::new();
    for (file, mutants) in mutants(&list, &numbers) {
        let path = Path::new(&tree).join(&file);
        let source = fs::read_to_string(&path).expect("a source");
        let (text, here) = places::write(&source, &mutants, &consts);
        written.extend(here);
        fs::write(&path, text).expect("a file to write");
        let (root, _) = file.split_once("/src/").expect("a crate");
        crates.insert(root.to_owned());
    }
    let count = list.as_array().expect("a list").len();
    for root in crates {
        let src = Path::new(&tree).join(root).join("src");
        fs::write(src.join("mutant.rs"), module(count)).expect("a file to write");
        let lib = fs::read_to_string(src.join("lib.rs")).expect("lib.rs");
        // Attributes and the words about a crate stand before everything else in it.
        let at = lib
            .lines()
            .take_while(|line| {
                line.starts_with("//!") || line.starts_with("#![") || line.is_empty()
            })
            .map(|line| line.len() + 1)
            .sum();
        let (head, rest) = lib.split_at(at);
        let allow = "#![allow(warnings, clippy::all, arithmetic_overflow, unconditional_panic, \
                     unused_must_use)]\n#[doc(hidden)]\npub mod mutant;\n";
        fs::write(src.join("lib.rs"), format!("{head}{allow}{rest}")).expect("a file to write");
    }
    let silent: Vec<usize> =
        (0..count).filter(|n| !numbers_has(&left_out, *n) && !written.contains(n)).collect();
    println!("{}", serde_json::json!({ "written": written.len(), "silent": silent }));
}

fn numbers_has(left_out: &Value, number: usize) -> bool {
    left_out["mutants"]
        .as_array()
        .expect("numbers")
        .iter()
        .any(|n| n.as_u64() == Some(number as u64))
}
