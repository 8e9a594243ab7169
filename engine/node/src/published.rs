//! What readers may know of a run: gap counts per pool, rows, sale state; durable facts only.
//!
//! One writer (the journal thread, after a group is durable), any number of readers that take no
//! lock: a version word is odd while the writer is at work and readers look again (seqlock).
//! `gaps` has the counts per pool.
//! Source: Boehm, "Can seqlocks get along with programming language memory models?" (MSPC 2012).

// Also from where `tests/interleavings` compiles it.
#[path = "published/gaps.rs"]
mod gaps;

use std::sync::{Arc, OnceLock};

use berth_inventory::{
    BerthIndex, LegMask, LegRange, ListIndex, Masks, PARTY_MAX, Plan, PoolIndex, Run, TravelClass,
    UnixMillis, Version,
};
use berth_kernel::prefetch;

use super::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};
use super::sync::{self, spin_loop};
use gaps::GapCells;

/// The few words of a run that are not per berth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Events published.
    pub version: Version,
    /// Stamp of the last of them.
    pub as_of: UnixMillis,
    /// The earliest deadline of a live hold; the end of time when there is none.
    pub next_expiry: UnixMillis,
    /// Pools closed by an operator, bit `i` = pool `i`.
    pub closed: u64,
    /// The run was retired by an operator.
    pub retired: bool,
}

/// The new masks of one berth.
#[derive(Clone, Copy, Debug)]
pub struct RowChange {
    /// Which.
    pub berth: BerthIndex,
    /// Its masks after the event.
    pub masks: Masks,
}

/// A berth's state over a journey, as a seat map shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BerthState {
    /// Free on every leg.
    Free,
    /// Held on some leg, sold on none.
    Held,
    /// Sold on some leg.
    Sold,
    /// Blocked on some leg, neither held nor sold on any.
    Blocked,
}

/// See the module.
pub struct Published {
    plan: Arc<Plan>,
    midnight: UnixMillis,
    opens: Box<[UnixMillis]>,
    seq: AtomicU64,
    version: AtomicU64,
    as_of: AtomicU64,
    next_expiry: AtomicU64,
    closed: AtomicU64,
    retired: AtomicU64,
    /// Bit `i`: pool `i` has a whole party's berths free on the whole route, so it refuses nobody
    /// for want of berths. Spares most requests the sum over the cells.
    ample: AtomicU64,
    /// Bit `c`: every pool of class `c` is ample. Tells a request for plenty without the plan.
    plenty: AtomicU64,
    /// Per class, by its number: its pools.
    classes: [u64; CLASSES],
    gaps: GapCells,
    /// Per list: how many are on it.
    waiting: Box<[AtomicU32]>,
    /// Per berth: held and sold, each `words` words of 32 legs.
    rows: Box<[AtomicU32]>,
    /// Per berth: blocked; made when the first berth is, which happens to few runs.
    blocked: OnceLock<Box<[AtomicU32]>>,
    words: usize,
    legs: usize,
}

/// Legs of one word of a row: most routes have no more.
const WORD: usize = 32;

impl Published {
    /// What `run` shows now. The caller sees to it that all of it is durable (or its very start).
    pub fn of(run: &Run) -> Self {
        let plan = Arc::clone(run.plan());
        let legs = plan.legs_count();
        let words = legs.div_ceil(WORD);
        let published = Self {
            seq: AtomicU64::new(0),
            version: AtomicU64::new(0),
            as_of: AtomicU64::new(0),
            next_expiry: AtomicU64::new(u64::MAX),
            closed: AtomicU64::new(0),
            retired: AtomicU64::new(0),
            ample: AtomicU64::new(0),
            plenty: AtomicU64::new(0),
            classes: classes(&plan),
            gaps: GapCells::new(plan.pools().len(), legs),
            waiting: run.waiting().iter().map(|count| AtomicU32::new((*count).into())).collect(),
            rows: zeros(plan.places().len() * 2 * words),
            blocked: OnceLock::new(),
            words,
            legs,
            midnight: run.midnight(),
            opens: (0..plan.pools().len()).map(|p| run.opens(PoolIndex(p as u8))).collect(),
            plan,
        };
        // A berth that two share is in no pool; its halves are.
        for berth in published.plan.pools().iter().flat_map(|pool| pool.berths.iter().copied()) {
            let masks = run.masks(berth);
            published.store_row(berth, masks);
            published.count_gaps(berth, taken(masks), true);
        }
        published.look_for_ample(u64::MAX);
        published.store_head(Head::of(run));
        published
    }

    /// Where the words stand that a request is looked at with.
    #[inline]
    pub(crate) fn front_words(&self) -> *const u8 {
        core::ptr::from_ref(&self.plenty).cast()
    }

    /// Has the row of a berth fetched, which is to be published soon.
    #[inline]
    pub(crate) fn foresee(&self, berth: BerthIndex) {
        if let Some(word) = self.rows.get(usize::from(berth.0) * 2 * self.words) {
            prefetch(core::ptr::from_ref(word).cast());
        }
        prefetch(core::ptr::from_ref(self.plan.berth(berth)).cast());
    }

    /// Has the cells fetched that a change of a berth counts in.
    #[inline]
    fn foresee_cells(&self, change: &RowChange) {
        let (before, after) = (taken(self.load_row(change.berth)), taken(change.masks));
        if before != after {
            let fetch = |pool, start, run| prefetch(self.gaps.word(pool, start, run));
            self.each_gap(change.berth, before, fetch);
            self.each_gap(change.berth, after, fetch);
        }
    }

    /// Applies one command's changes. Only the journal thread calls this.
    pub fn publish(&self, head: Head, rows: impl Iterator<Item = RowChange> + Clone) {
        self.publish_all(head, rows, None);
    }

    /// The same, with how many are on each list if that changed.
    pub fn publish_all(
        &self,
        head: Head,
        rows: impl Iterator<Item = RowChange> + Clone,
        waiting: Option<&[u16]>,
    ) {
        rows.clone().for_each(|change| self.foresee_cells(&change));
        let seq = self.seq.load(Relaxed);
        self.seq.store(seq + 1, Relaxed);
        fence(Release);
        let mut pools = 0;
        for change in rows {
            let before = taken(self.load_row(change.berth));
            let after = taken(change.masks);
            self.store_row(change.berth, change.masks);
            if before != after {
                self.count_gaps(change.berth, before, false);
                self.count_gaps(change.berth, after, true);
                pools |= 1 << self.plan.berth(change.berth).pool.0;
            }
        }
        self.look_for_ample(pools);
        for (cell, count) in self.waiting.iter().zip(waiting.unwrap_or_default()) {
            cell.store((*count).into(), Relaxed);
        }
        self.store_head(head);
        self.seq.store(seq + 2, Release);
    }

    /// How many are on a list.
    pub fn waiting(&self, list: ListIndex) -> u16 {
        self.waiting[usize::from(list.0)].load(Relaxed) as u16
    }

    /// Runs `look` on a state that no writer touched meanwhile. `look` may run several times.
    pub fn read<R>(&self, look: impl Fn(&Self) -> R) -> R {
        loop {
            let before = self.seq.load(Acquire);
            if before & 1 == 0 {
                let seen = look(self);
                fence(Acquire);
                if self.seq.load(Relaxed) == before {
                    return seen;
                }
            }
            spin_loop();
        }
    }

    /// Bytes of memory it takes, about.
    pub fn bytes(&self) -> usize {
        let rows = self.rows.len() + self.blocked.get().map_or(0, |blocked| blocked.len());
        size_of::<Self>() + self.gaps.bytes() + 4 * rows
    }

    /// The train.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// 00:00 of the start date.
    pub fn midnight(&self) -> UnixMillis {
        self.midnight
    }

    /// When a pool opens; 0 = with the run.
    pub fn opens(&self, pool: PoolIndex) -> UnixMillis {
        self.opens[usize::from(pool.0)]
    }

    /// The head words; call inside [`Published::read`] to pair them with counts.
    pub fn head(&self) -> Head {
        Head {
            version: Version(self.version.load(Relaxed)),
            as_of: UnixMillis(self.as_of.load(Relaxed)),
            next_expiry: UnixMillis(self.next_expiry.load(Relaxed)),
            closed: self.closed.load(Relaxed),
            retired: self.retired.load(Relaxed) != 0,
        }
    }

    /// Whether `pool` has more berths free on the whole route than any party asks for. What is seen
    /// between two publications may be either's: good for letting a request through, no more.
    pub fn is_ample(&self, pool: PoolIndex) -> bool {
        self.ample.load(Relaxed) >> pool.0 & 1 == 1
    }

    /// Whether every pool of `class` is ample; the same may be said of it.
    pub fn is_plenty(&self, class: TravelClass) -> bool {
        self.plenty.load(Relaxed) >> class as u8 & 1 == 1
    }

    /// Berths of `pool` free on every leg of `legs`.
    pub fn free(&self, pool: PoolIndex, legs: LegRange) -> u32 {
        self.gaps.free(pool, legs)
    }

    /// The state of one berth over a journey.
    pub fn berth_state(&self, berth: BerthIndex, legs: LegRange) -> BerthState {
        let journey = legs.mask();
        let masks = match self.plan.halves(berth) {
            None => self.load_row(berth),
            Some(halves) => self.load_shared(halves),
        };
        if masks.sold.intersects(journey) {
            BerthState::Sold
        } else if masks.held.intersects(journey) {
            BerthState::Held
        } else if masks.blocked.intersects(journey) {
            BerthState::Blocked
        } else {
            BerthState::Free
        }
    }

    fn store_head(&self, head: Head) {
        self.version.store(head.version.0, Relaxed);
        self.as_of.store(head.as_of.0, Relaxed);
        self.next_expiry.store(head.next_expiry.0, Relaxed);
        self.closed.store(head.closed, Relaxed);
        self.retired.store(u64::from(head.retired), Relaxed);
    }

    /// A berth that two share is what its halves are, and free while one of them is.
    fn load_shared(&self, [a, b]: [BerthIndex; 2]) -> Masks {
        let (a, b) = (self.load_row(a), self.load_row(b));
        let both = LegMask(taken(a).0 & taken(b).0);
        let of = |a: LegMask, b: LegMask| LegMask((a.0 | b.0) & both.0);
        Masks {
            held: of(a.held, b.held),
            sold: of(a.sold, b.sold),
            blocked: of(a.blocked, b.blocked),
        }
    }

    fn load_row(&self, berth: BerthIndex) -> Masks {
        let at = usize::from(berth.0) * self.words;
        let blocked = self.blocked.get().map_or(LegMask(0), |blocked| self.load(blocked, at));
        Masks {
            held: self.load(&self.rows, 2 * at),
            sold: self.load(&self.rows, 2 * at + self.words),
            blocked,
        }
    }

    fn store_row(&self, berth: BerthIndex, masks: Masks) {
        let at = usize::from(berth.0) * self.words;
        self.store(&self.rows, 2 * at, masks.held);
        self.store(&self.rows, 2 * at + self.words, masks.sold);
        if self.blocked.get().is_some() || masks.blocked != LegMask(0) {
            let blocked = self.blocked.get_or_init(|| zeros(self.rows.len() / 2));
            self.store(blocked, at, masks.blocked);
        }
    }

    /// The mask whose first word is at `at`.
    fn load(&self, words: &[AtomicU32], at: usize) -> LegMask {
        let word = |mask, n: usize| mask | u128::from(words[at + n].load(Relaxed)) << (WORD * n);
        LegMask((0..self.words).fold(0, word))
    }

    fn store(&self, words: &[AtomicU32], at: usize, mask: LegMask) {
        for n in 0..self.words {
            words[at + n].store((mask.0 >> (WORD * n)) as u32, Relaxed);
        }
    }

    /// Looks again which of these pools are ample.
    fn look_for_ample(&self, mut pools: u64) {
        let mut ample = self.ample.load(Relaxed);
        pools &= u64::MAX >> (64 - self.plan.pools().len().clamp(1, 64));
        while pools != 0 {
            let pool = pools.trailing_zeros() as usize;
            pools &= pools - 1;
            let is_ample = self.gaps.whole(pool) >= PARTY_MAX as u16;
            ample = ample & !(1 << pool) | u64::from(is_ample) << pool;
        }
        if ample == self.ample.load(Relaxed) {
            return;
        }
        self.ample.store(ample, Relaxed);
        let plenty = self.classes.iter().zip(0..).filter(|(pools, _)| *pools & !ample == 0);
        self.plenty.store(plenty.fold(0, |plenty, (_, class)| plenty | 1 << class), Relaxed);
    }

    /// Counts every maximal free gap of one berth, or no longer.
    #[inline]
    fn count_gaps(&self, berth: BerthIndex, taken: LegMask, more: bool) {
        self.each_gap(berth, taken, |pool, start, run| self.gaps.count(pool, start, run, more));
    }

    /// Pool, start and length of every maximal free gap of one berth.
    #[inline]
    fn each_gap(
        &self,
        berth: BerthIndex,
        taken: LegMask,
        mut each: impl FnMut(PoolIndex, usize, usize),
    ) {
        let pool = self.plan.berth(berth).pool;
        let mut free = !taken.0 & LegMask::first(self.legs).0;
        while free != 0 {
            let start = free.trailing_zeros() as usize;
            let run = (free >> start).trailing_ones() as usize;
            each(pool, start, run);
            free &= !(LegMask::first(run).0 << start);
        }
    }
}

impl Head {
    /// What a run says of itself.
    pub fn of(run: &Run) -> Self {
        Self {
            version: run.version(),
            as_of: run.last_at(),
            next_expiry: run.next_deadline().unwrap_or(UnixMillis::MAX),
            closed: run.sale_closed(),
            retired: run.is_retired(),
        }
    }
}

/// Numbers of classes begin with 1.
const CLASSES: usize = TravelClass::ALL.len() + 1;

fn classes(plan: &Plan) -> [u64; CLASSES] {
    let mut classes = [0; CLASSES];
    for (place, pool) in plan.pools().iter().enumerate() {
        if pool.halves_of.is_none() {
            classes[pool.class as usize] |= 1 << place;
        }
    }
    classes
}

fn zeros(count: usize) -> Box<[AtomicU32]> {
    (0..count).map(|_| AtomicU32::new(0)).collect()
}

const fn taken(masks: Masks) -> LegMask {
    LegMask(masks.held.0 | masks.sold.0 | masks.blocked.0)
}
