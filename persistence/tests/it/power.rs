//! The power goes at any moment: what was synced is there, nothing else is believed, and nothing
//! refuses to start.

use berth_inventory::{Digest, RunIndex};
use berth_persistence::conformance::{TEXT, World};
use berth_persistence::{
    CommitLog, Covered, DataDir, DiskFault, Durability, EncodedSnapshot, FileLog, FileSnapshots,
    LogReader, LogSettings, Lsn, MemoryDisk, MemorySnapshots, NodeRecord, Section, SnapshotStore,
    Snapshots, recover,
};

use crate::support::{is_true, recover_with};

const SEGMENT: u64 = 16 << 10;
const SNAPSHOT_SEGMENT: u64 = 16 << 10;

/// A directory in memory that is written as a node does, and the power cuts it might meet.
struct Node {
    disk: MemoryDisk,
    world: World,
    log: FileLog,
    snapshots: FileSnapshots,
    digests: Vec<Vec<Digest>>,
    /// The last frame that somebody was told of.
    told: Lsn,
    cuts: World,
}

impl Node {
    fn new(seed: u64) -> Self {
        let disk = MemoryDisk::new(512);
        let dir = DataDir::open(&disk.path("data")).unwrap();
        let snapshots = FileSnapshots::open(&dir.snap(), &dir.cut(), SNAPSHOT_SEGMENT).unwrap();
        let settings = LogSettings { segment_bytes: SEGMENT, zero_bytes_per_second: seed % 2 };
        let found = recover_with(&dir, &snapshots).unwrap();
        let log = FileLog::resume(&dir.log(), &dir.cut(), settings, found.end).unwrap();
        let (world, cuts) = (World::new(seed), World::new(!seed));
        Self { disk, world, log, snapshots, digests: vec![vec![]], told: Lsn(0), cuts }
    }

    fn commit(&mut self, section: &Section) {
        let lsn = self.log.append(&[], &[(0, section)]).unwrap();
        self.digests.push(self.world.digests());
        self.survives();
        self.log.sync(Durability::Process).unwrap();
        self.survives();
        self.log.sync(Durability::Power).unwrap();
        self.told = lsn;
        self.survives();
    }

    fn snapshot(&mut self) {
        let lsn = self.log.end().lsn;
        self.snapshots.put_plan_text(self.world.plan().hash(), TEXT).unwrap();
        for (index, run) in self.world.runs.iter().enumerate() {
            let snapshot = EncodedSnapshot::of(run, RunIndex(index as u32));
            self.snapshots.put(&snapshot, lsn).unwrap();
        }
        self.survives();
        let (last_at, next_run) = (self.world.now, RunIndex(self.world.runs.len() as u32));
        let covered = Covered { lsn, last_at, next_run, next_pnr_block: 1_000 };
        self.snapshots.set_covered(covered).unwrap();
        self.survives();
        self.snapshots.sync().unwrap();
        self.survives();
        while self.snapshots.compact().unwrap() {
            self.survives();
        }
    }

    /// Of a copy of the disk the power is cut, and everything told is there.
    fn survives(&mut self) {
        for _ in 0..4 {
            let disk = self.disk.fork();
            disk.power_cut(&mut |below| self.cuts.draw(below));
            let dir = DataDir::open(&disk.path("data")).unwrap();
            let snapshots = FileSnapshots::open(&dir.snap(), &dir.cut(), SNAPSHOT_SEGMENT)
                .unwrap_or_else(|why| panic!("snapshots: {why}"));
            let found = recover_with(&dir, &snapshots).unwrap_or_else(|why| panic!("{why}"));
            assert!(found.end.chain.last >= self.told, "{:?}", found.report);
            assert_eq!(is_true(&found, &snapshots, &self.digests), 0, "{:?}", found.report);
            let settings = LogSettings { segment_bytes: SEGMENT, zero_bytes_per_second: 0 };
            FileLog::resume(&dir.log(), &dir.cut(), settings, found.end).unwrap();
        }
    }
}

#[test]
fn a_power_cut_at_any_moment_takes_nothing_that_was_told() {
    let mut all = 0;
    for seed in 0..12 {
        let mut node = Node::new(seed);
        let mut section = Section::default();
        (0..4).for_each(|_| node.world.create(&mut section));
        node.commit(&section);
        for _ in 0..12 {
            let commands = 1 + node.world.draw(30) as usize;
            let section = node.world.group(commands);
            node.commit(&section);
            if node.world.draw(3) == 0 {
                node.snapshot();
            }
        }
        let dir = DataDir::read_only(&node.disk.path("data")).unwrap();
        let whole = recover(
            &dir,
            &MemorySnapshots::new(),
            &berth_persistence::conformance::parse,
            &berth_persistence::conformance::no_text,
        );
        assert!(whole.unwrap().report.is_empty());
        all += node.told.0;
    }
    assert_eq!(all, 12 * 13);
}

/// What a sync has failed to bring to the disk is still read after a restart of the process, and is
/// served: it must be there after the next power cut, and so must what came after it.
#[test]
fn what_a_restart_reads_after_a_failed_sync_is_brought_to_the_disk() {
    let mut node = Node::new(5);
    let mut section = Section::default();
    node.world.create(&mut section);
    node.commit(&section);
    node.disk.arm(&node.disk.path("data/log"), DiskFault::Sync);
    let section = node.world.group(10);
    let unknown = node.log.append(&[], &[(0, &section)]).unwrap();
    node.log.sync(Durability::Power).unwrap_err();

    let dir = DataDir::open(&node.disk.path("data")).unwrap();
    let found = recover_with(&dir, &node.snapshots).unwrap();
    assert_eq!(found.end.chain.last, unknown, "the page cache has it");
    let settings = LogSettings { segment_bytes: SEGMENT, zero_bytes_per_second: 0 };
    let mut log = FileLog::resume(&dir.log(), &dir.cut(), settings, found.end).unwrap();
    log.sync(Durability::Power).unwrap();
    node.disk.power_cut(&mut |_| 0);
    let found = recover_with(&dir, &node.snapshots).unwrap();
    assert_eq!(found.end.chain.last, unknown, "and so has the disk");
}

/// A segment was begun and has nothing yet, and snapshots hold all that came before it: what is
/// appended there follows the frame before it all the same.
#[test]
fn a_log_goes_on_in_a_segment_that_was_just_begun() {
    let mut node = Node::new(8);
    let mut section = Section::default();
    (0..4).for_each(|_| node.world.create(&mut section));
    node.commit(&section);
    loop {
        node.snapshot();
        let sealed = node.log.sealed_segments().unwrap().len();
        let section = node.world.group(20);
        let lsn = node.log.append(&[], &[(0, &section)]).unwrap();
        if node.log.sealed_segments().unwrap().len() > sealed {
            break;
        }
        node.digests.push(node.world.digests());
        node.log.sync(Durability::Power).unwrap();
        node.told = lsn;
    }

    let dir = DataDir::open(&node.disk.path("data")).unwrap();
    let snapshots = FileSnapshots::open(&dir.snap(), &dir.cut(), SNAPSHOT_SEGMENT).unwrap();
    let found = recover_with(&dir, &snapshots).unwrap();
    assert_eq!((found.end.chain.last, found.end.offset), (node.told, 0));
    let settings = LogSettings { segment_bytes: SEGMENT, zero_bytes_per_second: 0 };
    let mut log = FileLog::resume(&dir.log(), &dir.cut(), settings, found.end).unwrap();
    let at = node.world.now;
    let last = log.append(&[NodeRecord::CleanStop { at }], &[]).unwrap();
    log.sync(Durability::Power).unwrap();
    let frames = LogReader::open(&dir.log()).unwrap().map(|frame| frame.unwrap().lsn);
    assert_eq!(frames.last(), Some(last));
}

/// What a start does on the disk; as far as it comes.
fn start(disk: &MemoryDisk) -> Option<()> {
    let dir = DataDir::open(&disk.path("data")).ok()?;
    let snapshots = FileSnapshots::open(&dir.snap(), &dir.cut(), SNAPSHOT_SEGMENT).ok()?;
    let found = recover_with(&dir, &snapshots).ok()?;
    let settings = LogSettings { segment_bytes: SEGMENT, zero_bytes_per_second: 0 };
    FileLog::resume(&dir.log(), &dir.cut(), settings, found.end).ok().map(|_| ())
}

/// It dies at any change that it makes there, a torn tail before it, and the power may go with it.
#[test]
fn a_start_that_dies_at_any_of_its_changes_takes_nothing_that_was_told() {
    let mut deaths = 0;
    for seed in 20..24 {
        let mut node = Node::new(seed);
        let mut section = Section::default();
        (0..4).for_each(|_| node.world.create(&mut section));
        node.commit(&section);
        node.snapshot();
        let section = node.world.group(20);
        node.commit(&section);
        let section = node.world.group(200);
        node.log.append(&[], &[(0, &section)]).unwrap();
        node.digests.push(node.world.digests());
        node.log.sync(Durability::Process).unwrap();
        node.disk.power_cut(&mut |below| node.cuts.draw(below));
        let torn = node.disk.fork();
        for changes in 0.. {
            node.disk = torn.fork();
            node.disk.die_after(changes);
            start(&node.disk);
            let died = node.disk.revive();
            node.survives();
            assert!(start(&node.disk).is_some(), "it starts after a death at change {changes}");
            if !died {
                break;
            }
            deaths += 1;
        }
    }
    assert!(deaths >= 12, "only {deaths} deaths");
}

/// The very first start dies behind the creation of a directory and before its name is synced; the
/// next finds it there, and what is told from then on must not go with the name.
#[test]
fn a_directory_that_a_death_left_unsynced_survives_a_power_cut_after_the_next_start() {
    let begin = |disk: &MemoryDisk| {
        let settings = LogSettings { segment_bytes: SEGMENT, zero_bytes_per_second: 0 };
        let dir = DataDir::open(&disk.path("data")).ok()?;
        let snapshots = FileSnapshots::open(&dir.snap(), &dir.cut(), SNAPSHOT_SEGMENT).ok()?;
        let end = recover_with(&dir, &snapshots).ok()?.end;
        Some((FileLog::resume(&dir.log(), &dir.cut(), settings, end).ok()?, snapshots))
    };
    for changes in 0.. {
        let disk = MemoryDisk::new(512);
        disk.die_after(changes);
        begin(&disk);
        let died = disk.revive();
        let (mut log, mut snapshots) = begin(&disk).expect("it starts");
        let mut world = World::new(changes);
        let mut section = Section::default();
        world.create(&mut section);
        log.append(&[], &[(0, &section)]).unwrap();
        log.sync(Durability::Power).unwrap();
        snapshots.put_plan_text(world.plan().hash(), TEXT).unwrap();
        snapshots.sync().unwrap();
        disk.power_cut(&mut |_| 0);
        let (log, snapshots) = begin(&disk).expect("it starts again");
        assert_eq!(log.end().lsn, Lsn(1), "after a death at change {changes}");
        assert!(snapshots.has_plan_text(world.plan().hash()), "death at change {changes}");
        if !died {
            break;
        }
    }
}
