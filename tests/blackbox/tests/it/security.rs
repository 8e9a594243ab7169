//! Who gets in, and what comes of those who attack: each ends refused and counted, memory stays what
//! it was, and everybody else is served.
//!
//! `tls`: certificates. `tokens`: credentials and roles. `rates`: how much one may ask for. `floods`
//! and `doors`: bytes of no caller. All of it is on loopback, bounded, and against a server that the
//! test started.

mod doors;
mod floods;
mod issuer;
mod rates;
mod tls;
mod tokens;

use std::path::PathBuf;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::asking::{Answered as _, reserve};
use crate::server::Server;

/// More than this nothing here makes a server keep, whatever is sent.
const MEMORY_MAX: u64 = 64 << 20;

/// A file of `fixtures/tls`.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls").join(name)
}

/// The same as text.
fn read(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).expect("a fixture")
}

/// A caller like any other is served.
async fn others_are_served(server: &Server) {
    server.client().await.reserve(reserve("10001", 1)).await.unwrap().done();
}

/// Waits until the server has hung up.
async fn hung_up(mut socket: TcpStream) {
    let mut rest = [0; 4_096];
    // A reset is as good as an end.
    while let Ok(1..) = socket.read(&mut rest).await {}
}

/// The line that counts refused connections of the public listener.
fn refused(reason: &str) -> String {
    format!("berth_connections_refused_total{{listener=\"public\",reason=\"{reason}\"}}")
}
