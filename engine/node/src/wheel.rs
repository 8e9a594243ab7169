//! Timing wheel of one shard: when to look at a hold again. No task per hold.
//!
//! A slot is 16 ms wide, so an entry fires at most one slot late. Entries are never removed: a hold
//! that was confirmed or prolonged is looked at once in vain and, if still live, added again.
//! Deadlines further away than the wheel is round stay in their slot for the next rounds.
//! Source: Varghese and Lauck, "Hashed and hierarchical timing wheels" (scheme 5).

use berth_inventory::{HoldId, UnixMillis};

use crate::shard::Seat;

/// Width of a slot, milliseconds.
pub const SLOT_MS: u64 = 16;
/// Slots; a power of two. One round is 65 s.
const SLOTS: u64 = 4_096;

/// A hold to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: UnixMillis,
    /// Its run's place in the shard.
    pub run: Seat,
    /// Which hold.
    pub hold: HoldId,
}

/// See the module.
pub struct Wheel {
    slots: Box<[Vec<Due>]>,
    /// The first slot number (time / `SLOT_MS`) that has not been fired.
    next: u64,
    len: usize,
}

impl Wheel {
    /// An empty wheel that starts at `now`.
    pub fn new(now: UnixMillis) -> Self {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Self { slots, next: now.0 / SLOT_MS, len: 0 }
    }

    /// Entries waiting, stale ones included.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Looks at `due.hold` at the end of the slot of `due.at`, or with the next call if that is past.
    pub fn add(&mut self, due: Due) {
        let slot = (due.at.0 / SLOT_MS).max(self.next);
        self.slots[(slot % SLOTS) as usize].push(due);
        self.len += 1;
    }

    /// Moves every entry due at `now` to `fired`, in order of slots.
    pub fn advance(&mut self, now: UnixMillis, fired: &mut Vec<Due>) {
        // The slot of `now` itself has not ended yet.
        let end = now.0 / SLOT_MS;
        if end <= self.next {
            return;
        }
        let rounds = (end - self.next).min(SLOTS);
        for slot in self.next..self.next + rounds {
            let entries = &mut self.slots[(slot % SLOTS) as usize];
            let before = fired.len();
            entries.retain(|due| {
                let later = due.at.0 / SLOT_MS >= end;
                if !later {
                    fired.push(*due);
                }
                later
            });
            self.len -= fired.len() - before;
        }
        self.next = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(at: u64) -> Due {
        let run = Seat { slot: 0, life: 1 };
        Due { at: UnixMillis(at), run, hold: HoldId(u128::from(at)) }
    }

    #[test]
    fn nothing_fires_early_and_nothing_is_lost() {
        let start = 1_000_000;
        let mut wheel = Wheel::new(UnixMillis(start));
        let offsets = [0, 1, 15, 16, 17, 5_000, 65_535, 65_536, 65_537, 300_000, 900_000];
        for offset in offsets {
            wheel.add(due(start + offset));
        }
        assert_eq!(wheel.len(), offsets.len());
        let mut seen = Vec::new();
        let mut now = start;
        while !wheel.is_empty() {
            now += 7;
            let mut fired = Vec::new();
            wheel.advance(UnixMillis(now), &mut fired);
            for d in fired {
                assert!(d.at.0 <= now, "fired {} early", d.at.0 - now);
                assert!(now - d.at.0 <= SLOT_MS + 7, "fired {} late", now - d.at.0);
                seen.push(d.at.0 - start);
            }
            assert!(now < start + 1_000_000, "{} entries never fired", wheel.len());
        }
        seen.sort_unstable();
        assert_eq!(seen, offsets);
    }

    #[test]
    fn a_long_pause_fires_everything_at_once() {
        let mut wheel = Wheel::new(UnixMillis(0));
        (0..100).for_each(|i| wheel.add(due(i * 1_000)));
        let mut fired = Vec::new();
        wheel.advance(UnixMillis(10_000_000), &mut fired);
        assert_eq!((fired.len(), wheel.len()), (100, 0));
        wheel.add(due(5));
        fired.clear();
        wheel.advance(UnixMillis(10_000_100), &mut fired);
        assert_eq!(fired.len(), 1, "a deadline in the past fires with the next slot");
    }
}
