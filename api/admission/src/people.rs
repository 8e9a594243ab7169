//! One number a person: a set of fingerprints that leads from a person to the number they were given.
//!
//! A person is 49 bits of a keyed hash. 15 of them are the segment, 34 stand in the entry beside 30 bits
//! of the number: 8 bytes. Entries stand in pages of 256 bytes, so that growing moves nothing and leaves
//! no holes; a page is half empty on average, which is a twentieth of what ten million people take.
//! Two people of ten million share a fingerprint once in eleven rooms; they would share a place.

use core::ops::Range;

/// Numbers that a room can give out.
pub const PEOPLE_MAX: u32 = 1 << NUMBER_BITS;

const NUMBER_BITS: u32 = 30;
const PRINT_BITS: u32 = 64 - NUMBER_BITS;
const SEGMENT_BITS: u32 = 15;
/// Entries of a page.
const PAGE: usize = 32;
/// Pages of a block: 128 KiB, which the allocator maps by itself and never mixes with others.
const BLOCK: usize = 512;

type Page = [u64; PAGE];

/// See the module. Takes no memory to speak of before the first person.
#[derive(Default)]
pub struct People {
    segments: Vec<Segment>,
    blocks: Vec<Box<[Page]>>,
    pages: u32,
    count: u32,
}

#[derive(Clone, Default)]
struct Segment {
    pages: Vec<u32>,
    len: u32,
}

struct Place {
    page: u32,
    at: usize,
}

impl People {
    /// The number a person has.
    pub fn number(&self, person: u64) -> Option<u32> {
        let place = self.find(person)?;
        Some(number(self.page(place.page)[place.at]))
    }

    /// Gives a person a number, another one if they had one.
    pub fn give(&mut self, person: u64, to: u32) {
        assert!(to < PEOPLE_MAX, "number {to} of {PEOPLE_MAX}");
        let entry = print(person) << NUMBER_BITS | u64::from(to);
        if let Some(place) = self.find(person) {
            self.page_mut(place.page)[place.at] = entry;
            return;
        }
        if self.segments.is_empty() {
            self.segments = vec![Segment::default(); 1 << SEGMENT_BITS];
        }
        let at = segment(person);
        let within = self.segments[at].len as usize % PAGE;
        if within == 0 {
            let page = self.new_page();
            self.segments[at].pages.push(page);
        }
        let segment = &mut self.segments[at];
        segment.len += 1;
        let page = *segment.pages.last().expect("a segment with people has a page");
        self.page_mut(page)[within] = entry;
        self.count += 1;
    }

    /// How many have a number.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        let lists: usize = self.segments.iter().map(|segment| segment.pages.capacity() * 4).sum();
        let headers = self.segments.capacity() * size_of::<Segment>();
        lists + headers + self.blocks.len() * BLOCK * size_of::<Page>()
    }

    fn find(&self, person: u64) -> Option<Place> {
        let segment = self.segments.get(segment(person))?;
        let (print, mut left) = (print(person), segment.len as usize);
        for &page in &segment.pages {
            let filled: Range<usize> = 0..left.min(PAGE);
            left -= filled.len();
            let mut entries = self.page(page)[filled].iter();
            if let Some(at) = entries.position(|entry| entry >> NUMBER_BITS == print) {
                return Some(Place { page, at });
            }
        }
        None
    }

    fn new_page(&mut self) -> u32 {
        let page = self.pages;
        if (page as usize).is_multiple_of(BLOCK) {
            self.blocks.push(vec![[0; PAGE]; BLOCK].into_boxed_slice());
        }
        self.pages += 1;
        page
    }

    fn page(&self, page: u32) -> &Page {
        &self.blocks[page as usize / BLOCK][page as usize % BLOCK]
    }

    fn page_mut(&mut self, page: u32) -> &mut Page {
        &mut self.blocks[page as usize / BLOCK][page as usize % BLOCK]
    }
}

const fn segment(person: u64) -> usize {
    (person >> (u64::BITS - SEGMENT_BITS)) as usize
}

const fn print(person: u64) -> u64 {
    person >> (u64::BITS - SEGMENT_BITS - PRINT_BITS) & ((1 << PRINT_BITS) - 1)
}

const fn number(entry: u64) -> u32 {
    (entry & ((1 << NUMBER_BITS) - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spreads counters over 64 bits as a hash would (splitmix64).
    fn person(n: u64) -> u64 {
        let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    #[test]
    fn everybody_has_their_own_number() {
        let mut people = People::default();
        assert_eq!(people.number(person(1)), None);
        for n in 0..50_000 {
            people.give(person(n), n as u32);
        }
        people.give(person(7), 60_000);
        assert_eq!(people.count(), 50_000);
        for n in 0..50_000 {
            let expected = if n == 7 { 60_000 } else { n as u32 };
            assert_eq!(people.number(person(n)), Some(expected));
        }
        assert!((50_000..60_000).all(|n| people.number(person(n)).is_none()));
    }

    /// What a million people cost; ten million are measured by the bench, and cost less a head.
    #[test]
    fn a_million_people_cost_less_than_fourteen_bytes_each() {
        let mut people = People::default();
        assert!(people.bytes() < 100, "an empty room costs nothing");
        for n in 0..1_000_000 {
            people.give(person(n), n as u32);
        }
        let bytes = people.bytes();
        assert!(bytes < 14_000_000, "{bytes} bytes for a million people");
    }
}
