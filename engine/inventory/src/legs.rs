//! Legs: leg `i` is the ride from stop `i` to stop `i + 1`; a journey is a range of legs.

use core::fmt;

/// A set of legs, bit 0 = the first leg.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LegMask(pub u128);

impl LegMask {
    /// No leg.
    pub const EMPTY: Self = Self(0);

    /// The lowest `count` legs; total for every `count` in 0..=128.
    pub const fn first(count: usize) -> Self {
        if count >= 128 { Self(u128::MAX) } else { Self((1 << count) - 1) }
    }

    /// Whether the two sets share a leg.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The number of legs in the set.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }
}

impl fmt::Debug for LegMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// What a passenger rides: from stop `from` to stop `to`, 0-based, `from < to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegRange {
    /// Stop where it begins, 0-based; also its first leg.
    pub from: u8,
    /// Stop where it ends, 0-based; one after its last leg.
    pub to: u8,
}

impl LegRange {
    /// `None` unless `from < to`.
    pub const fn new(from: u8, to: u8) -> Option<Self> {
        if from < to { Some(Self { from, to }) } else { None }
    }

    /// The legs as a set; total for every range that `u8` can say.
    pub const fn mask(self) -> LegMask {
        LegMask(LegMask::first(self.to as usize).0 & !LegMask::first(self.from as usize).0)
    }

    /// Number of legs.
    pub const fn len(self) -> u32 {
        (self.to - self.from) as u32
    }

    /// Never: a range has at least one leg. Present because `len` is.
    pub const fn is_empty(self) -> bool {
        self.to <= self.from
    }

    /// Whether every leg of `inner` is in this range.
    pub const fn contains(self, inner: Self) -> bool {
        self.from <= inner.from && inner.to <= self.to
    }
}

impl fmt::Display for LegRange {
    /// 1-based stops, as people count them: `1..4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", u16::from(self.from) + 1, u16::from(self.to) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_total_and_exact() {
        for from in 0..=128u8 {
            for to in from + 1..=129u8 {
                let mask = LegRange { from, to }.mask();
                let naive = (from..to.min(128)).fold(0u128, |m, leg| m | 1 << leg);
                assert_eq!(mask.0, naive, "{from}..{to}");
            }
        }
        assert_eq!(LegMask::first(0), LegMask::EMPTY);
        assert_eq!(LegMask::first(128).count(), 128);
        assert_eq!(LegMask::first(usize::MAX).count(), 128);
    }
}
