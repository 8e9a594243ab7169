//! A `berth serve` of one's own: a child process on free ports with a data directory of its own.
//!
//! A `Home` is a data directory with a catalogue; servers start in it one after the other. Always
//! true: only the child that was started here is ever signalled, and it does not outlive its
//! `Server`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use berth_client::v1;
use berth_client::{Admin, BreakerPolicy, Calls, Client, Options, Policy, Session, SessionOptions};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};

use crate::patience::{PATIENCE, until};

/// The trains of these tests.
pub const CATALOGUE: &str = include_str!("../../fixtures/trains.jsonl");

/// Flags of a log whose every corner is soon seen: the smallest segments there are, snapshots all the
/// time, and no segment kept that nobody needs, so that the event store alone has the beginning.
pub const BOUNDED: &[&str] = &[
    "--retain-log-bytes",
    "0",
    "--log-segment-bytes",
    "65536",
    "--checkpoint-bytes",
    "30000",
    "--idle-seconds",
    "1",
];

/// A data directory with its catalogue. Clones share it; the last one removes it.
#[derive(Clone)]
pub struct Home(Arc<TempDir>);

impl Home {
    pub fn new() -> Self {
        Self::selling(CATALOGUE)
    }

    /// With a catalogue of its own.
    pub fn selling(catalogue: &str) -> Self {
        let home = Self(Arc::new(TempDir::new().expect("a temporary directory")));
        home.sell(catalogue);
        home
    }

    /// The next server sells these trains.
    pub fn sell(&self, catalogue: &str) {
        fs::write(self.catalogue(), catalogue).expect("a catalogue is written");
    }

    pub fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// Bytes in one folder of the data directory.
    pub fn bytes(&self, folder: &str) -> u64 {
        let files = fs::read_dir(self.data().join(folder)).expect("the folder is there");
        // A file may go while it is looked at.
        files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).sum()
    }

    /// The segments in one folder of the data directory, in order.
    pub fn segments(&self, folder: &str) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.data().join(folder))
            .expect("the folder is there")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|end| end == "seg"))
            .collect();
        files.sort();
        files
    }

    /// The first frame of the log that is kept.
    pub fn first_kept(&self) -> u64 {
        let first = self.segments("log").into_iter().next().expect("a log has a segment");
        let number = first.file_stem().and_then(|name| name.to_str()).expect("a number");
        number.parse().expect("a segment is named by its first frame")
    }

    pub fn catalogue(&self) -> PathBuf {
        self.beside("trains.jsonl")
    }

    /// A file beside the data directory.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program, in this place and with nothing said yet.
    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berth-under-test"));
        command.current_dir(self.0.path()).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// One command that ends by itself.
    pub fn berth(&self, arguments: &[&str]) -> Output {
        self.program().args(arguments).output().expect("the program under test starts")
    }

    fn command(&self, data: &Path, more: &[&str]) -> Command {
        let mut command = self.program();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            // Two workers show what lies between shards, also on a larger machine.
            .args(["--workers", "2"])
            .env("BERTH_MIN_FREE_BYTES", "0")
            .arg("--data-dir")
            .arg(data)
            .arg("--catalogue")
            .arg(self.catalogue())
            .args(more);
        command
    }

    /// Starts a server and waits until it is ready.
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, more: &[&str]) -> Server {
        let mut server = self.begin(more);
        server.wait_until_ready();
        server
    }

    /// Starts a server and does not wait for it.
    pub fn begin(&self, more: &[&str]) -> Server {
        self.begin_under(more, &[])
    }

    /// The same with more in its environment.
    pub fn begin_under(&self, more: &[&str], environment: &[(&str, String)]) -> Server {
        let log = self.0.path().join("stderr");
        let stderr = fs::File::create(&log).expect("a log file");
        let mut command = self.command(&self.data(), more);
        let mut child = command
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the program under test starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        Server {
            home: self.clone(),
            child,
            log,
            stdout: BufReader::new(stdout),
            listen: String::new(),
            admin_listen: String::new(),
        }
    }

    /// Starts a server that must not start, and gives its exit code and what it says.
    pub fn refuse(&self) -> (Option<i32>, String) {
        self.refuse_in(&self.data())
    }

    /// The same in another place.
    pub fn refuse_in(&self, data: &Path) -> (Option<i32>, String) {
        let output = self.command(data, &[]).output().expect("the program under test starts");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(stdout, "", "a server that does not start says so on stderr only");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// See the module.
pub struct Server {
    home: Home,
    child: Child,
    log: PathBuf,
    stdout: BufReader<ChildStdout>,
    listen: String,
    admin_listen: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the server said\n{}---", self.said());
        }
    }
}

impl Server {
    /// A fresh one, in a home of its own.
    pub fn start() -> Self {
        Home::new().serve()
    }

    fn wait_until_ready(&mut self) {
        assert!(self.comes_up(), "the server ended before it was ready");
    }

    /// Waits until it is ready, or has ended.
    pub fn comes_up(&mut self) -> bool {
        let mut line = String::new();
        while self.stdout.read_line(&mut line).expect("stdout is text") > 0 {
            let addresses = line.trim().strip_prefix("berth is serving on ");
            if let Some((listen, admin)) = addresses.and_then(|a| a.split_once(", admin on ")) {
                self.listen = format!("http://{listen}");
                self.admin_listen = format!("http://{admin}");
                return true;
            }
            line.clear();
        }
        false
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_some()
    }

    pub fn home(&self) -> Home {
        self.home.clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything on its stderr so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// URL of the public listener.
    pub fn url(&self) -> &str {
        &self.listen
    }

    /// URL of the admin listener.
    pub fn admin_url(&self) -> &str {
        &self.admin_listen
    }

    /// `HOST:PORT` of the public listener.
    pub fn address(&self) -> &str {
        self.listen.trim_start_matches("http://")
    }

    /// `HOST:PORT` of the admin listener.
    pub fn admin_address(&self) -> &str {
        self.admin_listen.trim_start_matches("http://")
    }

    /// A client on a connection of its own that makes calls of their own, tells the first status
    /// and never retries.
    pub async fn client(&self) -> Client {
        self.client_with(patient()).await
    }

    pub async fn client_with(&self, options: Options) -> Client {
        Client::connect_with(&self.listen, options).await.expect("the public listener answers")
    }

    /// As [`Server::client`]; `None` when the server is gone or going.
    pub async fn client_if_up(&self) -> Option<Client> {
        Client::connect_with(&self.listen, patient()).await.ok()
    }

    pub async fn admin(&self) -> Admin {
        Admin::connect_with(&self.admin_listen, patient())
            .await
            .expect("the admin listener answers")
    }

    /// A session on a connection of its own that tells the first fault and never opens its stream
    /// again.
    pub async fn session(&self, window: usize) -> Session {
        session_of(&self.client().await, window)
    }

    /// Bare connections, for what no client of ours would send.
    pub async fn channel(&self) -> Channel {
        channel(&self.listen).await
    }

    pub async fn admin_channel(&self) -> Channel {
        channel(&self.admin_listen).await
    }

    pub async fn stats(&self) -> v1::GetStatsResponse {
        let asked = self.admin().await.get_stats(v1::GetStatsRequest {}).await;
        asked.expect("GetStats answers")
    }

    /// What `/metrics` tells.
    pub async fn metrics(&self) -> String {
        self.metrics_with("").await
    }

    /// What it tells who shows a token.
    pub async fn metrics_as(&self, token: &str) -> String {
        self.metrics_with(&format!("authorization: Bearer {token}\r\n")).await
    }

    async fn metrics_with(&self, header: &str) -> String {
        let mut socket = TcpStream::connect(self.admin_address()).await.expect("it listens");
        let request =
            format!("GET /metrics HTTP/1.1\r\nhost: x\r\n{header}connection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("a request is sent");
        let mut text = String::new();
        socket.read_to_string(&mut text).await.expect("an answer is text");
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        text
    }

    /// What one line of `/metrics` counts: its name with all its labels.
    pub async fn counted(&self, line: &str) -> u64 {
        let text = self.metrics().await;
        let found = text.lines().find_map(|told| told.strip_prefix(line)?.strip_prefix(' '));
        let found = found.unwrap_or_else(|| panic!("no {line} in\n{text}"));
        found.parse().expect("a count")
    }

    /// Bytes that the process has in memory.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("a number");
        kilobytes.trim().parse::<u64>().expect("a number") << 10
    }

    /// Frame numbers and events: unchanged by what leaves no trace.
    pub async fn written(&self) -> (u64, u64) {
        let journal = self.stats().await.journal.expect("the journal's state");
        (journal.durable_lsn, journal.events)
    }

    /// kill -9, at once.
    pub fn kill(mut self) -> Home {
        self.child.kill().expect("the child is ours");
        self.child.wait().expect("the child is ours");
        self.home()
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// SIGHUP: read certificates and keys again.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process id");
        // A child that has ended on its own is found out by its exit status.
        let _ = kill_process(pid, signal);
    }

    /// Waits for its end; the rest of its stdout comes along.
    pub async fn ended(&mut self) -> (ExitStatus, String) {
        let status =
            until("the server ends", async || self.child.try_wait().expect("the child is ours"))
                .await;
        let mut rest = String::new();
        Read::read_to_string(&mut self.stdout, &mut rest).expect("stdout is text");
        (status, rest)
    }

    /// SIGTERM, and the end in order.
    pub async fn stop(mut self) -> Home {
        self.terminate();
        let (status, _) = self.ended().await;
        assert_eq!(status.code(), Some(0), "a stop in order; it said\n{}", self.said());
        self.home()
    }
}

pub fn patient() -> Options {
    Options {
        call_timeout: PATIENCE,
        connect_timeout: PATIENCE,
        retry: Policy::never(),
        breaker: BreakerPolicy::never(),
        calls: Calls::Single,
    }
}

async fn channel(address: &str) -> Channel {
    let endpoint = Endpoint::from_shared(address.to_owned()).expect("an address");
    let endpoint = endpoint.connect_timeout(Duration::from_secs(5)).tcp_nodelay(true);
    endpoint.connect().await.expect("the listener answers")
}

/// A session over this client that tells the first fault and never opens its stream again.
pub fn session_of(client: &Client, window: usize) -> Session {
    client.session(SessionOptions {
        window,
        timeout: PATIENCE,
        retry: Policy::never(),
        reconnect: Policy::never(),
        ..SessionOptions::default()
    })
}
