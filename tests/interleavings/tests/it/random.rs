//! Many schedules, chosen at random; `BERTH_TEST_SCHEDULES` asks for more.

use berth_interleavings::random::{explore, scenes};

fn many(scene: fn()) {
    let asked = std::env::var("BERTH_TEST_SCHEDULES").ok();
    explore(asked.and_then(|text| text.parse().ok()).unwrap_or(1_000), scene);
}

/// The scene breaks under one of a thousand schedules.
fn breaks(scene: fn()) {
    let broken = std::panic::catch_unwind(|| explore(1_000, scene)).is_err();
    assert!(broken, "the fault was not seen");
}

#[test]
fn readers_see_one_version_and_never_an_earlier_one() {
    many(scenes::publications);
}

#[test]
fn what_is_fed_while_a_run_goes_cold_is_found() {
    many(scenes::a_run_goes_cold);
}

#[test]
fn what_is_fed_while_the_filter_rotates_or_grows_is_found() {
    many(scenes::a_filter_rotates);
    many(scenes::a_filter_rotates_twice);
    many(scenes::a_filter_grows);
}

#[test]
fn the_end_of_the_log_and_the_fault_of_the_journal_are_seen_whole() {
    many(scenes::the_log_grows);
    many(scenes::a_journal_fails_while_the_node_stops);
}

#[test]
fn a_worker_sees_all_that_is_pushed() {
    many(scenes::a_worker_is_called);
}

#[test]
fn a_worker_is_called_when_its_group_ends_well_or_not() {
    many(scenes::a_worker_waits_for_groups);
    many(scenes::a_worker_waits_for_a_group_that_fails);
}

#[test]
fn what_is_put_into_a_tray_is_taken_once_and_before_its_end() {
    many(scenes::a_tray_is_taken);
    many(scenes::a_tray_ends);
}

#[test]
fn an_alarm_that_is_set_rings() {
    many(scenes::an_alarm_rings);
}

#[test]
fn a_worker_that_does_not_look_again_is_found_out() {
    breaks(scenes::a_worker_that_does_not_look_again);
    breaks(scenes::a_worker_that_forgets_what_it_saw);
}
