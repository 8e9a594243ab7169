//! `peers`: the same work on Berth, on Redis and on PostgreSQL, side by side on one machine.
//!
//! Two comparisons: in equal shape, and each side in the shape that suits it best; the second also
//! with one request a connection, as services without batches ask. The work, and what the peers'
//! versions leave out, stands in `benches/peers/README.md`. A peer that is not installed is left
//! out, with a word of how to get it; so is one whose driver is not built: that of PostgreSQL is
//! behind the feature `peers`, since nothing else needs it.

mod berth;
mod bout;
#[cfg(feature = "peers")]
mod postgres;
#[cfg_attr(not(feature = "peers"), allow(dead_code, reason = "what only PostgreSQL needs"))]
mod process;
mod redis;
mod work;

use std::path::Path;

use crate::fault::Bench;
use crate::goal::{Goal, Target, number};
use crate::report::{Section, Table};
use crate::setup::Setup;
use crate::shape::Shape;
use berth::Berth;
use bout::{Bout, Entrant, Peer, bout};
use process::Absent;
use redis::{Form, Redis};

const REDIS: &str = "Redis";
const PACKED: &str = "Redis, packed form";
const POSTGRES: &str = "PostgreSQL";

/// Of the comparison in equal shape.
const EQUAL: Shape = Shape::new(16, 64, 1);
/// Berth at its best.
const BEST: Shape = Shape::new(8, 256, 8);
/// One request a connection.
const SINGLE: Shape = Shape::new(64, 1, 1);
/// Shapes in which Redis is tried for its best.
const REDIS_SHAPES: [Shape; 4] =
    [EQUAL, Shape::new(8, 256, 1), Shape::new(16, 256, 1), Shape::new(64, 16, 1)];
/// The same for PostgreSQL, of which 16 connections suit two cores.
const POSTGRES_SHAPES: [Shape; 5] = [
    Shape::new(16, 1, 1),
    SINGLE,
    Shape::new(16, 16, 1),
    Shape::new(32, 4, 1),
    Shape::new(4, 64, 1),
];

/// What must be reached: bout, peer, row.
const TARGETS: [(&str, &str, Target); 5] = [
    (
        "equal shape",
        REDIS,
        Target::ratio("session, segments, durable, 16 x 64, against Redis AOF always", 10.0, 25.0),
    ),
    (
        "best against best",
        REDIS,
        Target::ratio("session, best against best, against Redis AOF always", 40.0, 85.0),
    ),
    (
        "best against best",
        POSTGRES,
        Target::ratio("session, best against best, against PostgreSQL synchronous", 150.0, 280.0),
    ),
    (
        "one request a connection",
        REDIS,
        Target::ratio("unary, 64 connections, against Redis AOF always unpipelined", 1.5, 2.4),
    ),
    (
        "one request a connection",
        POSTGRES,
        Target::ratio("unary, 64 connections, against PostgreSQL synchronous", 3.0, 4.5),
    ),
];

/// Everything that was measured.
struct Measured {
    bouts: Vec<Bout>,
    entrants: Vec<Entrant>,
    absent: Vec<(&'static str, Absent)>,
}

/// The section of the report.
pub fn run(setup: &Setup) -> Bench<Section> {
    let measured = measure(setup)?;
    let mut tables: Vec<Table> = measured.bouts.iter().map(table).collect();
    tables.extend(trials(&measured.entrants));
    Ok(Section {
        suite: "peers",
        title: "Beside Redis and PostgreSQL".into(),
        notes: notes(setup, &measured),
        tables,
        plots: Vec::new(),
    })
}

/// The rows of the goals.
pub fn goals(setup: &Setup) -> Vec<Goal> {
    let measured = match measure(setup) {
        Ok(measured) => measured,
        Err(why) => {
            return TARGETS.iter().map(|(.., target)| target.failed(&why)).collect();
        }
    };
    TARGETS.iter().map(|(bout, peer, target)| goal(&measured, bout, peer, *target)).collect()
}

fn goal(measured: &Measured, bout: &str, peer: &str, target: Target) -> Goal {
    if let Some((_, why)) = measured.absent.iter().find(|(name, _)| *name == peer) {
        let failed = matches!(why, Absent::Failed { .. });
        return if failed { target.failed(why) } else { target.skipped(why) };
    }
    let Some(bout) = measured.bouts.iter().find(|found| found.title == bout) else {
        return target.failed("the bout was not held");
    };
    let Some(side) = bout.peers.iter().find(|side| side.name == peer) else {
        return target.failed("the peer took no part");
    };
    match bout.ratio(side) {
        Ok(ratio) => {
            let mut goal = target.reached(&ratio);
            goal.cpu_us = bout.berth.cpu_us();
            let cpu = side.cpu_us().unwrap_or_default();
            goal.with_remark(format!(
                "{} against {}, whose server CPU is {} us",
                bout.berth.shape,
                side.shape,
                number(cpu)
            ))
        }
        Err(why) => target.failed(why),
    }
}

fn measure(setup: &Setup) -> Bench<Measured> {
    let home = setup.place.fresh("peers");
    let mut entrants = Vec::new();
    let mut absent = Vec::new();
    let mut enter = |name, peer: Result<Box<dyn Peer>, Absent>| match peer {
        Ok(peer) => entrants.push(Entrant { name, peer, tried: Vec::new() }),
        Err(why) => {
            eprintln!("{name} takes no part: {why}");
            absent.push((name, why));
        }
    };
    for (name, form) in [(REDIS, Form::Usual), (PACKED, Form::Packed)] {
        enter(name, Redis::start(&home, form).map(|it| Box::new(it) as Box<dyn Peer>));
    }
    enter(POSTGRES, start_postgres(&home));
    let mut measured = Measured { bouts: Vec::new(), entrants, absent };
    if measured.entrants.is_empty() {
        return Ok(measured);
    }
    if !setup.quick {
        for entrant in &mut measured.entrants {
            let shapes = shapes_of(entrant.name);
            entrant.try_shapes(shapes, setup.seconds);
        }
    }
    measured.bouts.push(hold(setup, &mut measured.entrants, "equal shape", EQUAL, |_| EQUAL)?);
    let best = |entrant: &Entrant| entrant.best(|_| true, shapes_of(entrant.name)[0]);
    let title = "best against best";
    measured.bouts.push(hold(setup, &mut measured.entrants, title, BEST, best)?);
    let single = |entrant: &Entrant| entrant.best(|shape| shape.batch == 1, SINGLE);
    let title = "one request a connection";
    measured.bouts.push(hold(setup, &mut measured.entrants, title, SINGLE, single)?);
    Ok(measured)
}

/// PostgreSQL, if its driver is built in.
#[cfg(feature = "peers")]
fn start_postgres(home: &Path) -> Result<Box<dyn Peer>, Absent> {
    Ok(Box::new(postgres::Postgres::start(home)?))
}

#[cfg(not(feature = "peers"))]
fn start_postgres(_: &Path) -> Result<Box<dyn Peer>, Absent> {
    Err(Absent::NotBuilt { program: POSTGRES })
}

#[cfg(feature = "peers")]
use postgres::version as postgres_version;

/// There is none without its driver.
#[cfg(not(feature = "peers"))]
fn postgres_version() -> Option<String> {
    None
}

fn shapes_of(peer: &str) -> &'static [Shape] {
    if peer == POSTGRES { &POSTGRES_SHAPES } else { &REDIS_SHAPES }
}

/// A bout with a server of its own, so that one bout's data is not on disk in the next.
fn hold(
    setup: &Setup,
    entrants: &mut [Entrant],
    title: &'static str,
    shape: Shape,
    shape_of: impl Fn(&Entrant) -> Shape,
) -> Bench<Bout> {
    eprintln!("peers: {title}");
    let mut berth = Berth::start(setup)?;
    let round = |time| berth.round(shape, time).map_err(|why| why.to_string());
    let held = bout(title, (setup.pairs, setup.seconds), (shape, round), entrants, shape_of);
    setup.place.check()?;
    berth.end()?;
    Ok(held)
}

fn table(bout: &Bout) -> Table {
    let head = ["", "shape", "commands/s", "server CPU a command", "Berth is", "check"];
    let title = format!("{}{}", bout.title[..1].to_uppercase(), &bout.title[1..]);
    let mut table = Table::new(format!("{title} (median of the rounds)"), &head);
    let shown = |value: Option<f64>, unit: &str| {
        value.map_or_else(|| "-".into(), |value| format!("{}{unit}", number(value)))
    };
    for side in std::iter::once(&bout.berth).chain(&bout.peers) {
        let times = match bout.ratio(side) {
            _ if side.name == bout.berth.name => String::new(),
            Ok(ratio) => format!(
                "{} x ({} .. {})",
                number(ratio.value),
                number(ratio.low),
                number(ratio.high)
            ),
            Err(why) => why,
        };
        table.row(vec![
            side.name.into(),
            side.shape.to_string(),
            shown(side.rate(), ""),
            shown(side.cpu_us(), " us"),
            times,
            side.rounds.as_ref().map_or_else(Clone::clone, |_| "ok".into()),
        ]);
    }
    table
}

fn trials(entrants: &[Entrant]) -> Option<Table> {
    let mut table = Table::new("Shapes tried for the best", &["", "shape", "commands/s"]);
    for entrant in entrants {
        for (shape, rate) in &entrant.tried {
            table.row(vec![entrant.name.into(), shape.to_string(), number(*rate)]);
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

fn notes(setup: &Setup, measured: &Measured) -> Vec<String> {
    let versions: Vec<_> = [redis::version(), postgres_version()].into_iter().flatten().collect();
    let mut notes = vec![
        "200 trains of 1,000 berths in 4 classes of 250, 30 legs; a cycle holds one berth of a \
         random train and class on a random run of legs, then confirms (70 %) or releases it. \
         Every answer is durable before it is sent: Redis with `appendfsync always`, PostgreSQL \
         with `synchronous_commit = on`, Berth with its default. After each round the server is \
         asked what it sold: *ok* means that it is what the clients were told, to the berth-leg. A \
         shape is connections x requests sent at once x such batches in flight. How each side does \
         it, and what the peers' versions leave out, is said in \
         [benches/peers/README.md](../benches/peers/README.md): no request ids, no replayable log, \
         no parties, preferences, quotas or PNRs, no sweeping of expired holds."
            .to_owned(),
        format!(
            "{} rounds of {:?} each, turn by turn: Berth, then each peer. Berth's client has two \
             threads as in the other suites, the peers' one, which is not what limits them. {}.",
            setup.pairs,
            setup.seconds,
            versions.join("; ")
        ),
        "*Redis* is the usual form with a bitmap a leg, against which the goals are set; the \
         packed form is the faster script that we know of."
            .to_owned(),
    ];
    notes.extend(measured.absent.iter().map(|(name, why)| format!("{name} took no part: {why}.")));
    notes
}
