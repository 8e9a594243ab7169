//! Moments as a rule book writes them. Minutes of a day are 0 to 1439, in the zone of the catalogue.

use berth_inventory::Opens;

/// Days before the start that a rule may name, most: a year, as a plan allows.
const DAYS_MAX: u16 = 366;
/// Minutes of a day.
pub(crate) const DAY: u16 = 1_440;

/// What [`opens`] reads.
pub(crate) const OPENS: &str =
    "\"run\" or days before the start (366 at most) with a time, such as \"D-1 10:00\"";
/// What [`clock`] reads.
pub(crate) const CLOCK: &str = "a time of day, such as \"08:00\"";
/// What [`span`] reads.
pub(crate) const SPAN: &str = "hours and minutes, at most 48:00, such as \"04:00\"";

/// `08:00` as the minute of the day.
pub(crate) fn clock(text: &str) -> Option<u16> {
    span(text).filter(|minute| *minute < DAY)
}

/// `26:30` as minutes, up to two days.
pub(crate) fn span(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let span = hours * 60 + minutes;
    (minutes < 60 && span <= 2 * DAY).then_some(span)
}

/// `D-1 10:00` as days before the start and the minute of that day.
pub(crate) fn day_and_clock(text: &str) -> Option<(u16, u16)> {
    let (days, time) = text.strip_prefix("D-")?.split_once(' ')?;
    let days = days.parse().ok().filter(|days| *days <= DAYS_MAX)?;
    Some((days, clock(time)?))
}

/// `run`, or `D-1 10:00`.
pub(crate) fn opens(text: &str) -> Option<Opens> {
    if text == "run" {
        return Some(Opens::WithRun);
    }
    let (days, minute) = day_and_clock(text)?;
    Some(Opens::Before { days, minute })
}
