//! A set of places or numbers, compressed: 65,536 of them cost 8 KB once one is in it, and nothing
//! while none or all are.
//!
//! Source: Lemire and others, "Roaring bitmaps"; of its containers only the two that people who
//! leave a queue make.

const CHUNK: u32 = 1 << 16;
const WORDS: usize = CHUNK as usize / 64;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    chunks: Vec<Chunk>,
}

#[derive(Clone, Debug, Default)]
enum Chunk {
    #[default]
    None,
    Some {
        bits: Box<[u64; WORDS]>,
        count: u32,
    },
    All,
}

impl Chunk {
    const fn count(&self) -> u32 {
        match self {
            Self::None => 0,
            Self::Some { count, .. } => *count,
            Self::All => CHUNK,
        }
    }

    fn word(&self, word: usize) -> u64 {
        match self {
            Self::None => 0,
            Self::Some { bits, .. } => bits[word],
            Self::All => u64::MAX,
        }
    }

    /// Of its first `n`.
    fn count_below(&self, n: u32) -> u32 {
        let Self::Some { bits, .. } = self else { return self.count().min(n) };
        let (words, rest) = ((n / 64) as usize, n % 64);
        let whole: u32 = bits[..words].iter().map(|word| word.count_ones()).sum();
        if rest == 0 { whole } else { whole + (bits[words] & ((1 << rest) - 1)).count_ones() }
    }
}

impl Marks {
    /// Puts `n` in; false if it was.
    pub fn insert(&mut self, n: u32) -> bool {
        let (place, bit) = ((n / CHUNK) as usize, n % CHUNK);
        if self.chunks.len() <= place {
            self.chunks.resize_with(place + 1, Chunk::default);
        }
        let chunk = &mut self.chunks[place];
        if matches!(chunk, Chunk::None) {
            *chunk = Chunk::Some { bits: Box::new([0; WORDS]), count: 0 };
        }
        let Chunk::Some { bits, count } = chunk else { return false };
        let (word, mask) = (&mut bits[(bit / 64) as usize], 1 << (bit % 64));
        let is_new = *word & mask == 0;
        *word |= mask;
        *count += u32::from(is_new);
        if *count == CHUNK {
            *chunk = Chunk::All;
        }
        is_new
    }

    /// Whether `n` is in it.
    pub fn contains(&self, n: u32) -> bool {
        let chunk = self.chunks.get((n / CHUNK) as usize);
        chunk.is_some_and(|chunk| chunk.word((n % CHUNK / 64) as usize) >> (n % 64) & 1 == 1)
    }

    /// How many below `n` are in it.
    pub fn count_below(&self, n: u32) -> u32 {
        let place = (n / CHUNK) as usize;
        let whole: u32 = self.chunks.iter().take(place).map(Chunk::count).sum();
        whole + self.chunks.get(place).map_or(0, |chunk| chunk.count_below(n % CHUNK))
    }

    /// How many in `from..to` are not in it.
    pub fn missing(&self, from: u32, to: u32) -> u32 {
        (to - from) - (self.count_below(to) - self.count_below(from))
    }

    /// The end of the shortest stretch from `from` that has `wanted` which are not in it, at most `end`;
    /// and how many it has.
    pub fn stretch(&self, from: u32, wanted: u32, end: u32) -> (u32, u32) {
        let (mut at, mut found) = (from, 0);
        while at < end && found < wanted {
            let chunk = self.chunks.get((at / CHUNK) as usize).unwrap_or(&Chunk::None);
            let word = chunk.word((at % CHUNK / 64) as usize);
            // Whole words where all of them are taken.
            if at.is_multiple_of(64) && end - at >= 64 && wanted - found >= word.count_zeros() {
                found += word.count_zeros();
                at += 64;
            } else {
                found += u32::from(word >> (at % 64) & 1 == 0);
                at += 1;
            }
        }
        (at, found)
    }

    /// All that are in it, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.chunks.iter().enumerate().flat_map(|(place, chunk)| {
            let first = place as u32 * CHUNK;
            let words = if matches!(chunk, Chunk::None) { 0 } else { WORDS };
            (0..words).flat_map(move |word| {
                let bits = chunk.word(word);
                let of_word = first + word as u32 * 64;
                (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| of_word + bit)
            })
        })
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        let some = self.chunks.iter().filter(|chunk| matches!(chunk, Chunk::Some { .. })).count();
        some * WORDS * 8 + self.chunks.capacity() * size_of::<Chunk>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_and_none_cost_nothing() {
        let mut marks = Marks::default();
        assert!((0..2 * CHUNK).all(|n| marks.insert(n)));
        assert!(!marks.insert(5), "it is in already");
        assert!(marks.bytes() < 256, "{}", marks.bytes());
        assert!(marks.insert(9 * CHUNK + 3));
        assert!(marks.bytes() < 9_000, "{}", marks.bytes());
        assert_eq!(marks.count_below(u32::MAX), 2 * CHUNK + 1);
        assert_eq!(marks.stretch(0, 1, u32::MAX), (2 * CHUNK + 1, 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// It is a set.
        #[test]
        fn it_is_a_set(
            numbers in prop::collection::vec(prop_oneof![0..300_u32, 65_400..65_700_u32], 0..300),
            from in 0..66_000_u32, length in 0..66_000_u32, wanted in 0..400_u32,
        ) {
            let mut marks = Marks::default();
            let mut twin = BTreeSet::new();
            for n in numbers {
                prop_assert_eq!(marks.insert(n), twin.insert(n));
            }
            prop_assert!(marks.iter().eq(twin.iter().copied()));
            let end = from + length;
            prop_assert_eq!(marks.count_below(end) as usize, twin.range(..end).count());
            prop_assert!((from..end.min(from + 500)).all(|n| marks.contains(n) == twin.contains(&n)));
            let free: Vec<u32> = (from..end).filter(|n| !twin.contains(n)).collect();
            prop_assert_eq!(marks.missing(from, end) as usize, free.len());
            let (to, found) = marks.stretch(from, wanted, end);
            prop_assert_eq!(found as usize, free.len().min(wanted as usize));
            prop_assert_eq!(free.iter().filter(|n| **n < to).count(), found as usize);
        }
    }
}
