//! A network of 3,800 trains, open for 60 days: `berth serve` as people run it. A catalogue of real
//! trains may take its place.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use berth_client::Client;
use berth_inventory::RunningDays;
use berth_persistence::{Catalogue, entry_to_json, header_to_json};
use berth_proto::v1;

use super::Ledger;
use crate::suite::network::{TRAINS, entries, today};

/// Names a catalogue file to start instead of the network that is made here.
const CATALOGUE: &str = "BERTH_BOUNDS_CATALOGUE";
/// Cold runs that are asked about.
const QUERIES: usize = 500;

/// A server of its own, ended with the value.
struct Server {
    child: Child,
    address: String,
    ready_after: Duration,
}

impl Server {
    fn start(catalogue: &Path, data_dir: &Path) -> Self {
        let berth = std::env::current_exe().expect("this program's path").with_file_name("berth");
        assert!(berth.exists(), "build it first: cargo build --release");
        let begun = Instant::now();
        let mut child = Command::new(berth)
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--open-days", "60", "--min-free-bytes", "0"])
            .arg("--catalogue")
            .arg(catalogue)
            .arg("--data-dir")
            .arg(data_dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("berth serve starts");
        let out = BufReader::new(child.stdout.take().expect("its stdout"));
        let ready = |line: &String| line.starts_with("berth is serving on ");
        let line = out.lines().map_while(Result::ok).find(ready).expect("the ready line");
        let ready_after = begun.elapsed();
        let words = line.trim_start_matches("berth is serving on ");
        let address = words.split(',').next().unwrap_or_default();
        Self { child, address: format!("http://{address}"), ready_after }
    }

    /// Resident memory, MiB.
    fn resident(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("its status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
        let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
        kib.expect("a number of KiB") / 1_024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// The catalogue that is to be started instead, if one is named.
pub fn given() -> Option<PathBuf> {
    std::env::var_os(CATALOGUE).map(PathBuf::from)
}

/// Writes the network that is made here.
fn made(place: &Path) -> PathBuf {
    let file = place.join("network.jsonl");
    let lines = entries().map(|entry| entry_to_json(&entry));
    let text: Vec<_> = core::iter::once(header_to_json("Asia/Kolkata")).chain(lines).collect();
    std::fs::write(&file, text.join("\n")).expect("a catalogue");
    assert_eq!(Catalogue::load(&file).expect("a sound catalogue").len(), TRAINS);
    file
}

/// Starts the network and asks about cold runs.
pub fn measure(ledger: &mut Ledger) {
    let place = tempfile::tempdir().expect("a directory");
    let file = given().unwrap_or_else(|| made(place.path()));
    let catalogue = Catalogue::load(&file).expect("a sound catalogue");
    let trains = catalogue.trains().iter().filter(|train| train.days() == RunningDays(0x7f));
    let daily: Vec<_> =
        trains.map(|train| (train.number().to_string(), train.stops().len() as u32)).collect();
    assert!(!daily.is_empty(), "no train of {} runs daily", file.display());
    let server = Server::start(&file, &place.path().join("data"));
    let start = format!("start of {} trains x 60 days", catalogue.len());
    ledger.at_most(&start, server.ready_after.as_secs_f64(), 5.0, "s");
    ledger.at_most("memory after the start", server.resident(), 300.0, "MiB");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let times = runtime.expect("a runtime").block_on(query(&server.address, &daily));
    let median = times[times.len() / 2].as_secs_f64() * 1e3;
    ledger.at_most("first query of a cold run, round trip, median", median, 1.0, "ms");
    ledger.at_most("memory after 500 cold queries", server.resident(), 300.0, "MiB");
}

/// Round trips of first queries about trains that run daily, given with their stops; sorted.
async fn query(address: &str, daily: &[(String, u32)]) -> Vec<Duration> {
    let client = Client::connect(address).await.expect("a connection");
    let mut times = Vec::new();
    for n in 0..QUERIES {
        let (train, stops) = &daily[n % daily.len()];
        let request = v1::QueryRequest {
            run: Some(v1::RunRef {
                train: train.clone(),
                day: Some(v1::run_ref::Day::StartDate(start_date(i32::try_from(n).unwrap_or(0)))),
            }),
            from_stop: Some(stop(1)),
            to_stop: Some(stop(*stops)),
            ..v1::QueryRequest::default()
        };
        let begun = Instant::now();
        let answer = client.query(request).await.expect("an answer");
        times.push(begun.elapsed());
        let outcome = answer.outcome.expect("an outcome");
        assert!(matches!(outcome, v1::query_response::Outcome::Table(_)), "{outcome:?}");
    }
    times.sort_unstable();
    times
}

/// Days from the second to the thirtieth from today.
fn start_date(n: i32) -> String {
    today().plus(2 + n % 28).to_string()
}

fn stop(sequence: u32) -> v1::StopRef {
    v1::StopRef { stop: Some(v1::stop_ref::Stop::Sequence(sequence)), occurrence: 0 }
}
