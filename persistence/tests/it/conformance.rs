//! Every implementation against the suite of its trait. (The file log's is beside its code,
//! where a sync can be made to fail.)

use berth_persistence::conformance::{disk, event_store, snapshot_store};
use berth_persistence::{
    FileSnapshots, MemoryDisk, MemoryEvents, MemorySnapshots, OnDisk as _, SledEvents,
};

#[test]
fn the_systems_disk() {
    let temp = tempfile::tempdir().unwrap();
    disk(&temp.path().on_disk().join("root"));
}

#[test]
fn a_disk_in_memory() {
    disk(&MemoryDisk::new(512).path("root"));
}

#[test]
fn snapshots_in_files_in_memory() {
    let disk = MemoryDisk::new(512);
    let open = || FileSnapshots::open(&disk.path("snap"), &disk.path("cut"), 16 << 10).unwrap();
    snapshot_store(open, |store| {
        drop(store);
        open()
    });
}

#[test]
fn snapshots_in_memory() {
    snapshot_store(MemorySnapshots::new, |store| store);
}

#[test]
fn snapshots_in_files() {
    let temp = tempfile::tempdir().unwrap();
    let (dir, cut) = (temp.path().join("snap"), temp.path().join("cut"));
    let open = || FileSnapshots::open(&dir, &cut, 16 << 10).unwrap();
    snapshot_store(open, |store| {
        drop(store);
        open()
    });
    let segments = std::fs::read_dir(&dir).unwrap().count();
    assert!((2..12).contains(&segments), "compaction keeps them few: {segments}");
}

#[test]
fn events_in_memory() {
    event_store(MemoryEvents::new, |store| store);
}

#[test]
fn events_in_sled() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("events");
    let open = || {
        let opened = SledEvents::open(&dir).unwrap();
        assert_eq!(opened.rebuilt, None);
        opened.store
    };
    event_store(open, |store| {
        drop(store);
        open()
    });
    let blobs = dir.join("blobs");
    let count = std::fs::read_dir(&blobs).map_or(0, Iterator::count);
    assert_eq!(count, 0, "sled never syncs what it puts in {}", blobs.display());
}
