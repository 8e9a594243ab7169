//! Holds that ended without a booking, packed, in the order in which they ended.
//!
//! They are kept so that retries get the first answer and are forgotten oldest first, so they stand
//! in a queue of chunks that grows and shrinks with their number; one of a single passenger is 64
//! bytes. Eight words, lowest bits first: marks (`there`, prolonged, own times, reference; released
//! 2 bits, heads 3, how it ended 3, pool 6, first stop 7, last stop 7) and the first passenger from
//! bit 32 on; hold id, request id (two words each); digest of the request; when it was made; and from
//! there to its deadline and to its end, milliseconds in 32 bits each. Behind them only what there
//! is: both of these times where one does not fit; when somebody was released, if not at the end;
//! the other passengers, two a word; request id and digest of the extend; length and bytes of the
//! reference. None crosses the end of a chunk: a word that is 0 where one would begin says so.
//! A place is the number of the first word, counted over all chunks that ever were, in `PLACE_BITS`.

use std::collections::VecDeque;

use super::names::PLACES_MAX;
use crate::card::{Card, Made, Seated, Shown};
use crate::record::{Ended, SeatState};
use crate::register::NONE;
use crate::{
    HoldId, LEGS_MAX, LegRange, PARTY_MAX, POOLS_MAX, PoolIndex, REFERENCE_BYTES_MAX, RequestId,
    RequestMark, UnixMillis,
};

/// Words of a chunk: 1 KiB, of which a run with few ended holds has one.
const CHUNK: usize = 128;
const _: () = assert!((PLACES_MAX as usize).is_multiple_of(CHUNK) && CHUNK.is_power_of_two());
/// Words that each has.
const HEAD: usize = 8;
const WORDS_MAX: usize = HEAD + 2 + 1 + PARTY_MAX / 2 + 3 + 1 + REFERENCE_BYTES_MAX.div_ceil(8);
const _: () = assert!(WORDS_MAX <= CHUNK);

const THERE: u64 = 1;
const PROLONGED: u64 = 1 << 1;
const OWN_TIMES: u64 = 1 << 2;
const REFERENCE: u64 = 1 << 3;
const RELEASED: u32 = 4;
const RELEASED_AT_END: u64 = 1;
const RELEASED_BEFORE: u64 = 2;
const HEADS: u32 = 6;
const HOW: u32 = 9;
const POOL: u32 = 12;
const FROM: u32 = 18;
const TO: u32 = 25;
const FIRST: u32 = 32;
const _: () = assert!(PARTY_MAX < 8 && POOLS_MAX <= 64 && LEGS_MAX <= 127);

type Chunk = Box<[u64; CHUNK]>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Past {
    chunks: VecDeque<Chunk>,
    /// The chunk that was emptied last.
    spare: Option<Chunk>,
    /// Place of the oldest, and where the next goes.
    first: u32,
    next: u32,
    len: usize,
}

/// The ids of one hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    pub(crate) hold: HoldId,
    pub(crate) request: RequestId,
    pub(crate) extend: Option<RequestId>,
}

impl Past {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Takes in a hold that has ended; its place.
    #[inline]
    pub(crate) fn push(&mut self, card: &Card) -> u32 {
        let ended = card.ended().expect("only what has ended is past");
        match plain(card, ended) {
            Some(head) => {
                let (place, words) = self.room(HEAD);
                words.copy_from_slice(&head);
                place
            }
            None => self.push_other(card, ended),
        }
    }

    #[inline(never)]
    fn push_other(&mut self, card: &Card, ended: Ended) -> u32 {
        let packed = Packed::of(card, ended);
        let (place, words) = self.room(packed.words);
        packed.write(card, ended, words);
        place
    }

    /// Room for so many words at the end, and its place.
    #[inline]
    fn room(&mut self, words: usize) -> (u32, &mut [u64]) {
        let mut at = self.next as usize % CHUNK;
        if at == 0 || at + words > CHUNK {
            self.next_chunk();
            at = 0;
        }
        let place = self.next;
        self.next = (place + words as u32) % PLACES_MAX;
        self.len += 1;
        let last = self.chunks.back_mut().expect("there is one by now");
        (place, &mut last[at..at + words])
    }

    /// Another chunk at the end; the last one is left as it is.
    #[inline(never)]
    fn next_chunk(&mut self) {
        let at = self.next as usize % CHUNK;
        if at != 0 {
            let last = self.chunks.back_mut().expect("the next goes into it");
            last[at] = 0;
            self.next = (self.next - at as u32 + CHUNK as u32) % PLACES_MAX;
            if self.len == 0 {
                // Nothing is in front of the mark.
                self.leave(CHUNK - at);
            }
        }
        let chunk = self.spare.take().unwrap_or_else(|| Box::new([0; CHUNK]));
        self.chunks.push_back(chunk);
    }

    /// Past a mark that says that nothing more is in the first chunk.
    #[inline]
    fn find_first(&mut self) {
        let at = self.first as usize % CHUNK;
        if at != 0 && self.chunks[0][at] == 0 {
            self.leave(CHUNK - at);
        }
    }

    /// The first `words` from the front are not needed any more.
    #[inline]
    fn leave(&mut self, words: usize) {
        let at = self.first as usize % CHUNK;
        self.first = (self.first + words as u32) % PLACES_MAX;
        if at + words == CHUNK {
            self.spare = self.chunks.pop_front();
        }
    }

    /// Forgets the oldest; its ids and place.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(Ids, u32)> {
        let place = self.first;
        let entry = self.oldest()?;
        let (ids, words) = (entry.ids(), entry.words());
        self.len -= 1;
        self.leave(words);
        if self.len > 0 {
            self.find_first();
        }
        Some((ids, place))
    }

    /// When the oldest ended.
    #[inline]
    pub(crate) fn oldest_end(&self) -> Option<UnixMillis> {
        self.oldest().map(Entry::ended_at)
    }

    #[inline]
    fn oldest(&self) -> Option<Entry<'_>> {
        (self.len > 0).then(|| self.at(self.first))
    }

    #[inline]
    fn words_from(&self, place: u32) -> &[u64] {
        let first = self.first as usize / CHUNK;
        let chunks = PLACES_MAX as usize / CHUNK;
        let chunk = (place as usize / CHUNK).wrapping_sub(first) % chunks;
        &self.chunks[chunk][place as usize % CHUNK..]
    }

    /// The hold at its place.
    #[inline]
    pub(crate) fn at(&self, place: u32) -> Entry<'_> {
        let words = self.words_from(place);
        let (head, rest) = words.split_first_chunk().expect("written as a whole");
        Entry { head, rest }
    }

    /// All of them, oldest first, each on a card of its own.
    pub(crate) fn cards(&self) -> impl Iterator<Item = Card> {
        self.entries().map(Entry::card)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut place = self.first;
        (0..self.len).map(move |_| {
            if self.words_from(place)[0] == 0 {
                place = place - place % CHUNK as u32 + CHUNK as u32;
            }
            let entry = self.at(place);
            place += entry.words() as u32;
            entry
        })
    }
}

/// The head, where it says all.
#[inline]
fn plain(card: &Card, ended: Ended) -> Option<[u64; HEAD]> {
    let (until, end) =
        (short(card.created_at, card.expires_at)?, short(card.created_at, ended.at)?);
    let released = match card.released_at() {
        None => 0,
        Some(at) if at == ended.at => RELEASED_AT_END << RELEASED,
        Some(_) => return None,
    };
    let [seat] = *card.party() else { return None };
    if card.is_prolonged() || !card.reference.is_empty() {
        return None;
    }
    let marks = marks(card, ended) | released | u64::from(seat.bits()) << FIRST;
    let request = card.request();
    let (hold, id) = (card.hold.0, request.id.0);
    let (made, spans) = (card.created_at.0, until | end << 32);
    Some([marks, low(hold), high(hold), low(id), high(id), request.digest, made, spans])
}

/// What the marks of all have.
#[inline]
fn marks(card: &Card, ended: Ended) -> u64 {
    THERE
        | (card.party().len() as u64) << HEADS
        | (ended.how as u64) << HOW
        | u64::from(card.pool.0) << POOL
        | u64::from(card.legs.from) << FROM
        | u64::from(card.legs.to) << TO
}

/// What one takes.
struct Packed {
    marks: u64,
    words: usize,
}

impl Packed {
    #[inline]
    fn of(card: &Card, ended: Ended) -> Self {
        let party = card.party();
        let mut words = HEAD + party.len() / 2;
        let mut marks = marks(card, ended);
        if let Some(first) = party.first() {
            marks |= u64::from(first.bits()) << FIRST;
        }
        if short(card.created_at, card.expires_at).is_none()
            || short(card.created_at, ended.at).is_none()
        {
            marks |= OWN_TIMES;
            words += 2;
        }
        if let Some(at) = card.released_at() {
            let own = at != ended.at;
            marks |= if own { RELEASED_BEFORE } else { RELEASED_AT_END } << RELEASED;
            words += usize::from(own);
        }
        if card.is_prolonged() {
            marks |= PROLONGED;
            words += 3;
        }
        if !card.reference.is_empty() {
            marks |= REFERENCE;
            let bytes = card.reference.len();
            assert!(bytes <= REFERENCE_BYTES_MAX, "a reference of {bytes} bytes");
            words += 1 + bytes.div_ceil(8);
        }
        Self { marks, words }
    }

    #[inline]
    fn write(&self, card: &Card, ended: Ended, words: &mut [u64]) {
        let (head, rest) = words.split_first_chunk_mut::<HEAD>().expect("room for a head");
        let request = card.request();
        let from_start = |at| short(card.created_at, at).unwrap_or(0);
        *head = [
            self.marks,
            low(card.hold.0),
            high(card.hold.0),
            low(request.id.0),
            high(request.id.0),
            request.digest,
            card.created_at.0,
            from_start(card.expires_at) | from_start(ended.at) << 32,
        ];
        if rest.is_empty() {
            return;
        }
        let mut rest = rest.iter_mut();
        let mut put = |word| *rest.next().expect("the words were counted") = word;
        if self.marks & OWN_TIMES != 0 {
            put(card.expires_at.0);
            put(ended.at.0);
        }
        if self.marks >> RELEASED & 3 == RELEASED_BEFORE {
            put(card.released_at().map_or(0, |at| at.0));
        }
        for two in card.party().get(1..).unwrap_or_default().chunks(2) {
            let second = two.get(1).map_or(0, |seat| u64::from(seat.bits()));
            put(u64::from(two[0].bits()) | second << 32);
        }
        if let Some(mark) = card.extend() {
            put(low(mark.id.0));
            put(high(mark.id.0));
            put(mark.digest);
        }
        if self.marks & REFERENCE != 0 {
            put(card.reference.len() as u64);
            for eight in card.reference.as_bytes().chunks(8) {
                let mut bytes = [0; 8];
                bytes[..eight.len()].copy_from_slice(eight);
                put(u64::from_le_bytes(bytes));
            }
        }
    }
}

/// A hold that has ended, as it is kept.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    head: &'a [u64; HEAD],
    /// What stands behind the head, if anything of it does.
    rest: &'a [u64],
}

impl Entry<'_> {
    #[inline]
    fn bits(self, at: u32, bits: u32) -> u8 {
        (self.head[0] >> at & ((1 << bits) - 1)) as u8
    }

    #[inline]
    fn has(self, mark: u64) -> bool {
        self.head[0] & mark != 0
    }

    /// Whether nothing stands behind the head.
    #[inline]
    fn is_plain(self) -> bool {
        let released_before = u64::from(self.bits(RELEASED, 2)) == RELEASED_BEFORE;
        !released_before && !self.has(OWN_TIMES | PROLONGED | REFERENCE) && self.heads() < 2
    }

    #[inline]
    pub(crate) fn hold(self) -> HoldId {
        HoldId(wide(self.head[1], self.head[2]))
    }

    /// The request that made it.
    #[inline]
    pub(crate) fn request(self) -> RequestMark {
        RequestMark { id: RequestId(wide(self.head[3], self.head[4])), digest: self.head[5] }
    }

    /// Where behind the head the other passengers begin.
    fn others_at(self) -> usize {
        let own = usize::from(u64::from(self.bits(RELEASED, 2)) == RELEASED_BEFORE);
        2 * usize::from(self.has(OWN_TIMES)) + own
    }

    /// Where the extend begins, and behind it the reference.
    fn extend_at(self) -> usize {
        self.others_at() + self.heads() / 2
    }

    /// The request that prolonged it last.
    pub(crate) fn extend(self) -> Option<RequestMark> {
        self.has(PROLONGED).then(|| {
            let at = self.extend_at();
            let id = RequestId(wide(self.rest[at], self.rest[at + 1]));
            RequestMark { id, digest: self.rest[at + 2] }
        })
    }

    fn reference_at(self) -> usize {
        self.extend_at() + if self.has(PROLONGED) { 3 } else { 0 }
    }

    #[inline]
    fn words(self) -> usize {
        if self.is_plain() { HEAD } else { HEAD + self.more_words() }
    }

    fn more_words(self) -> usize {
        let at = self.reference_at();
        let bytes = if self.has(REFERENCE) { 8 + self.rest[at] as usize } else { 0 };
        at + bytes.div_ceil(8)
    }

    fn long_reference(self) -> Box<str> {
        let at = self.reference_at();
        let words = &self.rest[at + 1..self.more_words()];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let text = core::str::from_utf8(&bytes[..self.rest[at] as usize]);
        text.expect("written from a text").into()
    }

    #[inline]
    pub(crate) fn ids(self) -> Ids {
        let extend = self.extend().map(|mark| mark.id);
        Ids { hold: self.hold(), request: self.request().id, extend }
    }

    #[inline]
    fn times(self) -> (UnixMillis, UnixMillis) {
        if self.has(OWN_TIMES) {
            return (UnixMillis(self.rest[0]), UnixMillis(self.rest[1]));
        }
        let (made, spans) = (self.head[6], self.head[7]);
        (UnixMillis(made + (spans & u64::from(u32::MAX))), UnixMillis(made + (spans >> 32)))
    }

    #[inline]
    fn ended_at(self) -> UnixMillis {
        self.times().1
    }

    /// On a card of its own, as it was.
    pub(crate) fn card(self) -> Card {
        let ended_at = self.ended_at();
        let mut card = Card::free(NONE);
        card.fill(self.made(), (0..self.heads()).map(|index| self.seat(index)));
        let how = SeatState::from_number(self.bits(HOW, 3)).expect("written from a state");
        card.end(ended_at, how);
        match u64::from(self.bits(RELEASED, 2)) {
            RELEASED_AT_END => card.release(ended_at),
            RELEASED_BEFORE => card.release(UnixMillis(self.rest[self.others_at() - 1])),
            _ => {}
        }
        if let Some(mark) = self.extend() {
            card.set_extend(mark);
        }
        card.reference = self.reference();
        card
    }
}

impl Shown for Entry<'_> {
    #[inline]
    fn made(&self) -> Made {
        Made {
            hold: self.hold(),
            request: self.request(),
            pool: PoolIndex(self.bits(POOL, 6)),
            legs: LegRange { from: self.bits(FROM, 7), to: self.bits(TO, 7) },
            created_at: UnixMillis(self.head[6]),
            expires_at: self.times().0,
        }
    }

    #[inline]
    fn heads(&self) -> usize {
        usize::from(self.bits(HEADS, 3))
    }

    #[inline]
    fn seat(&self, index: usize) -> Seated {
        let bits = match index {
            0 => self.head[0] >> FIRST,
            _ => self.rest[self.others_at() + (index - 1) / 2] >> (32 * ((index - 1) % 2)),
        };
        Seated::from_bits(bits as u32)
    }

    #[inline]
    fn reference(&self) -> Box<str> {
        if self.has(REFERENCE) { self.long_reference() } else { Box::default() }
    }

    #[inline]
    fn booking(&self) -> u32 {
        NONE
    }
}

/// A span of milliseconds in 32 bits, if it fits.
#[inline]
fn short(from: UnixMillis, to: UnixMillis) -> Option<u64> {
    to.0.checked_sub(from.0).filter(|span| u32::try_from(*span).is_ok())
}

const fn low(id: u128) -> u64 {
    id as u64
}

const fn high(id: u128) -> u64 {
    (id >> 64) as u64
}

const fn wide(low: u64, high: u64) -> u128 {
    low as u128 | (high as u128) << 64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Record, Seat};
    use crate::{AgeBand, BerthIndex, BerthType, Passenger, Sex};

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
        (any::<[u128; 3]>(), times, 0..64u8, legs, seats(), text, any::<bool>()).prop_map(
            |(ids, (made, until, end, released, at_end), pool, (from, to), party, text, longer)| {
                let mark = |id| RequestMark { id: RequestId(id), digest: id as u64 ^ 7 };
                Record {
                    hold: HoldId(ids[0]),
                    request: mark(ids[1]),
                    extend: longer.then(|| Box::new(mark(ids[2]))),
                    pool: PoolIndex(pool),
                    legs: LegRange { from, to },
                    created_at: UnixMillis(made),
                    expires_at: UnixMillis(until),
                    reference: text.into(),
                    party: party.into_iter().collect(),
                    bookings: Vec::new(),
                    released_at: if at_end { Some(end) } else { released }.map(UnixMillis),
                    ended: Some(Ended { at: UnixMillis(end), how: SeatState::Released }),
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
                    let gone = past.pop().map(|(ids, place)| (ids.hold, ids.request, place));
                    let other = twin.pop_front().map(|(r, place)| (r.hold, r.request.id, place));
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
        let passenger = Passenger {
            age: AgeBand::Adult,
            sex: Sex::Male,
            berth_required: true,
            preference: None,
        };
        Seated::new(passenger, Some(BerthIndex(4)), SeatState::Released)
    }
}
