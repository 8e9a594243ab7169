//! What is seen of a log and its snapshots by those who only look.

use berth_inventory::RunIndex;
use berth_persistence::{
    EventStoreError, FileSnapshots, Found, LogReader, Lsn, NodeRecord, ReadError, Section,
    Snapshots, end_now, segment_of, walk_log,
};

use crate::support::{Story, files};

/// A log of some segments; its last frame.
fn story() -> (Story, Lsn) {
    let mut story = Story::new(77, 4 << 10);
    story.create(3);
    let last = story.go_on(40, 6);
    (story, last)
}

/// The numbers of the frames, of the footers' segments, and whether the tail was torn.
fn walk(story: &Story, from: Lsn, until: Lsn) -> (Vec<u64>, Vec<u64>, bool) {
    let (mut frames, mut footers, mut torn) = (Vec::new(), Vec::new(), false);
    let mut before = 0;
    let total: u64 = files(&story.dir.log()).iter().map(|f| f.metadata().unwrap().len()).sum();
    walk_log(&story.dir.log(), from, until, &mut |found, progress| {
        assert!(before <= progress.done && progress.done <= progress.total);
        assert!(progress.total <= total && (from > Lsn(1) || progress.total == total));
        before = progress.done;
        match found {
            Found::Frame(frame) => {
                assert!(!torn && frame.bytes > 0);
                assert_eq!(frame.decode().unwrap().at_position.lsn, frame.at.lsn);
                frames.push(frame.at.lsn.0);
            }
            Found::Footer(first, runs) => {
                assert!(runs > 0, "segment {first} names its runs");
                footers.push(first.0);
            }
            Found::Damage(damage) => panic!("{damage}"),
            Found::Torn(_) => torn = true,
        }
        true
    })
    .unwrap();
    (frames, footers, torn)
}

#[test]
fn a_walk_comes_upon_every_frame_in_order() {
    let (story, last) = story();
    let name = |file: &std::path::PathBuf| file.file_name()?.to_str().map(str::to_owned);
    let names = files(&story.dir.log()).iter().filter_map(name).collect::<Vec<_>>();
    let segments: Vec<u64> = names.iter().filter_map(|name| segment_of(name)).collect();
    assert!(segments.len() > 2, "{segments:?}");
    let (frames, footers, torn) = walk(&story, Lsn(1), Lsn(u64::MAX));
    assert_eq!(frames, (1..=last.0).collect::<Vec<_>>());
    assert_eq!(footers, segments[..segments.len() - 1], "all but the last are sealed");
    assert!(!torn);
    let (frames, _, _) = walk(&story, Lsn(1), Lsn(5));
    assert_eq!(frames, [1, 2, 3, 4, 5], "up to the frame that was asked for");
    // From the start of the segment that has the frame.
    let (frames, _, _) = walk(&story, Lsn(segments[2]), Lsn(u64::MAX));
    assert_eq!(frames, (segments[2]..=last.0).collect::<Vec<_>>());
    let mut seen = 0;
    walk_log(&story.dir.log(), Lsn(1), last, &mut |_, _| {
        seen += 1;
        seen < 4
    })
    .unwrap();
    assert_eq!(seen, 4, "as long as the visitor says true");
    assert_eq!(end_now(&story.dir.log()).unwrap(), last);
}

#[test]
fn a_reader_gives_the_frames_it_was_asked_for() {
    let (story, last) = story();
    let read = |from, until| {
        let reader = LogReader::open_at(&story.dir.log(), Lsn(from)).unwrap().until(Lsn(until));
        reader.map(|frame| frame.unwrap().at_position.lsn.0).collect::<Vec<_>>()
    };
    assert_eq!(read(7, 9), [7, 8, 9]);
    assert_eq!(read(9, 9), [9]);
    assert_eq!(read(last.0, u64::MAX), [last.0]);
    let reader = LogReader::open(&story.dir.log()).unwrap();
    assert_eq!((reader.first(), reader.dir()), (Lsn(1), &*story.dir.log()));
}

#[test]
fn a_torn_tail_is_told_once_and_the_end_is_before_it() {
    let (story, last) = story();
    let tail = files(&story.dir.log()).pop().unwrap();
    let length = tail.metadata().unwrap().len();
    // The log may keep zeros behind its last frame: the cut goes into the frame itself.
    let bytes = std::fs::read(&tail).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    assert!(end <= length);
    std::fs::OpenOptions::new().write(true).open(&tail).unwrap().set_len(end - 3).unwrap();
    let (frames, _, torn) = walk(&story, Lsn(1), Lsn(u64::MAX));
    assert_eq!((frames.last(), torn), (Some(&(last.0 - 1)), true));
    assert_eq!(end_now(&story.dir.log()).unwrap().0, last.0 - 1);
    let mut reader = LogReader::open(&story.dir.log()).unwrap();
    let told = reader.by_ref().filter(|frame| matches!(frame, Err(ReadError::Torn(_)))).count();
    assert_eq!(told, 1);
    assert!(reader.next().is_none());
}

#[test]
fn snapshots_of_a_run_have_their_places() {
    let mut story = Story::new(78, 1 << 20);
    story.create(2);
    story.snapshot(1 << 20);
    let first = story.world.runs[0].version();
    story.go_on(20, 10);
    story.snapshot(1 << 20);
    let second = story.world.runs[0].version();
    assert!(first < second);
    let store = FileSnapshots::open(&story.dir.snap(), &story.dir.cut(), 1 << 20).unwrap();
    let places = store.places(RunIndex(0));
    assert_eq!(places[0].version, store.latest(RunIndex(0)).unwrap().version);
    assert_eq!(places.iter().map(|place| place.version).collect::<Vec<_>>(), [second, first]);
    assert!(places[1].offset + places[1].bytes <= places[0].offset, "one behind the other");
    assert_eq!(store.places(RunIndex(9)), []);
}

/// An error names the file, the byte where there is one, and what the system said.
#[test]
fn a_file_error_names_the_byte() {
    let cause = std::sync::Arc::new(std::io::Error::other("cause"));
    let mut fault =
        berth_persistence::FileError { what: "read of", path: "log/1".into(), offset: None, cause };
    assert_eq!(fault.to_string(), "read of log/1 failed: cause");
    fault.offset = Some(7);
    assert_eq!(fault.to_string(), "read of log/1 failed at byte 7: cause");
    let text = EventStoreError::from(fault).to_string();
    assert!(text.contains("at byte 7"), "{text}");
}

/// Nothing but the end of a section is given back, and what it says of itself is what is in it.
#[test]
fn an_empty_section_is_empty() {
    let section = Section::default();
    assert!(section.is_empty() && section.len_bytes() == 0);
    let mut story = Story::new(79, 1 << 20);
    let at = story.world.now;
    let lsn = story.commit(&[NodeRecord::CleanStop { at }], &section);
    assert_eq!(lsn, Lsn(1));
}
