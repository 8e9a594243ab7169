//! What every commit log does.

use std::path::PathBuf;
use std::sync::Arc;

use berth_inventory::UnixMillis;

use super::World;
use crate::{CommitLog, Durability, FileError, Frame, LogError, Lsn, NodeRecord, Section};

/// Holds logs made by `make` (each empty) to the trait. `fail` makes every later write or sync of
/// a log fail, if the implementation has a way.
pub fn commit_log<L: CommitLog>(mut make: impl FnMut() -> L, fail: impl Fn(&mut L)) {
    an_empty_log(&mut make());
    what_goes_in_comes_out(&mut make());
    a_truncated_section_leaves_no_trace(&mut make());
    let mut log = make();
    a_failure_is_for_ever(&mut log, fail);
}

/// A failure that a disk might give.
pub fn some_failure() -> LogError {
    let cause = Arc::new(std::io::Error::other("injected"));
    let path = PathBuf::from("journal");
    LogError::Failed(FileError { what: "sync of", path, offset: None, cause })
}

fn frames(log: &dyn CommitLog, from: Lsn) -> Vec<Frame> {
    let mut frames = Vec::new();
    log.read(from, &mut |frame| {
        frames.push(frame);
        true
    })
    .expect("a log that was just written can be read");
    frames
}

fn an_empty_log(log: &mut dyn CommitLog) {
    assert_eq!(log.end().lsn, Lsn(0));
    assert_eq!(frames(log, Lsn(1)), []);
    assert!(log.failure().is_none());
    log.sync(Durability::Power).expect("syncing nothing is fine");
}

fn started(at: u64) -> NodeRecord {
    let grace_until = Some(UnixMillis(at + 30_000));
    NodeRecord::Started { grace_until, at: UnixMillis(at), software: "berth 0".to_owned() }
}

fn what_goes_in_comes_out(log: &mut dyn CommitLog) {
    let mut world = World::new(1);
    let mut first = Section::default();
    (0..3).for_each(|_| world.create(&mut first));
    let records = [started(5)];
    assert_eq!(log.append(&records, &[(0, &first)]).expect("appends"), Lsn(1));
    let mut expected_events = first.events();
    for n in 2..40 {
        let (a, b) = (world.group(7), Section::default());
        expected_events += a.events();
        assert_eq!(log.append(&[], &[(0, &a), (1, &b)]).expect("appends"), Lsn(n));
        let word = [Durability::Power, Durability::Process, Durability::None][n as usize % 3];
        log.sync(word).expect("syncs");
    }
    let stop = NodeRecord::CleanStop { at: world.now };
    assert_eq!(log.append(core::slice::from_ref(&stop), &[]).expect("appends"), Lsn(40));
    log.sync(Durability::None).expect("syncs");
    assert_eq!(log.end().lsn, Lsn(40));

    let all = frames(log, Lsn(1));
    assert_eq!(all.len(), 40);
    assert!(all.iter().zip(1..).all(|(frame, n)| frame.lsn == Lsn(n)));
    assert_eq!(all[0].records[0], records[0]);
    assert!(matches!(&all[0].records[1], NodeRecord::PlanText { .. }), "the text of the plan");
    assert_eq!(all[39].records, [stop]);
    assert_eq!(all.iter().map(|f| f.events().count()).sum::<usize>(), expected_events);
    assert!(frames(log, Lsn(38)) == all[37..], "from the middle");
    rebuilds(&world, &all);
}

fn rebuilds(world: &World, frames: &[Frame]) {
    use berth_inventory::{Changes, Event, Run};
    let mut runs: Vec<Run> = Vec::new();
    for (_, run, at, version, event) in frames.iter().flat_map(Frame::events) {
        if let Event::RunCreated(created) = event {
            runs.push(Run::new(Arc::clone(world.plan()), created, at));
        } else {
            runs[run.0 as usize].apply(event, at, &mut Changes::default());
        }
        assert_eq!(runs[run.0 as usize].version(), version);
    }
    assert_eq!(runs.iter().map(Run::digest).collect::<Vec<_>>(), world.digests());
}

fn a_truncated_section_leaves_no_trace(log: &mut dyn CommitLog) {
    let mut world = World::new(2);
    let mut section = Section::default();
    world.create(&mut section);
    let clean = world.group(5);
    let before = clean.bytes().to_vec();
    let mut dirty = clean.clone();
    let mark = dirty.mark();
    let events = frames_of(log, &clean);
    // A span that goes on, a new one, a new stamp: all of it is taken back.
    for (_, run, at, version, event) in events.iter().flat_map(Frame::events) {
        dirty.push(run, at, version, event);
        dirty.push(run, at, version.next(), event);
    }
    assert_ne!(dirty.bytes(), before);
    dirty.truncate(mark);
    assert_eq!(dirty.bytes(), before);
    assert_eq!(dirty.touched(), clean.touched());
    dirty.clear();
    assert!(dirty.is_empty() && dirty.len_bytes() == 0 && dirty.events() == 0);
}

fn frames_of(log: &mut dyn CommitLog, section: &Section) -> Vec<Frame> {
    let lsn = log.append(&[], &[(0, section)]).expect("appends");
    log.sync(Durability::Process).expect("syncs");
    frames(log, lsn)
}

fn a_failure_is_for_ever<L: CommitLog>(log: &mut L, fail: impl Fn(&mut L)) {
    let mut world = World::new(4);
    let mut section = Section::default();
    world.create(&mut section);
    log.append(&[], &[(0, &section)]).expect("appends");
    log.sync(Durability::Power).expect("syncs");
    fail(log);
    let first = log
        .append(&[], &[(0, &section)])
        .and_then(|_| log.sync(Durability::Power))
        .expect_err("the failure is told");
    for _ in 0..3 {
        let again = log.sync(Durability::Power).expect_err("no second sync is trusted");
        assert_eq!(again.to_string(), first.to_string());
        let again = log.append(&[], &[]).expect_err("nothing is taken in");
        assert_eq!(again.to_string(), first.to_string());
    }
    assert_eq!(log.failure().map(ToString::to_string), Some(first.to_string()));
}
