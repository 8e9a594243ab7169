//! Collects what is wrong with a message: all of it, by field, with what is allowed.

use core::fmt::Display;
use core::str::FromStr;

use berth_engine::node::HoldTimes;
use berth_inventory::{
    AgeBand, BerthName, BerthType, Date, HoldId, Millis, PARTY_MAX, PassengerSet, QuotaCode,
    REFERENCE_BYTES_MAX, RequestId, RequestMark, STOPS_MAX, Sex, StopRef, TrainNumber, TravelClass,
};
use berth_proto::v1;
use berth_proto::v1::stop_ref::Stop;

/// Longest signed text: ours are half as long.
pub(super) const SEALED_BYTES_MAX: usize = 256;

/// A message that cannot mean anything.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invalid {
    /// Every field that is wrong.
    pub violations: Vec<v1::FieldViolation>,
}

impl Invalid {
    /// One violation.
    pub fn one(field: impl Into<String>, description: impl Into<String>) -> Self {
        let violation = v1::FieldViolation { field: field.into(), description: description.into() };
        Self { violations: vec![violation] }
    }
}

/// See the module. Each check tells what it finds and gives the value if there is one.
#[derive(Default)]
pub(super) struct Check {
    violations: Vec<v1::FieldViolation>,
}

#[allow(clippy::option_option, reason = "the outer `None` is a violation that was told")]
impl Check {
    /// Notes that `field` is wrong.
    pub fn wrong(&mut self, field: impl Display, description: impl Display) {
        self.violations.push(v1::FieldViolation {
            field: field.to_string(),
            description: description.to_string(),
        });
    }

    /// The whole, if nothing was wrong. `whole` gives `None` only when a check failed.
    pub fn end<T>(self, whole: Option<T>) -> Result<T, Invalid> {
        match whole {
            Some(whole) if self.violations.is_empty() => Ok(whole),
            _ => {
                assert!(!self.violations.is_empty(), "a part is missing and nothing was told");
                Err(Invalid { violations: self.violations })
            }
        }
    }

    /// A text that must be there and have the form of `T`.
    pub fn name<T: FromStr<Err: Display>>(&mut self, field: impl Display, text: &str) -> Option<T> {
        if text.is_empty() {
            self.wrong(field, "is required");
            return None;
        }
        text.parse().map_err(|error| self.wrong(field, error)).ok()
    }

    /// A train's number.
    pub fn train(&mut self, field: impl Display, text: &str) -> Option<TrainNumber> {
        self.name(field, text)
    }

    /// A date.
    pub fn date(&mut self, field: impl Display, text: &str) -> Option<Date> {
        self.name(field, text)
    }

    /// A quota code that is there.
    pub fn quota(&mut self, field: impl Display, text: &str) -> Option<QuotaCode> {
        self.name(field, text)
    }

    /// A quota code or, empty, none. The outer `None` is a violation.
    pub fn quota_or_all(&mut self, field: impl Display, text: &str) -> Option<Option<QuotaCode>> {
        if text.is_empty() { Some(None) } else { self.quota(field, text).map(Some) }
    }

    /// A class that must be said.
    pub fn class(&mut self, field: impl Display, number: i32) -> Option<TravelClass> {
        self.enumeration(field, number, TravelClass::from_number, TravelClass::ALL.len())
    }

    /// A class or, UNSPECIFIED, none. The outer `None` is a violation.
    pub fn class_or_all(
        &mut self,
        field: impl Display,
        number: i32,
    ) -> Option<Option<TravelClass>> {
        if number == 0 { Some(None) } else { self.class(field, number).map(Some) }
    }

    /// A number of an enum whose known values are 1 to `count`.
    pub fn enumeration<T>(
        &mut self,
        field: impl Display,
        number: i32,
        from_number: fn(u8) -> Option<T>,
        count: usize,
    ) -> Option<T> {
        let known = u8::try_from(number).ok().and_then(from_number);
        if known.is_none() {
            match number {
                0 => self.wrong(field, "is UNSPECIFIED; say which"),
                _ => self.wrong(
                    field,
                    format_args!("{number} is no value this server knows; it knows 1 to {count}"),
                ),
            }
        }
        known
    }

    /// The id that the caller drew, with the digest of what it asked for.
    pub fn request(&mut self, text: &str, digest: u64) -> Option<RequestMark> {
        if text.is_empty() {
            self.wrong("request_id", "is required: a UUID, drawn once and kept for every retry");
            return None;
        }
        // A UUID has 32 to 45 characters in all its spellings; longer texts are not even quoted.
        let id = if text.len() <= 45 { uuid::Uuid::try_parse(text).ok() } else { None };
        let Some(id) = id else {
            self.wrong("request_id", format_args!("{:?} is not a UUID", short(text)));
            return None;
        };
        Some(RequestMark { id: RequestId(id.as_u128()), digest })
    }

    /// A hold id: 32 hex digits.
    pub fn hold(&mut self, text: &str) -> Option<HoldId> {
        let shape = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = if shape { u128::from_str_radix(text, 16).ok() } else { None };
        if id.is_none() {
            // Never quoted: a hold id is a secret, also with a character too many.
            let bytes = text.len();
            self.wrong("hold_id", format_args!("is not 32 hex digits ({bytes} bytes given)"));
        }
        id.map(HoldId)
    }

    /// A printed PNR: ten digits, the first 1 to 9.
    pub fn pnr(&mut self, text: &str) -> Option<Box<str>> {
        let shape =
            text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        if !shape {
            let why =
                format_args!("{:?} is not 10 digits, the first 1 to 9", short(text)).to_string();
            self.wrong("pnr", why);
            return None;
        }
        Some(text.into())
    }

    /// A time to live within the bounds that the operator set.
    pub fn ttl(&mut self, ttl: prost_types::Duration, holds: &HoldTimes) -> Option<Millis> {
        let ms = millis(ttl).filter(|ms| (holds.min.0..=holds.max.0).contains(ms));
        if ms.is_none() {
            let (seconds, nanos) = (ttl.seconds, ttl.nanos);
            self.wrong(
                "ttl",
                format_args!(
                    "{seconds} s {nanos} ns is outside {} s to {} s",
                    holds.min.0 / 1_000,
                    holds.max.0 / 1_000
                ),
            );
        }
        ms.map(Millis)
    }

    /// An opaque text of the caller.
    pub fn opaque(&mut self, field: impl Display, text: &str) -> Option<Box<str>> {
        if text.len() > REFERENCE_BYTES_MAX {
            let bytes = text.len();
            self.wrong(field, format_args!("has {bytes} bytes, at most {REFERENCE_BYTES_MAX}"));
            return None;
        }
        Some(text.into())
    }

    /// A signed text that we gave out, or none.
    pub fn sealed(&mut self, field: impl Display, text: &str) -> Option<Box<str>> {
        if text.len() > SEALED_BYTES_MAX {
            let bytes = text.len();
            self.wrong(field, format_args!("has {bytes} bytes, at most {SEALED_BYTES_MAX}"));
            return None;
        }
        Some(text.into())
    }

    /// A stop that must be named.
    pub fn stop(&mut self, field: &str, stop: Option<&v1::StopRef>) -> Option<StopRef> {
        let stop = self.stop_or_none(field, stop)?;
        if stop.is_none() {
            self.wrong(field, "is required: a sequence or a station code");
        }
        stop
    }

    /// A stop, or none. The outer `None` is a violation.
    pub fn stop_or_none(
        &mut self,
        field: &str,
        stop: Option<&v1::StopRef>,
    ) -> Option<Option<StopRef>> {
        let Some(stop) = stop else { return Some(None) };
        match &stop.stop {
            None => {
                self.wrong(field, "says neither a sequence nor a station code");
                None
            }
            Some(Stop::Sequence(sequence)) => {
                let place = u16::try_from(*sequence).ok();
                let place = place.filter(|place| (1..=STOPS_MAX as u16).contains(place));
                if place.is_none() {
                    self.wrong(
                        format_args!("{field}.sequence"),
                        format_args!("{sequence} is outside 1 to {STOPS_MAX}"),
                    );
                }
                if stop.occurrence != 0 {
                    self.wrong(format_args!("{field}.occurrence"), "goes with a code only");
                    return None;
                }
                place.map(|place| Some(StopRef::Sequence(place)))
            }
            Some(Stop::Code(code)) => {
                let code = self.name(format_args!("{field}.code"), code);
                let visit = u8::try_from(stop.occurrence.max(1)).ok();
                let visit = visit.filter(|visit| usize::from(*visit) <= STOPS_MAX);
                if visit.is_none() {
                    self.wrong(
                        format_args!("{field}.occurrence"),
                        format_args!("{} is more than {STOPS_MAX}", stop.occurrence),
                    );
                }
                Some(Some(StopRef::Station { code: code?, occurrence: visit? }))
            }
        }
    }

    /// Who of a party, 1 to 6 without repetition; nobody named = `Some(None)` = everybody.
    pub fn passengers(&mut self, numbers: &[u32]) -> Option<Option<PassengerSet>> {
        if numbers.is_empty() {
            return Some(None);
        }
        if numbers.len() > PARTY_MAX {
            let count = numbers.len();
            self.wrong(
                "passengers",
                format_args!("names {count}, a party has {PARTY_MAX} at most"),
            );
            return None;
        }
        let mut set = PassengerSet::NONE;
        let mut fine = true;
        for (at, number) in numbers.iter().enumerate() {
            let place = (*number as usize).wrapping_sub(1);
            if place >= PARTY_MAX {
                self.wrong(
                    format_args!("passengers[{at}]"),
                    format_args!("{number} is outside 1 to {PARTY_MAX}"),
                );
                fine = false;
            } else if set.contains(place) {
                self.wrong(
                    format_args!("passengers[{at}]"),
                    format_args!("{number} is named twice"),
                );
                fine = false;
            } else {
                set = set.with(place);
            }
        }
        fine.then_some(Some(set))
    }

    /// Berths by name, at most `max`.
    pub fn berths(&mut self, berths: &[v1::BerthName], max: usize) -> Option<Vec<BerthName>> {
        if berths.len() > max {
            let count = berths.len();
            self.wrong("berths", format_args!("has {count} berths, at most {max}"));
            return None;
        }
        let mut names = Vec::with_capacity(berths.len());
        for (at, berth) in berths.iter().enumerate() {
            if !(1..=8).contains(&berth.coach.len()) {
                let bytes = berth.coach.len();
                self.wrong(
                    format_args!("berths[{at}].coach"),
                    format_args!("has {bytes} bytes, a coach id has 1 to 8"),
                );
            }
            let number = u16::try_from(berth.number).ok().filter(|number| *number > 0);
            if number.is_none() {
                self.wrong(
                    format_args!("berths[{at}].number"),
                    format_args!("{} is outside 1 to {}", berth.number, u16::MAX),
                );
            }
            if let (Some(number), 1..=8) = (number, berth.coach.len()) {
                names.push(BerthName { coach: berth.coach.as_str().into(), number });
            }
        }
        (names.len() == berths.len()).then_some(names)
    }

    /// An age band, from an age or as said.
    pub fn age(&mut self, at: usize, years: Option<v1::passenger::Years>) -> Option<AgeBand> {
        use v1::passenger::Years;
        match years {
            None => {
                self.wrong(format_args!("passengers[{at}]"), "says neither age nor age_band");
                None
            }
            Some(Years::Age(years @ 0..=125)) => Some(AgeBand::of_age(years as u8)),
            Some(Years::Age(years)) => {
                self.wrong(
                    format_args!("passengers[{at}].age"),
                    format_args!("{years} is outside 0 to 125"),
                );
                None
            }
            Some(Years::AgeBand(number)) => self.enumeration(
                format_args!("passengers[{at}].age_band"),
                number,
                AgeBand::from_number,
                AgeBand::ALL.len(),
            ),
        }
    }

    /// A sex that must be said, if only as NOT_SAID.
    pub fn sex(&mut self, at: usize, number: i32) -> Option<Sex> {
        let field = format_args!("passengers[{at}].sex");
        if number == 0 {
            self.wrong(field, "is UNSPECIFIED; say NOT_SAID when the passenger does not say");
            return None;
        }
        self.enumeration(field, number, Sex::from_number, Sex::ALL.len())
    }

    /// A berth type wished for, or none. The outer `None` is a violation.
    pub fn preference(&mut self, at: usize, number: i32) -> Option<Option<BerthType>> {
        if number == 0 {
            return Some(None);
        }
        let field = format_args!("passengers[{at}].preference");
        let known = BerthType::ALL.len();
        self.enumeration(field, number, BerthType::from_number, known).map(Some)
    }
}

/// Whole milliseconds of a span that is not negative; `None` for any other, or a malformed one.
pub(super) fn millis(span: prost_types::Duration) -> Option<u64> {
    let seconds = u64::try_from(span.seconds).ok()?;
    let nanos = u64::try_from(span.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    seconds.checked_mul(1_000)?.checked_add(nanos / 1_000_000)
}

/// The start of a text that came from outside, for a message.
fn short(text: &str) -> String {
    text.chars().take(48).collect()
}
