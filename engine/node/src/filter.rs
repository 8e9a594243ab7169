//! Which request ids may be known to a run: the guard of the fast refusal.
//!
//! Fed before each push, also while the run is not live yet, so an id that is on its way or took
//! effect is always found; an id that is found in vain only goes through the queue. Generations:
//! the shard rotates after it has executed as many commands of the take lane as a run has permits,
//! so everything in flight at one rotation has been executed at the next, and what took effect is
//! seeded anew from the run's memory. Whoever has fed an id and not pushed it while two rotations went
//! by has it fed again when it is executed. A run that comes (back) to life only adds what it remembers.
//! A generation begins small and, when it has been fed what it has room for, a larger one takes the
//! next ids: most of a network's runs hear of few. A run that goes cold gives its filter up, unless
//! something is in flight to it.
//! Source: Bloom, "Space/time trade-offs in hash coding with allowable errors" (CACM 1970).

use std::sync::Arc;

use berth_inventory::RequestId;
use berth_kernel::prefetch_all;

use super::sync::ArcSwapOption;
use super::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// Bits of a generation: 128 bytes to 16 KiB, in few steps, for all that a run outgrew are asked.
const SIZES: [usize; 4] = [1 << 10, 1 << 12, 1 << 14, 1 << 17];
/// Bits for each id expected: two hashes at 8 bits find 5 % in vain.
const BITS_PER_ID: usize = 8;

/// The bits stand behind the count, so that whoever has the generation has them too.
struct Generation<B: ?Sized = [AtomicU64]> {
    fed: AtomicU32,
    bits: B,
}

impl Generation {
    fn for_ids(count: usize) -> Arc<Self> {
        fn sized<const WORDS: usize>() -> Arc<Generation> {
            let bits = core::array::from_fn::<_, WORDS, _>(|_| AtomicU64::new(0));
            Arc::new(Generation { fed: AtomicU32::new(0), bits })
        }
        let enough = SIZES.iter().position(|bits| *bits >= count * BITS_PER_ID);
        match enough {
            Some(0) => sized::<{ SIZES[0] / 64 }>(),
            Some(1) => sized::<{ SIZES[1] / 64 }>(),
            Some(2) => sized::<{ SIZES[2] / 64 }>(),
            _ => sized::<{ SIZES[3] / 64 }>(),
        }
    }

    /// Two bits of one word: one cache line for each id.
    fn place(&self, id: RequestId) -> (&AtomicU64, u64) {
        // UUIDs carry their entropy in both halves, but version and variant bits are fixed: mix.
        let mixed = (id.0 as u64 ^ (id.0 >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let word = (mixed >> 40) as usize & (self.bits.len() - 1);
        (&self.bits[word], 1 << (mixed >> 34 & 63) | 1 << (mixed >> 28 & 63))
    }

    /// Whether it has room for more.
    fn feed(&self, id: RequestId) -> bool {
        let (word, bits) = self.place(id);
        word.fetch_or(bits, Relaxed);
        let fed = self.fed.fetch_add(1, Relaxed) as usize;
        fed < self.room() || self.bits.len() * 64 == SIZES[SIZES.len() - 1]
    }

    /// Ids it is meant for.
    fn room(&self) -> usize {
        self.bits.len() * 64 / BITS_PER_ID
    }

    fn may_hold(&self, id: RequestId) -> bool {
        let (word, bits) = self.place(id);
        word.load(Relaxed) & bits == bits
    }
}

#[derive(Clone)]
struct Generations {
    /// What the run remembers is in. Before that, nothing can be said of any id.
    live: bool,
    current: Arc<Generation>,
    /// Fed since the last rotation, until they were too small for what the run remembers.
    outgrown: Vec<Arc<Generation>>,
    /// Fed before the last rotation and after the one before.
    previous: Vec<Arc<Generation>>,
}

impl Generations {
    fn of(live: bool, current: Arc<Generation>) -> Self {
        Self { live, current, outgrown: Vec::new(), previous: Vec::new() }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Generation>> {
        core::iter::once(&self.current).chain(&self.outgrown).chain(&self.previous)
    }
}

/// See the module. Knows nothing until the run is live for the first time.
#[derive(Default)]
pub struct IdFilter {
    generations: ArcSwapOption<Generations>,
    /// Rotations so far, each counted after it is done.
    rotations: AtomicU32,
}

impl IdFilter {
    /// Adds what the run remembers when it comes to life, first or anew; nothing is forgotten.
    pub fn seed(&self, remembered: impl Iterator<Item = RequestId>) {
        let ids: Vec<_> = remembered.collect();
        self.generations.rcu(|old| {
            let fresh = Generation::for_ids(ids.len() * 2);
            let next = match old {
                None => Generations::of(true, fresh),
                Some(old) => {
                    let mut next = Generations { live: true, ..Generations::clone(old) };
                    if fresh.bits.len() > next.current.bits.len() {
                        let outgrown = core::mem::replace(&mut next.current, fresh);
                        next.outgrown.push(outgrown);
                    }
                    next
                }
            };
            for id in &ids {
                next.current.feed(*id);
            }
            Some(Arc::new(next))
        });
    }

    /// Begins anew with what the run remembers and keeps what was fed since the last rotation.
    pub fn rotate(&self, remembered: impl Iterator<Item = RequestId>) {
        let ids: Vec<_> = remembered.collect();
        self.generations.rcu(|old| {
            let fed = old.as_ref().map_or(0, |old| old.current.fed.load(Relaxed) as usize);
            let mut next = Generations::of(true, Generation::for_ids(ids.len() * 2 + fed));
            for id in &ids {
                next.current.feed(*id);
            }
            if let Some(old) = old {
                next.previous.push(Arc::clone(&old.current));
                next.previous.extend(old.outgrown.iter().map(Arc::clone));
            }
            Some(Arc::new(next))
        });
        self.rotations.fetch_add(1, Release);
    }

    /// Rotations so far.
    #[inline]
    pub(crate) fn rotations(&self) -> u32 {
        self.rotations.load(Acquire)
    }

    /// Feeds an id; before its command is pushed. It stays until two rotations more have been
    /// counted than are returned.
    pub fn feed(&self, id: RequestId) -> u32 {
        // A rotation between load and feed would lose the id: look again until it stood still.
        loop {
            let rotations = self.rotations();
            let seen = self.generations.load();
            let Some(generations) = seen.as_ref() else {
                let first = || Some(Arc::new(Generations::of(false, Generation::for_ids(0))));
                self.generations.rcu(|old| old.clone().or_else(first));
                continue;
            };
            let fed = &generations.current;
            if !fed.may_hold(id) && !fed.feed(id) {
                self.grow(fed);
            }
            let now = self.generations.load();
            if now.as_ref().is_some_and(|now| now.all().any(|known| Arc::ptr_eq(known, fed))) {
                return rotations;
            }
        }
    }

    /// Has a larger generation follow `full`, if that is still the current one.
    fn grow(&self, full: &Arc<Generation>) {
        self.generations.rcu(|old| {
            let old = old.as_ref()?;
            if !Arc::ptr_eq(&old.current, full) {
                return Some(Arc::clone(old));
            }
            let current = Generation::for_ids(full.room() + 1);
            let mut next = Generations { current, ..Generations::clone(old) };
            next.outgrown.push(Arc::clone(full));
            Some(Arc::new(next))
        });
    }

    /// The run went cold: nothing is known of any id, as before its first life. `is_quiet` says
    /// that nothing was under way to the run; whoever feeds an id is under way before he does, so
    /// he is seen here, or he finds the filter empty and begins it anew. What he fed is kept then.
    pub fn give_up(&self, is_quiet: impl FnOnce() -> bool) {
        let known = self.generations.swap(None);
        if is_quiet() {
            return;
        }
        let Some(known) = known else { return };
        self.generations.rcu(|new| {
            let mut all = Generations { live: false, ..Generations::clone(&known) };
            if let Some(new) = new {
                all.outgrown.extend(new.all().map(Arc::clone));
            }
            Some(Arc::new(all))
        });
    }

    /// Has what leads to the bits of an id fetched, a step further with each call.
    #[inline]
    pub(crate) fn foresee(&self, step: usize, id: RequestId) {
        let known = self.generations.load();
        let Some(known) = known.as_ref() else { return };
        if step == 0 {
            return prefetch_all(&**known);
        }
        prefetch_all(&known.current.fed);
        prefetch_all(known.current.place(id).0);
    }

    /// Whether the id may be on its way or have taken effect; `true` while nothing is known.
    pub fn may_know(&self, id: RequestId) -> bool {
        match self.generations.load().as_ref() {
            None => true,
            Some(known) => !known.live || known.all().any(|one| one.may_hold(id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_fed_is_found_until_two_rotations_later() {
        let filter = IdFilter::default();
        assert!(filter.may_know(RequestId(1)), "nothing known: never refuse");
        filter.rotate(core::iter::once(RequestId(7)));
        assert!(filter.may_know(RequestId(7)));
        let id = RequestId(0x1234_5678_9abc_4def_8123_4567_89ab_cdef);
        assert!(!filter.may_know(id));
        filter.feed(id);
        assert!(filter.may_know(id));
        filter.rotate(core::iter::empty());
        assert!(filter.may_know(id), "still in the previous generation");
        filter.rotate(core::iter::empty());
        assert!(!filter.may_know(id), "executed long ago without effect");
    }

    #[test]
    fn what_is_fed_before_the_run_lives_is_found_when_it_does() {
        let filter = IdFilter::default();
        filter.feed(RequestId(5));
        assert!(filter.may_know(RequestId(6)), "nothing is known yet");
        filter.seed(core::iter::once(RequestId(7)));
        assert!(filter.may_know(RequestId(5)) && filter.may_know(RequestId(7)));
        assert!(!filter.may_know(RequestId(6)));
        // Ever more is remembered at each of its lives: the filter grows and forgets nothing.
        for life in 1..20u128 {
            let id = |n: u128| RequestId(n.wrapping_mul(0xd129_42f9_02ca_c361_1234_5677));
            filter.seed((0..life * 500).map(id));
            assert!((0..life * 500).all(|n| filter.may_know(id(n))));
            assert!(filter.may_know(RequestId(5)));
        }
        assert!(filter.generations.load().as_ref().unwrap().outgrown.len() <= 3);
    }

    #[test]
    fn a_generation_that_is_full_is_followed_by_a_larger_one() {
        let filter = IdFilter::default();
        let id = |n: u128| RequestId(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        filter.seed(core::iter::empty());
        for n in 0..30_000 {
            filter.feed(id(n));
        }
        assert!((0..30_000).all(|n| filter.may_know(id(n))));
        let known = filter.generations.load_full().unwrap();
        assert_eq!((known.outgrown.len(), known.current.bits.len() * 64), (3, 1 << 17));
    }

    #[test]
    fn a_filter_that_is_given_up_while_something_is_under_way_forgets_nothing() {
        let filter = IdFilter::default();
        filter.seed(core::iter::once(RequestId(7)));
        filter.feed(RequestId(8));
        filter.give_up(|| {
            filter.feed(RequestId(9));
            false
        });
        assert!(filter.may_know(RequestId(10)), "nothing is known of the next life");
        filter.seed(core::iter::empty());
        assert!([7, 8, 9].iter().all(|id| filter.may_know(RequestId(*id))));
        assert!(!filter.may_know(RequestId(10)));
        filter.give_up(|| true);
        assert!(filter.generations.load().is_none() && filter.may_know(RequestId(10)));
    }

    #[test]
    fn few_ids_are_found_in_vain() {
        let filter = IdFilter::default();
        let uuid = |n: u64| {
            let high = n.wrapping_mul(0xd129_42f9_02ca_c361).rotate_left(17) ^ n;
            RequestId(u128::from(high) << 64 | u128::from(n.wrapping_mul(0x2545_f491_4f6c_dd1d)))
        };
        filter.rotate((0..2_000).map(uuid));
        assert!((0..2_000).all(|n| filter.may_know(uuid(n))));
        let vain = (10_000..20_000).filter(|n| filter.may_know(uuid(*n))).count();
        assert!(vain < 1_000, "{vain} of 10,000 found in vain");
    }
}
