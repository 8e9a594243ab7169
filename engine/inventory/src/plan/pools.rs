//! Which berth belongs to which pool.
//!
//! Inside a class the pools with a size of their own (so many berths, or a share of the class) take
//! their berths one after the other, in the order of the entry, from the **end** of the class's
//! berths (last coach, highest number first): Tatkal sits in the last coaches. One pool may take
//! what is left. Without it the sizes must use up the class exactly.

use super::fault::{Checked, PlanFault};
use super::lists::{self, Behind, Promotion};
use super::{Berth, Kept, Opens, Pool, PoolEntry, PoolSize};
use crate::{
    BerthIndex, Eligible, KEPT_MAX, PARTY_MAX, POOLS_MAX, PoolIndex, QuotaCode, TravelClass,
};

/// The pools of a train that says nothing of pools and stands under no rule book: each class is one
/// general pool, open with the run.
pub fn default_pools(classes: &[TravelClass]) -> Vec<PoolEntry> {
    let pool = |class: &TravelClass| PoolEntry {
        quota: "GN".into(),
        class: *class,
        size: PoolSize::Rest,
        board: None,
        alight: None,
        opens: Opens::WithRun,
        party_max: PARTY_MAX as u8,
        eligible: Vec::new(),
        kept: Vec::new(),
        rac: 0,
        waiting: None,
        promotion: Promotion::default(),
    };
    classes.iter().map(pool).collect()
}

/// Checks the pools of an entry, gives each its berths and tells each berth its pool.
pub(super) fn assign(
    entries: &[PoolEntry],
    classes: &[TravelClass],
    stops: usize,
    berths: &mut [Berth],
) -> Checked<Vec<Pool>> {
    if entries.len() > POOLS_MAX {
        return Err(PlanFault::Count {
            what: "pools",
            count: entries.len(),
            min: 1,
            max: POOLS_MAX,
        });
    }
    let mut pools = Vec::with_capacity(entries.len());
    for entry in entries {
        pools.push(check_pool(entry, classes, stops)?);
    }
    overlaps(&pools)?;
    let general: QuotaCode = "GN".parse().map_err(PlanFault::name("quota"))?;
    for &class in classes {
        if !pools.iter().any(|p| p.class == class && p.quota == general) {
            return Err(PlanFault::NoGeneralPool { class });
        }
        share_out(entries, class, berths, &mut pools)?;
    }
    for (index, pool) in pools.iter().enumerate() {
        for berth in &pool.berths {
            berths[usize::from(berth.0)].pool = PoolIndex(index as u8);
        }
    }
    Ok(pools)
}

/// An entry's pool, without berths.
fn check_pool(entry: &PoolEntry, classes: &[TravelClass], stops: usize) -> Checked<Pool> {
    let quota: QuotaCode = entry.quota.parse().map_err(PlanFault::name("quota"))?;
    let class = entry.class;
    if !classes.contains(&class) {
        return Err(PlanFault::PoolClass { quota, class, has: classes.into() });
    }
    if !(1..=PARTY_MAX as u8).contains(&entry.party_max) {
        let party_max = entry.party_max;
        return Err(PlanFault::PartyMax { quota, class, party_max });
    }
    if let Opens::Before { days, minute } = entry.opens
        && (days > 366 || minute >= 1_440)
    {
        return Err(PlanFault::Opens { quota, class, days, minute });
    }
    if let PoolSize::Share(share) = entry.size
        && share > 100
    {
        return Err(PlanFault::Share { quota, class, share });
    }
    let window = |what, window: Option<(u16, u16)>| match window {
        None => Ok((0, stops as u8 - 1)),
        Some((first, last)) if 1 <= first && first <= last && usize::from(last) <= stops => {
            Ok((first as u8 - 1, last as u8 - 1))
        }
        Some((first, last)) => {
            Err(PlanFault::Window { quota, class, what, first, last, stops: stops as u16 })
        }
    };
    let board = window("board", entry.board)?;
    let alight = window("alight", entry.alight)?;
    if board.0 >= alight.1 {
        let (board, alight) = (u16::from(board.0) + 1, u16::from(alight.1) + 1);
        return Err(PlanFault::EmptyWindow { quota, class, board, alight });
    }
    let eligible = Eligible::of(&entry.eligible).map_err(|fault| PlanFault::Eligible {
        quota,
        class,
        fault,
    })?;
    if entry.kept.len() > KEPT_MAX {
        let count = entry.kept.len();
        return Err(PlanFault::Count { what: "rows of kept berths", count, min: 0, max: KEPT_MAX });
    }
    if let Some(row) = entry.kept.iter().find(|row| !row.is_sound()) {
        let Kept { below_km, berths, last, since, until } = *row;
        return Err(PlanFault::Kept { quota, class, below_km, berths, last, since, until });
    }
    if !entry.kept.is_empty() && (entry.rac > 0 || entry.waiting.is_some()) {
        return Err(PlanFault::KeptAndWaited { quota, class });
    }
    let kept = entry.kept.as_slice().into();
    let (opens, party_max) = (entry.opens, entry.party_max);
    let eligible_words = entry.eligible.join(", ").into();
    Ok(Pool {
        quota,
        class,
        berths: Vec::new(),
        withheld: Vec::new(),
        board,
        alight,
        opens,
        party_max,
        eligible,
        eligible_words,
        halves_of: None,
        behind: Behind::NOTHING,
        kept,
    })
}

/// Two pools of one class and quota must never sell the same journey.
fn overlaps(pools: &[Pool]) -> Checked<()> {
    for (i, a) in pools.iter().enumerate() {
        for b in &pools[..i] {
            let board = (a.board.0.max(b.board.0), a.board.1.min(b.board.1));
            let alight = (a.alight.0.max(b.alight.0), a.alight.1.min(b.alight.1));
            let shared = board.0 <= board.1 && alight.0 <= alight.1 && board.0 < alight.1;
            if a.class == b.class && a.quota == b.quota && shared {
                let (board, alight) = (u16::from(board.0) + 1, u16::from(alight.1) + 1);
                let (quota, class) = (a.quota, a.class);
                return Err(PlanFault::SameJourney { quota, class, board, alight });
            }
        }
    }
    Ok(())
}

/// Hands the berths of one class to its pools.
fn share_out(
    entries: &[PoolEntry],
    class: TravelClass,
    berths: &[Berth],
    pools: &mut [Pool],
) -> Checked<()> {
    let of_class = berths.iter().enumerate().filter(|(_, b)| b.class == class);
    let mut left: Vec<BerthIndex> = of_class.map(|(i, _)| BerthIndex(i as u16)).collect();
    let total = left.len();
    lists::one_rac(entries, class)?;
    for (index, entry) in entries.iter().enumerate().filter(|(_, e)| e.class == class) {
        let quota = pools[index].quota;
        pools[index].withheld.extend(lists::withhold(entry, quota, berths, &mut left)?);
    }
    // Shares are of the whole class; what is shared by two is the rest's.
    let for_sale = left.len();
    let mut rest = None;
    let mut asked = 0;
    for (index, entry) in entries.iter().enumerate().filter(|(_, e)| e.class == class) {
        let size = match entry.size {
            PoolSize::Berths(count) => usize::from(count),
            PoolSize::Share(share) => total * usize::from(share) / 100,
            PoolSize::Rest => {
                if rest.replace(index).is_some() {
                    return Err(PlanFault::TwoRests { class });
                }
                continue;
            }
        };
        asked += size;
        let keep = for_sale.checked_sub(asked);
        let keep = keep.ok_or(PlanFault::PoolsTooLarge { class, asked, total: for_sale })?;
        pools[index].berths = left.split_off(keep);
    }
    match rest {
        Some(index) => pools[index].berths = left,
        None if left.is_empty() => {}
        None => return Err(PlanFault::BerthsLeft { class, left: left.len(), total }),
    }
    Ok(())
}
