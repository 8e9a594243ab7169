//! Stories of a room, and its life beside a slow twin.

mod twin;

use super::*;
use crate::pace::PaceRules;

pub(super) const OPENS: UnixMillis = UnixMillis(1_000_000);
pub(super) const IDLE: Load = Load { queued: 0, answer: Millis(1), is_stopped: false };

pub(super) fn rules() -> Rules {
    let pace = PaceRules { floor: 10, ceiling: 100, ..PaceRules::default() };
    Rules { batch: 10, pace, ..Rules::opening_at(OPENS) }
}

pub(super) fn person(n: u64) -> u64 {
    let x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^ x >> 29 ^ x << 23
}

/// A room of which all is durable at once, and its log.
struct Open {
    room: Room,
    log: Vec<Record>,
    now: UnixMillis,
}

impl Open {
    fn new(rules: Rules) -> Self {
        let mut open =
            Self { room: Room::new(1, rules, [7; 16]), log: Vec::new(), now: UnixMillis(0) };
        open.keep();
        open
    }

    fn keep(&mut self) {
        if let Some((records, taken)) = self.room.take(self.now) {
            self.log.extend(records);
            self.room.durable(taken);
        }
    }

    fn join(&mut self, n: u64) -> u32 {
        loop {
            match self.room.join(person(n), self.now) {
                Ok(joined) => return joined.number,
                Err(NoTicket::Wait) => self.keep(),
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    fn standing(&self, number: u32) -> Standing {
        self.room.standing(number, self.now)
    }

    /// Lets time pass in steps of a tenth of a second, with all durable.
    fn pass(&mut self, ms: u64) {
        let end = self.now.0 + ms;
        while self.now.0 < end {
            self.now.0 += 100;
            self.room.pass(self.now, IDLE);
            self.keep();
        }
    }

    fn restart(&mut self, is_orderly: bool) {
        self.keep();
        if is_orderly {
            self.log.push(self.room.stopped());
        }
        let mut resuming = Room::new(1, *self.room.rules(), [9; 16]).resume();
        self.log.iter().for_each(|record| resuming.read(record.clone()));
        self.room = resuming.end(self.now);
        self.keep();
    }
}

#[test]
fn nothing_is_told_before_it_is_durable() {
    let mut room = Room::new(1, rules(), [7; 16]);
    let early = UnixMillis(0);
    assert_eq!(room.join(person(0), early), Err(NoTicket::Wait), "no number is durable");
    let (records, taken) = room.take(early).expect("a level");
    assert!(matches!(records[..], [Record::Level { reserved: 1_024, .. }]), "{records:?}");
    assert_eq!(room.join(person(0), early), Err(NoTicket::Wait), "still none is");
    assert!(room.durable(taken));
    assert_eq!(room.join(person(0), early), Ok(Joined { number: 0, again: false }));
    assert_eq!(room.join(person(0), early), Ok(Joined { number: 0, again: true }));
    room.pass(OPENS, IDLE);
    assert!(matches!(room.standing(0, OPENS), Standing::Early { .. }), "the draw is not durable");
    let (_, taken) = room.take(OPENS).expect("the draw");
    room.durable(taken);
    assert!(matches!(room.standing(0, OPENS), Standing::Waiting { position: 1, .. }));
    let later = UnixMillis(OPENS.0 + 1_000);
    room.pass(later, IDLE);
    let (_, taken) = room.take(later).expect("a batch");
    assert!(matches!(room.standing(0, later), Standing::Waiting { .. }), "not durable");
    assert_eq!(room.claim(0, 5, later), Err(NotAdmitted::Turn));
    room.durable(taken);
    assert!(matches!(room.standing(0, later), Standing::Called { .. }));
    assert!(room.claim(0, 5, later).is_ok());
}

#[test]
fn who_comes_after_the_opening_comes_in_in_that_order() {
    let mut open = Open::new(rules());
    let early: Vec<u32> = (0..500).map(|n| open.join(n)).collect();
    open.now = OPENS;
    open.pass(100);
    let late: Vec<u32> = (500..2_000).map(|n| open.join(n)).collect();
    let (mut in_order, mut called) = (Vec::new(), vec![false; 2_000]);
    while in_order.len() < 2_000 {
        open.pass(100);
        let now_called: Vec<u32> = (0..2_000)
            .filter(|number| !called[*number as usize])
            .filter(|number| matches!(open.standing(*number), Standing::Called { .. }))
            .collect();
        for number in now_called {
            called[number as usize] = true;
            in_order.push(number);
        }
    }
    let (first, rest) = in_order.split_at(500);
    assert!(first.iter().all(|number| early.contains(number)), "the early ones are first");
    assert_ne!(first, early, "in an order of the draw");
    assert_eq!(rest, late, "then nobody overtakes");
}

#[test]
fn a_person_has_one_place_that_is_alive() {
    let mut open = Open::new(rules());
    let number = open.join(1);
    assert_eq!(open.join(1), number);
    assert!(open.room.leave(number, open.now));
    assert!(!open.room.leave(number, open.now), "nobody is there any more");
    assert_eq!(open.standing(number), Standing::Left);
    let anew = open.join(1);
    assert_ne!(anew, number, "who left queues again");
    open.now = OPENS;
    open.pass(1_000);
    let until = open.room.claim(anew, 4, open.now).expect("the turn");
    assert_eq!(open.join(1), anew, "who was called has the place still");
    assert_eq!(open.room.spend(anew, 4, RequestId(1), open.now), Ok(()));
    open.room.settle(anew, RequestId(1), Settled::Held);
    assert_eq!(open.standing(anew), Standing::Spent);
    assert!(open.join(1) > anew, "who has a hold may queue for another");
    open.now = until;
    assert_eq!(open.standing(anew), Standing::Spent, "until the turn is forgotten");
}

#[test]
fn a_restart_keeps_everybodys_place() {
    for is_orderly in [true, false] {
        let mut open = Open::new(rules());
        (0..300).for_each(|n| _ = open.join(n));
        assert!(open.room.leave(17, open.now));
        open.restart(is_orderly);
        assert_eq!(open.standing(17), Standing::Left);
        assert_eq!(open.join(5), 5, "and one place a person");
        open.now = OPENS;
        open.pass(700);
        (300..600).for_each(|n| _ = open.join(n));
        open.pass(300);
        let numbers: Vec<u32> = (0..600).map(|n| open.join(n)).collect();
        let called: Vec<u32> = (0..600)
            .filter(|number| matches!(open.standing(*number), Standing::Called { .. }))
            .collect();
        assert!(open.room.claim(called[0], 9, open.now).is_ok());
        assert!(open.room.claim(called[1], 9, open.now).is_ok());
        assert_eq!(open.room.spend(called[1], 9, RequestId(3), open.now), Ok(()));
        open.room.settle(called[1], RequestId(3), Settled::Held);
        let told = |open: &Open| -> Vec<_> {
            let place = |number: &u32| match open.standing(*number) {
                Standing::Waiting { position, ahead, .. } => (position, ahead),
                Standing::Admitted { run, .. } => (0, run as u32),
                other => panic!("number {number} is {other:?}"),
            };
            let waiting = numbers
                .iter()
                .filter(|number| matches!(open.standing(**number), Standing::Waiting { .. }));
            waiting.chain([&called[0]]).map(place).collect()
        };
        let before = told(&open);
        open.now.0 += 2_000;
        open.restart(is_orderly);
        assert_eq!(told(&open), before, "orderly: {is_orderly}");
        assert_eq!(open.standing(called[1]), Standing::Spent);
        let again = open.room.spend(called[1], 9, RequestId(4), open.now);
        assert_eq!(again, Err(NotAdmitted::Spent), "also after the restart");
        let next = open.join(9_999);
        assert_eq!(next > 600 + 1_000, !is_orderly, "a crash skips what it had reserved: {next}");
    }
}

#[test]
fn who_was_called_before_a_restart_has_the_whole_time_again() {
    let mut open = Open::new(rules());
    let number = open.join(1);
    open.now = OPENS;
    open.pass(1_000);
    let Standing::Called { until } = open.standing(number) else { panic!("it is the turn") };
    open.now.0 += 300_000;
    open.restart(false);
    let claim = open.room.rules().claim;
    assert!(until < open.now);
    let until = open.now.saturating_add(claim);
    assert_eq!(open.standing(number), Standing::Called { until });
}

#[test]
fn who_stays_away_leaves_room_for_others() {
    // Nobody of four in five comes: five times as many are let in, so as many come as before.
    let rules = Rules { claim: Millis(2_000), ..rules() };
    let mut open = Open::new(rules);
    (0..60_000).for_each(|n| _ = open.join(n));
    open.now = OPENS;
    let (mut claimed, mut came_before) = (vec![false; 60_000], 0);
    for second in 0..80 {
        open.pass(1_000);
        for number in (0..60_000).filter(|number| number % 5 == 0) {
            if !claimed[number as usize] && open.room.claim(number, 1, open.now).is_ok() {
                claimed[number as usize] = true;
            }
        }
        if second == 59 {
            came_before = open.room.counts().came;
        }
    }
    let counts = open.room.counts();
    assert!((180..=240).contains(&counts.turnout), "{} of a thousand", counts.turnout);
    let came = counts.came - came_before;
    assert!((1_800..=2_200).contains(&came), "{came} came in twenty seconds at 100 a second");
    assert_eq!(counts.rate, 100);
}

#[test]
fn the_estimate_is_right_after_a_minute() {
    let mut open = Open::new(rules());
    (0..40_000).for_each(|n| _ = open.join(n));
    let Standing::Early { people: 40_000, estimate } = open.standing(3) else { panic!("early") };
    assert_eq!(estimate.basis, Basis::Rule);
    open.now = OPENS;
    // Half of them come when they are called.
    let come = |open: &mut Open| {
        (0..20_000).for_each(|number| _ = open.room.claim(number * 2, 1, open.now));
    };
    for _ in 0..6 {
        open.pass(10_000);
        come(&mut open);
    }
    let waiting = |open: &Open, number| match open.standing(number) {
        Standing::Waiting { position, ahead, estimate } => (position, ahead, estimate),
        other => panic!("{other:?}"),
    };
    let number = (0..40_000)
        .find(|number| {
            let standing = open.standing(*number);
            matches!(standing, Standing::Waiting { ahead: 9_000..9_100, .. })
        })
        .expect("somebody has nine thousand before");
    let (_, _, estimate) = waiting(&open, number);
    assert!(matches!(estimate.basis, Basis::Observed(Millis(14_000..=15_000))), "{estimate:?}");
    let from = open.now;
    while !matches!(open.standing(number), Standing::Called { .. }) {
        open.pass(100);
        if open.now.0.is_multiple_of(10_000) {
            come(&mut open);
        }
    }
    let (told, took) = (estimate.wait.0, open.now.since(from).0);
    assert!(told.abs_diff(took) * 5 <= took, "{told} ms told, it took {took} ms");
}

#[test]
fn a_room_has_its_bounds() {
    let closes_at = UnixMillis(OPENS.0 + 5_000);
    let mut open = Open::new(Rules { people_max: 3, closes_at, ..rules() });
    (0..3).for_each(|n| _ = open.join(n));
    assert_eq!(open.room.join(person(3), open.now), Err(NoTicket::Full));
    assert_eq!(open.join(2), 2, "who is in is in");
    assert_eq!(open.standing(3), Standing::Unknown);
    assert_eq!(open.standing(u32::MAX), Standing::Unknown);
    let mut open = Open::new(Rules { closes_at, ..rules() });
    open.join(0);
    open.now = closes_at;
    assert_eq!(open.room.join(person(1), open.now), Err(NoTicket::Closed));
}

/// What a million cost who joined, and of whom every tenth left; ten million are measured by the bench.
#[test]
fn a_million_in_a_room_cost_less_than_fourteen_bytes_each() {
    let rules = rules();
    let mut room = Room::new(1, Rules { opens_at: UnixMillis(10), ..rules }, [7; 16]);
    let mut number = 0;
    while number < 1_000_000 {
        match room.join(person(number), UnixMillis(0)) {
            Ok(joined) => number = u64::from(joined.number) + 1,
            Err(NoTicket::Wait) => {
                let (_, taken) = room.take(UnixMillis(0)).expect("numbers");
                room.durable(taken);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    (0..100_000).for_each(|n| assert!(room.leave(n * 10, UnixMillis(1))));
    room.pass(UnixMillis(10), IDLE);
    let RoomSize { people, left, turns } = room.size();
    let bytes = people + left + turns;
    assert!(bytes < 14_000_000, "{people} + {left} + {turns} bytes for a million");
    assert_eq!(room.counts().waiting, 900_000);
}
