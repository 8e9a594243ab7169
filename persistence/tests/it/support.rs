//! A data directory with a history that is known frame by frame.

use std::path::Path;

use berth_inventory::{Digest, Run, RunIndex};
use berth_persistence::conformance::{TEXT, World, no_text, parse};
use berth_persistence::{
    CommitLog, Covered, DataDir, Durability, EncodedSnapshot, FileLog, FileSnapshots, LogEnd,
    LogSettings, Lsn, MemorySnapshots, NodeRecord, RecoverError, Recovered, RunPast, Section,
    SnapshotStore, first_kept, rebuild_run, recover,
};

/// Small segments, so that a short history has many; nothing is zeroed ahead unless asked for.
pub fn settings(segment_bytes: u64) -> LogSettings {
    LogSettings { segment_bytes, zero_bytes_per_second: 0 }
}

/// A directory and what is in it.
pub struct Story {
    pub temp: tempfile::TempDir,
    pub dir: DataDir,
    pub world: World,
    pub log: FileLog,
    /// Digests of every run as of each frame; 0 = before the first.
    pub digests: Vec<Vec<Digest>>,
}

impl Story {
    pub fn new(seed: u64, segment_bytes: u64) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::open(temp.path()).unwrap();
        let end = LogEnd::default();
        let log = FileLog::resume(&dir.log(), &dir.cut(), settings(segment_bytes), end).unwrap();
        Self { temp, dir, world: World::new(seed), log, digests: vec![Vec::new()] }
    }

    /// One frame.
    pub fn commit(&mut self, records: &[NodeRecord], section: &Section) -> Lsn {
        let lsn = self.log.append(records, &[(3, section)]).unwrap();
        self.log.sync(Durability::Process).unwrap();
        self.digests.push(self.world.digests());
        assert_eq!(self.digests.len() as u64, lsn.0 + 1);
        lsn
    }

    pub fn create(&mut self, runs: usize) -> Lsn {
        let mut section = Section::default();
        (0..runs).for_each(|_| self.world.create(&mut section));
        let at = self.world.now;
        let record = NodeRecord::Started { grace_until: None, at, software: "berth".to_owned() };
        self.commit(&[record], &section)
    }

    /// `groups` frames of `commands` random commands; the last frame.
    pub fn go_on(&mut self, groups: usize, commands: usize) -> Lsn {
        for _ in 0..groups {
            let section = self.world.group(commands);
            self.commit(&[], &section);
        }
        self.log.end().lsn
    }

    /// Snapshots of every run, and a cover mark.
    pub fn snapshot(&self, segment_bytes: u64) {
        let (snap, cut) = (self.dir.snap(), self.dir.cut());
        let mut store = FileSnapshots::open(&snap, &cut, segment_bytes).unwrap();
        let lsn = self.log.end().lsn;
        store.put_plan_text(self.world.plan().hash(), TEXT).unwrap();
        for (index, run) in self.world.runs.iter().enumerate() {
            let snapshot = EncodedSnapshot::of(run, RunIndex(index as u32));
            store.put(&snapshot, lsn).unwrap();
        }
        let (last_at, next_run) = (self.world.now, RunIndex(self.world.runs.len() as u32));
        store.set_covered(Covered { lsn, last_at, next_run, next_pnr_block: 0 }).unwrap();
        store.sync().unwrap();
    }

    pub fn recover(&self) -> Result<Recovered, RecoverError> {
        recover_with(&self.dir, &MemorySnapshots::new())
    }
}

pub fn recover_with(
    dir: &DataDir,
    snapshots: &dyn SnapshotStore,
) -> Result<Recovered, RecoverError> {
    recover(dir, snapshots, &parse, &no_text)
}

pub fn rebuild(
    story: &Story,
    snapshots: &dyn SnapshotStore,
    run: RunIndex,
    until: Lsn,
) -> Result<Box<Run>, String> {
    let kept = first_kept(&story.dir.log()).map_err(|fault| fault.to_string())?;
    let past = RunPast::read(snapshots, run, kept)?;
    let text = |hash| snapshots.plan_text(hash);
    rebuild_run(&story.dir, past, run, until, &parse, &text)
}

/// What was recovered is the state as of the log's last frame, or refused by name. How many runs
/// were refused.
pub fn is_true(found: &Recovered, snapshots: &dyn SnapshotStore, digests: &[Vec<Digest>]) -> usize {
    let expected = &digests[found.end.chain.last.0 as usize];
    let mut seen = vec![0; expected.len()];
    for live in &found.live {
        seen[live.index.0 as usize] += 1;
        assert_eq!(live.run.digest(), expected[live.index.0 as usize], "run {}", live.index);
        assert_eq!(live.run.check(), [], "invariants of run {}", live.index);
    }
    for index in &found.cold {
        seen[index.0 as usize] += 1;
        let info = snapshots.latest(*index).unwrap();
        assert_eq!(info.digest, expected[index.0 as usize], "cold run {index}");
    }
    for refused in &found.refused {
        seen[refused.index.0 as usize] += 1;
        let name = refused.run.to_string();
        assert!(found.report.iter().any(|line| line.contains(&name)), "{name} is not reported");
    }
    assert!(seen.iter().all(|n| *n == 1), "every run once: {seen:?}, {:?}", found.report);
    assert_eq!(found.next_run.0 as usize, expected.len());
    found.refused.len()
}

/// Copies a directory with everything in it.
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The files of a directory, sorted.
pub fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}
