//! One train as one line of JSON, and back.
//!
//! ```json
//! {"number":"12951","name":"Mumbai Rajdhani","days":"1111111",
//!  "stops":[["MMCT",0,null,1020],["NDLS",1386,1952,null]],
//!  "coaches":["H1:1A","A1:2A","B1:3A","S9:SL@1-5"],
//!  "pools":[{"quota":"GN","class":"3A","size":"rest","opens":"run","party_max":6}]}
//! ```
//! Stops are `[code, km, arrival, departure]`, minutes from 00:00 of day 1; coaches are
//! `id:layout`, then `@first-last` stop (1-based) when the coach does not run the whole way.
//! `pools` may be left out: then a rule book says them, and `"rules":"NAME@HASH"` before them says
//! which, or each class is one general pool. Fields are written in this order
//! and without spaces; that is what is hashed.

use std::fmt::Write as _;

use berth_inventory::{
    CoachEntry, Entry, Kept, Opens, PoolEntry, PoolSize, Promotion, RunningDays, StopEntry,
    WaitingEntry,
};
use serde::{Deserialize, Serialize};

use super::{CatalogueError, CatalogueFault};

/// Format of the catalogue this program writes, and the newest it reads.
pub const CATALOGUE_FORMAT: u32 = 1;

/// First line of a catalogue.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    berth_catalogue: u32,
    #[serde(default = "zone_default")]
    pub(super) zone: String,
}

fn zone_default() -> String {
    super::ZONE_DEFAULT.into()
}

impl Header {
    pub(super) fn read(line: &str) -> Result<Self, CatalogueError> {
        // The version first: a later format may have fields that are unknown here.
        #[derive(Deserialize)]
        struct Format {
            berth_catalogue: u32,
        }
        let fault = |e: serde_json::Error| CatalogueError::Header { error: in_line(&e) };
        let format: Format = serde_json::from_str(line).map_err(fault)?;
        if format.berth_catalogue > CATALOGUE_FORMAT {
            return Err(CatalogueError::Newer {
                found: format.berth_catalogue,
                known: CATALOGUE_FORMAT,
            });
        }
        serde_json::from_str(line).map_err(fault)
    }
}

/// The first line of a catalogue whose dates and minutes are meant in `zone`.
pub fn header_to_json(zone: &str) -> String {
    json(&Header { berth_catalogue: CATALOGUE_FORMAT, zone: zone.into() })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainLine {
    number: String,
    name: String,
    days: String,
    stops: Vec<(String, u32, Option<u32>, Option<u32>)>,
    coaches: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pools: Vec<PoolLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolLine {
    quota: String,
    class: String,
    size: String,
    opens: String,
    party_max: u8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    eligible: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    board: Option<(u16, u16)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alight: Option<(u16, u16)>,
    /// Side lowers of each coach that two passengers share.
    #[serde(default, skip_serializing_if = "is_zero")]
    rac: u8,
    /// Label and limit of its waiting list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting: Option<(String, u16)>,
    /// `first-that-fits`; without it a free place waits for the first of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    promotion: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kept: Vec<KeptLine>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptLine {
    below_km: u32,
    berths: u16,
    last: u16,
    since: u32,
    until: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u8) -> bool {
    *number == 0
}

const FIRST_THAT_FITS: &str = "first-that-fits";
const WAIT_FOR_HEAD: &str = "wait-for-head";

/// Reads one train. What it says is not checked against the railway; `Plan::new` does that.
pub fn entry_from_json(line: &str) -> Result<Entry, CatalogueFault> {
    let line: TrainLine = serde_json::from_str(line)
        .map_err(|error| CatalogueFault::Json { error: in_line(&error) })?;
    let stops = line.stops.into_iter().map(|(code, km, arrival, departure)| StopEntry {
        code,
        km,
        arrival,
        departure,
    });
    Ok(Entry {
        days: days_from_text(&line.days)?,
        stops: stops.collect(),
        coaches: line.coaches.iter().map(|c| coach_from_text(c)).collect::<Result<_, _>>()?,
        pools: line.pools.into_iter().map(pool_from_line).collect::<Result<_, _>>()?,
        rules: line.rules,
        number: line.number,
        name: line.name,
    })
}

/// Writes one train in its canonical form.
pub fn entry_to_json(entry: &Entry) -> String {
    let stops =
        entry.stops.iter().map(|s| (s.code.clone(), s.km, s.arrival, s.departure)).collect();
    json(&TrainLine {
        number: entry.number.clone(),
        name: entry.name.clone(),
        days: entry.days.to_string(),
        stops,
        coaches: entry.coaches.iter().map(coach_to_text).collect(),
        rules: entry.rules.clone(),
        pools: entry.pools.iter().map(pool_to_line).collect(),
    })
}

/// The train's number in a line that may be wrong elsewhere, to name the train in the error.
pub(super) fn number_of(line: &str) -> Option<Box<str>> {
    #[derive(Deserialize)]
    struct Number {
        number: String,
    }
    let number = serde_json::from_str::<Number>(line).ok()?.number;
    Some(number.chars().take(16).collect())
}

/// Running days from seven digits, Monday first: `1111100`.
pub fn days_from_text(text: &str) -> Result<RunningDays, CatalogueFault> {
    let fault = || {
        CatalogueFault::shape(
            "days",
            text,
            "seven digits 0 or 1 from Monday to Sunday, such as 1111100",
        )
    };
    if text.len() != 7 {
        return Err(fault());
    }
    (0..).zip(text.bytes()).try_fold(RunningDays(0), |days, (bit, byte)| match byte {
        b'0' => Ok(days),
        b'1' => Ok(RunningDays(days.0 | 1 << bit)),
        _ => Err(fault()),
    })
}

/// A coach from `id:layout` or `id:layout@first-last`.
pub fn coach_from_text(text: &str) -> Result<CoachEntry, CatalogueFault> {
    let fault = || {
        CatalogueFault::shape("coach", text, "id:layout or id:layout@first-last, such as S9:SL@1-5")
    };
    let (id, rest) = text.split_once(':').ok_or_else(fault)?;
    let (layout, stops) = match rest.split_once('@') {
        None => (rest, None),
        Some((layout, stops)) => {
            let (first, last) = stops.split_once('-').ok_or_else(fault)?;
            let number = |text: &str| text.parse::<u16>().map_err(|_| fault());
            (layout, Some((number(first)?, number(last)?)))
        }
    };
    Ok(CoachEntry { id: id.into(), layout: layout.into(), stops })
}

fn coach_to_text(coach: &CoachEntry) -> String {
    let mut text = format!("{}:{}", coach.id, coach.layout);
    if let Some((first, last)) = coach.stops {
        let _ = write!(text, "@{first}-{last}");
    }
    text
}

fn pool_from_line(line: PoolLine) -> Result<PoolEntry, CatalogueFault> {
    let class = line.class.parse().map_err(|_| {
        CatalogueFault::shape("pool class", &line.class, "a travel class, such as 3A")
    })?;
    Ok(PoolEntry {
        class,
        size: size_from_text(&line.size)?,
        opens: opens_from_text(&line.opens)?,
        quota: line.quota,
        board: line.board,
        alight: line.alight,
        party_max: line.party_max,
        eligible: line.eligible,
        rac: line.rac,
        waiting: line.waiting.map(|(label, limit)| WaitingEntry { label, limit }),
        promotion: match line.promotion.as_deref() {
            None | Some(WAIT_FOR_HEAD) => Promotion::WaitForHead,
            Some(FIRST_THAT_FITS) => Promotion::FirstThatFits,
            Some(other) => {
                let allowed = "\"wait-for-head\" or \"first-that-fits\"";
                return Err(CatalogueFault::shape("pool promotion", other, allowed));
            }
        },
        kept: line.kept.into_iter().map(kept_from_line).collect(),
    })
}

fn pool_to_line(pool: &PoolEntry) -> PoolLine {
    PoolLine {
        quota: pool.quota.clone(),
        class: pool.class.code().into(),
        size: match pool.size {
            PoolSize::Berths(count) => count.to_string(),
            PoolSize::Share(percent) => format!("{percent}%"),
            PoolSize::Rest => "rest".into(),
        },
        opens: match pool.opens {
            Opens::WithRun => "run".into(),
            Opens::Before { days, minute } => {
                format!("D-{days} {:02}:{:02}", minute / 60, minute % 60)
            }
        },
        party_max: pool.party_max,
        eligible: pool.eligible.clone(),
        board: pool.board,
        alight: pool.alight,
        rac: pool.rac,
        waiting: pool.waiting.as_ref().map(|waiting| (waiting.label.clone(), waiting.limit)),
        promotion: match pool.promotion {
            Promotion::WaitForHead => None,
            Promotion::FirstThatFits => Some(FIRST_THAT_FITS.into()),
        },
        kept: pool.kept.iter().map(kept_to_line).collect(),
    }
}

fn kept_from_line(line: KeptLine) -> Kept {
    let KeptLine { below_km, berths, last, since, until } = line;
    Kept { below_km, berths, last, since, until }
}

fn kept_to_line(row: &Kept) -> KeptLine {
    let Kept { below_km, berths, last, since, until } = *row;
    KeptLine { below_km, berths, last, since, until }
}

fn size_from_text(text: &str) -> Result<PoolSize, CatalogueFault> {
    let fault = || {
        CatalogueFault::shape(
            "pool size",
            text,
            "a number of berths, a per cent or \"rest\": 40, 30%, rest",
        )
    };
    if text == "rest" {
        return Ok(PoolSize::Rest);
    }
    match text.strip_suffix('%') {
        None => text.parse().map(PoolSize::Berths).map_err(|_| fault()),
        Some(percent) => match percent.parse() {
            Ok(percent @ 0..=100) => Ok(PoolSize::Share(percent)),
            _ => Err(fault()),
        },
    }
}

fn opens_from_text(text: &str) -> Result<Opens, CatalogueFault> {
    if text == "run" {
        return Ok(Opens::WithRun);
    }
    let parts = || {
        let (days, time) = text.strip_prefix("D-")?.split_once(' ')?;
        let (hour, minute) = time.split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        let minute = (hour < 24 && minute < 60).then_some(hour * 60 + minute)?;
        Some(Opens::Before { days: days.parse().ok()?, minute })
    };
    parts().ok_or_else(|| {
        CatalogueFault::shape(
            "pool opens",
            text,
            "\"run\" or days before the start with a time, such as D-1 10:00",
        )
    })
}

fn json<T: Serialize>(value: &T) -> String {
    // Strings, numbers and lists always have a JSON form.
    serde_json::to_string(value).expect("plain data serialises")
}

/// A JSON error without its line, which is always 1 here; the catalogue's line is named outside.
fn in_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line 1 column ") {
        Some((what, column)) => format!("{what} at column {column}"),
        None => text,
    }
}
