//! What every event store does.

use std::collections::BTreeMap;

use berth_inventory::{RunIndex, Version};

use super::World;
use crate::{
    CommitLog, EventStore, EventStoreError, Frame, IndexedSegment, Lsn, MemoryLog, Section,
    SegmentIndexer, StoredEvent,
};

/// Holds stores made by `make` (each empty) to the trait. `reopen` closes a store and opens it
/// again, where there is something to open.
pub fn event_store<S: EventStore>(mut make: impl FnMut() -> S, mut reopen: impl FnMut(S) -> S) {
    let mut store = make();
    assert_eq!(store.indexed(), Lsn(0));
    assert_eq!(history(&store, 0, 1), []);
    assert!(matches!(store.end(&[]), Err(EventStoreError::NotBegun)));
    store.check().expect("an empty store is whole");
    let mut world = World::new(7);
    let mut expected: BTreeMap<u32, Vec<StoredEvent>> = BTreeMap::new();
    let mut log = MemoryLog::new();
    for round in 0..4 {
        let segment = segment(&mut store, &mut world, &mut log, &mut expected);
        assert_eq!(store.indexed(), segment.last);
        let again = store.begin(segment.first, segment.last).expect_err("not twice");
        assert!(matches!(again, EventStoreError::OutOfOrder { .. }), "{again}");
        if round % 2 == 1 {
            store = reopen(store);
        }
        store.check().expect("whole");
        shows(&store, &expected);
    }
    let text = store.plan_text(world.plan().hash()).expect("reads");
    assert_eq!(text.as_deref(), Some(super::TEXT));
    assert_eq!(store.plan_text(berth_inventory::PlanHash([7; 32])).expect("reads"), None);
}

/// Twenty groups of two runs more, and one run with enough events for several chunks.
fn segment(
    store: &mut dyn EventStore,
    world: &mut World,
    log: &mut MemoryLog,
    expected: &mut BTreeMap<u32, Vec<StoredEvent>>,
) -> IndexedSegment {
    let from = log.end().lsn.next();
    let mut created = Section::default();
    (0..2).for_each(|_| world.create(&mut created));
    log.append(&[], &[(0, &created)]).expect("appends");
    for _ in 0..20 {
        let section = world.group(120);
        log.append(&[], &[(0, &section)]).expect("appends");
    }
    let mut indexer = SegmentIndexer::default();
    log.read(from, &mut |frame: Frame| {
        for (_, run, at, version, event) in frame.events() {
            let event = StoredEvent { version, lsn: frame.lsn, at, event: event.clone() };
            expected.entry(run.0).or_default().push(event);
        }
        true
    })
    .expect("reads");
    let end = log.end().lsn;
    store.begin(from, end).expect("it is the next one");
    log.payloads(from, &mut |at, payload| indexer.take(at, payload).expect("events"));
    let segment = indexer.finish(from, end, &mut |chunk| {
        assert!(chunk.bytes().len() <= crate::CHUNK_BYTES_MAX);
        store.put(chunk)
    });
    let segment = segment.expect("puts");
    assert!(!store.holds(&segment).expect("reads"), "it is not ended");
    assert_eq!(store.indexed().next(), from);
    store.end(&segment.texts).expect("ends");
    let mut same = true;
    log.payloads(from, &mut |at, payload| indexer.take(at, payload).expect("events"));
    let again = indexer.finish(from, end, &mut |chunk| {
        same &= store.holds_chunk(chunk)?;
        Ok(())
    });
    assert_eq!(again.expect("reads"), segment);
    assert!(same && store.holds(&segment).expect("reads"), "it has all of it");
    segment
}

fn history(store: &dyn EventStore, run: u32, from: u64) -> Vec<StoredEvent> {
    let mut events = Vec::new();
    store
        .history(RunIndex(run), Version(from), &mut |event| {
            events.push(event);
            true
        })
        .expect("reads");
    events
}

fn shows(store: &dyn EventStore, expected: &BTreeMap<u32, Vec<StoredEvent>>) {
    for (run, events) in expected {
        let count = events.len() as u64;
        for from in [0, 1, 2, count / 2, count, count + 1] {
            let skip = from.saturating_sub(1).min(count) as usize;
            assert!(history(store, *run, from) == events[skip..], "run {run} from {from}");
        }
        let mut first = Vec::new();
        let visit = &mut |event| {
            first.push(event);
            first.len() < 3
        };
        store.history(RunIndex(*run), Version(1), visit).expect("reads");
        assert!(first == events[..events.len().min(3)], "it stops when told");
    }
    assert_eq!(history(store, 9_999, 1), []);
}
