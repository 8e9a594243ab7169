//! A rule book: everything that is read, and what must agree in it.

use std::collections::BTreeSet;

use berth_inventory::{Date, Opens, PARTY_MAX, PlanHash, QuotaCode, TravelClass};

use crate::chart::{ChartKind, Charts};
use crate::document::{Table, Value, read};
use crate::groups::Groups;
use crate::lists::{Rac, Waiting};
use crate::quota::{Defaults, Quota, Size, read_opens, read_party_max};
use crate::trains::TrainNumbers;
use crate::words::{Labels, Preference, Switches, read_lower};
use crate::{Dated, RuleFault};

/// Format of the rule books that this program reads.
pub const RULES_FORMAT: u32 = 1;
/// Longest name of a book, bytes.
const NAME_BYTES_MAX: usize = 40;

/// A checked rule book. Immutable; named by its name and the BLAKE3 hash of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleBook {
    pub(crate) file: Box<str>,
    text: Box<str>,
    hash: PlanHash,
    name: Box<str>,
    zone: Option<Box<str>>,
    opens: Dated<Opens>,
    pub(crate) trains: TrainNumbers,
    quotas: Vec<Quota>,
    rac: Vec<Rac>,
    waiting: Vec<Waiting>,
    charts: Charts,
    labels: Option<Labels>,
    preferences: Vec<Preference>,
    automatic_lower: Vec<String>,
    switches: Switches,
}

impl RuleBook {
    /// Reads and checks a rule book. `file` is what its faults call it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and field.
    pub fn parse(file: &str, text: &str) -> Result<Self, RuleFault> {
        let book = read(file, text, |root| Self::read(file, text, root))?;
        book.quotas_agree()?;
        book.lists_agree()?;
        book.releases_agree()?;
        Ok(book)
    }

    fn read(file: &str, text: &str, root: &mut Table<'_, '_>) -> Result<Self, RuleFault> {
        let format = root.need("berth_rules")?;
        if format.number(1..=u32::MAX)? > RULES_FORMAT {
            let what = format!("is of the future; this berth reads {RULES_FORMAT}; update berth");
            return Err(format.fault(what));
        }
        let name = read_name(&root.need("name")?)?;
        let zone = root.take("zone").map(|value| value.text().map(Box::from)).transpose()?;
        let groups = Groups::read(root)?;
        let defaults = read_sale(root)?;
        let trains = TrainNumbers::read(root)?;
        let quotas = root.tables("quota")?.into_iter();
        let quotas = quotas.map(|table| Quota::read(table, &groups, &trains, &defaults));
        let quotas = quotas.collect::<Result<Vec<_>, _>>()?;
        if quotas.is_empty() {
            return Err(root.need("quota").err().unwrap_or_else(|| unreachable!()));
        }
        let rac = root.tables("rac")?.into_iter().map(Rac::read);
        let rac = rac.collect::<Result<Vec<_>, _>>()?;
        let waiting = root.tables("waiting")?.into_iter();
        let waiting = waiting.map(|table| Waiting::read(table, &groups));
        let waiting = waiting.collect::<Result<Vec<_>, _>>()?;
        let preferences = root.tables("preference")?.into_iter();
        let preferences = preferences.map(|table| Preference::read(table, &groups));
        let preferences = preferences.collect::<Result<Vec<_>, _>>()?;
        let labels = root.take("labels").map(|value| value.table().and_then(Labels::read));
        let lower = root.take("automatic_lower").map(|value| read_lower(&value));
        Ok(Self {
            file: file.into(),
            text: text.into(),
            hash: PlanHash(*blake3::hash(text.as_bytes()).as_bytes()),
            name,
            zone,
            opens: defaults.opens,
            trains,
            quotas,
            rac,
            waiting,
            charts: Charts::read(root)?,
            labels: labels.transpose()?,
            preferences,
            automatic_lower: lower.transpose()?.unwrap_or_default(),
            switches: Switches::read(root, &groups)?,
        })
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// BLAKE3 of its text.
    pub const fn hash(&self) -> PlanHash {
        self.hash
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a train's catalogue text calls it: its name, and the first 16 hex digits of its hash.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.name, self.hash)
    }

    /// The IANA zone that its times are meant in; `None` = the catalogue's, whichever that is.
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// How many days before the start sale opens, if the book says so.
    pub fn days_open(&self, day: Date) -> Option<u16> {
        match self.opens.on(day)? {
            Opens::WithRun => None,
            Opens::Before { days, .. } => Some(*days),
        }
    }

    /// Its quotas, in the order of the file.
    pub fn quotas(&self) -> &[Quota] {
        &self.quotas
    }

    /// Its shared berths.
    pub fn rac(&self) -> &[Rac] {
        &self.rac
    }

    /// Its waiting lists.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// When charts are prepared.
    pub const fn charts(&self) -> &Charts {
        &self.charts
    }

    /// How statuses are printed.
    pub const fn labels(&self) -> Option<&Labels> {
        self.labels.as_ref()
    }

    /// Which berths are given first.
    pub fn preferences(&self) -> &[Preference] {
        &self.preferences
    }

    /// Who gets a lower berth unasked, in the words of a catalogue.
    pub fn automatic_lower(&self) -> &[String] {
        &self.automatic_lower
    }

    /// Its switches.
    pub const fn switches(&self) -> &Switches {
        &self.switches
    }

    fn has_quota(&self, code: QuotaCode, class: TravelClass) -> bool {
        self.quotas.iter().any(|quota| quota.code == code && quota.classes.contains(&class))
    }

    /// Earmarks of every train do not overlap, and are not more than there is.
    fn quotas_agree(&self) -> Result<(), RuleFault> {
        for (place, quota) in self.quotas.iter().enumerate() {
            for other in &self.quotas[..place] {
                let shared = quota.classes.iter().find(|class| other.classes.contains(class));
                let Some(class) = shared.filter(|_| !quota.sort.excludes(&other.sort)) else {
                    continue;
                };
                let windows = |quota: &Quota| (quota.board, quota.alight);
                if quota.code == other.code && windows(quota) == windows(other) {
                    let (code, line) = (quota.code, other.at.line);
                    let what = format!(
                        "overlaps the quota {code} of line {line}: both are for {class}, the same \
                         trains and the same stops"
                    );
                    return Err(quota.at.of("classes").fault(&self.file, what));
                }
                let takes_rest = |quota: &Quota| quota.size.steps().any(|(_, s)| *s == Size::Rest);
                if takes_rest(quota) && takes_rest(other) {
                    let (code, line) = (other.code, other.at.line);
                    let what = format!("takes the rest of {class} beside {code} of line {line}");
                    return Err(quota.at.of("size").fault(&self.file, what));
                }
            }
        }
        let steps = self.quotas.iter().flat_map(|quota| quota.size.changes());
        for day in steps.chain([Date::MIN]).collect::<BTreeSet<Date>>() {
            TravelClass::ALL.iter().try_for_each(|class| self.shares_fit(*class, day))?;
        }
        Ok(())
    }

    /// What every train has of a class is at most all of it; what only some have is added up when the
    /// train is known.
    fn shares_fit(&self, class: TravelClass, day: Date) -> Result<(), RuleFault> {
        let mut sum = 0;
        for quota in &self.quotas {
            if !quota.classes.contains(&class) || !quota.sort.is_for_all() {
                continue;
            }
            if let Some(Size::Share(percent)) = quota.size.on(day) {
                sum += u32::from(*percent);
                if sum > 100 {
                    let (code, before) = (quota.code, sum - u32::from(*percent));
                    let what = format!(
                        "{code} takes {percent} % of {class}, of which {before} % are taken \
                         already: {sum} % of 100 %"
                    );
                    return Err(quota.at.of("size").fault(&self.file, what));
                }
            }
        }
        Ok(())
    }

    /// Lists belong to quotas that exist, each to one, and have their words.
    fn lists_agree(&self) -> Result<(), RuleFault> {
        let file = &self.file;
        for (place, list) in self.waiting.iter().enumerate() {
            if let Some(class) = list.classes.iter().find(|c| !self.has_quota(list.quota, **c)) {
                let what = format!("no quota {} of {class} in this book", list.quota);
                return Err(list.at.of("quota").fault(file, what));
            }
            let same = |other: &&Waiting| {
                other.quota == list.quota && other.classes.iter().any(|c| list.classes.contains(c))
            };
            if let Some(other) = self.waiting[..place].iter().find(same) {
                let (quota, line) = (list.quota, other.at.line);
                let what = format!("{quota} has the list {} of line {line} already", other.label);
                return Err(list.at.of("quota").fault(file, what));
            }
        }
        for (place, rac) in self.rac.iter().enumerate() {
            if !self.has_quota(rac.quota, rac.class) {
                let what = format!("no quota {} of {} in this book", rac.quota, rac.class);
                return Err(rac.at.of("quota").fault(file, what));
            }
            for other in self.rac[..place].iter().filter(|other| other.class == rac.class) {
                if other.quota != rac.quota {
                    let (class, quota, line) = (rac.class, other.quota, other.at.line);
                    let what = format!("berths of {class} are shared for {quota} on line {line}");
                    return Err(rac.at.of("quota").fault(file, what));
                }
                if let Some(layout) = rac.layouts.iter().find(|l| other.layouts.contains(l)) {
                    let line = other.at.line;
                    let what = format!("{layout} stands on line {line} already");
                    return Err(rac.at.of("layouts").fault(file, what));
                }
            }
        }
        let first = self.waiting.first().map(|list| &list.at);
        if let Some(at) = first.or_else(|| self.rac.first().map(|rac| &rac.at)) {
            if self.labels.is_none() {
                return Err(at.fault(file, "statuses need words; write a table [labels]"));
            }
            if self.switches.promotion.is_none() {
                let what = "lists move; say [switches] promotion = \"wait-for-head\" or \
                            \"first-that-fits\"";
                return Err(at.fault(file, what));
            }
        }
        Ok(())
    }

    /// What is released goes to quotas that exist, at a chart that exists.
    fn releases_agree(&self) -> Result<(), RuleFault> {
        for quota in &self.quotas {
            let Some(release) = &quota.release else { continue };
            let at = quota.at.of("release");
            if !self.charts.has(ChartKind::First) {
                let what = "is at the first chart, which has no [[chart]]";
                return Err(at.fault(&self.file, what));
            }
            for target in &release.to {
                if *target == quota.code {
                    let what = format!("{target} releases to itself");
                    return Err(at.of("to").fault(&self.file, what));
                }
                let missing = quota.classes.iter().find(|class| !self.has_quota(*target, **class));
                if let Some(class) = missing {
                    let what = format!("no quota {target} of {class} in this book");
                    return Err(at.of("to").fault(&self.file, what));
                }
            }
        }
        Ok(())
    }
}

fn read_name(value: &Value<'_, '_>) -> Result<Box<str>, RuleFault> {
    let name = value.text()?;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(fine) {
        let start: String = name.chars().take(NAME_BYTES_MAX).collect();
        let what =
            format!("{start:?} is not 1 to {NAME_BYTES_MAX} characters of A-Z a-z 0-9 - _ .");
        return Err(value.fault(what));
    }
    Ok(name.into())
}

fn read_sale(root: &mut Table<'_, '_>) -> Result<Defaults, RuleFault> {
    let mut defaults = Defaults {
        opens: Dated::always(Opens::WithRun),
        party_max: Dated::always(PARTY_MAX as u8),
    };
    let Some(value) = root.take("sale") else { return Ok(defaults) };
    let mut table = value.table()?;
    if let Some(value) = table.take("opens") {
        defaults.opens = read_opens(&value)?;
    }
    if let Some(value) = table.take("party_max") {
        defaults.party_max = read_party_max(&value)?;
    }
    table.done()?;
    Ok(defaults)
}
