//! The rows of the goals that unary calls answer. The reference is the echo on the runtime that the
//! server has: one worker for each core.

use crate::disk::growing_sync_ms;
use crate::fault::Bench;
use crate::goal::{Goal, Target, number};
use crate::load::{Calls, Spread, Stage};
use crate::paired::{Estimate, median};
use crate::server::{Flavour, Server};
use crate::setup::Setup;
use crate::shape::Shape;
use crate::suite::session::{cycles, latency, sold_out};
use crate::versus::{Bed, Echoes, Versus, versus};

const ALONE: Shape = Shape::new(1, 1, 1);
const SOME: Shape = Shape::new(1, 1, 64);
const MANY: Shape = Shape::new(8, 1, 128);
/// Syncs of each pair.
const SYNCS: usize = 300;

const AGAINST_ECHO_SOME: Target = Target::ratio("unary, 64 in flight, against echo", 0.50, 0.78);
const AGAINST_ECHO_MANY: Target =
    Target::ratio("unary, 1,024 in flight over 8 connections, against echo", 0.52, 0.80);
const ALONE_IN_SYNCS: Target = Target::low(
    "unary, 1 in flight: (p50 - echo p50) / fdatasync p50 on a growing file",
    "syncs",
    1.7,
    1.4,
);
const SOLD_OUT: Target =
    Target::ratio("sold-out answers on a hot run, unary, against echo", 0.9, 1.0);
const LATENCY: Target =
    Target::low("latency p99.9 at 50 % of the ceiling, open loop, unary 64", "ms", 8.0, 4.0);

/// Measures them.
pub fn goals(setup: &Setup) -> Vec<Goal> {
    measured(setup).unwrap_or_else(|why| {
        let why = why.to_string();
        let rows = [AGAINST_ECHO_SOME, AGAINST_ECHO_MANY, ALONE_IN_SYNCS, SOLD_OUT, LATENCY];
        rows.into_iter().map(|row| row.failed(&why)).collect()
    })
}

fn measured(setup: &Setup) -> Bench<Vec<Goal>> {
    let bed = Bed::new(setup, &[])?;
    let echoes = Echoes::new(setup, &[Flavour::MultiThread])?;
    let stage = Stage::new(Spread::Zipf(setup.zipf));
    let against = |shape| {
        let load = cycles(setup, Calls::Unary, shape, &stage);
        load.run(&bed.server)?;
        versus(setup, &bed.server, &load, &echoes, &load)
    };
    let row = |target: Target, found: Bench<Versus>| match found {
        Ok(found) => target.reached(&found.ratio).with_cpu(found.cpu()),
        Err(why) => target.failed(why),
    };
    let mut goals = vec![
        row(AGAINST_ECHO_SOME, against(SOME)),
        row(AGAINST_ECHO_MANY, against(MANY)),
        alone(setup, &bed.server, &stage).unwrap_or_else(|why| ALONE_IN_SYNCS.failed(why)),
        row(SOLD_OUT, sold_out(setup, &bed.server, &echoes, Calls::Unary, SOME)),
    ];
    let load = cycles(setup, Calls::Unary, SOME, &stage);
    goals.push(latency(setup, &bed.server, &load, LATENCY));
    bed.stop(setup)?;
    Ok(goals)
}

/// What a lone durable call costs beyond an echo, in syncs of this disk.
fn alone(setup: &Setup, server: &Server, stage: &Stage) -> Bench<Goal> {
    let echo = Server::echo(Flavour::MultiThread, &["--reading", setup.echo.word()])?;
    let load = cycles(setup, Calls::Unary, ALONE, stage);
    let (mut values, mut p50s, mut syncs, mut cpu) = (vec![], vec![], vec![], vec![]);
    for _ in 0..setup.pairs {
        let ours = load.run(server)?;
        let theirs = load.run(&echo)?;
        let sync = growing_sync_ms(&setup.place.fresh("sync"), SYNCS)?;
        values.push((ours.ms(50.0) - theirs.ms(50.0)) / sync);
        p50s.push(ours.ms(50.0) - theirs.ms(50.0));
        syncs.push(sync);
        cpu.push(ours.server_us);
    }
    let estimate = Estimate {
        numerator: Some(median(&p50s)),
        denominator: Some(median(&syncs)),
        ..Estimate::of(&values)
    };
    let remark = format!("{} ms over {} ms", number(median(&p50s)), number(median(&syncs)));
    Ok(ALONE_IN_SYNCS.reached(&estimate).with_cpu(median(&cpu)).with_remark(remark))
}
