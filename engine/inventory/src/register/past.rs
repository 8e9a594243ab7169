//! Holds that ended without a booking, packed, in the order in which they ended.
//!
//! They are kept so that retries get the first answer and are forgotten oldest first, so they stand
//! in a queue of chunks that grows and shrinks with their number; one of a single passenger is 64
//! bytes. Eight words, lowest bits first: marks (`there`, prolonged, own times, reference; released
//! 2 bits, heads 3, how it ended 3, pool 6, first stop 7, last stop 7) and the first passenger from
//! bit 32 on; hold id, request id (two words each); digest of the request; when it was made; and from
//! there to its deadline and to its end, milliseconds in 32 bits each. Behind them only what there
//! is: both of these times where one does not fit; when somebody was released, if not at the end;
//! the other passengers, two a word; the number of its list in `Prolonged`; length and bytes of the
//! reference. None crosses the end of a chunk: a word that is 0 where one would begin says so.
//! A place is the number of the first word, counted over all chunks that ever were, in `PLACE_BITS`.

mod entry;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::names::PLACES_MAX;
use crate::card::Card;
use crate::foresee::address;
use crate::record::Ended;
use crate::{
    HoldId, LEGS_MAX, PARTY_MAX, POOLS_MAX, REFERENCE_BYTES_MAX, RequestId, RequestMark, UnixMillis,
};

pub(crate) use entry::Entry;

/// Words of a chunk: 1 KiB, of which a run with few ended holds has one.
const CHUNK: usize = 128;
const _: () = assert!((PLACES_MAX as usize).is_multiple_of(CHUNK) && CHUNK.is_power_of_two());
/// Words that each has.
const HEAD: usize = 8;
const WORDS_MAX: usize = HEAD + 2 + 1 + PARTY_MAX / 2 + 1 + 1 + REFERENCE_BYTES_MAX.div_ceil(8);
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

/// On cache lines, so that what a single passenger leaves is one of them.
#[derive(Debug)]
#[repr(align(64))]
struct Words([u64; CHUNK]);

type Chunk = Box<Words>;

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
    /// Of those that were prolonged, while any of them was.
    prolonged: Option<Box<Prolonged>>,
}

/// By whom those were prolonged that were: few, and each by many or few.
#[derive(Debug, Default)]
struct Prolonged {
    /// Oldest end first.
    lists: VecDeque<Marks>,
    /// Number of the first of them.
    first: u64,
}

type Marks = Box<[RequestMark]>;

/// The ids of one hold.
#[derive(Debug)]
pub(crate) struct Ids {
    pub(crate) hold: HoldId,
    pub(crate) request: RequestId,
    pub(crate) extends: Option<Marks>,
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
        let list = if card.is_prolonged() { self.keep_extends(card) } else { 0 };
        let (place, words) = self.room(packed.words);
        packed.write(card, ended, list, words);
        place
    }

    /// Keeps by whom it was prolonged; the number of that list.
    fn keep_extends(&mut self, card: &Card) -> u64 {
        let Prolonged { lists, first } = &mut **self.prolonged.get_or_insert_default();
        lists.push_back(card.extends().into());
        *first + lists.len() as u64 - 1
    }

    /// The list of the oldest one that was prolonged.
    fn pop_extends(&mut self) -> Option<Marks> {
        let Prolonged { lists, first } = self.prolonged.as_deref_mut()?;
        *first += 1;
        let oldest = lists.pop_front();
        if lists.is_empty() {
            self.prolonged = None;
        }
        oldest
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
        (place, &mut last.0[at..at + words])
    }

    /// Another chunk at the end; the last one is left as it is.
    #[inline(never)]
    fn next_chunk(&mut self) {
        let at = self.next as usize % CHUNK;
        if at != 0 {
            let last = self.chunks.back_mut().expect("the next goes into it");
            last.0[at] = 0;
            self.next = (self.next - at as u32 + CHUNK as u32) % PLACES_MAX;
            if self.len == 0 {
                // Nothing is in front of the mark.
                self.leave(CHUNK - at);
            }
        }
        let chunk = self.spare.take().unwrap_or_else(|| Box::new(Words([0; CHUNK])));
        self.chunks.push_back(chunk);
    }

    /// Past a mark that says that nothing more is in the first chunk.
    #[inline]
    fn find_first(&mut self) {
        let at = self.first as usize % CHUNK;
        if at != 0 && self.chunks[0].0[at] == 0 {
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
        let (hold, request, words) = (entry.hold(), entry.request().id, entry.words());
        let extends = if entry.is_prolonged() { self.pop_extends() } else { None };
        self.len -= 1;
        self.leave(words);
        if self.len > 0 {
            self.find_first();
        }
        Some((Ids { hold, request, extends }, place))
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

    /// Where the hold of that place stands, if it does.
    #[inline]
    pub(crate) fn address(&self, place: u32) -> Option<*const u8> {
        let chunk = self.chunks.get(self.chunk_of(place))?;
        Some(address(&chunk.0[place as usize % CHUNK]))
    }

    /// Where the next one goes, if its chunk is begun.
    #[inline]
    pub(crate) fn end(&self) -> Option<*const u8> {
        self.chunks.back().map(|chunk| address(&chunk.0[self.next as usize % CHUNK]))
    }

    #[inline]
    fn words_from(&self, place: u32) -> &[u64] {
        &self.chunks[self.chunk_of(place)].0[place as usize % CHUNK..]
    }

    /// The chunk in which a place is.
    #[inline]
    fn chunk_of(&self, place: u32) -> usize {
        let first = self.first as usize / CHUNK;
        let chunks = PLACES_MAX as usize / CHUNK;
        (place as usize / CHUNK).wrapping_sub(first) % chunks
    }

    /// The hold at its place.
    #[inline]
    pub(crate) fn at(&self, place: u32) -> Entry<'_> {
        let words = self.words_from(place);
        let (head, rest) = words.split_first_chunk().expect("written as a whole");
        Entry { head, rest, prolonged: &self.prolonged }
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
            words += 1;
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
    fn write(&self, card: &Card, ended: Ended, list: u64, words: &mut [u64]) {
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
        if self.marks & PROLONGED != 0 {
            put(list);
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
