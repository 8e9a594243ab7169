//! A waiting room with ten million people: what one costs, how fast they join, whether the order is the
//! one that is promised, and whether they are told rightly how long they wait.
//!
//! The room is the product's; only time is not real, since nobody waits six minutes for a figure. Three
//! rules must hold: less than 100 MB, nobody overtakes who came after the opening, and the wait told
//! after the first minute is right within a fifth.

use std::process::ExitCode;
use std::time::Instant;

use berth_admission::{
    Basis, Keys, Load, NoTicket, Order, PaceRules, Room, RoomSize, Rules, Sealer, Standing, Ticket,
    caller_mark, person_mark,
};
use berth_inventory::{Millis, UnixMillis};
use serde_json::json;

const OPENS: UnixMillis = UnixMillis(1_000_000_000);
const MARK: u64 = 1;
const SEED: [u8; 16] = *b"a seed of a draw";
const TICK: u64 = 100;
/// People a second who shall come: so that ten million take some minutes.
const CEILING: u32 = 20_000;
/// Of a hundred who are let in, so many come for their token.
const COME: u32 = 70;
/// People who join while the first are let in.
const LATE: u32 = 100_000;
/// People whose estimates are compared with their waits.
const ASKED: u32 = 2_000;
const BYTES_MAX: usize = 100_000_000;
/// The upper 0.1 % point of chi-square with 81 degrees of freedom.
const CHI_SQUARE_MAX: f64 = 124.8;

/// What was found.
struct Found {
    people: u32,
    joins_per_second: f64,
    whole_joins_per_second: f64,
    size: RoomSize,
    resident: usize,
    chi_square: f64,
    overtakings: u32,
    late: u32,
    estimate_off_percent: f64,
    let_in_seconds: u64,
}

/// Prints a table, or with `json` an object; the exit code says whether the rules hold.
pub fn run(people: u32, json: bool) -> ExitCode {
    let found = measure(people);
    let bytes = found.size.people + found.size.left + found.size.turns;
    let holds = bytes < BYTES_MAX
        && found.chi_square < CHI_SQUARE_MAX
        && found.overtakings == 0
        && found.estimate_off_percent <= 20.0;
    if json {
        let told = json!({
            "people": found.people,
            "bytes": bytes,
            "bytes_per_person": bytes as f64 / f64::from(found.people),
            "resident_bytes": found.resident,
            "joins_per_second": found.joins_per_second.round(),
            "joins_with_fingerprint_and_signature_per_second": found.whole_joins_per_second.round(),
            "chi_square_81": found.chi_square,
            "overtakings": found.overtakings,
            "late": found.late,
            "estimate_off_percent": found.estimate_off_percent,
            "let_in_seconds": found.let_in_seconds,
            "holds": holds,
        });
        println!("{told}");
    } else {
        print(&found, bytes);
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(found: &Found, bytes: usize) {
    let Found { people, resident, .. } = found;
    println!("| what | found | must be |\n|---|---|---|");
    let each = bytes as f64 / f64::from(*people);
    println!(
        "| bytes of a room in which {people} people wait | {bytes}, {each:.2} each | < 100 MB |"
    );
    println!("| the process grew by | {resident} bytes | |");
    println!("| joins a second, one thread | {:.0} | |", found.joins_per_second);
    let whole = found.whole_joins_per_second;
    println!("| with fingerprint and signed ticket | {whole:.0} | |");
    let chi = found.chi_square;
    println!(
        "| draw: tenths of coming against tenths of places, chi-square | {chi:.1} | < {CHI_SQUARE_MAX} |"
    );
    let Found { late, overtakings, .. } = found;
    println!("| overtakings among {late} who came after the opening | {overtakings} | 0 |");
    let off = found.estimate_off_percent;
    println!(
        "| wait told after a minute, against the wait, worst of {ASKED} | {off:.1} % off | <= 20 % |"
    );
    let seconds = found.let_in_seconds;
    println!("| all let in after, {CEILING} a second coming, {COME} of 100 | {seconds} s | |");
}

/// A person of a counter, spread as a hash would (splitmix64).
fn person(n: u64) -> u64 {
    let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

fn comes(number: u32) -> bool {
    person(u64::from(number) ^ 0xc0de) % 100 < u64::from(COME)
}

fn room() -> Room {
    let pace = PaceRules { ceiling: CEILING, ..PaceRules::default() };
    Room::new(MARK, Rules { batch: 1_000, pace, ..Rules::opening_at(OPENS) }, SEED)
}

fn keep(room: &mut Room, now: UnixMillis) {
    if let Some((_, taken)) = room.take(now) {
        room.durable(taken);
    }
}

fn join(room: &mut Room, person: u64, now: UnixMillis) -> u32 {
    loop {
        match room.join(person, now) {
            Ok(joined) => return joined.number,
            Err(NoTicket::Wait) => keep(room, now),
            Err(other) => panic!("a room for all of them: {other:?}"),
        }
    }
}

fn measure(people: u32) -> Found {
    let before = resident();
    let (mut room, early) = (room(), UnixMillis(0));
    let since = Instant::now();
    for n in 0..people {
        join(&mut room, person(n.into()), early);
    }
    let joins_per_second = f64::from(people) / since.elapsed().as_secs_f64();
    keep(&mut room, early);
    let resident = resident().saturating_sub(before);
    let whole_joins_per_second = whole_joins();
    room.pass(OPENS, Load::default());
    keep(&mut room, OPENS);
    let size = room.size();
    let mut morning = Morning::new(room, people);
    morning.live();
    Found {
        people,
        joins_per_second,
        whole_joins_per_second,
        size: RoomSize { turns: size.turns.max(morning.turns_bytes), ..size },
        resident,
        chi_square: chi_square(&Order::new(&SEED, people)),
        overtakings: morning.overtakings,
        late: LATE,
        estimate_off_percent: morning.off_percent(),
        let_in_seconds: morning.now.since(OPENS).0 / 1_000,
    }
}

/// A million joins with all that the service computes for one, but for the wire.
fn whole_joins() -> f64 {
    const JOINS: u32 = 1_000_000;
    let (mut room, now) = (room(), UnixMillis(0));
    let key = Sealer::new(1, &[7; 32]);
    let keys = Keys::new(vec![key.clone()]).expect("one key");
    let caller = caller_mark("");
    let (since, mut bytes) = (Instant::now(), 0);
    for n in 0..JOINS {
        let end_user = format!("user {n}");
        let number = join(&mut room, person_mark(&key, MARK, caller, &end_user), now);
        bytes += Ticket { room: MARK, number, caller }.seal(&keys).len();
    }
    assert!(bytes > 0);
    f64::from(JOINS) / since.elapsed().as_secs_f64()
}

fn chi_square(order: &Order) -> f64 {
    let tenth = (order.count() / 10).max(1);
    let mut counts = [[0_u32; 10]; 10];
    for number in 0..tenth * 10 {
        let (of, at) = (number / tenth, order.place(number) / tenth);
        counts[of as usize][at.min(9) as usize] += 1;
    }
    let expected = f64::from(tenth) / 10.0;
    counts.iter().flatten().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum()
}

/// From the opening until everybody was let in.
struct Morning {
    room: Room,
    people: u32,
    now: UnixMillis,
    /// Numbers of the early ones by place.
    by_place: Vec<u32>,
    /// Late ones seen as let in, in their order.
    called_late: u32,
    overtakings: u32,
    /// Number, instant and wait that were told.
    told: Vec<(u32, UnixMillis, Millis)>,
    /// Part of the wait by which the telling was off.
    off: Vec<f64>,
    turns_bytes: usize,
}

impl Morning {
    fn new(room: Room, people: u32) -> Self {
        let order = Order::new(&SEED, people);
        let mut by_place = vec![0; people as usize];
        for number in 0..people {
            by_place[order.place(number) as usize] = number;
        }
        let (now, told, off) = (OPENS, Vec::new(), Vec::new());
        let (called_late, overtakings, turns_bytes) = (0, 0, 0);
        Self { room, people, now, by_place, called_late, overtakings, told, off, turns_bytes }
    }

    fn number(&self, place: u32) -> u32 {
        self.by_place.get(place as usize).copied().unwrap_or(place)
    }

    fn live(&mut self) {
        let (mut admitted, mut joined) = (0, 0);
        while admitted < self.people + joined || joined < LATE {
            self.now.0 += TICK;
            // They trickle in over the first ten seconds and more.
            for _ in 0..LATE.div_ceil(100).min(LATE - joined) {
                let number =
                    join(&mut self.room, person(u64::from(u32::MAX) + u64::from(joined)), self.now);
                assert_eq!(number, self.people + joined, "numbers are in order of joining");
                joined += 1;
            }
            self.room.pass(self.now, Load::default());
            keep(&mut self.room, self.now);
            let before = admitted;
            admitted = self.room.counts().admitted as u32;
            for place in before..admitted {
                let number = self.number(place);
                if comes(number) {
                    let _ = self.room.claim(number, 1, self.now);
                }
            }
            self.check_late(joined);
            self.check_told();
            self.turns_bytes = self.turns_bytes.max(self.room.size().turns);
            if self.now.since(OPENS) == Millis(60_000) {
                self.ask(admitted, joined);
            }
        }
        self.check_told();
    }

    /// Those who came late are let in one after the other: whoever is let in before one who came before
    /// overtakes.
    fn check_late(&mut self, joined: u32) {
        let is_in =
            |number: u32| !matches!(self.room.standing(number, self.now), Standing::Waiting { .. });
        let mut first_waiting = self.called_late;
        while first_waiting < joined && is_in(self.people + first_waiting) {
            first_waiting += 1;
        }
        let window = first_waiting..joined.min(first_waiting + 200);
        self.overtakings += window.filter(|late| is_in(self.people + late)).count() as u32;
        self.called_late = first_waiting;
    }

    /// Asks people all along the queue how long they are told to wait.
    fn ask(&mut self, admitted: u32, joined: u32) {
        let waiting = self.people + joined - admitted;
        let step = (waiting / (ASKED + 1)).max(1);
        for place in (admitted + step..self.people + joined).step_by(step as usize) {
            let number = self.number(place);
            if let Standing::Waiting { estimate, .. } = self.room.standing(number, self.now) {
                assert!(matches!(estimate.basis, Basis::Observed(_)), "{estimate:?}");
                self.told.push((number, self.now, estimate.wait));
            }
        }
        // The next one to be let in is looked at first.
        self.told.reverse();
    }

    fn check_told(&mut self) {
        while let Some((number, at, told)) = self.told.last().copied() {
            if matches!(self.room.standing(number, self.now), Standing::Waiting { .. }) {
                return;
            }
            self.told.pop();
            let took = self.now.since(at).0.max(1) as f64;
            // A tick is not to be told apart.
            let off = (told.0 as f64 - took).abs() - TICK as f64;
            self.off.push(off.max(0.0) * 100.0 / took);
        }
    }

    fn off_percent(&self) -> f64 {
        self.off.iter().copied().fold(0.0, f64::max)
    }
}

/// Bytes of this process in memory; 0 where the system does not say.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap_or(0) * 1_024
}
