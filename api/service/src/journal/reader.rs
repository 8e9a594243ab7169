//! Frames in, pieces out: reads durable frames, keeps what is asked for, cuts it into messages.

use core::ops::RangeInclusive;
use std::sync::Arc;

use berth_engine::persistence::{Frame, LogReader, Lsn, Span};
use berth_inventory::{RunIndex, Version};
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

/// What is to be told.
pub(super) struct Filter {
    /// Only this run.
    pub run: Option<RunIndex>,
    /// Only these versions of it.
    pub versions: RangeInclusive<Version>,
    /// Last frame.
    pub until: u64,
    /// Events still wanted.
    pub left: u64,
    /// A first frame that is not kept any more is a fault.
    pub exact: bool,
}

impl Default for Filter {
    fn default() -> Self {
        let versions = Version(0)..=Version(u64::MAX);
        Self { run: None, versions, until: 0, left: 0, exact: false }
    }
}

pub(super) struct Reader {
    desk: Arc<Desk>,
    log: LogReader,
    filter: Filter,
    piece: Piece,
    bytes: usize,
    /// `next_lsn` of the last message.
    told: u64,
}

impl Reader {
    /// Blocks. The first frame that is read is `from`, or the first that is kept.
    pub fn open(desk: Arc<Desk>, from: Lsn, filter: Filter) -> Result<Self, Status> {
        let unread = |fault: &dyn core::fmt::Display| Status::internal(fault.to_string());
        let log = desk.engine.read_log(from).map_err(|fault| unread(&fault))?;
        let first = log.first().0;
        if filter.exact && from.0 < first {
            let why = format!("frame {} is not kept any more; the first kept is {first}", from.0);
            return Err(Status::out_of_range(why));
        }
        let next_lsn = from.0.max(first);
        let piece = Piece { events: Vec::new(), next_lsn };
        Ok(Self { desk, log, filter, piece, bytes: 0, told: from.0 })
    }

    /// Tells everything up to the last durable frame. Blocks, also on a slow reader. Whether there
    /// may be more: false when all is told or the reader has gone.
    pub fn pump(&mut self, out: &Sender<Result<Piece, Status>>) -> bool {
        match self.read(out) {
            Ok(more) => more,
            Err(Some(status)) => {
                // Whoever does not listen any more needs no reason.
                let _ = out.blocking_send(Err(status));
                false
            }
            Err(None) => false,
        }
    }

    /// `Err(None)`: nobody listens.
    fn read(&mut self, out: &Sender<Result<Piece, Status>>) -> Result<bool, Option<Status>> {
        let durable = *self.desk.engine.durable_lsn().borrow();
        let until = Lsn(durable.min(self.filter.until));
        let internal = |why: &dyn core::fmt::Display| Some(Status::internal(why.to_string()));
        self.log.follow_to(until).map_err(|fault| internal(&fault))?;
        let mut over = self.filter.until <= durable;
        while let Some(frame) = self.log.next() {
            let frame = frame.map_err(|fault| Some(Status::data_loss(fault.to_string())))?;
            self.piece.next_lsn = frame.lsn.0;
            over |= self.take(&frame, out)?;
            if over && self.filter.left == 0 || self.past_the_end(&frame) {
                over = true;
                break;
            }
            self.piece.next_lsn = frame.lsn.0 + 1;
        }
        if !self.piece.events.is_empty() || self.piece.next_lsn != self.told {
            self.send(out)?;
        }
        Ok(!over)
    }

    /// Whether the events wanted are all told with this frame.
    fn take(
        &mut self,
        frame: &Frame,
        out: &Sender<Result<Piece, Status>>,
    ) -> Result<bool, Option<Status>> {
        for span in frame.sections.iter().flat_map(|section| &section.spans) {
            if self.filter.run.is_some_and(|run| run != span.run) {
                continue;
            }
            self.take_span(frame.lsn, span, out)?;
            if self.filter.left == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take_span(
        &mut self,
        lsn: Lsn,
        span: &Span,
        out: &Sender<Result<Piece, Status>>,
    ) -> Result<(), Option<Status>> {
        let desk = Arc::clone(&self.desk);
        let front = desk.engine.front();
        let Some(run) = front.directory.by_index(span.run) else {
            let why = format!("run number {} of frame {} is not known", span.run, lsn.0);
            return Err(Some(Status::internal(why)));
        };
        let plan = run.plan();
        for (event, version) in span.events.iter().zip(span.first.0..) {
            if !self.filter.versions.contains(&Version(version)) {
                continue;
            }
            if self.filter.left == 0 {
                return Ok(());
            }
            self.filter.left -= 1;
            let (when, which) = ((lsn.0, span.at), (run.id, Version(version)));
            let event = wire::journal_event(when, which, event, &plan, &front.names);
            self.bytes += event.encoded_len();
            self.piece.events.push(event);
            if self.bytes >= PIECE_BYTES {
                self.send(out)?;
            }
        }
        Ok(())
    }

    /// Whether no later frame can hold a version that is asked for.
    fn past_the_end(&self, frame: &Frame) -> bool {
        let Some(run) = self.filter.run else { return false };
        let spans = frame.sections.iter().flat_map(|section| &section.spans);
        let mut of_run = spans.filter(|span| span.run == run);
        of_run.any(|span| span.first.0 + span.events.len() as u64 > self.filter.versions.end().0)
    }

    fn send(&mut self, out: &Sender<Result<Piece, Status>>) -> Result<(), Option<Status>> {
        let next_lsn = self.piece.next_lsn;
        let piece = core::mem::replace(&mut self.piece, Piece { events: Vec::new(), next_lsn });
        self.bytes = 0;
        self.told = next_lsn;
        out.blocking_send(Ok(piece)).map_err(|_| None)
    }
}
