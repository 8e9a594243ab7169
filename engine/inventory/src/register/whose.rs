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

#[cfg(test)]
mod tests {
    use crate::HoldId;
    use crate::register::names::Hash;
    use crate::tests::table::{check_on, mark};
    use crate::tests::world::World;

    /// Two of many ids with the same hash: 32 bits are too few for them all to differ.
    fn alike(hash: impl Fn(u32) -> Hash) -> (u32, u32) {
        let mut all: Vec<_> = (1..400_000).map(|n| (hash(n), n)).collect();
        all.sort_unstable();
        let pair = all.windows(2).find(|pair| pair[0].0 == pair[1].0).expect("two of so many");
        (pair[0].1, pair[1].1)
    }

    #[test]
    fn ids_of_one_hash_are_not_one_id() {
        let mut world = World::new();
        let register = &world.run.register;
        let (h, i) = alike(|n| register.hold_hash(HoldId(n.into())));
        let (r, s) = alike(|n| register.names.hash(mark(&format!("r{n}"), &[]).id.0));
        let table = format!(
            "@0 reserve r{r} H{h} 3A GN S1..S3 M30 => H{h} B1-1:held until 300
             get H{i} => UNKNOWN_HOLD
             release x H{i} => UNKNOWN_HOLD
             reserve r{s} H{i} 3A GN S1..S3 F30 => H{i} B1-2:held until 300
             get H{h} => known H{h} B1-1:held until 300
             get H{i} => known H{i} B1-2:held until 300
             extend r{r} H{h} 60 => IDEMPOTENCY_MISMATCH
             release x H{h} => released 1
             get H{i} => known H{i} B1-2:held until 300
             get H{h} => known H{h} B1-1:released until 300
             reserve r{s} H{i} 3A GN S1..S3 F30 => known H{i} B1-2:held until 300
             release y H{i} => released 1
             get H{h} => known H{h} B1-1:released until 300
             get H{i} => known H{i} B1-2:released until 300
             reserve r{r} H{h} 3A GN S1..S3 M30 => known H{h} B1-1:released until 300
             reserve r{s} H{i} 3A GN S1..S3 F30 => known H{i} B1-2:released until 300"
        );
        check_on(&mut world, &table);
    }

    #[test]
    fn one_id_confirmed_and_one_extended_of_one_hash() {
        let mut world = World::new();
        let register = &world.run.register;
        let (r, s) = alike(|n| register.names.hash(mark(&format!("r{n}"), &[]).id.0));
        let table = format!(
            "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
             reserve b H2 3A GN S1..S3 M30 => H2 B1-2:held until 300
             extend r{r} H1 60 => H1 B1-1:held until 60
             confirm r{s} H2 => P256 1:B1-2:confirmed
             extend r{r} H1 60 => known H1 B1-1:held until 60
             confirm r{s} H2 => known P256 1:B1-2:confirmed
             release c H1 => released 1
             extend r{r} H1 60 => known H1 B1-1:released until 60
             booking P257 => UNKNOWN_BOOKING"
        );
        check_on(&mut world, &table);
    }
}
