//! Places for callers: one for each command from its submission to the end of its answer.
//!
//! A place is used again with a new generation; place and generation together are the correlation
//! id, so a late answer finds nobody. The bytes of a place are the command, then the answer, and
//! keep their capacity: in the steady state a command allocates nothing here.

use std::task::Waker;
use std::time::Instant;

use super::call::Call;
use crate::error::ClientError;

/// Places of one session, most; an index fits 16 bits.
pub const SLOTS_MAX: usize = 1 << 16;
/// Bytes that an empty place keeps, most.
const KEPT_BYTES_MAX: usize = 4 * 1024;

/// Which place, and which use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId {
    index: u32,
    generation: u32,
}

impl SlotId {
    /// As a number below 2 to the 48.
    pub const fn correlation(self) -> u64 {
        (self.generation as u64) << 16 | self.index as u64
    }

    /// The inverse.
    pub const fn from_correlation(correlation: u64) -> Option<Self> {
        if correlation >> 48 != 0 {
            return None;
        }
        let (index, generation) = ((correlation & 0xffff) as u32, (correlation >> 16) as u32);
        Some(Self { index, generation })
    }
}

/// How far a command is, as its caller is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nobody's.
    Free,
    /// To be sent.
    Queued,
    /// Sent, not answered.
    Waiting,
    /// Failed once; it is sent again after a rest.
    Resting,
    /// There is an answer, in `bytes`, and it came in this field.
    Answered(u32),
    /// There will be none.
    Failed(Box<ClientError>),
    /// The caller is gone, but the server still owes an answer.
    Deserted,
}

/// See the module.
#[derive(Debug)]
pub struct Slot {
    generation: u32,
    pub stage: Stage,
    /// The server owes an answer on the present stream.
    pub on_wire: bool,
    pub call: Call,
    /// Times it was sent.
    pub sent: u32,
    /// Times it was answered with a fault.
    pub faults: u32,
    /// Place in the order of submission.
    pub order: u64,
    /// The message that carried it last.
    pub message: u64,
    pub begun: Instant,
    pub deadline: Option<Instant>,
    pub waker: Option<Waker>,
    pub bytes: Vec<u8>,
}

/// All places of a session.
#[derive(Debug, Default)]
pub struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Slots {
    /// A place for a command that is to be sent, its bytes swapped in; nothing when all are taken.
    pub fn take(&mut self, call: Call, begun: Instant, body: &mut Vec<u8>) -> Option<SlotId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.slots.len() == SLOTS_MAX => return None,
            None => {
                self.slots.push(Slot {
                    generation: 0,
                    stage: Stage::Free,
                    on_wire: false,
                    call,
                    sent: 0,
                    faults: 0,
                    order: 0,
                    message: 0,
                    begun,
                    deadline: None,
                    waker: None,
                    bytes: Vec::new(),
                });
                self.slots.len() as u32 - 1
            }
        };
        let slot = &mut self.slots[index as usize];
        // The first use has number one: a correlation id is never zero.
        slot.generation = slot.generation.wrapping_add(1);
        (slot.stage, slot.call, slot.begun) = (Stage::Queued, call, begun);
        (slot.sent, slot.faults) = (0, 0);
        core::mem::swap(&mut slot.bytes, body);
        Some(SlotId { index, generation: slot.generation })
    }

    /// The place, unless it is another's by now.
    pub fn get_mut(&mut self, id: SlotId) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(id.index as usize)?;
        (slot.generation == id.generation && slot.stage != Stage::Free).then_some(slot)
    }

    /// Gives the place back.
    pub fn free(&mut self, id: SlotId) {
        let Some(slot) = self.get_mut(id) else { return };
        slot.stage = Stage::Free;
        slot.waker = None;
        slot.bytes.clear();
        slot.bytes.shrink_to(KEPT_BYTES_MAX);
        self.free.push(id.index);
    }

    /// All places in use.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (SlotId, &mut Slot)> {
        (0..).zip(&mut self.slots).filter(|(_, slot)| slot.stage != Stage::Free).map(
            |(index, slot)| {
                let generation = slot.generation;
                (SlotId { index, generation }, slot)
            },
        )
    }

    /// Places in use.
    pub const fn taken(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_used_again_is_another_one() {
        let (now, mut slots) = (Instant::now(), Slots::default());
        let first = slots.take(Call::Reserve, now, &mut vec![1, 2, 3]).unwrap();
        assert_eq!(first.correlation(), 1 << 16);
        slots.free(first);
        assert!(slots.get_mut(first).is_none());
        let mut body = vec![4];
        let second = slots.take(Call::Confirm, now, &mut body).unwrap();
        assert_eq!(second.correlation(), 2 << 16);
        assert!(body.capacity() >= 3, "the room of the first command comes back");
        assert!(slots.get_mut(first).is_none());
        slots.free(first);
        assert_eq!(slots.taken(), 1, "freeing what is another's does nothing");
        for id in [first, second] {
            assert_eq!(SlotId::from_correlation(id.correlation()), Some(id));
        }
        assert_eq!(SlotId::from_correlation(1 << 48), None);
    }

    #[test]
    fn a_session_has_so_many_places_and_no_more() {
        let (now, mut slots) = (Instant::now(), Slots::default());
        let last = (0..SLOTS_MAX).map(|_| slots.take(Call::Release, now, &mut Vec::new())).last();
        assert_eq!(last.flatten().unwrap().correlation(), 1 << 16 | 0xffff);
        assert_eq!(slots.take(Call::Release, now, &mut Vec::new()), None);
    }
}
