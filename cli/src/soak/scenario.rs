//! The four ways to hammer, and the runs that each plays on.

mod expiry;
mod retry;
mod spread;
mod tatkal;

use std::sync::Arc;

use berth_client::Client;
use clap::ValueEnum;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::SoakError;
use super::check::expiry::Probe;
use super::findings::Findings;
use super::flow::{Flow, Shared};
use super::ledger::Ledger;
use super::stage::{Stage, StageRun, discover};

/// What to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// One hot train after the other, 50 requests a berth: the opening at 10:00
    Tatkal,
    /// Many trains and dates: reserve, confirm, release, extend and cancel
    Spread,
    /// Holds that nobody pays for: they expire in time and are sold again
    Expiry,
    /// Every request several times, also given up early, also with another content
    Retry,
}

impl Scenario {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tatkal => "tatkal",
            Self::Spread => "spread",
            Self::Expiry => "expiry",
            Self::Retry => "retry",
        }
    }

    /// Finds the runs to play on: the first of the trains that come with berth that the server has.
    /// Days on which a train does not run are left out.
    pub async fn stage(self, client: &Client, today: Date) -> Result<Stage, SoakError> {
        let (most, days): (usize, Vec<i64>) = match self {
            // The first train again and again, then the next; the last three runs see nothing.
            Self::Tatkal => (3, (2..55).collect()),
            Self::Spread => (usize::MAX, vec![3, 4, 5]),
            Self::Expiry => (8, vec![6]),
            Self::Retry => (6, vec![7]),
        };
        let mut runs: Vec<StageRun> = Vec::new();
        let mut left = most;
        for train in shipped(|stops| stops <= 40) {
            let before = runs.len();
            for day in &days {
                let date = today.saturating_add(day.days()).to_string();
                runs.extend(discover(client, &train, &date).await?);
            }
            left -= usize::from(runs.len() > before);
            if left == 0 {
                break;
            }
        }
        let least = if self == Self::Tatkal { 4 } else { 2 };
        if runs.len() < least {
            return Err(SoakError::NoRuns { found: runs.len() });
        }
        Ok(Stage::of(runs))
    }

    /// Plays to the end.
    pub async fn play(self, shared: &Arc<Shared>, clients: u32, seed: u64) -> Played {
        let plan = Arc::new(Plan {
            wishes: std::sync::atomic::AtomicU64::new(0),
            waves: tatkal::waves(&shared.stage),
            ranks: spread::ranks(shared.stage.runs.len(), seed),
        });
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..clients {
            let (flow, plan) = (Flow::new(shared, number, seed), Arc::clone(&plan));
            tasks.spawn(async move {
                let mut flow = flow;
                match self {
                    Self::Tatkal => tatkal::play(&mut flow, &plan).await,
                    Self::Spread => spread::play(&mut flow, &plan).await,
                    Self::Expiry => expiry::play(&mut flow).await,
                    Self::Retry => retry::play(&mut flow).await,
                }
                (flow.ledger, flow.findings, None)
            });
        }
        if self == Self::Expiry {
            let mut flow = Flow::new(shared, clients, seed);
            tasks.spawn(async move {
                let probe = expiry::probe(&mut flow).await;
                (flow.ledger, flow.findings, Some(probe))
            });
        }
        let mut played = Played::default();
        let mut parts = Vec::new();
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok((ledger, findings, probe)) => {
                    parts.push(ledger);
                    played.findings.join(findings);
                    played.probe = played.probe.or(probe);
                }
                Err(panic) => played.findings.add("client-broke", "", panic.to_string()),
            }
        }
        played.ledger = Ledger::join(parts);
        played
    }
}

/// What the clients came back with.
#[derive(Debug, Default)]
pub struct Played {
    pub ledger: Ledger,
    pub findings: Findings,
    pub probe: Option<Probe>,
}

/// What the clients of one soak share of their plan.
#[derive(Debug)]
pub struct Plan {
    wishes: std::sync::atomic::AtomicU64,
    /// Tatkal: the number of the wish with which the sale of each run ends.
    waves: Vec<u64>,
    /// Spread: runs by popularity.
    ranks: spread::Ranks,
}

/// Numbers of the trains that come with berth and have a fitting number of stops.
fn shipped(fits: impl Fn(usize) -> bool) -> Vec<String> {
    let rules = crate::rules::Under::load(None).ok();
    let catalogue = rules.and_then(|rules| crate::catalogue::load(None, &rules).ok());
    let trains = catalogue.as_ref().map_or(&[][..], |catalogue| catalogue.trains());
    let fitting = trains.iter().filter(|train| fits(train.stops().len()));
    fitting.map(|train| train.number().to_string()).collect()
}
