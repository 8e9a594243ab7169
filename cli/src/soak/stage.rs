//! The runs that a soak plays on, as the public listener shows them: stops, coaches, berths, pools.
//!
//! Berths are numbered here in the order of the map: coach by coach, then by number.

use berth_client::{Client, v1};
use hashbrown::HashMap;

use super::SoakError;

/// One coach of a run.
#[derive(Clone, Debug)]
pub struct Coach {
    pub name: String,
    /// Number of its first berth.
    pub first: u16,
    /// Numbers painted on its berths, ascending.
    pub painted: Vec<u32>,
}

/// What a berth is sold as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolKey {
    pub class: i32,
    pub quota: String,
}

/// One run.
#[derive(Clone, Debug)]
pub struct StageRun {
    pub train: String,
    pub start_date: String,
    /// `12951/2026-12-01`.
    pub name: String,
    pub legs: u8,
    pub coaches: Vec<Coach>,
    /// Pool of each berth, as a place in `pools`.
    pub pool_of: Vec<u8>,
    pub pools: Vec<PoolKey>,
    /// Classes that the general quota sells, with the number of its berths.
    pub classes: Vec<(v1::TravelClass, u32)>,
    /// Version when the soak began.
    pub first_version: u64,
}

impl StageRun {
    /// From a map of the whole route.
    pub fn of(map: &v1::BerthMap, first_version: u64) -> Option<Self> {
        let legs = map.to_stop.as_ref()?.sequence.checked_sub(1)?;
        let mut run = Self {
            train: map.train.clone(),
            start_date: map.start_date.clone(),
            name: format!("{}/{}", map.train, map.start_date),
            legs: u8::try_from(legs).ok().filter(|legs| (1..=127).contains(legs))?,
            coaches: Vec::new(),
            pool_of: Vec::new(),
            pools: Vec::new(),
            classes: Vec::new(),
            first_version,
        };
        for coach in &map.coaches {
            let first = u16::try_from(run.pool_of.len()).ok()?;
            let painted = coach.berths.iter().map(|berth| berth.number).collect();
            run.coaches.push(Coach { name: coach.coach.clone(), first, painted });
            for berth in &coach.berths {
                let key = PoolKey { class: berth.travel_class, quota: berth.quota.clone() };
                let known = run.pools.iter().position(|pool| *pool == key);
                let pool = known.unwrap_or_else(|| {
                    run.pools.push(key);
                    run.pools.len() - 1
                });
                run.pool_of.push(u8::try_from(pool).ok()?);
            }
        }
        for (place, pool) in run.pools.iter().enumerate().filter(|(_, pool)| pool.quota == "GN") {
            let berths = run.pool_of.iter().filter(|p| usize::from(**p) == place).count();
            if let Ok(class) = v1::TravelClass::try_from(pool.class) {
                run.classes.push((class, berths as u32));
            }
        }
        Some(run)
    }

    /// How many berths it has.
    pub fn berths(&self) -> usize {
        self.pool_of.len()
    }

    /// The berth of this name.
    pub fn berth(&self, coach: &str, painted: u32) -> Option<u16> {
        let coach = self.coaches.iter().find(|c| c.name == coach)?;
        let place = coach.painted.binary_search(&painted).ok()?;
        Some(coach.first + place as u16)
    }

    /// The name of this berth, `B3-12`.
    pub fn berth_name(&self, berth: u16) -> String {
        let found = self.coaches.iter().rev().find(|c| c.first <= berth);
        let named = found.and_then(|c| {
            Some(format!("{}-{}", c.name, c.painted.get(usize::from(berth - c.first))?))
        });
        named.unwrap_or_else(|| format!("berth number {berth}"))
    }

    /// As a request names it.
    pub fn reference(&self) -> v1::RunRef {
        let day = v1::run_ref::Day::StartDate(self.start_date.clone());
        v1::RunRef { train: self.train.clone(), day: Some(day) }
    }
}

/// A stop by its number, from 0.
pub fn stop(place: u8) -> v1::StopRef {
    let sequence = v1::stop_ref::Stop::Sequence(u32::from(place) + 1);
    v1::StopRef { stop: Some(sequence), occurrence: 0 }
}

/// All runs of a soak.
#[derive(Debug, Default)]
pub struct Stage {
    pub runs: Vec<StageRun>,
    by_name: HashMap<String, u32>,
}

impl Stage {
    /// Of these runs.
    pub fn of(runs: Vec<StageRun>) -> Self {
        let by_name = runs.iter().enumerate().map(|(i, r)| (r.name.clone(), i as u32)).collect();
        Self { runs, by_name }
    }

    /// The run of this number.
    pub fn run(&self, number: u32) -> &StageRun {
        &self.runs[number as usize]
    }

    /// The number of this run, if the soak plays on it.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }
}

/// Reads one run from the server; `None` if it is not to be had there.
pub async fn discover(
    client: &Client,
    train: &str,
    start_date: &str,
) -> Result<Option<StageRun>, SoakError> {
    use v1::get_berth_map_response::Outcome;
    let day = v1::run_ref::Day::StartDate(start_date.to_owned());
    let run = Some(v1::RunRef { train: train.to_owned(), day: Some(day) });
    let ask = v1::GetBerthMapRequest { run, ..v1::GetBerthMapRequest::default() };
    let said = client.get_berth_map(ask).await?;
    match said.outcome {
        Some(Outcome::Map(map)) => Ok(StageRun::of(&map, said.run_version)),
        _ => Ok(None),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A run of two coaches of four berths, three legs, one pool each.
    pub fn small_run() -> StageRun {
        let berth = |number: u32, class: v1::TravelClass| v1::BerthCell {
            number,
            travel_class: class.into(),
            quota: "GN".into(),
            ..v1::BerthCell::default()
        };
        let coach = |name: &str, class| v1::CoachMap {
            coach: name.into(),
            berths: (1..=4).map(|n| berth(n, class)).collect(),
            ..v1::CoachMap::default()
        };
        let map = v1::BerthMap {
            train: "12951".into(),
            start_date: "2026-12-01".into(),
            to_stop: Some(v1::Stop { sequence: 4, code: "NDLS".into() }),
            coaches: vec![
                coach("A1", v1::TravelClass::SecondAc),
                coach("B1", v1::TravelClass::ThirdAc),
            ],
            ..v1::BerthMap::default()
        };
        StageRun::of(&map, 0).unwrap()
    }

    #[test]
    fn berths_are_found_by_name_and_named_by_number() {
        let run = small_run();
        assert_eq!((run.legs, run.berths()), (3, 8));
        assert_eq!(run.berth("B1", 2), Some(5));
        assert_eq!(run.berth_name(5), "B1-2");
        assert_eq!((run.berth("B1", 9), run.berth("C1", 1)), (None, None));
        assert_eq!(run.classes, [(v1::TravelClass::SecondAc, 4), (v1::TravelClass::ThirdAc, 4)]);
        let stage = Stage::of(vec![run]);
        assert_eq!((stage.find("12951/2026-12-01"), stage.find("1/2026-12-01")), (Some(0), None));
    }
}
