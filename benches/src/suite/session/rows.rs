//! The rows of the goals that sessions answer.

use berth_inventory::TravelClass;

use super::{cycles, spread_word};
use crate::fault::Bench;
use crate::goal::{Goal, Target};
use crate::load::{Calls, HOT_BENCH, HOT_REAL, Load, Pressure, Spread, Stage, Style};
use crate::paired::{Estimate, interleave};
use crate::server::{Flavour, Server};
use crate::setup::Setup;
use crate::shape::Shape;
use crate::versus::{Bed, Echoes, Versus, versus};

const LARGE: Shape = Shape::new(8, 256, 8);
const SMALL: Shape = Shape::new(4, 16, 8);
/// 256 in flight.
const MIDDLE: Shape = Shape::new(4, 16, 4);

const AGAINST_ECHO_LARGE: Target =
    Target::ratio("session 8 x 256 x 8, 1,000 runs, against echo", 0.25, 0.40);
const AGAINST_ECHO_SMALL: Target = Target::ratio("session 4 x 16 x 8, against echo", 0.15, 0.24);
const HOT_LARGE: Target = Target::ratio(
    "one hot run against 1,000 runs, session: the largest run at 8 x 256 x 8",
    0.9,
    1.0,
);
const HOT_MIDDLE: Target = Target::ratio(
    "one hot run against 1,000 runs, session: a real run of 1,212 berths at 256 in flight",
    0.8,
    1.0,
);
const SOLD_OUT: Target =
    Target::ratio("sold-out answers on a hot run, session, against echo", 0.9, 1.0);
const NOT_DURABLE: Target = Target::ratio(
    "durability none, event store off, session 8 x 256 x 8, against echo",
    0.50,
    0.75,
);
const LATENCY: Target = Target::low(
    "latency p99.9 at 50 % of the ceiling, open loop, session 8 x 256",
    "ms",
    15.0,
    8.0,
);

/// Measures them.
pub fn goals(setup: &Setup) -> Vec<Goal> {
    let mut goals = durable(setup).unwrap_or_else(|why| {
        let why = why.to_string();
        let rows =
            [AGAINST_ECHO_LARGE, AGAINST_ECHO_SMALL, HOT_LARGE, HOT_MIDDLE, SOLD_OUT, LATENCY];
        rows.into_iter().map(|row| row.failed(&why)).collect()
    });
    goals.push(not_durable(setup).unwrap_or_else(|why| NOT_DURABLE.failed(why)));
    goals
}

fn row(target: Target, found: Bench<Versus>) -> Goal {
    match found {
        Ok(found) => {
            let goal = target.reached(&found.ratio).with_cpu(found.cpu());
            let best = found.echoes.first().map(|side| side.name.clone()).unwrap_or_default();
            goal.with_remark(best)
        }
        Err(why) => target.failed(why),
    }
}

/// Everything that one server with default flags answers.
fn durable(setup: &Setup) -> Bench<Vec<Goal>> {
    let bed = Bed::new(setup, &[])?;
    let echoes = Echoes::new(setup, &Flavour::ALL)?;
    let spread = Stage::new(Spread::Zipf(setup.zipf));
    let against = |shape| {
        let load = cycles(setup, Calls::Session, shape, &spread);
        load.run(&bed.server)?;
        versus(setup, &bed.server, &load, &echoes, &load)
    };
    let word = spread_word(setup.zipf);
    let mut goals = vec![
        row(AGAINST_ECHO_LARGE, against(LARGE)).with_remark(word),
        row(AGAINST_ECHO_SMALL, against(SMALL)),
    ];
    goals.push(hot(setup, &bed.server, HOT_LARGE, HOT_BENCH, LARGE, &spread).with_remark(
        "5,184 berths: a catalogue may describe 48 coaches of 108 seats and no larger run",
    ));
    goals.push(hot(setup, &bed.server, HOT_MIDDLE, HOT_REAL, MIDDLE, &spread));
    goals.push(row(SOLD_OUT, sold_out(setup, &bed.server, &echoes, Calls::Session, LARGE)));
    let load = cycles(setup, Calls::Session, LARGE, &spread);
    goals.push(latency(setup, &bed.server, &load, LATENCY));
    bed.stop(setup)?;
    Ok(goals)
}

/// One run against the 1,000, in turns.
fn hot(
    setup: &Setup,
    server: &Server,
    target: Target,
    train: usize,
    shape: Shape,
    spread: &Stage,
) -> Goal {
    let stage = Stage::new(Spread::Hot(train));
    let (one, many) = (
        cycles(setup, Calls::Session, shape, &stage),
        cycles(setup, Calls::Session, shape, spread),
    );
    match interleave(setup.pairs, || one.run(server), || many.run(server)) {
        Ok(rounds) => {
            let rates: Vec<_> = rounds.iter().map(|(a, b)| (a.rate, b.rate)).collect();
            let cpu: Vec<_> = rounds.iter().map(|(a, _)| a.server_us).collect();
            target.reached(&Estimate::of_pairs(&rates)).with_cpu(crate::paired::median(&cpu))
        }
        Err(why) => target.failed(why),
    }
}

/// Answers of a train that has nothing left.
///
/// # Errors
/// It cannot be sold out, or a round is void.
pub fn sold_out(
    setup: &Setup,
    server: &Server,
    echoes: &Echoes,
    calls: Calls,
    shape: Shape,
) -> Bench<Versus> {
    // Another day than that of the hot load: it stays sold out.
    let stage = Stage::new(Spread::Fresh(HOT_REAL, 9)).only(TravelClass::Sleeper);
    let sell = Load {
        style: Style::SellOut,
        limit: Some(u64::MAX - 1),
        seconds: std::time::Duration::from_secs(60),
        ..cycles(setup, Calls::Session, Shape::new(1, 16, 4), &stage)
    };
    sell.run(server)?;
    let ours = Load { style: Style::SoldOut, ..cycles(setup, calls, shape, &stage) };
    let theirs = Load { style: Style::ReserveOnly, ..ours.clone() };
    versus(setup, server, &ours, echoes, &theirs)
}

/// p99.9 at half of what the closed loop reached just before.
pub fn latency(setup: &Setup, server: &Server, load: &Load<'_>, target: Target) -> Goal {
    let round = || {
        let ceiling = load.run(server)?.rate;
        let pressure = Pressure::Open { rate: ceiling / 2.0 };
        Ok((Load { pressure, ..load.clone() }.run(server)?, ceiling))
    };
    match (0..setup.pairs).map(|_| round()).collect::<Bench<Vec<_>>>() {
        Ok(rounds) => {
            let times: Vec<_> = rounds.iter().map(|(found, _)| found.ms(99.9)).collect();
            let rates: Vec<_> = rounds.iter().map(|(found, _)| found.rate).collect();
            let cpu: Vec<_> = rounds.iter().map(|(found, _)| found.server_us).collect();
            let asked = crate::paired::median(&rates);
            let remark = format!("at {}/s", crate::goal::number(asked));
            let goal = target.reached(&Estimate::of(&times)).with_remark(remark);
            goal.with_cpu(crate::paired::median(&cpu))
        }
        Err(why) => target.failed(why),
    }
}

/// The same load without a disk.
fn not_durable(setup: &Setup) -> Bench<Goal> {
    let flags = ["--durability", "none", "--event-store", "off"];
    let bed = Bed::new(setup, &flags)?;
    let echoes = Echoes::new(setup, &Flavour::ALL)?;
    let spread = Stage::new(Spread::Zipf(setup.zipf));
    let load = cycles(setup, Calls::Session, LARGE, &spread);
    load.run(&bed.server)?;
    let goal = row(NOT_DURABLE, versus(setup, &bed.server, &load, &echoes, &load));
    bed.stop(setup)?;
    Ok(goal)
}
