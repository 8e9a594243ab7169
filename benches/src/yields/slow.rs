//! Other ways to choose berths, as simple as they can be: what the machine is compared with.

use berth_inventory::{BerthIndex, LegRange};

use super::demand::Request;
use super::machine::Seats;
use crate::paired::Dice;

/// A way to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The smallest free gap around the journey, then the lowest number; no look at who belongs
    /// together.
    BestFit,
    /// The lowest number.
    FirstFit,
    /// Any.
    Random,
    /// The largest free gap: what evens out wear, and loses most.
    WorstFit,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::BestFit, Self::FirstFit, Self::Random, Self::WorstFit];

    /// As tables name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BestFit => "best fit, everybody alone",
            Self::FirstFit => "first fit",
            Self::Random => "random",
            Self::WorstFit => "worst fit",
        }
    }

    /// Where it seats each party on these berths, all or nobody.
    pub fn seats(self, berths: &[BerthIndex], legs: usize, requests: &[Request]) -> Vec<Seats> {
        let mut rows = vec![0u128; berths.len()];
        let mut dice = Dice(11);
        let mut one = |request: &Request| {
            let trip = mask(request.legs);
            let mut free: Vec<_> = (0..rows.len()).filter(|row| rows[*row] & trip == 0).collect();
            if free.len() < request.party.len() {
                return Seats::new();
            }
            let gap = |row: &usize| gap(rows[*row], request.legs, legs);
            match self {
                Self::BestFit => free.sort_by_key(gap),
                Self::WorstFit => free.sort_by_key(|row| core::cmp::Reverse(gap(row))),
                Self::FirstFit => {}
                Self::Random => {
                    for place in 0..request.party.len() {
                        let other = place + dice.below(free.len() - place);
                        free.swap(place, other);
                    }
                }
            }
            free.truncate(request.party.len());
            for row in &free {
                rows[*row] |= trip;
            }
            free.iter().map(|row| berths[*row]).collect()
        };
        requests.iter().map(&mut one).collect()
    }
}

fn mask(legs: LegRange) -> u128 {
    ((1 << (legs.to - legs.from)) - 1) << legs.from
}

/// Free legs beside the journey, on a row that is free on it.
fn gap(row: u128, legs: LegRange, count: usize) -> u32 {
    let before = row & ((1 << legs.from) - 1);
    let left = u32::from(legs.from) - (u128::BITS - before.leading_zeros());
    let right = (row >> legs.to).trailing_zeros().min(count as u32 - u32::from(legs.to));
    left + right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_what_is_free_beside_the_journey() {
        let legs = LegRange { from: 2, to: 4 };
        assert_eq!(gap(0, legs, 8), 2 + 4);
        assert_eq!(gap(0b0000_0010, legs, 8), 4);
        assert_eq!(gap(0b0001_0001, legs, 8), 1);
        assert_eq!(gap(0, LegRange { from: 0, to: 119 }, 119), 0);
    }
}
