//! A few seeds in every test run, those that once failed, and that a seed lives the same story twice.

use std::path::Path;

use berth_sim::kept;
use berth_sim::seeds::{keep_panics_quiet, live};
use berth_sim::world::{Setup, Stage};

/// Seeds of a test run.
const SEEDS: u64 = 24;

fn survives(setup: Setup, stage: &Stage) {
    if let Err(failure) = live(setup, stage, false) {
        panic!("{}\nlive it again: {}", failure.violation, kept::line(&failure.setup));
    }
}

#[test]
fn some_seeds_break_nothing() {
    keep_panics_quiet();
    let stage = Stage::default();
    (0..SEEDS).for_each(|seed| survives(Setup::of(seed), &stage));
}

#[test]
fn seeds_that_once_failed_break_nothing_any_more() {
    keep_panics_quiet();
    let stage = Stage::default();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for (name, setup) in kept::all(&dir).unwrap() {
        assert!(live(setup, &stage, false).is_ok(), "{name}: {}", kept::line(&setup));
    }
}

#[test]
fn a_seed_lives_the_same_story_twice() {
    keep_panics_quiet();
    let stage = Stage::default();
    let lives: Vec<_> =
        (0..2).map(|_| live(Setup::of(77), &stage, false).map_err(|f| f.violation)).collect();
    assert_eq!(lives[0], lives[1]);
}
