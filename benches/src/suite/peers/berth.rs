//! Berth's side of the same work: `berth serve` with default flags, asked over sessions for the
//! batched shapes and by unary calls for one request a connection.

mod session;
mod stock;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use berth_proto::v1;
use berth_proto::v1::get_train_run_response::Outcome;
use berth_proto::v1::operations_client::OperationsClient;
use futures_util::stream::{self, FuturesUnordered, StreamExt, TryStreamExt};
use prost::bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;

use super::work::{Draw, Round, Sold, TRAINS, Told, Wish};
use crate::fault::{Bench, BenchError};
use crate::load::answer::{Said, response};
use crate::load::command::{Next, RequestIds};
use crate::load::connection::{Raw, connect, wire};
use crate::load::stage;
use crate::paired::Dice;
use crate::server::Server;
use crate::setup::Setup;
use crate::shape::Shape;
use stock::{Runs, Stock, WIRE_CLASSES};

/// Reads of runs side by side when the server is asked what it sold.
const READS: usize = 32;
/// Threads of the client, as in the other suites; a peer's client has no use for a second.
const THREADS: usize = 2;

/// A running server.
#[derive(Debug)]
pub struct Berth {
    stock: Stock,
    server: Server,
    data: PathBuf,
    rounds: u64,
    /// Stocks of 200 runs that the last round used.
    stocks: usize,
}

/// What a connection of a round needs.
#[derive(Clone, Copy, Debug)]
struct Job<'a> {
    address: &'a str,
    stock: &'a Stock,
    round: u64,
    shape: Shape,
    until: Instant,
}

impl Job<'_> {
    /// Wishes and request ids of one connection.
    fn draw(&self, connection: usize) -> (Draw, RequestIds) {
        let salt = Dice(self.round << 16 | connection as u64).next();
        (Draw::new(self.round, connection), RequestIds::new(salt))
    }
}

impl Berth {
    /// Starts it with the trains that the peers sell.
    pub fn start(setup: &Setup) -> Bench<Self> {
        let catalogue = setup.place.fresh("peers-catalogue.jsonl");
        std::fs::write(&catalogue, stock::catalogue())
            .map_err(BenchError::io(format!("write {}", catalogue.display())))?;
        let flags: Vec<&str> = setup.server_flags.iter().map(String::as_str).collect();
        let data = setup.place.fresh("peers-berth");
        let server = Server::berth(&setup.server_bin, &catalogue, &data, &flags)?;
        let info = runtime()?.block_on(async {
            let channel = OperationsClient::connect(server.admin.clone()).await;
            let mut operations = channel.map_err(|why| BenchError::Wire(why.to_string()))?;
            let info = operations.get_server_info(v1::GetServerInfoRequest {}).await;
            info.map(tonic::Response::into_inner).map_err(|status| wire(&status))
        })?;
        let date = |text: &str| {
            text.parse().map_err(|_| BenchError::Wire(format!("{text:?} is no date of a start")))
        };
        let stock = Stock::new(date(&info.first_start_date)?, date(&info.last_start_date)?);
        Ok(Self { stock, server, data, rounds: 0, stocks: 1 })
    }

    /// Ends it and takes its data away. All that was asked is answered and checked, so it need not
    /// write its snapshots first.
    pub fn end(self) -> Bench<()> {
        self.server.kill();
        std::fs::remove_dir_all(&self.data)
            .map_err(BenchError::io(format!("remove {}", self.data.display())))
    }

    /// A round on fresh stock, checked: over sessions, or by unary calls when a connection has one
    /// request in flight. An error voids the run.
    pub fn round(&mut self, shape: Shape, time: Duration) -> Bench<Round> {
        self.rounds += 1;
        let first = self.stock.begin();
        let fresh = self.stock.ahead(first, self.stocks).map_err(BenchError::Other)?;
        runtime()?.block_on(wake(&self.server.address, self.rounds, fresh))?;
        let (cpu, begun) = (self.server.cpu(), Instant::now());
        let (address, stock) = (&*self.server.address, &self.stock);
        let job = Job { address, stock, round: self.rounds, shape, until: begun + time };
        let told = std::thread::scope(|scope| {
            let threads = shape.connections.min(THREADS);
            let drivers: Vec<_> = (0..threads)
                .map(|thread| {
                    let mine = (thread..shape.connections).step_by(threads);
                    scope.spawn(move || runtime()?.block_on(drive(job, mine)))
                })
                .collect();
            drivers.into_iter().try_fold(Told::default(), |mut told, driver| {
                let part = driver.join();
                told += part.map_err(|_| BenchError::Other("a client panicked".into()))??;
                Bench::Ok(told)
            })
        })?;
        let server_cpu = self.server.cpu().saturating_sub(cpu);
        let round = Round { told, time: begun.elapsed(), server_cpu };
        let used = self.stock.used(first).map_err(BenchError::Other)?;
        self.stocks = used.len();
        let sold = runtime()?.block_on(sold(&self.server.admin, used))?;
        told.check(sold).map_err(BenchError::Other)?;
        Ok(round)
    }
}

fn runtime() -> Bench<Runtime> {
    Builder::new_current_thread().enable_all().build().map_err(BenchError::io("make a runtime"))
}

/// Drives some of the connections from one thread.
async fn drive(job: Job<'_>, mine: impl Iterator<Item = usize>) -> Bench<Told> {
    let mut workers: FuturesUnordered<_> = mine
        .map(async |connection| {
            if job.shape.window() == 1 {
                unary(job, connection).await
            } else {
                session::drive(job, connection).await
            }
        })
        .collect();
    let mut told = Told::default();
    while let Some(part) = workers.next().await {
        told += part?;
    }
    Ok(told)
}

/// Makes the runs that the round will sell from, each by a hold that is given back: as the peers'
/// stock is there before their rounds begin. Runs beyond those of the round before are made in it.
async fn wake(address: &str, round: u64, fresh: Vec<Runs<'_>>) -> Bench<()> {
    let grpc = connect(address).await?;
    let runs = fresh.iter().flat_map(|runs| (0..TRAINS).map(move |train| (runs, train)));
    let woken = runs.enumerate().map(|(n, (runs, train))| {
        let mut grpc = grpc.clone();
        // No connection of a round has such a number.
        let mut ids = RequestIds::new(Dice(round << 16 | 1 << 48 | n as u64).next());
        let wish = Wish { id: 0, train, class: 0, from: 0, to: 1, confirm: false };
        async move {
            let run = runs.run_ref(train);
            let held = call(&mut grpc, &reserve(&wish, &run), &mut ids).await?;
            match response(2, &held) {
                Said::Hold(hold) => call(&mut grpc, &finish(&wish, hold), &mut ids).await.map(drop),
                said => Err(BenchError::Wire(said.words())),
            }
        }
    });
    stream::iter(woken).buffer_unordered(READS).try_collect().await
}

/// Asks the server itself, run by run. Every granted hold was finished, so nothing may be held.
async fn sold(admin: &str, used: Vec<Runs<'_>>) -> Bench<Sold> {
    let channel = OperationsClient::connect(admin.to_owned()).await;
    let operations = channel.map_err(|why| BenchError::Wire(why.to_string()))?;
    let runs = used.iter().flat_map(|runs| (0..TRAINS).map(move |train| (runs, train)));
    let reads = runs.map(|(runs, train)| {
        let mut operations = operations.clone();
        let ask = v1::GetTrainRunRequest {
            train: runs.train(train).to_string(),
            start_date: runs.date.to_owned(),
        };
        async move {
            let answer = operations.get_train_run(ask).await.map_err(|status| wire(&status))?;
            let Some(Outcome::Run(run)) = answer.into_inner().outcome else {
                return Err(BenchError::Other("a run that was sold from cannot be read".into()));
            };
            let held: u64 = run.pools.iter().map(|pool| pool.held).sum();
            if held > 0 {
                let why = format!("{held} berth-legs are held after every hold was finished");
                return Err(BenchError::Other(why));
            }
            let legs = run.pools.iter().map(|pool| pool.sold).sum();
            Ok(Sold { holds: run.bookings, legs })
        }
    });
    stream::iter(reads)
        .buffer_unordered(READS)
        .try_fold(Sold::default(), async |sum, run| {
            Ok(Sold { holds: sum.holds + run.holds, legs: sum.legs + run.legs })
        })
        .await
}

/// A wish as the wire has it, on a run.
fn reserve<'a>(wish: &Wish, run: &'a [u8]) -> Next<'a> {
    let (from, to) = (wish.from as u8 + 1, wish.to as u8 + 1);
    Next::Reserve(stage::Wish { run, from, to, class: WIRE_CLASSES[wish.class as usize] })
}

/// What ends a granted hold.
fn finish<'a>(wish: &Wish, hold: &'a [u8]) -> Next<'a> {
    if wish.confirm { Next::Confirm(hold) } else { Next::Release(hold) }
}

/// One connection with one call in flight.
async fn unary(job: Job<'_>, connection: usize) -> Bench<Told> {
    let mut grpc = connect(job.address).await?;
    let (mut draw, mut ids) = job.draw(connection);
    let mut told = Told::default();
    while Instant::now() < job.until {
        let wish = draw.wish();
        let run = job.stock.next().map_err(BenchError::Other)?.run_ref(wish.train);
        let held = call(&mut grpc, &reserve(&wish, &run), &mut ids).await?;
        match response(2, &held) {
            Said::Hold(hold) => {
                told.hold(true);
                let done = call(&mut grpc, &finish(&wish, hold), &mut ids).await?;
                let number = if wish.confirm { 3 } else { 4 };
                let done = matches!(response(number, &done), Said::Booking(_) | Said::Ended);
                told.finish(&wish, done);
            }
            Said::Refused(_) => told.hold(false),
            said => return Err(BenchError::Wire(said.words())),
        }
    }
    Ok(told)
}

async fn call(grpc: &mut Grpc<Channel>, ask: &Next<'_>, ids: &mut RequestIds) -> Bench<Bytes> {
    let mut body = Vec::with_capacity(128);
    ask.put(ids, &mut body);
    grpc.ready().await.map_err(|why| BenchError::Wire(why.to_string()))?;
    let path = PathAndQuery::from_static(ask.path());
    let answer = grpc.unary(Request::new(body.into()), path, Raw).await;
    answer.map(tonic::Response::into_inner).map_err(|status| wire(&status))
}
