//! A wave is the whole log at once or one frame at a time: what is found must be the same.

use std::fs;

use berth_inventory::{
    Event, HoldId, LegRange, PassengerSet, PoolIndex, RequestId, RequestMark, RunIndex, UnixMillis,
    Version,
};

use super::*;
use crate::conformance::{TEXT, World, no_text, parse};
use crate::{
    CommitLog, Covered, Durability, EncodedSnapshot, FileLog, LogSettings, MemorySnapshots,
    NodeRecord, Section, file_name,
};

/// A log and a world that goes with it.
struct Story {
    dir: DataDir,
    log: FileLog,
    world: World,
    snapshots: MemorySnapshots,
    _temp: tempfile::TempDir,
}

impl Story {
    fn new(seed: u64, segment_bytes: u64) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::open(temp.path()).unwrap();
        let settings = LogSettings { segment_bytes, zero_bytes_per_second: 0 };
        let log = FileLog::resume(&dir.log(), &dir.cut(), settings, LogEnd::default()).unwrap();
        let (world, snapshots) = (World::new(seed), MemorySnapshots::new());
        let mut story = Self { dir, log, world, snapshots, _temp: temp };
        let mut section = Section::default();
        (0..6).for_each(|_| story.world.create(&mut section));
        story.commit(&section);
        story
    }

    fn commit(&mut self, section: &Section) -> Lsn {
        let lsn = self.log.append(&[], &[(0, section)]).unwrap();
        self.log.sync(Durability::Process).unwrap();
        lsn
    }

    fn go_on(&mut self, groups: usize) {
        for _ in 0..groups {
            let section = self.world.group(7);
            self.commit(&section);
        }
    }

    /// Snapshots of every `step`th run as of now. What a cover mark says is for the caller to know.
    fn snapshot(&mut self, step: usize) -> Lsn {
        let lsn = self.log.end().lsn;
        self.snapshots.put_plan_text(self.world.plan().hash(), TEXT).unwrap();
        for (index, run) in self.world.runs.iter().enumerate().step_by(step) {
            self.snapshots.put(&EncodedSnapshot::of(run, RunIndex(index as u32)), lsn).unwrap();
        }
        lsn
    }

    /// All that recovery finds, in words, with waves of `bytes`.
    fn found(&self, bytes: usize) -> String {
        let found = recover_by(&self.dir, &self.snapshots, &parse, &no_text, Wave::of(bytes));
        let found = match found {
            Ok(found) => found,
            Err(why) => return format!("{why}"),
        };
        let live = |live: &LiveRun| format!("{} {} {}", live.index, live.run.digest(), live.lsn);
        let live: Vec<_> = found.live.iter().map(live).collect();
        let texts: Vec<_> = found.texts.iter().map(|(hash, _)| *hash).collect();
        let plans: Vec<_> = found.plans.iter().map(|(hash, _)| *hash).collect();
        let Recovered { cold, refused, next_run, next_pnr_block, pnr_blocks, .. } = &found;
        let Recovered { next_lsn, last_at, served_at, starts, clean, events, .. } = &found;
        let Recovered { from, suffix_bytes, end, report, .. } = &found;
        format!(
            "{live:?} {cold:?} {refused:?} {next_run} {next_pnr_block} {pnr_blocks:?} {next_lsn} \
             {last_at:?} {served_at:?} {starts:?} {clean} {texts:?} {plans:?} {from} {events} \
             {suffix_bytes} {end:?} {report:#?}"
        )
    }

    /// The same for waves of one frame, of a few, and of everything.
    fn agreed(&self) -> String {
        let found = self.found(0);
        for bytes in [2_000, usize::MAX] {
            assert_eq!(self.found(bytes), found, "waves of {bytes} bytes");
        }
        found
    }
}

#[test]
fn waves_of_any_size_find_the_same_in_a_damaged_log() {
    let mut story = Story::new(51, 4 << 10);
    story.go_on(9);
    let lsn = story.snapshot(1);
    let (last_at, next_run) = (story.world.now, RunIndex(6));
    story.snapshots.set_covered(Covered { lsn, last_at, next_run, next_pnr_block: 0 }).unwrap();
    story.go_on(17);
    // Of every second run more is known than the cover mark says.
    story.snapshot(2);
    story.go_on(25);
    assert!(!story.agreed().contains("is out of service"));
    let segments = segment::list(&story.dir.log()).unwrap();
    assert!(segments.len() > 3, "{segments:?}");
    let mut refused = 0;
    for _ in 0..120 {
        let segment = segments[story.world.draw(segments.len() as u64) as usize];
        let path = story.dir.log().join(file_name(segment));
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let bit = story.world.draw(whole.len() as u64 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, bytes).unwrap();
        refused += usize::from(story.agreed().contains("is out of service"));
        fs::write(&path, whole).unwrap();
    }
    assert!(refused > 20, "{refused}: the test reaches refusals");
}

/// An event that is written and cannot be read: it rides nowhere.
fn unreadable(from: u8) -> Event {
    Event::Held {
        hold: HoldId(1),
        request: RequestMark { id: RequestId(1), digest: 1 },
        pool: PoolIndex(0),
        legs: LegRange { from, to: 1 },
        party: core::iter::empty().collect(),
        expires_at: UnixMillis(1),
        reference: "".into(),
    }
}

/// A section with one event of each of these runs.
fn section(events: &[(u32, u64, Event)]) -> Section {
    let mut section = Section::default();
    for (run, version, event) in events {
        section.push(RunIndex(*run), UnixMillis(9), Version(*version), event);
    }
    section
}

#[test]
fn of_several_faults_the_first_of_the_log_is_told() {
    let mut story = Story::new(52, 1 << 20);
    story.go_on(3);
    // Run 5 was touched before run 1, so that the order of runs is not that of faults.
    let next = |story: &Story, run: usize| story.world.runs[run].version().next().0;
    let (one, five) = (next(&story, 1), next(&story, 5));
    let lsn = story.commit(&section(&[(1, one, unreadable(71)), (5, five, unreadable(75))]));
    let told = story.agreed();
    assert!(told.contains("legs cannot be decoded: 71..1"), "{told}");
    assert!(told.contains(&format!("frame {lsn}")), "{told}");
    story.commit(&section(&[(0, 1, unreadable(70))]));
    assert_eq!(story.agreed(), told);
    // Nor does what the log comes upon later hide it.
    let path = story.dir.log().join(file_name(1));
    let len = fs::metadata(&path).unwrap().len();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(len - 3).unwrap();
    assert_eq!(story.agreed(), told);
}

#[test]
fn a_fault_that_is_seen_at_once_does_not_hide_one_before_it() {
    let mut story = Story::new(53, 1 << 20);
    let version = story.world.runs[2].version().next().0;
    let mut long = unreadable(73);
    if let Event::Held { reference, .. } = &mut long {
        *reference = "too long to be walked over by hand ".repeat(10).into();
    }
    let both = section(&[(2, version, unreadable(72)), (2, version + 1, long)]);
    story.commit(&both);
    let told = story.agreed();
    assert!(told.contains("72..1"), "{told}");
}

#[test]
fn runs_without_a_name_and_runs_that_contradict_themselves() {
    let mut story = Story::new(54, 1 << 20);
    story.go_on(4);
    let version = story.world.runs[3].version().next().0;
    let stranger = Event::Expired { hold: HoldId(99) };
    let lsn = story.commit(&section(&[
        (0, 1, Event::RunRetired),
        (3, version, stranger.clone()),
        (3, version + 1, Event::PnrBlockLeased { block: 7_000 }),
    ]));
    let told = story.agreed();
    assert!(told.contains(&format!("an event of frame {lsn} contradicts its state")), "{told}");
    assert!(told.contains("(7000, RunIndex(3))"), "its numbers stay taken: {told}");
    story.go_on(1);
    let released = Event::Released { hold: HoldId(99), passengers: PassengerSet(1) };
    let lsn = story.commit(&section(&[(9, 4, released), (7, 2, stranger.clone())]));
    story.commit(&section(&[(8, 2, stranger)]));
    let told = story.agreed();
    assert!(told.contains(&format!("has events from frame {lsn} on")), "{told}");
}

#[test]
fn a_clean_stop_behind_the_last_wave_is_seen() {
    let mut story = Story::new(55, 1 << 20);
    story.go_on(2);
    let at = story.world.now;
    story.log.append(&[NodeRecord::CleanStop { at }], &[]).unwrap();
    story.log.sync(Durability::Power).unwrap();
    let found = recover(&story.dir, &story.snapshots, &parse, &no_text).unwrap();
    assert!(found.clean && found.live.len() == 6);
    story.agreed();
}
