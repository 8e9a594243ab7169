//! `growth`: what a command costs the server when there is more of everything.
//!
//! CPU of the server process (user and system) for a command over sessions, with the same number of
//! commands in flight all along an axis. All points of an axis are measured in turns on one server,
//! and the goal is the dearest of them against the first.

use std::time::Duration;

use berth_inventory::TravelClass;
use berth_proto::v1;

use super::core::train::{Shape as Train, entry};
use super::flow::{Order, Then, fill};
use super::network;
use super::stand::Stand;
use crate::fault::Bench;
use crate::goal::{Goal, Target, number};
use crate::load::{Calls, Load, Pressure, Stage, Style};
use crate::paired::Estimate;
use crate::report::{Plot, Scale, Section, Series, Table};
use crate::setup::Setup;
use crate::shape::Shape;

/// Rows of the goals.
const RUNS: Target =
    Target::low("growth of CPU a command: 1 to 134,000 runs (Zipf 0.8)", "x", 3.0, 1.5);
const SOLD: Target = Target::low("growth of CPU a command: empty to sold out", "x", 1.5, 1.2);
const LEGS: Target = Target::low("growth of CPU a command: 2 to 118 legs", "x", 4.0, 2.0);

/// Trains of one point.
const TRAINS: usize = 20;
/// Few enough in flight that one real run has room for all.
const ON_ONE_RUN: Shape = Shape::new(4, 16, 4);
/// In flight on the trains of a point.
const ON_A_POINT: Shape = Shape::new(4, 64, 4);
/// In flight over all connections.
const OVER_CONNECTIONS: usize = 10_000;
/// Times that every leg of a train that should be sold out is asked for once more.
const REST: u32 = 20;
/// Rounds of a point for the report.
const ROUNDS: usize = 3;
/// So many connections take seconds to open, which must not be most of a round.
const MANY: usize = 1_000;
const MANY_SECONDS: Duration = Duration::from_secs(5);

/// One place on an axis.
struct Point {
    x: f64,
    label: String,
    stage: Stage,
    shape: Shape,
    style: Style,
}

/// One axis with its server.
struct Axis {
    name: &'static str,
    stand: Stand,
    points: Vec<Point>,
}

/// CPU a command at each point, round by round, microseconds.
type Costs = Vec<Vec<f64>>;
/// Makes an axis: its server started and filled.
type Build = fn(&Setup) -> Bench<Axis>;

impl Axis {
    fn measure(&self, setup: &Setup, rounds: usize) -> Bench<Costs> {
        let mut costs: Costs = self.points.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            for (point, costs) in self.points.iter().zip(&mut costs) {
                let many = point.shape.connections >= MANY;
                let load = Load {
                    calls: Calls::Session,
                    shape: point.shape,
                    stage: &point.stage,
                    style: point.style,
                    pressure: Pressure::Closed,
                    seconds: if many { setup.seconds.max(MANY_SECONDS) } else { setup.seconds },
                    limit: None,
                };
                costs.push(load.run(&self.stand.server)?.server_us);
            }
            setup.place.check()?;
        }
        Ok(costs)
    }
}

/// The dearest point against the first: which, and how many times as dear.
fn dearest(costs: &Costs) -> (usize, Estimate) {
    let against = |costs: &Vec<f64>, first: &Vec<f64>| {
        let pairs: Vec<_> = costs.iter().copied().zip(first.iter().copied()).collect();
        Estimate::of_pairs(&pairs)
    };
    let all = costs.iter().skip(1).map(|point| against(point, &costs[0])).enumerate();
    let dearest = all.max_by(|a, b| a.1.value.total_cmp(&b.1.value));
    dearest.map_or((0, Estimate::exact(1.0)), |(place, found)| (place + 1, found))
}

/// 1 to all runs of the network; all of them are live before anything is measured.
fn runs(setup: &Setup, between: &[usize]) -> Bench<Axis> {
    // A run that is drawn seldom stays live: the axis is about how many there are.
    let flags = ["--open-days", "60", "--idle-seconds", "3600"];
    let stand = Stand::new(setup, "growth-runs", network::entries(), &flags)?;
    let mut all = network::runs(network::today());
    if setup.quick {
        all.truncate(1_000);
    }
    fill(&stand.server.address, network::one_each(&all), Then::Confirm)?;
    let counts = core::iter::once(1).chain(between.iter().copied()).filter(|n| *n < all.len());
    let points = counts.chain([all.len()]).map(|count| Point {
        x: count as f64,
        label: number(count as f64),
        stage: Stage::over(&all[..count], 0.8, network::STOPS as u8 - 1, TravelClass::Sleeper),
        shape: ON_ONE_RUN,
        style: Style::Cycle { paid: setup.paid },
    });
    let points = points.collect();
    Ok(Axis { name: "runs", stand, points })
}

/// A server with groups of trains, each of its shape.
fn groups(setup: &Setup, name: &str, shapes: &[Train]) -> Bench<Stand> {
    let trains = shapes
        .iter()
        .enumerate()
        .flat_map(|(group, shape)| (0..TRAINS).map(move |n| entry(train(group, n), *shape)));
    Stand::new(setup, name, trains, &[])
}

/// Number of train `n` of a group.
const fn train(group: usize, n: usize) -> usize {
    10_000 + group * 100 + n
}

/// The runs of a group, one for each of its trains.
fn group_runs(group: usize) -> Vec<v1::RunRef> {
    let start = network::today().plus(5).to_string();
    let day = |_| Some(v1::run_ref::Day::StartDate(start.clone()));
    (0..TRAINS).map(|n| v1::RunRef { train: train(group, n).to_string(), day: day(n) }).collect()
}

/// Empty, half sold, nine of ten sold, sold out.
fn sold(setup: &Setup) -> Bench<Axis> {
    let shape = Train::PROMISED;
    let stand = groups(setup, "growth-sold", &[shape; 4])?;
    let shares = [0, 50, 90, 100];
    let mut points = Vec::new();
    for (group, share) in shares.into_iter().enumerate() {
        let runs = group_runs(group);
        for run in &runs {
            fill(&stand.server.address, bookings(run, shape, share), Then::Confirm)?;
        }
        points.push(Point {
            x: f64::from(share),
            label: format!("{share} % sold"),
            stage: Stage::over(&runs, 0.0, shape.legs as u8, TravelClass::Sleeper),
            shape: ON_A_POINT,
            style: if share == 100 { Style::SoldOut } else { Style::Cycle { paid: setup.paid } },
        });
    }
    Ok(Axis { name: "per cent sold", stand, points })
}

/// Bookings that sell `share` per cent of a run's berth-legs, as many on every leg: two journeys that
/// meet at some stop, again and again, fill one berth after the other. To the last berth, a few more
/// are asked for than there are.
fn bookings(run: &v1::RunRef, shape: Train, share: u32) -> impl Iterator<Item = Order> + '_ {
    let legs = u32::from(shape.legs);
    let order = move |journey| Order {
        run: run.clone(),
        journey,
        class: v1::TravelClass::Sleeper,
        ttl: None,
    };
    let pairs = shape.berths() as u32 * share / 100;
    let pair = move |n: u32| {
        let meet = 2 + n % (legs - 1);
        [(1, meet), (meet, legs + 1)]
    };
    let rest = if share == 100 { REST } else { 0 };
    let single = (0..rest).flat_map(move |_| (1..=legs).map(|from| (from, from + 1)));
    (0..pairs).flat_map(pair).chain(single).map(order)
}

/// Short and long routes.
fn legs(setup: &Setup, legs: &[u16]) -> Bench<Axis> {
    let shapes: Vec<_> = legs.iter().map(|legs| Train { coaches: 15, legs: *legs }).collect();
    let stand = groups(setup, "growth-legs", &shapes)?;
    let points = shapes.iter().enumerate().map(|(group, shape)| Point {
        x: f64::from(shape.legs),
        label: shape.legs.to_string(),
        stage: Stage::over(&group_runs(group), 0.0, shape.legs as u8, TravelClass::Sleeper),
        shape: ON_A_POINT,
        style: Style::Cycle { paid: setup.paid },
    });
    let points = points.collect();
    Ok(Axis { name: "legs", stand, points })
}

/// One session to 10,000, as many commands in flight in all, one a message.
fn connections(setup: &Setup) -> Bench<Axis> {
    let shape = Train::PROMISED;
    let stand = groups(setup, "growth-connections", &[shape])?;
    let counts: &[usize] = if setup.quick { &[1, 100] } else { &[1, 10, 100, 1_000, 10_000] };
    let points = counts.iter().map(|count| Point {
        x: *count as f64,
        label: number(*count as f64),
        stage: Stage::over(&group_runs(0), 0.0, shape.legs as u8, TravelClass::Sleeper),
        shape: Shape::new(*count, 1, OVER_CONNECTIONS / count),
        style: Style::Cycle { paid: setup.paid },
    });
    let points = points.collect();
    Ok(Axis { name: "connections", stand, points })
}

/// The suite.
///
/// # Errors
/// A server that does not start, a void round.
pub fn run(setup: &Setup) -> Bench<Section> {
    let mut section = Section {
        suite: "growth",
        title: "Growth".into(),
        notes: vec![
            "CPU of the server process for a command over sessions; as many commands in flight at \
             all points of an axis, points measured in turns. Sold out: the answers are refusals."
                .into(),
        ],
        ..Section::default()
    };
    let rounds = if setup.quick { 1 } else { ROUNDS };
    let axes: [Build; 4] = [
        |setup| runs(setup, &[10, 100, 1_000, 10_000]),
        sold,
        |setup| legs(setup, &[2, 8, 24, 63, 118]),
        connections,
    ];
    for build in axes {
        let axis = build(setup)?;
        let costs = axis.measure(setup, rounds)?;
        let (table, plot) = shown(&axis, &costs);
        section.tables.push(table);
        section.plots.push(plot);
        axis.stand.end(setup)?;
    }
    Ok(section)
}

fn shown(axis: &Axis, costs: &Costs) -> (Table, Plot) {
    let shape = axis.points[0].shape;
    let caption = format!("By {}, {} commands in flight", axis.name, shape.in_flight());
    let mut table = Table::new(caption, &[axis.name, "server CPU us", "of the first"]);
    let medians: Vec<_> = costs.iter().map(|costs| Estimate::of(costs).value).collect();
    for (point, median) in axis.points.iter().zip(&medians) {
        let part = format!("{:.2}", median / medians[0]);
        table.row(vec![point.label.clone(), format!("{median:.3}"), part]);
    }
    let points = axis.points.iter().zip(&medians).map(|(point, us)| (point.x, *us)).collect();
    let grows = if axis.points[0].x > 0.0 { Scale::Log } else { Scale::Linear };
    let plot = Plot {
        file: format!("growth-{}", axis.name.replace(' ', "-")),
        title: format!("Server CPU a command by {}", axis.name),
        x: (axis.name.into(), grows),
        y: ("us".into(), Scale::Linear),
        series: vec![Series { name: "session".into(), points }],
    };
    (table, plot)
}

/// Its rows of the goals.
pub fn goals(setup: &Setup) -> Vec<Goal> {
    let row = |target: Target, axis: Bench<Axis>| {
        let measured = axis.and_then(|axis| {
            let costs = axis.measure(setup, setup.pairs)?;
            let (place, ratio) = dearest(&costs);
            let label = axis.points[place].label.clone();
            axis.stand.end(setup)?;
            Ok((ratio, label, Estimate::of(&costs[place]).value))
        });
        match measured {
            Ok((ratio, label, us)) => {
                target.reached(&ratio).with_cpu(us).with_remark(format!("dearest at {label}"))
            }
            Err(why) => target.failed(why),
        }
    };
    vec![row(RUNS, runs(setup, &[])), row(SOLD, sold(setup)), row(LEGS, legs(setup, &[2, 118]))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearest_point_is_told_against_the_first() {
        let costs = vec![vec![1.0, 2.0, 1.0], vec![3.0, 6.0, 3.0], vec![2.0, 4.0, 2.0]];
        let (place, ratio) = dearest(&costs);
        assert_eq!((place, ratio.value), (1, 3.0));
        assert_eq!(dearest(&vec![vec![1.0]]).0, 0);
    }

    #[test]
    fn bookings_sell_the_share_they_say() {
        let run = v1::RunRef { train: "10000".into(), day: None };
        let shape = Train::PROMISED;
        let legs = |share| {
            let orders = bookings(&run, shape, share);
            orders.map(|order| u64::from(order.journey.1 - order.journey.0)).sum::<u64>() as f64
        };
        let all = shape.berths() as f64 * f64::from(shape.legs);
        for share in [0, 50, 90] {
            let part = legs(share) / all;
            assert!((part - f64::from(share) / 100.0).abs() < 0.001, "{part} for {share} %");
        }
        assert!(legs(100) > all, "to the last berth");
    }
}
