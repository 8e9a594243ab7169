//! Which server a client command speaks to, and how it says what it heard.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use berth_client::{Admin, Calls, Client, Credentials, Options, Token};
use clap::Args;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::said::{Fault, Said, finish};

/// Flags of every client command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server and output")]
pub struct Target {
    /// Public listener of the server
    #[arg(
        long,
        env = "BERTH_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:50051"
    )]
    pub server: String,
    /// Admin listener of the server
    #[arg(
        long,
        env = "BERTH_ADMIN_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:50052"
    )]
    pub admin_server: String,
    /// Roots of the server's certificate (PEM), for https
    #[arg(long, env = "BERTH_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Certificate to show to the server (PEM)
    #[arg(long, env = "BERTH_CERT", value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Private key of that certificate (PEM)
    #[arg(long, env = "BERTH_KEY", value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// File with the token that calls carry
    #[arg(long, env = "BERTH_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Print one JSON object (or JSON lines) on stdout
    #[arg(long)]
    pub json: bool,
    /// IANA zone of the railway: for the words today, tomorrow, +N, and for times shown to people
    #[arg(long, env = "BERTH_ZONE", value_name = "ZONE", default_value = "Asia/Kolkata")]
    pub zone: String,
    /// How long to wait for an answer, such as 5s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = span)]
    pub timeout: Duration,
}

impl Target {
    /// Runs a client command to its end.
    pub fn drive(&self, command: impl Future<Output = Result<Said, Fault>>) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let ended = runtime.map_err(Fault::Start).and_then(|runtime| runtime.block_on(command));
        finish(self.json, ended)
    }

    /// Connects to the public listener.
    pub async fn client(&self) -> Result<Client, Fault> {
        let credentials = self.credentials()?;
        Ok(Client::connect_secured(&self.server, self.options(), &credentials).await?)
    }

    /// Connects to the admin listener.
    pub async fn admin(&self) -> Result<Admin, Fault> {
        let credentials = self.credentials()?;
        Ok(Admin::connect_secured(&self.admin_server, self.options(), &credentials).await?)
    }

    /// The railway's zone.
    pub fn zone(&self) -> Result<TimeZone, Fault> {
        TimeZone::get(&self.zone).map_err(|_| Fault::Zone { zone: self.zone.clone() })
    }

    fn credentials(&self) -> Result<Credentials, Fault> {
        let mut credentials = Credentials::default();
        if let Some(ca) = &self.ca {
            credentials = credentials.trusting(read("--ca", ca)?);
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            credentials = credentials.showing(read("--cert", cert)?, read("--key", key)?);
        }
        if let Some(token) = &self.token_file {
            let token = Token::new(&read("--token-file", token)?)?;
            credentials = credentials.saying(token);
        }
        Ok(credentials)
    }

    fn options(&self) -> Options {
        Options {
            connect_timeout: self.timeout,
            call_timeout: self.timeout,
            // One call a process: nothing to travel with.
            calls: Calls::Single,
            ..Options::default()
        }
    }
}

fn read(flag: &'static str, path: &Path) -> Result<String, Fault> {
    fs::read_to_string(path).map_err(|why| Fault::File { flag, path: path.to_owned(), why })
}

/// A span of time: `90s`, `5m`, `1m 30s`, `500ms`. The server checks its bounds.
pub fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a span of time: expected such as 90s, 5m or 500ms");
    let span: SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(span).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_as_people_write_them() {
        let table = [("5m", 300_000), ("90s", 90_000), ("1m 30s", 90_000), ("500ms", 500)];
        for (text, ms) in table {
            assert_eq!(span(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for wrong in ["", "5", "-5m", "soon", "1y"] {
            assert!(span(wrong).is_err(), "{wrong:?}");
        }
    }
}
