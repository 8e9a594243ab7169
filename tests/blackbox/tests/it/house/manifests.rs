//! Every crate is set up like its neighbours: what can be said once is said in the root manifest.

use super::assert_clean;
use super::tree::{metadata, root};

/// What a crate inherits instead of saying it again.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

/// Crates with lints of their own, and why: `unsafe_code = "forbid"` cannot be lifted in a part.
const OWN_LINTS: &[(&str, &str)] =
    &[("berth-kernel", "the three unsafe calls of the house, docs/adr/0010, 0013, 0014")];

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
        if manifest.get("features").is_some() {
            findings
                .push(format!("{name}: a feature would be unified into the product; use a cfg"));
        }
    }
    assert_clean("manifests of the crates", &findings);
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
