//! Buckets by whose they are, in bounded memory.
//!
//! A bucket that is full again is as good as none, so those are forgotten first. When so many are in
//! use that there is no room, who comes new shares a bucket with others who did.

use core::hash::Hash;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::bucket::Bucket;

/// Parts with a lock each, taken once for a call or a session.
const PARTS: usize = 16;

/// See the module.
pub(super) struct Table<K> {
    parts: [Mutex<Part<K>>; PARTS],
    most: usize,
    hasher: RandomState,
}

struct Part<K> {
    buckets: HashMap<K, Arc<Bucket>>,
    /// For those who find no room.
    shared: Arc<Bucket>,
    /// No room was found then; nobody looks again before this instant.
    look_again: u64,
}

/// Between two looks for room, nanoseconds: a look goes over all of a part.
const PAUSE: u64 = 100_000_000;

impl<K: Eq + Hash + Clone> Table<K> {
    pub fn new(most: usize) -> Self {
        let part =
            || Mutex::new(Part { buckets: HashMap::new(), shared: Arc::default(), look_again: 0 });
        let hasher = RandomState::new();
        Self { parts: core::array::from_fn(|_| part()), most: most.div_ceil(PARTS), hasher }
    }

    /// The bucket of this one.
    pub fn find(&self, whose: &K, now: u64) -> Arc<Bucket> {
        let part = &self.parts[self.hasher.hash_one(whose) as usize % PARTS];
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = part.buckets.get(whose) {
            return Arc::clone(bucket);
        }
        if part.buckets.len() >= self.most && now >= part.look_again {
            // Who still holds one goes on with it: a session.
            part.buckets.retain(|_, bucket| Arc::strong_count(bucket) > 1 || !bucket.is_full(now));
            part.look_again = now.saturating_add(PAUSE);
        }
        if part.buckets.len() >= self.most {
            return Arc::clone(&part.shared);
        }
        let bucket = Arc::<Bucket>::default();
        part.buckets.insert(whose.clone(), Arc::clone(&bucket));
        bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rates::Rate;

    const RATE: Rate = Rate { per_second: 1, burst: 1 };

    #[test]
    fn memory_is_bounded_and_the_full_are_forgotten_first() {
        let table = Table::new(160);
        for caller in 0..100_000u32 {
            let _ = table.find(&caller, 0).take(RATE, false, 0);
        }
        let known = || -> usize {
            table.parts.iter().map(|part| part.lock().expect("no panic").buckets.len()).sum()
        };
        assert_eq!(known(), 160);
        let (new, other) = (table.find(&200_000, 0), table.find(&200_000, 0));
        assert!(Arc::ptr_eq(&new, &other) && new.take(RATE, false, 0).is_err(), "a shared one");
        // Two seconds later all are full again.
        let now = 2_000_000_000;
        let own = table.find(&200_000, now);
        assert!(own.take(RATE, false, now).is_ok() && known() <= 160);
        assert!(Arc::ptr_eq(&own, &table.find(&200_000, now)), "it is kept");
    }
}
