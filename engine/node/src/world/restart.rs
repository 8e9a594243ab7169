//! Whatever happened and wherever it is cut: the log makes the same node again.

use std::collections::{BTreeMap, BTreeSet};

use berth_inventory::{Command, Digest, HoldId, Pnr, RunId, RunIndex};
use proptest::prelude::*;

use super::World;
use super::asking::*;

#[derive(Clone, Debug)]
enum Step {
    Reserve { day: u32, small: bool, count: usize, ttl: u64 },
    Confirm(usize),
    Release(usize),
    Extend(usize),
    Cancel(usize),
    Trap(u32),
    Tick(u64),
    Commit,
    Snapshot,
    Restart { committed: bool, pause: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..5u32, any::<bool>(), 1..=6usize, 10_000..900_000u64).prop_map(
            |(day, small, count, ttl)| Step::Reserve { day, small, count, ttl }
        ),
        10 => (0..64usize).prop_map(Step::Confirm),
        4 => (0..64usize).prop_map(Step::Release),
        4 => (0..64usize).prop_map(Step::Extend),
        4 => (0..64usize).prop_map(Step::Cancel),
        1 => (0..5u32).prop_map(Step::Trap),
        8 => (0..70_000u64).prop_map(Step::Tick),
        12 => Just(Step::Commit),
        2 => Just(Step::Snapshot),
        3 => (any::<bool>(), 0..100_000u64).prop_map(
            |(committed, pause)| Step::Restart { committed, pause }
        ),
    ]
}

/// What outlives every restart.
#[derive(Default)]
struct Memory {
    next: u128,
    tickets: Vec<u64>,
    holds: Vec<(HoldId, RunId)>,
    bookings: Vec<(Pnr, RunId)>,
    indexes: BTreeMap<RunIndex, RunId>,
    blocks: BTreeMap<u32, RunIndex>,
}

impl Memory {
    fn id(&mut self) -> u128 {
        self.next += 1;
        self.next
    }

    fn listen(&mut self, world: &World) {
        for ticket in self.tickets.extract_if(.., |ticket| world.is_told(*ticket)) {
            match world.outcome(ticket).as_ref().map(|answer| &answer.said) {
                Ok(berth_inventory::Said::Hold(hold)) => self.holds.push((hold.hold, hold.run)),
                Ok(berth_inventory::Said::Booking(b)) => self.bookings.push((b.pnr, b.run)),
                _ => {}
            }
        }
    }

    /// A number once given by the log means the same for ever; names lead to their run.
    fn check(&mut self, world: &World) {
        let past = world.past();
        for (index, run) in &past.runs {
            assert_eq!(*self.indexes.entry(*index).or_insert(run.id()), run.id());
            for block in run.state().pnr_blocks {
                assert_eq!(*self.blocks.entry(block).or_insert(*index), *index);
            }
        }
        let runs: BTreeSet<_> = past.runs.values().map(berth_inventory::Run::id).collect();
        assert_eq!(runs.len(), past.runs.len(), "a run has one number");
        for (hold, run) in &self.holds {
            assert_eq!(world.front.by_hold(*hold).map(|entry| entry.id), Ok(*run), "{hold}");
        }
        for (pnr, run) in &self.bookings {
            let printed = world.front.names.print_pnr(*pnr);
            let found = world.front.by_pnr(&printed).map(|(n, entry)| (n, entry.id));
            assert_eq!(found, Ok((*pnr, *run)), "{printed}");
        }
    }
}

fn digests(world: &World) -> BTreeMap<RunId, Digest> {
    world.past().runs.values().map(|run| (run.id(), run.digest())).collect()
}

fn take(world: &mut World, memory: &mut Memory, step: &Step) {
    let id = memory.id();
    let hold_of = |memory: &Memory, n: usize| {
        let count = memory.holds.len();
        (count > 0).then(|| memory.holds[n % count])
    };
    let command = match step {
        Step::Reserve { day, small, count, ttl } => {
            let class = if *small { SMALL } else { LARGE };
            let ttl = berth_inventory::Millis(*ttl);
            let reserve = berth_inventory::Reserve { ttl, ..wish(id, class, *count) };
            Some((world.run(*day), Command::Reserve(Box::new(reserve))))
        }
        Step::Trap(day) => Some((world.run(*day), trap(id))),
        Step::Confirm(n) | Step::Release(n) | Step::Extend(n) => {
            hold_of(memory, *n).map(|(hold, run)| {
                let entry = world.front.by_hold(hold).expect("a hold leads to its run");
                assert_eq!(entry.id, run);
                let command = match step {
                    Step::Confirm(_) => confirm(id, hold),
                    Step::Release(_) => release(id, hold),
                    _ => extend(id, hold, 60_000),
                };
                (std::sync::Arc::clone(entry), command)
            })
        }
        Step::Cancel(n) => {
            let count = memory.bookings.len();
            (count > 0).then(|| {
                let (pnr, _) = memory.bookings[n % count];
                let entry = world.front.directory.by_pnr(pnr).expect("a PNR leads to its run");
                (std::sync::Arc::clone(entry), cancel(id, pnr))
            })
        }
        Step::Tick(_) | Step::Commit | Step::Snapshot | Step::Restart { .. } => None,
    };
    if let Some((run, command)) = command {
        memory.tickets.push(world.ask(&run, command));
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_node_restarts_from_its_log_at_any_group(
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut world = World::new(2);
        let mut memory = Memory::default();
        for step in steps {
            match &step {
                Step::Tick(ms) => world.tick(*ms),
                Step::Commit => world.commit(),
                Step::Snapshot => {
                    world.shards.iter_mut().for_each(|shard| { shard.snapshot_all(); });
                    world.settle();
                }
                Step::Restart { committed, pause } => {
                    if *committed {
                        world.commit_all();
                        world.check_settled();
                    }
                    memory.listen(&world);
                    memory.tickets.clear();
                    let before = digests(&world);
                    world = world.restart(*pause);
                    prop_assert_eq!(digests(&world), before);
                    memory.check(&world);
                }
                _ => take(&mut world, &mut memory, &step),
            }
            memory.listen(&world);
        }
        world.commit_all();
        world.check_settled();
        memory.listen(&world);
        memory.check(&world);
        let ids: BTreeSet<_> = memory.holds.iter().map(|(hold, _)| *hold).collect();
        let made = world.past().events.iter().filter(|(_, _, event)| {
            matches!(event, berth_inventory::Event::Held { .. })
        }).count();
        prop_assert!(ids.len() <= made);
    }
}

#[test]
fn a_run_that_was_numbered_without_an_event_leaves_its_number_to_another() {
    let mut world = World::new(1);
    let (first, second) = (world.run(0), world.run(1));
    world.ask(&first, release(1, HoldId(1)));
    let hold = world.held(&second, reserve(2, LARGE, 1));
    let mut world = world.restart(10);
    let (first, second) = (world.run(0), world.run(1));
    assert!(first.index.get().is_none());
    let other = world.held(&first, reserve(3, LARGE, 1));
    assert_eq!(world.front.by_hold(hold).unwrap().id, second.id);
    assert_eq!(world.front.by_hold(other).unwrap().id, first.id);
    assert_ne!(first.index.get(), second.index.get());
}

#[test]
fn an_unsynced_group_is_gone_after_a_power_cut_and_was_told_to_nobody() {
    let mut world = World::new(1);
    let run = world.run(0);
    let kept = world.held(&run, reserve(1, LARGE, 1));
    let lost = world.ask(&run, reserve(2, LARGE, 1));
    let group = world.take_group();
    assert!(!world.is_told(lost));
    drop(group);
    let mut world = world.restart(10);
    let run = world.run(0);
    assert_eq!(world.front.by_hold(kept).unwrap().id, run.id);
    let retried = world.ask(&run, reserve(2, LARGE, 1));
    world.commit();
    assert_eq!(world.hold(retried).party.len(), 1);
    world.check_settled();
}
