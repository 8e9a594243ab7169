//! `read`: availability queries while everybody writes.
//!
//! In process: a node and 512 callers that reserve and give back, and one thread that asks for the
//! table of a run as a Rust user does. What counts is the CPU of the asking thread, so that being
//! out of a turn on a busy machine is not taken for the price of a query. Over gRPC: 64 queries in
//! flight to the server and to its echo, while the same number of writes a second goes to the server.

mod inside;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use berth_proto::v1;
use berth_proto::v1::availability_client::AvailabilityClient;
use prost::Message as _;
use tokio::task::JoinSet;

use crate::fault::{Bench, BenchError};
use crate::goal::{Goal, Target, number};
use crate::load::{Calls, Load, Pressure, Spread, Stage, Style};
use crate::paired::{Dice, Estimate};
use crate::report::{Section, Table};
use crate::server::{Flavour, Server};
use crate::setup::Setup;
use crate::shape::Shape;
use crate::versus::{Bed, Echoes};

/// Rows of the goals.
const INSIDE: Target =
    Target::low("availability query in process, beside a write load", "ns", 150.0, 45.0);
const UNARY: Target =
    Target::ratio("availability query, unary, against echo beside the same write load", 0.85, 0.95);

/// The write load.
const WRITES: Shape = Shape::new(4, 16, 8);
/// Its part of what the server can take with nobody asking.
const WRITE_SHARE: f64 = 0.5;
/// Queries in flight on one connection.
const QUERIES: usize = 64;
/// Until everything flows.
const WARM: Duration = Duration::from_millis(300);

/// Queries a second to the server and to the echo, in turns.
struct Wire {
    pairs: Vec<(f64, f64)>,
    writes: f64,
}

/// A server under half of the writes that it can take.
pub struct Beside {
    bed: Bed,
    stage: Stage,
    paid: u8,
    rate: f64,
}

impl Beside {
    /// Starts it, and finds how much it can take.
    ///
    /// # Errors
    /// It does not start, or a round is void.
    pub fn new(setup: &Setup) -> Bench<Self> {
        let (bed, stage) = (Bed::new(setup, &[])?, Stage::new(Spread::Zipf(0.8)));
        let mut beside = Self { bed, stage, paid: setup.paid, rate: 0.0 };
        let ceiling = |beside: &Self| {
            Ok(beside.load(Pressure::Closed, setup.seconds).run(beside.server())?.rate)
        };
        // The first round makes runs of trains that nobody asked for before.
        ceiling(&beside)?;
        beside.rate = ceiling(&beside)? * WRITE_SHARE;
        Ok(beside)
    }

    /// The server that is written to.
    pub const fn server(&self) -> &Server {
        &self.bed.server
    }

    /// Writes a second.
    pub const fn writes(&self) -> f64 {
        self.rate
    }

    fn load(&self, pressure: Pressure, seconds: Duration) -> Load<'_> {
        let style = Style::Cycle { paid: self.paid };
        let stage = &self.stage;
        Load { calls: Calls::Session, shape: WRITES, stage, style, pressure, seconds, limit: None }
    }

    /// Queries a second to this server, beside the writes.
    ///
    /// # Errors
    /// A query or the writes failed.
    pub fn queries(&self, length: Duration) -> Bench<f64> {
        self.queries_to(self.server(), length)
    }

    /// Queries a second to any server, beside the writes to this one.
    fn queries_to(&self, asked: &Server, length: Duration) -> Bench<f64> {
        std::thread::scope(|scope| {
            let writes = self.load(Pressure::Open { rate: self.rate }, length + 2 * WARM);
            let writer = scope.spawn(move || writes.run(self.server()));
            let queries = ask(asked, &self.stage, length);
            let writes = writer.join();
            writes.map_err(|_| BenchError::Other("the writer panicked".into()))??;
            queries
        })
    }

    /// Stops it and removes what it wrote.
    ///
    /// # Errors
    /// It did not stop in order.
    pub fn stop(self, setup: &Setup) -> Bench<()> {
        self.bed.stop(setup)
    }
}

fn over_the_wire(setup: &Setup) -> Bench<Wire> {
    let beside = Beside::new(setup)?;
    let echoes = Echoes::new(setup, &[Flavour::MultiThread])?;
    let echo = echoes.first().ok_or_else(|| BenchError::Other("no echo runs".into()))?;
    let mut pairs = Vec::new();
    for _ in 0..setup.pairs {
        let ours = beside.queries_to(beside.server(), setup.seconds)?;
        pairs.push((ours, beside.queries_to(echo, setup.seconds)?));
        setup.place.check()?;
    }
    let writes = beside.writes();
    beside.stop(setup)?;
    Ok(Wire { pairs, writes })
}

/// Queries a second, closed loop.
fn ask(server: &Server, stage: &Stage, length: Duration) -> Bench<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::io("make a runtime"))?;
    runtime.block_on(async {
        let wire = |why: &dyn core::fmt::Display| BenchError::Wire(format!("query: {why}"));
        let client = AvailabilityClient::connect(server.address.clone()).await;
        let client = client.map_err(|why| wire(&why))?;
        let answered = std::sync::Arc::new(AtomicU64::new(0));
        let mut callers = JoinSet::new();
        for caller in 0..QUERIES {
            let (mut client, answered) = (client.clone(), std::sync::Arc::clone(&answered));
            let requests = requests(stage, caller as u64)?;
            callers.spawn(async move {
                for request in requests.iter().cycle() {
                    let answer = client.query(request.clone()).await?;
                    if !matches!(
                        answer.into_inner().outcome,
                        Some(v1::query_response::Outcome::Table(_))
                    ) {
                        return Err(tonic::Status::internal("a query was answered with no table"));
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        tokio::time::sleep(WARM).await;
        let (before, begun) = (answered.load(Ordering::Relaxed), Instant::now());
        tokio::time::sleep(length).await;
        let count = answered.load(Ordering::Relaxed) - before;
        let rate = count as f64 / begun.elapsed().as_secs_f64();
        if let Some(Ok(Err(why))) = callers.try_join_next() {
            return Err(wire(&why));
        }
        Ok(rate)
    })
}

/// What one caller asks for, in turns.
fn requests(stage: &Stage, seed: u64) -> Bench<Vec<v1::QueryRequest>> {
    let mut dice = Dice(seed);
    let stop = |n: u8| {
        let stop = v1::stop_ref::Stop::Sequence(n.into());
        Some(v1::StopRef { stop: Some(stop), occurrence: 0 })
    };
    let request = |_| {
        let wish = stage.wish(&mut dice);
        let run = v1::RunRef::decode(wish.run).map_err(|why| BenchError::Wire(why.to_string()))?;
        Ok(v1::QueryRequest {
            run: Some(run),
            from_stop: stop(wish.from),
            to_stop: stop(wish.to),
            ..v1::QueryRequest::default()
        })
    };
    (0..256).map(request).collect()
}

/// The suite.
///
/// # Errors
/// A node or server that does not start, a void round.
pub fn run(setup: &Setup) -> Bench<Section> {
    let inside = inside::measure(setup)?;
    let mut table = Table::new("In process", &["query", "ns", "90 % interval"]);
    for (what, samples) in [
        ("table of one run, hot", &inside.hot),
        ("table of a run of 1,000", &inside.spread),
        ("berths of one pool, hot", &inside.count),
    ] {
        let found = Estimate::of(samples);
        let interval = format!("{} .. {}", number(found.low), number(found.high));
        table.row(vec![what.into(), number(found.value), interval]);
    }
    let wire = over_the_wire(setup)?;
    let ratio = Estimate::of_pairs(&wire.pairs);
    let mut unary = Table::new("Unary, 64 in flight", &["server", "queries/s", "of the echo"]);
    let rate = |value: Option<f64>| number(value.unwrap_or(f64::NAN));
    let interval = format!("{:.3} ({:.3} .. {:.3})", ratio.value, ratio.low, ratio.high);
    unary.row(vec!["berth".into(), rate(ratio.numerator), interval]);
    unary.row(vec!["echo".into(), rate(ratio.denominator), String::new()]);
    let notes = vec![format!(
        "In process: beside {} writes a second; CPU of the asking thread, 24 legs. Over gRPC: \
         beside {} writes a second to the server, whoever is asked: half of what it takes from \
         sessions of {WRITES} alone.",
        number(inside.writes),
        number(wire.writes)
    )];
    let title = "Availability queries".into();
    Ok(Section { suite: "read", title, notes, tables: vec![table, unary], plots: vec![] })
}

/// Its rows of the goals.
pub fn goals(setup: &Setup) -> Vec<Goal> {
    let inside = match inside::measure(setup) {
        Ok(inside) => INSIDE
            .reached(&Estimate::of(&inside.hot))
            .with_remark(format!("one run, hot; {} writes/s beside", number(inside.writes))),
        Err(why) => INSIDE.failed(why),
    };
    let unary = match over_the_wire(setup) {
        Ok(wire) => UNARY.reached(&Estimate::of_pairs(&wire.pairs)),
        Err(why) => UNARY.failed(why),
    };
    vec![inside, unary]
}
