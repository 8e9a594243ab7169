//! `core`: the pure machine of one run with its encoding, one thread, hot.
//!
//! Decide, apply, encode into the section, and the answer: everything a shard does for a command
//! but finding the run. Time is rough on a shared machine; allocations are counted exactly, and
//! instructions by callgrind (`core-instructions`, checked against a recorded figure).

pub mod caller;
mod cost;
pub mod instructions;
mod lists;
pub mod machine;
pub mod train;

use crate::fault::Bench;
use crate::goal::{Goal, Target, number};
use crate::paired::Estimate;
use crate::report::{Section, Table};
use crate::setup::Setup;
use cost::Cycle;
use train::Shape;

/// Rows of the goals.
const TIME: Target = Target::low(
    "pure machine with encoding, hot, 1,200 berths, 24 legs, party of 1",
    "ns a command",
    120.0,
    60.0,
);
const ALLOCATIONS: Target =
    Target { exact: true, ..Target::low("allocations in steady state", "a command", 0.0, 0.0) };

const ON_A_LIST: Target = Target::low(
    "an answer of RAC or a waiting list, 1,200 berths, 300 waiting",
    "ns",
    1_000.0,
    250.0,
);
const CHAIN: Target =
    Target::low("a cancellation that promotes a chain of 10", "ns", 10_000.0, 2_500.0);

/// What is measured for the report.
const ROWS: [(&str, Shape, Cycle); 6] = [
    ("reserve, release", Shape::PROMISED, Cycle::Release),
    ("reserve, confirm, cancel", Shape::PROMISED, Cycle::Cancel),
    ("reserve, release", Shape { coaches: 5, legs: 24 }, Cycle::Release),
    ("reserve, release", Shape { coaches: 15, legs: 2 }, Cycle::Release),
    ("reserve, release", Shape { coaches: 15, legs: 63 }, Cycle::Release),
    ("reserve, release", Shape { coaches: 15, legs: 118 }, Cycle::Release),
];

/// The suite.
///
/// # Errors
/// Never: nothing leaves this thread.
#[expect(clippy::unnecessary_wraps, reason = "a suite may fail")]
pub fn run(setup: &Setup) -> Bench<Section> {
    let head = [
        "cycle",
        "berths",
        "legs",
        "ns a command",
        "90 % interval",
        "allocations a command",
        "without the answer",
    ];
    let mut table = Table::new("", &head);
    for (name, shape, cycle) in ROWS {
        let found = Estimate::of(&cost::nanoseconds(shape, cycle, rounds(setup)));
        let counted = |answers| {
            let (allocations, commands) = cost::allocations(shape, cycle, answers);
            format!("{:.4}", allocations as f64 / commands as f64)
        };
        table.row(vec![
            name.into(),
            number(shape.berths() as f64),
            shape.legs.to_string(),
            number(found.value),
            format!("{} .. {}", number(found.low), number(found.high)),
            counted(true),
            counted(false),
        ]);
    }
    let notes = vec![
        "One run, all berths in one pool, half of its berth-legs booked; party of one, journeys of \
         1 leg to 40 % of the route. Ended holds are remembered as in service, so the memory of \
         8,192 of them is part of what is hot. A booking's record stays for the life of its run: \
         confirm has no steady state without allocation."
            .to_owned(),
    ];
    let title = "The pure machine".into();
    let tables = vec![table, lists_table(setup)];
    Ok(Section { suite: "core", title, notes, tables, plots: vec![] })
}

/// A train of 1,200 berths, all sold end to end with RAC, and 300 on its list.
fn lists_table(setup: &Setup) -> Table {
    let head = ["with lists, full, 300 waiting", "ns", "90 % interval"];
    let mut table = Table::new("Lists", &head);
    let rows = [
        ("reserve that ends on the list, release", lists::answers(rounds(setup))),
        ("cancel of five that promotes ten", lists::chains(if setup.quick { 10 } else { 100 })),
    ];
    for (name, found) in rows {
        let found = Estimate::of(&found);
        let interval = format!("{} .. {}", number(found.low), number(found.high));
        table.row(vec![name.into(), number(found.value), interval]);
    }
    table
}

fn rounds(setup: &Setup) -> usize {
    if setup.quick { 3 } else { cost::ROUNDS }
}

/// Its rows of the goals.
pub fn goals(setup: &Setup) -> Vec<Goal> {
    let rounds = cost::nanoseconds(Shape::PROMISED, Cycle::Release, rounds(setup));
    let (allocations, commands) = cost::allocations(Shape::PROMISED, Cycle::Release, true);
    let (inside, _) = cost::allocations(Shape::PROMISED, Cycle::Release, false);
    let remark = format!(
        "{allocations} in {commands} commands, {inside} of them in decide, apply and encode"
    );
    vec![
        TIME.reached(&Estimate::of(&rounds)),
        ALLOCATIONS
            .reached(&Estimate::exact(allocations as f64 / commands as f64))
            .with_remark(remark),
        ON_A_LIST.reached(&Estimate::of(&lists::answers(rounds.len()))),
        CHAIN.reached(&Estimate::of(&lists::chains(100))),
    ]
}
