//! libFuzzer over the targets of `berth_persistence::fuzz` and `berth_api::fuzz`.
//!
//! `BERTH_FUZZ=NAME` says which; `BERTH_FUZZ_SEEDS=FOLDER` writes what it begins with into a folder
//! and ends. Everything else is libFuzzer's.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

type Run = fn(&[u8]);
type Seeds = fn() -> Vec<Vec<u8>>;

static RUN: OnceLock<Run> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: choose(),
    |input: &[u8]| RUN.get().expect("it was chosen")(input)
);

fn choose() {
    let asked = std::env::var("BERTH_FUZZ").unwrap_or_default();
    let persistence = berth_persistence::fuzz::TARGETS.iter().map(|t| (t.name, t.run, t.seeds));
    let api = berth_api::fuzz::TARGETS.iter().map(|t| (t.name, t.run, t.seeds));
    let targets: Vec<(&str, Run, Seeds)> = persistence.chain(api).collect();
    let Some((_, run, seeds)) = targets.iter().find(|(name, ..)| *name == asked) else {
        let names: Vec<_> = targets.iter().map(|(name, ..)| *name).collect();
        eprintln!("BERTH_FUZZ is {asked:?}, known are {names:?}");
        std::process::exit(2);
    };
    if let Some(folder) = std::env::var_os("BERTH_FUZZ_SEEDS") {
        for (number, seed) in seeds().into_iter().enumerate() {
            let file = Path::new(&folder).join(format!("seed-{number}"));
            std::fs::write(file, seed).expect("seeds are written");
        }
        std::process::exit(0);
    }
    RUN.set(*run).expect("it is chosen once");
}
