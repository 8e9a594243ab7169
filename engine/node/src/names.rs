//! Names that leave the house: hold ids and printed PNRs.
//!
//! A hold id is run index (32 bits), LSN of the node's start (40), counter (56), encrypted as one
//! AES-128 block: it leads to its run with one decryption, cannot be guessed, and is never issued
//! again, since every start has a new LSN. A PNR is a run's leased number, printed through a keyed
//! permutation of the 9,000,000,000 ten-digit numbers that begin with 1 to 9. It is a name, not a
//! secret.
//!
//! Source: Black and Rogaway, "Ciphers with arbitrary finite domains" (cycle walking, Feistel).

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use arrayvec::ArrayString;
use berth_inventory::{HoldId, Pnr, RunIndex, planted};

/// Printed PNRs: 1,000,000,000 ..= 9,999,999,999.
const PNR_FIRST: u64 = 1_000_000_000;
/// How many there are.
pub const PNR_SPACE: u64 = 9_000_000_000;
const PNR_DIGITS: usize = 10;
/// Half of the smallest even-width Feistel block that covers `PNR_SPACE` (2^34 > 9e9).
const HALF_BITS: u32 = 17;
const HALF_MASK: u64 = (1 << HALF_BITS) - 1;
const _: () = assert!(1 << (2 * HALF_BITS) >= PNR_SPACE, "the Feistel block covers every PNR");
/// Rounds of the Feistel network: four make a strong permutation (Luby and Rackoff, 1988), and every
/// answer about a booking pays for them.
const ROUNDS: u8 = 4;
const START_BITS: u32 = 40;
const COUNTER_BITS: u32 = 56;

/// The key of one data directory and what it names.
pub struct Names {
    holds: Aes128,
    pnrs: [u64; 2],
    start: u64,
    counter: AtomicU64,
}

fn digits(mut number: u64) -> ArrayString<PNR_DIGITS> {
    let mut digits = [0; PNR_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    ArrayString::from_byte_string(&digits).expect("digits are text")
}

/// What a genuine hold id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldOrigin {
    /// The run it belongs to.
    pub run: RunIndex,
    /// LSN of the start that issued it.
    pub start: u64,
    /// Its place among the ids of that start.
    pub counter: u64,
}

impl Names {
    /// From a data directory's 32 byte key and the LSN of this start.
    pub fn new(key: &[u8; 32], start: u64) -> Self {
        let [holds, pnrs] = [0, 16].map(|at| -> [u8; 16] { core::array::from_fn(|i| key[at + i]) });
        let pnrs = u128::from_le_bytes(pnrs);
        Self {
            holds: Aes128::new(&Array(holds)),
            pnrs: [pnrs as u64, (pnrs >> 64) as u64],
            // names-unique
            start: if planted!("hold-id-reissued") { 1 } else { start & ((1 << START_BITS) - 1) },
            counter: AtomicU64::new(1),
        }
    }

    /// A new hold id for `run`.
    pub fn draw_hold(&self, run: RunIndex) -> HoldId {
        let counter = self.counter.fetch_add(1, Relaxed);
        let plain = u128::from(run.0) << (START_BITS + COUNTER_BITS)
            | u128::from(self.start) << COUNTER_BITS
            | u128::from(counter & ((1 << COUNTER_BITS) - 1));
        let mut block = Array(plain.to_le_bytes());
        self.holds.encrypt_block(&mut block);
        HoldId(u128::from_le_bytes(block.0))
    }

    /// What an id says if it is ours; a forged one says nonsense, which its run will not know.
    pub fn hold_origin(&self, hold: HoldId) -> HoldOrigin {
        let mut block = Array(hold.0.to_le_bytes());
        self.holds.decrypt_block(&mut block);
        let plain = u128::from_le_bytes(block.0);
        HoldOrigin {
            run: RunIndex((plain >> (START_BITS + COUNTER_BITS)) as u32),
            start: (plain >> COUNTER_BITS) as u64 & ((1 << START_BITS) - 1),
            counter: plain as u64 & ((1 << COUNTER_BITS) - 1),
        }
    }

    /// Whether an id can have been issued: by this start or an earlier one.
    pub fn may_be_issued(&self, origin: HoldOrigin) -> bool {
        origin.start < self.start
            || origin.start == self.start && origin.counter < self.counter.load(Relaxed)
    }

    /// The ten digits people read. `pnr` is one of 9,000,000,000.
    pub fn print_pnr(&self, pnr: Pnr) -> ArrayString<PNR_DIGITS> {
        assert!(pnr.0 < PNR_SPACE, "pnr number {} of {PNR_SPACE}", pnr.0);
        let mut x = pnr.0;
        loop {
            x = self.feistel(x, false);
            if x < PNR_SPACE {
                return digits(PNR_FIRST + x);
            }
        }
    }

    /// The number behind ten digits; `None` when it is not a PNR at all.
    pub fn read_pnr(&self, digits: &str) -> Option<Pnr> {
        if digits.len() != 10 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut x = digits.parse::<u64>().ok()?.checked_sub(PNR_FIRST)?;
        loop {
            x = self.feistel(x, true);
            if x < PNR_SPACE {
                return Some(Pnr(x));
            }
        }
    }

    fn feistel(&self, x: u64, inverse: bool) -> u64 {
        let (mut left, mut right) = (x >> HALF_BITS, x & HALF_MASK);
        for i in 0..ROUNDS {
            if inverse {
                (left, right) = (right ^ self.round(ROUNDS - 1 - i, left), left);
            } else {
                (left, right) = (right, left ^ self.round(i, right));
            }
        }
        left << HALF_BITS | right
    }

    /// A keyed mix: folded products of 64-bit words, as in wyhash.
    fn round(&self, round: u8, half: u64) -> u64 {
        let [first, second] = self.pnrs;
        let product = u128::from(first ^ half.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            * u128::from(second.rotate_left(13 * u32::from(round)) | 1);
        (product as u64 ^ (product >> 64) as u64) >> (64 - HALF_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(&core::array::from_fn(|i| i as u8), 7)
    }

    #[test]
    fn a_hold_id_leads_to_its_run_and_never_repeats() {
        let names = names();
        let mut seen = std::collections::BTreeSet::new();
        for run in [0, 1, 133_999, u32::MAX] {
            for _ in 0..1_000 {
                let hold = names.draw_hold(RunIndex(run));
                let origin = names.hold_origin(hold);
                assert_eq!((origin.run, origin.start), (RunIndex(run), 7));
                assert!(names.may_be_issued(origin));
                assert!(seen.insert(hold));
            }
        }
        let later = Names::new(&core::array::from_fn(|i| i as u8), 8);
        assert!(!seen.contains(&later.draw_hold(RunIndex(0))), "a restart issues new ids");
        assert!(later.may_be_issued(names.hold_origin(*seen.first().unwrap())));
    }

    /// A number tells nothing of the next one, nor of what another data directory prints.
    #[test]
    fn printed_pnrs_lie_far_apart() {
        let (names, others) = (names(), Names::new(&[9; 32], 7));
        let print = |names: &Names, n| names.print_pnr(Pnr(n)).parse::<u64>().unwrap();
        let near = |n: &u64| print(&names, *n).abs_diff(print(&names, n + 1)) < 1_000_000;
        assert!((0..2_000).filter(near).count() < 10, "neighbours lie as anywhere");
        assert!((0..2_000).all(|n| print(&names, n) != print(&others, n)));
    }

    #[test]
    fn printed_pnrs_are_a_permutation() {
        let names = names();
        let mut seen = std::collections::BTreeSet::new();
        for n in (0..20_000).chain(PNR_SPACE - 20_000..PNR_SPACE) {
            let printed = names.print_pnr(Pnr(n));
            assert_eq!(printed.len(), 10);
            assert_ne!(printed.as_bytes()[0], b'0');
            assert_eq!(names.read_pnr(&printed), Some(Pnr(n)));
            assert!(seen.insert(printed));
        }
        for wrong in ["", "123456789", "12345678901", "0123456789", "12345x7890", "١٢٣٤٥"] {
            assert_eq!(names.read_pnr(wrong), None, "{wrong}");
        }
    }
}
