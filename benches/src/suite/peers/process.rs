//! A server of somebody else, as a child process: found, started, measured and stopped.
//!
//! Only processes that were started here are ever signalled, by their id.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to start or to stop in order.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// A tick of the times in /proc: user space sees 100 a second on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// Why a peer does not take part.
#[derive(Debug, thiserror::Error)]
pub enum Absent {
    /// Not on this machine.
    #[error("{program} is not installed; Debian's package is {package}")]
    NotInstalled { program: &'static str, package: &'static str },
    /// Its driver is not in this program.
    #[cfg(not(feature = "peers"))]
    #[error(
        "this program was built without the driver of {program}; run it as `cargo run --release \
         -p berth-benches --features peers -- SUITE`"
    )]
    NotBuilt { program: &'static str },
    /// It refuses to run as root, and there is nobody else to be.
    #[error("{program} does not run as root and the user {user} does not exist; create it")]
    NoUser { program: &'static str, user: &'static str },
    /// It did not do what it must.
    #[error("{program} failed: {why}; its log: {}", log.display())]
    Failed { program: &'static str, why: String, log: PathBuf },
}

/// The path of a program, on PATH or in one of the folders.
pub fn find(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    folders.iter().chain(&on_path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// What a program says to `--version`, as far as it is of use.
pub fn version(program: &Path) -> Option<String> {
    let said = Command::new(program).arg("--version").output().ok()?;
    let line = String::from_utf8_lossy(&said.stdout).lines().next()?.trim().to_owned();
    // Redis goes on with its build.
    Some(line.split(" sha=").next()?.to_owned())
}

/// A port of the loopback interface that nobody listens on.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Another user to run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

impl User {
    /// The user of that name in the text of /etc/passwd.
    pub fn named(name: &str, passwd: &str) -> Option<Self> {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let entry = passwd.lines().map(fields).find(|fields| fields[0] == name)?;
        Some(Self { uid: entry.get(2)?.parse().ok()?, gid: entry.get(3)?.parse().ok()? })
    }
}

/// A running server. Dropped, it is told to stop and waited for.
#[derive(Debug)]
pub struct Server {
    program: &'static str,
    child: Child,
    stop: Signal,
    log: PathBuf,
}

impl Server {
    /// Starts `command` with its output in `log`; `stop` is the signal that it takes for an order
    /// to stop at once.
    pub fn start(
        program: &'static str,
        mut command: Command,
        user: Option<User>,
        stop: Signal,
        log: &Path,
    ) -> Result<Self, Absent> {
        let failed =
            |e: io::Error| Absent::Failed { program, why: e.to_string(), log: log.to_owned() };
        if let Some(User { uid, gid }) = user {
            command.uid(uid).gid(gid);
        }
        let out = File::options().create(true).append(true).open(log).map_err(failed)?;
        command.stdin(Stdio::null()).stderr(out.try_clone().map_err(failed)?).stdout(out);
        let child = command.spawn().map_err(failed)?;
        Ok(Self { program, child, stop, log: log.to_owned() })
    }

    /// Asks `ready` until it has something.
    pub fn wait_until<T>(
        &mut self,
        mut ready: impl FnMut() -> Result<T, String>,
    ) -> Result<T, Absent> {
        let begun = Instant::now();
        loop {
            let why = match ready() {
                Ok(it) => return Ok(it),
                Err(why) => why,
            };
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.failed(format!("it ended with {status}")));
            }
            if begun.elapsed() > PATIENCE {
                return Err(self.failed(format!("not ready after {PATIENCE:?}: {why}")));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits for a program that ends by itself.
    pub fn finish(mut self) -> Result<(), Absent> {
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(self.failed(format!("it ended with {status}"))),
            Err(e) => Err(self.failed(e.to_string())),
        }
    }

    pub fn failed(&self, why: impl Into<String>) -> Absent {
        Absent::Failed { program: self.program, why: why.into(), log: self.log.clone() }
    }

    /// CPU time that the process and its children have used so far, ended ones included.
    pub fn cpu(&self) -> Duration {
        let root = self.child.id();
        let mut ticks = 0;
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
            else {
                continue;
            };
            // A process may end while we look.
            let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
            let Some(stat) = Stat::read(&stat) else { continue };
            if pid == root {
                ticks += stat.own + stat.ended_children;
            } else if stat.parent == root {
                ticks += stat.own;
            }
        }
        TICK * ticks
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return };
        // It may have ended already; the child is not reaped yet, so its id is still its own.
        let _ = kill_process(pid, self.stop);
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// What /proc/PID/stat says, in ticks.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own: u32,
    ended_children: u32,
}

impl Stat {
    fn read(text: &str) -> Option<Self> {
        // The name of the program stands in parentheses and may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
        Some(Self {
            parent: number(1)?,
            own: number(11)? + number(12)?,
            ended_children: number(13)? + number(14)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgres:x:104:109:,,,:/var:/bin/bash\n";
        assert_eq!(User::named("postgres", passwd), Some(User { uid: 104, gid: 109 }));
        assert_eq!(User::named("post", passwd), None);
    }

    #[test]
    fn times_are_read_behind_any_name() {
        let line = "7 (a b) c) S 3 7 7 0 -1 4194560 1 2 0 0 10 20 30 40 20 0 1 0";
        assert_eq!(Stat::read(line), Some(Stat { parent: 3, own: 30, ended_children: 70 }));
    }
}
