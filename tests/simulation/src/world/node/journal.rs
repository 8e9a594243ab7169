//! The journal's way through a group, stage by stage: taken, appended, synced, then shard by shard
//! published and answered. And the cover mark, which says what a restart need not read.

use berth_inventory::{RunIndex, UnixMillis};
use berth_node::{Batch, Fault, LogPoint};
use berth_persistence::{
    CommitLog as _, Covered, Durability, Frame, Lsn, MemoryLog, NodeRecord, SnapshotError,
    SnapshotStore as _, Snapshots as _,
};

use super::{Caller, Node, tell};

/// How far a group is.
enum Stage {
    Taken,
    Appended,
    /// Durable, or the journal has failed; this shard is next.
    Ended(usize),
}

/// What the journal has taken from the shards.
pub struct Group {
    batches: Vec<Batch<Caller>>,
    stage: Stage,
    lsn: u64,
    fault: Option<Fault>,
    /// The disk is slow: not before.
    not_before: u64,
}

/// What came of a step of the journal.
pub enum Happened {
    /// Nothing that anybody sees.
    Nothing,
    /// A frame was handed to the log.
    Written(u64, Frame),
    /// Everything up to this frame is durable.
    Durable(u64),
}

/// The batches' events as one frame, as the log will have it.
fn frame_of(batches: &[Batch<Caller>]) -> Option<Frame> {
    let mut log = MemoryLog::new();
    let sections = sections(batches);
    log.append(&[], &sections).ok()?;
    let mut read = None;
    log.read(Lsn(1), &mut |frame| {
        read = Some(frame);
        false
    })
    .ok()?;
    read
}

fn sections(batches: &[Batch<Caller>]) -> Vec<(u16, &berth_persistence::Section)> {
    let filled = batches.iter().zip(0..).filter(|(batch, _)| !batch.section.is_empty());
    filled.map(|(batch, shard)| (shard, &batch.section)).collect()
}

impl Node {
    /// Whether the journal has something to do now.
    pub fn has_journal_work(&self, steady: u64) -> bool {
        match &self.group {
            Some(group) => group.not_before <= steady,
            None => self.sides.iter().any(|side| !side.batch.is_empty()),
        }
    }

    /// The disk takes so long for the sync of the group under way.
    pub fn slow_down(&mut self, until: u64) -> bool {
        match &mut self.group {
            Some(group) if matches!(group.stage, Stage::Appended) => {
                group.not_before = until;
                true
            }
            _ => false,
        }
    }

    /// One step of the journal.
    pub fn journal(&mut self) -> Happened {
        let Some(mut group) = self.group.take() else {
            self.group = self.take_group();
            return Happened::Nothing;
        };
        match group.stage {
            Stage::Taken => {
                group.stage = Stage::Appended;
                let sections = sections(&group.batches);
                if sections.is_empty() {
                    // Only answers that waited for an earlier group: nothing to write.
                    group.stage = Stage::Ended(0);
                    self.group = Some(group);
                    return Happened::Nothing;
                }
                let appended = self.log.append(&[], &sections);
                group.lsn = self.log.end().lsn.0;
                let frame = frame_of(&group.batches).expect("what was encoded is decoded");
                if let Err(fault) = appended {
                    group.lsn += 1;
                    self.fail(&mut group, &fault.to_string());
                }
                let lsn = group.lsn;
                self.group = Some(group);
                Happened::Written(lsn, frame)
            }
            Stage::Appended => {
                let synced = self.log.sync(self.ground.durability);
                if let Err(fault) = synced {
                    self.fail(&mut group, &fault.to_string());
                    self.group = Some(group);
                    return Happened::Nothing;
                }
                group.stage = Stage::Ended(0);
                self.groups += 1;
                if self.ground.durability == Durability::Power {
                    self.settled = group.lsn;
                }
                self.log_end = LogPoint { lsn: group.lsn + 1, bytes: self.log.bytes() };
                let lsn = group.lsn;
                self.group = Some(group);
                Happened::Durable(lsn)
            }
            Stage::Ended(at) => {
                self.end_shard(&mut group, at);
                if at + 1 < group.batches.len() {
                    group.stage = Stage::Ended(at + 1);
                    self.group = Some(group);
                }
                Happened::Nothing
            }
        }
    }

    /// Whether something was told that would not survive a power cut.
    pub fn needs_settling(&self) -> bool {
        let (settled, end) = (self.settled, self.log.end().lsn.0);
        self.group.is_none() && settled < end && !self.has_failed()
    }

    /// Under the weaker words: what was told is brought to the disk behind the caller.
    pub fn settle(&mut self) {
        match self.log.sync(Durability::Power) {
            Ok(()) => self.settled = self.log.end().lsn.0,
            Err(fault) => self.fail_journal(&fault.to_string()),
        }
    }

    fn fail_journal(&mut self, why: &str) {
        self.front.vitals.fail_journal(why);
        self.sides.iter_mut().for_each(super::ShardSide::wake);
    }

    fn take_group(&mut self) -> Option<Group> {
        let mut worked = false;
        let swap = |side: &mut super::ShardSide| {
            let number = side.batch.number + u64::from(!side.batch.is_empty());
            worked |= !side.batch.is_empty();
            core::mem::replace(&mut side.batch, Batch::new(number))
        };
        let batches = self.sides.iter_mut().map(swap).collect();
        let fault = self.front.vitals.journal_fault();
        let (stage, lsn) = (Stage::Taken, self.settled);
        worked.then_some(Group { batches, stage, lsn, fault, not_before: 0 })
    }

    fn fail(&mut self, group: &mut Group, why: &str) {
        self.fail_journal(why);
        group.stage = Stage::Ended(0);
        group.fault = self.front.vitals.journal_fault();
    }

    /// The group is durable, or never will be: one shard publishes, then answers.
    fn end_shard(&mut self, group: &mut Group, at: usize) {
        let (batch, side) = (&mut group.batches[at], &mut self.sides[at]);
        if batch.is_empty() {
            return;
        }
        match &group.fault {
            None => {
                batch.publish();
                side.set_durable(batch.number, group.lsn);
                for parcel in batch.done.drain(..) {
                    tell(&mut self.told, *parcel);
                }
            }
            // Whether a parked command took effect is unknown until the disk is read again.
            Some(fault) => {
                for mut parcel in batch.done.drain(..) {
                    parcel.fail(fault);
                    tell(&mut self.told, *parcel);
                }
                side.group_ended();
            }
        }
    }

    /// Notes on the disk from which frame on a restart must read; whether a mark was written.
    ///
    /// # Errors
    /// The snapshots' disk.
    pub fn cover(&mut self, steady: u64) -> Result<bool, SnapshotError> {
        let end = self.log_end;
        let mut floor = end;
        for at in 0..self.sides.len() {
            self.sides[at].shard.keep_restart_short(end);
            if let Some(point) = self.sides[at].shard.floor() {
                floor = floor.min(point);
            }
            self.after_message(at);
        }
        let graceless = self.start.grace.is_some() && self.groups == 0;
        if !self.start.refused.is_empty() || graceless || self.keeper.has_failed() {
            return Ok(false);
        }
        if self.covered.replace((floor.lsn, end.lsn)) == Some((floor.lsn, end.lsn)) {
            return Ok(false);
        }
        let lsn = Lsn(floor.lsn.saturating_sub(1).min(self.settled));
        let mut marked = false;
        if self.snapshots.wants_mark(lsn) {
            let last_at: UnixMillis = self.now(steady);
            self.snapshots.set_covered(Covered {
                lsn,
                last_at,
                next_run: RunIndex(self.front.directory.numbered()),
                next_pnr_block: self.front.directory.blocks_drawn(),
            })?;
            self.snapshots.sync()?;
            marked = true;
        }
        while self.snapshots.compact()? {}
        Ok(marked)
    }

    /// The last frame that snapshots vouch for, whatever happens to the power.
    pub fn synced_cover(&mut self) -> Option<Lsn> {
        if self.keeper.has_failed() || self.snapshots.sync().is_err() {
            return None;
        }
        self.snapshots.vouched().map(|covered| covered.lsn)
    }

    /// The last frame of a stop in order; its number.
    ///
    /// # Errors
    /// The log's disk, in words.
    pub fn stop(&mut self, steady: u64) -> Result<u64, String> {
        let at = self.now(steady);
        let lsn = self.log.append(&[NodeRecord::CleanStop { at }], &[]);
        let lsn = lsn.map_err(|fault| fault.to_string())?;
        self.log.sync(Durability::Power).map_err(|fault| fault.to_string())?;
        Ok(lsn.0)
    }
}
