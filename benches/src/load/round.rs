//! One round: a load for so long, and what came of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hdrhistogram::Histogram;

use super::slots::Counts;
use super::stage::Stage;
use super::{session, unary};
use crate::fault::{Bench, BenchError};
use crate::memory;
use crate::paired::Dice;
use crate::server::{Server, own_cpu};
use crate::shape::Shape;

pub use super::slots::Style;

/// What a server's memory may grow by in a round.
const MEMORY: usize = 256 << 20;
/// Time before anything is measured: connections open, messages fill.
const WARM: Duration = Duration::from_millis(200);
/// Part of the answers that must be what belongs.
const PROPER_MIN: f64 = 0.99;
/// Longest latency that is told apart.
const LATENCY_MAX_NS: u64 = 60_000_000_000;
/// Between two looks at drivers that may have finished.
const GLANCE: Duration = Duration::from_millis(20);
/// Threads of the client; each has some of the connections.
const THREADS_MAX: usize = 2;

/// How calls travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// One stream a connection, many commands a message.
    Session,
    /// One call a command.
    Unary,
}

impl Calls {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Unary => "unary",
        }
    }
}

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pressure {
    /// Everybody asks as soon as it is answered.
    Closed,
    /// So many commands a second, whatever comes back.
    Open {
        /// Commands a second in all.
        rate: f64,
    },
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Load<'a> {
    pub calls: Calls,
    pub shape: Shape,
    pub stage: &'a Stage,
    pub style: Style,
    pub pressure: Pressure,
    /// How long is measured, at most.
    pub seconds: Duration,
    /// After so many answers nobody begins anew, and the time until the last one counts.
    pub limit: Option<u64>,
}

/// What came of a round.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Answers a second.
    pub rate: f64,
    /// CPU of the server for an answer, microseconds.
    pub server_us: f64,
    /// CPU of this process for an answer, microseconds.
    pub client_us: f64,
    /// Nanoseconds.
    pub latency: Histogram<u64>,
}

impl Outcome {
    /// A percentile of the latency, milliseconds.
    pub fn ms(&self, percentile: f64) -> f64 {
        self.latency.value_at_percentile(percentile) as f64 / 1e6
    }
}

/// What the connections of a round share.
pub struct Job<'a> {
    pub address: &'a str,
    pub shape: Shape,
    pub stage: &'a Stage,
    pub style: Style,
    pub pressure: Pressure,
    pub start: Instant,
    /// Then nobody begins anew.
    pub end: Instant,
    /// The latency of what was asked, or due, within counts: nanoseconds from `start`.
    pub window: (u64, u64),
    limit: u64,
    answered: &'a AtomicU64,
    /// When the last answer came, nanoseconds from `start`.
    last: &'a AtomicU64,
}

impl Job<'_> {
    /// Counts answers that came at `at`.
    pub fn answered(&self, count: u64, at: u64) {
        self.answered.fetch_add(count, Ordering::Relaxed);
        self.last.fetch_max(at, Ordering::Relaxed);
    }

    /// Whether nobody begins anew.
    pub fn over(&self, now: Instant) -> bool {
        now >= self.end || self.answered.load(Ordering::Relaxed) >= self.limit
    }
}

/// Latencies and counts of one connection.
#[derive(Debug)]
pub struct Tally {
    latency: Histogram<u64>,
    counts: Counts,
    /// Equal waits are recorded together.
    wait: u64,
    waits: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { latency: histogram(), counts: Counts::default(), wait: 0, waits: 0 }
    }
}

impl Tally {
    /// An answer to what was asked at `since`.
    pub fn waited(&mut self, since: u64, now: u64, window: (u64, u64)) {
        if since < window.0 || since >= window.1 {
            return;
        }
        let wait = now.saturating_sub(since);
        if wait != self.wait {
            self.flush();
            self.wait = wait;
        }
        self.waits += 1;
    }

    /// Records what was put off.
    pub fn flush(&mut self) {
        if self.waits > 0 {
            self.latency.saturating_record_n(self.wait, self.waits);
            self.waits = 0;
        }
    }

    pub fn with(mut self, counts: Counts) -> Self {
        self.flush();
        self.counts = counts;
        self
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, LATENCY_MAX_NS, 2).expect("sound bounds")
}

impl Load<'_> {
    /// Runs one round against a server.
    ///
    /// # Errors
    /// A connection broke, or less was granted than belongs.
    pub fn run(&self, server: &Server) -> Bench<Outcome> {
        let (answered, last) = (AtomicU64::new(0), AtomicU64::new(0));
        memory::back(MEMORY);
        let start = Instant::now();
        let length = self.seconds;
        let warm = if self.limit.is_some() { Duration::ZERO } else { WARM };
        let ns = |span: Duration| span.as_nanos() as u64;
        let job = Job {
            address: &server.address,
            shape: self.shape,
            stage: self.stage,
            style: self.style,
            pressure: self.pressure,
            start,
            end: start + warm + length,
            window: (ns(warm), ns(warm + length)),
            limit: self.limit.unwrap_or(u64::MAX),
            answered: &answered,
            last: &last,
        };
        let connections = self.shape.connections;
        let threads = connections.min(THREADS_MAX);
        let (job, salt) = (&job, fresh_salt());
        let look = || (answered.load(Ordering::Relaxed), server.cpu(), own_cpu(), Instant::now());
        std::thread::scope(|scope| {
            let drivers: Vec<_> = (0..threads)
                .map(|thread| {
                    let mine: Vec<_> = (thread..connections).step_by(threads).collect();
                    scope.spawn(move || drive(job, self.calls, &mine, salt))
                })
                .collect();
            wait_until(start + warm);
            let before = look();
            let done = || drivers.iter().all(std::thread::ScopedJoinHandle::is_finished);
            while Instant::now() < job.end && !done() {
                std::thread::sleep(GLANCE.min(job.end.saturating_duration_since(Instant::now())));
            }
            let after = look();
            let mut latency = histogram();
            let mut counts = Counts::default();
            for driver in drivers {
                let tallies = driver
                    .join()
                    .map_err(|_| BenchError::Other("a thread of the client panicked".into()))??;
                for tally in tallies {
                    latency.add(&tally.latency).map_err(|w| BenchError::Other(w.to_string()))?;
                    counts.answered += tally.counts.answered;
                    counts.proper += tally.counts.proper;
                    counts.example = counts.example.or(tally.counts.example);
                }
            }
            if (counts.proper as f64) < PROPER_MIN * counts.answered as f64 {
                return Err(BenchError::Void {
                    granted: counts.proper,
                    asked: counts.answered,
                    example: counts.example.unwrap_or_default(),
                });
            }
            let commands = (after.0 - before.0) as f64;
            if commands == 0.0 {
                return Err(BenchError::Wire("nothing was answered".into()));
            }
            let span = match self.limit {
                Some(_) => Duration::from_nanos(last.load(Ordering::Relaxed)),
                None => after.3 - before.3,
            };
            let us = |cpu: Duration| cpu.as_secs_f64() * 1e6 / commands;
            Ok(Outcome {
                rate: commands / span.as_secs_f64(),
                server_us: us(after.1.saturating_sub(before.1)),
                client_us: us(after.2.saturating_sub(before.2)),
                latency,
            })
        })
    }
}

/// Drives some of the connections from one thread.
fn drive(job: &Job<'_>, calls: Calls, mine: &[usize], salt: u64) -> Bench<Vec<Tally>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::io("make a runtime"))?;
    runtime.block_on(async {
        let all: FuturesUnordered<_> = mine
            .iter()
            .map(|connection| async move {
                let seed = Dice(salt.wrapping_add(*connection as u64)).next();
                let phase = *connection as f64 / job.shape.connections as f64;
                match calls {
                    Calls::Session => session::drive(job, seed, phase).await,
                    Calls::Unary => unary::drive(job, seed, phase).await,
                }
            })
            .collect();
        all.collect::<Vec<_>>().await.into_iter().collect()
    })
}

fn wait_until(at: Instant) {
    std::thread::sleep(at.saturating_duration_since(Instant::now()));
}

/// A number that no other round of any bench had.
pub fn fresh_salt() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_nanos() as u64);
    Dice(now ^ u64::from(std::process::id()) << 48).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_in_the_window_counts_however_late_it_is_answered() {
        let mut tally = Tally::default();
        let window = (1_000_000, 9_000_000);
        for (since, now) in [(999_999, 2_000_000), (9_000_000, 9_500_000)] {
            tally.waited(since, now, window);
        }
        for (since, now) in [(1_000_000, 3_000_000), (8_000_000, 20_000_000)] {
            tally.waited(since, now, window);
        }
        let tally = tally.with(Counts::default());
        assert_eq!(tally.latency.len(), 2);
        for (percentile, ns) in [(50.0, 2_000_000.0), (100.0, 12_000_000.0)] {
            let found = tally.latency.value_at_percentile(percentile) as f64;
            assert!((found / ns - 1.0).abs() < 0.02, "{percentile}: {found}");
        }
    }
}
