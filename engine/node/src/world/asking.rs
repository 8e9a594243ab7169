//! The train of the world and short words for commands and answers.
//!
//! Train 12951 runs daily with five stops half an hour apart, from 17:00 at its origin. Coach `B1`
//! (3A) has 8 general berths, which are scanned; `S1` (SL) has 80 general ones, which are indexed.

use berth_inventory::{
    AgeBand, Block, BookingView, Cancel, CoachEntry, Command, Conditions, Confirm, Entry, Extend,
    HOLD_LIFE_MAX_MS, HoldId, HoldView, Millis, Opens, Passenger, Pnr, PoolEntry, PoolSize,
    Promotion, Refusal, Release, RequestId, RequestMark, Reserve, Rest, RunningDays, Said, Sex,
    StopEntry, StopRef, TravelClass, WaitingEntry,
};
use berth_persistence::Catalogue;

use super::World;
use crate::Outcome;

pub(crate) const TRAIN: &str = "12951";
pub(crate) const SMALL: TravelClass = TravelClass::ThirdAc;
pub(crate) const LARGE: TravelClass = TravelClass::Sleeper;
const TRAP: &str = "the test's trap";

pub(crate) fn catalogue() -> Catalogue {
    let stop = |i: u32| StopEntry {
        code: format!("S{}", i + 1),
        km: 30 * i,
        arrival: (i > 0).then_some(1_018 + 30 * i),
        departure: (i < 4).then_some(1_020 + 30 * i),
    };
    let coach =
        |id: &str, layout: &str| CoachEntry { id: id.into(), layout: layout.into(), stops: None };
    let pool = |quota: &str, class, size| PoolEntry {
        quota: quota.into(),
        class,
        size,
        board: None,
        alight: None,
        opens: if quota == "TQ" { Opens::Before { days: 1, minute: 600 } } else { Opens::WithRun },
        party_max: 6,
        eligible: Vec::new(),
        rac: 0,
        waiting: None,
        promotion: Promotion::default(),
        kept: Vec::new(),
    };
    let entry = Entry {
        rules: None,
        number: TRAIN.into(),
        name: "WORLD".into(),
        days: RunningDays::DAILY,
        stops: (0..5).map(stop).collect(),
        coaches: vec![coach("B1", "3A"), coach("S1", "SL")],
        pools: vec![
            PoolEntry {
                waiting: Some(WaitingEntry { label: "GNWL".into(), limit: 2 }),
                ..pool("GN", SMALL, PoolSize::Rest)
            },
            pool("HO", SMALL, PoolSize::Berths(60)),
            pool("TQ", SMALL, PoolSize::Berths(4)),
            pool("GN", LARGE, PoolSize::Rest),
        ],
    };
    Catalogue::from_entries("Asia/Kolkata", &[entry]).unwrap()
}

/// The trap of [`crate::Shard`] in this world: a reserve that bears its name.
pub(crate) fn springs(command: &Command) -> bool {
    matches!(command, Command::Reserve(reserve) if &*reserve.reference == TRAP)
}

pub(crate) fn mark(id: u128) -> RequestMark {
    RequestMark { id: RequestId(id), digest: 1 }
}

/// A reserve of `count` adults over the whole route for five minutes.
pub(crate) fn wish(id: u128, class: TravelClass, count: usize) -> Reserve {
    let adult =
        Passenger { age: AgeBand::Adult, sex: Sex::Male, berth_required: true, preference: None };
    Reserve {
        request: mark(id),
        hold: HoldId(0),
        class,
        quota: "GN".parse().unwrap(),
        from: StopRef::Sequence(1),
        to: StopRef::Sequence(5),
        party: core::iter::repeat_n(adult, count).collect(),
        conditions: Conditions::default(),
        berths: Vec::new(),
        ttl: Millis(300_000),
        reference: "".into(),
    }
}

pub(crate) fn reserve(id: u128, class: TravelClass, count: usize) -> Command {
    Command::Reserve(wish(id, class, count))
}

pub(crate) fn reserve_for(id: u128, class: TravelClass, ttl: u64) -> Command {
    Command::Reserve(Reserve { ttl: Millis(ttl), ..wish(id, class, 1) })
}

pub(crate) fn trap(id: u128) -> Command {
    Command::Reserve(Reserve { reference: TRAP.into(), ..wish(id, LARGE, 1) })
}

pub(crate) fn confirm(id: u128, hold: HoldId) -> Command {
    Command::Confirm(Confirm {
        request: mark(id),
        hold,
        passengers: None,
        rest: Rest::Released,
        payment: "paid".into(),
        pnr_block: None,
    })
}

pub(crate) fn release(id: u128, hold: HoldId) -> Command {
    Command::Release(Release { request: mark(id), hold, passengers: None })
}

pub(crate) fn extend(id: u128, hold: HoldId, ttl: u64) -> Command {
    let (ttl, life) = (Millis(ttl), Millis(HOLD_LIFE_MAX_MS));
    Command::Extend(Extend { request: mark(id), hold, ttl, life })
}

pub(crate) fn cancel(id: u128, pnr: Pnr) -> Command {
    Command::Cancel(Cancel { request: mark(id), pnr, passengers: None })
}

/// Blocks or gives back every berth of the sleeper coach: a command with a large event.
pub(crate) fn block(id: u128, blocked: bool) -> Command {
    let berth = |number| berth_inventory::BerthName { coach: "S1".into(), number };
    let block = Block { request: mark(id), berths: (1..=80).map(berth).collect(), legs: None };
    if blocked { Command::Block(block) } else { Command::Unblock(block) }
}

/// Property tests here are found again by their seed, not by files beside the code.
pub(crate) fn cases(cases: u32) -> proptest::prelude::ProptestConfig {
    // The night asks for more.
    let more = std::env::var("BERTH_TEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = more.unwrap_or(cases);
    proptest::prelude::ProptestConfig { cases, failure_persistence: None, ..Default::default() }
}

impl World {
    pub fn said(&self, ticket: u64) -> &Said {
        match self.told.get(&ticket) {
            Some(Ok(answer)) => &answer.said,
            other => panic!("ticket {ticket} was told {other:?}"),
        }
    }

    pub fn hold(&self, ticket: u64) -> &HoldView {
        match self.said(ticket) {
            Said::Hold(hold) => hold,
            other => panic!("ticket {ticket} was told {other:?}"),
        }
    }

    pub fn booking(&self, ticket: u64) -> &BookingView {
        match self.said(ticket) {
            Said::Booking(booking) => booking,
            other => panic!("ticket {ticket} was told {other:?}"),
        }
    }

    pub fn refusal(&self, ticket: u64) -> &Refusal {
        match self.said(ticket) {
            Said::Refused(refusal) => refusal,
            other => panic!("ticket {ticket} was told {other:?}"),
        }
    }

    pub fn is_told(&self, ticket: u64) -> bool {
        self.told.contains_key(&ticket)
    }

    /// Reserves, commits and names the hold.
    pub fn held(&mut self, run: &std::sync::Arc<crate::RunEntry>, command: Command) -> HoldId {
        let ticket = self.ask(run, command);
        self.commit();
        self.hold(ticket).hold
    }

    pub fn outcome(&self, ticket: u64) -> &Outcome {
        &self.told[&ticket]
    }
}
