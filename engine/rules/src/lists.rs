//! What is sold when no whole berth is left: shared side berths (RAC) and waiting lists.

use berth_inventory::{BerthType, Layout, QuotaCode, TravelClass, WAITING_MAX, layout};

use crate::document::{Table, Value};
use crate::fault::At;
use crate::groups::Groups;
use crate::quota::read_code;
use crate::{Dated, RuleFault};

/// Side lower berths of a kind of coach that two passengers share until a whole berth is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rac {
    pub(crate) at: At,
    /// The class.
    pub class: TravelClass,
    /// Full names of the layouts.
    pub layouts: Vec<Box<str>>,
    /// The quota whose passengers get them.
    pub quota: QuotaCode,
    /// How many of one coach.
    pub berths: Dated<u8>,
}

impl Rac {
    /// Reads one `[[rac]]`.
    pub(crate) fn read(mut table: Table<'_, '_>) -> Result<Self, RuleFault> {
        let class_at = table.need("class")?;
        let class = class_at.text()?.parse::<TravelClass>();
        let class = class.map_err(|error| class_at.fault(error.to_string()))?;
        let found = table.need("layouts")?.each(|value| {
            let found = layout(value.text()?);
            let found = found.ok_or_else(|| value.fault("is not in the table of layouts"))?;
            let has = side_lowers(found, class);
            if has == 0 {
                return Err(value.fault(format!("has no side lower berth of class {class}")));
            }
            Ok((found.name(), has))
        })?;
        let least = found.iter().min_by_key(|(_, has)| *has);
        let berths = Dated::read(&table.need("berths")?, |value| {
            let berths = value.number(0..=255)? as u8;
            match least.filter(|(_, has)| *has < berths) {
                Some((name, has)) => {
                    Err(value.fault(format!("{berths} side lowers of {name}, which has {has}")))
                }
                None => Ok(berths),
            }
        })?;
        let quota = read_code(&table.need("quota")?)?;
        table.done()?;
        let layouts = found.into_iter().map(|(name, _)| name.into()).collect();
        Ok(Self { at: table.at().clone(), class, layouts, quota, berths })
    }
}

/// Side lower berths of a class in one coach.
pub(crate) fn side_lowers(layout: &Layout, class: TravelClass) -> u8 {
    let is_side = |b: &&berth_inventory::LayoutBerth| {
        b.class == class && b.berth_type == BerthType::SideLower
    };
    layout.berths().iter().filter(is_side).count() as u8
}

/// How long a waiting list may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many passengers.
    Entries(u16),
    /// Per cent of the berths of its quota's pool (redefined capacity).
    Share(u16),
}

impl Limit {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(percent) => {
                percent.parse().ok().filter(|percent| *percent <= 1_000).map(Self::Share)
            }
            None => text.parse().ok().filter(|entries| *entries <= WAITING_MAX).map(Self::Entries),
        }
    }

    /// How many passengers, where the quota's pool has `berths`.
    pub fn entries(self, berths: usize, rounding: Rounding) -> u16 {
        match self {
            Self::Entries(entries) => entries,
            Self::Share(percent) => {
                let hundredths = berths * usize::from(percent);
                let entries = match rounding {
                    Rounding::Down => hundredths / 100,
                    Rounding::Up => hundredths.div_ceil(100),
                    Rounding::Nearest => (hundredths + 50) / 100,
                };
                entries.min(WAITING_MAX.into()) as u16
            }
        }
    }
}

/// What becomes of a part of a passenger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// Down.
    #[default]
    Down,
    /// Up.
    Up,
    /// To the nearest, half up.
    Nearest,
}

/// The waiting list of a quota in some classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub(crate) at: At,
    /// Its label, such as `GNWL`.
    pub label: QuotaCode,
    /// Whose passengers wait on it.
    pub quota: QuotaCode,
    /// In which classes.
    pub classes: Vec<TravelClass>,
    /// How long it may get.
    pub limit: Dated<Limit>,
    /// How a per cent limit is rounded.
    pub rounding: Rounding,
    /// At the chart, lists with a lower number are served first.
    pub order: u8,
}

const LIMIT: &str =
    "a limit: passengers (300, at most 2000) or per cent of its quota's berths (60%)";

impl Waiting {
    /// Reads one `[[waiting]]`.
    pub(crate) fn read(mut table: Table<'_, '_>, groups: &Groups) -> Result<Self, RuleFault> {
        let label = read_code(&table.need("label")?)?;
        let quota = read_code(&table.need("quota")?)?;
        let classes = groups.classes(&table.need("classes")?)?;
        let limit = Dated::read(&table.need("limit")?, |value| value.parsed(LIMIT, Limit::parse))?;
        let rounding = table
            .take("rounding")
            .map(|value| read_rounding(&value))
            .transpose()?
            .unwrap_or_default();
        let order = table.take("order").map_or(Ok(1), |value| value.number(1..=99))? as u8;
        table.done()?;
        Ok(Self { at: table.at().clone(), label, quota, classes, limit, rounding, order })
    }
}

fn read_rounding(value: &Value<'_, '_>) -> Result<Rounding, RuleFault> {
    value.parsed("\"down\", \"up\" or \"nearest\"", |text| match text {
        "down" => Some(Rounding::Down),
        "up" => Some(Rounding::Up),
        "nearest" => Some(Rounding::Nearest),
        _ => None,
    })
}
