//! Trains made for measuring: one class, every berth in one pool, so that its size is what is said.
//!
//! A real class has 50 to 400 berths in a pool; one pool of 1,200 is the worst that is promised.

use berth_inventory::{
    CoachEntry, Entry, Opens, PoolEntry, PoolSize, Promotion, RunningDays, StopEntry, TravelClass,
};

/// Berths of a sleeper coach.
pub const COACH_BERTHS: usize = 80;
/// Minutes between two stops: 118 legs fit into three days.
const LEG_MINUTES: u32 = 30;

/// What a train is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Coaches of 80 berths.
    pub coaches: usize,
    /// Legs of its route.
    pub legs: u16,
}

impl Shape {
    /// The train of the promises: 1,200 berths, 24 legs.
    pub const PROMISED: Self = Self { coaches: 15, legs: 24 };

    /// Berths, all in one pool.
    pub const fn berths(self) -> usize {
        self.coaches * COACH_BERTHS
    }
}

/// Train `number` of a catalogue, daily.
pub fn entry(number: usize, shape: Shape) -> Entry {
    let last = u32::from(shape.legs);
    let stop = |place: u32| StopEntry {
        code: format!("S{place}"),
        km: place * 50,
        arrival: (place > 0).then_some(600 + place * LEG_MINUTES),
        departure: (place < last).then_some(602 + place * LEG_MINUTES),
    };
    Entry {
        number: number.to_string(),
        name: "BENCH".into(),
        days: RunningDays::DAILY,
        stops: (0..=last).map(stop).collect(),
        coaches: (1..=shape.coaches)
            .map(|n| CoachEntry { id: format!("S{n}"), layout: "SL".into(), stops: None })
            .collect(),
        pools: vec![PoolEntry {
            quota: "GN".into(),
            class: TravelClass::Sleeper,
            size: PoolSize::Rest,
            board: None,
            alight: None,
            opens: Opens::WithRun,
            party_max: 6,
            eligible: Vec::new(),
            rac: 0,
            waiting: None,
            promotion: Promotion::default(),
            kept: Vec::new(),
        }],
        rules: None,
    }
}

/// Journeys as they come: 1 leg to 40 % of the route, from anywhere. The same for the same seed.
#[derive(Clone, Debug)]
pub struct Journeys {
    seed: u64,
    legs: u64,
}

impl Journeys {
    /// Over a route of `legs` legs.
    pub fn new(seed: u64, legs: u16) -> Self {
        Self { seed: seed.wrapping_mul(2).wrapping_add(1), legs: u64::from(legs) }
    }

    /// The next journey: places of its stops, 1-based.
    pub fn draw(&mut self) -> (u16, u16) {
        // Knuth's MMIX generator; its high bits are good enough to scatter journeys.
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let length = 1 + (self.seed >> 33) % (self.legs * 2 / 5).max(1);
        let from = (self.seed >> 17 & 0xffff) % (self.legs - length + 1);
        (from as u16 + 1, (from + length) as u16 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_inventory::{LegRange, Plan, PlanHash, PoolIndex};

    #[test]
    fn a_shape_is_what_it_says() {
        for shape in
            [Shape::PROMISED, Shape { coaches: 5, legs: 2 }, Shape { coaches: 1, legs: 118 }]
        {
            let plan = Plan::new(&entry(10_001, shape), PlanHash([1; 32])).unwrap();
            assert_eq!(plan.legs_count(), usize::from(shape.legs));
            assert_eq!(plan.pools().len(), 1);
            let whole = LegRange { from: 0, to: shape.legs as u8 };
            assert_eq!(usize::from(plan.capacity(PoolIndex(0), whole)), shape.berths());
        }
    }

    #[test]
    fn journeys_stay_on_the_route_and_reach_all_of_it() {
        for legs in [1, 2, 24, 118] {
            let mut journeys = Journeys::new(7, legs);
            let drawn: Vec<_> = (0..10_000).map(|_| journeys.draw()).collect();
            for (from, to) in &drawn {
                assert!(1 <= *from && from < to && *to <= legs + 1, "{from} to {to} of {legs}");
            }
            assert!(drawn.iter().any(|(from, _)| *from == 1));
            assert!(drawn.iter().any(|(_, to)| *to == legs + 1));
        }
    }
}
