//! Which trains and runs there are. Read by every request, written only when a run is first met.
//!
//! No lock is taken to find a run: trains are fixed at start, a train's runs are one swapped list,
//! journal numbers and PNR blocks are tables of cells. A run that is long past and at rest leaves
//! all but its name (`past`); who asks for it brings it back. Always true: there is one entry of a
//! run at a time.

use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};
use berth_inventory::{
    Date, Plan, PlanHash, Pnr, RunId, RunIndex, RunningDays, StationCode, StopRef, TrainNumber,
    Version,
};
use berth_kernel::prefetch_all;
use berth_persistence::{Catalogue, CatalogueTrain, RulesText};
use hashbrown::HashMap;

use past::PastRuns;

use crate::filter::IdFilter;
use crate::published::Published;
use crate::under_way::UnderWay;

mod past;

/// What the calendar needs of a train: no plan has to be built for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Light {
    /// Days on which it starts.
    pub days: RunningDays,
    /// Its last departure with a stop behind it, minutes from 00:00 of day 1.
    pub last_departure: u32,
}

impl From<&CatalogueTrain> for Light {
    fn from(train: &CatalogueTrain) -> Self {
        Self { days: train.days(), last_departure: train.last_departure() }
    }
}

impl From<&Plan> for Light {
    fn from(plan: &Plan) -> Self {
        let stops = plan.stops();
        Self { days: plan.days(), last_departure: stops[stops.len() - 2].departure }
    }
}

/// A train's name and the ends of its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Title<'a> {
    /// Its name.
    pub name: &'a str,
    /// Origin and terminus.
    pub ends: (StationCode, StationCode),
}

impl<'a> From<&'a Plan> for Title<'a> {
    fn from(plan: &'a Plan) -> Self {
        let stops = plan.stops();
        Self { name: plan.name(), ends: (stops[0].code, stops[stops.len() - 1].code) }
    }
}

/// Where a train's plan and its text come from; a plan of the catalogue is built on first use.
pub enum TrainSource {
    /// A train of the present catalogue, by its place in it.
    Listed(Arc<Catalogue>, usize),
    /// A train that only the journal still knows: its runs go on, no new one is opened.
    Journal {
        /// The plan of its newest run.
        plan: Arc<Plan>,
        /// Its text.
        text: Arc<str>,
    },
}

/// One train.
pub struct Train {
    /// Its number.
    pub number: TrainNumber,
    source: TrainSource,
    /// By start date, which stands beside the entry: a search touches no entry.
    runs: ArcSwap<Vec<(Date, Arc<RunEntry>)>>,
    /// Runs that left. Whoever adds an entry to the list, or takes one from it, holds this.
    past: Mutex<PastRuns>,
}

impl Train {
    /// Whether the present catalogue has it: only then new runs are opened.
    pub fn is_listed(&self) -> bool {
        matches!(self.source, TrainSource::Listed(..))
    }

    /// The checked train.
    pub fn plan(&self) -> Arc<Plan> {
        match &self.source {
            TrainSource::Listed(catalogue, place) => Arc::clone(catalogue.trains()[*place].plan()),
            TrainSource::Journal { plan, .. } => Arc::clone(plan),
        }
    }

    /// The canonical text of the plan.
    pub fn text(&self) -> Arc<str> {
        match &self.source {
            TrainSource::Listed(catalogue, place) => Arc::clone(catalogue.trains()[*place].text()),
            TrainSource::Journal { text, .. } => Arc::clone(text),
        }
    }

    /// The rule book that its pools come from, where the present catalogue stands under one.
    pub fn rules(&self) -> Option<&RulesText> {
        match &self.source {
            TrainSource::Listed(catalogue, place) => catalogue.trains()[*place].rules(),
            TrainSource::Journal { .. } => None,
        }
    }

    /// What the calendar needs.
    pub fn light(&self) -> Light {
        match &self.source {
            TrainSource::Listed(catalogue, place) => Light::from(&catalogue.trains()[*place]),
            TrainSource::Journal { plan, .. } => Light::from(&**plan),
        }
    }

    /// What a list shows of it, without building the plan: its name and the ends of its route.
    pub fn title(&self) -> Title<'_> {
        match &self.source {
            TrainSource::Listed(catalogue, place) => {
                let train = &catalogue.trains()[*place];
                let stops = train.stops();
                Title { name: train.name(), ends: (stops[0].code, stops[stops.len() - 1].code) }
            }
            TrainSource::Journal { plan, .. } => Title::from(&**plan),
        }
    }

    /// Departure minute from a stop, from 00:00 of day 1, without building the plan.
    pub fn departure(&self, stop: StopRef) -> Option<u32> {
        match &self.source {
            TrainSource::Listed(catalogue, place) => {
                let train = &catalogue.trains()[*place];
                Some(train.stops()[usize::from(train.resolve(stop)?)].departure)
            }
            TrainSource::Journal { plan, .. } => {
                Some(plan.stops()[usize::from(plan.resolve(stop)?)].departure)
            }
        }
    }

    /// The hash of its plan, without building it.
    fn hash(&self) -> PlanHash {
        match &self.source {
            TrainSource::Listed(catalogue, place) => catalogue.trains()[*place].hash(),
            TrainSource::Journal { plan, .. } => plan.hash(),
        }
    }

    /// Its runs met so far, by start date, but for those that are long past.
    pub fn runs(&self) -> Vec<Arc<RunEntry>> {
        self.runs.load().iter().map(|(_, run)| Arc::clone(run)).collect()
    }
}

/// One run: what every room may know of it without owning it.
pub struct RunEntry {
    /// Its name.
    pub id: RunId,
    /// Its train.
    pub train: Arc<Train>,
    /// The shard that owns its state; computed, the same for ever on this node.
    pub shard: u16,
    /// Its slot in that shard, from 1; 0 = none. Only the shard reads and writes it.
    pub(crate) slot: AtomicU32,
    /// Its number in the journal, once it has one.
    pub index: OnceLock<RunIndex>,
    /// The plan fixed by its first event; the catalogue's until then.
    pub plan: OnceLock<Arc<Plan>>,
    /// What readers see; `None` while nothing but the plan is known in memory, as of a run that is
    /// cold or has no event.
    pub published: ArcSwapOption<Published>,
    /// The version of the snapshot that a cold run is read from; 0 = none.
    kept: AtomicU64,
    /// Ids that may be known, while live.
    pub filter: IdFilter,
    /// Commands between ingress and execution.
    pub in_flight: UnderWay,
    /// Outside the calendar: made by an operator, or it would be, once it has an event.
    pub extra: core::sync::atomic::AtomicBool,
    /// Has events in the journal (then a cold one answers from its snapshot).
    pub journaled: core::sync::atomic::AtomicBool,
    /// Its state is in memory.
    pub live: core::sync::atomic::AtomicBool,
    /// Named while the run is out of service.
    pub refused: ArcSwapOption<String>,
}

impl core::fmt::Debug for RunEntry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.id)
    }
}

impl RunEntry {
    /// The state is in memory no more: readers go to the snapshot of `version`, and what served
    /// them and the fast refusal is let go.
    pub(crate) fn go_cold(&self, version: Version) {
        self.live.store(false, Relaxed);
        self.kept.store(version.0, Release);
        self.published.store(None);
        // Whoever feeds the filter has his permit by then.
        self.filter.give_up(|| self.in_flight.is_empty());
    }

    /// The version of the snapshot that a cold run is read from.
    pub fn kept(&self) -> Version {
        Version(self.kept.load(Acquire))
    }

    /// Notes which version the snapshot of a run has that is not in memory.
    pub fn set_kept(&self, version: Version) {
        self.kept.store(version.0, Release);
    }

    /// The plan of this run: the one its first event fixed, else the catalogue's.
    pub fn plan(&self) -> Arc<Plan> {
        self.plan.get().map_or_else(|| self.train.plan(), Arc::clone)
    }

    /// What a list shows of its train; no plan is built for it.
    pub fn title(&self) -> Title<'_> {
        self.plan.get().map_or_else(|| self.train.title(), |plan| Title::from(&**plan))
    }

    /// The text of a plan that the journal does not have yet.
    pub fn plan_text(&self) -> Arc<str> {
        self.train.text()
    }
}

/// A run's place by its number in the journal.
pub struct Numbered {
    run: RunId,
    /// `None` while it is one of the past.
    entry: ArcSwapOption<RunEntry>,
}

impl Numbered {
    /// Has the run's entry fetched.
    #[inline]
    pub(crate) fn foresee(&self) {
        if let Some(entry) = self.entry.load().as_ref() {
            prefetch_all(&**entry);
        }
    }
}

const CHUNK: usize = 4_096;
/// Runs that one data directory can number: 7,489 years of 2,240 runs a day.
const RUNS_MAX: usize = CHUNK * CHUNK;
/// PNR blocks: 9,000,000,000 numbers of 256.
const BLOCKS_MAX: usize = (crate::names::PNR_SPACE / berth_inventory::PNR_BLOCK) as usize;

type Chunk<V> = OnceLock<Box<[OnceLock<V>]>>;

/// A table of cells that are set once, grown in chunks, read without a lock.
struct Table<V> {
    chunks: Box<[Chunk<V>]>,
}

impl<V> Table<V> {
    fn new(max: usize) -> Self {
        Self { chunks: (0..max.div_ceil(CHUNK)).map(|_| OnceLock::new()).collect() }
    }

    fn cell(&self, index: usize) -> Option<&OnceLock<V>> {
        self.chunks.get(index / CHUNK)?.get()?.get(index % CHUNK)
    }

    fn set(&self, index: usize, value: V) {
        let chunk = self.chunks.get(index / CHUNK).expect("index within the table's bound");
        let cells = chunk.get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect());
        // Set once; a second set with the same key is the same fact (replay).
        let _ = cells[index % CHUNK].set(value);
    }
}

/// See the module.
pub struct Directory {
    trains: HashMap<TrainNumber, Arc<Train>>,
    by_index: Table<Numbered>,
    by_block: Table<RunIndex>,
    next_index: AtomicU32,
    next_block: AtomicU32,
    left: AtomicU64,
    shards: u16,
}

impl Directory {
    /// A directory of a catalogue, and of the trains that only the journal still knows, for
    /// `shards` shards. Numbers go on where the journal ends.
    pub fn new(
        catalogue: &Arc<Catalogue>,
        others: impl IntoIterator<Item = (Arc<Plan>, Arc<str>)>,
        shards: u16,
        next_index: RunIndex,
        next_block: u32,
    ) -> Self {
        let listed = catalogue.trains().iter().enumerate().map(|(place, train)| {
            (train.number(), TrainSource::Listed(Arc::clone(catalogue), place))
        });
        let others = others.into_iter().filter(|(plan, _)| catalogue.get(plan.number()).is_none());
        let others =
            others.map(|(plan, text)| (plan.number(), TrainSource::Journal { plan, text }));
        let trains = others
            .chain(listed)
            .map(|(number, source)| {
                let (runs, past) = (ArcSwap::from_pointee(Vec::new()), Mutex::default());
                (number, Arc::new(Train { number, source, runs, past }))
            })
            .collect();
        Self {
            trains,
            by_index: Table::new(RUNS_MAX),
            by_block: Table::new(BLOCKS_MAX),
            next_index: AtomicU32::new(next_index.0),
            next_block: AtomicU32::new(next_block),
            left: AtomicU64::new(0),
            shards,
        }
    }

    /// A train by number.
    pub fn train(&self, number: TrainNumber) -> Option<&Arc<Train>> {
        self.trains.get(&number)
    }

    /// Every train, by number.
    pub fn trains(&self) -> Vec<&Arc<Train>> {
        let mut trains: Vec<_> = self.trains.values().collect();
        trains.sort_unstable_by_key(|train| train.number);
        trains
    }

    /// The run of `train` that starts on `start_date`, made if it was never met. Whether it may be
    /// met is the calendar's question.
    pub fn run(&self, train: &Arc<Train>, start_date: Date) -> Arc<RunEntry> {
        if let Some(entry) = train.present(start_date) {
            return entry;
        }
        let mut past = train.past();
        self.found(train, start_date, &mut past).unwrap_or_else(|| {
            let fresh = self.entry(train, start_date);
            train.put(&fresh);
            fresh
        })
    }

    /// The run of `train` that starts on `start_date`, if it was ever met.
    pub fn known(&self, train: &Arc<Train>, start_date: Date) -> Option<Arc<RunEntry>> {
        train.present(start_date).or_else(|| self.found(train, start_date, &mut train.past()))
    }

    /// Where a run with this number in the journal would be found.
    #[inline]
    pub(crate) fn numbered_place(&self, index: RunIndex) -> Option<&OnceLock<Numbered>> {
        self.by_index.cell(index.0 as usize)
    }

    /// The run with this number in the journal.
    pub fn by_index(&self, index: RunIndex) -> Option<Arc<RunEntry>> {
        let numbered = self.by_index.cell(index.0 as usize)?.get()?;
        numbered.entry.load_full().or_else(|| {
            let train = self.trains.get(&numbered.run.train)?;
            self.found(train, numbered.run.start_date, &mut train.past())
        })
    }

    /// The run that leased a PNR's block.
    pub fn by_pnr(&self, pnr: Pnr) -> Option<Arc<RunEntry>> {
        let block = (pnr.0 / berth_inventory::PNR_BLOCK) as usize;
        self.by_index(*self.by_block.cell(block)?.get()?)
    }

    /// Gives a run its number in the journal.
    pub fn number(&self, entry: &Arc<RunEntry>, plan: &Arc<Plan>) -> RunIndex {
        let index = RunIndex(self.next_index.fetch_add(1, Relaxed));
        assert!((index.0 as usize) < RUNS_MAX, "run number {index} of {RUNS_MAX}");
        self.adopt(entry, index, Some(plan));
        index
    }

    /// Notes a number that the journal gave a run, and its plan if that is at hand.
    pub fn adopt(&self, entry: &Arc<RunEntry>, index: RunIndex, plan: Option<&Arc<Plan>>) {
        if let Some(plan) = plan {
            let _ = entry.plan.set(Arc::clone(plan));
        }
        let _ = entry.index.set(index);
        entry.journaled.store(true, Relaxed);
        let entry = Arc::clone(entry);
        let numbered = Numbered { run: entry.id, entry: ArcSwapOption::from(Some(entry)) };
        self.by_index.set(index.0 as usize, numbered);
    }

    /// A block of PNR numbers that nobody leased.
    pub fn draw_block(&self) -> u32 {
        let block = self.next_block.fetch_add(1, Relaxed);
        assert!((block as usize) < BLOCKS_MAX, "PNR block {block} of {BLOCKS_MAX}: all are used");
        block
    }

    /// Notes whose a block is.
    pub fn lease_block(&self, block: u32, run: RunIndex) {
        self.by_block.set(block as usize, run);
    }

    /// PNR blocks drawn so far.
    pub fn blocks_drawn(&self) -> u32 {
        self.next_block.load(Relaxed)
    }

    /// Journal numbers given so far.
    pub fn numbered(&self) -> u32 {
        self.next_index.load(Relaxed)
    }

    /// Notes that a run left memory.
    pub(crate) fn note_left(&self) {
        self.left.fetch_add(1, Relaxed);
    }

    /// Runs that left memory so far.
    pub fn left(&self) -> u64 {
        self.left.load(Relaxed)
    }

    fn entry(&self, train: &Arc<Train>, start_date: Date) -> Arc<RunEntry> {
        let id = RunId { train: train.number, start_date };
        Arc::new(RunEntry {
            id,
            train: Arc::clone(train),
            shard: shard_of(id, self.shards),
            slot: AtomicU32::new(0),
            index: OnceLock::new(),
            plan: OnceLock::new(),
            published: ArcSwapOption::empty(),
            kept: AtomicU64::new(0),
            filter: IdFilter::default(),
            in_flight: UnderWay::default(),
            extra: false.into(),
            journaled: false.into(),
            live: false.into(),
            refused: ArcSwapOption::empty(),
        })
    }
}

/// The shard of a run: a mix of its name, never stored.
fn shard_of(id: RunId, shards: u16) -> u16 {
    let train = id.train.bytes().iter().fold(0u64, |h, b| h.wrapping_mul(131) + u64::from(*b));
    let key = train ^ (id.start_date.days() as u64) << 32;
    let mixed = (key ^ key >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 32) % u64::from(shards)) as u16
}
