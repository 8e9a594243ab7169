//! A bounded log: what may go, what must stay, and that nothing is missed afterwards.

use std::fs;

use berth_inventory::{Digest, RunIndex};
use berth_persistence::conformance::{no_text, parse};
use berth_persistence::{
    Aside, CommitLog, EventStore, FileLog, FileSnapshots, Held, Lsn, MemoryEvents, RecoverError,
    Replay, ReplayFrom, Retired, SledEvents, Snapshots, first_kept, index_next, replay,
    retire_segments,
};

use crate::support::{Story, files, is_true, rebuild, recover_with, settings};

const SEGMENT: u64 = 4 << 10;

/// A history of many segments, of which all but the last few are in snapshots and event store.
fn story(seed: u64) -> (Story, MemoryEvents, Lsn) {
    let mut story = Story::new(seed, SEGMENT);
    story.create(5);
    story.go_on(30, 10);
    story.snapshot(1 << 20);
    story.go_on(30, 10);
    story.snapshot(1 << 20);
    let covered = story.log.end().lsn;
    story.go_on(20, 10);
    let mut events = MemoryEvents::new();
    while index_next(&story.dir.log(), &mut events, None).unwrap().is_some() {}
    (story, events, covered)
}

fn snapshots(story: &Story) -> FileSnapshots {
    FileSnapshots::read_only(&story.dir.snap()).unwrap()
}

fn retire(story: &Story, keep: u64, covered: Lsn, events: &dyn EventStore) -> Retired {
    retire_segments(&story.dir.log(), keep, covered, events).unwrap()
}

#[test]
fn what_went_is_missed_by_nobody() {
    let (mut story, events, covered) = story(61);
    let whole = story.recover().unwrap();
    let before = files(&story.dir.log()).len() as u64;
    let retired = retire(&story, 0, covered, &events);
    assert!(retired.segments > 3 && retired.bytes > 3 * SEGMENT / 2, "{retired:?}");
    assert_eq!(files(&story.dir.log()).len() as u64, before - retired.segments);
    assert_eq!(first_kept(&story.dir.log()).unwrap(), retired.first_kept);
    assert!(retired.first_kept <= covered.next(), "what recovery reads is there");
    assert!(matches!(retired.held, Some((_, Held::Uncovered))), "{retired:?}");
    for _ in 0..2 {
        let snapshots = snapshots(&story);
        let found = recover_with(&story.dir, &snapshots).unwrap();
        assert_eq!(is_true(&found, &snapshots, &story.digests), 0);
        assert_eq!(found.report, Vec::<String>::new());
        let leases = (&found.pnr_blocks, found.next_pnr_block, found.next_run, found.last_at);
        if story.log.end().lsn == whole.end.chain.last {
            let all = (&whole.pnr_blocks, whole.next_pnr_block, whole.next_run, whole.last_at);
            assert_eq!(leases, all, "a PNR still leads to its run, and none is given twice");
        }
        let last = story.log.end().lsn;
        for (index, digest) in story.digests[last.0 as usize].clone().into_iter().enumerate() {
            let run = rebuild(&story, &snapshots, RunIndex(index as u32), last).unwrap();
            assert_eq!(run.digest(), digest);
        }
        // The log goes on behind it, and may go again.
        let (log, cut) = (story.dir.log(), story.dir.cut());
        story.log = FileLog::resume(&log, &cut, settings(SEGMENT), found.end).unwrap();
        story.go_on(5, 10);
        retire(&story, 0, covered, &events);
    }
}

#[test]
fn a_bound_keeps_what_it_says() {
    let (story, events, covered) = story(62);
    let sealed: u64 = story.log.sealed_segments().unwrap().len() as u64;
    let bytes = |story: &Story| -> u64 {
        let ids = story.log.sealed_segments().unwrap();
        let len = |id: &u64| {
            fs::metadata(story.dir.log().join(berth_persistence::file_name(*id))).unwrap().len()
        };
        ids.iter().map(len).sum()
    };
    let all = bytes(&story);
    let none = retire(&story, all, covered, &events);
    assert_eq!((none.segments, none.first_kept, none.held), (0, Lsn(1), None));
    let some = retire(&story, all - 1, covered, &events);
    assert_eq!((some.segments, some.held), (1, None));
    assert_eq!((bytes(&story), sealed - 1), (all - some.bytes, some_left(&story)));
}

fn some_left(story: &Story) -> u64 {
    story.log.sealed_segments().unwrap().len() as u64
}

#[test]
fn what_somebody_still_needs_stays() {
    let (story, events, covered) = story(63);
    let empty = MemoryEvents::new();
    let held = |covered, events: &dyn EventStore| retire(&story, 0, covered, events).held;
    assert_eq!(held(covered, &empty), Some((Lsn(1), Held::Unindexed)));
    assert_eq!(held(Lsn(0), &events), Some((Lsn(1), Held::Uncovered)));
    // A store that vouches for frames it does not have.
    let (other, strange, _) = self::story(64);
    drop(other);
    let fault = retire_segments(&story.dir.log(), 0, covered, &strange).unwrap_err().to_string();
    assert!(fault.contains("does not give back"), "{fault}");
    // A damaged segment stays for whoever repairs it.
    let path = files(&story.dir.log()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 4;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(held(covered, &events), Some((Lsn(1), Held::Damaged(_)))));
    assert_eq!(first_kept(&story.dir.log()).unwrap(), Lsn(1));
}

#[test]
fn replay_begins_with_what_is_kept_and_comes_to_the_same() {
    let (story, events, covered) = story(65);
    retire(&story, 0, covered, &events);
    let snapshots = snapshots(&story);
    let last = story.log.end().lsn;
    let go = |from| {
        let what = Replay { from, ..Replay::default() };
        replay(&story.dir, &what, &snapshots, &parse, &no_text, &mut ()).unwrap()
    };
    let found = go(ReplayFrom::Snapshots);
    assert_eq!(found.damage, Vec::<String>::new());
    let digests: Vec<Digest> = found.runs.iter().map(|(_, run)| run.digest()).collect();
    assert_eq!(digests, story.digests[last.0 as usize]);
    assert_eq!(found.first, covered.next());
    let damage = go(ReplayFrom::Start).damage;
    assert!(damage[0].contains("begins with frame"), "{damage:?}");
}

#[test]
fn a_bounded_log_without_its_snapshots_is_not_served() {
    let (story, events, covered) = story(66);
    let first = retire(&story, 0, covered, &events).first_kept;
    fs::remove_dir_all(story.dir.snap()).unwrap();
    fs::create_dir(story.dir.snap()).unwrap();
    let error = recover_with(&story.dir, &snapshots(&story)).unwrap_err();
    assert!(
        matches!(error, RecoverError::Beheaded { first: f, covered: Lsn(0) } if f == first),
        "{error}"
    );
    assert!(error.to_string().contains("restore snap/"), "{error}");
}

/// Every damaged byte of the snapshots costs at most the runs it names, and never a state that is
/// older than what was told.
#[test]
fn a_damaged_snapshot_of_a_bounded_log_refuses_its_run() {
    let (mut story, _, _) = story(67);
    story.snapshot(1 << 20);
    story.create(1);
    let covered = story.log.end().lsn;
    // Runs that rest: nothing of them is in the log that is kept.
    story.snapshot(1 << 20);
    let mut events = MemoryEvents::new();
    for _ in 0..20 {
        story.create(1);
    }
    while index_next(&story.dir.log(), &mut events, None).unwrap().is_some() {}
    let retired = retire(&story, 0, covered, &events);
    assert!(retired.segments > 3);
    let path = files(&story.dir.snap()).remove(0);
    let whole = fs::read(&path).unwrap();
    let (mut refused, mut unserved) = (0, 0);
    for at in (40..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] ^= 16;
        fs::write(&path, bytes).unwrap();
        let snapshots = snapshots(&story);
        match recover_with(&story.dir, &snapshots) {
            Ok(found) => {
                let served = found.cold.iter().copied();
                for index in served {
                    let info = snapshots.latest(index).unwrap();
                    let last = &story.digests[story.log.end().lsn.0 as usize];
                    assert_eq!(info.digest, last[index.0 as usize], "byte {at}: run {index}");
                }
                refused += found.refused.len();
            }
            Err(error) => {
                unserved += 1;
                assert!(error.to_string().contains("restore"), "byte {at}: {error}");
            }
        }
    }
    assert!(refused > 0, "{refused} refused, {unserved} not served");
}

/// What was moved aside may be the only copy of events: then it stays, however often that happens.
#[test]
fn the_only_copy_is_never_thrown_away() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("events");
    let damage = |content: &str, whose| {
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("what"), content).unwrap();
        SledEvents::move_aside(&dir, whose).unwrap()
    };
    let content = |aside: &std::path::Path| std::fs::read_to_string(aside.join("what")).unwrap();
    let derived = damage("one", Aside::Derived);
    assert_eq!((damage("two", Aside::Derived), content(&derived)), (derived.clone(), "two".into()));
    let others = ["three", "four"].map(|text| damage(text, Aside::OnlyCopy));
    assert!(others[0] != derived && others[0] != others[1]);
    assert_eq!(content(&derived), "two");
    assert_eq!(others.map(|aside| content(&aside)), ["three", "four"]);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "there is room for an empty store");
}
