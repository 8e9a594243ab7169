//! What lists cost: an answer that puts somebody on one, and a cancellation that moves a chain up.
//!
//! A train of which every berth, every half and 300 numbers are booked end to end. Times are of the
//! machine with its encoding, as in `cost`.

use std::sync::Arc;
use std::time::Instant;

use berth_inventory::{
    AgeBand, Cancel, Command, Conditions, Confirm, HoldId, Millis, PNR_BLOCK, Passenger, Plan,
    PlanHash, Pnr, Promotion, Release, RequestId, RequestMark, Reserve, Rest, Sex, StopRef,
    TravelClass, WaitingEntry,
};

use super::machine::Desk;
use super::train::{Shape, entry};

/// Passengers of a booking, each with a chain of two behind them: RAC to CNF, list to RAC.
const PARTY: usize = 5;
/// Numbers given before anything is timed.
const WAITING: usize = 300;
/// Timed pairs of a round.
const ROUND: usize = 2_000;

/// A full train.
struct Full {
    desk: Desk,
    next: u128,
    booked: u64,
    legs: u16,
}

impl Full {
    fn new(promotion: Promotion) -> Self {
        let shape = Shape::PROMISED;
        let mut train = entry(10_001, shape);
        train.pools[0].rac = 7;
        train.pools[0].waiting = Some(WaitingEntry { label: "GNWL".into(), limit: 2_000 });
        train.pools[0].promotion = promotion;
        let plan = Arc::new(Plan::new(&train, PlanHash([1; 32])).expect("a sound train"));
        let places = plan.pools().iter().map(|pool| pool.berths.len()).sum::<usize>();
        let mut full = Self { desk: Desk::new(&plan), next: 0, booked: 0, legs: shape.legs };
        for _ in 0..(places + WAITING) / PARTY {
            full.book();
        }
        full
    }

    fn draw(&mut self) -> RequestMark {
        self.next += 1;
        let id = self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        RequestMark { id: RequestId(id), digest: 1 }
    }

    fn reserve(&mut self, heads: usize) -> Command {
        let request = self.draw();
        let adult = Passenger {
            age: AgeBand::Adult,
            sex: Sex::Male,
            berth_required: true,
            preference: None,
        };
        Command::Reserve(Reserve {
            request,
            hold: HoldId(request.id.0.swap_bytes()),
            class: TravelClass::Sleeper,
            quota: "GN".parse().expect("a quota"),
            from: StopRef::Sequence(1),
            to: StopRef::Sequence(self.legs + 1),
            party: core::iter::repeat_n(adult, heads).collect(),
            conditions: Conditions { rac: true, waiting: true, ..Conditions::default() },
            berths: Vec::new(),
            ttl: Millis(300_000),
            reference: "".into(),
        })
    }

    fn book(&mut self) {
        let reserve = self.reserve(PARTY);
        let Command::Reserve(Reserve { hold, .. }) = reserve else { unreachable!("made as one") };
        assert!(self.desk.execute(&reserve), "there is room on the list");
        let block = self.booked.is_multiple_of(PNR_BLOCK);
        let confirm = Command::Confirm(Confirm {
            request: self.draw(),
            hold,
            passengers: None,
            rest: Rest::Released,
            payment: "".into(),
            pnr_block: block.then_some((self.booked / PNR_BLOCK) as u32),
        });
        assert!(self.desk.execute(&confirm), "a live hold can be confirmed");
        self.booked += 1;
    }
}

/// Nanoseconds a command of reserves that end on the list and their releases, round by round.
pub fn answers(rounds: usize) -> Vec<f64> {
    let mut full = Full::new(Promotion::WaitForHead);
    let round = |_| {
        let mut pairs = Vec::with_capacity(ROUND);
        for _ in 0..ROUND {
            let reserve = full.reserve(1);
            let Command::Reserve(Reserve { hold, .. }) = reserve else {
                unreachable!("made as one")
            };
            let request = full.draw();
            let release = Command::Release(Release { request, hold, passengers: None });
            pairs.push((reserve, release));
        }
        let begun = Instant::now();
        for (reserve, release) in &pairs {
            assert!(full.desk.execute(reserve) && full.desk.execute(release), "room on the list");
        }
        begun.elapsed().as_nanos() as f64 / (2 * ROUND) as f64
    };
    (0..rounds).map(round).collect()
}

/// Nanoseconds of a cancellation of five that moves ten up, round by round.
pub fn chains(rounds: usize) -> Vec<f64> {
    let mut full = Full::new(Promotion::WaitForHead);
    let round = |pnr| {
        let (request, pnr) = (full.draw(), Pnr(pnr as u64));
        let cancel = Command::Cancel(Cancel { request, pnr, passengers: None });
        let begun = Instant::now();
        assert!(full.desk.execute(&cancel), "a booking can be cancelled");
        let took = begun.elapsed().as_nanos() as f64;
        full.book();
        took
    };
    (0..rounds).map(round).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promotions of one cancellation.
    const CHAIN: usize = 2 * PARTY;

    #[test]
    fn a_full_train_has_a_list_and_a_chain_is_as_long_as_it_says() {
        let mut full = Full::new(Promotion::WaitForHead);
        let summary = full.desk.run.summary();
        assert_eq!(summary.berth_legs.free, 0);
        let waiting = full.desk.run.waiting();
        assert!(usize::from(waiting[1]) >= WAITING - PARTY, "{waiting:?}");
        let version = full.desk.run.version().0;
        let request = full.draw();
        let cancel = Command::Cancel(Cancel { request, pnr: Pnr(0), passengers: None });
        assert!(full.desk.execute(&cancel));
        assert_eq!(full.desk.run.version().0 - version, 1 + CHAIN as u64);
        assert!(full.desk.run.check().is_empty());
    }
}
