//! By the answers alone: no berth is held or sold twice on one leg at one time.
//!
//! Every answered hold keeps its berths from the moment it was made to the moment it ended, as far
//! as the answers prove it: an end that is not known exactly is taken as early as it may have been,
//! so that what is found here is a contradiction between answers, whatever else happened. Changes of
//! one run are ordered by its versions; only an expiry has no version in any answer, and is ordered
//! by its deadline against the stamps of holds.

use crate::soak::findings::Findings;
use crate::soak::ledger::{Deed, Ledger, Sure, ToldHold};
use crate::soak::stage::Stage;

/// Name of the check.
pub const CHECK: &str = "berth-leg-twice";

/// A berth that was somebody's, by the answers.
struct Stay {
    berth: u16,
    legs: u128,
    /// When the hold was made, and the version that it made.
    from: (u64, u64),
    until: End,
    hold: u32,
}

/// What ended a stay at the earliest: whichever of the two comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Milliseconds; `u64::MAX`: sold.
    pub deadline: u64,
    /// The version that gave the berth back; `u64::MAX`: none did.
    pub version: u64,
}

impl End {
    const fn by(self, version: u64) -> Self {
        Self { version: if version < self.version { version } else { self.version }, ..self }
    }

    const fn is_before(self, (created_at, version): (u64, u64)) -> bool {
        created_at >= self.deadline || version > self.version
    }
}

/// When a passenger's berth was free again at the earliest.
pub fn surely_until(ledger: &Ledger, number: u32, passenger: usize) -> End {
    let hold = &ledger.holds[number as usize];
    let begun = hold.version;
    let mut until = End { deadline: hold.expires_at, version: u64::MAX };
    let mut sold_since = begun;
    for step in ledger.moves_of(number) {
        let mine = step.passengers >> passenger & 1 == 1;
        let version = step.moment.1;
        match (step.deed, step.sure) {
            (Deed::Extended { expires_at }, Sure::Exact) if until.deadline != u64::MAX => {
                until.deadline = expires_at;
            }
            (Deed::Extended { expires_at }, Sure::Late) => {
                until.deadline = until.deadline.min(expires_at);
            }
            (Deed::Extended { .. }, Sure::Unknown) => until = until.by(begun),
            (Deed::Confirmed { .. }, Sure::Unknown) if !mine => until = until.by(begun),
            (Deed::Confirmed { .. }, sure) if mine && sure != Sure::Unknown => {
                until.deadline = u64::MAX;
                sold_since = version;
            }
            (Deed::Confirmed { rest_released: true, .. }, sure)
                if !mine && until.deadline != u64::MAX =>
            {
                until = until.by(if sure == Sure::Exact { version } else { begun });
            }
            (Deed::Released | Deed::Cancelled { .. }, sure) if mine => {
                until = until.by(if sure == Sure::Exact { version } else { sold_since });
            }
            _ => {}
        }
    }
    until
}

/// Checks all runs.
pub fn check(stage: &Stage, ledger: &Ledger, findings: &mut Findings) {
    let mut by_run: Vec<Vec<u32>> = vec![Vec::new(); stage.runs.len()];
    for (number, hold) in ledger.holds.iter().enumerate() {
        by_run[hold.run as usize].push(number as u32);
    }
    for (run, holds) in by_run.iter().enumerate() {
        let mut stays = Vec::with_capacity(holds.len() * 2);
        for &number in holds {
            let hold = &ledger.holds[number as usize];
            for (passenger, berth) in hold.berths() {
                let from = (hold.created_at, hold.version);
                let until = surely_until(ledger, number, passenger);
                if !until.is_before((from.0, from.1 + 1)) {
                    stays.push(Stay { berth, legs: hold.legs(), from, until, hold: number });
                }
            }
        }
        check_run(stage, run as u32, &mut stays, &ledger.holds, findings);
    }
}

fn check_run(
    stage: &Stage,
    run: u32,
    stays: &mut [Stay],
    holds: &[ToldHold],
    findings: &mut Findings,
) {
    let run = stage.run(run);
    stays.sort_unstable_by_key(|stay| (stay.berth, stay.from));
    let mut here: Vec<&Stay> = Vec::new();
    let mut berth = None;
    for stay in &*stays {
        if berth != Some(stay.berth) {
            here.clear();
            berth = Some(stay.berth);
        }
        here.retain(|other| !other.until.is_before(stay.from));
        for other in here.iter().filter(|other| other.legs & stay.legs != 0) {
            let (a, b) = (&holds[other.hold as usize], &holds[stay.hold as usize]);
            findings.add(
                CHECK,
                &run.name,
                format!(
                    "{} is in hold {:032x} (request {}, stops {}..{}, from {:?} to {:?}) and in hold \
                     {:032x} (request {}, stops {}..{}, from {:?}); (stamp ms, version)",
                    run.berth_name(stay.berth),
                    a.hold,
                    uuid::Uuid::from_u128(a.request),
                    a.from + 1,
                    a.to + 1,
                    other.from,
                    other.until,
                    b.hold,
                    uuid::Uuid::from_u128(b.request),
                    b.from + 1,
                    b.to + 1,
                    stay.from,
                ),
            );
        }
        here.push(stay);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::check::history::{hold, stage, step};

    fn found(ledger: Ledger) -> u64 {
        let mut findings = Findings::default();
        check(&stage(), &Ledger::join(vec![ledger]), &mut findings);
        assert!(findings.by_check.keys().all(|check| *check == CHECK));
        findings.count()
    }

    #[test]
    fn berths_that_follow_each_other_or_share_no_leg_are_fine() {
        let mut ledger = Ledger {
            holds: vec![
                hold(1, 0, 2, &[5], 1_000, 2, 11_000),
                hold(2, 2, 3, &[5], 1_500, 3, 11_500),
                hold(3, 0, 2, &[5], 11_000, 4, 21_000),
            ],
            ..Ledger::default()
        };
        ledger.moves = vec![step(2, Deed::Released, 1, (12_000, 6), Sure::Exact)];
        // The same stamp, a later version.
        ledger.holds.push(hold(4, 0, 3, &[5], 12_000, 7, 22_000));
        ledger.moves.push(step(1, Deed::Released, 1, (11_200, 5), Sure::Exact));
        assert_eq!(found(ledger), 0);
    }

    #[test]
    fn a_berth_leg_held_twice_is_found() {
        let ledger = Ledger {
            holds: vec![
                hold(1, 0, 2, &[5], 1_000, 2, 11_000),
                hold(2, 1, 3, &[4, 5], 10_999, 3, 20_000),
            ],
            ..Ledger::default()
        };
        assert_eq!(found(ledger), 1);
    }

    #[test]
    fn a_berth_leg_sold_twice_is_found_long_after_the_deadline() {
        let deed = Deed::Confirmed { pnr: 7, rest_released: true };
        let mut ledger = Ledger {
            holds: vec![
                hold(1, 0, 2, &[5, 6], 1_000, 2, 11_000),
                hold(2, 0, 1, &[5], 50_000, 9, 60_000),
            ],
            ..Ledger::default()
        };
        ledger.moves = vec![step(0, deed, 0b01, (2_000, 3), Sure::Late)];
        assert_eq!(found(ledger.clone()), 1);
        // The released rest is free, and a cancelled booking too.
        ledger.holds[1].seats[0] = 6;
        assert_eq!(found(ledger.clone()), 0);
        ledger.holds[1].seats[0] = 5;
        ledger.moves.push(step(0, Deed::Cancelled { pnr: 7 }, 0b01, (40_000, 8), Sure::Exact));
        assert_eq!(found(ledger), 0);
    }

    #[test]
    fn what_may_have_ended_is_not_held_against_the_server() {
        for sure in [Sure::Late, Sure::Unknown] {
            let mut ledger = Ledger {
                holds: vec![
                    hold(1, 0, 2, &[5], 1_000, 2, 11_000),
                    hold(2, 0, 2, &[5], 1_200, 4, 11_200),
                ],
                ..Ledger::default()
            };
            ledger.moves = vec![step(0, Deed::Released, 1, (5_000, 9), sure)];
            assert_eq!(found(ledger), 0, "{sure:?}");
        }
    }
}
