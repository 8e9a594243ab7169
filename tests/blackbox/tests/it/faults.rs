//! A bad disk under the real process: it dies at a named moment of its writing, the power fails, a
//! sync fails, the disk is full or slow. Nothing that was answered is lost, nothing is half done.
//!
//! `shim` builds `shim/faults.c`, which stands between the server and the C library. The moments
//! are drawn; `BERTH_TEST_FAULTS` asks for more of them.

mod shim;

use std::time::{Duration, Instant};

use berth_client::ClientError;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::asking::{Answered as _, get_hold, query, reserve};
use crate::diary::Diary;
use crate::patience::until;
use crate::server::{BOUNDED, Home};
use shim::{Fault, Shim};

/// Answers after which a moment that did not come is waited for no longer.
const ENOUGH: usize = 4_000;

/// Where a process may die: what it does, where, how, and the most often it does that before.
const MOMENTS: &[(&str, &str, &str, u64)] = &[
    // A frame: before it is written, half written, written and not synced, synced and not answered.
    ("write", "/log/", "kill-before", 60),
    ("write", "/log/", "half", 60),
    ("sync", "/log/", "kill-before", 60),
    ("sync", "/log/", "kill-after", 60),
    // The next segment.
    ("dirsync", "/log", "kill-before", 3),
    ("rename", "/log/next", "kill-before", 2),
    ("rename", "/log/next", "kill-after", 2),
    // A snapshot.
    ("write", "/snap/", "kill-before", 6),
    ("write", "/snap/", "half", 6),
    ("sync", "/snap/", "kill-before", 4),
    ("sync", "/snap/", "kill-after", 4),
    // Indexing.
    ("write", "/events/chunks/", "half", 3),
    ("sync", "/events/chunks/", "kill-before", 2),
    ("write", "/events/db", "kill-after", 6),
    ("sync", "/events/db", "kill-before", 2),
    ("write", "/events-indexed", "kill-before", 2),
    ("write", "/events-indexed", "kill-after", 2),
    // Retention.
    ("unlink", "/log/", "kill-before", 2),
    ("unlink", "/log/", "kill-after", 2),
];

fn rounds(usual: usize) -> usize {
    let asked = std::env::var("BERTH_TEST_FAULTS");
    asked.map_or(usual, |text| text.parse().expect("BERTH_TEST_FAULTS is a number"))
}

fn seed() -> u64 {
    let asked = std::env::var("BERTH_TEST_SEED");
    asked.map_or(1, |text| text.parse().expect("BERTH_TEST_SEED is a number"))
}

/// What many rounds came to.
#[derive(Default)]
struct Tally {
    struck: usize,
    starts: Vec<Duration>,
}

impl Tally {
    fn say(&mut self, what: &str, rounds: usize, told: usize) {
        self.starts.sort();
        let (half, last) = (self.starts[self.starts.len() / 2], self.starts[self.starts.len() - 1]);
        println!(
            "\nproof: {what}: {rounds} rounds, {} struck where they were meant to, {told} answers kept; a \
             start took {half:?} in the middle and {last:?} at most",
            self.struck
        );
    }
}

/// Writers sell until the fault ends their server, or until they have enough; then another server
/// starts on a sound disk and must have kept everything.
async fn round(
    home: &Home,
    shim: &Shim,
    fault: &Fault,
    settings: &[&str],
    tally: &mut Tally,
) -> Diary {
    let diary = Diary::default();
    let mut server = home.begin_under(settings, &shim.environment(home, fault));
    if server.comes_up() {
        let mut writers = diary.write(&server, 32).await;
        let cut_at = fault.cut_after;
        until("the fault, or enough", async || {
            if cut_at.is_some_and(|told| diary.told() >= told) {
                shim::cut(home);
            }
            (server.has_ended() || diary.told() >= ENOUGH).then_some(())
        })
        .await;
        drop(server.kill());
        while let Some(ended) = writers.join_next().await {
            ended.expect("a writer ends with its connection");
        }
    } else {
        drop(server);
    }
    tally.struck += usize::from(shim::struck(home));
    let begun = Instant::now();
    let server = home.serve_with(settings);
    tally.starts.push(begun.elapsed());
    diary.is_kept_by(&server).await;
    assert_eq!(server.stats().await.quarantined_runs, 0, "{fault:?}: {}", server.said());
    diary.is_given_back(&server).await;
    server.kill();
    diary
}

/// The last word: replay finds nothing wrong with what all that left behind.
fn is_sound(home: &Home) {
    let data = home.data();
    let data = data.to_str().expect("a path that is text");
    let output = home.berth(&["replay", "--data-dir", data, "--verify", "--json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_at_any_moment_of_writing() {
    let (shim, home) = (Shim::build(), Home::new());
    let (mut dice, mut tally, mut told) = (SmallRng::seed_from_u64(seed()), Tally::default(), 0);
    let rounds = rounds(10);
    for round_number in 0..rounds {
        // The short run takes every other moment, and the frame's own ones always.
        let place = if rounds < MOMENTS.len() { round_number * 2 } else { round_number };
        let (op, pattern, action, most) = MOMENTS[place % MOMENTS.len()];
        let fault = Fault::at(op, pattern, dice.random_range(1..=most), action);
        told += round(&home, &shim, &fault, BOUNDED, &mut tally).await.told();
    }
    is_sound(&home);
    tally.say("moments", rounds, told);
    assert!(tally.struck * 3 >= rounds, "{} of {rounds} rounds reached their moment", tally.struck);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_when_the_power_fails() {
    let (shim, home) = (Shim::build(), Home::new());
    let (mut dice, mut tally, mut told) = (SmallRng::seed_from_u64(seed()), Tally::default(), 0);
    let rounds = rounds(6);
    for round_number in 0..rounds {
        // All that was not synced is lost, or some of it; at some time, or right before or behind a
        // sync.
        let some = (round_number % 2 == 1).then(|| dice.random());
        let fault = match round_number % 3 {
            0 => Fault::power(some, dice.random_range(1..600)),
            1 => Fault::cut(some, "sync", "/log/", dice.random_range(1..60), "cut-before"),
            _ => {
                let (op, pattern, _, most) = MOMENTS[dice.random_range(0..MOMENTS.len())];
                Fault::cut(some, op, pattern, dice.random_range(1..=most), "cut-after")
            }
        };
        told += round(&home, &shim, &fault, BOUNDED, &mut tally).await.told();
    }
    is_sound(&home);
    tally.say("power", rounds, told);
    assert!(tally.struck * 3 >= rounds, "{} of {rounds} rounds lost their power", tally.struck);
}

/// The shim bites: what is only written is gone with the power.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_weaker_word_does_not_survive_a_power_cut() {
    let (shim, home) = (Shim::build(), Home::new());
    let fault = Fault::power(None, 1);
    let settings = ["--durability", "process"];
    let mut server = home.begin_under(&settings, &shim.environment(&home, &fault));
    assert!(server.comes_up());
    let hold = server.client().await.reserve(reserve("10001", 1)).await.unwrap().done();
    shim::cut(&home);
    until("the power fails", async || server.has_ended().then_some(())).await;
    assert!(shim::struck(&home));
    drop(server);
    let server = home.serve();
    let lost = server.client().await.get_hold(get_hold(&hold.hold_id)).await.unwrap();
    assert_eq!(lost.reason(), berth_client::v1::Reason::UnknownHold);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_failed_says_so_until_a_restart() {
    let shim = Shim::build();
    for (op, action) in [("sync", "eio"), ("write", "eio"), ("write", "full")] {
        let home = Home::new();
        let fault = Fault::at(op, "/log/", 40, action);
        let mut server = home.begin_under(&[], &shim.environment(&home, &fault));
        assert!(server.comes_up());
        let client = server.client().await;
        let first = client.reserve(reserve("10001", 1)).await.unwrap().done();
        let diary = Diary::default();
        let mut writers = diary.write(&server, 16).await;
        while let Some(ended) = writers.join_next().await {
            ended.expect("a writer ends with its first fault");
        }
        assert!(shim::struck(&home), "{op} {action}");
        for _ in 0..2 {
            let error = client.reserve(reserve("10001", 1)).await.unwrap_err();
            let ClientError::Unavailable { message, .. } = &error else { panic!("{error}") };
            assert!(message.contains("the journal has failed"), "{message}");
        }
        // What is known can still be read, and nobody is sent here any more.
        client.query(query("10001")).await.unwrap().done();
        let mut health = HealthClient::new(server.channel().await);
        let ask = HealthCheckRequest { service: "berth.v1.Inventory".into() };
        let told = health.check(ask).await.unwrap().into_inner();
        assert_eq!(told.status(), ServingStatus::NotServing);
        let said = server.said();
        assert!(said.contains("journal failed") && said.contains("/log/"), "{said}");
        server.kill();
        let server = home.serve();
        server.client().await.get_hold(get_hold(&first.hold_id)).await.unwrap().done();
        diary.is_kept_by(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_slows_answers_and_loses_none() {
    let (shim, home) = (Shim::build(), Home::new());
    let fault = Fault::at("sync", "/log/", 20, "slow-100");
    let mut server = home.begin_under(&[], &shim.environment(&home, &fault));
    assert!(server.comes_up());
    let diary = Diary::default();
    let mut writers = diary.write(&server, 64).await;
    until("answers come", async || (diary.told() >= 1_200).then_some(())).await;
    drop(server.kill());
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer ends with its connection");
    }
    diary.is_kept_by(&home.serve()).await;
}
