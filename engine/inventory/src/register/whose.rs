//! Whose id stands where, to compare it.

use super::Bookings;
use super::names::Named;
use super::past::Past;
use crate::card::Card;
use crate::{HoldId, RequestId, RequestMark};

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Whose<'a> {
    pub(super) cards: &'a [Card],
    pub(super) past: &'a Past,
    pub(super) bookings: &'a Bookings,
}

impl Whose<'_> {
    #[inline]
    pub(super) fn is_hold(self, hold: HoldId, named: Named, place: u32) -> bool {
        match named {
            Named::Hold => is_hold(&self.cards[place as usize], hold),
            Named::PastHold => self.past.at(place).hold() == hold,
            _ => false,
        }
    }

    #[inline]
    pub(super) fn is_request(self, id: RequestId, named: Named, place: u32) -> bool {
        match named {
            Named::Hold | Named::PastHold => false,
            Named::Reserve => self.cards[place as usize].request().id == id,
            Named::Extend => is_among(id, self.cards[place as usize].extends()),
            Named::Confirm => self.bookings.request(place).id == id,
            Named::PastReserve => self.past.at(place).request().id == id,
            Named::PastExtend => is_among(id, self.past.at(place).extends()),
        }
    }
}

fn is_among(id: RequestId, marks: &[RequestMark]) -> bool {
    marks.iter().any(|mark| mark.id == id)
}

pub(super) fn is_hold(card: &Card, hold: HoldId) -> bool {
    card.hold == hold && !card.is_free()
}
