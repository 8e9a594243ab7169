//! Quotas: earmarked berths of a class, for whom, from where to where, and when.

use berth_inventory::{Eligible, Opens, PARTY_MAX, QuotaCode, TravelClass};

use crate::clock::{DAY, OPENS, day_and_clock, opens};
use crate::document::{Table, Value};
use crate::fault::At;
use crate::groups::Groups;
use crate::trains::{Sort, TrainNumbers};
use crate::window::{WINDOW, Window};
use crate::{Dated, RuleFault};

/// How many berths of a class a quota has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// What the others leave.
    Rest,
    /// Per cent of the class, rounded down.
    Share(u8),
    /// So many.
    Berths(u16),
    /// So many for each coach that has the class.
    PerCoach(u16),
}

/// The code of shared berths, which no reserve can name.
const SHARED: &str = "RAC";

const SIZE: &str = "a size: rest, per cent of the class (20%, at most 100%), berths (6) or berths for \
     each coach (4/coach)";

impl Size {
    fn parse(text: &str) -> Option<Self> {
        if text == "rest" {
            return Some(Self::Rest);
        }
        if let Some(percent) = text.strip_suffix('%') {
            return percent.parse().ok().filter(|percent| *percent <= 100).map(Self::Share);
        }
        match text.split_once('/') {
            Some((berths, "coach")) => berths.parse().ok().map(Self::PerCoach),
            Some(_) => None,
            None => text.parse().ok().map(Self::Berths),
        }
    }
}

/// When a quota ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closes {
    /// With the first chart.
    Chart,
    /// When the train leaves the boarding stop.
    Departure,
    /// Days before the start, and the minute of that day.
    Before(u16, u16),
}

impl Closes {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "chart" => Some(Self::Chart),
            "departure" => Some(Self::Departure),
            _ => day_and_clock(text).map(|(days, minute)| Self::Before(days, minute)),
        }
    }
}

/// Where unsold berths of a quota go at the first chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Lower numbers are released first.
    pub order: u8,
    /// The quotas that get them, in this order.
    pub to: Vec<QuotaCode>,
}

/// One definition of a quota. Several of one code may stand beside each other, for other classes,
/// trains or stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    pub(crate) at: At,
    /// Its code.
    pub code: QuotaCode,
    /// What it is called.
    pub name: Box<str>,
    /// Classes in which it exists.
    pub classes: Vec<TravelClass>,
    /// How many berths of each of these classes.
    pub size: Dated<Size>,
    /// When it opens.
    pub opens: Dated<Opens>,
    /// When it ends.
    pub closes: Closes,
    /// Most passengers of one reserve.
    pub party_max: Dated<u8>,
    /// Who may travel on it; empty = everybody.
    pub eligible: Vec<String>,
    /// Where its passengers may board.
    pub board: Window,
    /// Where they may alight.
    pub alight: Window,
    /// Which trains have it.
    pub sort: Sort,
    /// Where its unsold berths go at the first chart; `None` = they stay.
    pub release: Option<Release>,
}

/// What a quota has that says nothing of its own.
pub(crate) struct Defaults {
    pub(crate) opens: Dated<Opens>,
    pub(crate) party_max: Dated<u8>,
}

pub(crate) fn read_opens(value: &Value<'_, '_>) -> Result<Dated<Opens>, RuleFault> {
    Dated::read(value, |value| value.parsed(OPENS, opens))
}

pub(crate) fn read_party_max(value: &Value<'_, '_>) -> Result<Dated<u8>, RuleFault> {
    Dated::read(value, |value| value.number(1..=PARTY_MAX as u32).map(|most| most as u8))
}

pub(crate) fn read_code(value: &Value<'_, '_>) -> Result<QuotaCode, RuleFault> {
    value.text()?.parse().map_err(|error| value.fault(format!("{error}")))
}

/// Words for who may travel, as a catalogue has them.
pub(crate) fn read_eligible(value: &Value<'_, '_>) -> Result<Vec<String>, RuleFault> {
    value.each(|word| {
        let text = word.text()?;
        Eligible::of(&[text]).map_err(|fault| word.fault(fault.to_string()))?;
        Ok(text.to_owned())
    })
}

fn read_window(table: &mut Table<'_, '_>, name: &'static str) -> Result<Window, RuleFault> {
    let parse = |value: Value<'_, '_>| value.parsed(WINDOW, Window::parse);
    table.take(name).map_or(Ok(Window::Any), parse)
}

impl Quota {
    /// Reads one `[[quota]]`.
    pub(crate) fn read(
        mut table: Table<'_, '_>,
        groups: &Groups,
        trains: &TrainNumbers,
        defaults: &Defaults,
    ) -> Result<Self, RuleFault> {
        let code_at = table.need("code")?;
        let code = read_code(&code_at)?;
        if code.as_str() == SHARED {
            return Err(code_at.fault("is what shared berths are called; see [[rac]]"));
        }
        let name = table.need("name")?.text()?.into();
        let classes = groups.classes(&table.need("classes")?)?;
        let size = Dated::read(&table.need("size")?, |value| value.parsed(SIZE, Size::parse))?;
        let opens = table.take("opens").map(|value| read_opens(&value)).transpose()?;
        let closes = "\"chart\", \"departure\" or such as \"D-1 20:00\"";
        let closes = table.take("closes").map(|value| value.parsed(closes, Closes::parse));
        let party_max = table.take("party_max").map(|value| read_party_max(&value)).transpose()?;
        let eligible = table.take("eligible").map(|value| read_eligible(&value)).transpose()?;
        let board = read_window(&mut table, "board")?;
        let alight = read_window(&mut table, "alight")?;
        let sort = Sort::read(&mut table, groups, trains)?;
        let release = table.take("release").map(read_release).transpose()?;
        table.done()?;
        let quota = Self {
            at: table.at().clone(),
            code,
            name,
            classes,
            size,
            opens: opens.unwrap_or_else(|| defaults.opens.clone()),
            closes: closes.transpose()?.unwrap_or(Closes::Chart),
            party_max: party_max.unwrap_or_else(|| defaults.party_max.clone()),
            eligible: eligible.unwrap_or_default(),
            board,
            alight,
            sort,
            release,
        };
        quota.check(&table)?;
        Ok(quota)
    }

    fn check(&self, table: &Table<'_, '_>) -> Result<(), RuleFault> {
        let named = [("board", self.board), ("alight", self.alight)];
        let station = named.iter().find(|(_, window)| window.names_a_station());
        if let Some((field, _)) = station.filter(|_| self.sort.trains.is_none()) {
            let what =
                "names a station, which not every train has; say `trains` or `train` as well";
            return Err(table.at().of(field).fault(table.file(), what));
        }
        if matches!((self.board, self.alight), (Window::Terminus, _) | (_, Window::Origin)) {
            let what = "nobody boards at the terminus or alights at the origin";
            return Err(table.at().of("board").fault(table.file(), what));
        }
        if let Closes::Before(days, minute) = self.closes {
            let end = u32::from(days) * u32::from(DAY) + u32::from(DAY - minute);
            for (_, opens) in self.opens.steps() {
                let Opens::Before { days, minute } = *opens else { continue };
                if u32::from(days) * u32::from(DAY) + u32::from(DAY - minute) <= end {
                    let what = format!(
                        "closes before it opens (D-{days} {:02}:{:02})",
                        minute / 60,
                        minute % 60
                    );
                    return Err(table.at().of("closes").fault(table.file(), what));
                }
            }
        }
        Ok(())
    }
}

fn read_release(value: Value<'_, '_>) -> Result<Release, RuleFault> {
    let mut table = value.table()?;
    let order = table.need("order")?.number(1..=99)? as u8;
    let to = table.need("to")?.each(read_code)?;
    table.done()?;
    Ok(Release { order, to })
}
