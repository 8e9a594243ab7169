//! Redis: one Lua script each for hold, confirm and release, called by EVALSHA over sockets of our
//! own. Every write is in its append-only file, synced before its reply (`appendfsync always`).

mod call;
mod wire;

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use rustix::process::Signal;
use tokio::runtime::Runtime;

use super::bout::Peer;
use super::process::{self, Absent, Server, find, free_port};
use super::work::{CLASSES, Draw, LEGS, Round, Sold, TRAINS, Told};
use crate::shape::Shape;
pub use call::Form;
use call::{Hashes, finish_call, hold_call};
use wire::{Call, Wire};

const PROGRAM: &str = "redis-server";
/// Keys of one request when the server is asked what it sold.
const ASK: usize = 1_000;

/// A running Redis with empty stock.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    runtime: Runtime,
    admin: Wire,
    port: u16,
    form: Form,
    hashes: Hashes,
    rounds: u64,
}

impl Redis {
    /// Starts a server of its own with its data below `home`.
    pub fn start(home: &Path, form: Form) -> Result<Self, Absent> {
        let program = find(PROGRAM, &[])
            .ok_or(Absent::NotInstalled { program: PROGRAM, package: PROGRAM })?;
        let data = home.join(form.word());
        let log = data.join("log");
        let failed = |e: std::io::Error| Absent::Failed {
            program: PROGRAM,
            why: e.to_string(),
            log: log.clone(),
        };
        std::fs::create_dir_all(&data).map_err(failed)?;
        let port = free_port().map_err(failed)?;
        let mut command = Command::new(program);
        let port_text = port.to_string();
        let dir = data.to_string_lossy();
        for (name, value) in [
            ("--bind", "127.0.0.1"),
            ("--port", port_text.as_str()),
            ("--dir", &dir),
            // No snapshots and no rewrites of the log: they only cost.
            ("--save", ""),
            ("--auto-aof-rewrite-percentage", "0"),
            ("--appendonly", "yes"),
            ("--appendfsync", "always"),
            ("--maxclients", "4000"),
        ] {
            command.arg(name).arg(value);
        }
        let mut server = Server::start(PROGRAM, command, None, Signal::TERM, &log)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let mut admin = server.wait_until(|| {
            runtime.block_on(async {
                let mut wire = connect(port).await?;
                Call::new(wire.out(), 1).word("PING");
                wire.exchange(1).await.map_err(|e| e.to_string())?;
                Ok::<_, String>(wire)
            })
        })?;
        let hashes = runtime
            .block_on(Hashes::load(&mut admin, form))
            .map_err(|e| server.failed(e.to_string()))?;
        Ok(Self { server, runtime, admin, port, form, hashes, rounds: 0 })
    }
}

impl Peer for Redis {
    fn round(&mut self, shape: Shape, time: Duration) -> Result<Round, String> {
        self.rounds += 1;
        let Self { runtime, admin, port, form, hashes, rounds, server } = self;
        runtime.block_on(async {
            Call::new(admin.out(), 1).word("FLUSHALL");
            admin.exchange(1).await.map_err(|e| e.to_string())?;
            let mut wires = Vec::with_capacity(shape.connections);
            for _ in 0..shape.connections {
                wires.push(connect(*port).await?);
            }
            let (cpu, begun) = (server.cpu(), Instant::now());
            let until = begun + time;
            let mut workers: FuturesUnordered<_> = wires
                .into_iter()
                .enumerate()
                .map(|(n, wire)| {
                    work(wire, Draw::new(*rounds, n), (*form, &*hashes), shape.batch, until)
                })
                .collect();
            let mut told = Told::default();
            while let Some(part) = workers.next().await {
                told += part.map_err(|e| e.to_string())?;
            }
            let round = Round {
                told,
                time: begun.elapsed(),
                server_cpu: server.cpu().checked_sub(cpu).unwrap(),
            };
            told.check(sold(admin, *form).await.map_err(|e| e.to_string())?)?;
            Ok(round)
        })
    }
}

/// What it says it is.
pub fn version() -> Option<String> {
    process::version(&find(PROGRAM, &[])?)
}

async fn connect(port: u16) -> Result<Wire, String> {
    Wire::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(|e| e.to_string())
}

/// One connection: batches of holds, each followed by its batch of confirms and releases.
async fn work(
    mut wire: Wire,
    mut draw: Draw,
    (form, hashes): (Form, &Hashes),
    batch: usize,
    until: Instant,
) -> std::io::Result<Told> {
    let mut told = Told::default();
    let mut granted = Vec::with_capacity(batch);
    while Instant::now() < until {
        let wishes: Vec<_> = (0..batch).map(|_| draw.wish()).collect();
        for wish in &wishes {
            hold_call(wire.out(), form, hashes, wish);
        }
        granted.clear();
        for (wish, &berth) in wishes.iter().zip(wire.exchange(batch).await?) {
            told.hold(berth >= 0);
            if berth >= 0 {
                granted.push((*wish, berth));
            }
        }
        for (wish, berth) in &granted {
            finish_call(wire.out(), form, hashes, wish, *berth);
        }
        for ((wish, _), &done) in granted.iter().zip(wire.exchange(granted.len()).await?) {
            told.finish(wish, done == 1);
        }
    }
    Ok(told)
}

/// Asks the server itself. Every granted hold was finished, so that what is taken is sold: a leg
/// of a berth that was sold twice would be one bit for two sales.
async fn sold(admin: &mut Wire, form: Form) -> std::io::Result<Sold> {
    let pools = || (0..TRAINS).flat_map(|train| (0..CLASSES).map(move |class| (train, class)));
    let sold = pools().map(|(train, class)| ("HLEN", format!("s:{train}:{class}"))).collect();
    let taken = match form {
        Form::Usual => pools()
            .flat_map(|(train, class)| (0..LEGS).map(move |leg| (train, class, leg)))
            .map(|(train, class, leg)| ("BITCOUNT", format!("o:{train}:{class}:{leg}")))
            .collect(),
        Form::Packed => {
            pools().map(|(train, class)| ("BITCOUNT", format!("p:{train}:{class}"))).collect()
        }
    };
    Ok(Sold { holds: sum(admin, sold).await?, legs: sum(admin, taken).await? })
}

async fn sum(admin: &mut Wire, asks: Vec<(&str, String)>) -> std::io::Result<u64> {
    let mut total = 0;
    for asks in asks.chunks(ASK) {
        for (command, key) in asks {
            Call::new(admin.out(), 2).word(command).word(key);
        }
        total += admin.exchange(asks.len()).await?.iter().sum::<i64>();
    }
    Ok(u64::try_from(total).unwrap_or(0))
}
