//! How a record ends: it leaves its card, and some time later it is forgotten.

use super::names::Named;
use super::past::Ids;
use super::{At, NO_RECENT, PAST, Register};
use crate::record::SeatState;
use crate::{Millis, REMEMBER_ENDED_MAX, REMEMBER_ENDED_MS, UnixMillis};

impl Register {
    /// Ends a record when nobody of it is held any more; `how` is what the last of them met.
    #[inline]
    pub(crate) fn end_if_empty(&mut self, card: u32, at: UnixMillis, how: SeatState) {
        let record = self.card_mut(card);
        if !record.is_live() || record.keeps_somebody() {
            return;
        }
        record.end(at, how);
        let booked = record.is_booked();
        self.live -= 1;
        self.settle_deadlines(card);
        if !booked {
            self.pass(card);
        }
    }

    /// A record that ended without a booking leaves its card.
    #[inline(never)]
    pub(super) fn pass(&mut self, card: u32) {
        let record = &self.cards[card as usize];
        let hold = record.hold;
        let request = record.request();
        let place = self.past.push(record);
        self.past_is_full = self.past.len() > REMEMBER_ENDED_MAX;
        if self.past.len() == 1 {
            self.oldest_changed();
        }
        let (before, after) = ((Named::Hold, card), (Named::PastHold, place));
        self.names.rename(self.hold_hash(hold), before, after);
        let (before, after) = ((Named::Reserve, card), (Named::PastReserve, place));
        self.names.rename(self.names.hash(request.id.0), before, after);
        let (before, after) = ((Named::Extend, card), (Named::PastExtend, place));
        for mark in self.cards[card as usize].extends() {
            self.names.rename(self.names.hash(mark.id.0), before, after);
        }
        self.found(hold, At::Past(place));
        self.vacate(card);
    }

    fn oldest_changed(&mut self) {
        let oldest = self.past.oldest_end();
        let too_old = |end: UnixMillis| end.saturating_add(Millis(REMEMBER_ENDED_MS));
        self.too_old_at = oldest.map_or(UnixMillis::MAX, too_old);
    }

    #[inline]
    pub(super) fn settle_deadlines(&mut self, card: u32) {
        let cards = &self.cards;
        self.deadlines.drop(card, self.live, |card, at| {
            let card = &cards[card as usize];
            !card.is_free() && card.is_live() && card.expires_at == at
        });
    }

    /// After every event: forgets what is due at `at`.
    #[inline]
    pub(crate) fn settle(&mut self, at: UnixMillis) {
        while self.past_is_full || self.too_old_at <= at {
            let Some((ids, place)) = self.past.pop() else { break };
            self.forgotten += u64::from(self.too_old_at > at);
            self.forget(&ids, place);
            self.past_is_full = self.past.len() > REMEMBER_ENDED_MAX;
            self.oldest_changed();
        }
    }

    #[inline]
    fn forget(&mut self, ids: &Ids, place: u32) {
        if *self.recent.get_mut() as u32 == PAST | place {
            *self.recent.get_mut() = NO_RECENT;
        }
        self.names.remove(self.names.hash(ids.request.0), Named::PastReserve, place);
        for mark in ids.extends.iter().flatten() {
            self.forget_id(mark.id, Named::PastExtend, place);
        }
        self.names.remove(self.hold_hash(ids.hold), Named::PastHold, place);
    }
}
