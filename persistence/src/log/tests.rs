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
fn in_files_in_memory() {
    for zero_bytes_per_second in [0, 1] {
        let (disk, mut made) = (crate::MemoryDisk::new(512), 0);
        let make = || {
            made += 1;
            let dir = disk.path(format!("log-{made}"));
            let settings = LogSettings { segment_bytes: 4 << 10, zero_bytes_per_second };
            FileLog::resume(&dir, &dir.join("cut"), settings, LogEnd::default()).unwrap()
        };
        commit_log(make, |log| disk.arm(log.dir(), crate::DiskFault::Sync));
        assert_eq!(disk.counts().failed_syncs, 1);
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

#[test]
fn a_full_disk_leaves_what_was_told_and_a_tail_that_is_cut() {
    let temp = tempfile::tempdir().unwrap();
    let dir = crate::DataDir::open(temp.path()).unwrap();
    let (log_dir, cut) = (dir.log(), dir.cut());
    let settings = LogSettings { segment_bytes: 1 << 20, zero_bytes_per_second: 0 };
    let mut log = FileLog::resume(&log_dir, &cut, settings.clone(), LogEnd::default()).unwrap();
    let mut world = World::new(41);
    let mut section = Section::default();
    (0..3).for_each(|_| world.create(&mut section));
    log.append(&[], &[(0, &section)]).unwrap();
    log.append(&[], &[(0, &world.group(30))]).unwrap();
    log.sync(Durability::Power).unwrap();
    let told = world.digests();
    log.append(&[], &[(0, &world.group(30))]).unwrap();
    faults::fail_next_write(&log_dir);
    let error = log.sync(Durability::Power).unwrap_err();
    let LogError::Failed(fault) = &error;
    assert!(fault.is_full() && error.to_string().contains("only a restart"), "{error}");
    assert!(log.append(&[], &[]).is_err(), "space may be back, the log is not");
    drop(log);

    let none = crate::MemorySnapshots::new();
    let parse = &crate::conformance::parse;
    let found = crate::recover(&dir, &none, parse, &crate::conformance::no_text).unwrap();
    let digests: Vec<_> = found.live.iter().map(|live| live.run.digest()).collect();
    assert_eq!(digests, told);
    assert!(found.end.cut.is_some());
    let mut log = FileLog::resume(&log_dir, &cut, settings, found.end).unwrap();
    assert_eq!(log.append(&[], &[]).unwrap(), Lsn(3));
    log.sync(Durability::Power).unwrap();
    assert_eq!(LogReader::open(&log_dir).unwrap().flatten().count(), 3);
}
