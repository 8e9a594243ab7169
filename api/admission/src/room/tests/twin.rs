//! A room as its documents describe it, kept as lists of people: slow, and without a word of the
//! structures that it is compared with. It is told how many were let in, and judges who.

use super::{OPENS, Open, person};
use crate::room::{Joined, NoTicket, Rules, Standing};
use crate::{Load, NotAdmitted, Order, PaceRules, Settled};
use berth_inventory::{Millis, RequestId, UnixMillis};
use proptest::prelude::*;

const SEEDS: [[u8; 16]; 2] = [[7; 16], [9; 16]];

/// Somebody with a number; nobody stands at a number that a crash skipped.
#[derive(Clone, Copy, Debug)]
struct Person {
    who: Option<u64>,
    is: Is,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    Waiting,
    Left,
    /// Until then for the token, until then in all.
    Called(UnixMillis, UnixMillis),
    Came {
        run: u64,
        until: UnixMillis,
        turn: UnixMillis,
        by: Option<RequestId>,
        held: bool,
    },
}

/// See the module.
struct Twin {
    people: Vec<Person>,
    /// Numbers in the order in which they are let in, once the draw is held.
    queue: Option<Vec<u32>>,
    /// Of the queue, let in.
    admitted: usize,
    rules: Rules,
    seed: [u8; 16],
}

impl Twin {
    fn open(&mut self, now: UnixMillis) {
        if now >= OPENS && self.queue.is_none() {
            let order = Order::new(&self.seed, self.people.len() as u32);
            let mut queue: Vec<u32> = (0..self.people.len() as u32).collect();
            queue.sort_by_key(|number| order.place(*number));
            self.queue = Some(queue);
        }
    }

    fn add(&mut self, who: Option<u64>) {
        let number = self.people.len() as u32;
        self.people.push(Person { who, is: Is::Waiting });
        if let Some(queue) = &mut self.queue {
            queue.push(number);
        }
    }

    fn is_alive(&self, number: usize, now: UnixMillis) -> bool {
        match self.people[number].is {
            Is::Waiting => true,
            Is::Left | Is::Came { held: true, .. } => false,
            Is::Called(claim, _) => now < claim,
            Is::Came { until, .. } => now < until,
        }
    }

    fn join(&mut self, who: u64, now: UnixMillis) -> Joined {
        self.open(now);
        let last = self.people.iter().rposition(|person| person.who == Some(who));
        if let Some(number) = last.filter(|number| self.is_alive(*number, now)) {
            return Joined { number: number as u32, again: true };
        }
        self.add(Some(who));
        Joined { number: self.people.len() as u32 - 1, again: false }
    }

    fn leave(&mut self, number: usize, now: UnixMillis) -> bool {
        self.open(now);
        let is_here = number < self.people.len() && self.is_alive(number, now);
        if is_here {
            self.people[number].is = Is::Left;
        }
        is_here
    }

    /// So many were let in, who had not left.
    fn call(&mut self, mut count: u64, now: UnixMillis) {
        let Some(queue) = &self.queue else { return assert_eq!(count, 0) };
        let claim = now.saturating_add(self.rules.claim);
        while count > 0 {
            let person = &mut self.people[queue[self.admitted] as usize];
            self.admitted += 1;
            if person.is == Is::Waiting {
                person.is = Is::Called(claim, claim.saturating_add(self.rules.turn));
                count -= 1;
            }
        }
    }

    fn claim(&mut self, number: usize, run: u64, now: UnixMillis) -> Option<UnixMillis> {
        match self.people.get(number)?.is {
            Is::Called(claim, turn) if now < claim => {
                let until = now.saturating_add(self.rules.turn).min(turn);
                let is = Is::Came { run, until, turn, by: None, held: false };
                self.people[number].is = is;
                Some(until)
            }
            Is::Came { run: of, until, held: false, .. } if of == run && now < until => Some(until),
            _ => None,
        }
    }

    fn spend(
        &mut self,
        number: usize,
        run: u64,
        id: RequestId,
        now: UnixMillis,
        end: bool,
    ) -> bool {
        let Some(Person { is: Is::Came { run: of, until, turn, by, held }, .. }) =
            self.people.get_mut(number)
        else {
            return false;
        };
        if now >= *turn {
            return false;
        }
        let is_mine = *by == Some(id);
        let is_fresh = by.is_none() && *of == run && now < *until;
        if is_fresh {
            (*by, *held) = if end { (Some(id), true) } else { (None, false) };
        }
        is_mine || is_fresh
    }

    /// Everybody whose turn was not over when the node ended has it again.
    fn restart(&mut self, ended: UnixMillis, now: UnixMillis, reserved: u32) {
        while self.people.len() < reserved as usize {
            self.add(None);
        }
        let Rules { claim, turn: length, .. } = self.rules;
        let later = now.saturating_add(claim);
        for person in &mut self.people {
            match &mut person.is {
                Is::Called(claim, turn) if ended < *turn => {
                    if ended < *claim {
                        *claim = later.max(*claim);
                    }
                    *turn = later.saturating_add(length).max(*turn);
                }
                Is::Came { until, turn, .. } if ended < *turn => {
                    *turn = later.saturating_add(length).max(*turn);
                    if ended < *until {
                        *until = now.saturating_add(length).max(*until);
                    }
                }
                _ => {}
            }
        }
    }

    fn check(&self, open: &Open) {
        let now = open.now;
        let places: Vec<Option<usize>> = (0..self.people.len() as u32)
            .map(|number| self.queue.as_ref()?.iter().position(|n| *n == number))
            .collect();
        for (number, person) in self.people.iter().enumerate() {
            let told = open.standing(number as u32);
            let said = format!("number {number}, {person:?}, at {now}: {told:?}");
            match (person.is, places[number]) {
                (Is::Left, _) => assert_eq!(told, Standing::Left, "{said}"),
                (Is::Waiting, None) => assert!(matches!(told, Standing::Early { .. }), "{said}"),
                (Is::Waiting, Some(place)) => {
                    let Standing::Waiting { position, ahead, .. } = told else { panic!("{said}") };
                    let between = &self.queue.as_ref().expect("a queue")[self.admitted..place];
                    let here =
                        between.iter().filter(|n| self.people[**n as usize].is == Is::Waiting);
                    assert_eq!(ahead as usize, here.count(), "{said}");
                    assert!(position > ahead, "{said}");
                }
                (Is::Called(until, _), _) if now < until => {
                    assert_eq!(told, Standing::Called { until }, "{said}");
                }
                (Is::Came { turn, held: true, .. }, _) if now < turn => {
                    assert_eq!(told, Standing::Spent, "{said}");
                }
                (Is::Came { held: false, run, until, .. }, _) if now < until => {
                    assert_eq!(told, Standing::Admitted { run, until }, "{said}");
                }
                // Forgotten at some time after the turn.
                (Is::Came { held: true, .. }, _) => {
                    assert!(matches!(told, Standing::Spent | Standing::Missed), "{said}");
                }
                (Is::Called(..) | Is::Came { .. }, _) => {
                    assert_eq!(told, Standing::Missed, "{said}");
                }
            }
        }
    }
}

/// What happens to a room.
#[derive(Clone, Debug)]
enum Step {
    Join(u64),
    Crowd(u64, u8),
    Leave(usize),
    Claim(usize, u64),
    Spend(usize, u64, u8, bool),
    Pass(u64, bool),
    ToOpening,
    Restart(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..60_u64).prop_map(Step::Join),
        3 => (60..600_u64, 1..50_u8).prop_map(|(who, count)| Step::Crowd(who, count)),
        4 => (0..200_usize).prop_map(Step::Leave),
        8 => (0..200_usize, 0..2_u64).prop_map(|(number, run)| Step::Claim(number, run)),
        8 => (0..200_usize, 0..2_u64, 0..3_u8, any::<bool>())
            .prop_map(|(number, run, id, end)| Step::Spend(number, run, id, end)),
        6 => (1..3_000_u64, prop::bool::weighted(0.9)).prop_map(|(ms, idle)| Step::Pass(ms, idle)),
        1 => Just(Step::ToOpening),
        1 => any::<bool>().prop_map(Step::Restart),
    ]
}

fn live(steps: Vec<Step>) {
    let pace = PaceRules { floor: 5, ceiling: 40, ..PaceRules::default() };
    let (claim, turn) = (Millis(1_500), Millis(4_000));
    let rules = Rules { batch: 4, pace, claim, turn, ..super::rules() };
    let mut open = Open::new(rules);
    open.now = UnixMillis(OPENS.0 - 5_000);
    let mut twin = Twin { people: Vec::new(), queue: None, admitted: 0, rules, seed: SEEDS[0] };
    for step in steps {
        let now = open.now;
        match step {
            Step::Join(who) => join(&mut open, &mut twin, who),
            Step::Crowd(who, count) => {
                (0..u64::from(count)).for_each(|more| join(&mut open, &mut twin, who + more));
            }
            Step::Leave(number) => {
                assert_eq!(open.room.leave(number as u32, now), twin.leave(number, now));
            }
            Step::Claim(number, run) => {
                let told = open.room.claim(number as u32, run, now);
                assert_eq!(told.ok(), twin.claim(number, run, now), "number {number} of {run}");
            }
            Step::Spend(number, run, id, end) => {
                let id = RequestId(id.into());
                let told = open.room.spend(number as u32, run, id, now);
                let expected = twin.spend(number, run, id, now, end);
                assert_eq!(told.is_ok(), expected, "number {number} of {run}: {told:?}");
                if expected {
                    let how = if end { Settled::Held } else { Settled::Refused };
                    open.room.settle(number as u32, id, how);
                } else {
                    assert_ne!(told, Err(NotAdmitted::Missing));
                }
            }
            Step::Pass(ms, idle) => {
                open.now.0 += ms;
                let load = Load { queued: if idle { 0 } else { 9_999 }, ..super::IDLE };
                pass(&mut open, &mut twin, load);
            }
            Step::ToOpening => {
                open.now = open.now.max(OPENS);
                pass(&mut open, &mut twin, super::IDLE);
            }
            Step::Restart(is_orderly) => {
                open.keep();
                let ended = open.ended();
                open.now.0 += 700;
                let reserved = if is_orderly { 0 } else { open.reserved() };
                open.restart(is_orderly);
                twin.seed = SEEDS[1];
                twin.restart(ended, open.now, reserved);
            }
        }
        open.keep();
        twin.check(&open);
    }
}

fn pass(open: &mut Open, twin: &mut Twin, load: Load) {
    twin.open(open.now);
    let before = open.room.counts().admitted;
    open.room.pass(open.now, load);
    twin.call(open.room.counts().admitted - before, open.now);
}

fn join(open: &mut Open, twin: &mut Twin, who: u64) {
    let told = loop {
        match open.room.join(person(who), open.now) {
            Ok(joined) => break joined,
            Err(NoTicket::Wait) => open.keep(),
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(told, twin.join(who, open.now), "person {who}");
}

impl Open {
    fn ended(&self) -> UnixMillis {
        let at = |record: &crate::Record| match record {
            crate::Record::Level { at, .. } => Some(*at),
            _ => None,
        };
        self.log.iter().filter_map(at).max().unwrap_or_default()
    }

    fn reserved(&self) -> u32 {
        self.room.level.reserved
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever happens, the room tells everybody what the twin tells them.
    #[test]
    fn a_room_does_what_its_slow_twin_does(steps in prop::collection::vec(step(), 1..60)) {
        live(steps);
    }
}
