//! Many callers of one process: each holds a berth and gives it back, over and over, and all share
//! one client. Prints commands a second.
//!
//! `cargo run --release -p berth-client --example many_callers -- 12951 2026-12-02 MMCT NDLS`
//!
//! More trains or dates (`12951,12952`) spread the callers over their runs. Then: how many callers
//! (1,024), for how many seconds (5), and `raw` to send the same by hand in messages of 256, which
//! shows what the client adds. `BERTH_SERVER` names another server.

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

use berth_client::v1::inventory_client::InventoryClient;
use berth_client::v1::{
    self, Passenger, ReleaseRequest, ReserveRequest, RunRef, Sex, StopRef, TravelClass, passenger,
    release_response, reserve_response, run_ref, session_answer, session_command, stop_ref,
};
use berth_client::{Client, Options, new_request_id};
use tokio::task::JoinSet;

/// What was asked and what came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub commands: u64,
    pub refused: u64,
    pub took: Duration,
}

/// What the callers want.
#[derive(Clone, Debug)]
pub struct Wish {
    trains: Vec<String>,
    dates: Vec<String>,
    from: String,
    to: String,
}

impl Wish {
    pub fn new(trains: &str, dates: &str, from: &str, to: &str) -> Self {
        let list = |text: &str| text.split(',').map(str::to_owned).collect();
        Self { trains: list(trains), dates: list(dates), from: from.into(), to: to.into() }
    }

    /// The request of one caller.
    fn of(&self, caller: usize) -> ReserveRequest {
        let station = |code: &String| StopRef {
            stop: Some(stop_ref::Stop::Code(code.clone())),
            occurrence: 0,
        };
        let train = &self.trains[caller % self.trains.len()];
        let date = &self.dates[caller / self.trains.len() % self.dates.len()];
        ReserveRequest {
            request_id: new_request_id(),
            run: Some(RunRef { train: train.clone(), day: Some(run_ref::Day::Date(date.clone())) }),
            from_stop: Some(station(&self.from)),
            to_stop: Some(station(&self.to)),
            travel_class: TravelClass::Sleeper.into(),
            passengers: vec![Passenger {
                years: Some(passenger::Years::Age(30 + caller as u32 % 30)),
                sex: Sex::Female.into(),
                ..Passenger::default()
            }],
            ..ReserveRequest::default()
        }
    }
}

fn release(hold_id: String) -> ReleaseRequest {
    ReleaseRequest { request_id: new_request_id(), hold_id, ..ReleaseRequest::default() }
}

/// So many callers of one client for so long.
pub async fn batched(
    server: &str,
    wish: &Wish,
    callers: usize,
    time: Duration,
) -> Result<Tally, Box<dyn Error>> {
    let client = Client::connect_with(server, Options::default()).await?;
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        tasks.spawn(one_caller(client.clone(), wish.clone(), caller, begun + time));
    }
    let mut sum = Tally::default();
    while let Some(ended) = tasks.join_next().await {
        let tally = ended??;
        sum.commands += tally.commands;
        sum.refused += tally.refused;
    }
    Ok(Tally { took: begun.elapsed(), ..sum })
}

async fn one_caller(
    client: Client,
    wish: Wish,
    caller: usize,
    end: Instant,
) -> Result<Tally, berth_client::ClientError> {
    let mut tally = Tally::default();
    while Instant::now() < end {
        tally.commands += 1;
        let answer = client.reserve(wish.of(caller)).await?;
        let Some(reserve_response::Outcome::Hold(hold)) = answer.outcome else {
            tally.refused += 1;
            continue;
        };
        tally.commands += 1;
        let answer = client.release(release(hold.hold_id)).await?;
        if !matches!(answer.outcome, Some(release_response::Outcome::Released(_))) {
            tally.refused += 1;
        }
    }
    Ok(tally)
}

/// The same commands, packed by hand: messages of 256, each sent when one is answered.
pub async fn raw(
    server: &str,
    wish: &Wish,
    callers: usize,
    time: Duration,
) -> Result<Tally, Box<dyn Error>> {
    use session_command::Command;
    let channel = tonic::transport::Endpoint::from_shared(server.to_owned())?
        .tcp_nodelay(true)
        .connect()
        .await?;
    let begun = Instant::now();
    let (outgoing, messages) = tokio::sync::mpsc::unbounded_channel();
    let all: Vec<usize> = (0..callers).collect();
    let command = |caller: usize, command| v1::SessionCommand {
        correlation_id: caller as u64,
        timeout_ms: 10_000,
        command: Some(command),
    };
    for some in all.chunks(256) {
        let first = some.iter().map(|c| command(*c, Command::Reserve(wish.of(*c)))).collect();
        outgoing.send(v1::SessionRequest { commands: first })?;
    }
    let body = tokio_stream::wrappers::UnboundedReceiverStream::new(messages);
    let mut stub = InventoryClient::new(channel);
    let mut answers = stub.session(body).await?.into_inner();
    let mut tally = Tally::default();
    let mut unanswered = callers;
    while unanswered > 0
        && let Some(message) = answers.message().await?
    {
        let is_over = begun.elapsed() >= time;
        let mut commands = Vec::with_capacity(message.answers.len());
        for said in message.answers {
            let caller = said.correlation_id as usize;
            tally.commands += 1;
            match said.answer {
                Some(session_answer::Answer::Reserve(answer)) => match answer.outcome {
                    Some(reserve_response::Outcome::Hold(hold)) => {
                        commands.push(command(caller, Command::Release(release(hold.hold_id))));
                        continue;
                    }
                    _ => tally.refused += 1,
                },
                Some(session_answer::Answer::Release(_)) => {}
                _ => tally.refused += 1,
            }
            if is_over {
                unanswered -= 1;
            } else {
                commands.push(command(caller, Command::Reserve(wish.of(caller))));
            }
        }
        if !commands.is_empty() {
            outgoing.send(v1::SessionRequest { commands })?;
        }
    }
    Ok(Tally { took: begun.elapsed(), ..tally })
}

/// Either way, with its figures on stdout.
async fn measure(
    name: &str,
    running: impl Future<Output = Result<Tally, Box<dyn Error>>>,
) -> Result<(), Box<dyn Error>> {
    let tally = running.await?;
    let rate = tally.commands as f64 / tally.took.as_secs_f64();
    let Tally { commands, refused, took } = tally;
    println!("{name}: {rate:.0} commands/s ({commands} in {took:.2?}, {refused} refused)");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = std::env::var("BERTH_SERVER").unwrap_or("http://127.0.0.1:50051".into());
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [trains, dates, from, to, more @ ..] = given.as_slice() else {
        return Err("usage: many_callers TRAINS DATES FROM TO [CALLERS [SECONDS [raw]]]".into());
    };
    let wish = Wish::new(trains, dates, from, to);
    let callers = more.first().map_or(Ok(1_024), |text| text.parse())?;
    let time = Duration::from_secs_f64(more.get(1).map_or(Ok(5.0), |text| text.parse())?);
    if more.get(2).is_some_and(|way| way == "raw") {
        measure("raw session", raw(&server, &wish, callers, time)).await
    } else {
        measure("one client", batched(&server, &wish, callers, time)).await
    }
}
