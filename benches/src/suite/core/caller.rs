//! The commands of a caller that wants one berth at a time, changed in place.

use berth_inventory::{
    AgeBand, Cancel, Command, Conditions, Confirm, HoldId, Millis, Passenger, Pnr, Release,
    RequestId, RequestMark, Reserve, Rest, Sex, StopRef, TravelClass,
};

use super::train::Journeys;

/// See the module.
pub struct Caller {
    journeys: Journeys,
    next: u128,
    reserve: Command,
    confirm: Command,
}

fn mark(id: u128) -> RequestMark {
    RequestMark { id: RequestId(id), digest: 1 }
}

impl Caller {
    /// A caller whose journeys and ids are the same for the same seed, on routes of `legs` legs.
    pub fn new(seed: u64, legs: u16) -> Self {
        let passenger = Passenger {
            age: AgeBand::Adult,
            sex: Sex::Male,
            berth_required: true,
            preference: None,
        };
        Self {
            journeys: Journeys::new(seed, legs),
            next: u128::from(seed) << 64,
            reserve: Command::Reserve(Reserve {
                request: mark(0),
                hold: HoldId(0),
                class: TravelClass::Sleeper,
                quota: "GN".parse().expect("a quota"),
                from: StopRef::Sequence(1),
                to: StopRef::Sequence(2),
                party: core::iter::once(passenger).collect(),
                conditions: Conditions::default(),
                berths: Vec::new(),
                ttl: Millis(300_000),
                reference: "".into(),
            }),
            confirm: Command::Confirm(Confirm {
                request: mark(0),
                hold: HoldId(0),
                passengers: None,
                rest: Rest::Released,
                payment: "".into(),
                pnr_block: None,
            }),
        }
    }

    /// A fresh id, scattered as random ones are.
    fn draw(&mut self) -> u128 {
        self.next += 1;
        self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    /// Holds a berth for the next journey.
    #[inline]
    pub fn reserve(&mut self) -> (&Command, HoldId) {
        let id = self.draw();
        let (from, to) = self.journeys.draw();
        let Command::Reserve(reserve) = &mut self.reserve else { unreachable!("made as one") };
        // As the node's: of its own, and as scattered.
        let hold = HoldId(id.swap_bytes());
        (reserve.request, reserve.hold) = (mark(id), hold);
        (reserve.from, reserve.to) = (StopRef::Sequence(from), StopRef::Sequence(to));
        (&self.reserve, hold)
    }

    /// Books a hold; `block` are PNR numbers the run may lease.
    #[inline]
    pub fn confirm(&mut self, hold: HoldId, block: Option<u32>) -> &Command {
        let id = self.draw();
        let Command::Confirm(confirm) = &mut self.confirm else { unreachable!("made as one") };
        (confirm.request, confirm.hold, confirm.pnr_block) = (mark(id), hold, block);
        &self.confirm
    }

    /// Gives a hold back.
    #[inline]
    pub fn release(&mut self, hold: HoldId) -> Command {
        let request = mark(self.draw());
        Command::Release(Release { request, hold, passengers: None })
    }

    /// Cancels a booking.
    #[inline]
    pub fn cancel(&mut self, pnr: Pnr) -> Command {
        let request = mark(self.draw());
        Command::Cancel(Cancel { request, pnr, passengers: None })
    }
}
