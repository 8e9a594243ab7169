//! A number that is on a ticket is on no other: nobody is given it again, and no two who have paid were
//! given the same number of one list at first.

use berth_inventory::{Event, Standing};

use super::{EventCase, Property, Verdict, ensure};

/// See the module.
pub struct TicketNumberOnce;

impl Property for TicketNumberOnce {
    fn name(&self) -> &'static str {
        "ticket-number-once"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        let before = case.before;
        let is_printed = |standing: Standing| {
            let list = before.lists.get(usize::from(standing.list.0));
            list.is_some_and(|list| list.tickets.contains(&standing.number))
        };
        match case.event {
            Event::Listed { hold, places } => {
                let twice = places.iter().find(|(_, standing)| is_printed(*standing));
                ensure(twice.is_none(), || {
                    format!("{hold} is given {twice:?}, which is on somebody's ticket")
                })
            }
            Event::Confirmed { hold, passengers, pnr, .. } => {
                let Some(record) = before.holds.get(hold) else { return Ok(()) };
                let seats = passengers.iter().filter_map(|place| record.seats.get(place));
                let mut booked = seats.filter_map(|seat| seat.listed).map(|listed| listed.booked);
                let twice = booked.find(|standing| is_printed(*standing));
                ensure(twice.is_none(), || {
                    format!("{pnr:?} of {hold} prints {twice:?}, which is on another ticket")
                })
            }
            _ => Ok(()),
        }
    }
}
