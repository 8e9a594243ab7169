//! Which trains a rule is for: by number, by rake, or because they are sold end to end.

use core::ops::RangeInclusive;

use berth_inventory::{COACHES_MAX, TrainNumber, TravelClass};

use crate::RuleFault;
use crate::document::{Table, Value};
use crate::groups::Groups;

/// What a book says of single trains: `[[train]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrainNumbers {
    /// Each train named, and whether it is sold end to end.
    trains: Vec<(TrainNumber, bool)>,
}

impl TrainNumbers {
    pub(crate) fn read(root: &mut Table<'_, '_>) -> Result<Self, RuleFault> {
        let mut all = Self::default();
        for mut table in root.tables("train")? {
            let numbers = table.need("numbers")?;
            let end_to_end = table.need("end_to_end")?.flag()?;
            for number in numbers.each(read_number)? {
                if all.trains.iter().any(|(known, _)| *known == number) {
                    let what = format!("train {number} stands in another [[train]] already");
                    return Err(numbers.fault(what));
                }
                all.trains.push((number, end_to_end));
            }
            table.done()?;
        }
        Ok(all)
    }

    /// Whether a train is sold end to end: short trips go to the pooled quota.
    pub(crate) fn is_end_to_end(&self, number: &str) -> bool {
        self.trains.iter().any(|(known, end_to_end)| known.as_str() == number && *end_to_end)
    }
}

fn read_number(value: &Value<'_, '_>) -> Result<TrainNumber, RuleFault> {
    value.text()?.parse().map_err(|error| value.fault(format!("{error}")))
}

/// The sort of trains that have a quota. What is not said holds for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// Only these.
    pub trains: Option<Vec<TrainNumber>>,
    /// Only trains whose rake has one of these classes.
    pub with: Vec<TravelClass>,
    /// Only trains whose rake has none of these classes.
    pub without: Vec<TravelClass>,
    /// Only where so many coaches have the class.
    pub coaches: Option<RangeInclusive<u16>>,
    /// Only trains that are, or are not, sold end to end.
    pub end_to_end: Option<bool>,
}

const COACHES: &str = "a number of coaches: \"1\", \"2+\" or \"2-5\", at most 48";

impl Sort {
    pub(crate) fn read(
        table: &mut Table<'_, '_>,
        groups: &Groups,
        trains: &TrainNumbers,
    ) -> Result<Self, RuleFault> {
        let classes = |value: Option<Value<'_, '_>>| {
            value.map_or(Ok(Vec::new()), |value| groups.classes(&value))
        };
        let sort = Self {
            trains: table.take("trains").map(|value| value.each(read_number)).transpose()?,
            with: classes(table.take("with"))?,
            without: classes(table.take("without"))?,
            coaches: table
                .take("coaches")
                .map(|value| value.parsed(COACHES, coaches))
                .transpose()?,
            end_to_end: None,
        };
        let Some(value) = table.take("end_to_end") else { return Ok(sort) };
        let end_to_end = value.flag()?;
        if end_to_end && trains.trains.iter().all(|(_, end_to_end)| !end_to_end) {
            return Err(value.fault("is for trains sold end to end, but no [[train]] is one"));
        }
        Ok(Self { end_to_end: Some(end_to_end), ..sort })
    }

    /// Whether it says anything.
    pub(crate) fn is_for_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether no train can be of both sorts, as far as the words show.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        let apart = |a: &Self, b: &Self| {
            !a.with.is_empty() && a.with.iter().all(|class| b.without.contains(class))
        };
        let numbers = match (&self.trains, &other.trains) {
            (Some(a), Some(b)) => a.iter().all(|number| !b.contains(number)),
            _ => false,
        };
        let coaches = match (&self.coaches, &other.coaches) {
            (Some(a), Some(b)) => a.end() < b.start() || b.end() < a.start(),
            _ => false,
        };
        let ends = matches!((self.end_to_end, other.end_to_end), (Some(a), Some(b)) if a != b);
        numbers || coaches || ends || apart(self, other) || apart(other, self)
    }
}

fn coaches(text: &str) -> Option<RangeInclusive<u16>> {
    let number =
        |text: &str| text.parse().ok().filter(|number| (1..=COACHES_MAX as u16).contains(number));
    let range = if let Some(from) = text.strip_suffix('+') {
        number(from)?..=COACHES_MAX as u16
    } else if let Some((from, to)) = text.split_once('-') {
        number(from)?..=number(to)?
    } else {
        number(text)?..=number(text)?
    };
    (!range.is_empty()).then_some(range)
}
