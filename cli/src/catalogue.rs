//! The trains that `berth serve` sells: those of `--catalogue`, else those that come with berth.
//!
//! The shipped catalogue (`cli/catalogue/indian-railways.jsonl`) is written from public facts:
//! numbers, days, stops, kilometres and times of real trains of Indian Railways as of November
//! 2025, with rakes by class as published; coach ids and the build of a coach are ours.

use std::path::Path;

use berth_persistence::{Catalogue, CatalogueError};

use crate::rules::Under;

const SHIPPED: &str = include_str!("../catalogue/indian-railways.jsonl");

/// Loads a catalogue file, or the trains that come with berth; those without pools of their own stand
/// under the rule book.
pub fn load(file: Option<&Path>, rules: &Under) -> Result<Catalogue, CatalogueError> {
    match file {
        Some(path) => Catalogue::load_under(path, rules),
        None => Catalogue::parse_under(SHIPPED, rules),
    }
}

#[cfg(test)]
mod tests {
    use berth_inventory::TravelClass::{First, FirstAc, SecondAc, Sleeper, ThirdAc};
    use berth_inventory::{StopRef, TrainNumber, TravelClass};
    use berth_persistence::{CatalogueTrain, entry_from_json, entry_to_json};

    use super::*;

    fn load() -> Catalogue {
        let book = berth_rules::RuleBook::indian().clone();
        super::load(None, &Under { book, now: berth_inventory::UnixMillis(1_767_225_600_000) })
            .unwrap()
    }

    fn train<'a>(catalogue: &'a Catalogue, number: &str) -> &'a CatalogueTrain {
        let number: TrainNumber = number.parse().unwrap();
        catalogue.get(number).unwrap_or_else(|| panic!("{number} is not shipped"))
    }

    #[test]
    fn the_shipped_trains_are_real_and_many() {
        let catalogue = load();
        assert_eq!(catalogue.zone(), "Asia/Kolkata");
        assert!(catalogue.len() >= 20, "{} trains", catalogue.len());
        let stops = |number| train(&catalogue, number).stops().len();
        assert_eq!((stops("15909"), stops("13031")), (91, 119));
        assert_eq!(train(&catalogue, "13063").days().to_string(), "1111100");
        assert!(train(&catalogue, "22504").last_departure() > 3 * 1_440, "day 4");
    }

    #[test]
    fn the_mumbai_rajdhani_goes_overnight_from_mumbai_to_delhi() {
        let catalogue = load();
        let rajdhani = train(&catalogue, "12951");
        let at = |code: &str| {
            let station = StopRef::Station { code: code.parse().unwrap(), occurrence: 1 };
            rajdhani.resolve(station).map(|stop| rajdhani.stops()[usize::from(stop)].departure)
        };
        assert_eq!((at("MMCT"), at("NDLS"), at("MAS")), (Some(17 * 60), Some(1_952), None));
        let plan = rajdhani.plan();
        let coaches = |class| {
            let of = |coach: &&berth_inventory::Coach| plan.berth(coach.first).class == class;
            plan.coaches().iter().filter(of).count()
        };
        assert_eq!([FirstAc, SecondAc, ThirdAc, Sleeper].map(coaches), [1, 5, 11, 0]);
    }

    #[test]
    fn every_class_of_the_network_but_first_is_sold() {
        let catalogue = load();
        for class in TravelClass::ALL.iter().filter(|class| **class != First) {
            let sold = catalogue.trains().iter().any(|t| t.plan().classes().contains(class));
            assert!(sold, "no shipped train has {class}");
        }
    }

    #[test]
    fn the_file_is_written_in_canonical_form() {
        for line in SHIPPED.lines().skip(1) {
            assert_eq!(entry_to_json(&entry_from_json(line).unwrap()), line);
        }
    }
}
