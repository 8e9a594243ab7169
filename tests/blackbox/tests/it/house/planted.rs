//! Nothing of the faults that the simulation plants is in what is built and shipped.

use super::tree::read;

/// Where every fault has its name.
const NAMES: &str = "engine/inventory/src/planted.rs";

#[test]
fn no_planted_fault_is_in_the_binary() {
    let source = read(NAMES);
    // Each stands as ("name", "what it breaks").
    let tuples = source.lines().filter_map(|line| line.trim().strip_prefix("(\""));
    let names: Vec<&str> = tuples.filter_map(|line| line.split('"').next()).collect();
    assert!(names.len() >= 25 && names.iter().all(|name| name.contains('-')), "{names:?}");
    let binary = std::fs::read(env!("CARGO_BIN_EXE_berth-under-test")).unwrap();
    let has = |text: &str| memchr::memmem::find(&binary, text.as_bytes()).is_some();
    assert!(has("berth-data"), "words of the product are found");
    let found: Vec<&&str> = names.iter().filter(|name| has(name)).collect();
    assert!(found.is_empty(), "these are in the binary: {found:?}");
}
