//! Where a command will look, told ahead, so that the memory can be on its way by then.
//!
//! Most runs of a network are in no cache when their next command comes, and a command looks at a
//! dozen places, many of them found only through others. Whoever has several commands waiting tells
//! the run in two steps, some commands before it is asked; what stands there is not judged, a wrong
//! guess costs nothing but a fetch. Nothing here may panic: nobody catches it.

use crate::register::Register;
use crate::{Command, HoldId, LegRange, RequestId, Run};

/// The address of something, for whoever fetches it.
#[inline]
pub(crate) fn address<T: ?Sized>(of: &T) -> *const u8 {
    core::ptr::from_ref(of).cast()
}

impl Run {
    /// The places that the run itself leads to.
    #[inline]
    pub fn foresee(&self, command: &Command, fetch: impl Fn(*const u8)) {
        fetch(address(&*self.plan));
        match command {
            Command::Reserve(reserve) => {
                self.register.foresee_request(reserve.request.id, &fetch);
                self.register.foresee_hold(&fetch);
            }
            Command::Confirm(confirm) => {
                self.register.foresee_request(confirm.request.id, &fetch);
                self.register.foresee_of(confirm.hold, &fetch);
            }
            Command::Release(release) => self.register.foresee_of(release.hold, &fetch),
            Command::Extend(extend) => self.register.foresee_of(extend.hold, &fetch),
            Command::GetHold(hold) => self.register.foresee_of(*hold, &fetch),
            Command::Cancel(cancel) => {
                if let Some(place) = self.register.bookings.place(cancel.pnr) {
                    self.register.bookings.address(place).into_iter().for_each(&fetch);
                }
            }
            _ => {}
        }
    }

    /// The places that those lead to.
    #[inline]
    pub fn foresee_further(&self, command: &Command, fetch: impl Fn(*const u8)) {
        match command {
            Command::Reserve(reserve) => {
                let (Some(from), Some(to)) =
                    (self.plan.resolve(reserve.from), self.plan.resolve(reserve.to))
                else {
                    return;
                };
                let Some(legs) = LegRange::new(from, to) else { return };
                let Some(pool) = self.plan.pool_for(reserve.class, reserve.quota, legs) else {
                    return;
                };
                if let Some(index) = &self.indexes[usize::from(pool.0)] {
                    index.foresee(legs, &fetch);
                }
            }
            Command::Confirm(confirm) => self.register.foresee_record(confirm.hold, &fetch),
            Command::Release(release) => self.register.foresee_record(release.hold, &fetch),
            Command::Extend(extend) => self.register.foresee_record(extend.hold, &fetch),
            Command::GetHold(hold) => self.register.foresee_record(*hold, &fetch),
            Command::Cancel(cancel) => {
                if let Some(place) = self.register.bookings.place(cancel.pnr) {
                    self.register.foresee_card(self.register.bookings.card(place), &fetch);
                }
            }
            _ => {}
        }
    }
}

impl Register {
    /// Where a request id is looked for.
    #[inline]
    fn foresee_request(&self, id: RequestId, fetch: &impl Fn(*const u8)) {
        fetch(self.names.begins(self.names.hash(id.0)));
    }

    /// Where a hold is looked for.
    #[inline]
    fn foresee_of(&self, hold: HoldId, fetch: &impl Fn(*const u8)) {
        fetch(self.names.begins(self.hold_hash(hold)));
        if let Some(end) = self.past.end() {
            fetch(end);
        }
    }

    /// Where a new one will stand.
    #[inline]
    fn foresee_hold(&self, fetch: &impl Fn(*const u8)) {
        if let Some(card) = self.cards.get(self.free as usize) {
            fetch(address(card));
            fetch(address(card).wrapping_add(64));
        }
    }

    /// What a hold's id leads to.
    #[inline]
    fn foresee_record(&self, hold: HoldId, fetch: &impl Fn(*const u8)) {
        let Some((named, place)) = self.names.likely(self.hold_hash(hold)) else { return };
        if named.is_past() {
            self.past.address(place).into_iter().for_each(fetch);
        } else {
            self.foresee_card(place, fetch);
        }
    }

    #[inline]
    fn foresee_card(&self, card: u32, fetch: &impl Fn(*const u8)) {
        if let Some(card) = self.cards.get(card as usize) {
            fetch(address(card));
            fetch(address(card).wrapping_add(64));
        }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;

    use super::*;
    use crate::register::At;
    use crate::tests::table::parse;
    use crate::tests::world::World;

    fn fetched(world: &World, line: &str) -> Vec<*const u8> {
        let command = parse(&line.split(' ').collect::<Vec<_>>());
        let places = RefCell::new(Vec::new());
        world.run.foresee(&command, |place| places.borrow_mut().push(place));
        world.run.foresee_further(&command, |place| places.borrow_mut().push(place));
        places.into_inner()
    }

    fn ask(world: &mut World, line: &str) {
        world.ask(&parse(&line.split(' ').collect::<Vec<_>>()), 0).took();
    }

    #[test]
    fn the_record_of_a_hold_is_fetched_wherever_it_stands() {
        let mut world = World::new();
        let Command::Release(release) = parse(&["release", "z", "H1"]) else {
            panic!("a release is parsed as one");
        };
        let nothing = fetched(&world, "release z H1").len();
        ask(&mut world, "reserve a H1 3A GN S1..S3 M30");
        let place = |world: &World| match world.run.register.find(release.hold) {
            Some(At::Card(card)) => address(world.run.register.card(card)),
            Some(At::Past(place)) => world.run.register.past.address(place).expect("it stands"),
            None => panic!("the hold is there"),
        };
        let card = place(&world);
        for line in ["release z H1", "confirm z H1", "extend z H1 60"] {
            assert!(fetched(&world, line).contains(&card), "{line}");
        }
        assert!(!fetched(&world, "release z H2").contains(&card), "another hold's");
        ask(&mut world, "release b H1");
        assert_ne!(place(&world), card, "it is past");
        assert!(fetched(&world, "release z H1").contains(&place(&world)));
        assert!(fetched(&world, "release z H1").len() > nothing);
    }
}
