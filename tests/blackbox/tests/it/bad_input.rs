//! Bad input gets a clear answer and leaves no event; the server goes on.
//!
//! `messages`: requests that cannot mean anything. `wire_level`: what is no message at all.
//! `strangers`: names of holds and bookings that lead nowhere. `catalogues`, `data_dirs`: what a
//! server will not start with.

mod catalogues;
mod data_dirs;
mod messages;
mod strangers;
mod wire_level;

use crate::asking::{Answered as _, reserve};
use crate::server::Server;

/// A server that something bad is tried on, and what its journal was before.
struct Victim {
    server: Server,
    before: (u64, u64),
}

impl Victim {
    /// With one hold, so that a run is awake and the journal has events.
    async fn new() -> Self {
        let server = Server::start();
        server.client().await.reserve(reserve("10001", 1)).await.unwrap().done();
        let before = server.written().await;
        Self { server, before }
    }

    /// Nothing was written, and the next customer is served.
    async fn goes_unharmed(self) {
        assert_eq!(self.server.written().await, self.before, "no event was written");
        self.server.client().await.reserve(reserve("10001", 1)).await.unwrap().done();
    }
}
