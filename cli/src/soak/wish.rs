//! What passengers want: parties, classes, journeys, drawn by the dice of one client.
//!
//! Mix: parties of 1 to 6 with a mean near 1.8, classes by their berths, three of five journeys on
//! the whole route; a few children without a berth, wishes, hard conditions and named berths.

use std::time::Duration;

use berth_client::v1;
use rand::Rng;
use rand::seq::IndexedRandom as _;

use super::stage::{StageRun, stop};
use crate::view::duration;

/// Chance of a party to be of 1 to 6, in percent.
const PARTIES: [u32; 6] = [52, 26, 11, 7, 2, 2];

/// How much of the mix is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taste {
    /// Everything.
    Mixed,
    /// One grown-up on the whole route in the largest class.
    Single,
}

/// A reserve without its request id.
pub fn wish(
    rng: &mut impl Rng,
    run: &StageRun,
    taste: Taste,
    ttl: Duration,
    reference: &str,
) -> v1::ReserveRequest {
    let class = class(rng, run, taste);
    let party = if taste == Taste::Single { 1 } else { party(rng) };
    let mut passengers: Vec<v1::Passenger> = (0..party).map(|_| passenger(rng, taste)).collect();
    // At least one needs a berth.
    passengers[0].without_berth = false;
    let needing = passengers.iter().filter(|p| !p.without_berth).count();
    let (from, to) = journey(rng, run, taste);
    let mixed = taste == Taste::Mixed;
    let conditions = (mixed && rng.random_ratio(1, 12)).then(|| v1::Conditions {
        all_in_one_coach: rng.random(),
        min_lower: u32::from(rng.random::<bool>()),
        preferences_are_hard: false,
        ..v1::Conditions::default()
    });
    let berths =
        if mixed && rng.random_ratio(1, 50) { named(rng, run, class, needing) } else { Vec::new() };
    v1::ReserveRequest {
        request_id: String::new(),
        run: Some(run.reference()),
        from_stop: Some(stop(from)),
        to_stop: Some(stop(to)),
        travel_class: class.into(),
        quota: String::new(),
        passengers,
        conditions,
        berths,
        ttl: Some(duration(ttl)),
        reference: reference.to_owned(),
        admission_token: String::new(),
    }
}

fn class(rng: &mut impl Rng, run: &StageRun, taste: Taste) -> v1::TravelClass {
    let largest = run.classes.iter().max_by_key(|(_, berths)| *berths);
    let by_berths = run.classes.choose_weighted(rng, |(_, berths)| *berths).ok();
    let chosen = if taste == Taste::Single { largest } else { by_berths };
    chosen.map_or(v1::TravelClass::Sleeper, |(class, _)| *class)
}

fn party(rng: &mut impl Rng) -> usize {
    let mut dice = rng.random_range(0..PARTIES.iter().sum());
    for (size, chance) in PARTIES.iter().enumerate() {
        if dice < *chance {
            return size + 1;
        }
        dice -= chance;
    }
    1
}

fn passenger(rng: &mut impl Rng, taste: Taste) -> v1::Passenger {
    let child = taste == Taste::Mixed && rng.random_ratio(1, 40);
    let age = if child { rng.random_range(0..5) } else { rng.random_range(5..85) };
    let wishes = [v1::BerthType::Lower, v1::BerthType::Upper, v1::BerthType::Window];
    let wish = (taste == Taste::Mixed && rng.random_ratio(1, 4)).then(|| wishes.choose(rng));
    let sexes = [v1::Sex::Male, v1::Sex::Female];
    v1::Passenger {
        years: Some(v1::passenger::Years::Age(age)),
        sex: sexes[usize::from(rng.random::<bool>())].into(),
        without_berth: child,
        preference: wish.flatten().map_or(0, |wish| *wish as i32),
    }
}

fn journey(rng: &mut impl Rng, run: &StageRun, taste: Taste) -> (u8, u8) {
    if taste == Taste::Single || run.legs == 1 || rng.random_ratio(3, 5) {
        return (0, run.legs);
    }
    let from = rng.random_range(0..run.legs);
    (from, rng.random_range(from + 1..=run.legs))
}

/// Berths of one class that follow each other; none if the class has too few.
fn named(
    rng: &mut impl Rng,
    run: &StageRun,
    class: v1::TravelClass,
    count: usize,
) -> Vec<v1::BerthName> {
    let of_class = |pool: &u8| run.pools[usize::from(*pool)].class == class as i32;
    let all: Vec<u16> = (0..run.berths() as u16)
        .filter(|berth| of_class(&run.pool_of[usize::from(*berth)]))
        .collect();
    if all.len() < count {
        return Vec::new();
    }
    let first = rng.random_range(0..=all.len() - count);
    let name = |berth: &u16| {
        let coach = run.coaches.iter().rev().find(|coach| coach.first <= *berth)?;
        let number = *coach.painted.get(usize::from(*berth - coach.first))?;
        Some(v1::BerthName { coach: coach.name.clone(), number })
    };
    all[first..first + count].iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    use super::*;
    use crate::soak::stage::tests::small_run;

    #[test]
    fn wishes_are_well_formed_and_the_same_for_the_same_seed() {
        let run = small_run();
        let draw = |seed: u64| {
            let mut rng = SmallRng::seed_from_u64(seed);
            let mut one = || wish(&mut rng, &run, Taste::Mixed, Duration::from_secs(60), "r");
            (0..500).map(|_| one()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        let wishes = draw(7);
        let mut people = 0;
        for wish in &wishes {
            let needing = wish.passengers.iter().filter(|p| !p.without_berth).count();
            assert!((1..=6).contains(&wish.passengers.len()) && needing > 0);
            assert!(wish.berths.is_empty() || wish.berths.len() == needing);
            people += wish.passengers.len();
        }
        let mean = people as f64 / wishes.len() as f64;
        assert!((1.5..2.3).contains(&mean), "{mean}");
    }
}
