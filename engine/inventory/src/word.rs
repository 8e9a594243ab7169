//! A set of legs in the narrowest word that holds a route: `u32`, `u64` or `u128`.
//!
//! 84 % of real trains have at most 32 legs, 98.7 % at most 64, all at most 118 (domain 0, limits
//! 3b), and a `u128` costs several times what a `u32` does, so rows and gap indexes work in the
//! route's own width and [`LegMask`] stands only between them.

use core::fmt::Debug;
use core::ops::{BitAnd, BitOr, BitXor, Not, Shr};

use crate::LegMask;

/// See the module. Counts of legs and bits are `u32`, as the operators want them.
pub(crate) trait Word:
    Copy
    + Debug
    + Default
    + PartialEq
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Not<Output = Self>
    + Shr<u32, Output = Self>
{
    /// Bits of the word.
    const BITS: u32;
    /// Narrows; the caller has checked that the bits fit.
    fn narrow(mask: LegMask) -> Self;
    /// Widens.
    fn mask(self) -> LegMask;
    /// The lowest `count` bits; total.
    fn first(count: u32) -> Self;
    /// `BITS` when empty.
    fn trailing_zeros(self) -> u32;
    /// `BITS` when empty.
    fn leading_zeros(self) -> u32;

    /// The bits `from..to`, for `from <= to`.
    #[inline]
    fn range(from: u32, to: u32) -> Self {
        Self::first(to).without(Self::first(from))
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn intersects(self, other: Self) -> bool {
        !(self & other).is_empty()
    }

    fn without(self, other: Self) -> Self {
        self & !other
    }

    /// The maximal free gap around free legs `from..to` of a route of `legs` legs.
    fn gap_around(self, from: u32, to: u32, legs: u32) -> (u32, u32) {
        let start = Self::BITS - (self & Self::first(from)).leading_zeros();
        let end = self.without(Self::first(to)).trailing_zeros();
        (start, end.min(legs))
    }

    /// The maximal stretches of free legs inside `region`, ascending.
    fn each_gap(self, region: Self, mut visit: impl FnMut(u32, u32)) {
        let mut free = region.without(self);
        while !free.is_empty() {
            let start = free.trailing_zeros();
            let end = start + (!(free >> start)).trailing_zeros();
            free = free.without(Self::first(end));
            visit(start, end);
        }
    }
}

macro_rules! word {
    ($word:ty, $widen:expr, $first:expr) => {
        impl Word for $word {
            const BITS: u32 = <$word>::BITS;
            fn narrow(mask: LegMask) -> Self {
                mask.0 as Self
            }
            fn mask(self) -> LegMask {
                LegMask($widen(self))
            }
            fn first(count: u32) -> Self {
                $first(count)
            }
            fn trailing_zeros(self) -> u32 {
                self.trailing_zeros()
            }
            fn leading_zeros(self) -> u32 {
                self.leading_zeros()
            }
        }
    };
}

// One shift in the wider word needs no branch.
word!(u32, u128::from, |count: u32| ((1u64 << count.min(32)) - 1) as u32);
word!(u64, u128::from, |count: u32| if count < 64 { (1u64 << count) - 1 } else { u64::MAX });
word!(u128, |word| word, |count: u32| LegMask::first(count as usize).0);

#[cfg(test)]
mod tests {
    use super::*;

    fn first_is_total<W: Word>() {
        for count in 0..=W::BITS {
            let first = W::first(count);
            assert_eq!(first.mask().count(), count);
            assert_eq!((!first).trailing_zeros(), count);
        }
    }

    #[test]
    fn the_first_bits_at_every_width() {
        first_is_total::<u32>();
        first_is_total::<u64>();
        first_is_total::<u128>();
    }

    #[test]
    fn gaps_of_a_row() {
        fn all<W: Word>(taken: u128, legs: u32) -> Vec<(u32, u32)> {
            let mut found = Vec::new();
            W::narrow(LegMask(taken))
                .each_gap(W::first(legs), |start, end| found.push((start, end)));
            found
        }
        assert_eq!(all::<u32>(0b0110_0100, 8), [(0, 2), (3, 5), (7, 8)]);
        assert_eq!(all::<u32>(0, 32), [(0, 32)]);
        assert_eq!(all::<u64>(1 << 40, 64), [(0, 40), (41, 64)]);
        assert_eq!(all::<u128>(0, 127), [(0, 127)]);
        assert_eq!(all::<u128>(u128::MAX, 127), []);
        assert_eq!(all::<u128>(0, 128), [(0, 128)]);
    }
}
