//! Groups of classes: names of the author's own for what the rules tell apart.

use berth_inventory::TravelClass;

use crate::RuleFault;
use crate::document::{Table, Value};

/// Every class, in a list of classes.
const ALL: &str = "all";

/// The groups of a book, by name.
pub(crate) struct Groups(Vec<(Box<str>, Vec<TravelClass>)>);

impl Groups {
    /// Reads `[groups]`.
    pub(crate) fn read(root: &mut Table<'_, '_>) -> Result<Self, RuleFault> {
        let mut groups = Self(Vec::new());
        let Some(value) = root.take("groups") else { return Ok(groups) };
        for (name, value) in value.table()?.all() {
            if name == ALL || name.parse::<TravelClass>().is_ok() {
                return Err(value.fault("is a word that means a class already; name it otherwise"));
            }
            let classes = value.each(|value| class(value))?;
            groups.0.push((name.into(), classes));
        }
        Ok(groups)
    }

    /// A list of classes and groups, in the order of the classes' numbers.
    pub(crate) fn classes(&self, value: &Value<'_, '_>) -> Result<Vec<TravelClass>, RuleFault> {
        let mut classes: Vec<TravelClass> = Vec::new();
        let lists = value.each(|value| {
            let word = value.text()?;
            if word == ALL {
                return Ok(TravelClass::ALL.to_vec());
            }
            match self.0.iter().find(|(name, _)| **name == *word) {
                Some((_, classes)) => Ok(classes.clone()),
                None => class(value).map(|class| vec![class]).map_err(|_| {
                    let groups: Vec<&str> = self.0.iter().map(|(name, _)| &**name).collect();
                    let known = TravelClass::ALL.iter().map(|class| class.code());
                    let known: Vec<&str> = known.chain([ALL]).chain(groups).collect();
                    let start: String = word.chars().take(24).collect();
                    value.fault(format!(
                        "{start:?} is neither a class nor a group; known: {}",
                        known.join(" ")
                    ))
                }),
            }
        })?;
        for class in lists.into_iter().flatten() {
            if classes.contains(&class) {
                return Err(value.fault(format!("names {class} twice")));
            }
            classes.push(class);
        }
        classes.sort_unstable();
        Ok(classes)
    }
}

fn class(value: &Value<'_, '_>) -> Result<TravelClass, RuleFault> {
    value.text()?.parse().map_err(|error| value.fault(format!("{error}")))
}
