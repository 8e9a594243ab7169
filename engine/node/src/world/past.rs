//! What a log says: the runs it makes when its events are applied, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use berth_inventory::{
    Changes, Event, LegRange, ListIndex, Plan, PlanHash, PoolIndex, Run, RunIndex, UnixMillis,
    Version,
};
use berth_persistence::{CommitLog, Lsn, MemoryLog, NodeRecord, plan_from_text};

use super::World;
use crate::{Head, Published, RunEntry};

/// A log, read from its beginning.
#[derive(Default)]
pub(crate) struct Past {
    pub runs: BTreeMap<RunIndex, Run>,
    pub events: Vec<(RunIndex, UnixMillis, Event)>,
    /// Frame, run and version of every event.
    pub places: Vec<(Lsn, RunIndex, Version)>,
    pub next_index: RunIndex,
    pub next_block: u32,
    pub last_at: UnixMillis,
}

impl Past {
    pub fn of(log: &MemoryLog) -> Self {
        let mut past = Self::default();
        let mut plans: BTreeMap<[u8; 32], Arc<Plan>> = BTreeMap::new();
        log.read(Lsn(1), &mut |frame| {
            for record in frame.records {
                if let NodeRecord::PlanText { hash: PlanHash(hash), text } = record {
                    plans.insert(hash, Arc::new(plan_from_text(&text).unwrap()));
                }
            }
            for span in frame.sections.into_iter().flat_map(|section| section.spans) {
                let mut version = span.first;
                for event in span.events {
                    past.places.push((frame.lsn, span.run, version));
                    past.apply(span.run, span.at, version, event, &plans);
                    version = version.next();
                }
            }
            true
        })
        .unwrap();
        past
    }

    fn apply(
        &mut self,
        index: RunIndex,
        at: UnixMillis,
        version: Version,
        event: Event,
        plans: &BTreeMap<[u8; 32], Arc<Plan>>,
    ) {
        self.last_at = self.last_at.max(at);
        if let Event::RunCreated(created) = &event {
            assert_eq!(version, Version(1));
            let run = Run::new(Arc::clone(&plans[&created.plan.0]), created, at);
            assert!(self.runs.insert(index, run).is_none(), "run {index} was created twice");
            self.next_index = self.next_index.max(RunIndex(index.0 + 1));
        } else {
            let run = self.runs.get_mut(&index).expect("created before");
            assert_eq!(run.version().next(), version, "the log has every version once");
            run.apply(&event, at, &mut Changes::default());
            if let Event::PnrBlockLeased { block } = event {
                self.next_block = self.next_block.max(block + 1);
            }
        }
        self.events.push((index, at, event));
    }
}

impl World {
    /// What the log says now.
    pub fn past(&self) -> Past {
        Past::of(&self.log)
    }

    /// Readers see the log, all of it and nothing else. How many runs they see.
    pub fn check_published(&self) -> usize {
        let runs = self.past().runs;
        let count = runs.len();
        for (index, run) in runs {
            let entry = self.front.directory.by_index(index).expect("its number is known");
            assert_eq!(entry.id, run.id());
            let published = self.public(&entry).expect("a run with events is public");
            assert_eq!(published.head(), Head::of(&run), "{}", run.id());
            let waiting: Vec<u16> = (0..run.plan().lists().len() as u8)
                .map(|list| published.waiting(ListIndex(list)))
                .collect();
            assert_eq!(waiting[..], *run.waiting(), "{}", run.id());
            for pool in (0..run.plan().pools().len()).map(|pool| PoolIndex(pool as u8)) {
                for legs in journeys(run.plan()) {
                    let counts = (published.free(pool, legs), u32::from(run.free(pool, legs)));
                    assert_eq!(counts.0, counts.1, "{} {pool} {legs}", run.id());
                }
            }
        }
        count
    }

    /// What readers are told of a run: its published words or, while it is cold, its snapshot's.
    pub fn public(&self, entry: &RunEntry) -> Option<Arc<Published>> {
        if let Some(published) = entry.published.load_full() {
            return Some(published);
        }
        let kept = self.snapshots.get(&entry.id)?;
        assert_eq!(kept.version, entry.kept(), "readers go to the last snapshot");
        let run = Run::from_state(entry.plan(), kept.clone()).expect("a whole snapshot");
        Some(Arc::new(Published::of(&run)))
    }

    /// With nothing under way, memory is the log too, and sound. How many runs were compared.
    pub fn check_settled(&self) -> usize {
        self.check_published();
        let (mut compared, mut holds) = (0, 0);
        for (index, run) in self.past().runs {
            let entry = self.front.directory.by_index(index).expect("its number is known");
            if entry.refused.load().is_some() {
                continue;
            }
            holds += run.live_holds();
            if let Some(live) = self.shards.iter().find_map(|shard| shard.peek(run.id())) {
                assert_eq!(live.digest(), run.digest(), "{}", run.id());
                assert_eq!(live.check(), []);
                compared += 1;
            }
        }
        assert_eq!(self.told.len(), self.asked.len(), "everybody is told");
        let counted: i64 = self.shards.iter().map(|shard| shard.stats().holds).sum();
        assert_eq!(
            counted,
            i64::try_from(holds).unwrap(),
            "live holds by the shards' figures and by the log"
        );
        compared
    }
}

impl World {
    /// Every event in the log is in a snapshot that is kept, or in a frame from the floor on.
    pub fn check_floor(&self) {
        let floor = self.shards.iter().filter_map(crate::Shard::floor).min();
        let past = self.past();
        for (lsn, index, version) in past.places {
            let run = past.runs[&index].id();
            let kept = self.snapshots.get(&run).map_or(Version(0), |state| state.version);
            let is_found = version <= kept || floor.is_some_and(|floor| floor.lsn <= lsn.0);
            assert!(is_found, "{run} version {version}, frame {lsn:?}: {kept} kept, {floor:?}");
        }
    }
}

/// Every journey of a train.
pub(crate) fn journeys(plan: &Plan) -> impl Iterator<Item = LegRange> + use<> {
    let legs = plan.legs_count() as u8;
    (0..legs).flat_map(move |from| (from + 1..=legs).map(move |to| LegRange { from, to }))
}
