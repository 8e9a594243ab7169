//! Restart: what was written is there again, and the log goes on behind it.

use berth_inventory::{Run, RunIndex};
use berth_persistence::conformance::{TEXT, no_text, parse};
use berth_persistence::{
    CommitLog, DataDir, Durability, FileLog, FileSnapshots, LogReader, Lsn, MemorySnapshots,
    NodeRecord, RecoverError, Replay, ReplayFrom, Section, Snapshots, Until, replay,
};

use crate::support::{Story, is_true, rebuild, recover_with, settings};

#[test]
fn an_empty_directory_recovers_to_nothing() {
    let story = Story::new(1, 1 << 20);
    let found = story.recover().unwrap();
    assert!(found.live.is_empty() && found.report.is_empty());
    assert_eq!((found.next_lsn, found.next_run), (Lsn(1), RunIndex(0)));
    assert_eq!(found.last_at, None);
}

#[test]
fn a_log_over_many_segments_comes_back_and_goes_on() {
    let mut story = Story::new(2, 2 << 10);
    story.create(6);
    story.go_on(60, 10);
    let mut resumed = 0;
    for round in 0..5 {
        let found = story.recover().unwrap();
        assert_eq!(is_true(&found, &MemorySnapshots::new(), &story.digests), 0);
        assert_eq!((found.report.len(), found.next_lsn), (0, story.log.end().lsn.next()));
        assert_eq!(found.last_at, story.world.runs.iter().map(Run::last_at).max());
        assert_eq!(found.starts, [Lsn(1)]);
        assert_eq!(found.texts.len(), 1);
        let (log, cut) = (story.dir.log(), story.dir.cut());
        story.log = FileLog::resume(&log, &cut, settings(2 << 10), found.end).unwrap();
        resumed += 1;
        story.go_on(3 + round, 9);
    }
    assert_eq!(resumed, 5);
    assert!(story.log.sealed_segments().unwrap().len() > 5, "the test has segments");
    assert!(!story.dir.cut().exists());
}

#[test]
fn a_clean_stop_is_seen() {
    let mut story = Story::new(3, 1 << 20);
    story.create(1);
    let at = story.world.now;
    story.commit(&[NodeRecord::CleanStop { at }], &Section::default());
    assert!(story.recover().unwrap().clean);
    story.go_on(1, 5);
    assert!(!story.recover().unwrap().clean);
}

#[test]
fn snapshots_and_the_suffix_give_the_same_runs_as_the_whole_log() {
    let mut story = Story::new(4, 4 << 10);
    story.create(5);
    story.go_on(30, 10);
    story.snapshot(1 << 20);
    let covered = story.log.end().lsn;
    story.go_on(2, 2);
    story.create(2);
    let snapshots = FileSnapshots::read_only(&story.dir.snap()).unwrap();
    let found = recover_with(&story.dir, &snapshots).unwrap();
    assert_eq!(is_true(&found, &snapshots, &story.digests), 0);
    assert_eq!(found.from, covered.next());
    assert!(!found.cold.is_empty(), "a run without commands stays cold");
    let whole = story.recover().unwrap();
    assert_eq!(found.pnr_blocks, whole.pnr_blocks);
    assert_eq!(found.next_pnr_block, whole.next_pnr_block);
    assert_eq!((found.last_at, found.next_run), (whole.last_at, whole.next_run));
    assert!(found.events < whole.events);
}

#[test]
fn one_run_is_rebuilt_as_of_any_frame() {
    let mut story = Story::new(5, 4 << 10);
    story.create(3);
    let middle = story.go_on(20, 10);
    story.snapshot(1 << 20);
    let last = story.go_on(20, 10);
    let snapshots = FileSnapshots::read_only(&story.dir.snap()).unwrap();
    for until in [middle, Lsn(middle.0 + 7), last] {
        for index in 0..3 {
            let run = RunIndex(index);
            let rebuilt = rebuild(&story, &snapshots, run, until).unwrap();
            assert_eq!(rebuilt.digest(), story.digests[until.0 as usize][index as usize]);
        }
    }
    let unknown = rebuild(&story, &snapshots, RunIndex(9), last);
    assert!(unknown.unwrap_err().contains("run number 9"));
}

#[test]
fn replay_stops_where_it_is_told_and_shows_one_run() {
    let mut story = Story::new(6, 4 << 10);
    story.create(3);
    let middle = story.go_on(15, 10);
    let stamp = story.world.now;
    story.snapshot(1 << 20);
    story.world.now.0 += 1;
    let last = story.go_on(15, 10);
    let snapshots = FileSnapshots::read_only(&story.dir.snap()).unwrap();
    let go =
        |what: Replay| replay(&story.dir, &what, &snapshots, &parse, &no_text, &mut ()).unwrap();
    for from in [ReplayFrom::Start, ReplayFrom::Snapshots] {
        let cases = [(Until::End, last), (Until::Frame(last), last)];
        for (until, expected) in cases {
            let found = go(Replay { from, until, run: None });
            assert_eq!(found.damage, Vec::<String>::new());
            let digests: Vec<_> = found.runs.iter().map(|(_, run)| run.digest()).collect();
            assert_eq!(digests, story.digests[expected.0 as usize]);
            let first = if from == ReplayFrom::Start { Lsn(1) } else { middle.next() };
            assert_eq!((found.first, found.last), (first, expected));
        }
    }
    for until in [Until::Frame(middle), Until::Stamp(stamp)] {
        let found = go(Replay { until, ..Replay::default() });
        let digests: Vec<_> = found.runs.iter().map(|(_, run)| run.digest()).collect();
        assert_eq!(digests, story.digests[middle.0 as usize]);
    }
    let wanted = story.world.runs[1].id();
    let found = go(Replay { run: Some(wanted), ..Replay::default() });
    assert_eq!(found.damage, Vec::<String>::new());
    assert_eq!(found.runs.len(), 1);
    assert_eq!(found.runs[0].1.digest(), story.digests[last.0 as usize][1]);
    assert_eq!(found.events, found.runs[0].1.version().0);
}

#[test]
fn a_reader_follows_a_log_that_grows_and_never_writes() {
    let mut story = Story::new(7, 4 << 10);
    story.create(2);
    let mut reader = LogReader::open(&story.dir.log()).unwrap().until(Lsn(1));
    assert_eq!(reader.by_ref().count(), 1);
    for _ in 0..30 {
        let last = story.go_on(2, 8);
        reader.follow_to(last).unwrap();
        let lsns: Vec<_> = reader.by_ref().map(|frame| frame.unwrap().lsn).collect();
        assert_eq!(lsns, [Lsn(last.0 - 1), last]);
    }
}

#[test]
fn a_log_that_ends_before_its_snapshots_is_not_served() {
    let mut story = Story::new(8, 1 << 20);
    story.create(2);
    story.go_on(5, 5);
    story.snapshot(1 << 20);
    let snapshots = FileSnapshots::read_only(&story.dir.snap()).unwrap();
    let segment = story.dir.log().join(berth_persistence::file_name(1));
    let file = std::fs::OpenOptions::new().write(true).open(&segment).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    let error = recover_with(&story.dir, &snapshots).unwrap_err();
    assert!(matches!(error, RecoverError::LogTooShort { .. }), "{error}");
    assert!(error.to_string().contains("restore log/"), "{error}");
}

#[test]
fn a_lost_catalogue_text_refuses_the_run_until_the_catalogue_has_it() {
    let mut story = Story::new(9, 1 << 20);
    let mut section = Section::default();
    story.world.create(&mut section);
    // The same events without the text.
    let mut bare = Section::default();
    let log = &mut story.log;
    let lsn = log.append(&[], &[(0, &section)]).unwrap();
    log.sync(Durability::Power).unwrap();
    log.read(lsn, &mut |frame| {
        frame.events().for_each(|(_, run, at, version, event)| bare.push(run, at, version, event));
        true
    })
    .unwrap();
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::open(temp.path()).unwrap();
    let end = berth_persistence::LogEnd::default();
    let mut other = FileLog::resume(&dir.log(), &dir.cut(), settings(1 << 20), end).unwrap();
    other.append(&[], &[(0, &bare)]).unwrap();
    other.sync(Durability::Power).unwrap();
    let none = MemorySnapshots::new();
    let found = recover_with(&dir, &none).unwrap();
    assert!(found.live.is_empty());
    assert!(found.refused[0].why.contains("start with a catalogue"), "{:?}", found.refused);
    let with = |_| Some(TEXT.into());
    let found = berth_persistence::recover(&dir, &none, &parse, &with).unwrap();
    assert_eq!((found.live.len(), found.refused.len()), (1, 0));
}

#[test]
fn the_next_segment_is_zeroed_ahead_and_used() {
    let mut story = Story::new(10, 1 << 20);
    let settings =
        berth_persistence::LogSettings { segment_bytes: 256 << 10, zero_bytes_per_second: 1 << 40 };
    let (log, cut) = (story.dir.log(), story.dir.cut());
    story.log =
        FileLog::resume(&log, &cut, settings, berth_persistence::LogEnd::default()).unwrap();
    story.create(3);
    let zeroed = |story: &Story| {
        let name = berth_persistence::file_name(story.log.end().segment);
        std::fs::metadata(story.dir.log().join(name)).unwrap().len() == 256 << 10
    };
    // Bounded by the test's own patience; each group is a chance for the thread to be done.
    while !zeroed(&story) {
        story.go_on(1, 20);
        assert!(story.log.end().lsn < Lsn(200_000), "no segment was ever zeroed ahead");
    }
    story.go_on(5, 20);
    let found = story.recover().unwrap();
    assert_eq!(is_true(&found, &MemorySnapshots::new(), &story.digests), 0);
    assert!(found.end.cut.is_none() && found.report.is_empty(), "zeros are no torn tail");
    let store = MemorySnapshots::new();
    assert!(store.runs().is_empty());
}
