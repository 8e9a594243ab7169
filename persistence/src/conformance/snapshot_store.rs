//! What every snapshot store does.

use berth_inventory::{Run, RunIndex, UnixMillis};

use super::World;
use crate::{Covered, EncodedSnapshot, Lsn, Section, SnapshotError, SnapshotStore};

/// Holds stores made by `make` (each empty) to the trait. `reopen` closes a store and opens it
/// again, where there is something to open.
pub fn snapshot_store<S: SnapshotStore>(
    mut make: impl FnMut() -> S,
    mut reopen: impl FnMut(S) -> S,
) {
    let mut store = make();
    nothing_is_nothing(&store);
    let mut world = World::new(5);
    let mut section = Section::default();
    (0..5).for_each(|_| world.create(&mut section));
    assert!(!store.has_plan_text(world.plan().hash()));
    store.put_plan_text(world.plan().hash(), super::TEXT).expect("puts");
    store.put_plan_text(world.plan().hash(), super::TEXT).expect("twice is once");
    let mut before = vec![None; 5];
    for round in 1..=30_u64 {
        world.group(20);
        for (index, run) in world.runs.iter().enumerate() {
            let index = RunIndex(index as u32);
            if u64::from(index.0) <= round % 5 {
                before[index.0 as usize] = store.latest(index);
                store.put(&EncodedSnapshot::of(run, index), Lsn(round)).expect("puts");
                shows(&store, index, run, Lsn(round));
            }
        }
        let lsn = Lsn(round);
        let (last_at, next_run) = (world.now, RunIndex(5));
        store.set_covered(Covered { lsn, last_at, next_run, next_pnr_block: 7 }).expect("marks");
        store.sync().expect("syncs");
        while store.compact().expect("compacts") {}
        if round % 10 == 0 {
            store = reopen(store);
        }
        assert_eq!(store.covered().map(|c| (c.lsn, c.last_at)), Some((lsn, last_at)));
        assert_eq!(store.plan_text(world.plan().hash()).as_deref(), Some(super::TEXT));
        let (all, live) = store.bytes();
        assert!(live <= all, "{live} of {all}");
    }
    for (index, older) in before.iter().enumerate() {
        let index = RunIndex(index as u32);
        let Some(older) = older else { continue };
        let (_, state) = store.load_older(index).expect("the one before is kept");
        let latest = store.latest(index).expect("it was put").version;
        let expected = if older.version == latest { state.version } else { older.version };
        assert_eq!(state.version, expected, "run {index}");
    }
    an_old_snapshot_changes_nothing(&mut store, &world);
}

fn nothing_is_nothing(store: &dyn SnapshotStore) {
    assert_eq!(store.runs(), []);
    assert_eq!(store.latest(RunIndex(0)), None);
    assert!(matches!(store.load(RunIndex(0)), Err(SnapshotError::Missing(RunIndex(0)))));
    assert_eq!(store.covered(), None);
    assert!(store.damage().is_empty() && store.torn().is_none());
}

fn shows(store: &dyn SnapshotStore, index: RunIndex, run: &Run, lsn: Lsn) {
    let info = store.latest(index).expect("it was put");
    assert_eq!((info.run, info.version, info.lsn), (run.id(), run.version(), lsn));
    assert_eq!((info.digest, info.live_holds as usize), (run.digest(), run.live_holds()));
    assert_eq!((info.next_deadline, info.last_at), (run.next_deadline(), run.last_at()));
    let (loaded, state) = store.load(index).expect("it was put");
    assert_eq!(loaded, *info);
    assert_eq!(state, run.state());
}

fn an_old_snapshot_changes_nothing(store: &mut dyn SnapshotStore, world: &World) {
    let mut young = World::new(6);
    young.create(&mut Section::default());
    let latest = store.latest(RunIndex(0));
    store.put(&EncodedSnapshot::of(&young.runs[0], RunIndex(0)), Lsn(1)).expect("puts");
    assert_eq!(store.latest(RunIndex(0)), latest);
    let mark = Covered { lsn: Lsn(1), last_at: UnixMillis(1), ..Covered::default() };
    store.set_covered(mark).expect("marks");
    assert_eq!(store.covered().map(|c| c.last_at), Some(world.now));
}
