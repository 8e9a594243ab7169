//! Why a soak came to nothing, and what to do about it.

use std::path::PathBuf;
use std::time::Duration;

use berth_client::ClientError;

/// Why a soak came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SoakError {
    /// Not on this machine.
    #[error(
        "{url:?} is not a loopback address: soak puts load on this machine only, such as \
         http://127.0.0.1:50051"
    )]
    NotLoopback {
        /// What was given.
        url: String,
    },
    /// Its own server.
    #[error("its own server did not start: {why}")]
    Start {
        /// What happened.
        why: String,
    },
    /// Only its own server may be killed.
    #[error("the fault kill ends a server: it goes with soak's own only, so leave --server out")]
    NotOurs,
    /// A restart moves deadlines.
    #[error(
        "the fault kill does not go with the scenario expiry: a restart gives holds grace, so none \
         expires in time"
    )]
    Grace,
    /// Its own server's end.
    #[error("its own server did not stop in order: {why}; see {}", log.display())]
    Stop {
        /// What happened.
        why: String,
        /// Its log.
        log: PathBuf,
    },
    /// Nothing to play on.
    #[error("{found} runs to play on: the server has too few of the trains that come with berth")]
    NoRuns {
        /// How many there are.
        found: usize,
    },
    /// A server that was set otherwise.
    #[error(
        "the server takes no hold of {ttl:?} (ttl {why}): name --admin-server, so that soak asks for \
         its bounds"
    )]
    Bounds {
        /// What was asked for.
        ttl: Duration,
        /// What the server says of it.
        why: String,
    },
    /// A berth map that does not fit.
    #[error("the berth map of run {run} has {berths} berths, another number than before")]
    Map {
        /// Which run.
        run: String,
        /// How many it has now.
        berths: usize,
    },
    /// A run does not come to rest.
    #[error(
        "run {run} keeps changing although soak asks for nothing: is somebody else selling it?"
    )]
    Restless {
        /// Which run.
        run: String,
    },
    /// The journal cannot be read.
    #[error("the journal cannot be read: {why}")]
    Journal {
        /// Why.
        why: String,
    },
    /// The zone does not exist.
    #[error("{zone:?} is not a time zone: expected an IANA name such as Asia/Kolkata")]
    Zone {
        /// What was given.
        zone: String,
    },
    /// A call.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Threads.
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
}
