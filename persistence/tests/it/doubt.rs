//! A snapshot that a cover mark vouches for is lost: what it held is in the log alone, and until
//! somebody has read the log and vouched anew nothing may rest on the mark.

use berth_inventory::RunIndex;
use berth_persistence::{
    CommitLog, Covered, EncodedSnapshot, FileSnapshots, Lsn, SnapshotStore, Snapshots, file_name,
};

use crate::support::{Story, files, is_true, rebuild, recover_with};

/// The runs of a history, and one of them whose second snapshot is spoilt.
const RUNS: usize = 4;
const SPOILT: RunIndex = RunIndex(2);

/// Two rounds of snapshots, of which the second lost one; the mark stands behind them.
fn story() -> Story {
    let mut story = Story::new(91, 1 << 20);
    story.create(RUNS);
    story.go_on(10, 8);
    story.snapshot(1 << 20);
    story.go_on(10, 8);
    story.snapshot(1 << 20);
    let store = FileSnapshots::read_only(&story.dir.snap()).unwrap();
    let place = store.places(SPOILT)[0];
    let path = story.dir.snap().join(file_name(place.segment));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[(place.offset + place.bytes / 2) as usize] ^= 4;
    std::fs::write(path, bytes).unwrap();
    story
}

fn open(story: &Story) -> FileSnapshots {
    FileSnapshots::open(&story.dir.snap(), &story.dir.cut(), 4 << 10).unwrap()
}

/// Snapshots of all runs as they are, and a mark at `lsn`.
fn vouch(story: &Story, store: &mut FileSnapshots, lsn: Lsn) {
    for (index, run) in story.world.runs.iter().enumerate() {
        store.put(&EncodedSnapshot::of(run, RunIndex(index as u32)), lsn).unwrap();
    }
    mark(story, store, lsn);
}

fn mark(story: &Story, store: &mut FileSnapshots, lsn: Lsn) {
    let (last_at, next_run) = (story.world.now, RunIndex(RUNS as u32));
    store.set_covered(Covered { lsn, last_at, next_run, next_pnr_block: 0 }).unwrap();
    store.sync().unwrap();
}

/// A run that panicked came back without what the lost snapshot held, and went on from there.
#[test]
fn a_run_is_rebuilt_from_the_log_although_the_mark_says_snapshots_have_it() {
    let story = story();
    let store = open(&story);
    assert_eq!((store.damage().len(), store.vouched()), (1, None));
    let last = story.log.end().lsn;
    for index in 0..RUNS as u32 {
        let run = rebuild(&story, &store, RunIndex(index), last).unwrap();
        assert_eq!(run.digest(), story.digests[last.0 as usize][index as usize], "run {index}");
    }
}

/// Compaction took the damage away and left the mark: the next start believed it.
#[test]
fn nothing_is_let_go_of_before_somebody_vouches_anew() {
    let mut story = story();
    let mut store = open(&story);
    // Much that no longer matters: without the damage its segments would go.
    for _ in 0..8 {
        for index in [0, 1, 3] {
            story.go_on(1, 4);
            let run = &story.world.runs[index as usize];
            let lsn = story.log.end().lsn;
            store.put(&EncodedSnapshot::of(run, RunIndex(index)), lsn).unwrap();
        }
    }
    let (all, live) = store.bytes();
    assert!(all > 2 * live, "{all} bytes, {live} of them live");
    assert!(!store.compact().unwrap());
    // An older mark than the doubted one says nothing of what that one did.
    mark(&story, &mut store, Lsn(11));
    assert!(store.vouched().is_none() && !store.compact().unwrap());
    drop(store);
    let store = open(&story);
    let found = recover_with(&story.dir, &store).unwrap();
    assert_eq!(is_true(&found, &store, &story.digests), 0);
}

#[test]
fn a_new_mark_ends_the_doubt_and_the_damage_goes() {
    let mut story = story();
    let mut store = open(&story);
    let before = store.covered().unwrap().lsn;
    assert!(!store.wants_mark(Lsn(before.0 - 1)) && store.wants_mark(before));
    story.go_on(1, 8);
    let last = story.log.end().lsn;
    vouch(&story, &mut store, last);
    assert_eq!(store.vouched().map(|mark| mark.lsn), Some(last));
    assert!(!store.wants_mark(last));
    let mut gone = 0;
    while store.compact().unwrap() {
        gone += 1;
    }
    assert!(gone > 0 && store.damage().is_empty(), "{:?}", store.damage());
    drop(store);
    let store = open(&story);
    assert!(store.damage().is_empty() && store.vouched().is_some());
    let found = recover_with(&story.dir, &store).unwrap();
    assert_eq!((is_true(&found, &store, &story.digests), found.report), (0, Vec::new()));
    assert_eq!(found.live.len(), 0, "nothing had to be replayed");
}

/// The last frame of a sealed segment is lost, and the open one is cut from its first frame on: the
/// next one was numbered as the lost one, and the start after that refused the whole directory.
#[test]
fn a_lost_frame_before_a_tail_that_is_cut_keeps_its_number() {
    let mut story = Story::new(92, 1 << 20);
    story.create(RUNS);
    let mut store = FileSnapshots::open(&story.dir.snap(), &story.dir.cut(), 4 << 10).unwrap();
    let mut segments = 0;
    // Until a segment was just begun: it has one frame.
    while segments < 2 || store.places(SPOILT)[0].offset > 0 {
        let lsn = story.go_on(1, 4);
        let run = &story.world.runs[SPOILT.0 as usize];
        store.put(&EncodedSnapshot::of(run, SPOILT), lsn).unwrap();
        segments = files(&story.dir.snap()).len();
    }
    // And another behind it, that no mark vouches for.
    let behind = EncodedSnapshot::of(&story.world.runs[0], RunIndex(0));
    store.put(&behind, story.log.end().lsn).unwrap();
    let spoil = |store: &FileSnapshots, which: usize| {
        let place = store.places(SPOILT)[which];
        let path = story.dir.snap().join(file_name(place.segment));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[(place.offset + place.bytes / 2) as usize] ^= 4;
        std::fs::write(path, bytes).unwrap();
    };
    spoil(&store, 0);
    spoil(&store, 1);
    drop(store);
    for _ in 0..3 {
        let mut store = open(&story);
        let found = recover_with(&story.dir, &store).unwrap();
        assert_eq!(is_true(&found, &store, &story.digests), 0);
        vouch(&story, &mut store, story.log.end().lsn);
    }
}
