//! The two servers under load, each a process of its own on free ports of this machine: `berth
//! serve`, and an echo of it (this program again, with a hidden command). Both end with their value.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::fault::{Bench, BenchError};

/// Longest wait for the line that says it serves.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// Longest wait for the end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at a child that is stopping.
const GLANCE: Duration = Duration::from_millis(5);

/// The runtime an echo runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Flavour {
    /// One thread.
    CurrentThread,
    /// One worker for each core, as `berth serve` has.
    MultiThread,
}

impl Flavour {
    /// Both.
    pub const ALL: [Self; 2] = [Self::CurrentThread, Self::MultiThread];

    /// As the command line says it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::CurrentThread => "current-thread",
            Self::MultiThread => "multi-thread",
        }
    }
}

/// A child that serves, ended with the value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    who: String,
    /// `http://127.0.0.1:40001`, the public listener.
    pub address: String,
    /// The admin listener; of an echo the same as `address`.
    pub admin: String,
    /// Where what it says on stderr is kept; none for an echo.
    log: Option<PathBuf>,
}

impl Server {
    /// Starts `berth serve` on this catalogue and data directory, with default flags but for `more`.
    ///
    /// # Errors
    /// The binary is not there, or it did not say that it serves.
    pub fn berth(bin: &Path, catalogue: &Path, data_dir: &Path, more: &[&str]) -> Bench<Self> {
        if !bin.exists() {
            return Err(BenchError::NoServer { path: bin.to_owned() });
        }
        std::fs::create_dir_all(data_dir)
            .map_err(BenchError::io(format!("make {}", data_dir.display())))?;
        let log = data_dir.with_extension("log");
        let mut command = Command::new(bin);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .arg("--catalogue")
            .arg(catalogue)
            .arg("--data-dir")
            .arg(data_dir)
            .args(more);
        Self::start("berth serve", command, "berth is serving on ", Some(log))
    }

    /// Starts an echo.
    ///
    /// # Errors
    /// It did not say that it serves.
    pub fn echo(flavour: Flavour, more: &[&str]) -> Bench<Self> {
        let program = std::env::current_exe().map_err(BenchError::io("find this program"))?;
        let mut command = Command::new(program);
        command.args(["echo-server", "--flavour", flavour.word()]).args(more);
        Self::start(&format!("echo {}", flavour.word()), command, "echo is serving on ", None)
    }

    fn start(who: &str, mut command: Command, ready: &str, log: Option<PathBuf>) -> Bench<Self> {
        let fault = |why: String| BenchError::Child { who: who.to_owned(), deed: "start", why };
        // Its settings are this bench's alone.
        let ours = std::env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name: &OsString| name.to_string_lossy().starts_with("BERTH_")) {
            command.env_remove(name);
        }
        let stderr = match &log {
            Some(path) => std::fs::File::create(path)
                .map_err(BenchError::io(format!("write {}", path.display())))?
                .into(),
            None => Stdio::inherit(),
        };
        let mut child = command
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|source| fault(source.to_string()))?;
        let stdout = child.stdout.take().ok_or_else(|| fault("it has no stdout".into()))?;
        // Whatever else it prints is read too, so that it never waits for us.
        let (said, lines) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                drop(said.try_send(line));
            }
        });
        let line = lines.recv_timeout(READY_LIMIT);
        let mut server =
            Self { child, who: who.to_owned(), address: String::new(), admin: String::new(), log };
        let line =
            line.map_err(|_| fault(format!("it ended or was not ready; {}", server.tail())))?;
        let (public, admin) = addresses(&line, ready)
            .ok_or_else(|| fault(format!("it said {line:?}; {}", server.tail())))?;
        (server.address, server.admin) = (format!("http://{public}"), format!("http://{admin}"));
        Ok(server)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU it has used so far, user and system, all threads, ended ones too.
    pub fn cpu(&self) -> Duration {
        cpu_of(&self.pid().to_string())
    }

    /// Resident memory, bytes.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1_024
    }

    /// Ends it in order: SIGTERM, then wait.
    ///
    /// # Errors
    /// It had ended before, or ended with a code.
    pub fn stop(mut self) -> Bench<()> {
        let who = self.who.clone();
        let fault = |why: String| BenchError::Child { who: who.clone(), deed: "stop", why };
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(fault(format!("it had ended before: {status}; {}", self.tail())));
        }
        self.terminate();
        let begun = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(fault(format!("{status}; {}", self.tail()))),
                Ok(None) if begun.elapsed() > STOP_LIMIT => {
                    return Err(fault(format!("still there {STOP_LIMIT:?} after SIGTERM")));
                }
                Ok(None) => std::thread::sleep(GLANCE),
                Err(source) => return Err(fault(source.to_string())),
            }
        }
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    fn terminate(&self) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// All that it has said on its log.
    pub fn said(&self) -> String {
        self.log.as_ref().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
    }

    /// The end of what it said.
    fn tail(&self) -> String {
        let Some(path) = &self.log else { return "it says why above".into() };
        let text = self.said();
        let lines: Vec<_> = text.lines().rev().take(3).collect();
        format!("{} ends with {lines:?}", path.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

/// CPU this process has used so far.
pub fn own_cpu() -> Duration {
    cpu_of("self")
}

fn cpu_of(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let ticks = ticks(&stat).unwrap_or(0);
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// User and system ticks of a line of `/proc/PID/stat`. The name of the process may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// The addresses of a ready line: `<ready>A, admin on B`, or `<ready>A`.
fn addresses<'a>(line: &'a str, ready: &str) -> Option<(&'a str, &'a str)> {
    let rest = line.strip_prefix(ready)?.trim();
    Some(rest.split_once(", admin on ").unwrap_or((rest, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_line_names_one_or_two_listeners() {
        let line = "berth is serving on 127.0.0.1:1, admin on 127.0.0.1:2";
        assert_eq!(addresses(line, "berth is serving on "), Some(("127.0.0.1:1", "127.0.0.1:2")));
        let line = "echo is serving on 127.0.0.1:3";
        assert_eq!(addresses(line, "echo is serving on "), Some(("127.0.0.1:3", "127.0.0.1:3")));
        assert_eq!(addresses("something else", "echo is serving on "), None);
    }

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 100 1000 50";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks(""), None);
        assert!(own_cpu() < Duration::from_secs(86_400));
    }
}
