//! Registers that break an invariant, for the tests of those.

use super::names::Named;
use super::{NONE, Register};
use crate::card::{Card, Made};
use crate::{HoldId, RequestId, RequestMark, UnixMillis};

impl Register {
    /// A past hold of nobody without a name.
    pub(crate) fn add_past(&mut self, hold: HoldId, at: UnixMillis) {
        let (pool, legs) = (crate::PoolIndex(0), crate::LegRange { from: 0, to: 1 });
        let request = RequestMark { id: RequestId(hold.0), digest: 0 };
        let made = Made { hold, request, pool, legs, created_at: at, expires_at: at };
        let mut card = Card::free(NONE);
        card.fill(made, core::iter::empty());
        card.end(at, crate::SeatState::Released);
        self.past.push(&card);
    }

    /// Loses an id.
    pub(crate) fn lose_request(&mut self, hold: HoldId) {
        let card = self.named(hold);
        let id = self.card(card).request().id;
        self.forget_id(id, Named::Reserve, card);
    }
}
