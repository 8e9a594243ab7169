//! One file of a disk in memory: what readers see, and what survives.

use std::collections::BTreeSet;

use super::Draw;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Content {
    live: Vec<u8>,
    /// As of the last sync.
    kept: Vec<u8>,
    /// Sectors written since.
    dirty: BTreeSet<usize>,
    /// Sectors that a failed sync left marked clean: no later sync writes them.
    forsaken: BTreeSet<usize>,
    /// How many have it open.
    pub open: u32,
}

/// How a power cut treats the unsynced sectors of one file.
enum Left {
    Nothing,
    All,
    First(usize),
    Any,
}

impl Content {
    /// What readers see.
    pub fn live(&self) -> &[u8] {
        &self.live
    }

    fn touch(&mut self, sector: usize, from: usize, to: usize) {
        if from < to {
            self.dirty.extend(from / sector..=(to - 1) / sector);
        }
    }

    /// Writes `bytes` at `offset`; a gap before them reads as zeros.
    pub fn write(&mut self, sector: usize, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.live.len() {
            self.set_len(sector, end);
        }
        self.live[offset..end].copy_from_slice(bytes);
        self.touch(sector, offset, end);
    }

    /// Cuts it, or grows it with zeros.
    pub fn set_len(&mut self, sector: usize, bytes: usize) {
        let before = self.live.len();
        self.live.resize(bytes, 0);
        self.touch(sector, before, bytes);
        self.dirty.retain(|at| at * sector < bytes);
        self.forsaken.retain(|at| at * sector < bytes);
    }

    fn keep(&mut self, sector: usize, at: usize) {
        let from = at * sector;
        let to = (from + sector).min(self.live.len()).min(self.kept.len());
        if from < to {
            self.kept[from..to].copy_from_slice(&self.live[from..to]);
        }
    }

    /// Everything written survives from now on, but for what a failed sync has forsaken.
    pub fn sync(&mut self, sector: usize) {
        self.kept.resize(self.live.len(), 0);
        for at in core::mem::take(&mut self.dirty) {
            self.keep(sector, at);
            self.forsaken.remove(&at);
        }
    }

    /// A sync that fails leaves the sectors marked clean.
    pub fn fail_sync(&mut self) {
        self.forsaken.append(&mut self.dirty);
    }

    /// What is left of it after a power cut; how many sectors were lost, and whether some of those
    /// unsynced were and some were not.
    pub fn power_cut(&mut self, sector: usize, draw: Draw<'_>) -> (u64, bool) {
        let mut dirty = core::mem::take(&mut self.dirty);
        dirty.append(&mut self.forsaken);
        if dirty.is_empty() && self.live.len() == self.kept.len() {
            self.live.clone_from(&self.kept);
            return (0, false);
        }
        let (short, long) =
            (self.kept.len().min(self.live.len()), self.kept.len().max(self.live.len()));
        let bytes = match draw(4) {
            0 => self.kept.len(),
            1 | 2 => self.live.len(),
            _ => (short.next_multiple_of(sector)
                + draw(((long - short) / sector + 1) as u64) as usize * sector)
                .min(long),
        };
        let left = match draw(4) {
            0 => Left::Nothing,
            1 => Left::All,
            2 => Left::First(draw(dirty.len() as u64 + 1) as usize),
            _ => Left::Any,
        };
        self.kept.resize(bytes, 0);
        let (mut lost, mut survived) = (0, 0);
        for (nth, at) in dirty.into_iter().enumerate() {
            let stays = match left {
                Left::Nothing => false,
                Left::All => true,
                Left::First(count) => nth < count,
                Left::Any => draw(2) == 0,
            };
            if stays && at * sector < bytes {
                self.keep(sector, at);
                survived += 1;
            } else {
                lost += 1;
            }
        }
        self.live.clone_from(&self.kept);
        (lost, lost > 0 && survived > 0)
    }

    /// Flips one bit; false when it has fewer.
    pub fn flip(&mut self, bit: u64) -> bool {
        let (at, mask) = ((bit / 8) as usize, 1 << (bit % 8));
        for bytes in [&mut self.kept, &mut self.live] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= mask;
            }
        }
        at < self.live.len()
    }
}
