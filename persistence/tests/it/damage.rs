//! Tails cut at every byte, bits flipped everywhere: detected, repaired or harmless, never wrong.

use std::fs;
use std::path::{Path, PathBuf};

use berth_inventory::{RunIndex, Version};
use berth_persistence::conformance::{World, no_text, parse};
use berth_persistence::{
    CommitLog, EventStore, FileLog, FileSnapshots, LogReader, MemoryEvents, MemorySnapshots,
    ReadError, Replay, SledEvents, SnapshotStore, StoredEvent, index_next, recover, replay,
};

use crate::support::{Story, copy_dir, files, is_true, recover_with, settings};

/// Where each frame begins, by its number, and where the log ends: in the one segment there is.
fn frame_starts(story: &Story) -> Vec<u64> {
    let frames = LogReader::open(&story.dir.log()).unwrap();
    let mut starts: Vec<u64> = frames.map(|f| f.unwrap().at_position.offset).collect();
    starts.push(story.log.bytes());
    starts
}

#[test]
fn the_tail_cut_at_every_byte_of_the_last_three_frames() {
    let mut story = Story::new(20, 1 << 20);
    story.create(3);
    story.go_on(12, 4);
    let starts = frame_starts(&story);
    let segment = files(&story.dir.log()).remove(0);
    let whole = fs::read(&segment).unwrap();
    assert_eq!(whole.len() as u64, *starts.last().unwrap());
    let frames = starts.len() - 1;
    for len in starts[frames - 3] as usize..whole.len() {
        // Once as a file that ends there, once as one that was zeroed ahead.
        for zeroed in [false, true] {
            let mut bytes = whole[..len].to_vec();
            bytes.resize(if zeroed { whole.len() + 5_000 } else { len }, 0);
            fs::write(&segment, &bytes).unwrap();
            let found = story.recover().unwrap();
            let last = found.end.chain.last.0 as usize;
            assert_eq!(is_true(&found, &MemorySnapshots::new(), &story.digests), 0);
            let torn = len as u64 - starts[last];
            assert!(starts[last] <= len as u64, "frame {last} is whole at {len} bytes");
            assert!(last == frames || (len as u64) < starts[last + 1], "the longest prefix");
            match &found.end.cut {
                None => assert!(bytes[starts[last] as usize..].iter().all(|b| *b == 0)),
                Some(cut) => {
                    assert!(cut.bytes <= torn && cut.offset == starts[last]);
                    let told = found.report.iter().any(|line| line.contains("torn"));
                    assert!(told, "{:?}", found.report);
                }
            }
        }
    }
}

#[test]
fn a_torn_tail_is_moved_aside_and_never_overwritten() {
    let mut story = Story::new(21, 1 << 20);
    story.create(2);
    story.go_on(5, 4);
    let segment = files(&story.dir.log()).remove(0);
    let mut moved = Vec::new();
    for round in 0..3 {
        let whole = fs::read(&segment).unwrap();
        let keep = frame_starts(&story);
        let (last, len) = (keep[keep.len() - 2] as usize, whole.len() - 1);
        fs::write(&segment, &whole[..len]).unwrap();
        let found = story.recover().unwrap();
        let expected = whole[last..len].to_vec();
        let (log, cut) = (story.dir.log(), story.dir.cut());
        story.log = FileLog::resume(&log, &cut, settings(1 << 20), found.end).unwrap();
        assert_eq!(fs::metadata(&segment).unwrap().len() as usize, last);
        moved.push(expected);
        let mut kept: Vec<_> = files(&cut).iter().map(|f| fs::read(f).unwrap()).collect();
        kept.sort();
        let mut wanted = moved.clone();
        wanted.sort();
        assert!(kept == wanted, "round {round}");
        // The frame that was cut was never told to anybody: the world forgets it too.
        let found = story.recover().unwrap();
        story.digests.truncate(found.next_lsn.0 as usize);
        let mut world = World::new(100 + round);
        world.runs = found.live.into_iter().map(|live| *live.run).collect();
        world.now = story.world.now;
        story.world = world;
        story.go_on(1, 12);
        let found = story.recover().unwrap();
        assert_eq!(is_true(&found, &MemorySnapshots::new(), &story.digests), 0);
    }
}

/// Numbers below a bound, from a seed.
struct Dice(World);

impl Dice {
    fn throw(&mut self, bound: usize) -> usize {
        self.0.draw(bound as u64) as usize
    }

    /// A file and a bit in it, every byte of all files with the same chance.
    fn bit(&mut self, files: &[PathBuf]) -> (PathBuf, usize) {
        let sizes: Vec<usize> =
            files.iter().map(|f| fs::metadata(f).unwrap().len() as usize).collect();
        let mut at = self.throw(sizes.iter().sum());
        for (file, size) in files.iter().zip(sizes) {
            if at < size {
                return (file.clone(), at * 8 + self.throw(8));
            }
            at -= size;
        }
        unreachable!("the position is inside one of the files")
    }
}

/// How many flips: the night asks for more than `usual`.
fn flips(usual: usize) -> usize {
    let more = std::env::var("BERTH_TEST_BIT_FLIPS").ok().and_then(|flips| flips.parse().ok());
    more.unwrap_or(usual)
}

fn flip(file: &Path, bit: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(file, bytes).unwrap();
}

#[test]
fn six_hundred_flipped_bits_of_the_log() {
    let mut story = Story::new(22, 3 << 10);
    story.create(8);
    story.go_on(25, 6);
    story.create(2);
    story.go_on(25, 6);
    let log = files(&story.dir.log());
    assert!(log.len() > 3, "{log:?}");
    let none = MemorySnapshots::new();
    let (mut dice, mut refused, mut cut) = (Dice(World::new(23)), 0, 0);
    for _ in 0..flips(600) {
        let (file, bit) = dice.bit(&log);
        flip(&file, bit);
        let place = format!("{} bit {bit}", file.display());
        match recover_with(&story.dir, &none) {
            Ok(found) => {
                assert!(!found.report.is_empty(), "{place} was not detected");
                refused += is_true(&found, &none, &story.digests);
                cut += usize::from(found.end.cut.is_some());
                let lost = story.digests.len() as u64 - found.next_lsn.0;
                assert!(lost <= 1, "only the last frame may be cut: {place}");
                assert!(lost == 0 || found.end.cut.is_some(), "{place}");
            }
            Err(error) => panic!("{place}: one bit must not stop the node: {error}"),
        }
        let found = replay(&story.dir, &Replay::default(), &none, &parse, &no_text, &mut ());
        let found = found.unwrap();
        assert!(!found.damage.is_empty() || found.torn.is_some(), "{place}");
        flip(&file, bit);
    }
    assert!(refused > 100 && cut > 0, "{refused} refused, {cut} cut: the test reaches both");
    assert!(story.recover().unwrap().report.is_empty(), "every bit was put back");
}

#[test]
fn flipped_bits_behind_snapshots_cost_nothing() {
    let mut story = Story::new(24, 4 << 10);
    story.create(6);
    story.go_on(30, 6);
    let covered = files(&story.dir.log());
    story.snapshot(1 << 20);
    story.go_on(3, 6);
    let snapshots = FileSnapshots::read_only(&story.dir.snap()).unwrap();
    let mut dice = Dice(World::new(25));
    for _ in 0..flips(100) {
        let (file, bit) = dice.bit(&covered[..covered.len() - 1]);
        flip(&file, bit);
        let found = recover_with(&story.dir, &snapshots).unwrap();
        assert_eq!(is_true(&found, &snapshots, &story.digests), 0);
        flip(&file, bit);
    }
}

#[test]
fn two_hundred_and_fifty_flipped_bits_of_the_snapshots() {
    let mut story = Story::new(26, 16 << 10);
    story.create(5);
    for _ in 0..3 {
        story.go_on(8, 6);
        story.snapshot(8 << 10);
    }
    story.go_on(2, 2);
    let snap = files(&story.dir.snap());
    assert!(snap.len() > 1, "{snap:?}");
    let mut dice = Dice(World::new(27));
    let mut detected = 0;
    let flips = flips(250);
    for _ in 0..flips {
        let (file, bit) = dice.bit(&snap);
        flip(&file, bit);
        let place = format!("{} bit {bit}", file.display());
        let snapshots = FileSnapshots::read_only(&story.dir.snap())
            .unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(!snapshots.damage().is_empty() || snapshots.torn().is_some(), "{place}");
        let found = recover_with(&story.dir, &snapshots).unwrap();
        detected += usize::from(!found.report.is_empty());
        assert_eq!(is_true(&found, &snapshots, &story.digests), 0, "{place}: the log has it all");
        flip(&file, bit);
    }
    assert_eq!(detected, flips);
}

fn index_all(story: &Story, store: &mut dyn EventStore) {
    while let Some(segment) = index_next(&story.dir.log(), store, None).unwrap() {
        assert_eq!(segment.damage, Vec::<String>::new());
    }
}

fn histories(store: &dyn EventStore, runs: u32) -> Vec<Vec<StoredEvent>> {
    let history = |run| {
        let mut events = Vec::new();
        let take = &mut |event| {
            events.push(event);
            true
        };
        store.history(RunIndex(run), Version(1), take).unwrap();
        events
    };
    (0..runs).map(history).collect()
}

#[test]
fn a_deleted_event_store_is_rebuilt_from_segments() {
    let mut story = Story::new(28, 8 << 10);
    story.create(4);
    story.go_on(80, 8);
    let mut memory = MemoryEvents::new();
    index_all(&story, &mut memory);
    assert!(memory.indexed().0 > 10);
    for round in 0..2 {
        let mut store = SledEvents::open(&story.dir.events()).unwrap().store;
        assert_eq!(store.indexed().0, 0);
        index_all(&story, &mut store);
        assert_eq!(store.indexed(), memory.indexed());
        assert!(histories(&store, 4) == histories(&memory, 4), "round {round}");
        drop(store);
        fs::remove_dir_all(story.dir.events()).unwrap();
    }
}

#[test]
fn a_store_that_is_still_being_let_go_of_is_opened_when_it_is_free() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("events");
    // sled's threads keep its lock for a moment longer than its handles live; so does this clone.
    let lingers = SledEvents::open(&dir).unwrap().store;
    let (begins, begun) = std::sync::mpsc::channel();
    let opens = std::thread::spawn(move || {
        begins.send(()).unwrap();
        SledEvents::open(&dir).map(|opened| opened.rebuilt)
    });
    begun.recv().unwrap();
    drop(lingers);
    assert_eq!(opens.join().unwrap().unwrap(), None);
}

#[test]
fn a_hundred_and_fifty_flipped_bits_of_the_event_store() {
    let mut story = Story::new(29, 8 << 10);
    story.create(4);
    story.go_on(80, 8);
    let mut memory = MemoryEvents::new();
    index_all(&story, &mut memory);
    let expected = histories(&memory, 4);
    let pristine = story.temp.path().join("pristine");
    let mut store = SledEvents::open(&pristine).unwrap().store;
    index_all(&story, &mut store);
    drop(store);
    let mut dice = Dice(World::new(30));
    let mut rebuilt = 0;
    for round in 0..150 {
        let dir = story.temp.path().join(format!("events-{round}"));
        copy_dir(&pristine, &dir);
        fs::copy(beside(&pristine, "-indexed"), beside(&dir, "-indexed")).unwrap();
        // Half of them in sled's files, half in those of the chunks.
        let which = if round % 2 == 0 { dir.clone() } else { dir.join("chunks") };
        let (file, bit) = written_bit(&mut dice, &files(&which));
        flip(&file, bit);
        let place = format!("{} bit {bit}", file.display());
        let opened = SledEvents::open(&dir).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(opened.rebuilt.is_some() || round % 2 == 0, "{place}: a chunk is damaged");
        if let Some(why) = &opened.rebuilt {
            rebuilt += 1;
            assert!(why.contains("moved to") || why.contains("indexed again"), "{why}");
        }
        let mut store = opened.store;
        index_all(&story, &mut store);
        assert!(histories(&store, 4) == expected, "{place}");
        drop(store);
        assert_eq!(SledEvents::open(&dir).unwrap().rebuilt, None, "{place}: whole again");
        fs::remove_dir_all(&dir).unwrap();
        fs::remove_dir_all(beside(&dir, "-damaged")).ok();
    }
    assert!(rebuilt > 50, "{rebuilt}: the test reaches damage");
}

#[test]
fn a_damaged_chunk_is_told_when_it_is_read() {
    let mut story = Story::new(32, 8 << 10);
    story.create(4);
    story.go_on(80, 8);
    let mut store = SledEvents::open(&story.dir.events()).unwrap().store;
    index_all(&story, &mut store);
    let file = files(&story.dir.events().join("chunks")).remove(1);
    flip(&file, 8 * 40);
    let told = |store: &SledEvents| {
        let faults = (0..4).map(|run| store.history(RunIndex(run), Version(1), &mut |_| true));
        let told: Vec<String> = faults.filter_map(|read| Some(read.err()?.to_string())).collect();
        assert!(told.len() == 1 && told[0].contains("damaged"), "{told:?}");
        assert!(store.check().unwrap_err().to_string().contains("CRC"));
    };
    told(&store);
    // It goes on being asked, and is mended by the next one who opens it.
    told(&store);
    drop(store);
    let mut opened = SledEvents::open(&story.dir.events()).unwrap();
    assert!(opened.rebuilt.is_some_and(|why| why.contains("moved to")));
    index_all(&story, &mut opened.store);
    opened.store.check().unwrap();
}

#[test]
fn a_file_of_chunks_that_is_gone_cut_short_or_another_is_seen() {
    let mut story = Story::new(33, 4 << 10);
    story.create(4);
    story.go_on(60, 8);
    let pristine = story.temp.path().join("pristine");
    let mut store = SledEvents::open(&pristine).unwrap().store;
    index_all(&story, &mut store);
    drop(store);
    for round in 0..4 {
        let dir = story.temp.path().join(format!("events-{round}"));
        copy_dir(&pristine, &dir);
        let chunks = files(&dir.join("chunks"));
        let bytes = fs::read(&chunks[1]).unwrap();
        match round {
            0 => fs::remove_file(&chunks[1]).unwrap(),
            1 => fs::write(&chunks[1], &bytes[..bytes.len() - 1]).unwrap(),
            2 => drop(fs::copy(&chunks[0], &chunks[1]).unwrap()),
            _ => fs::write(&chunks[1], []).unwrap(),
        }
        let why = SledEvents::open(&dir).unwrap().rebuilt.unwrap();
        assert!(why.contains("moved to"), "round {round}: {why}");
    }
}

#[test]
fn what_an_indexer_did_not_finish_is_begun_anew() {
    let mut story = Story::new(34, 8 << 10);
    story.create(4);
    story.go_on(60, 8);
    let mut memory = MemoryEvents::new();
    index_all(&story, &mut memory);
    let dir = story.dir.events();
    let mut store = SledEvents::open(&dir).unwrap().store;
    let first = index_next(&story.dir.log(), &mut store, None).unwrap().unwrap();
    // As a crash in the middle of a segment leaves it.
    store.begin(first.last.next(), first.last.next()).unwrap();
    drop(store);
    let left = files(&dir.join("chunks"));
    assert_eq!(left.len(), 2, "{left:?}");
    fs::write(&left[1], b"half of a chunk").unwrap();
    let opened = SledEvents::open(&dir).unwrap();
    assert_eq!((opened.rebuilt, opened.store.indexed()), (None, first.last));
    let mut store = opened.store;
    index_all(&story, &mut store);
    assert!(histories(&store, 4) == histories(&memory, 4));
    store.check().unwrap();
}

fn beside(dir: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", dir.display()))
}

/// sled's file is mostly padding: a bit in a byte that is none.
fn written_bit(dice: &mut Dice, files: &[PathBuf]) -> (PathBuf, usize) {
    loop {
        let (file, bit) = dice.bit(files);
        let bytes = fs::read(&file).unwrap();
        let padding = bytes.last().copied().unwrap_or(0);
        let is_written = |at: &usize| bytes[*at] != 0 && bytes[*at] != padding;
        let written: Vec<usize> = (0..bytes.len()).filter(is_written).collect();
        if !written.is_empty() {
            return (file, written[dice.throw(written.len())] * 8 + bit % 8);
        }
    }
}

#[test]
fn a_segment_that_is_gone_is_told_with_what_to_do() {
    let mut story = Story::new(31, 4 << 10);
    story.create(4);
    story.go_on(60, 8);
    let log = files(&story.dir.log());
    let (gone, bytes) = (&log[1], fs::read(&log[1]).unwrap());
    fs::remove_file(gone).unwrap();
    let none = MemorySnapshots::new();
    // Nothing names who was in it, so nobody can say who may be served.
    let error = recover(&story.dir, &none, &parse, &no_text).unwrap_err().to_string();
    assert!(error.contains("restore"), "{error}");
    let reader = LogReader::open(&story.dir.log()).unwrap();
    let told = reader.filter(|f| matches!(f, Err(ReadError::Damaged(_)))).count();
    assert_eq!(told, 1, "a reader walks over it and says so");
    fs::write(gone, bytes).unwrap();
    assert!(story.recover().unwrap().report.is_empty());
}
