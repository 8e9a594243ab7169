//! Every schedule with a few preemptions; `BERTH_TEST_PREEMPTIONS` asks for more of them.

use berth_interleavings::Weak;
use berth_interleavings::exhaustive::{explore, scenes};

fn every(preemptions: usize, scene: fn()) {
    let asked = std::env::var("BERTH_TEST_PREEMPTIONS").ok();
    explore(asked.and_then(|text| text.parse().ok()).unwrap_or(preemptions), scene);
}

/// The scene breaks when that is weakened.
fn breaks(weak: Weak, scene: fn()) {
    weak.set();
    let broken = std::panic::catch_unwind(|| explore(3, scene)).is_err();
    Weak::Nothing.set();
    assert!(broken, "nothing breaks without {weak:?}");
}

#[test]
fn readers_see_one_version() {
    every(1, scenes::publication);
}

#[test]
fn readers_rest_on_every_order_of_the_publication() {
    breaks(Weak::Fence, scenes::publication);
    breaks(Weak::Acquire, scenes::publication);
    breaks(Weak::Release, scenes::publication);
}

#[test]
fn what_is_fed_while_a_run_goes_cold_is_found() {
    every(2, scenes::a_run_goes_cold);
    breaks(Weak::SeqCst, scenes::a_run_goes_cold);
}

#[test]
fn what_is_fed_while_the_filter_rotates_is_found() {
    every(2, scenes::a_filter_rotates);
    every(2, scenes::a_filter_rotates_twice);
}

#[test]
fn the_end_of_the_log_is_never_behind_its_bytes() {
    every(2, scenes::the_log_grows);
    breaks(Weak::Acquire, scenes::the_log_grows);
    breaks(Weak::Release, scenes::the_log_grows);
}

#[test]
fn who_sees_that_the_journal_failed_finds_the_first_cause() {
    every(2, scenes::a_journal_fails);
    breaks(Weak::Acquire, scenes::a_journal_fails);
    breaks(Weak::Release, scenes::a_journal_fails);
}

#[test]
fn a_worker_sees_all_that_is_pushed() {
    every(2, scenes::a_worker_is_called);
    breaks(Weak::SeqCst, scenes::a_worker_is_called);
    breaks(Weak::Nothing, scenes::a_worker_that_does_not_look_again);
}

#[test]
fn a_worker_is_called_when_its_group_ends_well_or_not() {
    every(1, scenes::a_worker_waits_for_groups);
    every(1, scenes::a_worker_waits_for_a_group_that_fails);
    breaks(Weak::Nothing, scenes::a_worker_that_forgets_what_it_saw);
}

#[test]
fn what_is_put_into_a_tray_is_taken_once_and_before_its_end() {
    every(2, scenes::a_tray_is_taken);
    every(2, scenes::a_tray_ends);
}
