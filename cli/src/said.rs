//! What a client command has to say, and the only place that says it.
//!
//! On stdout: the text, or with `--json` one object on one line. On stderr: faults, and without
//! `--json` refusals. A reader of stdout that goes away ends the command quietly.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use berth_client::ClientError;
use berth_client::v1;
use serde::Serialize;

use crate::view::refusal::RefusedView;

/// Exit codes. They are promised in README.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The server, the network, a file.
    Fault = 1,
    /// The command line, also where the server says so.
    Usage = 2,
    /// The answer is no.
    Refusal = 3,
    /// The journal is damaged, or an invariant is broken.
    Damaged = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The client's.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The answer holds nothing this program knows.
    #[error("the server's answer is of a kind this program does not know; update it")]
    UnknownAnswer,
    /// The zone does not exist.
    #[error("{zone:?} is not a time zone: expected an IANA name such as Asia/Kolkata")]
    Zone {
        /// What was given.
        zone: String,
    },
    /// A file that a flag names.
    #[error("cannot read {} for {flag}: {why}; name a file that is there", .path.display())]
    File {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// A stream broke.
    #[error("the answers broke off: {0}")]
    Stream(Box<tonic::Status>),
    /// No runtime.
    #[error("cannot start: {0}")]
    Start(io::Error),
    /// Stdout is closed or full.
    #[error("cannot write to stdout: {0}")]
    Stdout(io::Error),
}

impl Fault {
    /// What the process ends with.
    pub const fn exit(&self) -> Exit {
        match self {
            // The server reads the command line too: a ttl of a year, a hold id of three letters.
            Self::Zone { .. }
            | Self::File { .. }
            | Self::Client(ClientError::Invalid { .. } | ClientError::Token) => Exit::Usage,
            Self::Client(_)
            | Self::UnknownAnswer
            | Self::Stream(_)
            | Self::Start(_)
            | Self::Stdout(_) => Exit::Fault,
        }
    }
}

/// An answer in both forms.
#[derive(Debug)]
pub struct Said {
    json: String,
    text: String,
    refused: bool,
}

impl Said {
    /// What was asked for was done.
    pub fn done(view: &impl Serialize, text: impl Display) -> Self {
        Self { json: line_of(view), text: text.to_string(), refused: false }
    }

    /// It was refused.
    pub fn refused(
        refusal: &v1::Refusal,
        run_version: u64,
        server_time: Option<&prost_types::Timestamp>,
    ) -> Self {
        let view = RefusedView::new(refusal, run_version, server_time);
        Self { json: line_of(&view), text: view.text(), refused: true }
    }

    /// A command that has said everything already.
    pub const fn nothing_more() -> Self {
        Self { json: String::new(), text: String::new(), refused: false }
    }

    /// Whether it is a no.
    pub const fn is_refusal(&self) -> bool {
        self.refused
    }

    /// Prints it now; for commands with more than one answer.
    pub fn print(&self, json: bool) -> Result<(), Fault> {
        match (json, self.refused) {
            (true, _) if self.json.is_empty() => Ok(()),
            (false, _) if self.text.is_empty() => Ok(()),
            (true, _) => print(&self.json),
            (false, false) => print(self.text.trim_end()),
            (false, true) => {
                eprintln!("berth: {}", self.text.trim_end());
                Ok(())
            }
        }
    }
}

/// Prints how a command ended and says its exit code.
pub fn finish(json: bool, ended: Result<Said, Fault>) -> ExitCode {
    let printed = ended.and_then(|said| said.print(json).map(|()| said.refused));
    match printed {
        Ok(refused) => if refused { Exit::Refusal } else { Exit::Done }.into(),
        Err(Fault::Stdout(why)) if why.kind() == io::ErrorKind::BrokenPipe => Exit::Done.into(),
        Err(fault) => {
            eprintln!("berth: {fault}");
            fault.exit().into()
        }
    }
}

fn line_of(view: &impl Serialize) -> String {
    serde_json::to_string(view).expect("views have no maps with keys that are not strings")
}

fn print(text: &str) -> Result<(), Fault> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Fault::Stdout)
}
