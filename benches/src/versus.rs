//! The server under test against its echo, in turns, in the same shape.

use crate::fault::Bench;
use crate::load::{Load, Outcome, Stage};
use crate::paired::{Estimate, median};
use crate::server::{Flavour, Server};
use crate::setup::Setup;

/// A server of its own for a suite, with the trains of the stage and a fresh journal.
pub struct Bed {
    /// The server.
    pub server: Server,
    data: std::path::PathBuf,
}

impl Bed {
    /// Starts it with default flags but for those of the command line and `more`.
    ///
    /// # Errors
    /// It does not start.
    pub fn new(setup: &Setup, more: &[&str]) -> Bench<Self> {
        let catalogue = Stage::write_catalogue(setup.place.root())?;
        let data = setup.place.fresh("data");
        let flags = setup.server_flags.iter().map(String::as_str).chain(more.iter().copied());
        let flags: Vec<_> = flags.collect();
        let server = Server::berth(&setup.server_bin, &catalogue, &data, &flags)?;
        Ok(Self { server, data })
    }

    /// Stops it and removes what it wrote.
    ///
    /// # Errors
    /// It did not stop in order.
    pub fn stop(self, setup: &Setup) -> Bench<()> {
        self.server.stop()?;
        setup.place.check()?;
        std::fs::remove_dir_all(&self.data)
            .map_err(crate::fault::BenchError::io(format!("remove {}", self.data.display())))
    }
}

/// An echo of each flavour.
pub struct Echoes {
    servers: Vec<(Flavour, Server)>,
}

impl Echoes {
    /// The first of them.
    pub fn first(&self) -> Option<&Server> {
        self.servers.first().map(|(_, server)| server)
    }

    /// Starts both, or only that of the server under test.
    ///
    /// # Errors
    /// One does not start.
    pub fn new(setup: &Setup, flavours: &[Flavour]) -> Bench<Self> {
        let more = ["--reading", setup.echo.word()];
        let start = |flavour: &Flavour| Ok((*flavour, Server::echo(*flavour, &more)?));
        Ok(Self { servers: flavours.iter().map(start).collect::<Bench<_>>()? })
    }
}

/// Outcomes of one side, round by round.
#[derive(Clone, Debug)]
pub struct Side {
    /// Who.
    pub name: String,
    /// Its rounds.
    pub rounds: Vec<Outcome>,
}

impl Side {
    /// Median of something over the rounds.
    pub fn median(&self, what: impl Fn(&Outcome) -> f64) -> f64 {
        median(&self.rounds.iter().map(what).collect::<Vec<_>>())
    }

    /// The cells of a table: who, rate, CPU of server and client, percentiles.
    pub fn cells(&self) -> Vec<String> {
        let number = crate::goal::number;
        vec![
            self.name.clone(),
            number(self.median(|round| round.rate)),
            format!("{:.3}", self.median(|round| round.server_us)),
            format!("{:.3}", self.median(|round| round.client_us)),
            format!("{:.3}", self.median(|round| round.ms(50.0))),
            format!("{:.3}", self.median(|round| round.ms(99.0))),
            format!("{:.3}", self.median(|round| round.ms(99.9))),
        ]
    }

    /// Names of the cells.
    pub const HEAD: [&'static str; 7] =
        ["server", "commands/s", "server CPU us", "client CPU us", "p50 ms", "p99 ms", "p99.9 ms"];
}

/// What came of a comparison.
#[derive(Clone, Debug)]
pub struct Versus {
    /// The server under test.
    pub ours: Side,
    /// The echoes, the fastest first.
    pub echoes: Vec<Side>,
    /// Rate against the fastest echo.
    pub ratio: Estimate,
}

impl Versus {
    /// CPU of the server under test for a command, microseconds.
    pub fn cpu(&self) -> f64 {
        self.ours.median(|round| round.server_us)
    }
}

/// Loads the server and the echoes in turns. The reference is the echo with the highest median.
///
/// # Errors
/// The first void or broken round.
pub fn versus(
    setup: &Setup,
    bed: &Server,
    ours: &Load<'_>,
    echoes: &Echoes,
    theirs: &Load<'_>,
) -> Bench<Versus> {
    let mut sides = vec![Side { name: "berth".into(), rounds: Vec::new() }];
    let named = |flavour: &Flavour| format!("echo {}", flavour.word());
    sides.extend(echoes.servers.iter().map(|(f, _)| Side { name: named(f), rounds: Vec::new() }));
    for _ in 0..setup.pairs {
        sides[0].rounds.push(ours.run(bed)?);
        for (side, (_, echo)) in sides[1..].iter_mut().zip(&echoes.servers) {
            side.rounds.push(theirs.run(echo)?);
        }
        setup.place.check()?;
    }
    let mut echoes = sides.split_off(1);
    let ours = sides.remove(0);
    let rate = |side: &Side| side.median(|round| round.rate);
    echoes.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
    let ratio = match echoes.first() {
        Some(best) => {
            let rounds = ours.rounds.iter().zip(&best.rounds);
            Estimate::of_pairs(&rounds.map(|(a, b)| (a.rate, b.rate)).collect::<Vec<_>>())
        }
        None => Estimate::of(&ours.rounds.iter().map(|round| round.rate).collect::<Vec<_>>()),
    };
    Ok(Versus { ours, echoes, ratio })
}
