//! What an import brought in, and by name and reason what it left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use berth_inventory::{CoachCode, CoachEntry, Entry, Plan, PlanHash, coach_code};
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use serde::Serialize;

/// Why a train was left out. The words are fixed: scripts read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It cannot be read as a train.
    Unreadable,
    /// It has no coach whose seats are reserved.
    NoReservedCoach,
    /// A coach has a code that is in neither table of layouts.
    UnknownCoachCode,
    /// Its number stands earlier in the source.
    DuplicateNumber,
    /// The rakes file says nothing of it.
    NoRake,
    /// It runs on single dates, without a weekly calendar.
    NoWeeklyCalendar,
    /// It is no train.
    NotRail,
    /// It is not a valid train: stops, times, coaches; the detail says what.
    Invalid,
}

impl Why {
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::Unreadable => "cannot be read",
            Self::NoReservedCoach => "no reserved coach",
            Self::UnknownCoachCode => "unknown coach code",
            Self::DuplicateNumber => "number stands twice",
            Self::NoRake => "no coaches in the rakes file",
            Self::NoWeeklyCalendar => "no weekly calendar",
            Self::NotRail => "not a train",
            Self::Invalid => "not a valid train",
        }
    }
}

/// A train that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its number, or the source's name for it.
    pub train: String,
    /// Line of the source, where it has lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The kind of reason.
    pub reason: Why,
    /// The particulars; empty when the reason says all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What an import brought in. Every entry in it makes a plan, and no number is in it twice.
#[derive(Debug, Default)]
pub struct Harvest {
    read: usize,
    entries: Vec<Entry>,
    /// The trains left out, in the order of the source.
    pub(super) left_out: Vec<LeftOut>,
    coaches_dropped: BTreeMap<String, (&'static str, usize)>,
    unknown_codes: BTreeMap<String, usize>,
    notes: Vec<String>,
    numbers: HashMap<String, String>,
}

impl Harvest {
    /// The trains, in the order of the source.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Something that was lost on the way without costing a train.
    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// A train that never became an entry.
    pub(super) fn leave_out(
        &mut self,
        train: &str,
        line: Option<usize>,
        reason: Why,
        detail: String,
    ) {
        self.read += 1;
        let train = train.chars().take(40).collect();
        self.left_out.push(LeftOut { train, line, reason, detail });
    }

    /// Takes a train if it makes a plan. Its coaches carry the source's codes as layouts; those
    /// that are no inventory are dropped and counted.
    pub(super) fn take(&mut self, mut entry: Entry, line: Option<usize>) {
        let coaches = std::mem::take(&mut entry.coaches);
        if let Err((reason, detail)) =
            self.sort_coaches(coaches, &mut entry).and_then(|()| self.check(&entry, line))
        {
            let train = entry.number;
            return self.leave_out(&train, line, reason, detail);
        }
        self.read += 1;
        self.entries.push(entry);
    }

    fn sort_coaches(
        &mut self,
        coaches: Vec<CoachEntry>,
        entry: &mut Entry,
    ) -> Result<(), (Why, String)> {
        let mut unknown = Vec::new();
        for coach in coaches {
            match coach_code(&coach.layout) {
                CoachCode::Layout(_) => entry.coaches.push(coach),
                CoachCode::NotInventory(meaning) => {
                    self.coaches_dropped.entry(coach.layout).or_insert((meaning, 0)).1 += 1;
                }
                CoachCode::Unknown => {
                    unknown.push(format!("{}:{}", coach.id, coach.layout));
                    *self.unknown_codes.entry(coach.layout).or_default() += 1;
                }
            }
        }
        if !unknown.is_empty() {
            let detail = format!("coach {}: not in the layout tables", unknown.join(", "));
            return Err((Why::UnknownCoachCode, detail));
        }
        if entry.coaches.is_empty() {
            return Err((Why::NoReservedCoach, String::new()));
        }
        Ok(())
    }

    fn check(&mut self, entry: &Entry, line: Option<usize>) -> Result<(), (Why, String)> {
        // Only whether it makes a plan counts here; the plan and its hash are the server's.
        Plan::new(entry, PlanHash([0; 32]))
            .map_err(|error| (Why::Invalid, error.fault.to_string()))?;
        match self.numbers.entry_ref(entry.number.as_str()) {
            EntryRef::Occupied(first) => {
                Err((Why::DuplicateNumber, format!("first on {}", first.get())))
            }
            EntryRef::Vacant(place) => {
                place.insert(line.map_or_else(|| entry.name.clone(), |l| format!("line {l}")));
                Ok(())
            }
        }
    }

    /// What was done, for people.
    pub(super) fn report(&self, source: &Path, output: &Path) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{} of {} trains of {} imported into {}; {} left out",
            self.entries.len(),
            self.read,
            source.display(),
            output.display(),
            self.left_out.len(),
        );
        if !self.coaches_dropped.is_empty() {
            let codes = self.coaches_dropped.iter();
            let codes = codes.map(|(code, (meaning, count))| format!("{count} {code} ({meaning})"));
            let codes = codes.collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "coaches that are no inventory, dropped: {codes}");
        }
        if !self.unknown_codes.is_empty() {
            let codes = self.unknown_codes.iter();
            let codes = codes.map(|(code, count)| format!("{code:?} ({count} coaches)"));
            let codes = codes.collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "coach codes that are in neither layout table: {codes}");
        }
        for note in &self.notes {
            let _ = writeln!(text, "{note}");
        }
        self.list_left_out(&mut text);
        text
    }

    /// Trains whose reason says all stand together, the others on a line each.
    fn list_left_out(&self, text: &mut String) {
        let mut groups: BTreeMap<Why, Vec<&LeftOut>> = BTreeMap::new();
        for train in &self.left_out {
            groups.entry(train.reason).or_default().push(train);
        }
        for (why, trains) in &groups {
            let _ = write!(text, "left out, {} ({}):", why.sentence(), trains.len());
            for train in trains.iter().filter(|train| train.detail.is_empty()) {
                let _ = write!(text, " {}", train.train);
            }
            text.push('\n');
            for train in trains.iter().filter(|train| !train.detail.is_empty()) {
                let line = train.line.map(|line| format!(" (line {line})")).unwrap_or_default();
                let _ = writeln!(text, "  {}{line}: {}", train.train, train.detail);
            }
        }
    }

    /// What was done, for scripts: one JSON object.
    pub(super) fn summary(&self, source: &Path, output: &Path) -> String {
        let dropped = self.coaches_dropped.iter().map(|(code, (_, count))| (code.as_str(), *count));
        let summary = Summary {
            source: &source.to_string_lossy(),
            output: (!self.entries.is_empty()).then(|| output.to_string_lossy()),
            read: self.read,
            imported: self.entries.len(),
            left_out: &self.left_out,
            coaches_dropped: dropped.collect(),
            unknown_coach_codes: &self.unknown_codes,
            notes: &self.notes,
        };
        serde_json::to_string(&summary).expect("plain data serialises")
    }
}

#[derive(Serialize)]
struct Summary<'a> {
    source: &'a str,
    output: Option<std::borrow::Cow<'a, str>>,
    read: usize,
    imported: usize,
    left_out: &'a [LeftOut],
    coaches_dropped: BTreeMap<&'a str, usize>,
    unknown_coach_codes: &'a BTreeMap<String, usize>,
    notes: &'a [String],
}
