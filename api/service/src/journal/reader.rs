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
    /// Nothing was read yet: who asked for what is kept may still begin later.
    untouched: bool,
}

impl Reader {
    /// Blocks. The first frame that is read is `from`, or the first that is kept.
    pub fn open(
        desk: Arc<Desk>,
        from: Lsn,
        filter: Filter,
        out: Sender<Told>,
    ) -> Result<Self, (Sender<Told>, Status)> {
        let log = loop {
            match desk.engine.read_log(from) {
                Ok(log) => break log,
                // The first segment went between the look and the opening.
                Err(fault) if !filter.exact && has_gone(&fault) => {}
                Err(fault) => return Err((out, unread(&desk, from.0, &fault))),
            }
        };
        let first = log.first().0;
        if filter.exact && from.0 < first {
            return Err((out, not_kept(from.0, first)));
        }
        let next = from.0.max(first);
        let pieces = Pieces::new(&desk, out, from.0, next);
        Ok(Self { desk, log, filter, pieces, next, untouched: true })
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
            let frame = match frame {
                Ok(frame) => frame,
                Err(ReadError::Failed(fault)) if self.may_begin_later(&fault) => {
                    self.begin_later(until)?;
                    continue;
                }
                Err(ReadError::Failed(fault)) => {
                    return Err(unread(&self.desk, self.next, &fault).into());
                }
                Err(lost) => return Err(Status::data_loss(lost.to_string()).into()),
            };
            self.untouched = false;
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

    fn may_begin_later(&self, fault: &ScanError) -> bool {
        self.untouched && !self.filter.exact && has_gone(fault)
    }

    /// What was first when this reader was opened has been let go since, and nothing of it told.
    fn begin_later(&mut self, until: Lsn) -> Result<(), Stop> {
        self.log = loop {
            match self.desk.engine.read_log(Lsn(self.next)) {
                Ok(log) => break log,
                Err(fault) if has_gone(&fault) => {}
                Err(fault) => return Err(unread(&self.desk, self.next, &fault).into()),
            }
        };
        self.log.follow_to(until).map_err(|fault| unread(&self.desk, self.next, &fault))?;
        self.next = self.next.max(self.log.first().0);
        self.pieces.go_on_at(self.next);
        Ok(())
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
                self.pieces.push((lsn, span.at), &run, Version(version), event)?;
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

fn has_gone(fault: &ScanError) -> bool {
    matches!(fault, ScanError::File(file) if file.is_not_found())
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
