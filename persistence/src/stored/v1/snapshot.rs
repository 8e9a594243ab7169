//! Records of the snapshot log. A snapshot's state follows its record as raw bytes to the end of
//! the frame, so that the index of all snapshots is read without decoding a single state; only
//! whether a run is extra is read off the beginning of its state.

use std::sync::Arc;

use berth_inventory::{Digest, PlanHash, RunIndex, UnixMillis, Version};
use serde::{Deserialize, Serialize};

use super::event::run_id;
use super::state;
use crate::Lsn;
use crate::codec::{self, CodecFault};
use crate::snapshot::{Covered, SnapshotInfo};

/// What a frame of the snapshot log carries.
pub enum SnapRecord<'a> {
    /// A snapshot; its encoded state follows.
    Snapshot(SnapshotInfo, &'a [u8]),
    /// A catalogue text that snapshots refer to.
    PlanText(PlanHash, Arc<str>),
    /// How far snapshots cover the commit log.
    Covered(Covered),
}

/// Appends a snapshot and its state.
pub fn encode_snapshot(info: &SnapshotInfo, state: &[u8], out: &mut Vec<u8>) {
    let record = Record::Snapshot {
        train: info.run.train.as_str(),
        start_date: info.run.start_date.days(),
        index: info.index.0,
        version: info.version.0,
        lsn: info.lsn.0,
        plan: info.plan.0,
        digest: info.digest.0,
        live_holds: info.live_holds,
        next_deadline: info.next_deadline.map(|at| at.0),
        last_at: info.last_at.0,
        pnr_blocks: info.pnr_blocks.to_vec(),
        retired: info.retired,
    };
    codec::encode(&record, out);
    out.extend_from_slice(state);
}

/// Appends a catalogue text.
pub fn encode_plan_text(hash: PlanHash, text: &str, out: &mut Vec<u8>) {
    codec::encode(&Record::PlanText { hash: hash.0, text }, out);
}

/// Appends a cover mark.
pub fn encode_covered(covered: &Covered, out: &mut Vec<u8>) {
    let record = Record::Covered {
        lsn: covered.lsn.0,
        last_at: covered.last_at.0,
        next_run: covered.next_run.0,
        next_pnr_block: covered.next_pnr_block,
    };
    codec::encode(&record, out);
}

/// Decodes the payload of a frame.
pub fn decode_snap_record(mut payload: &[u8]) -> Result<SnapRecord<'_>, CodecFault> {
    Ok(match codec::decode::<Record<'_>>("snapshot record", &mut payload)? {
        Record::Snapshot {
            train,
            start_date,
            index,
            version,
            lsn,
            plan,
            digest,
            live_holds,
            next_deadline,
            last_at,
            pnr_blocks,
            retired,
        } => {
            let info = SnapshotInfo {
                run: run_id(train, start_date)?,
                index: RunIndex(index),
                version: Version(version),
                lsn: Lsn(lsn),
                plan: PlanHash(plan),
                digest: Digest(digest),
                live_holds,
                next_deadline: next_deadline.map(UnixMillis),
                last_at: UnixMillis(last_at),
                pnr_blocks: pnr_blocks.into(),
                retired,
                extra: state::is_extra(payload),
            };
            SnapRecord::Snapshot(info, payload)
        }
        Record::PlanText { hash, text } => SnapRecord::PlanText(PlanHash(hash), text.into()),
        Record::Covered { lsn, last_at, next_run, next_pnr_block } => {
            SnapRecord::Covered(Covered {
                lsn: Lsn(lsn),
                last_at: UnixMillis(last_at),
                next_run: RunIndex(next_run),
                next_pnr_block,
            })
        }
    })
}

#[derive(Serialize, Deserialize)]
enum Record<'a> {
    Snapshot {
        #[serde(borrow)]
        train: &'a str,
        start_date: i32,
        index: u32,
        version: u64,
        lsn: u64,
        plan: [u8; 32],
        digest: u128,
        live_holds: u32,
        next_deadline: Option<u64>,
        last_at: u64,
        pnr_blocks: Vec<u32>,
        retired: bool,
    },
    PlanText {
        hash: [u8; 32],
        #[serde(borrow)]
        text: &'a str,
    },
    Covered {
        lsn: u64,
        last_at: u64,
        next_run: u32,
        next_pnr_block: u32,
    },
}
