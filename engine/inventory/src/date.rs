//! Calendar dates without a zone, as day numbers, and the days of the week a train starts on.
//!
//! Source of the conversion: Howard Hinnant, "chrono-compatible low-level date algorithms".

use core::fmt;
use core::str::FromStr;

/// A civil date, counted in days from 1970-01-01. The zone it is meant in is the catalogue's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

impl Date {
    /// 0001-01-01 and 9999-12-31: what four digits can say.
    pub const MIN: Self = Self(-719_162);
    /// See [`Date::MIN`].
    pub const MAX: Self = Self(2_932_896);

    /// From days since 1970-01-01, clamped to what can be printed.
    pub const fn from_days(days: i32) -> Self {
        if days < Self::MIN.0 {
            Self::MIN
        } else if days > Self::MAX.0 {
            Self::MAX
        } else {
            Self(days)
        }
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// This date moved by `days`, clamped.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self::from_days(self.0.saturating_add(days))
    }

    /// From year, month 1-12 and day 1-31; `None` when there is no such day.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let (m, d) = (month.cast_signed(), day.cast_signed());
        let y = if m <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let day_of_year = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + d - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let date = Self(era * 146_097 + day_of_era - 719_468);
        (date.ymd() == (year, month, day)).then_some(date)
    }

    /// The date that these bytes spell as YYYY-MM-DD, if they do.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
        let number = |digits: &[&u8]| {
            digits.iter().try_fold(0, |sum, digit| {
                let digit = digit.wrapping_sub(b'0');
                (digit < 10).then(|| sum * 10 + u32::from(digit))
            })
        };
        let year = number(&[y1, y2, y3, y4])?.cast_signed();
        Self::from_ymd(year, number(&[m1, m2])?, number(&[d1, d2])?)
    }

    /// Year, month 1-12, day 1-31.
    pub fn ymd(self) -> (i32, u32, u32) {
        let z = self.0 + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i32::from(month <= 2);
        (year, month as u32, day as u32)
    }

    /// 0 = Monday ... 6 = Sunday.
    pub const fn weekday(self) -> u8 {
        (self.0 + 3).rem_euclid(7) as u8
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.ymd();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

/// Not a date in the form `YYYY-MM-DD`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date: expected YYYY-MM-DD between 0001-01-01 and 9999-12-31")]
pub struct DateError(pub Box<str>);

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        Self::from_bytes(text.as_bytes()).ok_or_else(|| DateError(text.chars().take(32).collect()))
    }
}

/// The days of the week on which a train starts at its origin; bit 0 = Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RunningDays(pub u8);

impl RunningDays {
    /// Every day.
    pub const DAILY: Self = Self(0x7f);

    /// Whether the train starts on `date`.
    pub const fn runs_on(self, date: Date) -> bool {
        self.0 >> date.weekday() & 1 == 1
    }

    /// The first day not before `from` on which the train starts; `None` when it never runs.
    pub fn next_from(self, from: Date) -> Option<Date> {
        (0..7).map(|d| from.plus(d)).find(|d| self.runs_on(*d))
    }
}

impl fmt::Display for RunningDays {
    /// Seven digits from Monday: `1111100` runs on weekdays.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..7).try_for_each(|d| write!(f, "{}", self.0 >> d & 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_nine_thousand_years_survives_the_round_trip() {
        for days in (Date::MIN.days()..=Date::MAX.days()).step_by(13) {
            let date = Date::from_days(days);
            let (y, m, d) = date.ymd();
            assert_eq!(Date::from_ymd(y, m, d), Some(date), "{date}");
            assert_eq!(date.to_string().parse(), Ok(date));
        }
    }

    #[test]
    fn known_days() {
        assert_eq!("1970-01-01".parse(), Ok(Date::from_days(0)));
        assert_eq!("2026-11-22".parse::<Date>().map(Date::weekday), Ok(6), "a Sunday");
        let wrong = ["2026-02-29", "2026-13-01", "20261122", "2026-1-22", "0000-01-01", "+10"];
        // A colon is the character behind the 9.
        for wrong in wrong.into_iter().chain(["2026-0:-05", "2026/11/22"]) {
            assert!(wrong.parse::<Date>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_date_lies_beyond_four_digits() {
        for days in [i32::MIN, Date::MIN.days() - 1, Date::MIN.days()] {
            assert_eq!(Date::from_days(days), Date::MIN);
        }
        for days in [Date::MAX.days(), Date::MAX.days() + 1, i32::MAX] {
            assert_eq!(Date::from_days(days), Date::MAX);
        }
        assert_eq!((Date::MAX.plus(i32::MAX), Date::MIN.plus(i32::MIN)), (Date::MAX, Date::MIN));
    }

    #[test]
    fn each_bit_is_its_own_day() {
        for bit in 0..7u8 {
            let runs = (0..7).filter(|day| RunningDays(1 << bit).runs_on(Date::from_days(*day)));
            let days: Vec<u8> = runs.map(|day| Date::from_days(day).weekday()).collect();
            assert_eq!(days, [bit]);
        }
        // 1970 began on a Thursday.
        assert_eq!(Date::from_days(0).weekday(), 3);
    }

    #[test]
    fn a_weekday_train_waits_for_monday() {
        let weekdays = RunningDays(0b001_1111);
        let sunday: Date = "2026-11-22".parse().unwrap();
        assert!(!weekdays.runs_on(sunday));
        assert_eq!(weekdays.next_from(sunday), "2026-11-23".parse().ok());
        assert_eq!(RunningDays(0).next_from(sunday), None);
        assert_eq!(weekdays.to_string(), "1111100");
    }
}
