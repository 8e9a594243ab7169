//! Random histories of a whole node: restarts, panics, dead actors, slow jobs, groups in sync.
//!
//! After every step readers see the log and nothing else (`check_published`); whenever nothing is
//! under way, memory is the log (`check_settled`); whatever was told stays true.

use std::collections::{BTreeMap, BTreeSet};

use berth_inventory::{
    Command, Digest, HoldId, Pnr, REMEMBER_ENDED_MS, Reserve, RunId, RunIndex, Said, UnixMillis,
};
use proptest::prelude::*;

use super::asking::*;
use super::{Group, World};
use crate::Effect;

#[derive(Clone, Debug)]
enum Step {
    Reserve {
        day: u32,
        small: bool,
        count: usize,
        ttl: u64,
    },
    Confirm(usize),
    Release(usize),
    Extend(usize),
    Cancel(usize),
    /// The same request again.
    Retry(usize),
    Trap(u32),
    Tick(u64),
    /// The journal takes a group; its sync ends with the next commit.
    Take,
    Commit,
    Snapshot,
    /// Jobs are done when the history says so, or at once.
    Slow(bool),
    DoJob,
    /// An actor dies with the job it has.
    Kill,
    Restart {
        committed: bool,
        pause: u64,
    },
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
        6 => (0..64usize).prop_map(Step::Retry),
        1 => (0..5u32).prop_map(Step::Trap),
        8 => (0..70_000u64).prop_map(Step::Tick),
        4 => Just(Step::Take),
        12 => Just(Step::Commit),
        2 => Just(Step::Snapshot),
        3 => any::<bool>().prop_map(Step::Slow),
        8 => Just(Step::DoJob),
        1 => Just(Step::Kill),
        3 => (any::<bool>(), 0..100_000u64).prop_map(
            |(committed, pause)| Step::Restart { committed, pause }
        ),
    ]
}

/// What outlives every restart.
#[derive(Default)]
struct Memory {
    next: u128,
    /// What was asked in this life of the node and not told yet, with the id of a reserve.
    tickets: Vec<(u64, Option<u128>)>,
    reserves: Vec<(RunId, Reserve)>,
    /// The hold each reserve was first told, and when.
    first: BTreeMap<u128, (HoldId, UnixMillis)>,
    group: Option<Group>,
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
        for (ticket, id) in self.tickets.extract_if(.., |(ticket, _)| world.is_told(*ticket)) {
            match world.outcome(ticket).as_ref().map(|answer| &answer.said) {
                Ok(Said::Hold(hold)) => {
                    self.holds.push((hold.hold, hold.run));
                    let Some(id) = id else { continue };
                    let (first, at) = *self.first.entry(id).or_insert((hold.hold, world.now));
                    // Within ten minutes no id is forgotten, however soon the hold ended.
                    let remembered = world.now.since(at).0 < REMEMBER_ENDED_MS;
                    assert!(first == hold.hold || !remembered, "{id} took effect twice");
                    self.first
                        .insert(id, (hold.hold, if first == hold.hold { at } else { world.now }));
                }
                Ok(Said::Booking(booking)) => self.bookings.push((booking.pnr, booking.run)),
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
            let reserve = Reserve { ttl, ..wish(id, class, *count) };
            let run = world.run(*day);
            memory.reserves.push((run.id, reserve.clone()));
            Some((run, Command::Reserve(reserve)))
        }
        Step::Retry(n) => {
            let count = memory.reserves.len();
            (count > 0).then(|| {
                let (run, reserve) = &memory.reserves[n % count];
                let train = world.front.directory.train(run.train).expect("a known train");
                let run = world.front.directory.run(train, run.start_date);
                (run, Command::Reserve(reserve.clone()))
            })
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
                (entry, command)
            })
        }
        Step::Cancel(n) => {
            let count = memory.bookings.len();
            (count > 0).then(|| {
                let (pnr, _) = memory.bookings[n % count];
                let entry = world.front.directory.by_pnr(pnr).expect("a PNR leads to its run");
                (entry, cancel(id, pnr))
            })
        }
        _ => None,
    };
    if let Some((run, command)) = command {
        let id = match &command {
            Command::Reserve(reserve) => Some(reserve.request.id.0),
            _ => None,
        };
        memory.tickets.push((world.ask(&run, command), id));
    }
}

/// Has the oldest job's actor die, if there is one.
fn kill(world: &mut World) {
    if let Some(Effect::Start { run, epoch, .. }) = world.jobs.pop_front() {
        world.shards[usize::from(run.shard)].died(run.id, epoch, world.now);
        world.settle();
    }
}

/// Ends the sync under way and everything else.
fn settle(world: &mut World, memory: &mut Memory) {
    if let Some(group) = memory.group.take() {
        world.finish_group(group);
    }
    world.commit_all();
    world.check_settled();
}

fn go(mut world: World, memory: &mut Memory, step: &Step) -> World {
    match step {
        Step::Tick(ms) => world.tick(*ms),
        Step::Take if memory.group.is_none() => memory.group = Some(world.take_group()),
        Step::Commit => match memory.group.take() {
            Some(group) => world.finish_group(group),
            None => world.commit(),
        },
        Step::Snapshot => {
            for shard in &mut world.shards {
                shard.snapshot_all();
            }
            world.settle();
        }
        Step::Slow(slow) => {
            world.jobs_wait = *slow;
            world.settle();
        }
        Step::DoJob if !world.jobs.is_empty() => world.do_job(),
        Step::Take | Step::DoJob => {}
        Step::Kill => kill(&mut world),
        Step::Restart { committed, pause } => {
            if *committed {
                settle(&mut world, memory);
            }
            memory.listen(&world);
            memory.tickets.clear();
            memory.group = None;
            let before = digests(&world);
            world = world.restart(*pause);
            assert_eq!(digests(&world), before);
            memory.check(&world);
        }
        _ => take(&mut world, memory, step),
    }
    memory.listen(&world);
    world.check_published();
    world.check_floor();
    world
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn whatever_happens_the_log_makes_the_same_node_and_what_was_told_stays_true(
        steps in prop::collection::vec(step(), 1..150),
        checkpoint_bytes in prop_oneof![Just(1u64 << 30), 200..4_000u64],
    ) {
        let mut world = World::new(2);
        world.settings.checkpoint_bytes = checkpoint_bytes;
        world = world.restart(0);
        let mut memory = Memory::default();
        for step in &steps {
            world = go(world, &mut memory, step);
        }
        settle(&mut world, &mut memory);
        memory.listen(&world);
        memory.check(&world);
    }
}
