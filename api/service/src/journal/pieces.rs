//! Events on their way to a connection, cut into messages of about a mebibyte.

use std::sync::Arc;

use berth_engine::node::RunEntry;
use berth_engine::persistence::Lsn;
use berth_inventory::{Event, UnixMillis, Version};
use berth_proto::v1;
use prost::Message as _;
use tokio::sync::mpsc::Sender;
use tonic::Status;

use crate::desk::Desk;
use crate::wire;

/// Bytes of events of one message; one event may exceed it, 4 MiB are allowed.
const PIECE_BYTES: usize = 1 << 20;

/// Events of one message, and where to go on behind them.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub events: Vec<v1::JournalEvent>,
    pub next_lsn: u64,
}

/// What a connection is sent.
pub(super) type Told = Result<Piece, Status>;

/// Why a reader stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nobody listens.
    Gone,
    Status(Status),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// The message being filled.
pub(super) struct Pieces {
    desk: Arc<Desk>,
    out: Sender<Told>,
    piece: Piece,
    bytes: usize,
    /// `next_lsn` of the last message.
    told: u64,
}

impl Pieces {
    pub fn new(desk: &Arc<Desk>, out: Sender<Told>, from: u64, next_lsn: u64) -> Self {
        let piece = Piece { events: Vec::new(), next_lsn };
        Self { desk: Arc::clone(desk), out, piece, bytes: 0, told: from }
    }

    /// Where to go on behind what was taken in so far.
    pub fn go_on_at(&mut self, next_lsn: u64) {
        self.piece.next_lsn = next_lsn;
    }

    /// Takes an event in; blocks on a slow reader once a message is full.
    pub fn push(
        &mut self,
        (lsn, at): (Lsn, UnixMillis),
        run: &RunEntry,
        version: Version,
        event: &Event,
    ) -> Result<(), Stop> {
        let names = &self.desk.engine.front().names;
        let plan = run.plan();
        let event = wire::journal_event((lsn.0, at), (run.id, version), event, &plan, names);
        self.bytes += event.encoded_len();
        self.piece.events.push(event);
        if self.bytes >= PIECE_BYTES { self.send() } else { Ok(()) }
    }

    /// Sends what is left, or that the place to go on at has moved.
    pub fn flush(&mut self) -> Result<(), Stop> {
        if self.piece.events.is_empty() && self.piece.next_lsn == self.told {
            return Ok(());
        }
        self.send()
    }

    /// Says why there is no more; whoever does not listen needs no reason.
    pub fn end(&mut self, why: Stop) {
        if let Stop::Status(status) = why {
            // What was read before the fault is right.
            if self.flush().is_ok() {
                let _ = self.out.blocking_send(Err(status));
            }
        }
    }

    fn send(&mut self) -> Result<(), Stop> {
        let next_lsn = self.piece.next_lsn;
        let piece = core::mem::replace(&mut self.piece, Piece { events: Vec::new(), next_lsn });
        self.bytes = 0;
        self.told = next_lsn;
        self.out.blocking_send(Ok(piece)).map_err(|_| Stop::Gone)
    }
}
