//! Frames in, pieces out: reads durable frames from some position on.

use std::sync::Arc;

use berth_engine::persistence::{Frame, LogReader, Lsn, ReadError, ScanError};
use berth_inventory::Version;
use tokio::sync::mpsc::Sender;
use tonic::Status;

use super::pieces::{Pieces, Stop, Told};
use crate::desk::Desk;

/// What is to be told.
pub(super) struct Filter {
    /// Last frame.
    pub until: u64,
    /// Events still wanted.
    pub left: u64,
    /// A first frame that is not kept any more is a fault.
    pub exact: bool,
}

pub(super) struct Reader {
    desk: Arc<Desk>,
    log: LogReader,
    filter: Filter,
    pieces: Pieces,
    /// The next frame to be read.
    next: u64,
}

impl Reader {
    /// Blocks. The first frame that is read is `from`, or the first that is kept.
    pub fn open(
        desk: Arc<Desk>,
        from: Lsn,
        filter: Filter,
        out: Sender<Told>,
    ) -> Result<Self, (Sender<Told>, Status)> {
        let log = match desk.engine.read_log(from) {
            Ok(log) => log,
            Err(fault) => return Err((out, unread(&desk, from.0, &fault))),
        };
        let first = log.first().0;
        if filter.exact && from.0 < first {
            return Err((out, not_kept(from.0, first)));
        }
        let next = from.0.max(first);
        let pieces = Pieces::new(&desk, out, from.0, next);
        Ok(Self { desk, log, filter, pieces, next })
    }

    /// Tells everything up to the last durable frame. Blocks, also on a slow reader. Whether there
    /// may be more: false when all is told or the reader has gone.
    pub fn pump(&mut self) -> bool {
        match self.read() {
            Ok(more) => more,
            Err(why) => {
                self.pieces.end(why);
                false
            }
        }
    }

    fn read(&mut self) -> Result<bool, Stop> {
        let durable = *self.desk.engine.durable_lsn().borrow();
        let until = Lsn(durable.min(self.filter.until));
        self.log.follow_to(until).map_err(|fault| unread(&self.desk, self.next, &fault))?;
        let mut over = self.filter.until <= durable;
        while let Some(frame) = self.log.next() {
            let frame = frame.map_err(|fault| match fault {
                ReadError::Failed(fault) => unread(&self.desk, self.next, &fault),
                lost => Status::data_loss(lost.to_string()),
            })?;
            self.pieces.go_on_at(frame.lsn.0);
            self.take(&frame)?;
            if self.filter.left == 0 {
                over = true;
                break;
            }
            self.next = frame.lsn.0 + 1;
            self.pieces.go_on_at(self.next);
        }
        self.pieces.flush()?;
        Ok(!over)
    }

    fn take(&mut self, frame: &Frame) -> Result<(), Stop> {
        let desk = Arc::clone(&self.desk);
        let lsn = frame.lsn;
        for span in frame.sections.iter().flat_map(|section| &section.spans) {
            let Some(run) = desk.engine.front().directory.by_index(span.run) else {
                let why = format!("run number {} of frame {lsn} is not known", span.run);
                return Err(Status::internal(why).into());
            };
            for (event, version) in span.events.iter().zip(span.first.0..) {
                if self.filter.left == 0 {
                    return Ok(());
                }
                self.filter.left -= 1;
                self.pieces.push((lsn, span.at), run, Version(version), event)?;
            }
        }
        Ok(())
    }
}

fn not_kept(from: u64, first: u64) -> Status {
    let why = format!(
        "frame {from} is not kept any more; the first kept is {first} (the history of one run is \
         read by its name)"
    );
    Status::out_of_range(why)
}

/// The log cannot be read on at frame `next`: because that has been let go meanwhile, or else.
fn unread(desk: &Desk, next: u64, fault: &ScanError) -> Status {
    match (fault, desk.engine.first_kept()) {
        (ScanError::File(file), Ok(first)) if file.is_not_found() && next < first.0 => {
            not_kept(next, first.0)
        }
        _ => Status::internal(fault.to_string()),
    }
}
