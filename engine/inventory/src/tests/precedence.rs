//! When several refusals apply, the first of PRECEDENCE wins: every pair of them.
//!
//! Each fault below makes one refusal true of an otherwise good Reserve, by changing the command,
//! the time or the run. A pair is applied with the later fault first, so that where both write the
//! same field the earlier refusal still applies.

use super::table::parse;
use super::world::{TATKAL_OPENS, World};
use crate::{Command, PRECEDENCE, Reason, Reserve};

/// The good one: two of the four Tatkal berths by name.
const GOOD: &str = "reserve good H1 3A TQ S1..S3 M30 F30 berths=B1-4,B1-5";

struct Case {
    world: World,
    ask: Reserve,
    at: u64,
}

type Fault = (Reason, fn(&mut Case));

impl Case {
    fn new() -> Self {
        let Command::Reserve(ask) = command(GOOD) else { unreachable!("GOOD is a reserve") };
        let mut world = World::new();
        world.ask(&command("reserve used H99 SL GN S2..S3 M30"), 0).took();
        Self { world, ask, at: TATKAL_OPENS }
    }

    fn operator(&mut self, line: &str) {
        self.world.ask(&command(line), 0);
    }
}

fn command(line: &str) -> Command {
    parse(&line.split(' ').collect::<Vec<_>>())
}

/// In the order of PRECEDENCE.
const FAULTS: &[Fault] = &[
    (Reason::IdempotencyMismatch, |case| {
        let Command::Reserve(used) = command("reserve used H99 SL GN S2..S3 M31") else { return };
        case.ask.request = used.request;
    }),
    (Reason::UnknownStop, |case| case.ask.to = crate::StopRef::Sequence(9)),
    (Reason::BadLegRange, |case| case.ask.to = case.ask.from),
    (Reason::UnknownClass, |case| case.ask.class = crate::TravelClass::First),
    (Reason::UnknownQuota, |case| case.ask.quota = "LD".parse().unwrap()),
    (Reason::TooManyPassengers, |case| {
        let (who, berth) = (case.ask.party[0], case.ask.berths[0].clone());
        case.ask.party.extend([who; 3]);
        case.ask.berths.extend(vec![berth; 3]);
    }),
    (Reason::NotEligible, |case| case.ask.party[1].age = crate::AgeBand::Infant),
    (Reason::NotOpen, |case| case.at = TATKAL_OPENS - 1),
    (Reason::Closed, |case| case.operator("close-sale c 3A TQ")),
    (Reason::SoldOut, |case| case.operator("block s B1-4,B1-5,B1-6,B1-7")),
    (Reason::BerthTaken, |case| case.operator("block t B1-4 S2..S3")),
    (Reason::PreferenceUnmet, |case| case.ask.conditions.min_lower = 3),
    (Reason::UnknownBerth, |case| case.ask.berths[1].number = 500),
];

#[test]
fn the_good_one_is_good_and_each_fault_spoils_it() {
    let mut case = Case::new();
    case.world.ask(&Command::Reserve(case.ask), case.at).took();
    for (reason, fault) in FAULTS {
        let mut case = Case::new();
        fault(&mut case);
        let refusal = case.world.ask(&Command::Reserve(case.ask), case.at).refused();
        assert_eq!(refusal.reason(), *reason);
    }
}

#[test]
fn of_two_refusals_the_first_of_the_table_wins() {
    let place = |reason| PRECEDENCE.iter().position(|r| *r == reason).expect("in the table");
    for (i, (earlier, first)) in FAULTS.iter().enumerate() {
        for (later, second) in &FAULTS[i + 1..] {
            assert!(place(*earlier) < place(*later), "the faults are in order");
            let mut case = Case::new();
            second(&mut case);
            first(&mut case);
            let digest = case.world.run.digest();
            let refusal = case.world.ask(&Command::Reserve(case.ask), case.at).refused();
            assert_eq!(refusal.reason(), *earlier, "with {later:?}: {refusal}");
            assert_eq!(case.world.run.digest(), digest, "a refusal leaves no trace");
        }
    }
}

#[test]
fn the_table_has_every_reason_once() {
    let mut reasons = PRECEDENCE.to_vec();
    reasons.sort_unstable();
    assert_eq!(reasons, Reason::ALL);
}
