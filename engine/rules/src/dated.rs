//! A figure that changes by date: rules change several times a year, runs keep theirs.

use berth_inventory::Date;

use crate::RuleFault;
use crate::document::Value;

/// A value and from which day on it holds. Days ascend; only the first may be missing: it then holds
/// since ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated<T> {
    values: Vec<(Option<Date>, T)>,
}

impl<T> Dated<T> {
    /// A value since ever.
    pub(crate) fn always(value: T) -> Self {
        Self { values: vec![(None, value)] }
    }

    /// Reads `value` or `[{ from = 2025-06-28, value = ... }, ...]`.
    pub(crate) fn read(
        value: &Value<'_, '_>,
        read: impl Fn(&Value<'_, '_>) -> Result<T, RuleFault>,
    ) -> Result<Self, RuleFault> {
        if !value.is_list() {
            return Ok(Self::always(read(value)?));
        }
        let mut values: Vec<(Option<Date>, T)> = Vec::new();
        for element in value.list()? {
            let here = element.clone();
            let mut step = element.table()?;
            let from = step.take("from");
            let date = from.as_ref().map(Value::date).transpose()?;
            if let Some((before, _)) = values.last() {
                let Some(date) = date else {
                    return Err(here.fault("has no `from`; only the first of a list may lack it"));
                };
                if let Some(before) = before.filter(|before| *before >= date) {
                    let place = from.as_ref().unwrap_or(&here);
                    let what = format!("{date} does not come after {before}, the date before it");
                    return Err(place.fault(what));
                }
            }
            values.push((date, read(&step.need("value")?)?));
            step.done()?;
        }
        if values.is_empty() {
            return Err(value.fault("is an empty list; name a value"));
        }
        Ok(Self { values })
    }

    /// What holds on a day; nothing before the first day named.
    pub fn on(&self, day: Date) -> Option<&T> {
        let holds = |(from, _): &&(Option<Date>, T)| from.is_none_or(|from| from <= day);
        self.values.iter().rev().find(holds).map(|(_, value)| value)
    }

    /// The days on which it changes.
    pub fn changes(&self) -> impl Iterator<Item = Date> + '_ {
        self.values.iter().filter_map(|(from, _)| *from)
    }

    /// Every value, with the day from which it holds.
    pub fn steps(&self) -> impl Iterator<Item = (Option<Date>, &T)> {
        self.values.iter().map(|(from, value)| (*from, value))
    }
}
