//! Why a bench did not give a figure.

use std::io;
use std::path::PathBuf;

/// Result of a bench.
pub type Bench<T> = Result<T, BenchError>;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file, a process, a socket.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// The server was not built.
    #[error(
        "no server at {}: build it with `cargo build --release -p berth_cli`, or name one with \
         --server-bin",
        .path.display()
    )]
    NoServer {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A child did not start or stop as it should.
    #[error("{who} did not {deed}: {why}")]
    Child {
        /// `berth serve` or `echo`.
        who: String,
        /// `start` or `stop`.
        deed: &'static str,
        /// What was seen.
        why: String,
    },
    /// What came over the wire is not what was asked for.
    #[error("the wire: {0}")]
    Wire(String),
    /// A run in which less was granted than belongs to it.
    #[error("void run: {granted} of {asked} granted where 99 % must be ({example}): another bench")]
    Void {
        /// Commands that were granted.
        granted: u64,
        /// Commands in all.
        asked: u64,
        /// The first refusal or fault.
        example: String,
    },
    /// More data than a bench may write.
    #[error("{bytes} bytes below {}, {limit} are allowed: shorten the rounds (--seconds)", .dir.display())]
    TooMuchData {
        /// The one directory.
        dir: PathBuf,
        /// What lies there.
        bytes: u64,
        /// What may.
        limit: u64,
    },
    /// Anything a suite finds for itself.
    #[error("{0}")]
    Other(String),
}

impl BenchError {
    /// An I/O fault with what was tried; to be used in `map_err`.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
