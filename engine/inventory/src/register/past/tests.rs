//! What goes into the past comes out of it as it was.

use proptest::prelude::*;

use super::*;
use crate::card::{Made, Seated};
use crate::record::{Record, Seat, SeatState};
use crate::register::NONE;
use crate::{AgeBand, BerthIndex, BerthType, LegRange, Passenger, PoolIndex, RequestMark, Sex};

fn seats() -> impl Strategy<Value = Vec<Seat>> {
    let seat = (0..3u16, any::<bool>(), 0..10u8).prop_map(|(berth, required, kind)| Seat {
        passenger: Passenger {
            age: AgeBand::Senior,
            sex: Sex::Female,
            berth_required: required,
            preference: BerthType::from_number(kind),
        },
        berth: (berth > 0).then_some(BerthIndex(berth * 4_000)),
        state: if required { SeatState::Released } else { SeatState::Expired },
    });
    prop::collection::vec(seat, 0..=PARTY_MAX)
}

fn records() -> impl Strategy<Value = Record> {
    let time = || prop_oneof![4 => 1_000..2_000u64, 1 => any::<u64>()];
    let times = (time(), time(), time(), prop::option::of(time()), any::<bool>());
    let text = prop_oneof![2 => Just(String::new()), 1 => "[a-zé]{1,60}"];
    let legs = (0..127u8).prop_flat_map(|from| (Just(from), from + 1..=127u8));
    let extends = prop_oneof![
        2 => Just(Vec::new()),
        2 => prop::collection::vec(any::<u128>(), 1..4),
        1 => prop::collection::vec(any::<u128>(), 200..=256),
    ];
    (any::<[u128; 2]>(), times, 0..64u8, legs, seats(), text, extends).prop_map(
        |(ids, (made, until, end, released, at_end), pool, (from, to), party, text, extends)| {
            let mark = |id| RequestMark { id: RequestId(id), digest: id as u64 ^ 7 };
            Record {
                hold: HoldId(ids[0]),
                request: mark(ids[1]),
                extends: extends.into_iter().map(mark).collect(),
                pool: PoolIndex(pool),
                legs: LegRange { from, to },
                created_at: UnixMillis(made),
                expires_at: UnixMillis(until),
                reference: text.into(),
                party: party.into_iter().collect(),
                bookings: Vec::new(),
                released_at: if at_end { Some(end) } else { released }.map(UnixMillis),
                ended: Some(Ended { at: UnixMillis(end), how: SeatState::Released }),
                listed: Vec::new(),
            }
        },
    )
}

fn card_of(record: &Record) -> Card {
    let mut card = Card::free(NONE);
    card.load(record.clone());
    card
}

proptest! {
    /// Against a list: what goes in comes out, in order, and is found at its place meanwhile.
    #[test]
    fn keeps_what_it_is_given(
        steps in prop::collection::vec((records(), 0..3usize), 1..120),
        first in prop_oneof![Just(0u32), Just(PLACES_MAX - CHUNK as u32)],
    ) {
        // Places go round some time.
        let mut past = Past { first, next: first, ..Past::default() };
        let mut twin: VecDeque<(Record, u32)> = VecDeque::new();
        for (record, pops) in steps {
            let place = past.push(&card_of(&record));
            twin.push_back((record, place));
            for _ in 0..pops {
                let gone = past.pop().map(|(ids, place)| {
                    let extends = ids.extends.map_or_else(Vec::new, Vec::from);
                    (ids.hold, ids.request, extends, place)
                });
                let other = twin.pop_front();
                let other = other.map(|(r, place)| (r.hold, r.request.id, r.extends, place));
                prop_assert_eq!(gone, other);
            }
            prop_assert_eq!(past.len(), twin.len());
            let oldest = twin.front().and_then(|(record, _)| Some(record.ended?.at));
            prop_assert_eq!(past.oldest_end(), oldest);
            for (record, place) in &twin {
                prop_assert_eq!(&past.at(*place).card().copy(), record);
            }
            let all: Vec<Record> = past.cards().map(|card| card.copy()).collect();
            let others: Vec<Record> = twin.iter().map(|(record, _)| record.clone()).collect();
            prop_assert_eq!(all, others);
        }
    }
}

#[test]
fn few_take_little_and_none_takes_one_chunk() {
    let mut past = Past::default();
    assert_eq!(past.chunks.len(), 0);
    let mut card = Card::free(NONE);
    let made = Made {
        hold: HoldId(1),
        request: RequestMark { id: RequestId(2), digest: 3 },
        pool: PoolIndex(0),
        legs: LegRange { from: 0, to: 1 },
        created_at: UnixMillis(5),
        expires_at: UnixMillis(9),
    };
    let seat = Seated::from_bits(card_seat().bits());
    card.fill(made, core::iter::once(seat));
    card.end(UnixMillis(7), SeatState::Released);
    card.release(UnixMillis(7));
    for n in 0..1_000 {
        past.push(&card);
        assert_eq!(past.chunks.len(), n / (CHUNK / HEAD) + 1);
    }
    while past.pop().is_some() {}
    assert_eq!(past.chunks.len(), 1, "what is left of the last");
}

fn card_seat() -> Seated {
    let passenger =
        Passenger { age: AgeBand::Adult, sex: Sex::Male, berth_required: true, preference: None };
    Seated::new(passenger, Some(BerthIndex(4)), SeatState::Released)
}
