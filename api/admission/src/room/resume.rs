//! A room after a restart: what the records of before say, and what they do not say.
//!
//! Numbers that were reserved and perhaps not given out are skipped: they are places at which nobody
//! stands, and the room passes over them as over anybody who stays away. After a stop in order there
//! are none.

use berth_inventory::UnixMillis;

use super::{Level, Room, Rules};
use crate::record::Record;

/// Reads records of one room, oldest first.
pub struct Resuming {
    room: Room,
    ended: UnixMillis,
    stopped: Option<u32>,
}

impl Room {
    /// From the records of before; `self` is new.
    pub fn resume(self) -> Resuming {
        Resuming { room: self, ended: UnixMillis(0), stopped: None }
    }

    /// The last record of a stop in order.
    pub fn stopped(&self) -> Record {
        Record::Stopped { room: self.mark, next: self.next }
    }
}

impl Resuming {
    /// One more.
    pub fn read(&mut self, record: Record) {
        let room = &mut self.room;
        self.stopped = None;
        match record {
            Record::Level { at, reserved, admitted, opening, .. } => {
                self.ended = self.ended.max(at);
                if let (None, Some(opening)) = (room.level.opening, opening) {
                    room.draw(opening);
                }
                room.level = Level { reserved, admitted, opening };
            }
            Record::Joined { first, people, .. } => {
                room.next = room.next.max(first + people.len() as u32);
                people.iter().zip(first..).for_each(|(person, number)| {
                    room.people.give(*person, number);
                });
            }
            Record::Left { number, .. } => {
                room.next = room.next.max(number + 1);
                room.mark_left(number);
            }
            Record::Turn { from, to, live, at, .. } => {
                room.called += u64::from(live);
                room.turns.call(from, to, live, at, room.rules.claim, room.rules.turn);
            }
            Record::Claimed { place, run, until, .. } => {
                room.turns.restore(place, run, until, None);
                room.turns.came += 1;
            }
            Record::Spent { place, run, until, request, .. } => {
                room.turns.restore(place, run, until, Some(request));
                room.turns.held += 1;
            }
            Record::Stopped { next, .. } => self.stopped = Some(next),
            Record::Resumed { ended, at, .. } => {
                room.turns.resume(ended, at, room.rules.claim, room.rules.turn);
                self.ended = self.ended.max(at);
            }
        }
    }

    /// All were read: the room goes on now.
    pub fn end(self, now: UnixMillis) -> Room {
        let Self { mut room, ended, stopped } = self;
        room.next = room.next.max(stopped.unwrap_or(room.level.reserved));
        let Rules { claim, turn, .. } = room.rules;
        room.turns.resume(ended, now, claim, turn);
        room.records.push(Record::Resumed { room: room.mark, ended, at: now });
        (room.taken, room.kept) = (room.level, room.level);
        room.last_called = now;
        room
    }
}
