//! One bit of a data directory is flipped, and a whole server starts on it: the bit is told of with
//! its file, or mended, or means nothing. No answer is ever wrong.
//!
//! A story is told to a server, which is killed. Then, again and again, a copy of its directory gets
//! one flipped bit somewhere, a server starts on it, and everything that was told is asked for once
//! more: versions and digests of all runs, every booking, every event. The truth, or a fault that
//! names the run; in the last frame also the truth without it, if its cut was reported. What is said
//! names the file, the byte and what to do.
//! `BERTH_TEST_FLIPS_SERVED` asks for more flips.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use berth_client::v1::read_request::Range;
use berth_client::{Admin, ClientError, v1};
use futures_util::future::join_all;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::asking::{
    AHEAD, Answered as _, cancel, confirm, get_booking, reserve, run, try_journal, ttl,
};
use crate::ledger::RunName;
use crate::patience::until;
use crate::server::{BOUNDED, Home, Server};

/// Small segments, snapshots all the time; the log is kept.
const KEEPING: &[&str] =
    &["--log-segment-bytes", "65536", "--checkpoint-bytes", "30000", "--idle-seconds", "1"];
/// Holds of the story: enough for some segments.
const HOLDS: usize = 1_600;

/// What there is in a directory; the short run takes the first half.
const KINDS: &[&str] = &["log", "snap", "chunks", "sled", "indexed", "lock", "format", "key"];

/// What a run was told to be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    version: u64,
    digest: String,
}

/// Everything that was told.
struct Truth {
    home: Home,
    settings: &'static [&'static str],
    runs: BTreeMap<RunName, Standing>,
    /// The run of the last frame before that frame.
    before_last: (RunName, Standing),
    /// By its number; the last one is of the last frame.
    bookings: Vec<v1::Booking>,
    events: BTreeMap<RunName, Vec<v1::JournalEvent>>,
}

fn flips() -> usize {
    let asked = std::env::var("BERTH_TEST_FLIPS_SERVED");
    asked.map_or(8, |text| text.parse().expect("BERTH_TEST_FLIPS_SERVED is a number"))
}

async fn standing(admin: &Admin, (train, start_date): &RunName) -> Result<Standing, ClientError> {
    let (train, start_date) = (train.clone(), start_date.clone());
    let told = admin.get_train_run(v1::GetTrainRunRequest { train, start_date }).await?;
    let version = told.run_version;
    Ok(Standing { version, digest: told.done().digest })
}

async fn events(
    admin: &Admin,
    (train, start_date): &RunName,
) -> Result<Vec<v1::JournalEvent>, String> {
    let range = v1::RunRange {
        train: train.clone(),
        start_date: start_date.clone(),
        ..v1::RunRange::default()
    };
    // The event store opens while the server serves already.
    until("the history can be told", async || {
        match try_journal(admin, Range::Run(range.clone())).await {
            Err((tonic::Code::Unavailable, why)) if why.contains("being opened") => None,
            Err((code, why)) => Some(Err(format!("{code:?}: {why}"))),
            Ok(events) => Some(Ok(events)),
        }
    })
    .await
}

impl Truth {
    /// Tells the story. Nobody is held at its end, so that no time that passes changes anything.
    async fn tell(settings: &'static [&'static str]) -> Self {
        let home = Home::new();
        let server = home.serve_with(settings);
        let session = server.session(256).await;
        let sell = async |n: usize| {
            let ask = v1::ReserveRequest {
                run: Some(run("10005", AHEAD + i32::try_from(n % 5).expect("a small number"))),
                ttl: Some(ttl(900)),
                reference: format!("mark-{n}"),
                ..reserve("", 1)
            };
            let hold = session.reserve(ask).await.unwrap().done();
            let booking = session.confirm(confirm(&hold.hold_id)).await.unwrap().done();
            if n.is_multiple_of(3) {
                return session.cancel(cancel(&booking.pnr)).await.unwrap().done().booking.unwrap();
            }
            booking
        };
        let mut bookings = Vec::new();
        for wave in 0..HOLDS / 100 {
            bookings.extend(join_all((0..100).map(|n| sell(wave * 100 + n))).await);
        }
        let admin = server.admin().await;
        let first = home.bytes("snap");
        until("the event store has something", async || {
            let chunks = home.data().join("events/chunks");
            let is_indexed = fs::read_dir(chunks).is_ok_and(|files| files.count() > 1);
            (is_indexed && home.bytes("snap") >= first.max(1)).then_some(())
        })
        .await;
        let names: Vec<RunName> =
            (0..5).map(|n| ("10005".to_owned(), crate::asking::day(AHEAD + n))).collect();
        // The last frame is one hold; then it is booked, which is the last frame.
        let ask = v1::ReserveRequest { ttl: Some(ttl(900)), ..reserve("10005", 1) };
        let hold = session.reserve(ask).await.unwrap().done();
        let before_last = (names[0].clone(), standing(&admin, &names[0]).await.unwrap());
        bookings.push(session.confirm(confirm(&hold.hold_id)).await.unwrap().done());
        let (mut runs, mut histories) = (BTreeMap::new(), BTreeMap::new());
        for name in names {
            runs.insert(name.clone(), standing(&admin, &name).await.unwrap());
            histories.insert(name.clone(), events(&admin, &name).await.unwrap());
        }
        let home = server.kill();
        Self { home, settings, runs, before_last, bookings, events: histories }
    }

    /// Files by what they are.
    fn files(&self) -> BTreeMap<&'static str, Vec<PathBuf>> {
        let mut kinds: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
        for path in all_files(&self.home.data()) {
            let inside = path.strip_prefix(self.home.data()).expect("below").to_path_buf();
            let text = inside.to_str().expect("text").to_owned();
            let kind = match text.split('/').collect::<Vec<_>>().as_slice() {
                ["log", "next"] => continue,
                ["log", _] => "log",
                ["snap", _] => "snap",
                ["events", "chunks", _] => "chunks",
                ["events", ..] => "sled",
                ["events-indexed"] => "indexed",
                ["FORMAT"] => "format",
                ["KEY"] => "key",
                ["LOCK"] => "lock",
                other => panic!("a file of no kind: {other:?}"),
            };
            if fs::metadata(&path).expect("it is there").len() > 0 {
                kinds.entry(kind).or_default().push(inside);
            }
        }
        kinds
    }

    /// One flip, one server, every question. Gives what became of it.
    async fn try_flip(&self, file: &Path, dice: &mut SmallRng) -> Fate {
        let copy = Home::new();
        copy_all(&self.home.data(), &copy.data());
        let (byte, bit) = flip(&copy.data().join(file), dice);
        let place = format!("{} byte {byte} bit {bit}", file.display());
        let mut server = copy.begin(self.settings);
        if !server.comes_up() {
            let (status, _) = server.ended().await;
            let said = server.said();
            assert!(tells_all(&said, file), "{place}: {status} {said}");
            assert!(!said.contains("panicked"), "{place}: {status} {said}");
            assert!(matches!(status.code(), Some(code) if code != 0 && code != 101 && code != 70));
            return Fate::Refused;
        }
        let lost = self.ask_all(&server, &place).await;
        let said = server.said();
        assert!(!said.contains("panicked"), "{place}: {said}");
        let told = said.lines().any(is_finding);
        assert!(told || lost == 0, "{place}: {lost} answers less, and nobody says so: {said}");
        assert!(!told || tells_all(&said, file), "{place}: {said}");
        match (lost, told) {
            (0, false) => Fate::Harmless,
            (0, true) => Fate::Mended,
            _ => Fate::Told,
        }
    }

    /// How many answers are faults; every other one is the truth.
    async fn ask_all(&self, server: &Server, place: &str) -> usize {
        let (client, admin) = (server.client().await, server.admin().await);
        let (mut lost, mut out_of_service) = (0, Vec::new());
        let mut is_cut = false;
        for (name, truth) in &self.runs {
            match standing(&admin, name).await {
                Ok(now) if now == *truth => {}
                Ok(now) => {
                    // One frame less, which is said, and by nobody who was told otherwise later.
                    assert_eq!((name, &now), (&self.before_last.0, &self.before_last.1), "{place}");
                    assert!(server.said().contains("cut"), "{place}: {}", server.said());
                    (is_cut, lost) = (true, lost + 1);
                }
                Err(fault) => {
                    let told = fault.to_string();
                    let named = format!("run {}/{} is out of service", name.0, name.1);
                    assert!(told.contains(&named), "{place}: {told}");
                    out_of_service.push(name.clone());
                    lost += 1;
                }
            }
        }
        let session = server.session(256).await;
        let look = |truth: &v1::Booking| session.get_booking(get_booking(&truth.pnr));
        let told = join_all(self.bookings.iter().map(look)).await;
        for (truth, told) in self.bookings.iter().zip(told) {
            let run = (truth.train.clone(), truth.start_date.clone());
            match told {
                Ok(told) => match told.outcome() {
                    Ok(now) => assert_eq!(now, *truth, "{place}"),
                    Err(refusal) => {
                        let last = self.bookings.last().expect("some");
                        assert!(is_cut && truth.pnr == last.pnr, "{place}: {refusal:?}");
                    }
                },
                Err(fault) => assert!(out_of_service.contains(&run), "{place}: {fault}"),
            }
        }
        for (name, truth) in &self.events {
            match events(&admin, name).await {
                Ok(now) => {
                    let short = is_cut && *name == self.before_last.0;
                    let truth = &truth[..truth.len() - usize::from(short)];
                    assert!(now == truth, "{place}: another history of {name:?}");
                }
                Err(_) => lost += 1,
            }
        }
        drop(client);
        lost
    }
}

/// Something is wrong. That nobody keeps the clock of this machine is no finding, nor that the event
/// store is not open yet.
fn is_finding(line: &str) -> bool {
    let is_usual = line.contains("kernel's clock") || line.contains("is being opened");
    (line.contains("WARN") || line.contains("ERROR")) && !is_usual
}

/// What an operator is told to do, or that it is done.
const ADVICE: &[&str] = &[
    "restore",
    "nothing needs to be done",
    "nothing is to be done",
    "rebuilt from the segments",
    "is rebuilt",
    "moved to cut/",
    "put the line back",
    "put back",
    "start the version",
];

/// Whether one line names the file, the byte where it has many of its own, and what to do.
fn tells_all(said: &str, file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).expect("text");
    let inside = file.to_str().expect("text");
    // The files of sled are its own affair; a flipped FORMAT may be that of another version, which is
    // said of the directory.
    let is_of_sled = inside.starts_with("events") && !inside.starts_with("events/chunks");
    let has_bytes = ["log/", "snap/", "events/chunks"].iter().any(|dir| inside.starts_with(dir));
    said.lines().any(|line| {
        let is_named = line.contains(name)
            || is_of_sled && line.contains("event store")
            || name == "FORMAT" && line.contains("of format");
        let is_placed = !has_bytes || line.contains("at byte ");
        is_named && is_placed && ADVICE.iter().any(|words| line.contains(words))
    })
}

/// What became of a flipped bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// No server started, and it said why.
    Refused,
    /// Something is not to be had, and that is said.
    Told,
    /// It is said, and nothing is missing.
    Mended,
    /// Nobody noticed, for it meant nothing.
    Harmless,
}

fn all_files(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut todo) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { todo.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn copy_all(from: &Path, to: &Path) {
    for path in all_files(from) {
        let copy = to.join(path.strip_prefix(from).expect("below"));
        fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder can be made");
        fs::copy(path, copy).expect("a file can be copied");
    }
}

/// Flips a bit that was written: most of a file of sled, and of a segment, is nothing yet.
fn flip(path: &Path, dice: &mut SmallRng) -> (usize, u32) {
    let mut bytes = fs::read(path).expect("it is there");
    let written: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    // One in sixteen hits what is not.
    let anywhere = written.is_empty() || dice.random_range(0..16) == 0;
    let byte = if anywhere {
        dice.random_range(0..bytes.len())
    } else {
        *written.choose(dice).expect("some")
    };
    let bit = dice.random_range(0..8);
    bytes[byte] ^= 1 << bit;
    fs::write(path, bytes).expect("it can be written");
    (byte, bit)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_anywhere_never_makes_a_wrong_answer() {
    let mut dice = SmallRng::seed_from_u64(11);
    let mut fates: BTreeMap<(&str, Fate), usize> = BTreeMap::new();
    let flips = flips();
    let truths = [Truth::tell(KEEPING).await, Truth::tell(BOUNDED).await];
    let kinds = [truths[0].files(), truths[1].files()];
    for n in 0..flips {
        let which = n % 2;
        let kind = KINDS[n / 2 % KINDS.len()];
        let file = kinds[which][kind].choose(&mut dice).expect("a file of each kind");
        let fate = truths[which].try_flip(file, &mut dice).await;
        *fates.entry((kind, fate)).or_default() += 1;
    }
    let each = fates.iter().map(|((kind, fate), count)| format!("{kind} {fate:?} {count}"));
    let each = each.collect::<Vec<_>>().join(", ");
    println!("\nproof: {flips} bits flipped and served, no answer wrong: {each}");
}
