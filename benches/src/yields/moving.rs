//! Re-seating in figures: trains, loads, and who may be moved.

use serde_json::{Value, json};

use super::demand::{Demand, Parties};
use super::reseated::{Movable, seats};
use super::score::Score;
use super::{Day, LOAD, LOADS, PROMISED, entry, plan_of};
use crate::goal::{Goal, Target};
use crate::paired::Estimate;
use crate::report::Table;

const FAIR: Target = Target::ratio(
    "everybody may be moved, load 1.2, worst train: berth-km over the fair bound",
    0.999,
    1.0,
);
const PHANTOM: Target = Target::low("everybody may be moved: phantom sold-outs", "", 0.0, 0.0);

/// A train under a load, all classes and days added up.
pub(super) struct Found {
    train: &'static str,
    load: f64,
    parties: Parties,
    movable: Movable,
    fair: f64,
    /// Berth-kilometres with nobody moved.
    plain: f64,
    capacity: f64,
    score: Score,
    moves: u64,
    rooms: u64,
}

impl Found {
    pub(super) fn json(&self) -> Value {
        json!({
            "train": self.train,
            "load": self.load,
            "parties": self.parties.name(),
            "policy": self.movable.name(),
            "asked": self.score.parties,
            "accepted": self.score.accepted,
            "berth_km": self.score.berth_km,
            "capacity_km": self.capacity,
            "fair_bound_km": self.fair,
            "nobody_moved_km": self.plain,
            "phantom": self.score.phantom,
            "let_in": self.rooms,
            "moves": self.moves,
            "overtaken": self.score.overtaken,
        })
    }
}

/// Every train of the goals under every load.
pub(super) fn measure(days: &[u32]) -> Vec<Found> {
    let mut all = Vec::new();
    for (parties, loads) in [(Parties::Single, &LOADS[..]), (Parties::Mixed, &[LOAD][..])] {
        for train in PROMISED {
            for load in loads {
                all.extend(of(train, *load, parties, days));
            }
        }
    }
    all
}

fn of(train: &'static str, load: f64, parties: Parties, days: &[u32]) -> Vec<Found> {
    let plan = plan_of(&entry(train));
    let demand = Demand::of(plan.stops());
    let none = |movable| Found {
        train,
        load,
        parties,
        movable,
        fair: 0.0,
        plain: 0.0,
        capacity: 0.0,
        score: Score::default(),
        moves: 0,
        rooms: 0,
    };
    let mut all = Movable::ALL.map(none);
    for pool in plan.pools() {
        for day in days {
            let berths = &pool.berths[..];
            let seed = u64::from(*day) << 8 | pool.class as u64;
            let requests = demand.requests(seed, load, berths.len(), parties);
            let day = Day { plan: &plan, class: pool.class, berths, requests };
            let (fair, plain) = (day.fair(), day.slow(super::Policy::BestFit).berth_km);
            for found in &mut all {
                let moved = seats(found.movable, berths, plan.legs_count(), &day.requests);
                found.capacity += berths.len() as f64 * demand.route_km();
                (found.fair, found.plain) = (found.fair + fair, found.plain + plain);
                found.score = found.score.and(day.score(&moved.seats));
                (found.moves, found.rooms) = (found.moves + moved.moves, found.rooms + moved.rooms);
            }
        }
    }
    all.into()
}

/// What moving everybody must reach.
pub(super) fn goals(all: &[Found]) -> Vec<Goal> {
    let chart = || all.iter().filter(|found| found.movable == Movable::UntilChart);
    let promised =
        chart().filter(|f| f.load.total_cmp(&LOAD).is_eq() && f.parties == Parties::Single);
    let worst = promised.map(|found| found.score.berth_km / found.fair).fold(f64::MAX, f64::min);
    let phantom: u64 = chart().map(|found| found.score.phantom).sum();
    let exact =
        |target: Target, value| Target { exact: true, ..target }.reached(&Estimate::exact(value));
    vec![
        exact(FAIR, worst),
        exact(PHANTOM, phantom as f64).with_remark("all trains, loads and parties of the table"),
    ]
}

pub(super) fn note() -> String {
    "Re-seating: best fit, and before a refusal whoever may be moved makes room, by the machine's \
     own search (`make_room`). A hold is movable until it is paid, here until so many others have \
     asked; or everybody is, where numbers are given at charting. Let in: parties that got berths \
     by it. Moves: passengers who got another berth, for each party let in."
        .to_owned()
}

/// A line a train, load and way.
pub(super) fn table(all: &[Found]) -> Table {
    let head = [
        "train",
        "load",
        "parties",
        "who may be moved",
        "of the fair bound",
        "points over nobody moved",
        "accepted",
        "phantom",
        "let in",
        "moves a party let in",
    ];
    let mut table = Table::new("Re-seating: what it wins.", &head);
    for found in all {
        let score = &found.score;
        let share = |n: u64| format!("{:.1} %", 100.0 * n as f64 / score.parties as f64);
        let gain = 100.0 * (score.berth_km - found.plain) / found.capacity;
        let moves = found.moves as f64 / found.rooms as f64;
        table.row(vec![
            found.train.into(),
            format!("{:.1}", found.load),
            found.parties.name().into(),
            found.movable.name(),
            format!("{:.4}", score.berth_km / found.fair),
            format!("{gain:+.2}"),
            share(score.accepted),
            share(score.phantom),
            share(found.rooms),
            if found.rooms == 0 { "-".into() } else { format!("{moves:.2}") },
        ]);
    }
    table
}
