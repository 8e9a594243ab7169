//! Lists as a snapshot brings them: what the records say, in the order of their numbers.

use super::{StateFault, twice};
use crate::lists::{Place, Standing};
use crate::record::{Record, SeatState};
use crate::{ListIndex, ListKind, Run};

impl Run {
    /// All that the lists take for granted of one record.
    pub(super) fn check_listed(&self, record: &Record) -> Result<(), StateFault> {
        let hold = record.hold;
        let fault = |what| Err(StateFault::Record { hold, what });
        if record.listed.is_empty() {
            return Ok(());
        }
        if record.ended.is_some() && record.bookings.is_empty() {
            return fault("it has ended unpaid and is on a list");
        }
        let mut before = None;
        for listed in &record.listed {
            if before.replace(listed.passenger).is_some_and(|before| before >= listed.passenger) {
                return Err(twice("listed passenger", &listed.passenger));
            }
            let Some(seat) = record.party.get(usize::from(listed.passenger)) else {
                return fault("a passenger on a list is none of its party");
            };
            self.check_standing(listed.booked)?;
            let Some(now) = listed.now else { continue };
            self.check_standing(now)?;
            if !matches!(seat.state, SeatState::Held | SeatState::Confirmed) {
                return fault("a passenger who left is on a list");
            }
            let half = seat.berth.is_some_and(|berth| self.plan.is_half(berth));
            let right = match self.plan.list(now.list).kind {
                ListKind::Rac => half,
                ListKind::Waiting => seat.berth.is_none(),
            };
            if !right {
                return fault("a passenger on a list has another place than the list gives");
            }
        }
        Ok(())
    }

    fn check_standing(&self, standing: Standing) -> Result<(), StateFault> {
        super::inside("list", standing.list.0.into(), self.plan.lists().len())
    }

    /// Takes in who stands where, once all records are.
    pub(super) fn load_lists(&mut self, printed: &[u32]) -> Result<(), StateFault> {
        let count = self.plan.lists().len();
        if printed.len() != count {
            let (found, count) = (printed.len() as u64, count as u64 + 1);
            return Err(StateFault::OutOfRange { what: "list count", found, count });
        }
        let Some(lists) = &mut self.lists else { return Ok(()) };
        let mut places: Vec<(ListIndex, Place)> = Vec::new();
        for (card, record) in self.register.standing() {
            places.extend(record.listed().iter().filter_map(|listed| {
                let Standing { list, number } = listed.now?;
                Some((list, Place { number, card, passenger: listed.passenger }))
            }));
        }
        places.sort_unstable_by_key(|(list, place)| (*list, place.number));
        for pair in places.windows(2) {
            if (pair[0].0, pair[0].1.number) == (pair[1].0, pair[1].1.number) {
                return Err(twice("number on a list", &pair[1].1.number));
            }
        }
        if let Some((list, place)) = places.first()
            && place.number == 0
        {
            return Err(twice("number 0 on list", list));
        }
        for (list, place) in places {
            lists.order_mut(list).join(place);
        }
        for (list, printed) in (0..).zip(printed) {
            // snapshot-and-tail
            let forgets = crate::planted!("tickets-forgotten-at-snapshot");
            lists.order_mut(ListIndex(list)).printed = if forgets { 0 } else { *printed };
        }
        Ok(())
    }
}
