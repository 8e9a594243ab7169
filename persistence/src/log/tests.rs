//! The logs against the suite, and what a failing disk does to the one on files.

use super::*;
use crate::conformance::{World, commit_log};
use crate::file::faults;
use crate::{Durability, Section};

fn file_log(dir: &std::path::Path, segment_bytes: u64) -> FileLog {
    let settings = LogSettings { segment_bytes, zero_bytes_per_second: 0 };
    FileLog::resume(dir, &dir.join("cut"), settings, LogEnd::default()).unwrap()
}

#[test]
fn in_memory() {
    commit_log(MemoryLog::new, |log| log.fail(crate::conformance::some_failure()));
}

#[test]
fn in_files() {
    for segment_bytes in [4 << 10, 1 << 20] {
        let temp = tempfile::tempdir().unwrap();
        let mut made = 0;
        let make = || {
            made += 1;
            file_log(&temp.path().join(made.to_string()), segment_bytes)
        };
        commit_log(make, |log| faults::fail_next_sync(log.dir()));
    }
}

#[test]
fn a_power_cut_takes_only_what_was_not_synced() {
    let mut world = World::new(40);
    let mut log = MemoryLog::new();
    let mut section = Section::default();
    world.create(&mut section);
    log.append(&[], &[(0, &section)]).unwrap();
    log.sync(Durability::Power).unwrap();
    log.append(&[], &[(0, &world.group(9))]).unwrap();
    log.sync(Durability::Process).unwrap();
    log.power_cut();
    assert_eq!(log.end().lsn, Lsn(1));
    let at = world.now;
    log.append(&[NodeRecord::CleanStop { at }], &[]).unwrap();
    log.sync(Durability::None).unwrap();
    log.power_cut();
    assert_eq!(log.end().lsn, Lsn(2), "a clean stop is synced under every word");
}

#[test]
fn words_decide_when_a_frame_reaches_the_file() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = file_log(temp.path(), 1 << 20);
    let len = || std::fs::metadata(temp.path().join(file_name(1))).unwrap().len();
    log.append(&[], &[]).unwrap();
    assert_eq!(len(), 0);
    log.sync(Durability::None).unwrap();
    assert_eq!(len(), 0, "none: the caller writes every 50 ms");
    faults::fail_next_sync(temp.path());
    log.sync(Durability::Process).unwrap();
    assert_eq!(len(), log.bytes(), "process: written, and no sync was tried");
    let at = berth_inventory::UnixMillis(1);
    log.append(&[NodeRecord::CleanStop { at }], &[]).unwrap();
    let error = log.sync(Durability::None).unwrap_err();
    assert!(error.to_string().contains("injected"), "a clean stop was synced: {error}");
}
