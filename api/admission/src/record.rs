//! What survives a restart, as bytes: a tag, then fields of fixed width, little endian. Described in
//! docs/journal-format.md; a tag is never used again for something else.
//!
//! Only a [`Record::Level`] is waited for: numbers below `reserved` may be given out, the draw may be
//! told, places below `admitted` may come in. The others ride along with it.

use berth_inventory::{RequestId, UnixMillis};

const LEVEL: u8 = 1;
const JOINED: u8 = 2;
const LEFT: u8 = 3;
const TURN: u8 = 4;
const CLAIMED: u8 = 5;
const SPENT: u8 = 6;
const STOPPED: u8 = 7;
const RESUMED: u8 = 8;

/// The draw at the opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Of the permutation.
    pub seed: [u8; 16],
    /// Numbers that take part.
    pub early: u32,
}

/// Bytes that are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// They end too early.
    #[error("a record ends in its middle")]
    Short,
    /// A tag of a later version.
    #[error("record tag {0} is not known; a later version wrote it")]
    Tag(u8),
}

/// See the module. `room` is a `room_mark`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// How far the room is.
    Level {
        /// Whose.
        room: u64,
        /// When it was said.
        at: UnixMillis,
        /// Numbers below may have been given out.
        reserved: u32,
        /// Places below are let in.
        admitted: u32,
        /// Once it is open.
        opening: Option<Opening>,
    },
    /// People who got numbers, one after the other.
    Joined {
        /// Whose.
        room: u64,
        /// Number of the first.
        first: u32,
        /// Their `person_mark`s.
        people: Vec<u64>,
    },
    /// Somebody left.
    Left {
        /// Whose.
        room: u64,
        /// Their number.
        number: u32,
    },
    /// A batch was let in.
    Turn {
        /// Whose.
        room: u64,
        /// First place.
        from: u32,
        /// Place behind the last.
        to: u32,
        /// Of those, who had not left.
        live: u32,
        /// When.
        at: UnixMillis,
    },
    /// Somebody took their token.
    Claimed {
        /// Whose.
        room: u64,
        /// Their place.
        place: u32,
        /// `Pass::run_mark` of its run.
        run: u64,
        /// Its end.
        until: UnixMillis,
    },
    /// A token became a hold.
    Spent {
        /// Whose.
        room: u64,
        /// The place.
        place: u32,
        /// `Pass::run_mark` of its run.
        run: u64,
        /// Its end.
        until: UnixMillis,
        /// The request that has the hold.
        request: RequestId,
    },
    /// Stopped in order: no number from `next` on was given out.
    Stopped {
        /// Whose.
        room: u64,
        /// The next number.
        next: u32,
    },
    /// Went on after a restart: turns that were open when the node ended began anew.
    Resumed {
        /// Whose.
        room: u64,
        /// When the node ended, as far as is known.
        ended: UnixMillis,
        /// When it went on.
        at: UnixMillis,
    },
}

impl Record {
    /// Whose it is.
    pub const fn room(&self) -> u64 {
        match self {
            Self::Level { room, .. }
            | Self::Joined { room, .. }
            | Self::Left { room, .. }
            | Self::Turn { room, .. }
            | Self::Claimed { room, .. }
            | Self::Spent { room, .. }
            | Self::Stopped { room, .. }
            | Self::Resumed { room, .. } => *room,
        }
    }

    /// Behind what is there.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let tag = match self {
            Self::Level { .. } => LEVEL,
            Self::Joined { .. } => JOINED,
            Self::Left { .. } => LEFT,
            Self::Turn { .. } => TURN,
            Self::Claimed { .. } => CLAIMED,
            Self::Spent { .. } => SPENT,
            Self::Stopped { .. } => STOPPED,
            Self::Resumed { .. } => RESUMED,
        };
        into.push(tag);
        into.extend(self.room().to_le_bytes());
        match self {
            Self::Level { at, reserved, admitted, opening, .. } => {
                into.extend(at.0.to_le_bytes());
                into.extend(reserved.to_le_bytes());
                into.extend(admitted.to_le_bytes());
                into.push(u8::from(opening.is_some()));
                if let Some(Opening { seed, early }) = opening {
                    into.extend(seed);
                    into.extend(early.to_le_bytes());
                }
            }
            Self::Joined { first, people, .. } => {
                into.extend(first.to_le_bytes());
                into.extend((people.len() as u32).to_le_bytes());
                into.extend(people.iter().flat_map(|person| person.to_le_bytes()));
            }
            Self::Left { number, .. } => into.extend(number.to_le_bytes()),
            Self::Turn { from, to, live, at, .. } => {
                into.extend([from, to, live].into_iter().flat_map(|n| n.to_le_bytes()));
                into.extend(at.0.to_le_bytes());
            }
            Self::Claimed { place, run, until, .. } => token(into, *place, *run, *until),
            Self::Spent { place, run, until, request, .. } => {
                token(into, *place, *run, *until);
                into.extend(request.0.to_le_bytes());
            }
            Self::Stopped { next, .. } => into.extend(next.to_le_bytes()),
            Self::Resumed { ended, at, .. } => {
                into.extend([ended, at].into_iter().flat_map(|at| at.0.to_le_bytes()));
            }
        }
    }

    /// The first record of `bytes`, which are shortened by it; `None` at their end.
    ///
    /// # Errors
    /// See [`RecordFault`].
    pub fn decode(bytes: &mut &[u8]) -> Result<Option<Self>, RecordFault> {
        let Some((tag, rest)) = bytes.split_first() else { return Ok(None) };
        *bytes = rest;
        let tag = *tag;
        if !(LEVEL..=RESUMED).contains(&tag) {
            return Err(RecordFault::Tag(tag));
        }
        let room = u64::from_le_bytes(take(bytes)?);
        Ok(Some(match tag {
            LEVEL => Self::Level {
                room,
                at: UnixMillis(u64::from_le_bytes(take(bytes)?)),
                reserved: u32::from_le_bytes(take(bytes)?),
                admitted: u32::from_le_bytes(take(bytes)?),
                opening: match take::<1>(bytes)? {
                    [0] => None,
                    _ => Some(Opening {
                        seed: take(bytes)?,
                        early: u32::from_le_bytes(take(bytes)?),
                    }),
                },
            },
            JOINED => {
                let first = u32::from_le_bytes(take(bytes)?);
                let count = u32::from_le_bytes(take(bytes)?) as usize;
                // Not believed before it is seen to be there.
                if bytes.len() / 8 < count {
                    return Err(RecordFault::Short);
                }
                let people: Result<_, _> =
                    (0..count).map(|_| take(bytes).map(u64::from_le_bytes)).collect();
                Self::Joined { room, first, people: people? }
            }
            LEFT => Self::Left { room, number: u32::from_le_bytes(take(bytes)?) },
            TURN => Self::Turn {
                room,
                from: u32::from_le_bytes(take(bytes)?),
                to: u32::from_le_bytes(take(bytes)?),
                live: u32::from_le_bytes(take(bytes)?),
                at: UnixMillis(u64::from_le_bytes(take(bytes)?)),
            },
            CLAIMED | SPENT => {
                let place = u32::from_le_bytes(take(bytes)?);
                let run = u64::from_le_bytes(take(bytes)?);
                let until = UnixMillis(u64::from_le_bytes(take(bytes)?));
                if tag == CLAIMED {
                    Self::Claimed { room, place, run, until }
                } else {
                    let request = RequestId(u128::from_le_bytes(take(bytes)?));
                    Self::Spent { room, place, run, until, request }
                }
            }
            STOPPED => Self::Stopped { room, next: u32::from_le_bytes(take(bytes)?) },
            _ => Self::Resumed {
                room,
                ended: UnixMillis(u64::from_le_bytes(take(bytes)?)),
                at: UnixMillis(u64::from_le_bytes(take(bytes)?)),
            },
        }))
    }
}

fn token(into: &mut Vec<u8>, place: u32, run: u64, until: UnixMillis) {
    into.extend(place.to_le_bytes());
    into.extend(run.to_le_bytes());
    into.extend(until.0.to_le_bytes());
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], RecordFault> {
    let (value, rest) = bytes.split_first_chunk().ok_or(RecordFault::Short)?;
    *bytes = rest;
    Ok(*value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Record> {
        let (room, at) = (u64::MAX, UnixMillis(77));
        let opening = Some(Opening { seed: [3; 16], early: 9 });
        vec![
            Record::Level { room, at, reserved: 1, admitted: 2, opening: None },
            Record::Level { room, at, reserved: 1, admitted: 2, opening },
            Record::Joined { room, first: 5, people: vec![1, u64::MAX] },
            Record::Left { room, number: 4 },
            Record::Turn { room, from: 1, to: 2, live: 3, at },
            Record::Claimed { room, place: 1, run: 2, until: at },
            Record::Spent { room, place: 1, run: 2, until: at, request: RequestId(9) },
            Record::Stopped { room, next: 6 },
            Record::Resumed { room, ended: UnixMillis(5), at },
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        for record in all() {
            record.encode(&mut bytes);
        }
        let mut rest = bytes.as_slice();
        for record in all() {
            assert_eq!(record.room(), u64::MAX);
            assert_eq!(Record::decode(&mut rest), Ok(Some(record)));
        }
        assert_eq!(Record::decode(&mut rest), Ok(None));
    }

    #[test]
    fn what_is_cut_or_unknown_is_told() {
        for record in all() {
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            for length in 1..bytes.len() {
                let mut cut = &bytes[..length];
                assert_eq!(Record::decode(&mut cut), Err(RecordFault::Short), "{record:?}");
            }
        }
        assert_eq!(Record::decode(&mut [9].as_slice()), Err(RecordFault::Tag(9)));
        let mut huge = vec![JOINED];
        huge.extend([0; 12]);
        huge.extend([0xff; 4]);
        assert_eq!(Record::decode(&mut huge.as_slice()), Err(RecordFault::Short));
    }
}
