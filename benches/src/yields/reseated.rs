//! What re-seating would win: best fit, and before a refusal those who may move make room, by the
//! machine's own function.

use berth_inventory::{BerthIndex, LegMask, Sitting, gap_of, make_room};

use super::demand::Request;
use super::machine::Seats;

/// Who may be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movable {
    /// Whoever has not paid, which takes as long as this many others need to ask.
    UntilPaid(usize),
    /// Everybody: numbers are given when the chart is made.
    UntilChart,
}

impl Movable {
    /// All that are measured.
    pub const ALL: [Self; 4] =
        [Self::UntilPaid(10), Self::UntilPaid(100), Self::UntilPaid(500), Self::UntilChart];

    /// As tables name it.
    pub fn name(self) -> String {
        match self {
            Self::UntilPaid(others) => {
                format!("who has not paid yet: {others} others ask meanwhile")
            }
            Self::UntilChart => "everybody, until the chart".into(),
        }
    }
}

/// A day with moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Where everybody sits in the end.
    pub seats: Vec<Seats>,
    /// Passengers moved, each time counted.
    pub moves: u64,
    /// Requests that got in by it.
    pub rooms: u64,
}

/// A pool on a day.
struct Pool {
    taken: Vec<LegMask>,
    sittings: Vec<Sitting>,
    /// Which request each of them is.
    of: Vec<usize>,
    legs: u8,
}

/// Seats each party on these berths, all or nobody.
pub fn seats(movable: Movable, berths: &[BerthIndex], legs: usize, requests: &[Request]) -> Moved {
    let mut pool = Pool {
        taken: vec![LegMask::EMPTY; berths.len()],
        sittings: Vec::new(),
        of: Vec::new(),
        legs: legs as u8,
    };
    let mut moved = Moved { seats: vec![Seats::new(); requests.len()], ..Moved::default() };
    for (place, request) in requests.iter().enumerate() {
        let mut free = pool.best_fit(request);
        if free.is_none() {
            let since = match movable {
                Movable::UntilPaid(others) => place.saturating_sub(others),
                Movable::UntilChart => 0,
            };
            free = pool.room(request, since).map(|(free, moves)| {
                moved.moves += moves;
                moved.rooms += 1;
                free
            });
        }
        let Some(free) = free else { continue };
        for at in free {
            pool.taken[at].0 |= request.legs.mask().0;
            pool.sittings.push(Sitting { at, legs: request.legs });
            pool.of.push(place);
        }
    }
    for (sitting, of) in pool.sittings.iter().zip(&pool.of) {
        moved.seats[*of].push(berths[sitting.at]);
    }
    moved
}

impl Pool {
    fn best_fit(&self, request: &Request) -> Option<Vec<usize>> {
        let gap = |row: &LegMask| gap_of(*row, request.legs, self.legs).map(|(a, b)| b - a);
        let free = self.taken.iter().enumerate().filter_map(|(at, row)| Some((gap(row)?, at)));
        let mut free: Vec<(u8, usize)> = free.collect();
        if free.len() < request.party.len() {
            return None;
        }
        free.sort_unstable();
        Some(free.into_iter().take(request.party.len()).map(|(_, at)| at).collect())
    }

    /// Room by moving those who asked at `since` or later; the berths, and how many moved.
    fn room(&mut self, request: &Request, since: usize) -> Option<(Vec<usize>, u64)> {
        let first = self.of.partition_point(|of| *of < since);
        let (sittings, heads) = (&self.sittings[first..], request.party.len());
        let found = make_room(self.legs, &self.taken, sittings, request.legs, heads)?;
        for (who, _) in &found.moves {
            let Sitting { at, legs } = self.sittings[first + who];
            self.taken[at].0 &= !legs.mask().0;
        }
        for (who, to) in &found.moves {
            let sitting = &mut self.sittings[first + who];
            let mask = sitting.legs.mask();
            assert!(!self.taken[*to].intersects(mask), "two passengers on one berth");
            sitting.at = *to;
            self.taken[*to].0 |= mask.0;
        }
        Some((found.free, found.moves.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yields::demand::{Demand, Parties};
    use crate::yields::{bound, entry, plan_of};

    #[test]
    fn who_moves_everybody_accepts_whom_the_fair_bound_accepts() {
        let plan = plan_of(&entry("12615"));
        let demand = Demand::of(plan.stops());
        let berths = &plan.pools()[1].berths;
        for parties in [Parties::Single, Parties::Mixed] {
            let requests = demand.requests(3, 1.4, berths.len(), parties);
            let found = seats(Movable::UntilChart, berths, plan.legs_count(), &requests);
            let fair = bound::fair(&requests, berths.len(), plan.legs_count());
            let accepted: Vec<bool> = found.seats.iter().map(|seats| !seats.is_empty()).collect();
            assert_eq!(accepted, fair);
            assert!(found.rooms > 0 && found.moves >= found.rooms);
        }
    }
}
