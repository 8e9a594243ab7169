//! The commit log without a disk: the same frames in one buffer, for tests and simulation.

use super::{CommitLog, LogError, ReadError, ScanError};
use crate::frame::{Chain, Magic, Whole};
use crate::group::{names_of, put_group};
use crate::{Durability, Frame, LogPosition, Lsn, NodeRecord, Section};

/// A log in memory. What was synced survives [`MemoryLog::power_cut`]; the rest does not.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    bytes: Vec<u8>,
    /// Where each frame begins.
    starts: Vec<usize>,
    chain: Chain,
    synced: usize,
    must_sync: bool,
    last_at: LogPosition,
    failed: Option<LogError>,
    synced_chain: Chain,
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what was not synced, as a power cut would.
    pub fn power_cut(&mut self) {
        self.bytes.truncate(self.synced);
        self.starts.retain(|start| *start < self.synced);
        self.chain = self.synced_chain.clone();
        self.last_at.lsn = self.chain.last;
        self.last_at.offset = self.starts.last().map_or(0, |start| *start as u64);
    }

    /// Lets every later call fail with `error`, as a failed disk would.
    pub fn fail(&mut self, error: LogError) {
        self.failed.get_or_insert(error);
    }

    /// The frames as bytes, for tests of bytes.
    pub fn frame_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Hands the payload of every frame from `from` on to `visit`.
    pub(crate) fn payloads(&self, from: Lsn, visit: &mut dyn FnMut(LogPosition, &[u8])) {
        let skip = from.0.saturating_sub(1) as usize;
        for start in self.starts.iter().skip(skip) {
            if let Some(whole) = Whole::check(&self.bytes[*start..]) {
                let (lsn, offset) = (whole.header.lsn, *start as u64);
                visit(LogPosition { lsn, segment: 1, offset }, whole.payload);
            }
        }
    }

    fn healthy(&self) -> Result<(), LogError> {
        self.failed.clone().map_or(Ok(()), Err)
    }
}

impl CommitLog for MemoryLog {
    fn append(
        &mut self,
        records: &[NodeRecord],
        sections: &[(u16, &Section)],
    ) -> Result<Lsn, LogError> {
        self.healthy()?;
        let touched = sections.iter().flat_map(|(_, s)| s.touched().iter().copied());
        let names = names_of(touched);
        let start = self.bytes.len();
        let lsn = self.chain.append(Magic::Group, names, &mut self.bytes, |out| {
            put_group(out, records, sections);
        });
        self.starts.push(start);
        self.last_at = LogPosition { lsn, segment: 1, offset: start as u64 };
        self.must_sync |= records.iter().any(NodeRecord::is_always_synced);
        Ok(lsn)
    }

    fn sync(&mut self, durability: Durability) -> Result<(), LogError> {
        self.healthy()?;
        if self.must_sync || durability == Durability::Power {
            self.must_sync = false;
            self.synced = self.bytes.len();
            self.synced_chain = self.chain.clone();
        }
        Ok(())
    }

    fn end(&self) -> LogPosition {
        self.last_at
    }

    fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn failure(&self) -> Option<&LogError> {
        self.failed.as_ref()
    }

    fn read(&self, from: Lsn, visit: &mut dyn FnMut(Frame) -> bool) -> Result<(), ReadError> {
        let skip = from.0.saturating_sub(1) as usize;
        for start in self.starts.iter().skip(skip) {
            let offset = *start as u64;
            let file = || "memory".into();
            let whole = Whole::check(&self.bytes[*start..]).ok_or_else(|| ScanError::Hole {
                file: file(),
                offset,
                lsn: Lsn(0),
            })?;
            let lsn = whole.header.lsn;
            let frame = Frame::decode(LogPosition { lsn, segment: 1, offset }, whole.payload)
                .map_err(|fault| ScanError::Content { file: file(), offset, lsn, fault })?;
            if !visit(frame) {
                break;
            }
        }
        Ok(())
    }
}
