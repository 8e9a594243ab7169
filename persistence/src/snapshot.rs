//! Snapshots: the state of a run at a version, so that its earlier events need no replay.
//!
//! A snapshot is encoded where the run is, and appended once its version is durable in the commit
//! log: a snapshot never knows more than the log. The last two of a run are kept. A *cover mark*
//! says that every event up to some frame is in a snapshot; recovery replays what is behind it.

use std::sync::Arc;

use berth_inventory::{
    Digest, PlanHash, Run, RunId, RunIndex, RunState, UnixMillis, Version, planted,
};

use crate::codec::CodecFault;
use crate::file::FileError;
use crate::log::ScanError;
use crate::stored::v1;
use crate::{Cut, Damage, Lsn};

/// What is known of a snapshot without decoding it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Which dated train.
    pub run: RunId,
    /// Its number in the journal.
    pub index: RunIndex,
    /// The version it holds.
    pub version: Version,
    /// A frame up to which the run has exactly this version: the one that made it durable.
    pub lsn: Lsn,
    /// What the run is made of.
    pub plan: PlanHash,
    /// Digest of the state.
    pub digest: Digest,
    /// Holds that still keep somebody.
    pub live_holds: u32,
    /// The earliest deadline of these.
    pub next_deadline: Option<UnixMillis>,
    /// Stamp of the run's last event.
    pub last_at: UnixMillis,
    /// PNR blocks the run has leased.
    pub pnr_blocks: Box<[u32]>,
    /// Whether the run is over.
    pub retired: bool,
    /// Whether it was made outside the calendar. The state says it, no field of its own.
    pub extra: bool,
}

/// A snapshot ready to be appended.
#[derive(Clone, Debug)]
pub struct EncodedSnapshot {
    /// What is known of it; its `lsn` is set when it is put.
    pub info: SnapshotInfo,
    /// The encoded state.
    pub(crate) state: Vec<u8>,
}

impl EncodedSnapshot {
    /// Encodes the state of `run` as it is now.
    pub fn of(run: &Run, index: RunIndex) -> Self {
        let mut state = run.state();
        // snapshot-and-tail, id-once
        if planted!("id-forgotten-at-snapshot") {
            let ended = core::mem::take(&mut state.ended);
            state.records.retain(|record| !ended.contains(&record.hold));
        }
        let mut bytes = Vec::new();
        v1::encode_state(&state, &mut bytes);
        let info = SnapshotInfo {
            run: run.id(),
            index,
            version: run.version(),
            lsn: Lsn(0),
            plan: run.plan().hash(),
            digest: state.digest(),
            live_holds: run.live_holds() as u32,
            next_deadline: run.next_deadline(),
            last_at: run.last_at(),
            pnr_blocks: state.pnr_blocks.into(),
            retired: run.is_retired(),
            extra: state.created.extra,
        };
        Self { info, state: bytes }
    }

    /// Bytes it will take, about.
    pub fn len_bytes(&self) -> usize {
        self.state.len()
    }
}

/// Decodes a state and checks it against the digest it was stored with.
pub(crate) fn checked_state(info: &SnapshotInfo, bytes: &[u8]) -> Result<RunState, CodecFault> {
    let state = v1::decode_state(bytes)?;
    let digest = state.digest();
    let same = digest == info.digest && state.version == info.version;
    if !same && !planted!("damaged-snapshot-loaded") {
        let why = format!(
            "its digest is {digest} at version {}, stored as {} at version {}",
            state.version, info.digest, info.version
        );
        return Err(CodecFault::new("run state", why));
    }
    Ok(state)
}

/// Every event of the commit log up to `lsn` is in a snapshot put before this mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Last covered frame.
    pub lsn: Lsn,
    /// Latest stamp up to there.
    pub last_at: UnixMillis,
    /// First run number not given up to there.
    pub next_run: RunIndex,
    /// First PNR block not leased up to there.
    pub next_pnr_block: u32,
}

/// A snapshot cannot be had, or not be put.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The system failed. The store takes no more snapshots; the journal is not touched by this.
    #[error("{0}; no snapshot is taken until the next start")]
    File(#[from] FileError),
    /// The snapshot log cannot be read.
    #[error(transparent)]
    Scan(#[from] Arc<ScanError>),
    /// There is none.
    #[error("run {0} has no snapshot: rebuild it from the commit log")]
    Missing(RunIndex),
    /// Its bytes are damaged.
    #[error(
        "snapshot of run {run} in {} at byte {offset} is damaged ({why})",
        file.display()
    )]
    Damaged {
        /// The run.
        run: RunId,
        /// The segment file.
        file: std::path::PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// The store was opened for reading.
    #[error("the snapshots were opened for reading only")]
    ReadOnly,
}

/// Where snapshots are read.
pub trait Snapshots: Send {
    /// Runs that have a snapshot, ascending.
    fn runs(&self) -> Vec<RunIndex>;

    /// The latest snapshot of a run.
    fn latest(&self, run: RunIndex) -> Option<Arc<SnapshotInfo>>;

    /// Decodes the latest snapshot of a run that is whole, with what is known of it.
    fn load(&self, run: RunIndex) -> Result<(SnapshotInfo, RunState), SnapshotError>;

    /// Decodes the snapshot before the latest one.
    fn load_older(&self, run: RunIndex) -> Result<(SnapshotInfo, RunState), SnapshotError>;

    /// The latest cover mark.
    fn covered(&self) -> Option<Covered>;

    /// The latest cover mark, unless snapshots were found damaged when the store was opened and
    /// nobody has put a mark since: what the lost ones held is in the log alone until then.
    fn vouched(&self) -> Option<Covered>;

    /// A catalogue text put here.
    fn plan_text(&self, hash: PlanHash) -> Option<Arc<str>>;

    /// Whether a catalogue text was put here.
    fn has_plan_text(&self, hash: PlanHash) -> bool;
}

/// Where snapshots are kept. One writer.
pub trait SnapshotStore: Snapshots {
    /// Appends a snapshot whose version became durable with frame `lsn`.
    fn put(&mut self, snapshot: &EncodedSnapshot, lsn: Lsn) -> Result<(), SnapshotError>;

    /// Appends a catalogue text, before the first snapshot that refers to it; once is enough.
    fn put_plan_text(&mut self, hash: PlanHash, text: &str) -> Result<(), SnapshotError>;

    /// Whether a mark at `lsn` says more than is vouched for, and no less than the furthest one.
    fn wants_mark(&self, lsn: Lsn) -> bool {
        self.vouched().is_none_or(|mark| mark.lsn < lsn)
            && self.covered().is_none_or(|mark| mark.lsn <= lsn)
    }

    /// Appends a cover mark. It must be true of the snapshots put before it and not lost.
    fn set_covered(&mut self, covered: Covered) -> Result<(), SnapshotError>;

    /// Makes everything put survive a power cut.
    fn sync(&mut self) -> Result<(), SnapshotError>;

    /// Bytes kept, and those of them that still matter.
    fn bytes(&self) -> (u64, u64);

    /// If most bytes kept no longer matter, or segments are damaged that nobody needs any more:
    /// carries what matters of the oldest segment to the end and lets the segment go. Whether it
    /// did; call again until it did not. Nothing goes while the cover mark is in doubt.
    fn compact(&mut self) -> Result<bool, SnapshotError>;

    /// What was found damaged when the store was opened, and is still there.
    fn damage(&self) -> &[Damage];

    /// A torn tail found when the store was opened.
    fn torn(&self) -> Option<&Cut>;
}
