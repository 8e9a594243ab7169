//! One dated train: the partition, and everything one can ask of it without changing it.
//!
//! `decide` and `apply` live in files of their own; `apply` is the only writer. Everything here is
//! state that follows from the run's events and nothing else, except the gap indexes, which are
//! built from the rows when a pool is first asked for and so reach neither state nor digest.
//! Time: `last_at` never runs backward; an event stamped earlier counts as of `last_at`.
//!
//! What a run takes, bytes by the allocator's count, plan apart:
//!
//! | | 960 berths, 24 legs | 1,040 berths, 50 legs |
//! |---|---|---|
//! | nobody has touched it: rows (two words a berth), this struct, its first event | 8,416 | 17,376 |
//! | its first hold: card, names, deadline | 320 | 320 |
//! | its first booking | 80 | 80 |
//! | the gap index of a pool that is asked again | 1,576 | 5,804 |
//! | its first ended hold: a chunk for 16 of them | 1,184 | 1,184 |
//! | 8,192 ended holds, the most that are remembered: 64 each, and their ids | 794,464 | 794,464 |

mod told;

use std::sync::Arc;

use crate::event::RunCreated;
use crate::gaps::GapIndex;
use crate::lists::Lists;
use crate::register::Register;
use crate::rows::Rows;
use crate::{
    BerthIndex, BookingView, Digest, HoldId, HoldView, LegMask, LegRange, Plan, Pnr, PoolIndex,
    RequestId, RunId, RunState, UnixMillis, Version, Violation,
};

/// Most events for whose ids room is made at once, 64 KiB: most ids of a hot run are forgotten.
const EXPECTED_MAX: usize = 4_096;

/// What a run's events have touched, for publication. Collected over any number of `apply`s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Berths whose masks may have changed; a berth may stand here more than once.
    pub berths: Vec<BerthIndex>,
    /// A hold came, went or got another deadline.
    pub holds: bool,
    /// Sale was opened or closed, or the run was retired.
    pub sale: bool,
    /// Somebody came to a list or left one.
    pub lists: bool,
}

impl Changes {
    /// Forgets everything, keeps the room.
    pub fn clear(&mut self) {
        self.berths.clear();
        (self.holds, self.sale, self.lists) = (false, false, false);
    }
}

/// The legs of one berth by what keeps them from being sold. The three never overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// Held.
    pub held: LegMask,
    /// Booked.
    pub sold: LegMask,
    /// Out of sale: by an operator, or because the coach does not run there.
    pub blocked: LegMask,
}

/// The state of one dated train. On cache lines, and in this order: what every command looks at
/// stands in the first of them, since most commands of a network find their run cold.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Run {
    pub(crate) version: Version,
    pub(crate) last_at: UnixMillis,
    /// When the last of its pools opens.
    pub(crate) all_open_at: UnixMillis,
    /// When it leaves its first stop: until then no boarding stop is behind it.
    pub(crate) leaves_at: UnixMillis,
    /// Bit `i` = sale of pool `i` was closed by an operator.
    pub(crate) closed: u64,
    pub(crate) plan: Arc<Plan>,
    /// One for each pool that is large enough and was asked more than once; the rest are scanned.
    pub(crate) indexes: Box<[Option<GapIndex>]>,
    pub(crate) rows: Rows,
    /// As its first event says: every answer names it.
    id: RunId,
    pub(crate) retired: bool,
    pub(crate) register: Register,
    /// Bit `i` = pool `i` was asked for a berth; like the indexes, no part of the state.
    asked: u64,
    /// Its first event; boxed because commands do not look at it.
    pub(crate) created: Box<RunCreated>,
    /// Who waits for what; `None` when nobody can.
    pub(crate) lists: Option<Box<Lists>>,
}
const _: () = assert!(core::mem::offset_of!(Run, register) == 128 && size_of::<Run>() == 512);

impl Run {
    /// The run as its first event makes it: version 1.
    pub fn new(plan: Arc<Plan>, created: &RunCreated, at: UnixMillis) -> Self {
        assert_eq!(created.plan, plan.hash(), "run {} is made of another plan", created.run);
        assert_eq!(created.opens.len(), plan.pools().len(), "one opening instant for each pool");
        Self {
            id: created.run,
            indexes: plan.pools().iter().map(|_| None).collect(),
            rows: Rows::of(&plan),
            all_open_at: created.opens.iter().copied().max().unwrap_or_default(),
            leaves_at: plan.departure(created.midnight, 0),
            lists: Lists::of(&plan),
            plan,
            created: Box::new(created.clone()),
            asked: 0,
            version: Version(1),
            last_at: at,
            register: Register::default(),
            closed: 0,
            retired: false,
        }
    }

    /// The first event is journaled at `at`, after the run was made to look at.
    pub fn born(&mut self, at: UnixMillis) {
        assert_eq!(self.version, Version(1), "only a run without another event is born");
        self.last_at = at;
    }

    /// So many events more are known to come: makes room for the ids in them at once. A hold and its
    /// end name two, a hold that is booked three.
    pub fn expect(&mut self, events: usize) {
        self.register.names.reserve(events.min(EXPECTED_MAX));
    }

    /// Which dated train.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// What it is made of.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Events applied so far.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The latest stamp of its events.
    pub fn last_at(&self) -> UnixMillis {
        self.last_at
    }

    /// 00:00 of the start date.
    pub fn midnight(&self) -> UnixMillis {
        self.created.midnight
    }

    /// When a pool opens.
    pub fn opens(&self, pool: PoolIndex) -> UnixMillis {
        self.created.opens[pool.0 as usize]
    }

    /// The earliest deadline of a live hold.
    pub fn next_deadline(&self) -> Option<UnixMillis> {
        self.register.next_deadline()
    }

    /// The live hold that expires first, and when.
    pub fn first_due(&self) -> Option<(HoldId, UnixMillis)> {
        // expiry-in-time
        let early = 400 * u64::from(crate::planted!("expiry-early"));
        self.register.first_due().map(|(hold, at)| (hold, UnixMillis(at.0 - early)))
    }

    /// Holds that still keep somebody, whatever their deadline says.
    pub fn live_holds(&self) -> usize {
        self.register.live
    }

    /// Every live hold with its deadline, in no order.
    pub fn deadlines(&self) -> impl Iterator<Item = (HoldId, UnixMillis)> {
        let live = self.register.standing().filter(|(_, record)| record.is_live());
        live.map(|(_, record)| (record.hold, record.expires_at))
    }

    /// Whether the next confirm must bring a block of PNR numbers.
    pub fn needs_pnr_block(&self) -> bool {
        self.register.bookings.next().is_none()
    }

    /// Berths of a pool free on every leg of a journey.
    pub fn free(&self, pool: PoolIndex, legs: LegRange) -> u16 {
        if let Some(index) = &self.indexes[pool.0 as usize] {
            return index.free(legs);
        }
        let mask = legs.mask();
        let berths = &self.plan.pool(pool).berths;
        berths.iter().filter(|berth| self.rows.is_free(**berth, mask)).count() as u16
    }

    /// How many are on each list of the plan.
    pub fn waiting(&self) -> Box<[u16]> {
        let lists = self.lists.as_deref().map_or(&[][..], Lists::orders);
        lists.iter().map(|order| order.places.len() as u16).collect()
    }

    /// Pools closed by an operator, bit `i` = pool `i`.
    pub fn sale_closed(&self) -> u64 {
        self.closed
    }

    /// Whether the run is over.
    pub fn is_retired(&self) -> bool {
        self.retired
    }

    /// Every request id that would be recognised, in no order.
    pub fn remembered(&self) -> impl Iterator<Item = RequestId> {
        self.register.requests()
    }

    /// Holds whose request ids were forgotten because too many had ended since.
    pub fn forgotten(&self) -> u64 {
        self.register.forgotten
    }

    /// What keeps the legs of a berth from being sold.
    pub fn masks(&self, berth: BerthIndex) -> Masks {
        let rows = &self.rows;
        Masks { held: rows.held(berth), sold: rows.sold(berth), blocked: rows.blocked(berth) }
    }

    /// A hold as of the last event.
    pub fn hold_view(&self, hold: HoldId) -> Option<HoldView> {
        self.register.find(hold).map(|at| self.show_at(at, self.last_at))
    }

    /// A booking as of the last event.
    pub fn booking_view(&self, pnr: Pnr) -> Option<BookingView> {
        let (record, booking) = self.register.booked(pnr)?;
        Some(self.show_booking(record, &booking, self.last_at))
    }

    /// The whole state, canonical: equal states are equal values.
    pub fn state(&self) -> RunState {
        RunState::of(self)
    }

    /// The digest of [`Run::state`]: the same for serve, replay and inspect.
    pub fn digest(&self) -> Digest {
        self.state().digest()
    }

    /// Every broken invariant; none in a sound run.
    pub fn check(&self) -> Vec<Violation> {
        crate::invariant::check(self)
    }

    /// The index of a pool, built when the pool is worth one, has none yet, and is asked again: one
    /// reserve is scanned for in less time than an index is built, and most runs of a network are
    /// asked little.
    #[inline]
    pub(crate) fn prepare_index(&mut self, pool: PoolIndex) {
        if self.indexes[usize::from(pool.0)].is_none() {
            self.ask_for_index(pool);
        }
    }

    /// Before a party is looked for.
    pub(crate) fn prepare_for_party(&mut self, pool: PoolIndex) {
        if let Some(index) = &mut self.indexes[usize::from(pool.0)] {
            index.look_again(&self.rows);
        }
    }

    #[cold]
    fn ask_for_index(&mut self, pool: PoolIndex) {
        if self.asked >> pool.0 & 1 == 0 {
            self.asked |= 1 << pool.0;
        } else if GapIndex::is_worth_it(&self.plan, pool) {
            let index = GapIndex::build(pool, &self.rows, &self.plan);
            self.indexes[usize::from(pool.0)] = Some(index);
        }
    }
}

/// A copy of a text; of none, which is common, without asking the allocator.
#[inline]
pub(crate) fn text(of: &str) -> Box<str> {
    if of.is_empty() { Box::default() } else { of.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::table::{check_on, parse};
    use crate::tests::world::{DAY, World};
    use crate::{Events, PoolSummary, Ruling};

    /// What a command's events touch.
    fn touched(world: &mut World, line: &str) -> Changes {
        let command = parse(&line.split(' ').collect::<Vec<_>>());
        let mut events = Events::new();
        let ruling = world.run.rule(&command, UnixMillis(DAY), &mut events);
        assert!(matches!(ruling, Ruling::Take(_)), "{line} takes no effect");
        let mut changes = Changes::default();
        for event in &events {
            world.run.apply(event, UnixMillis(DAY), &mut changes);
        }
        changes
    }

    #[test]
    fn changes_name_what_a_reader_must_see() {
        let mut world = World::new();
        let berths = |list: &[u16]| list.iter().copied().map(BerthIndex).collect::<Vec<_>>();
        let reserved = touched(&mut world, "reserve a H1 3A GN S1..S3 M30 F3- F30");
        assert_eq!(
            reserved,
            Changes { berths: berths(&[0, 1]), holds: true, sale: false, lists: false }
        );
        let extended = touched(&mut world, "extend b H1 600");
        assert_eq!(
            extended,
            Changes { berths: Vec::new(), holds: true, sale: false, lists: false }
        );
        let released = touched(&mut world, "release c H1 [3]");
        assert_eq!(
            released,
            Changes { berths: berths(&[1]), holds: true, sale: false, lists: false }
        );
        let blocked = touched(&mut world, "block d B1-2,B1-3");
        assert_eq!(
            blocked,
            Changes { berths: berths(&[1, 2]), holds: false, sale: false, lists: false }
        );
        let closed = touched(&mut world, "close-sale e 3A");
        assert_eq!(closed, Changes { berths: Vec::new(), holds: false, sale: true, lists: false });
        let mut retired = touched(&mut world, "retire f");
        assert_eq!(
            retired,
            Changes { berths: berths(&[0]), holds: true, sale: true, lists: false }
        );
        retired.clear();
        assert_eq!(retired, Changes::default());
        let whole = LegMask(0b111);
        assert_eq!(world.run.masks(BerthIndex(1)), Masks { blocked: whole, ..Masks::default() });
    }

    #[test]
    fn a_run_in_figures() {
        let mut world = World::new();
        check_on(
            &mut world,
            "@0 reserve a H1 3A GN S1..S3 M30 F30 => H1 B1-1:held B1-2:held until 300
             confirm b H1 [1] keep => P256 1:B1-1:confirmed rest until 300
             block c B1-3 S1..S2 => berths B1-3
             close-sale d 3A GN => pools 0b1",
        );
        let summary = world.run.summary();
        assert_eq!((summary.live_holds, summary.bookings, summary.remembered), (1, 1, 2));
        let PoolSummary { berths, free_throughout, closed, berth_legs, .. } = summary.pools[0];
        assert_eq!((berths, free_throughout, closed), (3, 0, true));
        let (held, sold, blocked) = (berth_legs.held, berth_legs.sold, berth_legs.blocked);
        assert_eq!((berth_legs.capacity, berth_legs.free, held, sold, blocked), (9, 4, 2, 2, 1));
        // S1 does not run on the first leg.
        assert_eq!(summary.pools[3].berth_legs.blocked, 80);
        assert_eq!(summary.berth_legs.capacity, 152 * 3);
        assert_eq!(summary.digest, world.run.digest());
    }

    #[test]
    fn an_index_is_built_when_a_large_pool_is_asked_again() {
        let mut world = World::new();
        check_on(
            &mut world,
            "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
             reserve b H2 SL GN S2..S3 M30 => H2 S1-1:held until 300",
        );
        let built = |run: &Run| run.indexes.iter().map(Option::is_some).collect::<Vec<_>>();
        assert_eq!(built(&world.run), [false; 4], "one look is worth no index");
        check_on(
            &mut world,
            "@0 reserve c H3 3A GN S1..S3 M30 => H3 B1-2:held until 300
             reserve d H4 SL GN S2..S3 M30 => H4 S1-2:held until 300",
        );
        assert_eq!(built(&world.run), [false, false, false, true]);
        let replayed = world.replayed();
        assert_eq!(built(&replayed), [false; 4], "replay keeps rows only");
        let trip = LegRange { from: 1, to: 2 };
        assert_eq!(replayed.free(PoolIndex(3), trip), 78);
        assert_eq!(world.run.free(PoolIndex(3), trip), 78);
    }
}
