//! The trains of a bench: 1,000 of real shape, and two that a hot load goes to.
//!
//! A train of real shape has 24 legs, 1,212 berths of four classes in 17 coaches and the default
//! pools. The largest train that a catalogue may describe has 48 coaches; of second sitting these
//! are 5,184 seats, which is the bench's hot run.

use std::path::{Path, PathBuf};

use berth_inventory::{
    CoachEntry, Entry, Opens, PoolEntry, PoolSize, Promotion, RunningDays, StopEntry, TravelClass,
};
use berth_persistence::{entry_to_json, header_to_json};
use berth_proto::v1::RunRef;

use super::zipf::Weighted;
use crate::fault::{Bench, BenchError};
use crate::paired::Dice;

/// Trains that a spread load goes to.
pub const STAGE_TRAINS: usize = 1_000;
/// The train of real shape that a hot load goes to.
pub const HOT_REAL: usize = STAGE_TRAINS;
/// The largest train, one pool.
pub const HOT_BENCH: usize = STAGE_TRAINS + 1;
/// Legs of every train.
pub const LEGS: u32 = 24;
/// Number of the first train.
const FIRST: usize = 10_000;
/// Days from today to the start of the runs: every pool that opens early enough is open, and no day
/// of the bench is their last.
const DAYS_AHEAD: i32 = 5;
/// Coaches of a train of real shape.
const RAKE: [(&str, TravelClass, usize, f64); 4] = [
    ("SL", TravelClass::Sleeper, 9, 720.0),
    ("3A", TravelClass::ThirdAc, 5, 360.0),
    ("2A", TravelClass::SecondAc, 2, 108.0),
    ("1A", TravelClass::FirstAc, 1, 24.0),
];

/// How a load is spread over trains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Over the 1,000 by a Zipf law; 0 is uniform.
    Zipf(f64),
    /// All to this one.
    Hot(usize),
    /// All to this one, on another day: a run that nobody has asked for anything.
    Fresh(usize, i32),
}

/// What one load draws its wishes from.
#[derive(Clone, Debug)]
pub struct Stage {
    trains: Vec<Vec<u8>>,
    choice: Weighted,
    classes: Vec<(u8, f64)>,
    class_choice: Weighted,
    legs: u8,
}

/// One wish: the run as bytes of a `RunRef`, stops counted from 1, and a class.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub run: &'a [u8],
    pub from: u8,
    pub to: u8,
    pub class: u8,
}

impl Stage {
    /// For a load that is spread so.
    pub fn new(spread: Spread) -> Self {
        let (trains, exponent) = match spread {
            Spread::Zipf(exponent) => ((0..STAGE_TRAINS).collect(), exponent),
            Spread::Hot(train) | Spread::Fresh(train, _) => (vec![train], 0.0),
        };
        let date = match spread {
            Spread::Fresh(_, days) => day_ahead(DAYS_AHEAD + days),
            _ => start_date(),
        };
        let classes: Vec<_> = if spread == Spread::Hot(HOT_BENCH) {
            vec![(TravelClass::SecondSitting as u8, 1.0)]
        } else {
            RAKE.iter().map(|(_, class, _, berths)| (*class as u8, *berths)).collect()
        };
        let weights: Vec<_> = classes.iter().map(|class| class.1).collect();
        Self {
            choice: Weighted::zipf(trains.len(), exponent),
            trains: trains.iter().map(|train| run_ref(*train, &date)).collect(),
            class_choice: Weighted::of(&weights),
            classes,
            legs: LEGS as u8,
        }
    }

    /// For a load that goes to these runs by a Zipf law, in one class, on routes of `legs` legs.
    pub fn over(runs: &[RunRef], exponent: f64, legs: u8, class: TravelClass) -> Self {
        use prost::Message as _;
        Self {
            trains: runs.iter().map(RunRef::encode_to_vec).collect(),
            choice: Weighted::zipf(runs.len(), exponent),
            classes: vec![(class as u8, 1.0)],
            class_choice: Weighted::of(&[1.0]),
            legs,
        }
    }

    /// Only this class.
    #[must_use]
    pub fn only(mut self, class: TravelClass) -> Self {
        self.classes = vec![(class as u8, 1.0)];
        self.class_choice = Weighted::of(&[1.0]);
        self
    }

    /// Draws a wish.
    pub fn wish(&self, dice: &mut Dice) -> Wish<'_> {
        let train = self.choice.draw(dice);
        let length = 1 + dice.below(journey_max(self.legs)) as u8;
        let from = 1 + dice.below((self.legs + 1 - length).into()) as u8;
        let class = self.classes[self.class_choice.draw(dice)].0;
        Wish { run: &self.trains[train], from, to: from + length, class }
    }

    /// The whole route of the first train.
    pub fn whole_route(&self) -> Wish<'_> {
        Wish { run: &self.trains[0], from: 1, to: self.legs + 1, class: self.classes[0].0 }
    }

    /// Writes the catalogue of all trains of this file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_catalogue(dir: &Path) -> Bench<PathBuf> {
        let path = dir.join("stage.jsonl");
        let entries = (0..=HOT_BENCH).map(|train| entry_to_json(&entry(train)));
        let lines: Vec<_> =
            core::iter::once(header_to_json("Asia/Kolkata")).chain(entries).collect();
        let written = std::fs::write(&path, lines.join("\n"));
        written.map_err(BenchError::io(format!("write {}", path.display())))?;
        Ok(path)
    }
}

/// Longest journey, legs: 40 % of the route.
fn journey_max(legs: u8) -> usize {
    (usize::from(legs) * 2 / 5).max(1)
}

/// Number of a train.
pub fn number(train: usize) -> String {
    (FIRST + train).to_string()
}

/// The day on which all runs start.
pub fn start_date() -> String {
    day_ahead(DAYS_AHEAD)
}

fn day_ahead(days: i32) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let today = now.map_or(0, |now| now.as_secs() / 86_400) as i32;
    berth_inventory::Date::from_days(today + days).to_string()
}

fn run_ref(train: usize, date: &str) -> Vec<u8> {
    use prost::Message as _;
    let day = berth_proto::v1::run_ref::Day::StartDate(date.to_owned());
    berth_proto::v1::RunRef { train: number(train), day: Some(day) }.encode_to_vec()
}

fn entry(train: usize) -> Entry {
    let stop = |place: u32| StopEntry {
        code: format!("S{:03}", (place as usize * 7 + train) % 1_000),
        km: place * 45,
        arrival: (place > 0).then_some(360 + place * 45),
        departure: (place < LEGS).then_some(362 + place * 45),
    };
    let coach = |layout: &str, n: usize| CoachEntry {
        id: format!("{}{n}", layout.replace(char::is_numeric, "")),
        layout: layout.into(),
        stops: None,
    };
    let (coaches, pools) = if train == HOT_BENCH {
        let pool = PoolEntry {
            quota: "GN".into(),
            class: TravelClass::SecondSitting,
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
        };
        ((1..=48).map(|n| coach("2S", n)).collect(), vec![pool])
    } else {
        let coaches = RAKE.iter().enumerate().flat_map(|(place, (layout, _, count, _))| {
            (1..=*count).map(move |n| coach(layout, place * 10 + n))
        });
        (coaches.collect(), Vec::new())
    };
    Entry {
        number: number(train),
        name: format!("BENCH {train}"),
        days: RunningDays::DAILY,
        stops: (0..=LEGS).map(stop).collect(),
        coaches,
        pools,
        rules: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trains_are_sound_and_of_the_shape_they_say() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = Stage::write_catalogue(dir.path()).expect("a catalogue");
        let catalogue = berth_persistence::Catalogue::load(&path).expect("a sound catalogue");
        assert_eq!(catalogue.len(), HOT_BENCH + 1);
        let berths = |train| {
            let plan =
                berth_inventory::Plan::new(&entry(train), berth_inventory::PlanHash([0; 32]));
            let plan = plan.expect("a plan");
            plan.coaches().iter().map(|coach| usize::from(coach.count)).sum::<usize>()
        };
        assert_eq!((berths(0), berths(HOT_REAL), berths(HOT_BENCH)), (1_212, 1_212, 5_184));
    }

    #[test]
    fn wishes_stay_on_the_route() {
        let stage = Stage::new(Spread::Zipf(0.8));
        let mut dice = Dice(3);
        for _ in 0..1_000 {
            let wish = stage.wish(&mut dice);
            assert!(wish.from >= 1 && wish.from < wish.to && u32::from(wish.to) <= LEGS + 1);
            assert!(usize::from(wish.to - wish.from) <= 9);
        }
    }
}
