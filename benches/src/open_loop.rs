//! Latency at a given load: commands are due at even times whatever comes back, and each waits from
//! when it was due, so that a server that stalls is not spared what it missed.

use crate::fault::Bench;
use crate::goal::number;
use crate::load::{Load, Outcome, Pressure};
use crate::report::{Plot, Scale, Series, Table};
use crate::server::Server;

/// Parts of the ceiling that are told.
pub const PARTS: [f64; 3] = [0.1, 0.5, 0.8];
/// Percentiles of a plot, as nines: 50, 90, 99 ...
const PERCENTILES: [f64; 7] = [0.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99];

/// One load at several parts of its ceiling.
pub struct Ladder {
    /// Whose.
    pub name: String,
    /// What the closed loop reached, commands a second.
    pub ceiling: f64,
    /// Part of the ceiling, and what came of it.
    pub steps: Vec<(f64, Outcome)>,
}

/// Measures `load` at parts of what its closed loop reaches just before.
///
/// # Errors
/// The first void or broken round.
pub fn climb(server: &Server, load: &Load<'_>, name: &str) -> Bench<Ladder> {
    let ceiling = load.run(server)?.rate;
    let step = |part: &f64| {
        let pressure = Pressure::Open { rate: part * ceiling };
        Ok((*part, Load { pressure, ..load.clone() }.run(server)?))
    };
    let steps = PARTS.iter().map(step).collect::<Bench<_>>()?;
    Ok(Ladder { name: name.to_owned(), ceiling, steps })
}

/// All steps.
pub fn table(ladders: &[Ladder]) -> Table {
    let head =
        ["load", "of ceiling", "asked/s", "answered/s", "p50 ms", "p99 ms", "p99.9 ms", "max ms"];
    let caption = "Open loop: latency from when a command was due (no coordinated omission).";
    let mut table = Table::new(caption, &head);
    for ladder in ladders {
        for (part, found) in &ladder.steps {
            let mut row = vec![ladder.name.clone(), format!("{:.0} %", part * 100.0)];
            row.push(number(part * ladder.ceiling));
            row.push(number(found.rate));
            row.extend([50.0, 99.0, 99.9, 100.0].map(|p| format!("{:.2}", found.ms(p))));
            table.row(row);
        }
    }
    table
}

/// Percentiles of every step, and throughput against latency.
pub fn plots(suite: &str, ladders: &[Ladder]) -> Vec<Plot> {
    let nines = |percentile: f64| 1.0 / (1.0 - percentile / 100.0);
    let lines = ladders.iter().flat_map(|ladder| {
        ladder.steps.iter().map(|(part, found)| Series {
            name: format!("{} at {:.0} %", ladder.name, part * 100.0),
            points: PERCENTILES.map(|p| (nines(p), found.ms(p).max(1e-3))).to_vec(),
        })
    });
    let percentiles = Plot {
        file: format!("{suite}-percentiles"),
        title: format!("{suite}: latency percentiles, open loop"),
        x: ("1 / (1 - percentile): 2 is p50, 100 is p99, 1,000 is p99.9".into(), Scale::Log),
        y: ("ms".into(), Scale::Log),
        series: lines.collect(),
    };
    let against = |percentile: f64| {
        ladders.iter().map(move |ladder| Series {
            name: format!("{} p{percentile}", ladder.name),
            points: ladder
                .steps
                .iter()
                .map(|(_, found)| (found.rate, found.ms(percentile).max(1e-3)))
                .collect(),
        })
    };
    let throughput = Plot {
        file: format!("{suite}-throughput"),
        title: format!("{suite}: throughput against latency, open loop"),
        x: ("commands/s".into(), Scale::Log),
        y: ("ms".into(), Scale::Log),
        series: against(50.0).chain(against(99.0)).collect(),
    };
    vec![percentiles, throughput]
}
