//! What answers look like as JSON, and the parts of their text that several commands share.
//!
//! Documented in `docs/cli-json.md`. Fields are only ever added. Ids are strings, instants RFC 3339
//! in UTC with milliseconds, dates YYYY-MM-DD; what does not exist is null, never left out.

pub mod booking;
pub mod hold;
pub mod refusal;

use berth_client::v1;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::words;

/// A stop of an answer.
#[derive(Debug, Default, Serialize)]
pub struct StopView {
    pub sequence: u32,
    pub code: String,
}

impl StopView {
    pub fn of(stop: Option<&v1::Stop>) -> Self {
        stop.map_or_else(Self::default, |stop| Self {
            sequence: stop.sequence,
            code: stop.code.clone(),
        })
    }
}

/// A berth by its names.
#[derive(Debug, Serialize)]
pub struct BerthView {
    pub coach: String,
    pub berth: u32,
}

impl BerthView {
    pub fn of(berth: &v1::BerthName) -> Self {
        Self { coach: berth.coach.clone(), berth: berth.number }
    }
}

/// One passenger and the berth.
#[derive(Debug, Serialize)]
pub struct AllocationView {
    pub passenger: u32,
    pub status: String,
    pub coach: Option<String>,
    pub berth: Option<u32>,
    pub berth_type: Option<String>,
    pub age_band: String,
    pub sex: String,
    pub list: Option<ListView>,
}

/// Where a passenger stood and stands who had no berth of their own at first.
#[derive(Debug, Serialize)]
pub struct ListView {
    pub booked_list: String,
    pub booked_number: u32,
    pub current_list: Option<String>,
    pub current_position: Option<u32>,
    pub text: String,
}

impl ListView {
    fn of(list: &v1::ListStatus) -> Self {
        let stands = !list.current_list.is_empty();
        Self {
            booked_list: list.booked_list.clone(),
            booked_number: list.booked_number,
            current_list: stands.then(|| list.current_list.clone()),
            current_position: stands.then_some(list.current_position),
            text: list.text.clone(),
        }
    }
}

impl AllocationView {
    pub fn of(seat: &v1::Allocation) -> Self {
        let has_berth = seat.berth != 0;
        Self {
            passenger: seat.passenger,
            status: words::name(
                seat.status,
                "ALLOCATION_STATUS_",
                v1::AllocationStatus::as_str_name,
            ),
            coach: has_berth.then(|| seat.coach.clone()),
            berth: has_berth.then_some(seat.berth),
            berth_type: words::berth_code(seat.berth_type).filter(|_| has_berth),
            age_band: words::age_code(seat.age_band),
            sex: words::sex_code(seat.sex),
            list: seat.list.as_ref().map(ListView::of),
        }
    }

    /// `  1  B3-12    LB   held`.
    fn line(&self) -> String {
        let place = match (&self.coach, self.berth) {
            (Some(coach), Some(berth)) => format!("{coach}-{berth}"),
            _ => "no berth".to_owned(),
        };
        let kind = self.berth_type.as_deref().unwrap_or("");
        let status = self.status.to_lowercase();
        let list = self.list.as_ref().map_or(String::new(), |list| format!(" {}", list.text));
        format!(
            "  {}  {place:<9} {kind:<4} {:<3} {:<6} {status}{list}",
            self.passenger, self.sex, self.age_band
        )
    }
}

/// Somebody who got a better place because of what was given back.
#[derive(Debug, Serialize)]
pub struct PromotionView {
    pub pnr: Option<String>,
    pub passenger: u32,
    pub from: String,
    pub to: String,
    pub coach: String,
    pub berth: u32,
}

impl PromotionView {
    pub fn of(promoted: &v1::Promotion) -> Self {
        Self {
            pnr: (!promoted.pnr.is_empty()).then(|| promoted.pnr.clone()),
            passenger: promoted.passenger,
            from: promoted.from.clone(),
            to: promoted.to.clone(),
            coach: promoted.coach.clone(),
            berth: promoted.berth,
        }
    }

    /// `GNWL2 is RAC3 now: B3-7`.
    pub fn line(&self) -> String {
        let whose = self.pnr.as_ref().map_or(String::new(), |pnr| format!(" of PNR {pnr}"));
        format!("  {}{whose} is {} now: {}-{}", self.from, self.to, self.coach, self.berth)
    }
}

/// What was said, and a line for each who got a better place by it.
pub fn with_promotions(said: String, promoted: &[PromotionView]) -> String {
    promoted.iter().fold(said, |said, promoted| format!("{said}\n{}", promoted.line()))
}

/// The lines of a party.
pub fn party(allocations: &[AllocationView]) -> String {
    allocations.iter().map(AllocationView::line).collect::<Vec<_>>().join("\n")
}

/// Numbers of passengers as people read them: `1 and 3`.
pub fn numbers(passengers: &[u32]) -> String {
    let texts: Vec<String> = passengers.iter().map(u32::to_string).collect();
    match texts.as_slice() {
        [] => "nobody".to_owned(),
        [one] => format!("passenger {one}"),
        [rest @ .., last] => format!("passengers {} and {last}", rest.join(", ")),
    }
}

/// An instant from the wire, if it is one.
pub fn instant(time: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// As RFC 3339 in UTC with milliseconds.
pub fn utc(time: Option<&prost_types::Timestamp>) -> Option<String> {
    instant(time).map(|time| format!("{time:.3}"))
}

/// As people of the railway's zone read it.
pub fn local(time: Option<&prost_types::Timestamp>, zone: &TimeZone) -> String {
    match instant(time) {
        Some(time) => time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        None => "no time".to_owned(),
    }
}

/// Milliseconds of a span from the wire.
pub fn millis(span: Option<&prost_types::Duration>) -> Option<i64> {
    span.map(|span| span.seconds * 1_000 + i64::from(span.nanos) / 1_000_000)
}

/// A span for the wire.
pub fn duration(span: std::time::Duration) -> prost_types::Duration {
    // Beyond what the wire can say the server's bounds are passed anyway.
    let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    prost_types::Duration { seconds, nanos: span.subsec_nanos().cast_signed() }
}

/// `MMCT (1) to NDLS (8)`.
pub fn route(from: &StopView, to: &StopView) -> String {
    format!("{} ({}) to {} ({})", from.code, from.sequence, to.code, to.sequence)
}

/// `12951 of 2026-12-02`, with the start at the origin where it is another day.
pub fn run(train: &str, date: &str, start_date: &str) -> String {
    if date == start_date || date.is_empty() {
        format!("{train} of {start_date}")
    } else {
        format!("{train} of {date} (started {start_date})")
    }
}
