//! Shared berths and waiting lists: what a pool sells when its berths are gone.
//!
//! RAC (reservation against cancellation) gives two passengers the two halves of a side lower. A
//! pool with `rac` withholds that many side lowers of each coach, lowest number first, from sale as
//! berths; each stands twice behind the berths of the train, as a row of a pool of its own that no
//! reserve can name (quota `RAC`). So a half is taken, freed, counted and published as a berth is.
//! The withheld berth itself belongs to that pool and is sold by nobody.
//!
//! Behind it comes a waiting list. Both have an order: a list of the plan, `RAC` or `GNWL` by its
//! label. Always true: the halves of one berth stand side by side, the first at an even distance
//! from the end of the berths; a list belongs to one pool that sells. Source: domain 1.7.

use super::fault::{Checked, PlanFault};
use super::{Berth, Opens, Pool, PoolEntry};
use crate::{BERTHS_MAX, BerthIndex, BerthType, ListIndex, POOLS_MAX, PoolIndex, QuotaCode};
use crate::{TravelClass, WAITING_MAX};

/// A waiting list as a catalogue says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingEntry {
    /// What it is called on tickets: `GNWL`, `TQWL`.
    pub label: String,
    /// Most passengers on it; then REGRET.
    pub limit: u16,
}

/// Who gets a place that has become free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promotion {
    /// The first of the list, or nobody until it fits them (the rule before charting).
    #[default]
    WaitForHead,
    /// The first of the list whom it fits.
    FirstThatFits,
}

/// What the places of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// A half of a side lower.
    Rac,
    /// A number and nothing else.
    Waiting,
}

/// Passengers in the order in which places that become free are theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// What their places are.
    pub kind: ListKind,
    /// What it is called on tickets.
    pub label: QuotaCode,
    /// The pool that they asked for.
    pub pool: PoolIndex,
    /// Most passengers on it; of RAC, its halves.
    pub limit: u16,
}

/// What stands behind a pool when its berths are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// The pool of its half-berths.
    pub halves: Option<PoolIndex>,
    /// The order of those who have a half.
    pub rac: Option<ListIndex>,
    /// Its waiting list.
    pub waiting: Option<ListIndex>,
    /// Who gets a place that has become free.
    pub promotion: Promotion,
}

impl Behind {
    /// Nothing: sold out is sold out.
    pub const NOTHING: Self =
        Self { halves: None, rac: None, waiting: None, promotion: Promotion::WaitForHead };
}

/// Takes the berths that a pool of this class shares out of `left`; they go to nobody else.
pub(super) fn withhold(
    entry: &PoolEntry,
    quota: QuotaCode,
    berths: &[Berth],
    left: &mut Vec<BerthIndex>,
) -> Checked<Vec<BerthIndex>> {
    let mut withheld: Vec<BerthIndex> = Vec::new();
    if entry.rac == 0 {
        return Ok(withheld);
    }
    let coach = |berth: BerthIndex| berths[usize::from(berth.0)].coach;
    left.retain(|berth| {
        let side = berths[usize::from(berth.0)].berth_type == BerthType::SideLower;
        let of_coach = withheld.iter().filter(|other| coach(**other) == coach(*berth)).count();
        let take = side && of_coach < usize::from(entry.rac);
        if take {
            withheld.push(*berth);
        }
        !take
    });
    if withheld.is_empty() {
        let (class, rac) = (entry.class, entry.rac);
        return Err(PlanFault::NoSideLower { quota, class, rac });
    }
    Ok(withheld)
}

/// The lists of all pools, and the withheld berths, ascending; their halves are put behind the
/// berths, and the pools of halves behind the pools.
pub(super) fn spell_out(
    entries: &[PoolEntry],
    pools: &mut Vec<Pool>,
    berths: &mut Vec<Berth>,
) -> Checked<(Vec<List>, Vec<BerthIndex>)> {
    let (mut lists, mut shared) = (Vec::new(), Vec::new());
    for (place, entry) in entries.iter().enumerate() {
        let pool = PoolIndex(place as u8);
        let Pool { quota, class, .. } = pools[place];
        let withheld = core::mem::take(&mut pools[place].withheld);
        let mut behind = Behind { promotion: entry.promotion, ..Behind::NOTHING };
        if !withheld.is_empty() {
            let halves = add_halves(pool, &withheld, pools, berths)?;
            let limit = 2 * withheld.len() as u16;
            let label = label("RAC")?;
            behind.halves = Some(halves);
            behind.rac = Some(add(&mut lists, List { kind: ListKind::Rac, label, pool, limit }));
            shared.extend(withheld);
        }
        if let Some(waiting) = &entry.waiting {
            let limit = waiting.limit;
            if !(1..=WAITING_MAX).contains(&limit) {
                return Err(PlanFault::WaitingLimit { quota, class, limit });
            }
            let label = label(&waiting.label)?;
            let list = List { kind: ListKind::Waiting, label, pool, limit };
            behind.waiting = Some(add(&mut lists, list));
        }
        pools[place].behind = behind;
    }
    // The halves of the berth at place `k` stand at `2 k` and `2 k + 1`.
    debug_assert!(shared.len() < 2 || berths.len() > 2 * shared.len(), "halves come behind berths");
    Ok((lists, shared))
}

fn label(text: &str) -> Checked<QuotaCode> {
    text.parse().map_err(PlanFault::name("waiting list label"))
}

fn add(lists: &mut Vec<List>, list: List) -> ListIndex {
    lists.push(list);
    ListIndex(lists.len() as u8 - 1)
}

/// A pool of the two halves of each of these berths.
fn add_halves(
    of: PoolIndex,
    withheld: &[BerthIndex],
    pools: &mut Vec<Pool>,
    berths: &mut Vec<Berth>,
) -> Checked<PoolIndex> {
    let (what, min) = ("pools", 1);
    if pools.len() == POOLS_MAX {
        return Err(PlanFault::Count { what, count: POOLS_MAX + 1, min, max: POOLS_MAX });
    }
    let count = berths.len() + 2 * withheld.len();
    if count > BERTHS_MAX {
        return Err(PlanFault::Count { what: "berths and halves", count, min, max: BERTHS_MAX });
    }
    let halves = PoolIndex(pools.len() as u8);
    let first = berths.len() as u16;
    for berth in withheld {
        let whole = &mut berths[usize::from(berth.0)];
        whole.pool = halves;
        let half = *whole;
        berths.extend([half, half]);
    }
    let sold = pools[usize::from(of.0)].clone();
    pools.push(Pool {
        quota: label("RAC")?,
        berths: (first..berths.len() as u16).map(BerthIndex).collect(),
        opens: Opens::WithRun,
        halves_of: Some(of),
        behind: Behind::NOTHING,
        ..sold
    });
    Ok(halves)
}

/// At most one pool of a class may share berths.
pub(super) fn one_rac(entries: &[PoolEntry], class: TravelClass) -> Checked<()> {
    let shares = entries.iter().filter(|entry| entry.class == class && entry.rac > 0).count();
    if shares > 1 { Err(PlanFault::TwoRacs { class }) } else { Ok(()) }
}
