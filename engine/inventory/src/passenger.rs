//! Passengers as the core knows them: a band instead of an age, no name.

use crate::class::codes;
use crate::{BerthType, CodeError};
use core::fmt;
use core::str::FromStr;

codes! {
    /// Age as a band, so that no journal holds an age (design section 4).
    AgeBand, "age band", "0-4 5-11 12-17 18-44 45-57 58-59 60+", {
        /// 0 to 4 years.
        Infant = 1 "0-4",
        /// 5 to 11 years.
        Child = 2 "5-11",
        /// 12 to 17 years.
        Youth = 3 "12-17",
        /// 18 to 44 years.
        Adult = 4 "18-44",
        /// 45 to 57 years.
        Adult45 = 5 "45-57",
        /// 58 and 59 years.
        Adult58 = 6 "58-59",
        /// 60 years and more.
        Senior = 7 "60+",
    }
}

impl AgeBand {
    /// The band of an age in years.
    pub const fn of_age(years: u8) -> Self {
        match years {
            0..=4 => Self::Infant,
            5..=11 => Self::Child,
            12..=17 => Self::Youth,
            18..=44 => Self::Adult,
            45..=57 => Self::Adult45,
            58..=59 => Self::Adult58,
            60.. => Self::Senior,
        }
    }
}

codes! {
    /// Sex as asked on the form; only quotas and the automatic lower berth look at it.
    Sex, "sex", "M F T U", {
        /// Male.
        Male = 1 "M",
        /// Female.
        Female = 2 "F",
        /// Transgender.
        Transgender = 3 "T",
        /// Not said.
        Unspecified = 4 "U",
    }
}

/// One passenger of a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passenger {
    /// Age as a band.
    pub age: AgeBand,
    /// Sex.
    pub sex: Sex,
    /// False for a child that travels without a berth (NOSB, domain 1.8).
    pub berth_required: bool,
    /// The berth type wished for, if any.
    pub preference: Option<BerthType>,
}

impl Passenger {
    /// The type to look for: the stated wish, else a lower berth for men of 60 and women of 45
    /// and more (domain 1.8, automatic lower berth).
    pub const fn wish(&self) -> Option<BerthType> {
        if self.preference.is_some() {
            return self.preference;
        }
        let entitled = match self.age {
            AgeBand::Senior => true,
            AgeBand::Adult45 | AgeBand::Adult58 => matches!(self.sex, Sex::Female),
            _ => false,
        };
        if entitled { Some(BerthType::Lower) } else { None }
    }
}

/// A set of passengers of one party; bit 0 = the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PassengerSet(pub u8);

impl PassengerSet {
    /// Nobody.
    pub const NONE: Self = Self(0);

    /// The first `count` passengers.
    pub const fn first(count: usize) -> Self {
        if count >= 8 { Self(u8::MAX) } else { Self((1 << count) - 1) }
    }

    /// Whether passenger `index` (0-based) is in the set.
    pub const fn contains(self, index: usize) -> bool {
        index < 8 && self.0 >> index & 1 == 1
    }

    /// With passenger `index` (0-based) added.
    #[must_use]
    pub const fn with(self, index: usize) -> Self {
        Self(self.0 | 1 << index)
    }

    /// Whether nobody is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many.
    pub const fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Who is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Who is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Who is in this set and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Their places (0-based), ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let index = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (index < 8).then_some(index)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn men_of_60_and_women_of_45_look_for_a_lower_berth_unless_they_say_otherwise() {
        let ages = [AgeBand::Adult, AgeBand::Adult45, AgeBand::Adult58, AgeBand::Senior];
        let wish = |age, sex, preference| {
            Passenger { age, sex, berth_required: true, preference }.wish().is_some()
        };
        assert_eq!(ages.map(|age| wish(age, Sex::Male, None)), [false, false, false, true]);
        assert_eq!(ages.map(|age| wish(age, Sex::Female, None)), [false, true, true, true]);
        let (age, sex, preference) = (AgeBand::Senior, Sex::Female, Some(BerthType::Upper));
        let passenger = Passenger { age, sex, berth_required: true, preference };
        assert_eq!(passenger.wish(), preference);
        let lower = Passenger { preference: None, ..passenger };
        assert_eq!(lower.wish(), Some(BerthType::Lower));
    }
}
