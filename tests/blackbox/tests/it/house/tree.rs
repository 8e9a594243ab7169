//! Finds and reads the files of the repository, and asks cargo for its packages.
//!
//! Paths are relative to the root and use `/`. Build output, data directories and hidden folders
//! other than `.ci` are not part of the house.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use cargo_metadata::{Metadata, MetadataCommand, Package, PackageId};

/// The root of the repository.
pub fn root() -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_dir.ancestors().nth(2).expect("the crate lies two folders below the root");
    root.to_path_buf()
}

/// One file as text, by its path from the root.
pub fn read(path: &str) -> String {
    let full = root().join(path);
    fs::read_to_string(&full).unwrap_or_else(|e| panic!("cannot read {}: {e}", full.display()))
}

/// All files whose name ends in `.{extension}`, sorted.
pub fn files(extension: &str) -> Vec<String> {
    let (root, mut found, mut todo) = (root(), Vec::new(), vec![root()]);
    while let Some(folder) = todo.pop() {
        let entries = fs::read_dir(&folder)
            .unwrap_or_else(|e| panic!("cannot list {}: {e}", folder.display()));
        for entry in entries {
            let path = entry.expect("a folder entry can be read").path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            let outside = name.starts_with('.') || name == "target" || name == "berth-data";
            if path.is_dir() {
                if !outside && !path.is_symlink() {
                    todo.push(path);
                }
            } else if path.extension().is_some_and(|e| e == extension) {
                let inside = path.strip_prefix(&root).expect("found below the root");
                found.push(inside.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    assert!(!found.is_empty(), "no *.{extension} below {}", root.display());
    found.sort();
    found
}

/// The code of a line: what stands before a `//` comment.
pub fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(before, _)| before)
}

/// Packages and resolve graph for the host platform, without the network: whoever can build the
/// tests has everything this needs.
pub fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        let host = host();
        let mut options = vec!["--offline", "--locked", "--filter-platform", &host];
        // By night, when the packages that only a feature needs are there as well.
        if std::env::var_os("BERTH_TEST_ALL_FEATURES").is_some() {
            options.push("--all-features");
        }
        MetadataCommand::new()
            .manifest_path(root().join("Cargo.toml"))
            .other_options(options.into_iter().map(str::to_owned).collect::<Vec<_>>())
            .exec()
            .expect("cargo metadata reads the workspace (is Cargo.lock in step with Cargo.toml?)")
    })
}

/// The packages that take part in a build on this platform, by id.
pub fn packages() -> BTreeMap<&'static PackageId, &'static Package> {
    let resolve = metadata().resolve.as_ref().expect("metadata resolves the graph");
    resolve.nodes.iter().map(|node| (&node.id, &metadata()[&node.id])).collect()
}

/// `Cargo.lock`, which lists the packages of every platform: (name, version, source).
pub fn locked() -> Vec<(String, String, Option<String>)> {
    let lock: toml::Table = read("Cargo.lock").parse().expect("Cargo.lock is TOML");
    let packages = lock["package"].as_array().expect("Cargo.lock has packages");
    let text = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_owned());
    packages
        .iter()
        .map(|package| {
            let name = text(package, "name").expect("a locked package has a name");
            let version = text(package, "version").expect("a locked package has a version");
            (name, version, text(package, "source"))
        })
        .collect()
}

/// A list of words in `deny.toml`: plain strings, or tables that name a `crate`.
pub fn denied(section: &str, key: &str) -> Vec<String> {
    let deny: toml::Table = read("deny.toml").parse().expect("deny.toml is TOML");
    let list = deny[section][key].as_array();
    let list = list.unwrap_or_else(|| panic!("deny.toml [{section}] {key} is a list"));
    list.iter()
        .map(|entry| entry.as_str().or_else(|| entry.get("crate")?.as_str()))
        .map(|word| word.expect("a string, or a table with `crate`").to_owned())
        .collect()
}

/// The platform this test was built for, in rustc's words.
fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(&rustc).arg("-vV").output().expect("rustc runs");
    let said = String::from_utf8(said.stdout).expect("rustc speaks UTF-8");
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc -vV names its host").to_owned()
}
