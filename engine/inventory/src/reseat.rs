//! Making room on a journey by moving passengers: who moves where.
//!
//! Berths can be free on every leg of a journey and yet none on all of them. If everybody may move,
//! room is made for as many as are free on the fullest leg, always: journeys on a line are intervals,
//! and intervals need no more berths than overlap somewhere (domain 3.1). If some may not, as those
//! who have paid, what is found is a way or none; a way may be missed.
//!
//! For each passenger in turn:
//!
//! 1. *Making way*: a berth is cleared on the journey, each passenger who sits there going to another
//!    berth that is free on their whole journey (the tightest, then the lowest). Of all berths that
//!    can be cleared so, the one with fewest to move, then the lowest.
//! 2. *Crossing over*: begin with a berth that is free at the start of the journey. At the leg where
//!    it is taken another is free; the two exchange what they carry from there to the first stop that
//!    nobody passes on either. The berth is now free further, and so on to the end of the journey. If
//!    everybody moves this always ends. Of the berths to
//!    begin with, those are tried that are free furthest; the one with fewest moves is taken.
//!
//! A way of one or two moves is taken as it is; of longer ones the second, if it has fewer. Whoever is moved twice, or back, is told
//! once or not at all. Nobody moves to a berth of another pool, and where a leg is out of sale nobody
//! is put. A pure function over rows: no command asks it and no event carries what it finds; it says
//! what moving would win (`berth-benches yield`).

#[cfg(test)]
mod twin;

use crate::{LegMask, LegRange, gap_of};

/// Somebody who may be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sitting {
    /// Where they sit, as a place in the list of berths.
    pub at: usize,
    /// On which legs.
    pub legs: LegRange,
}

/// One berth of a pool.
#[derive(Clone, Debug, Default)]
struct Row {
    /// What is taken, by whomever.
    taken: u128,
    /// Who may be moved away, places in the list of sittings.
    sitting: Vec<usize>,
}

/// Berths with which crossing over begins, if one of them leads to the end.
const BEGINNINGS: usize = 8;

/// What is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reseating {
    /// Who moves, a place in the list of sittings, and to which place in the list of berths.
    pub moves: Vec<(usize, usize)>,
    /// The places that are free on the journey then, one for each head.
    pub free: Vec<usize>,
}

/// A pool and who may move in it.
#[derive(Clone, Debug)]
struct Board<'a> {
    legs: u8,
    sittings: &'a [Sitting],
    rows: Vec<Row>,
    /// Where everybody sits by now.
    at: Vec<usize>,
}

/// Steps of a way: who goes where, in order.
type Way = Vec<(usize, usize)>;

/// Room for so many on a journey, in a pool whose berths are taken as `taken` says, by moving those
/// of `sittings`. `legs` counts those of the route.
///
/// # Panics
/// If a sitting is not within what is taken, or two of them overlap.
pub fn make_room(
    legs: u8,
    taken: &[LegMask],
    sittings: &[Sitting],
    journey: LegRange,
    heads: usize,
) -> Option<Reseating> {
    if !fits(taken, journey, heads) {
        return None;
    }
    let mut board = Board::new(legs, taken, sittings);
    let mut free = Vec::with_capacity(heads);
    for _ in 0..heads {
        let place = board.clear(journey)?;
        board.rows[place].taken |= journey.mask().0;
        free.push(place);
    }
    let all = board.at.iter().zip(sittings).enumerate();
    let moved = all.filter(|(_, (now, was))| **now != was.at);
    Some(Reseating { moves: moved.map(|(who, (now, _))| (who, *now)).collect(), free })
}

/// Whether every leg of a journey is free on so many berths.
pub fn fits(taken: &[LegMask], journey: LegRange, heads: usize) -> bool {
    (journey.from..journey.to).all(|leg| {
        let free = taken.iter().filter(|row| row.0 >> leg & 1 == 0);
        free.take(heads).count() == heads
    })
}

impl<'a> Board<'a> {
    fn new(legs: u8, taken: &[LegMask], sittings: &'a [Sitting]) -> Self {
        let row = |taken: &LegMask| Row { taken: taken.0, sitting: Vec::new() };
        let mut rows: Vec<Row> = taken.iter().map(row).collect();
        let mut seen = vec![0; rows.len()];
        for (who, Sitting { at, legs }) in sittings.iter().enumerate() {
            let mask = legs.mask().0;
            assert_eq!(rows[*at].taken & mask, mask, "sitting {who} is not on berth {at}");
            assert_eq!(seen[*at] & mask, 0, "sitting {who} on berth {at} is not alone");
            seen[*at] |= mask;
            rows[*at].sitting.push(who);
        }
        Self { legs, sittings, rows, at: sittings.iter().map(|sitting| sitting.at).collect() }
    }

    /// A berth that is free on the journey, after as few moves as are found.
    fn clear(&mut self, journey: LegRange) -> Option<usize> {
        let mask = journey.mask().0;
        if let Some(free) = self.tightest(journey, usize::MAX) {
            return Some(free);
        }
        let way = self.make_way(journey);
        // One move is as few as there can be, and crossing over seldom takes fewer than two.
        if let Some((place, way)) = &way
            && way.len() <= 2
        {
            self.walk(way);
            return Some(*place);
        }
        let over = self.cross_over(journey, way.as_ref().map_or(usize::MAX, |(_, way)| way.len()));
        let (place, way) = over.or(way)?;
        self.walk(&way);
        debug_assert_eq!(self.rows[place].taken & mask, 0, "berth {place} is cleared");
        Some(place)
    }

    fn walk(&mut self, way: &[(usize, usize)]) {
        // All stand up before anybody sits down: two may change places.
        for (who, _) in way {
            self.stand_up(*who);
        }
        for (who, to) in way {
            self.sit_down(*who, *to);
        }
    }

    fn stand_up(&mut self, who: usize) {
        let row = &mut self.rows[self.at[who]];
        row.taken &= !self.sittings[who].legs.mask().0;
        row.sitting.retain(|other| *other != who);
    }

    fn sit_down(&mut self, who: usize, to: usize) {
        let (row, mask) = (&mut self.rows[to], self.sittings[who].legs.mask().0);
        assert_eq!(row.taken & mask, 0, "berth {to} is taken where sitting {who} is moved to it");
        row.taken |= mask;
        row.sitting.push(who);
        self.at[who] = to;
    }

    /// The berth free on these legs with the smallest gap around them, but not this one.
    fn tightest(&self, legs: LegRange, but: usize) -> Option<usize> {
        let gap = |row: &Row| gap_of(LegMask(row.taken), legs, self.legs);
        let others = self.rows.iter().enumerate().filter(|(place, _)| *place != but);
        let free = others.filter_map(|(place, row)| gap(row).map(|(from, to)| (to - from, place)));
        free.min().map(|(_, place)| place)
    }

    /// Who sits on these legs of a berth; `None` if somebody does who may not move.
    fn in_the_way(&self, place: usize, mask: u128) -> Option<Vec<usize>> {
        let row = &self.rows[place];
        let on = |who: &&usize| self.sittings[**who].legs.mask().0 & mask != 0;
        let who: Vec<usize> = row.sitting.iter().filter(on).copied().collect();
        let theirs = who.iter().fold(0, |all, who| all | self.sittings[*who].legs.mask().0);
        (row.taken & mask & !theirs == 0).then_some(who)
    }

    /// The berth that is cleared with fewest moves, everybody going straight to a berth free for them.
    fn make_way(&self, journey: LegRange) -> Option<(usize, Way)> {
        let mask = journey.mask().0;
        let mut best: Option<(usize, Way)> = None;
        for place in 0..self.rows.len() {
            let Some(who) = self.in_the_way(place, mask) else { continue };
            if best.as_ref().is_some_and(|(_, way)| way.len() <= who.len()) {
                continue;
            }
            // They sat side by side here, so they are in nobody's way there.
            let go = |who: usize| self.tightest(self.sittings[who].legs, place).map(|to| (who, to));
            if let Some(way) = who.into_iter().map(go).collect::<Option<Way>>() {
                best = Some((place, way));
            }
        }
        best
    }

    /// The berth that is cleared with fewest moves, below `most`, by exchanging parts. The few that
    /// are free furthest are tried first; if one of them is cleared, no other is looked at.
    fn cross_over(&self, journey: LegRange, most: usize) -> Option<(usize, Way)> {
        let from = |row: &Row| (row.taken >> journey.from).trailing_zeros();
        let begins = |place: &usize| self.rows[*place].taken >> journey.from & 1 == 0;
        let mut places: Vec<usize> = (0..self.rows.len()).filter(begins).collect();
        places.sort_by_key(|place| core::cmp::Reverse(from(&self.rows[*place])));
        let mut best: Option<(usize, Way)> = None;
        for (tried, place) in places.into_iter().enumerate() {
            if tried >= BEGINNINGS && best.is_some() {
                break;
            }
            let most = best.as_ref().map_or(most, |(_, way)| way.len());
            if let Some(way) = self.cross_over_at(place, journey, most) {
                best = Some((place, way));
            }
        }
        best
    }

    fn cross_over_at(&self, place: usize, journey: LegRange, most: usize) -> Option<Way> {
        let mut board = self.clone();
        loop {
            let taken = board.rows[place].taken & journey.mask().0;
            if taken == 0 {
                break;
            }
            let leg = taken.trailing_zeros() as u8;
            let exchange = |other: usize| Some((board.exchange(place, other, leg)?, other));
            let others = (0..board.rows.len())
                .filter(|other| *other != place && board.rows[*other].taken >> leg & 1 == 0);
            let (way, _) =
                others.filter_map(exchange).min_by_key(|(way, other)| (way.len(), *other))?;
            board.walk(&way);
            if board.moved() >= most {
                return None;
            }
        }
        let all = board.at.iter().zip(&self.at).enumerate();
        Some(all.filter(|(_, (now, was))| now != was).map(|(who, (now, _))| (who, *now)).collect())
    }

    fn moved(&self) -> usize {
        self.at.iter().zip(self.sittings).filter(|(now, was)| **now != was.at).count()
    }

    /// What two berths exchange from a leg to the first stop that nobody passes on either; `None` if
    /// somebody may not move.
    fn exchange(&self, one: usize, other: usize, leg: u8) -> Option<Way> {
        let mut to = leg + 1;
        let passes = |place: usize, stop: u8| {
            let both = 0b11u128 << (stop - 1);
            let sits = |who: &usize| self.sittings[*who].legs.mask().0 & both == both;
            self.rows[place].sitting.iter().any(sits)
        };
        while to < self.legs && (passes(one, to) || passes(other, to)) {
            to += 1;
        }
        let mask = LegRange { from: leg, to }.mask().0;
        let there = self.in_the_way(one, mask)?.into_iter().map(|who| (who, other));
        let here = self.in_the_way(other, mask)?.into_iter().map(|who| (who, one));
        Some(there.chain(here).collect())
    }
}
