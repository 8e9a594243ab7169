//! One seed's world: clients, network, clock, disk and the node, and who comes next.
//!
//! Safety first: for so many steps anything may happen that its faults allow. Then liveness: the
//! faults are taken away, and everything unanswered gets an answer, every hold its end. After each
//! step the properties are asked. All chance comes from the seed.

pub mod client;
mod faulty;
mod flips;
pub mod net;
pub mod node;
mod power;
mod setup;
mod store;
mod traffic;
pub mod workload;

use std::sync::Arc;

use berth_inventory::{RunId, UnixMillis};
use berth_node::{Calendar, Names, Settings};
use berth_persistence::{Durability, MemoryDisk, MemoryEvents, SegmentIndexer};

use crate::dice::Dice;
use crate::fault::{Counts, Fault};
use crate::oracle::Oracle;
use crate::property::{Look, Violation, each};
use crate::story::Story;
use crate::trains::{DAY, DAY_MS, OPEN_DAYS, ZONE_MS, catalogue, extra_run, runs, runs_with_lists};
use client::Client;
use net::Net;
use node::{Ground, Happened, Node};
use setup::Words;
pub use setup::{Failure, Setup, Summary};
use workload::Workload;

/// Steps of the liveness phase, at most.
const LIVENESS_STEPS: u64 = 60_000;
/// How long a request waits for its answer once the faults are over.
const PATIENT_MS: u64 = 120_000;
/// All properties are asked every so many steps.
const FULL_EVERY: u64 = 64;

/// The parts of a world that its catalogue decides; the same for every seed.
#[derive(Clone)]
pub struct Stage {
    catalogue: Arc<berth_persistence::Catalogue>,
    calendar: Calendar,
}

impl Default for Stage {
    fn default() -> Self {
        let catalogue = catalogue();
        let calendar = Calendar::new(catalogue.zone(), OPEN_DAYS).expect("the zone exists");
        Self { catalogue, calendar }
    }
}

/// See the module.
pub struct World {
    setup: Setup,
    /// Who comes next.
    dice: Dice,
    /// What goes wrong.
    luck: Dice,
    /// What clients decide.
    whims: Dice,
    /// What goes wrong at starts; of its own, so that seeds which were kept without that live as they
    /// did.
    odds: Dice,
    /// Time that nobody can set, milliseconds since the world began.
    steady: u64,
    /// The wall clock says this at the beginning, and is so far off by now.
    wall_zero: u64,
    wall_off: i64,
    disk: MemoryDisk,
    ground: Ground,
    segment_bytes: u64,
    node: Option<Node>,
    /// Nobody starts the node before.
    down_until: u64,
    oracle: Oracle,
    clients: Vec<Client>,
    net: Net,
    load: Workload,
    names: Names,
    counts: Counts,
    story: Story,
    step: u64,
    starts: u64,
    /// The faults are over: everybody insists on an answer.
    urged: bool,
    /// Engine time, the largest ever.
    latest: u64,
    last_today: i32,
    full_disk_until: u64,
    fault_rate: u64,
    /// The event store, and who fills it.
    events: MemoryEvents,
    indexer: SegmentIndexer,
    indexer_rests: u64,
    /// Segments of the log go in this world.
    retains: bool,
}

impl World {
    /// A world that has not begun.
    pub fn new(setup: Setup, stage: &Stage, told: bool) -> Self {
        let mut dice = Dice::new(setup.seed, 1);
        let settings = Settings {
            open_days: OPEN_DAYS,
            idle: core::time::Duration::from_millis(dice.between(1_000, 60_000)),
            grace: core::time::Duration::from_millis(dice.between(500, 30_000)),
            checkpoint_bytes: dice.between(1, 40) << 10,
            min_free_bytes: 0,
            ..Settings::default()
        };
        let ground = Ground {
            catalogue: Arc::clone(&stage.catalogue),
            settings,
            shards: 2,
            durability: if dice.per_mille(800) { Durability::Power } else { Durability::Process },
            queue: dice.between(3, 64) as usize,
            budget: dice.between(1, 32) as usize,
            calendar: stage.calendar.clone(),
        };
        // Noon, shortly before Tatkal opens, before midnight, before a train leaves.
        let minutes = *dice.of(&[12 * 60, 10 * 60 - 1, 24 * 60 - 1, 41 * 60 - 1]);
        let wall_zero = u64::from(DAY.unsigned_abs()) * DAY_MS - ZONE_MS + minutes * 60_000;
        let plan = |run: RunId, extra: bool| {
            let train = stage.catalogue.get(run.train).expect("a train of the catalogue");
            (run, Arc::clone(train.plan()), extra)
        };
        let all = runs().into_iter().chain(runs_with_lists()).map(|run| plan(run, false));
        let oracle = Oracle::new(all.chain([plan(extra_run(), true)]));
        Self {
            setup,
            luck: Dice::new(setup.seed, 2),
            whims: Dice::new(setup.seed, 5),
            odds: Dice::new(setup.seed, 6),
            steady: 0,
            wall_zero,
            wall_off: 0,
            disk: MemoryDisk::new(512),
            ground,
            segment_bytes: dice.between(1, 12) << 10,
            node: None,
            down_until: 0,
            oracle,
            clients: (0..setup.clients).map(|_| Client::default()).collect(),
            net: Net::default(),
            load: Workload::new(setup.seed, setup.faults.has(Fault::Lists)),
            names: Names::new(&[7; 32], 0),
            counts: Counts::default(),
            story: Story::new(told),
            step: 0,
            starts: 0,
            urged: false,
            latest: 0,
            last_today: DAY,
            full_disk_until: 0,
            fault_rate: dice.between(5, 60),
            events: MemoryEvents::new(),
            indexer: SegmentIndexer::default(),
            indexer_rests: 0,
            retains: dice.per_mille(300),
            dice,
        }
    }

    /// Lives the seed to its end.
    ///
    /// # Errors
    /// A property does not hold.
    pub fn live(mut self) -> Result<Summary, Box<Failure>> {
        match self.both_phases() {
            Ok(()) => Ok(self.summary()),
            Err(violation) => Err(Box::new(Failure {
                setup: self.setup,
                step: self.step,
                violation,
                story: self.story.lines(),
            })),
        }
    }

    fn both_phases(&mut self) -> Result<(), Violation> {
        for _ in 0..self.setup.steps {
            self.one_step()?;
        }
        self.heal();
        let end = self.step + LIVENESS_STEPS;
        let mut calm = 0;
        while calm < 3 {
            if self.step == end {
                return Err(self.unanswered());
            }
            if self.step.is_multiple_of(FULL_EVERY) {
                self.operate();
            }
            self.one_step()?;
            if self.is_quiet() {
                self.look_at_all(true)?;
                calm += 1;
                // The next quiet moment is one after all deadlines have passed.
                self.pass(if calm == 1 { 2_000_000 } else { 1_000 });
            }
        }
        self.flip_log()
    }

    /// Draws whether a fault of a start happens now, `n` times of a thousand.
    fn befalls(&mut self, fault: Fault, n: u64) -> bool {
        self.allows(fault) && self.odds.per_mille(n)
    }

    /// The faults are taken away; a node that can do no more is started anew.
    fn heal(&mut self) {
        self.story.add(|| "the faults are over".to_owned());
        self.urged = true;
        self.disk.disarm();
        self.disk.set_capacity(None);
        self.wall_off = 0;
        self.down_until = self.steady;
        for client in &mut self.clients {
            client.requests.retain(|request| !request.panics());
            // Whoever is in a hurry before a node with a backlog asks again for what the node then
            // drops as late, for ever: overload, which these words promise nothing about.
            for request in &mut client.requests {
                request.timeout = PATIENT_MS;
            }
        }
        self.operate();
        if let Some(node) = &self.node {
            node.front.vitals.measure(u64::MAX, 0);
        }
    }

    /// An operator looks at the node: one that can do no more is started anew.
    fn operate(&mut self) {
        let out = |node: &Node| {
            node.has_failed() || self.oracle.runs.keys().any(|run| node.is_out_of_service(*run))
        };
        if self.node.as_ref().is_some_and(out) {
            self.crash(false);
            self.down_until = self.steady;
        }
    }

    fn unanswered(&self) -> Violation {
        let waiting: Vec<String> = self
            .clients
            .iter()
            .flat_map(|client| &client.requests)
            .map(|r| {
                format!("{} after {} tries", crate::oracle::attempt::Short(&r.command), r.tries)
            })
            .collect();
        let node = self.node.as_ref().map(|node| (node.is_quiet(), node.live()));
        let what = format!("without faults, still unanswered: {waiting:?}; node {node:?}");
        Violation { property: "everything-answered", what }
    }

    /// Nobody waits for anything.
    fn is_quiet(&self) -> bool {
        let node = self.node.as_ref();
        node.is_some_and(|node| {
            node.is_quiet() && node.next_alarm().is_none_or(|at| at > node.now(self.steady))
        }) && self.net.is_empty()
            && self.clients.iter().all(|client| client.requests.is_empty())
    }

    fn allows(&self, fault: Fault) -> bool {
        !self.urged && self.setup.faults.has(fault)
    }

    /// Draws whether a fault happens now, `n` times of a thousand, at the seed's rate.
    fn strikes(&mut self, fault: Fault, n: u64) -> bool {
        self.allows(fault) && self.luck.below(20_000) < n * self.fault_rate
    }

    fn note(&mut self, fault: Fault) {
        self.counts.note(fault);
        self.story.add(|| format!("fault: {}", fault.name()));
    }

    /// Engine time, or the time it would be.
    fn now(&self) -> UnixMillis {
        match &self.node {
            Some(node) => node.now(self.steady),
            None => UnixMillis(self.wall()),
        }
    }

    fn wall(&self) -> u64 {
        (self.wall_zero + self.steady).saturating_add_signed(self.wall_off)
    }

    /// Time passes.
    fn pass(&mut self, ms: u64) {
        self.steady += ms;
        let today = crate::trains::today(self.now().0).days();
        if today > self.last_today {
            self.last_today = today;
            self.counts.note(Fault::Midnight);
        }
        self.latest = self.latest.max(self.now().0);
        if let Some(node) = &mut self.node {
            node.ring(self.steady);
        }
    }

    /// One step of somebody, then the properties.
    fn one_step(&mut self) -> Result<(), Violation> {
        self.step += 1;
        self.inject()?;
        self.somebody()?;
        self.after_step()?;
        if self.step.is_multiple_of(FULL_EVERY) {
            self.look_at_all(false)?;
        }
        Ok(())
    }

    /// Answers are judged and sent off; the cheap properties are asked.
    fn after_step(&mut self) -> Result<(), Violation> {
        let Some(node) = &mut self.node else { return Ok(()) };
        let told = node.take_told();
        for (tag, outcome) in told {
            self.judge(tag, &outcome, false)?;
            self.reply(tag, outcome);
        }
        let Some(node) = &self.node else { return Ok(()) };
        let now = node.now(self.steady).0;
        let look = Look { oracle: &self.oracle, node, events: &self.events, now, quiet: false };
        each(|property| property.step(&look))
    }

    fn look_at_all(&mut self, quiet: bool) -> Result<(), Violation> {
        let Some(node) = &self.node else { return Ok(()) };
        let now = node.now(self.steady).0;
        let look = Look { oracle: &self.oracle, node, events: &self.events, now, quiet };
        each(|property| property.full(&look))
    }

    /// Draws who comes next, among those who can do something.
    fn somebody(&mut self) -> Result<(), Violation> {
        let Some(node) = &self.node else { return self.start_node() };
        let mut who: Vec<(Turn, u64)> = vec![(Turn::Client, 30), (Turn::Time, 8)];
        if self.net.has_due(self.steady) {
            who.push((Turn::Arrival, 40));
        }
        for at in (0..node.workers()).filter(|at| node.has_mail(*at)) {
            who.push((Turn::Worker(at), 25));
        }
        if node.has_journal_work(self.steady) {
            who.push((Turn::Journal, 35));
        }
        for run in node.busy_actors() {
            who.push((Turn::Actor(run), 10));
        }
        if node.has_keeping() {
            who.push((Turn::Keeper, 10));
        }
        if node.needs_settling() {
            who.push((Turn::Settling, 2));
        }
        who.extend([(Turn::Cover, 1), (Turn::Indexer, 1)]);
        let sum: u64 = who.iter().map(|(_, weight)| weight).sum();
        let mut roll = self.dice.below(sum);
        let turn = who.into_iter().find(|(_, weight)| {
            let hit = roll < *weight;
            roll = roll.saturating_sub(*weight);
            hit
        });
        self.turn(turn.map_or(Turn::Time, |(turn, _)| turn))
    }

    fn turn(&mut self, turn: Turn) -> Result<(), Violation> {
        let (steady, step) = (self.steady, self.step);
        if !matches!(turn, Turn::Client | Turn::Arrival) {
            self.story.add(|| format!("step {step} at {steady} ms: {turn:?}"));
        }
        match turn {
            Turn::Client => self.client_turn(),
            Turn::Arrival => self.arrival()?,
            Turn::Time => self.time_turn(),
            Turn::Worker(at) => self.node_mut().work(at, steady),
            Turn::Actor(run) => self.node_mut().act(run),
            Turn::Keeper => self.node_mut().keep(),
            Turn::Cover => {
                // What the disk says about it, the next snapshot says again.
                let _ = self.node_mut().cover(steady);
            }
            Turn::Indexer => self.index()?,
            Turn::Settling => self.node_mut().settle(),
            Turn::Journal => match self.node_mut().journal() {
                Happened::Nothing => {}
                Happened::Written(lsn, frame) => self.oracle.written(lsn, frame),
                Happened::Durable(lsn) => self.oracle.durable(lsn)?,
            },
        }
        Ok(())
    }

    fn node_mut(&mut self) -> &mut Node {
        self.node.as_mut().expect("only a node that is up has turns")
    }

    /// A while passes: mostly little, sometimes until something is due.
    fn time_turn(&mut self) {
        let now = self.now().0;
        let due = |at: u64| at.saturating_sub(now).max(1);
        let ms = match self.dice.below(100) {
            0..70 => self.dice.below(20),
            70..88 => self.dice.below(400),
            88..96 => {
                let alarm = self.node.as_ref().and_then(Node::next_alarm).map(|at| due(at.0));
                let arrival = self.net.next_due().map(|at| at.saturating_sub(self.steady).max(1));
                alarm.into_iter().chain(arrival).min().unwrap_or(50).min(120_000)
            }
            96..99 => self.dice.below(5_000),
            _ => self.dice.below(70_000),
        };
        self.pass(ms);
    }

    fn summary(&self) -> Summary {
        let mut words = Words(0xcbf2_9ce4_8422_2325);
        for (run, model) in &self.oracle.runs {
            words.add(run);
            words.add(model.version());
            if let Some(replay) = &model.replay {
                words.add(replay.digest());
            }
        }
        let judged = (self.oracle.answers, self.oracle.refusals);
        for word in [self.step, self.steady, judged.0, judged.1, self.dice.clone().word()] {
            words.add(word);
        }
        words.add(self.counts);
        Summary {
            setup: self.setup,
            steps: self.step,
            counts: self.counts,
            answers: judged,
            events: self.oracle.events,
            starts: self.starts,
            digest: words.0,
        }
    }
}

/// Who may come next.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Client,
    Arrival,
    Time,
    Worker(usize),
    Journal,
    Actor(RunId),
    Keeper,
    Cover,
    Indexer,
    Settling,
}
