//! Every way to seat those who may move, tried one after the other: what [`make_room`] is held to.

use super::*;

/// Numbers in no order, the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn journey(&mut self, legs: u8) -> LegRange {
        let from = self.below(legs.into()) as u8;
        LegRange { from, to: from + 1 + self.below(usize::from(legs - from)) as u8 }
    }
}

/// A pool: who sits where, and who of them may move.
#[derive(Debug)]
struct World {
    legs: u8,
    taken: Vec<LegMask>,
    sittings: Vec<Sitting>,
}

impl World {
    /// Random journeys on a few berths, of which some may not move: `fixed` of ten.
    fn draw(dice: &mut Draw, fixed: usize) -> Self {
        let legs = 3 + dice.below(5) as u8;
        let mut taken = vec![LegMask::EMPTY; 2 + dice.below(3)];
        let mut sittings = Vec::new();
        for _ in 0..6 + dice.below(10) {
            let (at, journey) = (dice.below(taken.len()), dice.journey(legs));
            if taken[at].intersects(journey.mask()) {
                continue;
            }
            taken[at].0 |= journey.mask().0;
            if dice.below(10) >= fixed && sittings.len() < 7 {
                sittings.push(Sitting { at, legs: journey });
            }
        }
        Self { legs, taken, sittings }
    }

    /// What nobody may move away.
    fn stays(&self) -> Vec<u128> {
        let mut stays: Vec<u128> = self.taken.iter().map(|mask| mask.0).collect();
        for sitting in &self.sittings {
            stays[sitting.at] &= !sitting.legs.mask().0;
        }
        stays
    }

    /// The rows when everybody sits so; `None` if two sit on one another.
    fn seated(&self, at: &[usize]) -> Option<Vec<u128>> {
        let mut rows = self.stays();
        for (sitting, at) in self.sittings.iter().zip(at) {
            let mask = sitting.legs.mask().0;
            if rows[*at] & mask != 0 {
                return None;
            }
            rows[*at] |= mask;
        }
        Some(rows)
    }

    /// The fewest moves after which so many berths are free on the journey.
    fn fewest(&self, journey: LegRange, heads: usize) -> Option<usize> {
        let berths = self.taken.len();
        let ways = berths.pow(self.sittings.len() as u32);
        let one = |way: usize| {
            let digit = |place: u32| way / berths.pow(place) % berths;
            let at: Vec<usize> = (0..self.sittings.len() as u32).map(digit).collect();
            let rows = self.seated(&at)?;
            let free = rows.iter().filter(|row| **row & journey.mask().0 == 0).count();
            let moved = at.iter().zip(&self.sittings).filter(|(at, was)| **at != was.at).count();
            (free >= heads).then_some(moved)
        };
        (0..ways).filter_map(one).min()
    }

    /// The moves that were found, after a look at whether they do what they say.
    fn found(&self, journey: LegRange, heads: usize) -> Option<usize> {
        let found = make_room(self.legs, &self.taken, &self.sittings, journey, heads)?;
        let mut at: Vec<usize> = self.sittings.iter().map(|sitting| sitting.at).collect();
        for (who, to) in &found.moves {
            assert_ne!(at[*who], *to, "a move goes somewhere: {self:?}");
            at[*who] = *to;
        }
        let rows = self.seated(&at).expect("nobody sits on anybody");
        assert_eq!(found.free.len(), heads);
        for (place, free) in found.free.iter().enumerate() {
            assert_eq!(rows[*free] & journey.mask().0, 0, "{self:?} {found:?}");
            assert!(!found.free[..place].contains(free), "each head has a berth");
        }
        Some(found.moves.len())
    }
}

#[test]
fn if_all_may_move_there_is_room_where_every_leg_has_some() {
    let mut dice = Draw(1);
    let (mut found, mut fewest, mut asked) = (0, 0, 0);
    for _ in 0..1_500 {
        let world = World::draw(&mut dice, 0);
        if world.stays().iter().any(|row| *row != 0) {
            continue; // more than are tried
        }
        let (journey, heads) = (dice.journey(world.legs), 1 + dice.below(2));
        let moves = world.found(journey, heads);
        assert_eq!(moves.is_some(), fits(&world.taken, journey, heads), "{world:?} {journey:?}");
        let least = world.fewest(journey, heads);
        assert_eq!(moves.is_some(), least.is_some());
        if let (Some(moves), Some(least)) = (moves, least) {
            assert!(least <= moves);
            (found, fewest, asked) =
                (found + moves, fewest + least, asked + usize::from(least > 0));
        }
    }
    assert!(asked > 50, "{asked} times somebody had to move");
    assert!(found * 100 <= fewest * 110, "{found} moves, {fewest} are enough");
}

#[test]
fn who_may_not_move_stays_and_a_way_is_seldom_missed() {
    let mut dice = Draw(2);
    let (mut found, mut possible) = (0, 0);
    for _ in 0..2_000 {
        let world = World::draw(&mut dice, 4);
        let (journey, heads) = (dice.journey(world.legs), 1 + dice.below(2));
        let moves = world.found(journey, heads);
        let least = world.fewest(journey, heads);
        assert!(least.is_some() || moves.is_none(), "{world:?} {journey:?}");
        if least.is_some_and(|least| least > 0) {
            (found, possible) = (found + usize::from(moves.is_some()), possible + 1);
        }
    }
    assert!(possible > 50, "{possible} times somebody had to move");
    assert!(found * 100 >= possible * 97, "{found} of {possible} ways are found");
}

#[test]
fn a_long_pool_is_packed_anew_as_far_as_its_fullest_leg() {
    let mut dice = Draw(3);
    let (legs, berths) = (40, 60);
    let mut taken = vec![LegMask::EMPTY; berths];
    let mut sittings: Vec<Sitting> = Vec::new();
    let mut moved = 0;
    for _ in 0..400 {
        let journey = dice.journey(legs);
        let mut load = (journey.from..journey.to)
            .map(|leg| taken.iter().filter(|row| row.0 >> leg & 1 == 1).count());
        let fits = load.all(|load| load < berths);
        let found = make_room(legs, &taken, &sittings, journey, 1);
        assert_eq!(found.is_some(), fits);
        let Some(found) = found else { continue };
        moved += found.moves.len();
        for (who, to) in &found.moves {
            let mask = sittings[*who].legs.mask().0;
            taken[sittings[*who].at].0 &= !mask;
            sittings[*who].at = *to;
        }
        for (who, _) in found.moves {
            let mask = sittings[who].legs.mask();
            assert!(!taken[sittings[who].at].intersects(mask));
            taken[sittings[who].at].0 |= mask.0;
        }
        sittings.push(Sitting { at: found.free[0], legs: journey });
        taken[found.free[0]].0 |= journey.mask().0;
    }
    assert!(moved > 0);
}
