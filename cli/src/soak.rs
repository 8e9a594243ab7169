//! `berth soak`: hammers a server over gRPC, then checks that every promise was kept.
//!
//! The clients write down what they were told; afterwards that is compared with itself, with what the
//! server publishes, and with the journal. A request without an answer is unknown: it may have
//! happened or not, never half. Bounded: holds (`ledger::HOLDS_MAX`), histograms, listed violations.
//! Load goes to loopback addresses only. Exit codes: 0 no violation, 1 a violation or a fault.

mod check;
mod effect;
mod error;
mod facts;
mod faults;
mod findings;
mod flow;
mod ids;
mod ledger;
mod line;
mod memory;
mod outcome;
pub mod report;
mod scenario;
mod server;
mod stage;
mod survey;
mod tally;
mod times;
mod wish;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use berth_client::Admin;
use clap::Args;
use hdrhistogram::Histogram;
use jiff::Zoned;
use jiff::tz::TimeZone;
use tokio::sync::oneshot;

use crate::said::Exit;
use check::{counts, expiry, journal, overlap};
use error::SoakError;
use facts::{Entry, Read};
use faults::{Fault, SlowReaders};
use findings::Findings;
use flow::Shared;
use ledger::Ledger;
use line::Lines;
use report::{CheckedView, ExpiryView, KindView, Report, SpreadView, ViolationsView, rates};
use scenario::{Played, Scenario};
use server::OwnServer;
use stage::Stage;
use survey::{Cells, Seen};
use times::{HoldBounds, Times};

/// A run that nobody was sent to, and that changed.
const UNTOUCHED: &str = "untouched-run-changed";
/// The replayed journal breaks an invariant, or is damaged.
const REPLAY: &str = "replay";
/// Replay came to another state than the live server had.
const DIGEST: &str = "digest-differs";
/// Its own server did not stop in order.
const STOP: &str = "server-stop";
/// So long after the first deadlines somebody has asked for the berths again.
const AGAIN: Duration = Duration::from_secs(3);
/// Deadlines that are waited for before the last look.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// `berth soak`.
#[derive(Debug, Args)]
pub struct SoakArgs {
    /// How to hammer
    #[arg(long, value_enum)]
    scenario: Scenario,
    /// Clients that ask at once, each one request at a time
    #[arg(long, value_name = "N", default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(1..=4_096))]
    clients: u32,
    /// How long to hammer, such as 60s; the checks come on top
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = crate::target::span)]
    duration: Duration,
    /// Public listener of a server on this machine [default: a server of its own on free ports]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Admin listener of that server, for its settings, the journal and the digests
    #[arg(long, value_name = "URL", requires = "server")]
    admin_server: Option<String>,
    /// Where its own server keeps its journal; kept afterwards [default: a temporary directory]
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    data_dir: Option<PathBuf>,
    /// What else to do to the server, such as kill,slow,cancel
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FAULT")]
    faults: Vec<Fault>,
    /// With the fault kill: how long its own server lives
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = crate::target::span)]
    kill_every: Duration,
    /// Seed of the clients' dice [default: drawn]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
    /// IANA zone of the railway's dates
    #[arg(long, env = "BERTH_ZONE", value_name = "ZONE", default_value = "Asia/Kolkata")]
    zone: String,
}

/// Runs a soak and prints its report.
pub fn run(args: &SoakArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let soaked =
        runtime.map_err(SoakError::Runtime).and_then(|runtime| runtime.block_on(soak(args)));
    let report = match soaked {
        Ok(report) => report,
        Err(fault) => {
            eprintln!("berth: {fault}");
            let usage = matches!(
                fault,
                SoakError::Zone { .. }
                    | SoakError::NotLoopback { .. }
                    | SoakError::NotOurs
                    | SoakError::Grace
            );
            return if usage { Exit::Usage } else { Exit::Fault }.into();
        }
    };
    let said = crate::said::Said::done(&report, report.text());
    if let Err(fault) = said.print(args.json) {
        eprintln!("berth: {fault}");
        return ExitCode::FAILURE;
    }
    if report.violations.count > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Finds or starts the server, hammers it, checks, and cleans up.
async fn soak(args: &SoakArgs) -> Result<Report, SoakError> {
    let zone =
        TimeZone::get(&args.zone).map_err(|_| SoakError::Zone { zone: args.zone.clone() })?;
    for url in args.server.iter().chain(&args.admin_server) {
        server::is_loopback(url)?;
    }
    if args.faults.contains(&Fault::Kill) {
        match (&args.server, args.scenario) {
            (Some(_), _) => return Err(SoakError::NotOurs),
            (None, Scenario::Expiry) => return Err(SoakError::Grace),
            (None, _) => {}
        }
    }
    let mut own = match &args.server {
        Some(_) => None,
        None => Some(OwnServer::start(args.data_dir.as_deref()).await?),
    };
    let soaked = soak_on(args, &zone, own.as_mut()).await;
    if soaked.is_err()
        && let Some(own) = &mut own
    {
        // Its journal may say why.
        let ended = own.stop().await;
        eprintln!("berth: kept {}", own.root.display());
        ended?;
    }
    let mut report = soaked?;
    let keep = report.violations.count > 0;
    report.data_dir = own.and_then(|own| own.clear(keep)).map(|root| root.display().to_string());
    Ok(report)
}

async fn soak_on(
    args: &SoakArgs,
    zone: &TimeZone,
    mut own: Option<&mut OwnServer>,
) -> Result<Report, SoakError> {
    let seed = args.seed.unwrap_or_else(rand::random);
    let (server, admin_server) = match &own {
        Some(own) => (own.server(), Some(own.admin_server())),
        None => (args.server.clone().unwrap_or_default(), args.admin_server.clone()),
    };
    let admin = match &admin_server {
        Some(url) => Some(Admin::connect(url).await?),
        None => None,
    };
    let lines = Lines::open(&server, args.clients).await?;
    let bounds = match &admin {
        Some(admin) => HoldBounds::of(admin).await?,
        None => HoldBounds::default(),
    };
    let times = Times::new(args.scenario, args.duration, bounds);
    times.try_on(lines.reader()).await?;
    let today = Zoned::now().with_time_zone(zone.clone()).date();
    let stage = args.scenario.stage(lines.reader(), today).await?;
    let first = survey::look(lines.reader(), None, &stage).await?;
    let ids = ids::Ids::new(rand::random());
    eprintln!(
        "berth: soak {} on {server}: {} clients, {:?}, {} runs, seed {seed}",
        args.scenario.name(),
        args.clients,
        args.duration,
        stage.runs.len()
    );
    let begun = Instant::now();
    let kills = args.faults.contains(&Fault::Kill);
    let shared = Arc::new(Shared {
        lines,
        stage,
        reference: ids.reference(),
        ids,
        room: ledger::Room::default(),
        until: begun + args.duration,
        times,
        resends: args.scenario == Scenario::Retry || kills,
        restarts: kills,
        gives_up: args.faults.contains(&Fault::Cancel),
        given_up: AtomicU64::new(0),
    });
    let slow = args.faults.contains(&Fault::Slow);
    let slow = slow.then(|| SlowReaders::open(&server, &shared.stage));
    let (over, is_over) = oneshot::channel();
    let play = async {
        let played = args.scenario.play(&shared, args.clients, seed).await;
        // Who looks after the server may have ended with a fault of its own.
        let _ = over.send(());
        played
    };
    let kill_every = kills.then_some(args.kill_every);
    let (played, driven) =
        tokio::join!(play, faults::drive(own.as_deref_mut(), kill_every, is_over));
    let took = begun.elapsed();
    let driven = driven?;
    let faults = (!args.faults.is_empty()).then(|| driven.faults(slow, &shared.given_up));
    let ended_early = ended_early(&shared, took, args.duration);
    wait_for_deadlines(&played.ledger).await;
    let seen = survey::look(shared.lines.reader(), admin.as_ref(), &shared.stage).await?;
    let figures = shared.lines.tally.figures();

    let mut verdict = Verdict::new(&shared.stage, played, first, seen);
    verdict.judge_answers();
    let mut check = journal::JournalCheck::new(verdict.stage, &verdict.ledger);
    let mut take = |entry: &Entry| check.take(entry);
    let stopped = match &mut own {
        Some(own) => own.stop().await.err(),
        None => None,
    };
    let read = match (&own, &admin) {
        (Some(own), _) => {
            let dir = own.data_dir();
            Some(facts::from_directory(&dir, verdict.stage, &shared.reference, &mut take)?)
        }
        (None, Some(admin)) => {
            Some(facts::from_server(admin, verdict.stage, &shared.reference, &mut take).await?)
        }
        (None, None) => None,
    };
    check.finish();
    let journaled = check.journaled();
    match read {
        Some(read) => verdict.judge_journal(&read, journaled),
        None => verdict.judge_map(None),
    }
    if let Some(fault) = stopped {
        verdict.findings.add(STOP, "", fault.to_string());
    }
    let expiry = (args.scenario == Scenario::Expiry).then(|| verdict.judge_expiry(took, times.ttl));
    let [commands, granted, refused, unanswered] = rates(&figures, took);
    Ok(Report {
        scenario: args.scenario.name(),
        clients: args.clients,
        seed,
        server,
        own_server: own.is_some(),
        duration_ms: took.as_millis() as u64,
        ended_early,
        commands,
        granted,
        refused,
        unanswered,
        kinds: figures.iter().map(KindView::of).collect(),
        expiry,
        faults,
        memory: driven.memory,
        checked: verdict.checked,
        violations: ViolationsView::of(&verdict.findings),
        data_dir: None,
    })
}

fn ended_early(shared: &Shared, took: Duration, asked: Duration) -> Option<String> {
    if shared.room.is_full() {
        return Some(format!("{} holds are as many as the checks keep", ledger::HOLDS_MAX));
    }
    let early = took + Duration::from_millis(100) < asked;
    early.then(|| "every run had its requests, or the server did not answer any more".to_owned())
}

/// Holds that are about to expire expire first, so that the last look is at something that rests.
async fn wait_for_deadlines(ledger: &Ledger) {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = unix.as_millis() as u64;
    let horizon = now + WAIT_MAX.as_millis() as u64;
    let deadlines = (0..ledger.holds.len() as u32)
        .flat_map(|hold| {
            let berths = ledger.holds[hold as usize].berths();
            berths.map(move |(passenger, _)| overlap::surely_until(ledger, hold, passenger))
        })
        .filter(|end| end.version == u64::MAX && end.deadline < horizon)
        .map(|end| end.deadline);
    let last = deadlines.max().unwrap_or_default();
    tokio::time::sleep(Duration::from_millis((last + 1_200).saturating_sub(now))).await;
}

/// Everything that is known, and what is wrong with it.
struct Verdict<'a> {
    stage: &'a Stage,
    ledger: Ledger,
    probe: Option<expiry::Probe>,
    first: Vec<Vec<Cells>>,
    seen: Vec<Seen>,
    findings: Findings,
    checked: CheckedView,
    /// Late expiries by the journal, and berths held again after one.
    journaled: Option<(Histogram<u64>, u64)>,
}

impl<'a> Verdict<'a> {
    fn new(stage: &'a Stage, played: Played, first: Vec<Seen>, seen: Vec<Seen>) -> Self {
        let berth_legs = stage.runs.iter().map(|run| run.berths() as u64 * u64::from(run.legs));
        let checked = CheckedView {
            runs: stage.runs.len() as u64,
            holds: played.ledger.holds.len() as u64,
            changes: played.ledger.moves.len() as u64,
            unknown_requests: played.ledger.unknown.len() as u64,
            berth_legs: berth_legs.sum(),
            published_counts: seen.iter().map(|seen| seen.counts.len() as u64).sum(),
            ..CheckedView::default()
        };
        Self {
            stage,
            ledger: played.ledger,
            probe: played.probe,
            first: first.into_iter().map(|seen| seen.cells).collect(),
            seen,
            findings: played.findings,
            checked,
            journaled: None,
        }
    }

    /// Checks that need no journal.
    fn judge_answers(&mut self) {
        overlap::check(self.stage, &self.ledger, &mut self.findings);
        let mut touched = vec![false; self.stage.runs.len()];
        self.ledger.holds.iter().for_each(|hold| touched[hold.run as usize] = true);
        self.ledger.unknown.iter().for_each(|unknown| touched[unknown.run as usize] = true);
        for ((run, seen), touched) in self.stage.runs.iter().zip(&self.seen).zip(touched) {
            counts::published(run, seen, &mut self.findings);
            if !touched && seen.version > run.first_version.max(1) {
                let what = format!(
                    "version {} before and {} after, though nobody was sent there",
                    run.first_version, seen.version
                );
                self.findings.add(UNTOUCHED, &run.name, what);
            }
        }
    }

    /// The map against the answers; with a journal, who else was about is known.
    fn judge_map(&mut self, twins: Option<&[journal::Twin]>) {
        let runs = self.stage.runs.len();
        let strangers: Vec<bool> =
            twins.map_or_else(|| vec![false; runs], |t| t.iter().map(|t| t.strangers).collect());
        let findings = &mut self.findings;
        counts::answered(self.stage, &self.ledger, &self.first, &self.seen, &strangers, findings);
    }

    fn judge_journal(&mut self, read: &Read, journaled: journal::Journaled) {
        let journal::Journaled { twins, lateness, held_again, findings } = journaled;
        for ((run, seen), twin) in self.stage.runs.iter().zip(&self.seen).zip(&twins) {
            counts::journaled(run, seen, twin, &mut self.findings);
        }
        self.findings.join(findings);
        self.judge_map(Some(&twins));
        self.journaled = Some((lateness, held_again));
        self.judge_replay(read);
        self.checked.journal = Some(read.source);
        self.checked.journal_events = read.events;
        (self.checked.first_lsn, self.checked.last_lsn) = (read.first_lsn, read.last_lsn);
    }

    fn judge_replay(&mut self, read: &Read) {
        for damage in &read.damage {
            self.findings.add(REPLAY, "", damage.clone());
        }
        for event in &read.off_stage {
            self.findings.add(journal::UNEXPLAINED, "", format!("our reference on {event}"));
        }
        for rebuilt in &read.rebuilt {
            for broken in &rebuilt.broken {
                self.findings.add(REPLAY, &rebuilt.name, broken.clone());
            }
            let live = self.stage.find(&rebuilt.name).map(|run| &self.seen[run as usize].digest);
            let Some(Some((version, digest))) = live else { continue };
            if *version != rebuilt.version {
                continue;
            }
            self.checked.digests += 1;
            if *digest != rebuilt.digest {
                let what = format!("version {version}: live {digest}, replayed {}", rebuilt.digest);
                self.findings.add(DIGEST, &rebuilt.name, what);
            }
        }
    }

    fn judge_expiry(&mut self, took: Duration, ttl: Duration) -> ExpiryView {
        let mut seen_late = Histogram::new_with_max(3_600_000, 3).expect("3 digits are allowed");
        let probe = self.probe.take().unwrap_or_default();
        expiry::check(&probe, &mut seen_late, &mut self.findings);
        expiry::in_time("by the published count", &seen_late, &mut self.findings);
        if let Some((late, again)) = &self.journaled {
            expiry::in_time("by the journal", late, &mut self.findings);
            if *again == 0 && took > ttl + AGAIN {
                let what = "no berth was held again after a hold of it had expired";
                self.findings.add(expiry::NOT_SOLD_AGAIN, "", what);
            }
        }
        ExpiryView {
            expired: self.journaled.as_ref().map(|(late, _)| late.len()),
            late_ms: self.journaled.as_ref().map(|(late, _)| SpreadView::of(late)),
            held_again: self.journaled.as_ref().map(|(_, again)| *again),
            probed: probe.holds.len() as u64,
            seen_late_ms: SpreadView::of(&seen_late),
        }
    }
}
