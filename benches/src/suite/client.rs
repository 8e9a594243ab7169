//! `client`: the Rust client as its users write it, against session batches packed by hand.
//!
//! Callers are tasks of one runtime that share one client; each reserves, then pays and cancels or
//! gives back, by typed calls, with strings of its own, as a service would. The reference are the
//! same commands in flight on one connection, written and read as bytes: what the client costs
//! beside the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use berth_client::{Client, ClientError};
use berth_proto::v1;
use prost::Message as _;
use tokio::task::JoinSet;

use super::session::{cycles, notes, spread_word};
use crate::fault::{Bench, BenchError};
use crate::goal::{Goal, Target, number};
use crate::load::{Calls, Spread, Stage, fresh_salt};
use crate::paired::{Dice, Estimate, interleave, median};
use crate::report::{Section, Table};
use crate::server::{Server, own_cpu};
use crate::setup::Setup;
use crate::shape::Shape;
use crate::versus::Bed;

/// Callers at once, and commands in flight of the reference.
const CALLERS: usize = 1_024;
const RAW: Shape = Shape::new(1, 256, 4);
/// More and fewer, for the report.
const SERIES: [(usize, Shape); 4] = [
    (1, Shape::new(1, 1, 1)),
    (64, Shape::new(1, 16, 4)),
    (CALLERS, RAW),
    (4_096, Shape::new(1, 256, 16)),
];
/// Threads of the callers' runtime: the client shares the cores with the server.
const THREADS: usize = 2;
/// Time before anything is measured.
const WARM: Duration = Duration::from_millis(200);
/// Part of the reserves that must be granted.
const GRANTED_MIN: f64 = 0.99;

const AGAINST_RAW: Target = Target::ratio(
    "client.reserve(..).await, 1,024 callers of one client, against raw session batches",
    0.7,
    1.0,
);

/// What came of a round.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// Answers a second.
    rate: f64,
    /// CPU of this process and of the server for an answer, microseconds.
    client_us: f64,
    server_us: f64,
}

/// What the callers of a round share.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicU64,
    reserves: AtomicU64,
    granted: AtomicU64,
    over: AtomicBool,
}

/// One customer after the other, until the round is over.
async fn call(
    client: Client,
    stage: Arc<Stage>,
    seed: u64,
    paid: u8,
    tally: Arc<Tally>,
) -> Result<(), ClientError> {
    let mut dice = Dice(seed);
    let answered = || tally.answered.fetch_add(1, Ordering::Relaxed);
    while !tally.over.load(Ordering::Relaxed) {
        let answer = client.reserve(reserve(&stage, &mut dice)).await?;
        answered();
        tally.reserves.fetch_add(1, Ordering::Relaxed);
        let Some(v1::reserve_response::Outcome::Hold(hold)) = answer.outcome else { continue };
        tally.granted.fetch_add(1, Ordering::Relaxed);
        if dice.below(100) >= paid.into() {
            let hold_id = hold.hold_id;
            client.release(v1::ReleaseRequest { hold_id, ..Default::default() }).await?;
            answered();
            continue;
        }
        let payment_reference = "PAY-20260101".to_owned();
        let hold_id = hold.hold_id;
        let ask = v1::ConfirmRequest { hold_id, payment_reference, ..Default::default() };
        let answer = client.confirm(ask).await?;
        answered();
        let Some(v1::confirm_response::Outcome::Booking(booking)) = answer.outcome else {
            continue;
        };
        client.cancel(v1::CancelRequest { pnr: booking.pnr, ..Default::default() }).await?;
        answered();
    }
    Ok(())
}

fn reserve(stage: &Stage, dice: &mut Dice) -> v1::ReserveRequest {
    let wish = stage.wish(dice);
    let stop = |number: u8| {
        let stop = v1::stop_ref::Stop::Sequence(number.into());
        Some(v1::StopRef { stop: Some(stop), occurrence: 0 })
    };
    v1::ReserveRequest {
        run: Some(v1::RunRef::decode(wish.run).expect("a stage names its runs")),
        from_stop: stop(wish.from),
        to_stop: stop(wish.to),
        travel_class: wish.class.into(),
        passengers: vec![v1::Passenger {
            years: Some(v1::passenger::Years::AgeBand(v1::AgeBand::Adult.into())),
            sex: v1::Sex::Male.into(),
            ..v1::Passenger::default()
        }],
        ..v1::ReserveRequest::default()
    }
}

/// A round of so many callers.
fn round(setup: &Setup, server: &Server, stage: &Arc<Stage>, callers: usize) -> Bench<Round> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(BenchError::io("make a runtime"))?;
    let fault = |why: ClientError| BenchError::Wire(why.to_string());
    let tally = Arc::new(Tally::default());
    let look = || (tally.answered.load(Ordering::Relaxed), server.cpu(), own_cpu(), Instant::now());
    let salt = fresh_salt();
    let (before, after) = runtime.block_on(async {
        let client = Client::connect(&server.address).await.map_err(fault)?;
        let mut tasks = JoinSet::new();
        for caller in 0..callers as u64 {
            let (stage, tally) = (Arc::clone(stage), Arc::clone(&tally));
            let seed = Dice(salt.wrapping_add(caller)).next();
            tasks.spawn(call(client.clone(), stage, seed, setup.paid, tally));
        }
        tokio::time::sleep(WARM).await;
        let before = look();
        tokio::time::sleep(setup.seconds).await;
        let after = look();
        tally.over.store(true, Ordering::Relaxed);
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(|why| BenchError::Other(why.to_string()))?.map_err(fault)?;
        }
        Bench::Ok((before, after))
    })?;
    let granted = tally.granted.load(Ordering::Relaxed);
    let asked = tally.reserves.load(Ordering::Relaxed);
    if (granted as f64) < GRANTED_MIN * asked as f64 {
        let example = "a reserve was refused".to_owned();
        return Err(BenchError::Void { granted, asked, example });
    }
    let commands = (after.0 - before.0) as f64;
    if commands == 0.0 {
        return Err(BenchError::Wire("nothing was answered".into()));
    }
    let us = |cpu: Duration| cpu.as_secs_f64() * 1e6 / commands;
    Ok(Round {
        rate: commands / (after.3 - before.3).as_secs_f64(),
        server_us: us(after.1.saturating_sub(before.1)),
        client_us: us(after.2.saturating_sub(before.2)),
    })
}

/// The client and the raw session in turns.
fn compare(
    setup: &Setup,
    server: &Server,
    stage: &Arc<Stage>,
    (callers, shape): (usize, Shape),
) -> Bench<(Estimate, Round, Round)> {
    let raw = cycles(setup, Calls::Session, shape, stage);
    let rounds = interleave(
        setup.pairs,
        || round(setup, server, stage, callers),
        || {
            let found = raw.run(server)?;
            let (client_us, server_us) = (found.client_us, found.server_us);
            Bench::Ok(Round { rate: found.rate, client_us, server_us })
        },
    )?;
    setup.place.check()?;
    let rates: Vec<_> = rounds.iter().map(|(ours, raw)| (ours.rate, raw.rate)).collect();
    let (ours, raw): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
    Ok((Estimate::of_pairs(&rates), middle(&ours), middle(&raw)))
}

fn middle(rounds: &[Round]) -> Round {
    let of = |what: fn(&Round) -> f64| median(&rounds.iter().map(what).collect::<Vec<_>>());
    Round {
        rate: of(|round| round.rate),
        client_us: of(|round| round.client_us),
        server_us: of(|round| round.server_us),
    }
}

/// A server with the stage's runs made.
fn bed(setup: &Setup) -> Bench<(Bed, Arc<Stage>)> {
    let bed = Bed::new(setup, &[])?;
    let stage = Arc::new(Stage::new(Spread::Zipf(setup.zipf)));
    cycles(setup, Calls::Session, Shape::new(4, 16, 8), &stage).run(&bed.server)?;
    Ok((bed, stage))
}

/// The suite.
///
/// # Errors
/// A server that does not start, a void round.
pub fn run(setup: &Setup) -> Bench<Section> {
    let (bed, stage) = bed(setup)?;
    let head = ["callers", "who", "commands/s", "server CPU us", "client CPU us", "of raw (90 %)"];
    let mut table = Table::new(format!("1,000 runs, {}", spread_word(setup.zipf)), &head);
    for series in SERIES {
        let (ratio, ours, raw) = compare(setup, &bed.server, &stage, series)?;
        let interval = format!("{:.3} ({:.3} .. {:.3})", ratio.value, ratio.low, ratio.high);
        let raw_name = format!("raw session {}", series.1);
        for (who, round, of) in
            [("client".to_owned(), ours, interval), (raw_name, raw, String::new())]
        {
            table.row(vec![
                number(series.0 as f64),
                who,
                number(round.rate),
                format!("{:.3}", round.server_us),
                format!("{:.3}", round.client_us),
                of,
            ]);
        }
    }
    bed.stop(setup)?;
    let mut notes = notes(setup);
    notes.push(
        "Callers share one client and one connection: each awaits `client.reserve(..)`, then \
         `release`, or `confirm` and `cancel`, from a runtime of two threads, and owns its strings. \
         The raw session has as many commands in flight on one connection, as bytes that are packed \
         in place and read where they lie, on one thread."
            .to_owned(),
    );
    let title = "The Rust client".into();
    Ok(Section { suite: "client", title, notes, tables: vec![table], plots: vec![] })
}

/// Its row of the goals.
pub fn goals(setup: &Setup) -> Vec<Goal> {
    let measured = || {
        let (bed, stage) = bed(setup)?;
        let found = compare(setup, &bed.server, &stage, (CALLERS, RAW))?;
        bed.stop(setup)?;
        Bench::Ok(found)
    };
    let goal = match measured() {
        Ok((ratio, ours, raw)) => AGAINST_RAW.reached(&ratio).with_cpu(ours.server_us).with_remark(
            format!("client CPU {:.2} us, raw {:.2} us a command", ours.client_us, raw.client_us),
        ),
        Err(why) => AGAINST_RAW.failed(why),
    };
    vec![goal]
}
