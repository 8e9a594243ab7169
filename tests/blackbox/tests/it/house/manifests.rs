//! Every crate is set up like its neighbours: what can be said once is said in the root manifest.

use super::assert_clean;
use super::tree::{files, metadata, read, root};

/// What a crate inherits instead of saying it again.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

/// Crates with lints of their own, and why: `unsafe_code = "forbid"` cannot be lifted in a part.
const OWN_LINTS: &[(&str, &str)] =
    &[("berth-kernel", "the three unsafe calls of the house, docs/adr/0010, 0013, 0014")];

/// Crates with features of their own, and why: a feature of a crate that others use would be unified
/// into the product.
const OWN_FEATURES: &[(&str, &[&str], &str)] = &[(
    "berth-benches",
    &["peers"],
    "nobody uses the benches; it keeps the driver of PostgreSQL out of every other build",
)];

#[test]
fn crates_inherit_what_is_said_once() {
    let mut findings = Vec::new();
    for (name, manifest) in manifests() {
        let inherits = |value: Option<&toml::Value>| {
            value.and_then(|v| v.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
        };
        for key in INHERITED.iter().filter(|key| !inherits(manifest["package"].get(**key))) {
            findings.push(format!("{name}: `{key}.workspace = true` is missing"));
        }
        let own_lints = OWN_LINTS.iter().any(|(own, _)| *own == name);
        if own_lints == inherits(manifest.get("lints")) {
            findings.push(format!(
                "{name}: `[lints] workspace = true` is missing, or it is in OWN_LINTS and has it"
            ));
        }
        if !manifest["package"].get("description").is_some_and(toml::Value::is_str) {
            findings.push(format!("{name}: no description"));
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(section).and_then(toml::Value::as_table);
            let own = table.into_iter().flatten().filter(|(_, value)| !inherits(Some(value)));
            findings.extend(own.map(|(dep, _)| {
                format!("{name}: {dep} belongs into [workspace.dependencies], with its version")
            }));
        }
        let own = OWN_FEATURES.iter().find(|(own, ..)| *own == name).map_or(&[][..], |own| own.1);
        let features = manifest.get("features").and_then(toml::Value::as_table);
        for feature in features.into_iter().flat_map(toml::Table::keys) {
            if !own.contains(&feature.as_str()) {
                findings.push(format!(
                    "{name}: the feature {feature} would be unified into the product; use a cfg"
                ));
            }
        }
    }
    assert_clean("manifests of the crates", &findings);
}

/// `[profile.dev]` is that of the dependencies, so that what only runs in builds is not optimized.
#[test]
fn every_crate_of_ours_has_its_own_line_in_the_dev_profile() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the root manifest");
    let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
    let dev = &manifest["profile"]["dev"];
    let level = |profile: Option<&toml::Value>| {
        profile.and_then(|it| it.get("opt-level")).and_then(toml::Value::as_integer)
    };
    let mut findings = Vec::new();
    if (level(Some(dev)), level(dev.get("build-override"))) != (Some(2), Some(0)) {
        findings.push("dependencies are built at 2, what only runs in builds at 0".to_owned());
    }
    let packages = dev["package"].as_table().expect("packages of the dev profile");
    if level(packages.get("*")).is_some() {
        findings.push("\"*\" is stronger than build-override: it optimizes proc macros".to_owned());
    }
    for (name, _) in manifests() {
        if level(packages.get(&name)).is_none_or(|level| level > 1) {
            findings.push(format!("{name}: `{name}.opt-level = 1` is missing"));
        }
    }
    assert_clean("[profile.dev.package] of the root manifest", &findings);
}

/// Starts of rustdoc that find nothing to run are a part of a cold test run: `doctest = false`. So
/// no comment may have an example that looks as if it ran.
#[test]
fn examples_are_tests_or_programs_and_not_comments() {
    let mut findings = Vec::new();
    for package in metadata().workspace_packages() {
        let mut libs = package.targets.iter().filter(|target| target.is_lib());
        if libs.any(|lib| lib.doctest) {
            findings.push(format!("{}: `[lib] doctest = false` is missing", package.name));
        }
    }
    for file in files("rs") {
        let mut is_open = false;
        for line in read(&file).lines().map(str::trim_start) {
            let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            let Some(word) = text.and_then(|text| text.trim().strip_prefix("```")) else {
                continue;
            };
            is_open = !is_open;
            if is_open && (word.is_empty() || word.starts_with("rust")) {
                findings.push(format!("{file}: an example in a comment: make it a test"));
            }
        }
    }
    assert_clean("examples", &findings);
}

#[test]
fn a_crate_has_one_binary_of_integration_tests() {
    let mut findings = Vec::new();
    for package in metadata().workspace_packages() {
        for target in package.targets.iter().filter(|target| target.is_test()) {
            if target.name != "it" || !target.src_path.ends_with("tests/it/main.rs") {
                findings.push(format!("{}: {} ({})", package.name, target.name, target.src_path));
            }
        }
    }
    assert_clean("integration tests link once: make it a module of tests/it/main.rs", &findings);
}

/// The manifests of the workspace's crates, by name.
fn manifests() -> Vec<(String, toml::Table)> {
    let packages = metadata().workspace_packages();
    assert!(packages.len() > 1, "no crates below {}", root().display());
    packages
        .iter()
        .map(|package| {
            let text = std::fs::read_to_string(&package.manifest_path).expect("a manifest is text");
            (package.name.to_string(), text.parse().expect("a manifest is TOML"))
        })
        .collect()
}
