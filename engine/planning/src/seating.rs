//! One pool on one day, as the machine seats people who travel alone: the smallest free gap around
//! the journey, then the lowest number.
//!
//! Small and quick, for a planner seats a day a hundred times over. A test holds it against the
//! machine itself.

use berth_inventory::LegRange;

/// A pool's berths, each with the legs that are taken, bit 0 = first leg.
#[derive(Clone, Debug)]
pub struct Seating {
    rows: Vec<u128>,
    legs: u32,
    /// Berths that nobody sits on.
    vacant: usize,
}

impl Seating {
    /// Of a train of so many legs, nobody on it.
    pub fn new(berths: u16, legs: usize) -> Self {
        Self { rows: vec![0; berths.into()], legs: legs as u32, vacant: berths.into() }
    }

    /// Seats so many on a journey that must leave `kept` berths vacant; all or nobody.
    pub fn seat(&mut self, legs: LegRange, heads: u16, kept: u16) -> bool {
        let heads = usize::from(heads);
        let opens = self.vacant.saturating_sub(kept.into());
        let trip = legs.mask().0;
        if heads > 1 {
            let beside = self.rows.iter().filter(|row| **row != 0 && **row & trip == 0).count();
            if beside + opens < heads {
                return false;
            }
        }
        (0..heads).all(|_| {
            let opens = self.vacant.saturating_sub(kept.into());
            self.seat_one(legs, trip, opens)
        })
    }

    fn seat_one(&mut self, legs: LegRange, trip: u128, opens: usize) -> bool {
        let (mut best, mut least) = (None, u32::MAX);
        for (place, row) in self.rows.iter().enumerate() {
            if row & trip == 0 {
                let gap = gap(*row, legs, self.legs);
                if gap < least && (*row != 0 || opens > 0) {
                    (best, least) = (Some(place), gap);
                }
            }
        }
        let Some(place) = best else { return false };
        self.vacant -= usize::from(self.rows[place] == 0);
        self.rows[place] |= trip;
        true
    }
}

/// Free legs around a journey on a row that is free on it.
fn gap(row: u128, legs: LegRange, count: u32) -> u32 {
    let before = row & ((1 << legs.from) - 1);
    let left = u32::from(legs.from) - (u128::BITS - before.leading_zeros());
    let right = (row >> legs.to).trailing_zeros().min(count - u32::from(legs.to));
    left + right
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn legs(from: u8, to: u8) -> LegRange {
        LegRange { from, to }
    }

    #[test]
    fn a_journey_that_must_leave_berths_vacant_sits_beside_others() {
        let mut pool = Seating::new(2, 4);
        assert!(pool.seat(legs(0, 2), 1, 1), "one of two is opened, one is left");
        assert!(!pool.seat(legs(1, 3), 1, 1), "the other is kept");
        assert!(pool.seat(legs(2, 4), 1, 1), "beside the first");
        assert!(!pool.seat(legs(0, 4), 2, 0), "all or nobody");
        assert!(pool.seat(legs(0, 4), 1, 0));
        assert!(!pool.seat(legs(3, 4), 1, 0), "full");
    }

    #[test]
    fn of_a_party_so_many_open_as_are_not_kept() {
        let mut pool = Seating::new(3, 2);
        assert!(pool.seat(legs(0, 1), 1, 0));
        assert!(!pool.seat(legs(1, 2), 3, 1), "one beside, one opened, one kept");
        assert!(pool.seat(legs(1, 2), 2, 1));
    }

    #[test]
    fn a_row_of_127_legs_has_no_leg_behind_the_last() {
        let mut pool = Seating::new(1, 127);
        assert!(pool.seat(legs(126, 127), 1, 0) && pool.seat(legs(0, 126), 1, 0));
        assert!(!pool.seat(legs(126, 127), 1, 0));
    }
}
