//! From an id to the place of what it names: hold ids and request ids in one table.
//!
//! Open addressing with linear probes over 8-byte cells (half of the id's hash, what it names,
//! where that is), at most two thirds full, so that most lookups touch one cache line and growing
//! looks at no id. The ids themselves stand where the place says; the caller of
//! [`Names::find`] compares them.
//! Request ids are the callers' choice. The hash is keyed with what hashbrown's own builder draws
//! for a process and a table (addresses; no clock, no generator), which no caller sees, so
//! that nobody can choose ids that meet in one cell. The key decides only where a cell stands:
//! nothing leaves this file in the order of the table.

use core::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// A hold; the place is its card.
    Hold = 1,
    /// The request that made a hold; the place is its card.
    Reserve = 2,
    /// The request that prolonged a hold last; the place is its card.
    Extend = 3,
    /// The request that booked; the place is its booking.
    Confirm = 4,
}

/// Bits of a cell that hold the place.
const PLACE_BITS: u32 = 29;
/// Most places.
const PLACES_MAX: u32 = 1 << PLACE_BITS;
/// Cells of the first table: two cache lines.
const FIRST_CELLS: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Names {
    /// A power of two of cells, or none; 0 = empty, never all of them used.
    cells: Box<[u64]>,
    used: usize,
    keyed: DefaultHashBuilder,
}

/// Where an id goes, for a find and an insert that follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash(u32);

impl Names {
    /// The hash of an id in this table.
    pub(crate) fn hash(&self, id: u128) -> Hash {
        let hash = self.keyed.hash_one(id);
        Hash((hash ^ hash >> 32) as u32)
    }

    /// Ids in the table.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// The first place under this hash that `is` what is looked for.
    pub(crate) fn find(&self, hash: Hash, is: impl Fn(Named, u32) -> bool) -> Option<(Named, u32)> {
        let last = self.cells.len().checked_sub(1)?;
        let mut at = hash.0 as usize & last;
        loop {
            let cell = self.cells[at];
            if cell == 0 {
                return None;
            }
            if (cell >> 32) as u32 == hash.0 {
                let found = (named(cell), cell as u32 % PLACES_MAX);
                if is(found.0, found.1) {
                    return Some(found);
                }
            }
            at = (at + 1) & last;
        }
    }

    /// One id more. That it is not there yet is the caller's to know.
    pub(crate) fn insert(&mut self, hash: Hash, named: Named, place: u32) {
        if 3 * (self.used + 1) > 2 * self.cells.len() {
            self.grow((2 * self.cells.len()).max(FIRST_CELLS));
        }
        self.used += 1;
        put(&mut self.cells, cell(hash, named, place));
    }

    /// Room for so many ids without growing on the way.
    pub(crate) fn reserve(&mut self, more: usize) {
        let cells = ((self.used + more) * 3 / 2 + 1).next_power_of_two().max(FIRST_CELLS);
        if cells > self.cells.len() {
            self.grow(cells);
        }
    }

    fn grow(&mut self, cells: usize) {
        let before = core::mem::replace(&mut self.cells, vec![0; cells].into());
        before.iter().filter(|cell| **cell != 0).for_each(|cell| put(&mut self.cells, *cell));
    }

    /// Takes out what was put in as just this. Panics when it is not there.
    pub(crate) fn remove(&mut self, hash: Hash, named: Named, place: u32) {
        let gone = cell(hash, named, place);
        let last = self.cells.len() - 1;
        let mut hole = hash.0 as usize & last;
        while self.cells[hole] != gone {
            assert!(self.cells[hole] != 0, "{named:?} at {place} is to be forgotten and unknown");
            hole = (hole + 1) & last;
        }
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

fn named(cell: u64) -> Named {
    match cell as u32 >> PLACE_BITS {
        1 => Named::Hold,
        2 => Named::Reserve,
        3 => Named::Extend,
        _ => Named::Confirm,
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
            names.insert(hash, Named::Hold, n);
        }
        for n in 0..5_000u32 {
            let found = names.find(names.hash(n.into()), |_, place| place == n);
            assert_eq!(found, Some((Named::Hold, n)));
        }
    }
}
