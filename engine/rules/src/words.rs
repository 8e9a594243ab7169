//! How statuses are printed, what is wished for when nothing is said, and the switches.

use berth_inventory::{AgeBand, BerthType, Eligible, Passenger, Promotion, Sex, TravelClass};

use crate::RuleFault;
use crate::document::{Table, Value};
use crate::fault::At;
use crate::groups::Groups;
use crate::quota::read_eligible;

/// What a label may hold, each in braces: the list's label, a number, the number at booking and the
/// one of now.
const HOLES: [&str; 4] = ["list", "n", "booked", "now"];

/// How statuses are printed. Holes are `{list}`, `{n}`, `{booked}` and `{now}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// A passenger with a berth of his own.
    pub confirmed: Box<str>,
    /// A passenger who shares one: status at booking and now.
    pub rac: Box<str>,
    /// A passenger on a list: status at booking and now.
    pub waiting: Box<str>,
    /// An availability with berths left.
    pub available: Box<str>,
    /// An availability with shared berths left.
    pub rac_left: Box<str>,
    /// An availability with places on a list left.
    pub waiting_left: Box<str>,
    /// An availability with nothing left.
    pub regret: Box<str>,
}

impl Labels {
    /// Reads `[labels]`.
    pub(crate) fn read(mut table: Table<'_, '_>) -> Result<Self, RuleFault> {
        let labels = Self {
            confirmed: label(&table.need("confirmed")?)?,
            rac: label(&table.need("rac")?)?,
            waiting: label(&table.need("waiting")?)?,
            available: label(&table.need("available")?)?,
            rac_left: label(&table.need("rac_left")?)?,
            waiting_left: label(&table.need("waiting_left")?)?,
            regret: label(&table.need("regret")?)?,
        };
        table.done()?;
        Ok(labels)
    }
}

fn label(value: &Value<'_, '_>) -> Result<Box<str>, RuleFault> {
    let text = value.text()?;
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        let hole = rest[open..].strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let Some((_, behind)) = hole.filter(|(hole, _)| HOLES.contains(hole)) else {
            let what = format!("{text:?} has a hole that is none of {{{}}}", HOLES.join("} {"));
            return Err(value.fault(what));
        };
        rest = behind;
    }
    if text.is_empty() || text.len() > 40 {
        return Err(value.fault(format!("{} bytes long; 1 to 40 allowed", text.len())));
    }
    Ok(text.into())
}

/// Which berth is given first to somebody who wishes for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    pub(crate) at: At,
    /// In which classes.
    pub classes: Vec<TravelClass>,
    /// Berth types, the first one first.
    pub order: Vec<BerthType>,
}

impl Preference {
    /// Reads one `[[preference]]`.
    pub(crate) fn read(mut table: Table<'_, '_>, groups: &Groups) -> Result<Self, RuleFault> {
        let classes = groups.classes(&table.need("classes")?)?;
        let order = table.need("order")?.each(|value| {
            value.text()?.parse::<BerthType>().map_err(|error| value.fault(error.to_string()))
        })?;
        table.done()?;
        Ok(Self { at: table.at().clone(), classes, order })
    }
}

/// Who gets a lower berth unasked: `automatic_lower`. The machine has one rule for that, and a book
/// that says another would not be followed.
pub(crate) fn read_lower(value: &Value<'_, '_>) -> Result<Vec<String>, RuleFault> {
    let words = read_eligible(value)?;
    let said = Eligible::of(&words).map_err(|fault| value.fault(fault.to_string()))?;
    for age in AgeBand::ALL {
        for sex in Sex::ALL {
            let who = Passenger { age: *age, sex: *sex, berth_required: true, preference: None };
            let gets = who.wish() == Some(BerthType::Lower);
            if said.admits(&who) != gets {
                let word = if gets { "does" } else { "does not" };
                return Err(value.fault(format!(
                    "says otherwise for {sex} {age}, who {word} get a lower berth unasked from \
                     this berth; the rule cannot be set yet"
                )));
            }
        }
    }
    Ok(words)
}

/// Whether those who hold a berth may be moved to make room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reseating {
    /// Never.
    #[default]
    Off,
    /// Holds that are not confirmed yet.
    UntilConfirm,
}

/// What a book switches on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// How lists move before the chart; `None` where there is no list.
    pub promotion: Option<Promotion>,
    /// Whether holds may be moved.
    pub reseating: Reseating,
    /// Classes in which berth numbers are given at the chart.
    pub numbers_at_chart: Vec<TravelClass>,
}

impl Switches {
    /// Reads `[switches]`.
    pub(crate) fn read(root: &mut Table<'_, '_>, groups: &Groups) -> Result<Self, RuleFault> {
        let Some(value) = root.take("switches") else { return Ok(Self::default()) };
        let mut table = value.table()?;
        let promotion = table.take("promotion").map(|value| {
            value.parsed("\"wait-for-head\" or \"first-that-fits\"", |text| match text {
                "wait-for-head" => Some(Promotion::WaitForHead),
                "first-that-fits" => Some(Promotion::FirstThatFits),
                _ => None,
            })
        });
        let reseating = table.take("reseating").map(|value| {
            value.parsed("\"off\" or \"until-confirm\"", |text| match text {
                "off" => Some(Reseating::Off),
                "until-confirm" => Some(Reseating::UntilConfirm),
                _ => None,
            })
        });
        let numbers = table.take("numbers_at_chart").map(|value| groups.classes(&value));
        let switches = Self {
            promotion: promotion.transpose()?,
            reseating: reseating.transpose()?.unwrap_or_default(),
            numbers_at_chart: numbers.transpose()?.unwrap_or_default(),
        };
        table.done()?;
        Ok(switches)
    }
}
