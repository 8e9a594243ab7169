//! Who may use whom: the walls between the crates, as one list.
//!
//! An edge that is not in [`EDGES`] needs an ADR in `docs/adr/` before it gets a line here; a line
//! without its edge is dead and goes. [`WALLS`] says what a crate must not even reach through
//! others.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, PackageId, Target};

use super::assert_clean;
use super::tree::{metadata, packages};

/// Every crate of the product with the crates of the workspace that it uses.
const EDGES: &[(&str, &[&str])] = &[
    ("berth-inventory", &[]),
    ("berth-kernel", &[]),
    ("berth-planning", &["berth-inventory"]),
    ("berth-persistence", &["berth-inventory"]),
    ("berth-node", &["berth-inventory", "berth-kernel", "berth-persistence"]),
    ("berth-engine", &["berth-inventory", "berth-kernel", "berth-node", "berth-persistence"]),
    ("berth-rules", &["berth-inventory"]),
    ("berth-proto", &[]),
    ("berth-admission", &["berth-inventory"]),
    ("berth-api", &["berth-admission", "berth-engine", "berth-inventory", "berth-proto"]),
    ("berth-caller", &[]),
    ("berth-client", &["berth-caller", "berth-proto"]),
    (
        "berth_cli",
        &[
            "berth-api",
            "berth-client",
            "berth-engine",
            "berth-inventory",
            "berth-node",
            "berth-persistence",
            "berth-proto",
            "berth-rules",
        ],
    ),
];

/// Crates that look at the house from the side: they may use all of it and each other, the product
/// may use none of them.
const FROM_THE_SIDE: &[&str] =
    &["berth-benches", "berth-blackbox", "berth-history", "berth-interleavings", "berth-sim"];

/// What a crate must not reach, not even through another crate.
const WALLS: &[(&str, &[&str], &str)] = &[
    (
        "berth-inventory",
        &["tokio", "ractor", "tonic", "sled", "bincode", "serde", "rand", "getrandom", "jiff"],
        "the machine is pure: ids and time are arguments, it is never serialised by itself",
    ),
    (
        "berth-rules",
        &["tokio", "ractor", "tonic", "sled", "bincode", "rand", "getrandom", "jiff"],
        "a book expands a train the same way for ever",
    ),
    ("berth-persistence", &["tokio", "ractor", "tonic", "rand", "jiff"], "storage is blocking"),
    (
        "berth-node",
        &["tokio", "ractor", "tonic", "crossbeam", "rand"],
        "one thread and one seed must be able to drive every decision",
    ),
    ("berth-engine", &["tonic", "prost"], "the wire ends in berth-api"),
    (
        "berth-admission",
        &["tokio", "tonic", "prost", "rand", "getrandom", "rustix"],
        "a room is driven by one thread and one seed; who has clock, chance and disk gives them",
    ),
    ("berth-proto", &["berth-inventory", "ractor", "sled"], "the wire knows no domain type"),
    (
        "berth-caller",
        &["tokio", "tonic", "prost", "rand"],
        "what a caller decides runs in the simulated world, which builds neither",
    ),
    ("berth-client", &["berth-inventory", "ractor", "sled"], "a client links no engine"),
];

#[test]
fn the_edges_between_crates_are_the_listed_ones() {
    let listed: BTreeMap<&str, BTreeSet<&str>> =
        EDGES.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let mut findings = Vec::new();
    let members: BTreeSet<&str> =
        metadata().workspace_packages().iter().map(|p| p.name.as_str()).collect();
    for package in metadata().workspace_packages() {
        let from = package.name.as_str();
        let inside = package.dependencies.iter().filter(|d| members.contains(d.name.as_str()));
        let used: BTreeSet<&str> = inside.map(|d| d.name.as_str()).collect();
        if FROM_THE_SIDE.contains(&from) {
            continue;
        }
        for to in used.iter().filter(|to| FROM_THE_SIDE.contains(to)) {
            findings.push(format!("{from} -> {to}: {to} looks from the side, no product uses it"));
        }
        let Some(allowed) = listed.get(from) else {
            findings.push(format!("{from} is new: give it a line in EDGES and in ARCHITECTURE.md"));
            continue;
        };
        for to in used.difference(allowed) {
            findings.push(format!("{from} -> {to} is new: write an ADR, then add it to EDGES"));
        }
        for to in allowed.difference(&used) {
            findings.push(format!("{from} -> {to} is gone: take it out of EDGES"));
        }
    }
    for from in listed.keys().filter(|from| !members.contains(*from)) {
        findings.push(format!("{from} is not in the workspace: take its line out of EDGES"));
    }
    assert_clean("edges between crates (tests/blackbox/tests/it/house/edges.rs)", &findings);
}

#[test]
fn no_crate_reaches_through_its_walls() {
    let mut findings = Vec::new();
    for (from, forbidden, why) in WALLS {
        let reached = reach(from);
        for name in forbidden.iter().filter(|name| reached.contains_key(*name)) {
            let path = &reached[*name];
            findings.push(format!("{from} reaches {name} by {path}; {why}"));
        }
    }
    assert_clean("walls of the crates", &findings);
}

/// Everything the crate links, each with one way that leads there. Build and dev edges do not
/// count: they are not part of the crate that runs.
fn reach(from: &str) -> BTreeMap<&'static str, String> {
    let packages = packages();
    let resolve = metadata().resolve.as_ref().expect("metadata resolves the graph");
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|n| (&n.id, n)).collect();
    let start = packages.values().find(|p| p.name.as_str() == from);
    let start = start.unwrap_or_else(|| panic!("{from} is in the workspace"));
    let mut reached = BTreeMap::new();
    let mut todo = vec![(&start.id, from.to_owned())];
    while let Some((id, path)) = todo.pop() {
        for dep in &nodes[id].deps {
            let linked = dep.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal);
            let name = packages[&dep.pkg].name.as_str();
            let is_macro = packages[&dep.pkg].targets.iter().any(Target::is_proc_macro);
            if linked && !is_macro && !reached.contains_key(name) {
                let path = format!("{path} -> {name}");
                reached.insert(name, path.clone());
                todo.push((&dep.pkg, path));
            }
        }
    }
    reached
}
