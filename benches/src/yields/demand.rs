//! Who wants to travel: synthetic demand over the stops of a real train, the same for the same day.
//!
//! Gravity (domain 3.2): a pair of stops is wanted in proportion to the trains at both stations and
//! to the root of the distance, as Tatkal passengers do. Nothing of it was measured on passengers:
//! no public trace of requests exists. What is fixed here, days, loads, sizes and wishes, was fixed
//! before anything was tuned on it.

use std::collections::BTreeMap;

use berth_inventory::{AgeBand, BerthType, LegRange, PARTY_MAX, Passenger, Sex, Stop};

use crate::load::zipf::Weighted;
use crate::paired::Dice;

/// Reserved trains a week at a station; see the head of the file.
const DEPARTURES: &str = include_str!("../../data/departures.txt");
/// Days on which a tuner may learn, and days that it has not seen.
pub const TRAINING: core::ops::RangeInclusive<u32> = 1..=20;
/// See [`TRAINING`].
pub const HELD_OUT: core::ops::RangeInclusive<u32> = 21..=40;
/// Of a thousand parties, so many are of 1, 2, ... passengers: 2.2 on average.
const SIZES: [usize; PARTY_MAX] = [420, 280, 120, 110, 40, 30];
/// Of a thousand passengers, so many ask for a lower berth or a window.
const WISH: usize = 300;

/// The load of a day: what is asked for, in berth-kilometres, over what there is. From 0.8 to 2.0 in
/// steps of 0.1, each about as often on training days as on the others.
pub fn load_of(day: u32) -> f64 {
    0.8 + f64::from(day * 7 % 13) * 0.1
}

/// How many travel together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parties {
    /// Everybody alone.
    Single,
    /// 1 to 6, 2.2 on average.
    Mixed,
}

impl Parties {
    /// As tables name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Mixed => "mixed",
        }
    }
}

/// Minutes of a sale: 60 days (domain 1.6).
const SALE: u32 = 60 * 1_440;

/// When the requests of a day come. What they ask for, and in which order, is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// All when the sale opens.
    AtOnce,
    /// Evenly until the train leaves.
    Even,
    /// Half of them in the first tenth of the sale, the others evenly.
    Early,
}

impl Rhythm {
    /// Minutes before the departure at which the request in this place of so many comes.
    pub fn before(self, place: usize, of: usize) -> u32 {
        let (place, of) = (place as u64, of as u64);
        // In twentieths of the sale that are over, times `of`.
        let over = match self {
            Self::AtOnce => 0,
            Self::Even => 20 * place,
            Self::Early if 2 * place < of => 4 * place,
            Self::Early => 2 * of + 18 * (2 * place - of),
        };
        SALE - (u64::from(SALE) * over / (20 * of)) as u32
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The journey.
    pub legs: LegRange,
    /// Who; all or nobody.
    pub party: Vec<Passenger>,
    /// Kilometres of the journey.
    pub km: f64,
}

impl Request {
    /// Berth-kilometres that it asks for.
    pub fn berth_km(&self) -> f64 {
        self.km * self.party.len() as f64
    }
}

/// The demand for one train.
pub struct Demand {
    journeys: Vec<(LegRange, f64)>,
    weights: Weighted,
    route_km: f64,
    stops_km: Vec<u32>,
}

impl Demand {
    /// Over the stops of a train.
    pub fn of(stops: &[Stop]) -> Self {
        let known = departures();
        let trains = |stop: &Stop| known.get(stop.code.as_str()).copied().unwrap_or(1.0);
        let km = kilometres(stops);
        let (mut journeys, mut weights) = (Vec::new(), Vec::new());
        for from in 0..stops.len() {
            for to in from + 1..stops.len() {
                let length = km[to] - km[from];
                journeys.push((LegRange { from: from as u8, to: to as u8 }, length));
                weights.push(trains(&stops[from]) * trains(&stops[to]) * length.sqrt());
            }
        }
        let route_km = km[km.len() - 1];
        let stops_km = stops.iter().map(|stop| stop.km).collect();
        Self { journeys, weights: Weighted::of(&weights), route_km, stops_km }
    }

    /// Kilometres of each stop from the origin, as the timetable has them.
    pub fn stops_km(&self) -> Vec<u32> {
        self.stops_km.clone()
    }

    /// Kilometres of the whole route.
    pub fn route_km(&self) -> f64 {
        self.route_km
    }

    /// The requests of a day in the order in which they come, until `load` times what `berths` can
    /// carry is asked for.
    pub fn requests(&self, seed: u64, load: f64, berths: usize, parties: Parties) -> Vec<Request> {
        let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let wanted = load * berths as f64 * self.route_km;
        let (mut asked, mut requests) = (0.0, Vec::new());
        while asked < wanted {
            let (legs, km) = self.journeys[self.weights.draw(&mut dice)];
            let size = match parties {
                Parties::Single => 1,
                Parties::Mixed => size(&mut dice),
            };
            let party = (0..size).map(|_| passenger(&mut dice)).collect();
            let request = Request { legs, party, km };
            asked += request.berth_km();
            requests.push(request);
        }
        requests
    }
}

/// Kilometres of each stop, growing by one at least: two stations of a town may share a figure.
fn kilometres(stops: &[Stop]) -> Vec<f64> {
    let mut km: Vec<f64> = stops.iter().map(|stop| f64::from(stop.km)).collect();
    for place in 1..km.len() {
        km[place] = km[place].max(km[place - 1] + 1.0);
    }
    km
}

fn departures() -> BTreeMap<&'static str, f64> {
    let lines = DEPARTURES.lines().filter(|line| !line.starts_with('#'));
    let pair = |line: &'static str| line.split_once(' ').map(|(code, n)| (code, n.parse()));
    lines
        .map(|line| match pair(line) {
            Some((code, Ok(trains))) => (code, trains),
            _ => unreachable!("departures.txt: {line:?} is no station and number"),
        })
        .collect()
}

fn size(dice: &mut Dice) -> usize {
    let mut roll = dice.below(SIZES.iter().sum());
    let place = SIZES.iter().position(|share| {
        let hit = roll < *share;
        roll = roll.saturating_sub(*share);
        hit
    });
    place.expect("a roll is below the sum") + 1
}

/// Three tenths wish for a lower berth; one in eight is old enough to get one unasked.
fn passenger(dice: &mut Dice) -> Passenger {
    let sex = if dice.below(2) == 0 { Sex::Male } else { Sex::Female };
    let age = match dice.below(1_000) {
        0..80 => AgeBand::Child,
        80..750 => AgeBand::Adult,
        750..880 => AgeBand::Adult45,
        880..910 => AgeBand::Adult58,
        _ => AgeBand::Senior,
    };
    let preference = (dice.below(1_000) < WISH).then_some(BerthType::Lower);
    Passenger { age, sex, berth_required: true, preference }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yields::{entry, plan_of};

    #[test]
    fn a_day_is_the_same_every_time_and_asks_for_what_its_load_says() {
        let stops = plan_of(&entry("12841")).stops().to_vec();
        let demand = Demand::of(&stops);
        for parties in [Parties::Single, Parties::Mixed] {
            let day = |seed| demand.requests(seed, 1.2, 432, parties);
            assert_eq!(day(1), day(1));
            assert_ne!(day(1), day(2));
            let asked: f64 = day(1).iter().map(Request::berth_km).sum();
            let load = asked / (432.0 * demand.route_km());
            assert!((1.2..1.22).contains(&load), "{load}");
        }
        let mixed = demand.requests(3, 2.0, 1_000, Parties::Mixed);
        let heads: usize = mixed.iter().map(|request| request.party.len()).sum();
        let mean = heads as f64 / mixed.len() as f64;
        assert!((2.1..2.3).contains(&mean), "{mean}");
    }

    #[test]
    fn loads_of_training_days_and_of_the_others_span_the_same() {
        for days in [TRAINING, HELD_OUT] {
            let loads: Vec<f64> = days.map(load_of).collect();
            let ends = loads
                .iter()
                .fold((f64::MAX, 0.0f64), |(low, high), load| (low.min(*load), high.max(*load)));
            assert!((ends.0 - 0.8).abs() < 1e-9 && (ends.1 - 2.0).abs() < 1e-9, "{ends:?}");
        }
    }

    #[test]
    fn a_sale_is_over_when_the_train_leaves() {
        for rhythm in [Rhythm::Even, Rhythm::Early] {
            let times: Vec<u32> = (0..100).map(|place| rhythm.before(place, 100)).collect();
            assert_eq!(times[0], SALE);
            assert!(times.is_sorted_by(|a, b| a > b) && times[99] > 0, "{times:?}");
        }
        let early = Rhythm::Early.before(50, 100);
        assert_eq!(early, SALE / 10 * 9);
        assert_eq!(Rhythm::AtOnce.before(99, 100), SALE);
    }

    #[test]
    fn large_stations_draw_more_than_small_ones() {
        let stops = plan_of(&entry("12841")).stops().to_vec();
        let requests = Demand::of(&stops).requests(1, 2.0, 1_000, Parties::Single);
        let ends = |at: usize| {
            let at = at as u8;
            requests.iter().filter(|r| r.legs.from == at || r.legs.to == at).count()
        };
        let howrah = ends(0);
        let smallest = (0..stops.len()).map(ends).min().expect("there are stops");
        assert!(howrah > 3 * smallest, "{howrah} and {smallest}");
    }
}
