//! A small data directory for the tests of `replay` and `inspect`: real files, known content.

use std::fs;
use std::path::{Path, PathBuf};

use berth_inventory::RunIndex;
use berth_persistence::conformance::{TEXT, World};
use berth_persistence::{
    CommitLog as _, Covered, DataDir, Durability, EncodedSnapshot, FileLog, FileSnapshots, Found,
    LogEnd, LogSettings, Lsn, NodeRecord, SNAPSHOT_SEGMENT_BYTES, Section, SledEvents,
    SnapshotStore as _, file_name, index_next, retire_segments, walk_log,
};
use clap::Parser as _;

use crate::args::{Cli, Command};

/// 32 zero bytes and their CRC32C (RFC 3720, B.4).
const KEY: [u8; 36] = {
    let mut key = [0; 36];
    (key[32], key[33], key[34], key[35]) = (0xaa, 0x36, 0x91, 0x8a);
    key
};

/// A directory, the runs that are in it, and what wrote it.
pub struct SmallDir {
    _temp: tempfile::TempDir,
    pub dir: DataDir,
    pub world: World,
    log: FileLog,
}

impl SmallDir {
    /// Three runs and so many groups of commands, in segments of 4 KiB.
    pub fn new(groups: u32) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&temp.path().join("data")).unwrap();
        fs::write(dir.root().join("KEY"), KEY).unwrap();
        let settings = LogSettings { segment_bytes: 4 << 10, zero_bytes_per_second: 0 };
        let log = FileLog::resume(&dir.log(), &dir.cut(), settings, LogEnd::default()).unwrap();
        let mut small = Self { _temp: temp, dir, world: World::new(7), log };
        let at = small.world.now;
        let started = NodeRecord::Started { grace_until: None, at, software: "berth test".into() };
        let mut section = Section::default();
        for _ in 0..3 {
            small.world.create(&mut section);
        }
        small.commit(&[started], &section);
        small.go_on(groups);
        small
    }

    fn commit(&mut self, records: &[NodeRecord], section: &Section) -> Lsn {
        let lsn = self.log.append(records, &[(0, section)]).unwrap();
        self.log.sync(Durability::Process).unwrap();
        lsn
    }

    /// So many groups more.
    pub fn go_on(&mut self, groups: u32) {
        for _ in 0..groups {
            let section = self.world.group(12);
            self.commit(&[], &section);
        }
    }

    /// Stops in order.
    pub fn stop(&mut self) {
        let at = self.world.now;
        self.commit(&[NodeRecord::CleanStop { at }], &Section::default());
    }

    pub fn end(&self) -> Lsn {
        self.log.end().lsn
    }

    pub fn root(&self) -> &Path {
        self.dir.root()
    }

    /// A snapshot of every run as it is now, said to be durable with the last frame.
    pub fn snapshot(&self) {
        self.snapshot_of(&self.world);
    }

    /// The same of the runs of another world.
    pub fn snapshot_of(&self, world: &World) {
        let (snap, cut) = (self.dir.snap(), self.dir.cut());
        let mut store = FileSnapshots::open(&snap, &cut, SNAPSHOT_SEGMENT_BYTES).unwrap();
        store.put_plan_text(world.plan().hash(), TEXT).unwrap();
        for (index, run) in world.runs.iter().enumerate() {
            let snapshot = EncodedSnapshot::of(run, RunIndex(index as u32));
            store.put(&snapshot, self.end()).unwrap();
        }
        store.sync().unwrap();
    }

    /// Indexes every sealed segment.
    pub fn index(&self) -> Lsn {
        let mut store = SledEvents::open(&self.dir.events()).unwrap().store;
        let mut last = Lsn(0);
        while let Some(segment) = index_next(&self.dir.log(), &mut store, None).unwrap() {
            last = segment.last;
        }
        last
    }

    /// A mark that snapshots hold everything so far; then lets every older segment go that the event
    /// store has. The first frame kept.
    pub fn retire(&self) -> Lsn {
        let (snap, cut) = (self.dir.snap(), self.dir.cut());
        let mut snapshots = FileSnapshots::open(&snap, &cut, SNAPSHOT_SEGMENT_BYTES).unwrap();
        let (lsn, last_at) = (self.end(), self.world.now);
        let next_run = RunIndex(self.world.runs.len() as u32);
        snapshots.set_covered(Covered { lsn, last_at, next_run, next_pnr_block: 0 }).unwrap();
        snapshots.sync().unwrap();
        let store = SledEvents::open(&self.dir.events()).unwrap().store;
        retire_segments(&self.dir.log(), 0, lsn, &store).unwrap().first_kept
    }

    /// File, first byte and bytes of a frame.
    pub fn frame(&self, lsn: Lsn) -> (PathBuf, u64, u64) {
        let mut at = None;
        walk_log(&self.dir.log(), lsn, lsn, &mut |found, _| {
            if let Found::Frame(frame) = found {
                let file = self.dir.log().join(file_name(frame.at.segment)).to_path_buf();
                at = Some((file, frame.at.offset, frame.bytes));
            }
            true
        })
        .unwrap();
        at.unwrap()
    }

    /// Flips a bit in the middle of a frame; where the frame is.
    pub fn flip(&self, lsn: Lsn) -> (PathBuf, u64) {
        let (file, offset, bytes) = self.frame(lsn);
        let mut content = fs::read(&file).unwrap();
        content[(offset + bytes / 2) as usize] ^= 1;
        fs::write(&file, content).unwrap();
        (file, offset)
    }

    /// Cuts the log in the middle of its last frame; where that begins.
    pub fn tear(&self) -> (PathBuf, u64) {
        let (file, offset, bytes) = self.frame(self.end());
        let content = fs::read(&file).unwrap();
        fs::write(&file, &content[..(offset + bytes / 2) as usize]).unwrap();
        (file, offset)
    }

    /// Every file below the directory and its content.
    pub fn content(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut left = vec![self.root().to_owned()];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                found.push((path, Vec::new()));
            } else {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
        found.sort();
        found
    }

    /// A command line about this directory, parsed.
    pub fn command(&self, name: &str, flags: &[&str]) -> Command {
        let root = self.root().to_str().unwrap();
        let line = [&["berth", name, "--data-dir", root], flags].concat();
        Cli::try_parse_from(line).unwrap().command.unwrap()
    }
}
