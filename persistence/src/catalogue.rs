//! The catalogue: the trains that can be sold, as JSON lines.
//!
//! The first line names the format and the zone of all dates and minutes; each further line is
//! one train (`catalogue/text.rs` has the shape). A train without pools gets them from a rule book
//! (`catalogue/rules.rs`), or each of its classes is one general pool. A train's *canonical text* is the one that
//! [`entry_to_json`] writes, with its pools spelled out: its BLAKE3 hash names the plan in the
//! journal, so a file whose lines differ only in spacing or order of fields means the same plans,
//! and what a rule book says later does not change what was journaled.
//!
//! What is always true of a loaded [`Catalogue`]: every train makes a valid plan, no number stands
//! twice. Loading builds each plan once and drops it, for a network of plans is a thousand times
//! the text; [`CatalogueTrain::plan`] builds it again on first use and keeps it.

mod error;
mod rules;
mod text;

use std::io::Read as _;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;

use berth_inventory::{
    Entry, Plan, PlanHash, RunningDays, StationCode, StopRef, TrainNumber, default_pools,
};
use hashbrown::HashMap;

pub use error::{CatalogueError, CatalogueFault};
pub use rules::{Expand, PoolRules, RulesText};
use text::Header;
pub use text::{
    CATALOGUE_FORMAT, coach_from_text, days_from_text, entry_from_json, entry_to_json,
    header_to_json,
};

/// Zone of a catalogue that names none.
pub const ZONE_DEFAULT: &str = "Asia/Kolkata";

/// A hundred times the longest list of trains there is: what is longer is another file.
const CATALOGUE_BYTES_MAX: u64 = 256 << 20;

/// Fewer lines are not worth a thread.
const LINES_PER_THREAD_MIN: usize = 128;

/// How a rule book makes pools, and its text.
type Under<'a> =
    Option<(&'a (dyn Fn(&Entry) -> Result<Entry, Box<str>> + Sync + 'a), &'a RulesText)>;

/// The name of a plan: BLAKE3 of its canonical text.
pub fn plan_hash(text: &str) -> PlanHash {
    PlanHash(*blake3::hash(text.as_bytes()).as_bytes())
}

/// The plan that a journaled text means. The text is hashed as it stands.
pub fn plan_from_text(text: &str) -> Result<Plan, CatalogueFault> {
    let entry = entry_from_json(text)?;
    Plan::new(&entry, plan_hash(text)).map_err(|error| error.fault.into())
}

/// A stop as far as the calendar needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadStop {
    /// Station.
    pub code: StationCode,
    /// Departure, minutes from 00:00 of day 1 (at the terminus: the arrival).
    pub departure: u32,
}

/// One train of a catalogue: its text, what the calendar needs of it, and its plan on demand.
#[derive(Debug)]
pub struct CatalogueTrain {
    line: u32,
    number: TrainNumber,
    name: Box<str>,
    days: RunningDays,
    hash: PlanHash,
    text: Arc<str>,
    rules: Option<RulesText>,
    stops: Box<[HeadStop]>,
    plan: OnceLock<Arc<Plan>>,
}

impl CatalogueTrain {
    fn read(line: u32, line_text: &str, under: Under<'_>) -> Result<Self, CatalogueError> {
        let entry = entry_from_json(line_text).map_err(|fault| CatalogueError::Train {
            line,
            train: text::number_of(line_text),
            fault,
        })?;
        Self::from_entry(line, entry, under)
    }

    fn from_entry(line: u32, mut entry: Entry, under: Under<'_>) -> Result<Self, CatalogueError> {
        let mut rules = None;
        if let Some((expand, text)) = under.filter(|_| entry.pools.is_empty()) {
            entry = expand(&entry).map_err(|why| CatalogueError::Train {
                line,
                train: Some(entry.number.chars().take(16).collect()),
                fault: CatalogueFault::Rules { why },
            })?;
            rules = Some(text.clone());
        }
        // The hash is not known yet, for the pools are part of the text; nobody sees this plan.
        let plan = Plan::new(&entry, PlanHash([0; 32])).map_err(|error| CatalogueError::Train {
            line,
            train: Some(error.train),
            fault: error.fault.into(),
        })?;
        if entry.pools.is_empty() {
            entry.pools = default_pools(plan.classes());
        }
        let text: Arc<str> = entry_to_json(&entry).into();
        let hash = plan_hash(&text);
        let stops = plan.stops().iter().map(|s| HeadStop { code: s.code, departure: s.departure });
        Ok(Self {
            line,
            number: plan.number(),
            name: plan.name().into(),
            days: plan.days(),
            hash,
            text,
            rules,
            stops: stops.collect(),
            plan: OnceLock::new(),
        })
    }

    /// The line of the catalogue it stands on, counted from 1.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// Its public number.
    pub fn number(&self) -> TrainNumber {
        self.number
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The days on which it starts.
    pub fn days(&self) -> RunningDays {
        self.days
    }

    /// Canonical text with all pools, as it goes into the journal.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Hash of the canonical text.
    pub fn hash(&self) -> PlanHash {
        self.hash
    }

    /// The rule book that its pools were made from, if they were made at this start.
    pub fn rules(&self) -> Option<&RulesText> {
        self.rules.as_ref()
    }

    /// Its stops in order.
    pub fn stops(&self) -> &[HeadStop] {
        &self.stops
    }

    /// The last departure with a stop behind it, minutes from 00:00 of day 1: nobody boards later.
    pub fn last_departure(&self) -> u32 {
        self.stops[self.stops.len() - 2].departure
    }

    /// Arrival at the terminus, minutes from 00:00 of day 1.
    pub fn last_arrival(&self) -> u32 {
        self.stops[self.stops.len() - 1].departure
    }

    /// The 0-based stop that is meant, as `Plan::resolve` but without building the plan.
    pub fn resolve(&self, stop: StopRef) -> Option<u8> {
        let place = match stop {
            StopRef::Sequence(sequence) => {
                usize::from(sequence).checked_sub(1).filter(|place| *place < self.stops.len())?
            }
            StopRef::Station { code, occurrence } => {
                let mut visits = (0..self.stops.len()).filter(|i| self.stops[*i].code == code);
                visits.nth(usize::from(occurrence.max(1)) - 1)?
            }
        };
        Some(place as u8)
    }

    /// Its plan; built on the first call, then kept.
    pub fn plan(&self) -> &Arc<Plan> {
        self.plan.get_or_init(|| {
            // Loading has built it from this very text.
            let plan = plan_from_text(&self.text);
            Arc::new(plan.unwrap_or_else(|fault| panic!("train {}: {fault}", self.number)))
        })
    }
}

/// The file at `path`, or why it is none of ours. What never ends is not read to its end.
fn read_at_most(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(bytes_max + 1).read_to_end(&mut bytes);
    if read.map_err(|error| error.to_string())? as u64 > bytes_max {
        return Err(format!("it is longer than {bytes_max} bytes, as no catalogue is"));
    }
    Ok(bytes)
}

/// All trains that can be sold.
#[derive(Debug)]
pub struct Catalogue {
    zone: Box<str>,
    trains: Vec<CatalogueTrain>,
    by_number: HashMap<TrainNumber, u32>,
}

impl Catalogue {
    /// Reads and checks a catalogue file.
    pub fn load(path: &Path) -> Result<Self, CatalogueError> {
        Self::load_text(path, None)
    }

    /// Reads and checks a catalogue file whose trains stand under a rule book.
    pub fn load_under(path: &Path, rules: &dyn PoolRules) -> Result<Self, CatalogueError> {
        Self::load_text(path, Some(rules))
    }

    fn load_text(path: &Path, rules: Option<&dyn PoolRules>) -> Result<Self, CatalogueError> {
        let bytes = read_at_most(path, CATALOGUE_BYTES_MAX)
            .map_err(|error| CatalogueError::Unreadable { path: path.into(), error })?;
        let text = str::from_utf8(&bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            CatalogueError::NotUtf8 { line: before.split(|byte| *byte == b'\n').count() }
        })?;
        Self::parse_text(text, rules)
    }

    /// Reads and checks the text of a catalogue. Empty lines mean nothing.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        Self::parse_text(text, None)
    }

    /// Reads and checks the text of a catalogue whose trains stand under a rule book.
    pub fn parse_under(text: &str, rules: &dyn PoolRules) -> Result<Self, CatalogueError> {
        Self::parse_text(text, Some(rules))
    }

    fn parse_text(text: &str, rules: Option<&dyn PoolRules>) -> Result<Self, CatalogueError> {
        let mut lines = (1u32..)
            .zip(text.lines())
            .map(|(line, text)| (line, text.trim()))
            .filter(|(_, text)| !text.is_empty());
        let (_, first) = lines.next().ok_or(CatalogueError::Empty)?;
        let header = Header::read(first)?;
        let expand = rules.map(|rules| rules.in_zone(&header.zone)).transpose();
        let expand = expand.map_err(|why| CatalogueError::Rules { why })?;
        let text = rules.map(PoolRules::text);
        let under = expand.as_deref().zip(text.as_ref());
        let mut catalogue =
            Self { zone: header.zone.into(), trains: Vec::new(), by_number: HashMap::new() };
        for train in read_all(&lines.collect::<Vec<_>>(), under)? {
            catalogue.push(train)?;
        }
        if catalogue.trains.is_empty() {
            return Err(CatalogueError::Empty);
        }
        catalogue.trains.shrink_to_fit();
        Ok(catalogue)
    }

    /// A catalogue of entries made elsewhere (tests, benches); lines count as if written.
    pub fn from_entries(zone: &str, entries: &[Entry]) -> Result<Self, CatalogueError> {
        let mut catalogue =
            Self { zone: zone.into(), trains: Vec::new(), by_number: HashMap::new() };
        for (line, entry) in (2..).zip(entries) {
            catalogue.push(CatalogueTrain::from_entry(line, entry.clone(), None)?)?;
        }
        Ok(catalogue)
    }

    fn push(&mut self, train: CatalogueTrain) -> Result<(), CatalogueError> {
        let index = self.trains.len() as u32;
        if let Some(first) = self.by_number.insert(train.number, index) {
            return Err(CatalogueError::DuplicateTrain {
                train: train.number,
                first: self.trains[first as usize].line,
                second: train.line,
            });
        }
        self.trains.push(train);
        Ok(())
    }

    /// IANA name of the zone of all dates and minutes. Whether it exists is the calendar's matter.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// All trains, in the order of the file.
    pub fn trains(&self) -> &[CatalogueTrain] {
        &self.trains
    }

    /// The trains alone, for who keeps an index of his own.
    pub fn into_trains(self) -> Vec<CatalogueTrain> {
        self.trains
    }

    /// How many trains.
    pub fn len(&self) -> usize {
        self.trains.len()
    }

    /// Whether there are none; never after [`Catalogue::parse`].
    pub fn is_empty(&self) -> bool {
        self.trains.is_empty()
    }

    /// Place of a train in [`Catalogue::trains`].
    pub fn index_of(&self, number: TrainNumber) -> Option<usize> {
        self.by_number.get(&number).map(|index| *index as usize)
    }

    /// A train by its number.
    pub fn get(&self, number: TrainNumber) -> Option<&CatalogueTrain> {
        self.index_of(number).map(|index| &self.trains[index])
    }
}

/// Reads the lines on all cores, for a network's plans are work; the first wrong line is named.
fn read_all(
    lines: &[(u32, &str)],
    under: Under<'_>,
) -> Result<Vec<CatalogueTrain>, CatalogueError> {
    let read = |lines: &[(u32, &str)]| -> Result<Vec<_>, _> {
        lines.iter().map(|(line, text)| CatalogueTrain::read(*line, text, under)).collect()
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = lines.len().div_ceil(cores).max(LINES_PER_THREAD_MIN);
    if lines.len() <= share {
        return read(lines);
    }
    thread::scope(|scope| {
        let parts = lines.chunks(share).map(|part| scope.spawn(move || read(part)));
        let mut trains = Vec::with_capacity(lines.len());
        for part in parts.collect::<Vec<_>>() {
            trains.extend(part.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(trains)
    })
}

#[cfg(test)]
mod tests;
