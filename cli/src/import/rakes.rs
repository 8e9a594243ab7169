//! The rakes file: which coaches a train has, for sources that do not say.
//!
//! ```toml
//! [[rake]]
//! trains = ["12951", "12952"]
//! coaches = ["H1:1A", "A1..A5:2A", "B1..B11:3A"]
//!
//! [[rake]]                # every other train of these GTFS route types
//! route_types = [2]
//! coaches = ["S1..S10:SL"]
//! ```
//! A coach is written as in a catalogue (`S9:SL@1-5` runs between stops 1 and 5); `B1..B11` counts
//! up. A train may stand in one rake only, and so may a route type.

use std::path::Path;

use berth_inventory::{COACHES_MAX, CoachCode, CoachEntry, coach_code};
use berth_persistence::coach_from_text;
use gtfs_structures::RouteType;
use hashbrown::HashMap;
use serde::Deserialize;

use super::ImportError;

/// Coaches by train number, and by route type for the rest.
#[derive(Debug, Default)]
pub(super) struct Rakes {
    lists: Vec<Vec<CoachEntry>>,
    by_train: HashMap<String, usize>,
    by_route_type: Vec<(RouteType, usize)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RakesFile {
    rake: Vec<Rake>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rake {
    #[serde(default)]
    trains: Vec<String>,
    #[serde(default)]
    route_types: Vec<RouteType>,
    coaches: Vec<String>,
}

impl Rakes {
    /// Reads a rakes file.
    pub(super) fn load(path: &Path) -> Result<Self, ImportError> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| ImportError::Unreadable { path: path.into(), error: e.to_string() })?;
        Self::parse(&text).map_err(|error| ImportError::Rakes { path: path.into(), error })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: RakesFile = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut rakes = Self::default();
        for (number, rake) in (1..).zip(file.rake) {
            let index = rakes.lists.len();
            let named = |what: String| format!("rake {number}: {what}");
            if rake.trains.is_empty() && rake.route_types.is_empty() {
                return Err(named("names neither trains nor route_types; add one".into()));
            }
            rakes.lists.push(coaches(&rake.coaches).map_err(named)?);
            for train in rake.trains {
                if let Some(first) = rakes.by_train.insert(train.clone(), index) {
                    let first = first + 1;
                    return Err(named(format!("train {train} stands in rake {first} already")));
                }
            }
            for route_type in rake.route_types {
                if rakes.by_route_type.iter().any(|(known, _)| *known == route_type) {
                    return Err(named(format!("route type {route_type:?} has a rake already")));
                }
                rakes.by_route_type.push((route_type, index));
            }
        }
        Ok(rakes)
    }

    /// The coaches of a train: its own, else those of its route type.
    pub(super) fn of(&self, train: &str, route_type: RouteType) -> Option<&[CoachEntry]> {
        let by_route_type =
            || self.by_route_type.iter().find(|(known, _)| *known == route_type).map(|(_, i)| i);
        let index = self.by_train.get(train).or_else(by_route_type)?;
        Some(&self.lists[*index])
    }
}

fn coaches(texts: &[String]) -> Result<Vec<CoachEntry>, String> {
    let mut coaches = Vec::new();
    for text in texts {
        let coach = coach_from_text(text).map_err(|fault| fault.to_string())?;
        if coach_code(&coach.layout) == CoachCode::Unknown {
            return Err(format!("coach {text:?} has an unknown layout {:?}", coach.layout));
        }
        match coach.id.split_once("..") {
            None => coaches.push(coach),
            Some((first, last)) => {
                let ids = ids(first, last).ok_or_else(|| {
                    format!(
                        "coach {text:?} is not a range of at most {COACHES_MAX}, such as B1..B11:3A"
                    )
                })?;
                coaches.extend(ids.into_iter().map(|id| CoachEntry { id, ..coach.clone() }));
            }
        }
    }
    Ok(coaches)
}

/// `B1`, `B11` -> `B1`, `B2` ... `B11`.
fn ids(first: &str, last: &str) -> Option<Vec<String>> {
    let digits = first.find(|c: char| c.is_ascii_digit())?;
    let (prefix, first) = first.split_at(digits);
    let (first, last): (u16, u16) = (first.parse().ok()?, last.strip_prefix(prefix)?.parse().ok()?);
    let count = usize::from(last.checked_sub(first)?) + 1;
    (count <= COACHES_MAX).then(|| (first..=last).map(|n| format!("{prefix}{n}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rakes: &Rakes, train: &str, route_type: RouteType) -> Option<String> {
        let coaches = rakes.of(train, route_type)?;
        let texts: Vec<String> = coaches.iter().map(|c| format!("{}:{}", c.id, c.layout)).collect();
        Some(texts.join(" "))
    }

    #[test]
    fn a_rake_is_found_by_train_then_by_route_type() {
        let rakes = Rakes::parse(
            r#"
            [[rake]]
            trains = ["12951"]
            coaches = ["H1:1A", "B9..B11:3A"]
            [[rake]]
            route_types = [2, 102]
            coaches = ["S1:SL"]
            "#,
        )
        .unwrap();
        let of = |train, route_type| of(&rakes, train, route_type);
        assert_eq!(of("12951", RouteType::Rail).unwrap(), "H1:1A B9:3A B10:3A B11:3A");
        assert_eq!(of("12952", RouteType::Rail).unwrap(), "S1:SL");
        assert_eq!(of("12952", RouteType::Bus), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let rake = |head: &str, coach: &str| format!("[[rake]]\n{head}\ncoaches = [\"{coach}\"]\n");
        let one = rake("trains = [\"1\"]", "B1:3A");
        for (text, word) in [
            (one.clone() + &one, "rake 2: train 1 stands in rake 1 already"),
            (rake("", "B1:3A"), "neither trains nor route_types"),
            (rake("trains = [\"1\"]", "B1"), "id:layout"),
            (rake("trains = [\"1\"]", "B1:8Z"), "8Z"),
            (rake("trains = [\"1\"]", "B5..B1:3A"), "B5..B1:3A"),
            (rake("trains = [\"1\"]", "B1..B999:3A"), "at most 48"),
            (rake("trains = [\"1\"]", "B1..C3:3A"), "B1..C3:3A"),
            (rake("train = [\"1\"]", "B1:3A"), "train"),
        ] {
            let error = Rakes::parse(&text).unwrap_err();
            assert!(error.contains(word), "{word:?} is not in {error:?}");
        }
    }
}
