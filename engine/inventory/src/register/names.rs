//! From an id to the place of what it names: hold ids and request ids in one table.
//!
//! Open addressing with linear probes over 8-byte cells (half of the id's hash, what it names,
//! where that is), at most two thirds full, so that most lookups touch one cache line and growing
//! looks at no id. The ids themselves stand where the place says; the caller of
//! [`Names::find`] compares them.
//! Request ids are the callers' choice. The hash is keyed with what hashbrown's own builder makes of
//! what it draws for a process and a table (addresses; no clock, no generator), which no caller sees,
//! so that nobody can choose ids that meet in one cell. The key decides only where a cell stands:
//! nothing leaves this file in the order of the table.

use core::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use crate::foresee::address;

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// A hold; the place is its card.
    Hold = 1,
    /// The request that made a hold; the place is its card.
    Reserve = 2,
    /// A request that prolonged a hold; the place is its card.
    Extend = 3,
    /// The request that booked; the place is its booking.
    Confirm = 4,
    /// As the first three, of a hold that is past; the place is among the past.
    PastHold = 5,
    PastReserve = 6,
    PastExtend = 7,
}

impl Named {
    /// Whether the place is among the past.
    #[inline]
    pub(crate) fn is_past(self) -> bool {
        matches!(self, Self::PastHold | Self::PastReserve | Self::PastExtend)
    }
}

/// Bits of a cell that hold the place.
const PLACE_BITS: u32 = 29;
/// Most places.
pub(crate) const PLACES_MAX: u32 = 1 << PLACE_BITS;
/// Cells of the first table: two cache lines.
const FIRST_CELLS: usize = 16;

#[derive(Debug)]
pub(crate) struct Names {
    /// A power of two of cells, or none; 0 = empty, never all of them used.
    cells: Box<[u64]>,
    used: usize,
    keys: [u64; 2],
}

impl Default for Names {
    fn default() -> Self {
        let drawn = DefaultHashBuilder::default();
        Self { cells: Box::default(), used: 0, keys: [drawn.hash_one(1), drawn.hash_one(2)] }
    }
}

/// Where an id goes, for a find and an insert that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hash(u32);

impl Names {
    /// The hash of an id in this table.
    #[inline]
    pub(crate) fn hash(&self, id: u128) -> Hash {
        // One product of both halves, folded: what hashbrown's own hasher makes of a `u128`.
        let (low, high) = (id as u64 ^ self.keys[0], (id >> 64) as u64 ^ self.keys[1]);
        let product = u128::from(low) * u128::from(high);
        let folded = product as u64 ^ (product >> 64) as u64;
        Hash((folded ^ folded >> 32) as u32)
    }

    /// Ids in the table.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// The cell at which a search for this hash ends at first: an empty one (`false`), or one with
    /// that very hash. Asks nobody what is where, so that the common answers (an id is new; it is
    /// the only one with its hash) are short.
    #[inline]
    fn first_at(&self, hash: Hash) -> Option<(usize, bool)> {
        let last = self.cells.len().checked_sub(1)?;
        let mut at = hash.0 as usize & last;
        loop {
            let cell = self.cells[at];
            if cell == 0 {
                return Some((at, false));
            }
            if (cell >> 32) as u32 == hash.0 {
                return Some((at, true));
            }
            at = (at + 1) & last;
        }
    }

    /// The first place under this hash that `is` what is looked for.
    #[inline]
    pub(crate) fn find(&self, hash: Hash, is: impl Fn(Named, u32) -> bool) -> Option<(Named, u32)> {
        match self.first_at(hash) {
            Some((at, true)) => self.find_from(at, hash, is),
            _ => None,
        }
    }

    #[inline(never)]
    fn find_from(
        &self,
        from: usize,
        hash: Hash,
        is: impl Fn(Named, u32) -> bool,
    ) -> Option<(Named, u32)> {
        let last = self.cells.len() - 1;
        let mut at = from;
        loop {
            let cell = self.cells[at];
            if cell == 0 {
                return None;
            }
            if (cell >> 32) as u32 == hash.0 {
                let found = (named_by(cell), cell as u32 % PLACES_MAX);
                if is(found.0, found.1) {
                    return Some(found);
                }
            }
            at = (at + 1) & last;
        }
    }

    /// Where a search for this hash begins.
    #[inline]
    pub(crate) fn begins(&self, hash: Hash) -> *const u8 {
        let last = self.cells.len().wrapping_sub(1);
        self.cells.get(hash.0 as usize & last).map_or(core::ptr::null(), address)
    }

    /// What something under this hash names: most likely what is looked for.
    #[inline]
    pub(crate) fn likely(&self, hash: Hash) -> Option<(Named, u32)> {
        let (at, true) = self.first_at(hash)? else { return None };
        let cell = self.cells[at];
        Some((named_by(cell), cell as u32 % PLACES_MAX))
    }

    /// One id more. That it is not there yet is the caller's to know.
    #[inline]
    pub(crate) fn insert(&mut self, hash: Hash, named: Named, place: u32) {
        self.make_room();
        self.used += 1;
        put(&mut self.cells, cell(hash, named, place));
    }

    /// One id more; `false`, and nothing is done, when something under its hash is there already.
    #[inline]
    pub(crate) fn insert_alone(&mut self, hash: Hash, named: Named, place: u32) -> bool {
        self.make_room();
        match self.first_at(hash) {
            Some((at, false)) => {
                self.used += 1;
                self.cells[at] = cell(hash, named, place);
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn make_room(&mut self) {
        if 3 * (self.used + 1) > 2 * self.cells.len() {
            self.grow((2 * self.cells.len()).max(FIRST_CELLS));
        }
    }

    /// Room for so many ids without growing on the way.
    pub(crate) fn reserve(&mut self, more: usize) {
        let cells = ((self.used + more) * 3 / 2 + 1).next_power_of_two().max(FIRST_CELLS);
        if cells > self.cells.len() {
            self.grow(cells);
        }
    }

    #[cold]
    fn grow(&mut self, cells: usize) {
        let before = core::mem::replace(&mut self.cells, vec![0; cells].into());
        before.iter().filter(|cell| **cell != 0).for_each(|cell| put(&mut self.cells, *cell));
    }

    /// What was put in as `before` is found as `after`. Panics when it is not there.
    #[inline]
    pub(crate) fn rename(&mut self, hash: Hash, before: (Named, u32), after: (Named, u32)) {
        let at = self.stands_at(hash, before.0, before.1);
        self.cells[at] = cell(hash, after.0, after.1);
    }

    #[inline]
    fn stands_at(&self, hash: Hash, named: Named, place: u32) -> usize {
        let meant = cell(hash, named, place);
        let last = self.cells.len().wrapping_sub(1);
        let mut at = hash.0 as usize & last;
        while self.cells[at] != meant {
            assert!(self.cells[at] != 0, "{named:?} at {place} is to be forgotten and unknown");
            at = (at + 1) & last;
        }
        at
    }

    /// Takes out what was put in as just this. Panics when it is not there.
    #[inline]
    pub(crate) fn remove(&mut self, hash: Hash, named: Named, place: u32) {
        let last = self.cells.len() - 1;
        let mut hole = self.stands_at(hash, named, place);
        self.used -= 1;
        // Whoever stands behind the hole and would be found from it moves into it.
        let mut at = hole;
        loop {
            at = (at + 1) & last;
            let cell = self.cells[at];
            if cell == 0 {
                break;
            }
            let home = (cell >> 32) as usize & last;
            if at.wrapping_sub(home) & last >= at.wrapping_sub(hole) & last {
                self.cells[hole] = cell;
                hole = at;
            }
        }
        self.cells[hole] = 0;
    }
}

fn cell(hash: Hash, named: Named, place: u32) -> u64 {
    assert!(place < PLACES_MAX, "{PLACES_MAX} places are possible");
    u64::from(hash.0) << 32 | u64::from((named as u32) << PLACE_BITS | place)
}

#[inline]
fn named_by(cell: u64) -> Named {
    match cell as u32 >> PLACE_BITS {
        1 => Named::Hold,
        2 => Named::Reserve,
        3 => Named::Extend,
        4 => Named::Confirm,
        5 => Named::PastHold,
        6 => Named::PastReserve,
        _ => Named::PastExtend,
    }
}

fn put(cells: &mut [u64], cell: u64) {
    let last = cells.len() - 1;
    let mut at = (cell >> 32) as usize & last;
    while cells[at] != 0 {
        at = (at + 1) & last;
    }
    cells[at] = cell;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a map, with hashes that meet in few cells and wrap round the end.
        #[test]
        fn finds_what_a_map_finds(
            steps in prop::collection::vec((any::<bool>(), 0..60u32, 0..6u32), 1..400),
        ) {
            let mut names = Names::default();
            let mut twin: BTreeMap<u32, Hash> = BTreeMap::new();
            for (insert, place, near) in steps {
                let hash = Hash(u32::MAX - near);
                match (insert, twin.get(&place).copied()) {
                    (true, None) => {
                        names.insert(hash, Named::Reserve, place);
                        twin.insert(place, hash);
                    }
                    (true, Some(hash)) => {
                        prop_assert!(!names.insert_alone(hash, Named::Reserve, place));
                        let (before, after) = (Named::Reserve, Named::PastReserve);
                        names.rename(hash, (before, place), (after, place));
                        names.rename(hash, (after, place), (before, place));
                    }
                    (false, Some(hash)) => {
                        names.remove(hash, Named::Reserve, place);
                        twin.remove(&place);
                    }
                    _ => {}
                }
                prop_assert_eq!(names.len(), twin.len());
                for place in 0..60 {
                    for near in 0..6 {
                        let hash = Hash(u32::MAX - near);
                        let found = names.find(hash, |_, at| at == place);
                        let there = twin.get(&place).is_some_and(|at| at.0 == hash.0);
                        prop_assert_eq!(found.is_some(), there);
                    }
                }
            }
        }
    }

    #[test]
    fn growing_loses_nobody_and_an_empty_table_knows_nobody() {
        let mut names = Names::default();
        assert!(names.find(Hash(3), |_, _| true).is_none());
        for n in 0..5_000u32 {
            let hash = names.hash(n.into());
            if !names.insert_alone(hash, Named::Hold, n) {
                names.insert(hash, Named::Hold, n);
            }
        }
        for n in 0..5_000u32 {
            let found = names.find(names.hash(n.into()), |_, place| place == n);
            assert_eq!(found, Some((Named::Hold, n)));
        }
    }
}
