//! PostgreSQL: one prepared statement each for hold, confirm and release, every one its own
//! transaction, its log synced before the answer (`synchronous_commit = on`, the default).

use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use rustix::process::Signal;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

use super::bout::Peer;
use super::process::{self, Absent, Server, User, find, free_port};
use super::work::{Draw, Round, Sold, Told, Wish};
use crate::shape::Shape;

const PROGRAM: &str = "postgres";
/// It refuses to run as root; Debian's package makes this user.
const USER: &str = "postgres";

const SCHEMA: &str = include_str!("../../../peers/sql/schema.sql");
const FILL: &str = include_str!("../../../peers/sql/fill.sql");
const HOLD: &str = include_str!("../../../peers/sql/hold.sql");
const CONFIRM: &str = include_str!("../../../peers/sql/confirm.sql");
const RELEASE: &str = include_str!("../../../peers/sql/release.sql");
const SOLD: &str = include_str!("../../../peers/sql/sold.sql");

/// What differs from the defaults; `fsync` and `full_page_writes` stay on.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "300"),
    ("synchronous_commit", "on"),
    // Room enough that nothing is written before its time, and no checkpoint falls into a round.
    ("shared_buffers", "2GB"),
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "1h"),
    // Nobody reads its log elsewhere.
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("effective_io_concurrency", "200"),
    ("jit", "off"),
];

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    /// Connections of the last shape; they end before the server does.
    links: Vec<Link>,
    admin: Client,
    runtime: Runtime,
    config: Config,
    server: Server,
    rounds: u64,
}

#[derive(Debug)]
struct Link {
    client: Client,
    hold: Statement,
    confirm: Statement,
    release: Statement,
    io: JoinHandle<Result<(), Error>>,
}

impl Postgres {
    /// Starts a server of its own with its data below `home`.
    pub fn start(home: &Path) -> Result<Self, Absent> {
        let home = home.join("postgres");
        let log = home.join("log");
        let failed = |why: String| Absent::Failed { program: PROGRAM, why, log: log.clone() };
        let (program, initdb) = (program("postgres")?, program("initdb")?);
        let user = if rustix::process::geteuid().is_root() {
            let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
            let user = User::named(USER, &passwd);
            Some(user.ok_or(Absent::NoUser { program: PROGRAM, user: USER })?)
        } else {
            None
        };
        let data = home.join("data");
        let folders = || {
            std::fs::create_dir_all(&data)?;
            // It must be able to enter its folder, and nobody else may read it.
            std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o711))?;
            std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700))?;
            user.map_or(Ok(()), |user| chown(&data, Some(user.uid), Some(user.gid)))
        };
        folders().map_err(|e| failed(e.to_string()))?;
        let mut init = Command::new(initdb);
        init.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale"]);
        init.arg("-D").arg(&data).current_dir(&home);
        Server::start("initdb", init, user, Signal::INT, &log)?.finish()?;
        let port = free_port().map_err(|e| failed(e.to_string()))?;
        let mut settings =
            format!("port = {port}\nunix_socket_directories = '{}'\n", data.display());
        for (name, value) in SETTINGS {
            let _ = writeln!(settings, "{name} = '{value}'");
        }
        let file = data.join("postgresql.auto.conf");
        std::fs::write(file, settings).map_err(|e| failed(e.to_string()))?;
        let mut command = Command::new(program);
        command.arg("-D").arg(&data).current_dir(&home);
        // SIGINT is its fast shutdown: connections are cut, what is committed stays.
        let mut server = Server::start(PROGRAM, command, user, Signal::INT, &log)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| failed(e.to_string()))?;
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user("postgres").dbname("postgres");
        let admin = server.wait_until(|| {
            runtime.block_on(connect(&config)).map(|(client, _)| client).map_err(|e| said(&e))
        })?;
        runtime.block_on(admin.batch_execute(SCHEMA)).map_err(|e| failed(said(&e)))?;
        Ok(Self { links: Vec::new(), admin, runtime, config, server, rounds: 0 })
    }
}

impl Peer for Postgres {
    fn round(&mut self, shape: Shape, time: Duration) -> Result<Round, String> {
        self.rounds += 1;
        let Self { runtime, admin, links, config, server, rounds } = self;
        let round = runtime.block_on(async {
            // One by one: VACUUM does not run inside a transaction.
            for statement in FILL.split_inclusive(';') {
                admin.batch_execute(statement).await?;
            }
            if links.len() != shape.connections {
                links.clear();
                for _ in 0..shape.connections {
                    links.push(Link::open(config).await?);
                }
            }
            let (cpu, begun) = (server.cpu(), Instant::now());
            let until = begun + time;
            let mut workers: FuturesUnordered<_> = links
                .iter()
                .enumerate()
                .map(|(n, link)| link.work(Draw::new(*rounds, n), shape.batch, until))
                .collect();
            let mut told = Told::default();
            while let Some(part) = workers.next().await {
                told += part?;
            }
            let round = Round {
                told,
                time: begun.elapsed(),
                server_cpu: server.cpu().checked_sub(cpu).unwrap(),
            };
            Ok::<_, Error>((round, admin.query_one(SOLD, &[]).await?))
        });
        let (round, row) = round.map_err(|e| said(&e))?;
        let number = |column: usize| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
        if number(2) > 0 {
            return Err(format!("{} berths are not taken as their holds say", number(2)));
        }
        round.told.check(Sold { holds: number(0), legs: number(1) })?;
        Ok(round)
    }
}

impl Link {
    async fn open(config: &Config) -> Result<Self, Error> {
        let (client, io) = connect(config).await?;
        let (hold, confirm, release) = (
            client.prepare(HOLD).await?,
            client.prepare(CONFIRM).await?,
            client.prepare(RELEASE).await?,
        );
        Ok(Self { client, hold, confirm, release, io })
    }

    /// Groups of cycles side by side on one connection, which pipelines them.
    async fn work(&self, mut draw: Draw, batch: usize, until: Instant) -> Result<Told, Error> {
        let mut told = Told::default();
        while Instant::now() < until {
            if batch == 1 {
                told += self.cycle(draw.wish()).await?;
                continue;
            }
            for part in join_all((0..batch).map(|_| self.cycle(draw.wish()))).await {
                told += part?;
            }
        }
        Ok(told)
    }

    async fn cycle(&self, wish: Wish) -> Result<Told, Error> {
        let mut told = Told::default();
        let (train, class) = (wish.train.cast_signed(), wish.class.cast_signed());
        let (id, legs) = (wish.id.cast_signed(), wish.mask().cast_signed());
        let held = self.client.query_opt(&self.hold, &[&train, &class, &id, &legs]).await?;
        told.hold(held.is_some());
        if held.is_some() {
            let statement = if wish.confirm { &self.confirm } else { &self.release };
            told.finish(&wish, self.client.execute(statement, &[&id]).await? == 1);
        }
        Ok(told)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.io.abort();
    }
}

async fn connect(config: &Config) -> Result<(Client, JoinHandle<Result<(), Error>>), Error> {
    let (client, io) = config.connect(NoTls).await?;
    Ok((client, tokio::spawn(io)))
}

/// What it says it is.
pub fn version() -> Option<String> {
    process::version(&program(PROGRAM).ok()?)
}

/// The newest of Debian's versions, else whatever is on PATH.
fn program(name: &'static str) -> Result<PathBuf, Absent> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    let folders: Vec<PathBuf> = versions.into_iter().rev().map(|(_, folder)| folder).collect();
    find(name, &folders).ok_or(Absent::NotInstalled { program: name, package: "postgresql" })
}

/// What the server said, which the error itself keeps for its source.
fn said(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => said.to_string(),
        None => error.to_string(),
    }
}
