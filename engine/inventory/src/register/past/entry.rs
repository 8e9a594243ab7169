//! One packed hold, read where it stands.

use super::{
    FIRST, FROM, HEAD, HEADS, HOW, OWN_TIMES, POOL, PROLONGED, Prolonged, REFERENCE, RELEASED,
    RELEASED_AT_END, RELEASED_BEFORE, TO, wide,
};
use crate::card::{Card, Made, Seated, Shown};
use crate::record::SeatState;
use crate::register::NONE;
use crate::{HoldId, LegRange, PoolIndex, RequestId, RequestMark, UnixMillis};

/// A hold that has ended, as it is kept.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(super) head: &'a [u64; HEAD],
    /// What stands behind the head, if anything of it does.
    pub(super) rest: &'a [u64],
    pub(super) prolonged: &'a Option<Box<Prolonged>>,
}

impl<'a> Entry<'a> {
    #[inline]
    fn bits(self, at: u32, bits: u32) -> u8 {
        (self.head[0] >> at & ((1 << bits) - 1)) as u8
    }

    #[inline]
    fn has(self, mark: u64) -> bool {
        self.head[0] & mark != 0
    }

    /// Whether nothing stands behind the head.
    #[inline]
    fn is_plain(self) -> bool {
        let released_before = u64::from(self.bits(RELEASED, 2)) == RELEASED_BEFORE;
        !released_before && !self.has(OWN_TIMES | PROLONGED | REFERENCE) && self.heads() < 2
    }

    #[inline]
    pub(crate) fn hold(self) -> HoldId {
        HoldId(wide(self.head[1], self.head[2]))
    }

    /// The request that made it.
    #[inline]
    pub(crate) fn request(self) -> RequestMark {
        RequestMark { id: RequestId(wide(self.head[3], self.head[4])), digest: self.head[5] }
    }

    /// Where behind the head the other passengers begin.
    fn others_at(self) -> usize {
        let own = usize::from(u64::from(self.bits(RELEASED, 2)) == RELEASED_BEFORE);
        2 * usize::from(self.has(OWN_TIMES)) + own
    }

    /// Where the number of its extends stands, and behind it the reference.
    fn extends_at(self) -> usize {
        self.others_at() + self.heads() / 2
    }

    #[inline]
    pub(super) fn is_prolonged(self) -> bool {
        self.has(PROLONGED)
    }

    /// Every request that prolonged it, oldest first.
    pub(crate) fn extends(self) -> &'a [RequestMark] {
        match self.prolonged {
            Some(prolonged) if self.is_prolonged() => {
                let list = self.rest[self.extends_at()] - prolonged.first;
                &prolonged.lists[list as usize]
            }
            _ => &[],
        }
    }

    fn reference_at(self) -> usize {
        self.extends_at() + usize::from(self.has(PROLONGED))
    }

    #[inline]
    pub(super) fn words(self) -> usize {
        if self.is_plain() { HEAD } else { HEAD + self.more_words() }
    }

    fn more_words(self) -> usize {
        let at = self.reference_at();
        let bytes = if self.has(REFERENCE) { 8 + self.rest[at] as usize } else { 0 };
        at + bytes.div_ceil(8)
    }

    fn long_reference(self) -> Box<str> {
        let at = self.reference_at();
        let words = &self.rest[at + 1..self.more_words()];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let text = core::str::from_utf8(&bytes[..self.rest[at] as usize]);
        text.expect("written from a text").into()
    }

    #[inline]
    fn times(self) -> (UnixMillis, UnixMillis) {
        if self.has(OWN_TIMES) {
            return (UnixMillis(self.rest[0]), UnixMillis(self.rest[1]));
        }
        let (made, spans) = (self.head[6], self.head[7]);
        (UnixMillis(made + (spans & u64::from(u32::MAX))), UnixMillis(made + (spans >> 32)))
    }

    #[inline]
    pub(super) fn ended_at(self) -> UnixMillis {
        self.times().1
    }

    /// On a card of its own, as it was.
    pub(crate) fn card(self) -> Card {
        let ended_at = self.ended_at();
        let mut card = Card::free(NONE);
        card.fill(self.made(), (0..self.heads()).map(|index| self.seat(index)));
        let how = SeatState::from_number(self.bits(HOW, 3)).expect("written from a state");
        card.end(ended_at, how);
        match u64::from(self.bits(RELEASED, 2)) {
            RELEASED_AT_END => card.release(ended_at),
            RELEASED_BEFORE => card.release(UnixMillis(self.rest[self.others_at() - 1])),
            _ => {}
        }
        for mark in self.extends() {
            card.add_extend(*mark);
        }
        card.reference = self.reference();
        card
    }
}

impl Shown for Entry<'_> {
    #[inline]
    fn made(&self) -> Made {
        Made {
            hold: self.hold(),
            request: self.request(),
            pool: PoolIndex(self.bits(POOL, 6)),
            legs: LegRange { from: self.bits(FROM, 7), to: self.bits(TO, 7) },
            created_at: UnixMillis(self.head[6]),
            expires_at: self.times().0,
        }
    }

    #[inline]
    fn heads(&self) -> usize {
        usize::from(self.bits(HEADS, 3))
    }

    #[inline]
    fn seat(&self, index: usize) -> Seated {
        let bits = match index {
            0 => self.head[0] >> FIRST,
            _ => self.rest[self.others_at() + (index - 1) / 2] >> (32 * ((index - 1) % 2)),
        };
        Seated::from_bits(bits as u32)
    }

    #[inline]
    fn reference(&self) -> Box<str> {
        if self.has(REFERENCE) { self.long_reference() } else { Box::default() }
    }

    #[inline]
    fn booking(&self) -> u32 {
        NONE
    }
}
