//! The server under load: one that soak starts for itself and ends again, or one on this machine.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::SoakError;

/// Longest wait for `berth is serving on`.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for the end after SIGTERM; a stop in order takes 10 s at most.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A child that is ended with its handle.
pub struct OwnServer {
    child: Child,
    /// Of the public and of the admin listener.
    addresses: [SocketAddr; 2],
    /// Holds `data/` and `serve.log`.
    pub root: PathBuf,
    temporary: bool,
}

impl OwnServer {
    /// Starts this executable as a server on free ports.
    pub async fn start(data_dir: Option<&Path>) -> Result<Self, SoakError> {
        let temporary = data_dir.is_none();
        let root = data_dir.map_or_else(
            || std::env::temp_dir().join(format!("berth-soak-{}", uuid::Uuid::new_v4())),
            Path::to_path_buf,
        );
        std::fs::create_dir_all(&root)
            .map_err(|e| SoakError::Start { why: format!("{}: {e}", root.display()) })?;
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let (child, [public, admin]) = spawn(&root, [free, free]).await?;
        Ok(Self { child, addresses: [public, admin], root, temporary })
    }

    /// URL of its public listener.
    pub fn server(&self) -> String {
        format!("http://{}", self.addresses[0])
    }

    /// URL of its admin listener.
    pub fn admin_server(&self) -> String {
        format!("http://{}", self.addresses[1])
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// kill -9, and a start in the same place on the same ports.
    pub async fn kill_and_start(&mut self) -> Result<(), SoakError> {
        let fault = |e: std::io::Error| SoakError::Start { why: e.to_string() };
        self.child.kill().await.map_err(fault)?;
        (self.child, self.addresses) = spawn(&self.root, self.addresses).await?;
        Ok(())
    }

    /// Where its journal is.
    pub fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Ends it in order: SIGTERM, then wait. Says the exit code if it is not that of a stop in order.
    pub async fn stop(&mut self) -> Result<(), SoakError> {
        let log = self.root.join("serve.log");
        let fault = |why: String| SoakError::Stop { why, log: log.clone() };
        let running = self.child.try_wait().map_err(|e| fault(e.to_string()))?;
        if let Some(status) = running {
            return Err(fault(format!("it had ended before: {status}")));
        }
        let pid = self.child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
        let pid = pid.ok_or_else(|| fault("it has no process id".into()))?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .map_err(|e| fault(e.to_string()))?;
        let status = tokio::time::timeout(STOP_LIMIT, self.child.wait()).await;
        match status {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(fault(format!("{status}"))),
            Ok(Err(e)) => Err(fault(e.to_string())),
            Err(_) => Err(fault(format!("still there {STOP_LIMIT:?} after SIGTERM"))),
        }
    }

    /// Removes what is only of use after a violation. Returns what is left.
    pub fn clear(self, keep: bool) -> Option<PathBuf> {
        if keep || !self.temporary {
            return Some(self.root);
        }
        // What cannot be removed is only in the way.
        drop(std::fs::remove_dir_all(&self.root));
        None
    }
}

/// A server below `root` that listens there, once it is ready.
async fn spawn(
    root: &Path,
    [public, admin]: [SocketAddr; 2],
) -> Result<(Child, [SocketAddr; 2]), SoakError> {
    let fault = |why: String| SoakError::Start { why };
    let log = std::fs::OpenOptions::new().create(true).append(true).open(root.join("serve.log"));
    let log = log.map_err(|e| fault(e.to_string()))?;
    let program = std::env::current_exe().map_err(|e| fault(e.to_string()))?;
    let mut command = Command::new(program);
    // Its settings are this soak's alone.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BERTH_") {
            command.env_remove(name);
        }
    }
    let (public, admin) = (public.to_string(), admin.to_string());
    let mut child = command
        .args(["serve", "--listen", &public, "--admin-listen", &admin])
        .arg("--data-dir")
        .arg(root.join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| fault(e.to_string()))?;
    let stdout = child.stdout.take().ok_or_else(|| fault("it has no stdout".into()))?;
    let mut lines = BufReader::new(stdout).lines();
    let ready = tokio::time::timeout(READY_LIMIT, lines.next_line()).await;
    let line = match ready {
        Ok(Ok(Some(line))) => line,
        Ok(_) => return Err(fault(format!("it ended; see {}/serve.log", root.display()))),
        Err(_) => {
            let log = root.display();
            return Err(fault(format!("not ready after {READY_LIMIT:?}; see {log}/serve.log")));
        }
    };
    let (public, admin) = addresses(&line).ok_or_else(|| fault(format!("it said {line:?}")))?;
    // Whatever else it prints is read, so that it never waits for us.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, [public, admin]))
}

/// The two addresses of the ready line.
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (public, admin) = line.strip_prefix("berth is serving on ")?.split_once(", admin on ")?;
    Some((public.trim().parse().ok()?, admin.trim().parse().ok()?))
}

/// Refuses to put load on another machine.
pub fn is_loopback(url: &str) -> Result<(), SoakError> {
    let wrong = || SoakError::NotLoopback { url: url.chars().take(200).collect() };
    let uri: tonic::transport::Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return if address.is_loopback() { Ok(()) } else { Err(wrong()) };
    }
    let port = uri.port_u16().unwrap_or(50_051);
    let mut resolved = (host, port).to_socket_addrs().map_err(|_| wrong())?.peekable();
    let known = resolved.peek().is_some();
    if known && resolved.all(|address| address.ip().is_loopback()) { Ok(()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_both_listeners() {
        let line = "berth is serving on 127.0.0.1:40001, admin on 127.0.0.1:40002";
        let (public, admin) = addresses(line).unwrap();
        assert_eq!((public.port(), admin.port()), (40_001, 40_002));
        for other in ["", "berth is serving on x, admin on y", "ready"] {
            assert_eq!(addresses(other), None, "{other:?}");
        }
    }

    #[test]
    fn load_goes_to_this_machine_only() {
        for fine in ["http://127.0.0.1:50051", "http://[::1]:50051", "http://127.9.9.9:1"] {
            assert!(is_loopback(fine).is_ok(), "{fine}");
        }
        for other in
            ["http://10.0.0.1:50051", "http://192.0.2.1:1", "http://[2001:db8::1]:1", "", "x y"]
        {
            let fault = is_loopback(other).unwrap_err().to_string();
            assert!(fault.contains("loopback"), "{other}: {fault}");
        }
    }
}
