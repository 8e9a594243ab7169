//! More than one frame lost at a time: who can still be named, and when nobody can.

use std::fs;
use std::path::PathBuf;

use berth_inventory::RunIndex;
use berth_persistence::conformance::TEXT;
use berth_persistence::{
    EncodedSnapshot, LogReader, Lsn, MemorySnapshots, NodeRecord, RecoverError, Section,
    SnapshotStore,
};

use crate::support::{Story, files, is_true, rebuild, recover_with};

/// A file and where each of its frames begins.
fn frames_of(story: &Story, file: usize) -> (PathBuf, Vec<(Lsn, usize)>) {
    let path = files(&story.dir.log()).remove(file);
    let id = berth_persistence::segment_of(path.file_name().unwrap().to_str().unwrap()).unwrap();
    let frames = LogReader::open(&story.dir.log()).unwrap().map(|frame| frame.unwrap().at_position);
    let here = frames.filter(|at| at.segment == id).map(|at| (at.lsn, at.offset as usize));
    (path, here.collect())
}

fn spoil(path: &PathBuf, places: &[usize]) -> Vec<u8> {
    let whole = fs::read(path).unwrap();
    let mut bytes = whole.clone();
    for at in places {
        bytes[*at] ^= 0x40;
    }
    fs::write(path, bytes).unwrap();
    whole
}

#[test]
fn two_frames_lost_in_a_sealed_segment_are_named_by_its_footer() {
    let mut story = Story::new(50, 3 << 10);
    story.create(8);
    story.go_on(60, 3);
    let none = MemorySnapshots::new();
    let (path, frames) = frames_of(&story, 1);
    for pair in frames.windows(2) {
        // A byte of each body: both headers are right, both frames are not.
        let whole = spoil(&path, &[pair[0].1 + 33, pair[1].1 + 33]);
        let found = recover_with(&story.dir, &none).unwrap();
        is_true(&found, &none, &story.digests);
        assert!(found.report.iter().any(|line| line.contains("are lost")), "{:?}", found.report);
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn two_frames_lost_in_the_open_segment_stop_recovery_with_what_to_do() {
    let mut story = Story::new(51, 1 << 20);
    story.create(3);
    story.go_on(20, 4);
    let none = MemorySnapshots::new();
    let (path, frames) = frames_of(&story, 0);
    let middle = [frames[8].1 + 33, frames[9].1 + 33];
    let whole = spoil(&path, &middle);
    let error = recover_with(&story.dir, &none).unwrap_err();
    assert!(matches!(error, RecoverError::Unnamed { first: Lsn(9), last: Lsn(10), .. }), "{error}");
    assert!(error.to_string().contains("restore"), "{error}");
    fs::write(&path, &whole).unwrap();
    // The last two: nothing valid follows, but the first of them was not the last frame.
    let end = [frames[frames.len() - 2].1 + 33, frames[frames.len() - 1].1 + 33];
    spoil(&path, &end);
    let error = recover_with(&story.dir, &none).unwrap_err().to_string();
    let name = path.display().to_string();
    assert!(error.contains(&name) && error.contains("cutting the file to"), "{error}");
    // What the message says is what helps.
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(frames[frames.len() - 2].1 as u64).unwrap();
    let found = recover_with(&story.dir, &none).unwrap();
    assert_eq!(is_true(&found, &none, &story.digests), 0);
}

#[test]
fn a_clean_stop_vouches_for_the_frame_before_it() {
    let mut story = Story::new(52, 1 << 20);
    story.create(3);
    story.go_on(5, 12);
    let at = story.world.now;
    story.commit(&[NodeRecord::CleanStop { at }], &Section::default());
    let none = MemorySnapshots::new();
    let (path, frames) = frames_of(&story, 0);
    spoil(&path, &[frames[frames.len() - 2].1 + 40]);
    let found = recover_with(&story.dir, &none).unwrap();
    assert!(found.end.cut.is_none(), "it is damage, no torn tail");
    assert!(is_true(&found, &none, &story.digests) > 0);
    // Whoever was refused cannot be rebuilt either.
    let refused = found.refused[0].index;
    let until = found.end.chain.last;
    let again = rebuild(&story, &none, refused, until);
    assert!(again.unwrap_err().contains("damaged"));
}

#[test]
fn a_later_snapshot_saves_a_run_from_a_lost_frame() {
    let mut story = Story::new(53, 1 << 20);
    story.create(4);
    let last = story.go_on(10, 6);
    let mut snapshots = MemorySnapshots::new();
    snapshots.put_plan_text(story.world.plan().hash(), TEXT).unwrap();
    for (index, run) in story.world.runs.iter().enumerate().take(2) {
        snapshots.put(&EncodedSnapshot::of(run, RunIndex(index as u32)), last).unwrap();
    }
    story.go_on(5, 6);
    let (path, frames) = frames_of(&story, 0);
    for (lsn, offset) in &frames[..last.0 as usize] {
        let whole = spoil(&path, &[offset + 36]);
        let found = recover_with(&story.dir, &snapshots).unwrap();
        is_true(&found, &snapshots, &story.digests);
        let saved = found.refused.iter().all(|refused| refused.index >= RunIndex(2));
        assert!(saved, "frame {lsn}: {:?}", found.refused);
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn a_frame_of_a_newer_format_is_named_with_both_versions() {
    let mut story = Story::new(54, 1 << 20);
    story.create(1);
    let (path, _) = frames_of(&story, 0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[4] = 9;
    let crc = crc32c::crc32c(&bytes[..28]).to_le_bytes();
    bytes[28..32].copy_from_slice(&crc);
    fs::write(&path, bytes).unwrap();
    let error = recover_with(&story.dir, &MemorySnapshots::new()).unwrap_err().to_string();
    assert!(error.contains("format 9") && error.contains("up to 1"), "{error}");
}

#[test]
fn segments_of_another_log_are_not_mixed_in() {
    let (mut one, mut other) = (Story::new(55, 3 << 10), Story::new(56, 3 << 10));
    for story in [&mut one, &mut other] {
        story.create(4);
        story.go_on(60, 4);
    }
    let (mine, theirs) = (files(&one.dir.log()), files(&other.dir.log()));
    let none = MemorySnapshots::new();
    fs::copy(&theirs[1], &mine[1]).unwrap();
    match recover_with(&one.dir, &none) {
        Err(error) => assert!(error.to_string().contains("seg"), "{error}"),
        Ok(found) => panic!("a strange segment was taken in: {:?}", found.report),
    }
}
