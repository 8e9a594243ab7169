//! The best set of the berths of one region: those that come first of each type.
//!
//! Types that nobody asks for are one type here.

use arrayvec::ArrayVec;

use super::demand::Demand;
use crate::gaps::{ByType, TYPES};
use crate::{BerthIndex, PARTY_MAX};

/// Types a party can ask for, one a head and the lower berths of a condition; and all others.
const SLOTS: usize = PARTY_MAX + 2;

/// A set with its key.
pub(super) struct Set {
    /// Sum of the gaps: the cost plus a constant.
    pub(super) gaps: u32,
    pub(super) unmet: u8,
    /// Ascending.
    pub(super) berths: ArrayVec<BerthIndex, PARTY_MAX>,
}

impl Set {
    pub(super) const fn worth(&self) -> (u32, u8) {
        (self.gaps, self.unmet)
    }
}

/// What is asked of one type, and its first berths by (gap, index), as many as a party can need.
struct Slot {
    required: u8,
    wished: u8,
    first: ArrayVec<(u8, BerthIndex), PARTY_MAX>,
}

/// The first berths of each type.
pub(super) struct Tops {
    heads: usize,
    /// Berths offered, of whatever type.
    pub(super) offered: usize,
    /// Sum of their gaps.
    pub(super) gaps: u32,
    /// Slot of each type.
    slot_of: ByType<u8>,
    slots: ArrayVec<Slot, SLOTS>,
}

/// How many of each slot.
struct Pick {
    gaps: u32,
    unmet: u8,
    has: [u8; SLOTS],
}

impl Tops {
    pub(super) fn new(demand: &Demand) -> Self {
        let slot = |required, wished| Slot { required, wished, first: ArrayVec::new() };
        let mut tops = Self {
            heads: demand.heads,
            offered: 0,
            gaps: 0,
            slot_of: [0; TYPES],
            slots: core::iter::once(slot(0, 0)).collect(),
        };
        for berth_type in 0..TYPES {
            let (required, wished) = (demand.required[berth_type], demand.wished[berth_type]);
            if required > 0 || wished > 0 {
                tops.slot_of[berth_type] = tops.slots.len() as u8;
                tops.slots.push(slot(required, wished));
            }
        }
        tops
    }

    /// One more berth; indexes ascend from call to call.
    #[inline]
    pub(super) fn offer(&mut self, berth_type: usize, gap: u8, berth: BerthIndex) {
        self.offered += 1;
        self.gaps += u32::from(gap);
        let first = &mut self.slots[usize::from(self.slot_of[berth_type])].first;
        if first.len() == self.heads {
            if first.last().is_none_or(|(worst, _)| *worst <= gap) {
                return;
            }
            first.pop();
        }
        let place = first.iter().rposition(|(g, _)| *g <= gap).map_or(0, |place| place + 1);
        first.insert(place, (gap, berth));
    }

    /// Ends a region: its set, if there is an allowed one that is worth more than `best`; forgets
    /// the region.
    pub(super) fn close(&mut self, best: Option<(u32, u8)>) -> Option<Set> {
        let mut set = None;
        if self.offered >= self.heads
            && let Some(pick) = self.pick()
            && best.is_none_or(|best| (pick.gaps, pick.unmet) < best)
        {
            set = Some(self.set(&pick));
        }
        (self.offered, self.gaps) = (0, 0);
        self.slots.iter_mut().for_each(|slot| slot.first.clear());
        set
    }

    /// (gaps, unmet) of the best allowed set of the region so far.
    pub(super) fn worth(&self) -> Option<(u32, u8)> {
        self.pick().map(|pick| (pick.gaps, pick.unmet))
    }

    /// The best allowed set of the region.
    fn pick(&self) -> Option<Pick> {
        let mut pick = Pick { gaps: 0, unmet: 0, has: [0; SLOTS] };
        let mut left = self.heads;
        for (slot, has) in self.slots.iter().zip(&mut pick.has) {
            *has = slot.required;
            left = left.checked_sub(usize::from(*has))?;
            let required = slot.first.get(..usize::from(*has))?;
            pick.gaps += required.iter().map(|(gap, _)| u32::from(*gap)).sum::<u32>();
        }
        for _ in 0..left {
            let mut next = None;
            for (number, (slot, has)) in self.slots.iter().zip(&pick.has).enumerate() {
                if let Some((gap, berth)) = slot.first.get(usize::from(*has)) {
                    let key = (*gap, *has >= slot.wished, *berth, number);
                    if next.is_none_or(|next| key < next) {
                        next = Some(key);
                    }
                }
            }
            let (gap, _, _, number) = next?;
            pick.gaps += u32::from(gap);
            pick.has[number] += 1;
        }
        let unmet = |(slot, has): (&Slot, &u8)| slot.wished.saturating_sub(*has);
        pick.unmet = self.slots.iter().zip(&pick.has).map(unmet).sum();
        Some(pick)
    }

    fn set(&self, pick: &Pick) -> Set {
        let mut berths = ArrayVec::new();
        for (slot, has) in self.slots.iter().zip(pick.has) {
            berths.extend(slot.first[..usize::from(has)].iter().map(|(_, berth)| *berth));
        }
        berths.sort_unstable();
        Set { gaps: pick.gaps, unmet: pick.unmet, berths }
    }
}
