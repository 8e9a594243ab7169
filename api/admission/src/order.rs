//! The draw: those who came before the opening, in an order that a seed gives.
//!
//! A permutation of `0..count` computed number by number, so that ten million places cost 16 bytes.
//! Source: Black and Rogaway, "Ciphers with arbitrary finite domains" (a Feistel network over the
//! next even number of bits, walked until the result is in the domain); the round function is AES.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

/// Four rounds make a permutation nobody tells from chance over large domains (Luby and Rackoff); a
/// room of ten people is a small one, and a view pays for a draw once.
const ROUNDS: u8 = 8;

/// See the module.
#[derive(Clone)]
pub struct Order {
    cipher: Aes128,
    count: u32,
    half_bits: u32,
}

impl Order {
    /// The draw among the numbers below `count`.
    pub fn new(seed: &[u8; 16], count: u32) -> Self {
        let bits = u32::BITS - count.saturating_sub(1).leading_zeros();
        Self { cipher: Aes128::new(&Array(*seed)), count, half_bits: bits.div_ceil(2).max(1) }
    }

    /// How many take part in the draw.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The place of a number, from 0. Who came after the opening is behind, in order of coming.
    pub fn place(&self, number: u32) -> u32 {
        if number >= self.count {
            return number;
        }
        let mut place = u64::from(number);
        loop {
            place = self.feistel(place);
            if place < u64::from(self.count) {
                return place as u32;
            }
        }
    }

    fn feistel(&self, number: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits, number & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (self.round(round, right) & mask));
        }
        left << self.half_bits | right
    }

    fn round(&self, round: u8, half: u64) -> u64 {
        let plain = u128::from(half) << 8 | u128::from(round);
        let mut block = Array(plain.to_le_bytes());
        self.cipher.encrypt_block(&mut block);
        u128::from_le_bytes(block.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The upper 0.1 % point of the chi-square distribution, by Wilson and Hilferty.
    fn chi_square_999(degrees: f64) -> f64 {
        let a = 2.0 / (9.0 * degrees);
        degrees * (1.0 - a + 3.090 * a.sqrt()).powi(3)
    }

    fn seed(n: u32) -> [u8; 16] {
        core::array::from_fn(|i| (n >> (8 * (i % 4))) as u8 ^ i as u8)
    }

    #[test]
    fn it_is_a_permutation_of_any_number_of_people() {
        for count in [1, 2, 3, 7, 64, 65, 1_000, 4_097] {
            let order = Order::new(&seed(7), count);
            let mut places: Vec<u32> = (0..count).map(|number| order.place(number)).collect();
            places.sort_unstable();
            assert!(places.iter().copied().eq(0..count), "{count} people");
            assert_eq!(order.place(count), count, "who comes later is not drawn");
        }
    }

    /// Where the first who came ends up, over many draws: nowhere more often than elsewhere.
    #[test]
    fn coming_first_is_worth_nothing() {
        const PEOPLE: u32 = 20;
        const DRAWS: u32 = 20_000;
        for number in [0, PEOPLE - 1] {
            let mut counts = [0_u32; PEOPLE as usize];
            for draw in 0..DRAWS {
                counts[Order::new(&seed(draw), PEOPLE).place(number) as usize] += 1;
            }
            let expected = f64::from(DRAWS / PEOPLE);
            let chi: f64 =
                counts.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
            assert!(chi < chi_square_999(f64::from(PEOPLE - 1)), "number {number}: {counts:?}");
        }
    }

    /// In one draw of many: each tenth of those who came lands evenly on each tenth of the places.
    #[test]
    fn one_draw_spreads_early_and_late_alike() {
        const PEOPLE: u32 = 100_000;
        const TENTH: u32 = PEOPLE / 10;
        let order = Order::new(&seed(2026), PEOPLE);
        let mut counts = [[0_u32; 10]; 10];
        for number in 0..PEOPLE {
            counts[(number / TENTH) as usize][(order.place(number) / TENTH) as usize] += 1;
        }
        let expected = f64::from(PEOPLE / 100);
        let cells = counts.iter().flatten();
        let chi: f64 = cells.map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
        assert!(chi < chi_square_999(81.0), "{chi} of {counts:?}");
    }
}
