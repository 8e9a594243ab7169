//! The run calendar: which start dates of a train are open, and at what instants things happen.
//!
//! A run is named by the date on which it starts at its origin. All dates and minutes are meant in
//! the catalogue's zone; `now` is always an argument. Units: dates are days, minutes count from
//! 00:00 of day 1, instants are Unix milliseconds.
//!
//! Two kinds of instant: *timetable* minutes run on from the midnight of the start date without
//! regard to clock changes (as `inventory` does with the midnight in `RunCreated`), *opening* times
//! are read off the wall clock of their own day.
//!
//! Always true: a run is open from the midnight that brings its start date into the window until
//! its last departure; it retires at the first midnight not before that departure.

use berth_inventory::{Date, Millis, Opens, Plan, RunCreated, RunId, UnixMillis};
use jiff::civil;
use jiff::tz::TimeZone;

use crate::Light;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;
const DAY_MINUTES: u32 = 24 * 60;

/// Days from the midnight that retires a run to the one that lets go of its entry.
const PAST_DAYS: i32 = 1;

/// The catalogue names a zone that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("zone {0:?} of the catalogue is not an IANA time zone; name one such as Asia/Kolkata")]
pub struct UnknownZone(pub Box<str>);

/// The zone and the length of the booking window.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    open_days: u16,
}

impl Calendar {
    /// Runs that start up to `open_days` after today are open.
    pub fn new(zone: &str, open_days: u16) -> Result<Self, UnknownZone> {
        let zone = TimeZone::get(zone).map_err(|_| UnknownZone(zone.chars().take(64).collect()))?;
        Ok(Self { zone, open_days })
    }

    /// Days from today to the last open start date.
    pub fn open_days(&self) -> u16 {
        self.open_days
    }

    /// The date in the zone.
    pub fn today(&self, now: UnixMillis) -> Date {
        let instant =
            i64::try_from(now.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let day = instant.unwrap_or(jiff::Timestamp::MAX).to_zoned(self.zone.clone()).date();
        Date::from_ymd(day.year().into(), day.month() as u32, day.day() as u32).unwrap_or(Date::MAX)
    }

    /// The first instant of `date` in the zone: 00:00, or the end of the gap where clocks jump over
    /// it.
    pub fn midnight(&self, date: Date) -> UnixMillis {
        self.instant(date, 0)
    }

    /// The instant at which clocks of the zone show `minute` of `date`: the first one when it comes
    /// twice, the end of the gap when it does not come.
    pub fn instant(&self, date: Date, minute: u16) -> UnixMillis {
        let (year, month, day) = date.ymd();
        let (hour, minute) = ((minute / 60).min(23), minute % 60);
        let time = civil::time(hour as i8, minute as i8, 0, 0);
        let time = civil::date(year as i16, month as i8, day as i8).to_datetime(time);
        let ambiguous = self.zone.to_ambiguous_timestamp(time);
        let named = ambiguous.compatible().map(jiff::Timestamp::as_millisecond);
        // Past the last instant jiff can name (30 December 9999): as if the zone were UTC.
        let utc = || {
            let day = u64::try_from(date.days()).unwrap_or(0) * DAY_MS;
            day + u64::from(hour * 60 + minute) * MINUTE_MS
        };
        UnixMillis(named.map_or_else(|_| utc(), |ms| u64::try_from(ms).unwrap_or(0)))
    }

    /// The instant of a timetable minute of the run that starts on `start_date`.
    pub fn timetable(&self, start_date: Date, minute: u32) -> UnixMillis {
        self.midnight(start_date).saturating_add(Millis(u64::from(minute) * MINUTE_MS))
    }

    /// The next midnight after `now`: until then no start date comes or goes by rule.
    pub fn next_change(&self, now: UnixMillis) -> UnixMillis {
        self.midnight(self.today(now).plus(1))
    }

    /// The last start date of the window.
    pub fn last_open(&self, now: UnixMillis) -> Date {
        self.today(now).plus(i32::from(self.open_days))
    }

    /// Whether the run that would start on `start_date` is scheduled, in the window and not gone.
    pub fn is_open(&self, light: Light, start_date: Date, now: UnixMillis) -> bool {
        light.days.runs_on(start_date)
            && start_date <= self.last_open(now)
            && now < self.timetable(start_date, light.last_departure)
    }

    /// Open start dates, ascending: runs still under way first, then today to the end of the window.
    pub fn open_dates(&self, light: Light, now: UnixMillis) -> impl Iterator<Item = Date> + use<> {
        let first = self.first_open(light, now).days();
        (first..=self.last_open(now).days())
            .map(Date::from_days)
            .filter(move |date| light.days.runs_on(*date))
    }

    /// The first open start date not before `from`.
    pub fn next_open(&self, light: Light, from: Date, now: UnixMillis) -> Option<Date> {
        let from = from.max(self.first_open(light, now));
        let next = light.days.next_from(from)?;
        (next <= self.last_open(now)).then_some(next)
    }

    /// When the run leaves the calendar: the first midnight not before its last departure.
    pub fn retires_at(&self, light: Light, start_date: Date) -> UnixMillis {
        let departure = self.timetable(start_date, light.last_departure);
        let today = self.midnight(self.today(departure));
        if today == departure { today } else { self.next_change(departure) }
    }

    /// Whether a run left so long ago that nobody is expected to ask for it.
    pub fn is_past(light: Light, start_date: Date, today: Date) -> bool {
        start_date.plus(days_of(light.last_departure) + 1 + PAST_DAYS) <= today
    }

    /// The date at the origin of the run that leaves a stop at `departure` (minutes from 00:00 of
    /// day 1) on `boarding_date`.
    pub fn start_date(boarding_date: Date, departure: u32) -> Date {
        boarding_date.plus(-days_of(departure))
    }

    /// The date on which the run that starts on `start_date` leaves that stop.
    pub fn boarding_date(start_date: Date, departure: u32) -> Date {
        start_date.plus(days_of(departure))
    }

    /// The instant at which a pool of the run opens; 0 = with the run.
    pub fn opens_at(&self, opens: Opens, start_date: Date) -> UnixMillis {
        match opens {
            Opens::WithRun => UnixMillis(0),
            Opens::Before { days, minute } => {
                self.instant(start_date.plus(-i32::from(days)), minute)
            }
        }
    }

    /// The first event of the run of `plan` that starts on `start_date`.
    pub fn run_created(&self, plan: &Plan, start_date: Date, extra: bool) -> RunCreated {
        let opens = plan.pools().iter().map(|pool| self.opens_at(pool.opens, start_date));
        RunCreated {
            run: RunId { train: plan.number(), start_date },
            plan: plan.hash(),
            midnight: self.midnight(start_date),
            opens: opens.collect(),
            extra,
        }
    }

    /// The first date whose run, if there is one, has not left its last boarding stop.
    fn first_open(&self, light: Light, now: UnixMillis) -> Date {
        // A day more than the journey takes, for clock changes on the way.
        let back = days_of(light.last_departure) + 1;
        let mut date = self.today(now).plus(-back);
        while now >= self.timetable(date, light.last_departure) && date < Date::MAX {
            date = date.plus(1);
        }
        date
    }
}

/// Whole days in a timetable minute.
const fn days_of(minute: u32) -> i32 {
    (minute / DAY_MINUTES).cast_signed()
}

#[cfg(test)]
mod tests;
