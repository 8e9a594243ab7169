//! The kept snapshots: at most two of each run.

use berth_persistence::{FileSnapshots, Snapshots as _, file_name};
use serde::Serialize;

use super::Wrong;

/// One snapshot.
#[derive(Debug, Serialize)]
pub struct SnapshotView {
    train: String,
    start_date: String,
    run_number: u32,
    version: u64,
    lsn: u64,
    digest: String,
    live_holds: u32,
    last_at: String,
    retired: bool,
    file: String,
    offset: u64,
    bytes: u64,
    latest: bool,
}

impl SnapshotView {
    pub fn text(&self) -> String {
        format!(
            "snapshot     {:<6} of {}  version {:<6} frame {:<8} digest {}  {} bytes{}",
            self.train,
            self.start_date,
            self.version,
            self.lsn,
            self.digest,
            self.bytes,
            if self.latest { "" } else { "  (older)" }
        )
    }
}

/// Every kept snapshot, by run number; each is decoded and its digest checked.
pub fn list(snapshots: &FileSnapshots, wrong: &mut Wrong) -> Vec<SnapshotView> {
    let mut views = Vec::new();
    for index in snapshots.runs() {
        for (nth, place) in snapshots.places(index).into_iter().enumerate() {
            let is_latest = nth == 0;
            let loaded =
                if is_latest { snapshots.load(index) } else { snapshots.load_older(index) };
            match loaded {
                Ok((info, _)) => views.push(SnapshotView {
                    train: info.run.train.to_string(),
                    start_date: info.run.start_date.to_string(),
                    run_number: index.0,
                    version: info.version.0,
                    lsn: info.lsn.0,
                    digest: info.digest.to_string(),
                    live_holds: info.live_holds,
                    last_at: info.last_at.to_string(),
                    retired: info.retired,
                    file: file_name(place.segment),
                    offset: place.offset,
                    bytes: place.bytes,
                    latest: is_latest,
                }),
                Err(fault) => wrong.damage.push(fault.to_string()),
            }
        }
    }
    views
}
