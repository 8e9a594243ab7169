//! The pure machine: decide and apply, one run, one thread, hot.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use berth_inventory::{
    AgeBand, Changes, CoachEntry, Command, Conditions, Entry, HoldId, Millis, Passenger, Plan,
    PlanHash, Release, RequestId, RequestMark, Reserve, Run, RunCreated, RunId, RunningDays, Sex,
    StopEntry, StopRef, TravelClass, UnixMillis, Verdict,
};

use crate::figure::figure;

const NOW: UnixMillis = UnixMillis(1_000);
const CYCLES: usize = 200_000;

/// A sleeper train of `coaches` x 80 berths and `stops` stops.
fn sleeper(coaches: usize, stops: u32) -> Run {
    let stop = |place: u32| StopEntry {
        code: format!("S{place}"),
        km: place * 50,
        arrival: (place > 0).then_some(600 + place * 30),
        departure: (place + 1 < stops).then_some(602 + place * 30),
    };
    let entry = Entry {
        number: "10001".into(),
        name: "BENCH".into(),
        days: RunningDays::DAILY,
        stops: (0..stops).map(stop).collect(),
        coaches: (1..=coaches)
            .map(|n| CoachEntry { id: format!("S{n}"), layout: "SL".into(), stops: None })
            .collect(),
        pools: Vec::new(),
    };
    let plan = Arc::new(Plan::new(&entry, PlanHash([1; 32])).expect("a sound train"));
    let start_date = "2026-01-01".parse().expect("a date");
    let created = RunCreated {
        run: RunId { train: plan.number(), start_date },
        plan: plan.hash(),
        midnight: UnixMillis(86_400_000_000),
        opens: plan.pools().iter().map(|_| UnixMillis(0)).collect(),
        extra: false,
    };
    Run::new(plan, &created, UnixMillis(0))
}

fn mark(id: u128) -> RequestMark {
    RequestMark { id: RequestId(id), digest: 1 }
}

fn wish(id: u128, from: u16, to: u16) -> Command {
    let passenger =
        Passenger { age: AgeBand::Adult, sex: Sex::Male, berth_required: true, preference: None };
    Command::Reserve(Box::new(Reserve {
        request: mark(id),
        hold: HoldId(id),
        class: TravelClass::Sleeper,
        quota: "GN".parse().expect("a quota"),
        from: StopRef::Sequence(from),
        to: StopRef::Sequence(to),
        party: core::iter::once(passenger).collect(),
        conditions: Conditions::default(),
        berths: Vec::new(),
        ttl: Millis(300_000),
        reference: "".into(),
    }))
}

/// Executes one command; whether it took effect.
fn execute(run: &mut Run, command: &Command, changes: &mut Changes) -> bool {
    match run.decide(command, NOW) {
        Verdict::Take { events, then } => {
            for event in &events {
                run.apply(event, NOW, changes);
            }
            changes.clear();
            black_box(run.say(then));
            true
        }
        Verdict::Known(_) | Verdict::Refused(_) => false,
    }
}

/// The cycle on one train.
fn cycle(coaches: usize, stops: u32) {
    let mut machine = sleeper(coaches, stops);
    let mut changes = Changes::default();
    let mut next = 1u128;
    let mut seed = 1u64;
    let mut journey = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let legs = u64::from(stops - 1);
        let from = (seed >> 33) % legs;
        let length = 1 + (seed >> 13) % (legs * 2 / 5).max(1);
        (from as u16 + 1, (from + length).min(legs) as u16 + 1)
    };
    // Half full: what a search meets on an ordinary day.
    let berths = coaches * 64;
    for _ in 0..berths * 2 {
        let (from, to) = journey();
        execute(&mut machine, &wish(next, from, to), &mut changes);
        next += 1;
    }
    let commands: Vec<_> = (0..CYCLES)
        .map(|_| {
            let (from, to) = journey();
            next += 1;
            (wish(next, from, to), next)
        })
        .collect();
    let name = format!("reserve + release, {berths} GN berths, {} legs", stops - 1);
    let mut offset = 0u128;
    figure(&name, "ns/pair", || {
        offset += 1 << 64;
        let renamed: Vec<_> = commands
            .iter()
            .map(|(command, id)| {
                let mut command = command.clone();
                if let Command::Reserve(reserve) = &mut command {
                    reserve.request = mark(id + offset);
                    reserve.hold = HoldId(id + offset);
                }
                let hold = HoldId(id + offset);
                let release = Release { request: mark(id + offset + 1), hold, passengers: None };
                (command, Command::Release(release))
            })
            .collect();
        let begun = Instant::now();
        let mut granted = 0usize;
        for (reserve, release) in &renamed {
            if execute(&mut machine, reserve, &mut changes) {
                granted += 1;
                execute(&mut machine, release, &mut changes);
            }
        }
        assert!(granted * 100 >= CYCLES * 60, "a sold-out bench is another bench: {granted}");
        begun.elapsed().as_nanos() as f64 / granted as f64
    });
}

/// The suite.
pub fn run() {
    for (coaches, stops) in [(5, 25), (15, 25), (15, 101)] {
        cycle(coaches, stops);
    }
}
