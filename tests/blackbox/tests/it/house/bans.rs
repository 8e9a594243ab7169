//! What must not be in the tree: tools a newcomer would have to install, second versions of what
//! must be one, sources other than crates.io, drifted pins.
//!
//! `deny.toml` holds the list of banned crates with reasons. It is checked here over `Cargo.lock`,
//! which lists the packages of every platform and every kind of edge.

use std::collections::BTreeSet;

use cargo_metadata::DependencyKind;

use super::assert_clean;
use super::tree::{denied, locked, metadata, packages, read};

/// Packages whose build script may call the C compiler. Each was read: C or assembly only, no
/// C++, no library of the system.
const C_BUILDS: &[(&str, &str)] = &[
    ("blake3", "feature `pure` is on: its build script compiles nothing"),
    ("ring", "cryptography: C and assembly that come generated, no C++ and no other tool"),
    ("generator", "compiles an assembly file, on powerpc64 only; tests alone use it, by loom"),
];

/// Packages that claim a native library by `links`. None of these links one in truth.
const LINKS: &[(&str, &str)] = &[
    ("prettyplease", "uses `links` only to pass its version on"),
    ("ring", "links what it has compiled itself; `links` keeps two versions apart"),
];

/// Crates of which two versions would be two protocols, two runtimes or two formats.
const SINGLE: &[&str] = &[
    "bincode", "http", "hyper", "prost", "ractor", "ring", "rustls", "sled", "tokio", "tonic",
    "tower",
];

/// Unmaintained crates whose bytes are on disk: the requirement in Cargo.toml, and the version.
const PINS: &[(&str, &str, &str)] = &[("bincode", "=2.0.1", "2.0.1"), ("sled", "0.34.7", "0.34.7")];

/// The only place packages come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn no_banned_crate_is_in_the_tree() {
    let banned: BTreeSet<String> = denied("bans", "deny").into_iter().collect();
    for must in ["openssl", "openssl-sys", "native-tls", "pkg-config", "cmake", "bindgen", "cxx"] {
        assert!(banned.contains(must), "deny.toml [bans] deny no longer bans {must}");
    }
    let locked = locked();
    let found = locked.iter().filter(|(name, ..)| banned.contains(name));
    let findings: Vec<String> = found
        .map(|(name, version, _)| format!("{name} {version} (`cargo tree -i {name}`)"))
        .collect();
    assert_clean("banned in deny.toml: find another crate or another feature", &findings);
}

#[test]
fn only_reviewed_build_scripts_call_a_compiler() {
    let mut findings = Vec::new();
    let mut calls_cc = BTreeSet::new();
    let mut links = BTreeSet::new();
    for package in packages().values() {
        let name = package.name.as_str();
        let build = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Build);
        if build.into_iter().any(|d| d.name == "cc" && !d.optional) {
            calls_cc.insert(name);
        }
        if package.links.is_some() {
            links.insert(name);
        }
    }
    let mut compare = |found: &BTreeSet<&str>, list: &[(&str, &str)], what: &str| {
        let listed: BTreeSet<&str> = list.iter().map(|(name, _)| *name).collect();
        findings.extend(found.difference(&listed).map(|n| format!("{n} {what}: read it, list it")));
        findings.extend(listed.difference(found).map(|n| format!("{n} no longer {what}: unlist")));
    };
    compare(&calls_cc, C_BUILDS, "builds with `cc`");
    compare(&links, LINKS, "has a `links` key");
    assert_clean("a build needs Rust and a C compiler, nothing else", &findings);
}

#[test]
fn what_must_be_one_is_one() {
    let locked = locked();
    let mut findings = Vec::new();
    for single in SINGLE {
        let versions = locked.iter().filter(|(name, ..)| name == single);
        let versions: Vec<&str> = versions.map(|(_, version, _)| version.as_str()).collect();
        if versions.len() > 1 {
            findings.push(format!("{single}: {}", versions.join(" and ")));
        }
    }
    assert_clean("two versions of one crate (`cargo tree -d`)", &findings);
}

#[test]
fn packages_come_from_the_registry_or_from_here() {
    let members: BTreeSet<&str> =
        metadata().workspace_packages().iter().map(|p| p.name.as_str()).collect();
    let mut findings = Vec::new();
    for (name, version, source) in locked() {
        match source.as_deref() {
            Some(REGISTRY) => {}
            None if members.contains(name.as_str()) => {}
            other => findings.push(format!("{name} {version} comes from {other:?}")),
        }
    }
    assert_clean("every package is of this workspace or from crates.io", &findings);
}

#[test]
fn the_formats_on_disk_keep_their_pins() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let locked = locked();
    let mut findings = Vec::new();
    for (name, requirement, version) in PINS {
        let entry = &manifest["workspace"]["dependencies"][*name];
        let asked = entry.as_str().or_else(|| entry.get("version")?.as_str());
        if asked != Some(*requirement) {
            findings.push(format!("{name}: Cargo.toml asks for {asked:?}, not {requirement:?}"));
        }
        if !locked.iter().any(|(n, v, _)| n == name && v == version) {
            findings.push(format!("{name}: Cargo.lock does not hold {version}"));
        }
    }
    assert_clean("pinned crates (docs/adr/0005)", &findings);
}
