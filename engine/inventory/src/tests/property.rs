//! Laws over random histories: whatever is asked, in whatever order.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::table::parse;
use super::world::{Outcome, World, plan, plan_with_lists};
use crate::{Command, HoldId, ListedView, Plan, Promotion, REMEMBER_ENDED_MS, RequestId, Said};

/// One step, in small numbers that are read against what exists by then.
#[derive(Clone, Debug)]
enum Step {
    Reserve { pool: u8, from: u8, len: u8, party: Vec<u8>, ttl: u8, flags: u8 },
    Named { berth: u8, from: u8, len: u8 },
    Confirm { hold: u8, who: Option<u8>, keep: bool },
    Release { hold: u8, who: Option<u8> },
    Extend { hold: u8, ttl: u8 },
    Cancel { booking: u8, who: Option<u8> },
    Expire { hold: u8 },
    Grace { back: u8, span: u8 },
    Sale { open: bool, which: u8 },
    Block { undo: bool, berth: u8, from: u8, len: u8 },
    Retry { which: u8 },
    Wait { step: u8 },
    Reload,
    Retire,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || proptest::option::weighted(0.4, 1..8u8);
    let reserve =
        (0..4u8, 0..4u8, 1..4u8, prop::collection::vec(any::<u8>(), 1..5), 0..4u8, 0..32u8)
            .prop_map(|(pool, from, len, party, ttl, flags)| Step::Reserve {
                pool,
                from,
                len,
                party,
                ttl,
                flags,
            });
    let step = prop_oneof![
        12 => reserve,
        3 => (0..8u8, 0..4u8, 1..4u8).prop_map(|(berth, from, len)| Step::Named { berth, from, len }),
        8 => (any::<u8>(), who(), any::<bool>())
            .prop_map(|(hold, who, keep)| Step::Confirm { hold, who, keep }),
        5 => (any::<u8>(), who()).prop_map(|(hold, who)| Step::Release { hold, who }),
        4 => (any::<u8>(), 0..5u8).prop_map(|(hold, ttl)| Step::Extend { hold, ttl }),
        5 => (any::<u8>(), who()).prop_map(|(booking, who)| Step::Cancel { booking, who }),
        5 => any::<u8>().prop_map(|hold| Step::Expire { hold }),
        1 => (0..200u8, 0..60u8).prop_map(|(back, span)| Step::Grace { back, span }),
        2 => (any::<bool>(), 0..4u8).prop_map(|(open, which)| Step::Sale { open, which }),
        3 => (any::<bool>(), 0..12u8, 0..4u8, 1..4u8)
            .prop_map(|(undo, berth, from, len)| Step::Block { undo, berth, from, len }),
        8 => any::<u8>().prop_map(|which| Step::Retry { which }),
        6 => (0..8u8).prop_map(|step| Step::Wait { step }),
        1 => Just(Step::Reload),
    ];
    let history = prop::collection::vec(step, 1..120);
    // Few histories end with the run's retirement and go on after it.
    (history, prop::option::weighted(0.2, 0..120usize)).prop_map(|(mut steps, retire)| {
        if let Some(place) = retire {
            steps.insert(place.min(steps.len()), Step::Retire);
        }
        steps
    })
}

/// A history as it unfolds, and what its effects were first told.
struct Story {
    world: World,
    now: u64,
    asked: usize,
    holds: Vec<u128>,
    bookings: Vec<u64>,
    effects: Vec<(Command, Said)>,
    /// When a hold was last seen live or with a booking.
    alive: BTreeMap<u128, u64>,
}

impl Story {
    fn new(plan: Arc<Plan>) -> Self {
        Self {
            world: World::of(plan),
            // Ten minutes before Tatkal opens.
            now: super::world::TATKAL_OPENS - 600_000,
            asked: 0,
            holds: Vec::new(),
            bookings: Vec::new(),
            effects: Vec::new(),
            alive: BTreeMap::new(),
        }
    }

    fn pick(from: &[u128], place: u8) -> u128 {
        // One of thirteen misses, so that unknown ids are asked too.
        let miss = place.is_multiple_of(13) || from.is_empty();
        if miss { 77_777 } else { from[place as usize % from.len()] }
    }

    fn line(&mut self, step: &Step) -> Option<String> {
        self.asked += 1;
        let n = self.asked;
        let trip = |from: u8, len: u8| format!("S{}..S{}", from + 1, from + 1 + len);
        let set = |who: Option<u8>| {
            let places = |bits: u8| (1..=3).filter(move |p| bits >> (p - 1) & 1 == 1);
            let list = |bits| places(bits).map(|p| p.to_string()).collect::<Vec<_>>().join(",");
            who.map_or(String::new(), |bits| format!("[{}]", list(bits)))
        };
        let bookings: Vec<u128> = self.bookings.iter().map(|pnr| u128::from(*pnr)).collect();
        let line = match step {
            Step::Reserve { pool, from, len, party, ttl, flags } => {
                let pool = ["3A GN", "3A TQ", "SL GN", "3A HO"][*pool as usize];
                let who = ["M30", "F62", "F40/UB", "M9-", "T50", "M30/LB"];
                let mut party: Vec<&str> = party.iter().map(|p| who[*p as usize % 6]).collect();
                if party.iter().all(|p| p.ends_with('-')) {
                    party.push("M30");
                }
                let ttl = [10, 60, 300, 900][*ttl as usize];
                let mut line = format!(
                    "reserve r{n} H{n} {pool} {} {} ttl={ttl}",
                    trip(*from, *len),
                    party.join(" ")
                );
                line.push_str(
                    ["", " one-coach", " hard", " lower=1"].get(*flags as usize).unwrap_or(&""),
                );
                line.push_str(["", " wl", " rac", " wl rac"][*flags as usize / 8]);
                line
            }
            Step::Named { berth, from, len } => {
                format!("reserve r{n} H{n} 3A GN {} M30 berths=B1-{berth}", trip(*from, *len))
            }
            Step::Confirm { hold, who, keep } => {
                let keep = if *keep { "keep" } else { "" };
                format!("confirm r{n} H{} {} {keep}", Self::pick(&self.holds, *hold), set(*who))
            }
            Step::Release { hold, who } => {
                format!("release r{n} H{} {}", Self::pick(&self.holds, *hold), set(*who))
            }
            Step::Extend { hold, ttl } => {
                let ttl = [10, 60, 300, 600, 900][*ttl as usize];
                format!("extend r{n} H{} {ttl}", Self::pick(&self.holds, *hold))
            }
            Step::Cancel { booking, who } => {
                format!("cancel r{n} P{} {}", Self::pick(&bookings, *booking), set(*who))
            }
            Step::Expire { hold } => format!("expire H{}", Self::pick(&self.holds, *hold)),
            Step::Grace { back, span } => {
                let now = self.now / 1_000;
                format!("grace {} {} {span}", now + u64::from(*span), now - u64::from(*back))
            }
            Step::Sale { open, which } => {
                let call = if *open { "open-sale" } else { "close-sale" };
                let pools = ["3A GN", "3A", "SL GN", "TQ"][*which as usize];
                format!("{call} r{n} {pools}")
            }
            Step::Block { undo, berth, from, len } => {
                let call = if *undo { "unblock" } else { "block" };
                let (coach, number) = [("B1", *berth), ("S1", berth + 1)][*berth as usize % 2];
                format!("{call} r{n} {coach}-{number},B1-3 {}", trip(*from, *len))
            }
            Step::Retire => format!("retire r{n}"),
            Step::Retry { .. } | Step::Wait { .. } | Step::Reload => return None,
        };
        Some(line)
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Retry { which } => return self.retry(*which),
            Step::Wait { step } => {
                let wait = [1, 1_000, 9_999, 10_000, 60_000, 300_000, 600_000, 3_600_000];
                self.now += wait[*step as usize];
                return;
            }
            // From here on the history goes on from a snapshot.
            Step::Reload => return self.world.run = self.world.reloaded(),
            _ => {}
        }
        let line = self.line(step).expect("a command");
        let command = parse(&line.split_whitespace().collect::<Vec<_>>());
        let digest = self.world.run.digest();
        let outcome = self.world.ask(&command, self.now);
        match &outcome {
            Outcome::Took(said) => {
                match said {
                    Said::Hold(view) if matches!(command, Command::Reserve(_)) => {
                        self.holds.push(view.hold.0);
                    }
                    Said::Booking(view) => self.bookings.push(view.pnr.0),
                    _ => {}
                }
                self.effects.push((command, said.clone()));
            }
            Outcome::Known(_) | Outcome::Refused(_) => {
                assert_eq!(self.world.run.digest(), digest, "{line} left a trace");
            }
        }
        self.see_who_lives();
        self.world.check();
        self.conserved();
    }

    fn see_who_lives(&mut self) {
        for record in self.world.run.state().records {
            if record.is_live() || !record.bookings.is_empty() {
                self.alive.insert(record.hold.0, self.now);
            }
        }
    }

    /// Free, held, sold and blocked berth-legs make up the capacity, in every pool and in all.
    fn conserved(&self) {
        let summary = self.world.run.summary();
        let all = summary.pools.iter().map(|pool| pool.berth_legs).chain([summary.berth_legs]);
        for sums in all {
            assert_eq!(sums.free + sums.held + sums.sold + sums.blocked, sums.capacity, "{sums:?}");
        }
    }

    /// Asks again what took effect: the first answer, or the id is forgotten and rightly so.
    fn retry(&mut self, which: u8) {
        if self.effects.is_empty() {
            return;
        }
        let (mut command, first) = self.effects[which as usize % self.effects.len()].clone();
        let id = match &mut command {
            Command::Reserve(ask) => {
                // The node draws a new hold id for every reserve.
                ask.hold = HoldId(1_000_000 + self.asked as u128);
                ask.request.id
            }
            Command::Confirm(ask) => ask.request.id,
            Command::Extend(ask) => ask.request.id,
            _ => return,
        };
        self.asked += 1;
        if !self.remembered(id) {
            let hold = match &first {
                Said::Hold(view) => view.hold,
                Said::Booking(view) => view.hold,
                other => panic!("{command:?} was told {other:?}"),
            };
            let age = self.now - self.alive[&hold.0];
            assert!(age >= REMEMBER_ENDED_MS, "{id} forgotten after {age} ms");
            return;
        }
        let again = self.world.ask(&command, self.now).known();
        assert_eq!(essence(&again, &first), essence(&first, &first));
    }

    fn remembered(&self, id: RequestId) -> bool {
        self.world.run.remembered().any(|known| known == id)
    }
}

/// What of an answer may not change: who got which berths, under which names. Deadlines and states
/// move on, and are shown as they are; so do the places of those who were on a list at first.
fn essence(said: &Said, first: &Said) -> String {
    let listed: &[ListedView] = match first {
        Said::Hold(view) => view.listed.as_deref().unwrap_or_default(),
        Said::Booking(view) => view.listed.as_deref().unwrap_or_default(),
        _ => &[],
    };
    let was_listed = |place: usize| listed.iter().any(|l| usize::from(l.passenger) == place);
    match said {
        Said::Hold(view) => {
            let seats: Vec<_> = (view.party.iter().enumerate())
                .map(|(i, s)| (s.passenger, s.berth.filter(|_| !was_listed(i))))
                .collect();
            let (pool, legs, created) = (view.pool, view.legs, view.created_at);
            format!("{} {pool} {legs} {created} {seats:?} {}", view.hold, view.reference)
        }
        Said::Booking(view) => {
            let seats: Vec<_> = (view.party.iter())
                .map(|(i, s)| (i, s.passenger, s.berth.filter(|_| !was_listed((*i).into()))))
                .collect();
            format!("{:?} {} {} {seats:?} {}", view.pnr, view.hold, view.confirmed_at, view.payment)
        }
        other => panic!("only holds and bookings are told again: {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::tests::cases(96), ..ProptestConfig::default() })]

    /// After every step the invariants hold and berth-legs are conserved; every retry of a
    /// remembered request is told the first answer; refusals leave no trace; and in the end replay
    /// and reload give the same state and digest (INV-9).
    #[test]
    fn whatever_is_asked_the_laws_hold(steps in steps(), lists in 0..4u8) {
        let mut story = Story::new(match lists {
            0 => plan(),
            1 => plan_with_lists(Promotion::WaitForHead),
            _ => plan_with_lists(Promotion::FirstThatFits),
        });
        for step in &steps {
            story.take(step);
        }
        story.world.check_replay();
    }
}
