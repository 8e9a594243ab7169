//! The history of one run, in pieces.

use core::ops::RangeInclusive;
use std::sync::Arc;

use berth_engine::node::RunEntry;
use berth_engine::{HistoryError, RunHistory};
use berth_inventory::{Millis, Version};
use tokio::sync::mpsc::Sender;
use tonic::{Code, Status};

use super::pieces::{Pieces, Stop, Told};
use crate::desk::Desk;
use crate::wire::Trouble;

/// How long a caller is asked to wait while the event store is opened or repaired.
const RETRY_STORE: Millis = Millis(1_000);

/// Tells up to `limit` events of `versions`. Blocks, also on a slow reader.
pub(super) fn tell(
    desk: &Arc<Desk>,
    run: &RunEntry,
    versions: RangeInclusive<Version>,
    limit: u64,
    out: Sender<Told>,
) {
    // Nobody has touched it: its history is empty.
    let Some(mut history) = desk.engine.history(run, versions) else { return };
    let mut pieces = Pieces::new(desk, out, 0, 0);
    if let Err(why) = tell_all(&mut history, run, limit, &mut pieces) {
        pieces.end(why);
    }
}

fn tell_all(
    history: &mut RunHistory,
    run: &RunEntry,
    limit: u64,
    pieces: &mut Pieces,
) -> Result<(), Stop> {
    let mut left = limit;
    while let Some(batch) = history.next_batch().map_err(|fault| status(&fault))? {
        for event in batch {
            // The frame may hold more of the run than was asked for: it is told again then.
            pieces.go_on_at(event.lsn.0);
            pieces.push((event.lsn, event.at), run, event.version, &event.event)?;
            left -= 1;
            if left == 0 {
                return pieces.flush();
            }
        }
    }
    pieces.go_on_at(history.next_lsn().0);
    pieces.flush()
}

fn status(fault: &HistoryError) -> Status {
    let said = fault.to_string();
    match fault {
        HistoryError::NotKept { .. } => Status::out_of_range(said),
        HistoryError::NotYet { .. } => {
            Trouble::new(Code::Unavailable, said).retry_after(RETRY_STORE).into_status()
        }
        HistoryError::Gap { .. } | HistoryError::Damaged(_) => Status::data_loss(said),
        HistoryError::Scan(_) => Status::internal(said),
    }
}
