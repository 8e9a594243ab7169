//! The work that every side does, and what became of it.
//!
//! 200 trains of 1,000 berths in 4 classes of 250, 30 legs. A cycle holds one berth of a random
//! train and class on a random run of legs for 5 minutes, then confirms (70 %) or releases it
//! (30 %). A refused hold is one command, a granted one two.

use std::time::Duration;

/// Trains on sale.
pub const TRAINS: u32 = 200;
/// Classes of a train.
pub const CLASSES: u32 = 4;
/// Berths of a class of a train.
pub const CLASS_BERTHS: u32 = 250;
/// Legs of a train.
pub const LEGS: u32 = 30;
/// How long a hold lives, milliseconds.
pub const HOLD_MS: u32 = 300_000;
/// Holds that are confirmed; the others are released.
const CONFIRMED_PERCENT: u64 = 70;
const _: () = assert!(LEGS < 31, "the legs of a berth are one positive 32-bit integer");

/// One cycle: what to hold, and what to do with it then.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Names the hold; unique in a round.
    pub id: u64,
    pub train: u32,
    pub class: u32,
    /// First leg, from 0.
    pub from: u32,
    /// Behind the last leg.
    pub to: u32,
    pub confirm: bool,
}

impl Wish {
    pub fn legs(&self) -> u32 {
        self.to - self.from
    }

    /// One bit a leg.
    pub fn mask(&self) -> u32 {
        (1 << self.to) - (1 << self.from)
    }
}

/// Draws wishes: the same for the same seed.
#[derive(Debug)]
pub struct Draw {
    next: u64,
    state: u64,
}

impl Draw {
    /// Every worker of a round has another number below 4,096, every round another one below 2^20.
    pub fn new(round: u64, worker: usize) -> Self {
        let next = round << 44 | (worker as u64) << 32;
        Self { next, state: (next ^ 0x9E37_79B9_7F4A_7C15) | 1 }
    }

    /// xorshift64*.
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, bound: u32) -> u32 {
        (self.random() % u64::from(bound)) as u32
    }

    pub fn wish(&mut self) -> Wish {
        self.next += 1;
        let (train, class) = (self.below(TRAINS), self.below(CLASSES));
        let (a, b) = (self.below(LEGS), self.below(LEGS));
        let confirm = self.random() % 100 < CONFIRMED_PERCENT;
        Wish { id: self.next, train, class, from: a.min(b), to: a.max(b) + 1, confirm }
    }
}

/// What clients were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub held: u64,
    pub refused: u64,
    pub confirmed: u64,
    pub released: u64,
    /// Confirms and releases of granted holds that were not done: always 0 in a sound run.
    pub failed: u64,
    /// Legs of the confirmed holds.
    pub legs_sold: u64,
}

impl Told {
    /// Commands answered.
    pub fn commands(&self) -> u64 {
        self.held + self.refused + self.confirmed + self.released + self.failed
    }

    pub fn hold(&mut self, granted: bool) {
        *(if granted { &mut self.held } else { &mut self.refused }) += 1;
    }

    pub fn finish(&mut self, wish: &Wish, done: bool) {
        match (done, wish.confirm) {
            (false, _) => self.failed += 1,
            (true, true) => {
                self.confirmed += 1;
                self.legs_sold += u64::from(wish.legs());
            }
            (true, false) => self.released += 1,
        }
    }

    /// Fails unless this is what the server says it sold, and nearly every hold was granted.
    pub fn check(&self, sold: Sold) -> Result<(), String> {
        let Self { held, refused, confirmed, released, failed, legs_sold } = *self;
        let said = Sold { holds: confirmed, legs: legs_sold };
        if said != sold {
            return Err(format!("clients were told {said:?}, the server says {sold:?}"));
        }
        if failed > 0 || confirmed + released != held {
            return Err(format!("{failed} of {held} granted holds could not be finished"));
        }
        if refused * 100 > held {
            return Err(format!("{refused} holds refused, {held} granted: a sold-out bench"));
        }
        Ok(())
    }
}

impl std::ops::AddAssign for Told {
    fn add_assign(&mut self, other: Self) {
        self.held += other.held;
        self.refused += other.refused;
        self.confirmed += other.confirmed;
        self.released += other.released;
        self.failed += other.failed;
        self.legs_sold += other.legs_sold;
    }
}

/// What a server says it sold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sold {
    /// Confirmed holds.
    pub holds: u64,
    /// Berth-legs: berths of confirmed holds, each counted once a leg.
    pub legs: u64,
}

/// A timed round.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    pub told: Told,
    /// From the first command to the last answer.
    pub time: Duration,
    /// CPU time of the server's processes, user and system.
    pub server_cpu: Duration,
}

impl Round {
    /// Commands a second.
    pub fn rate(&self) -> f64 {
        self.told.commands() as f64 / self.time.as_secs_f64()
    }

    /// Microseconds of the server's CPU time a command.
    pub fn cpu_us(&self) -> f64 {
        self.server_cpu.as_secs_f64() * 1e6 / self.told.commands().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_stay_inside_the_stock_and_differ_between_workers() {
        let draw = |worker| {
            let mut draw = Draw::new(3, worker);
            (0..10_000).map(|_| draw.wish()).collect::<Vec<_>>()
        };
        let (one, other) = (draw(0), draw(1));
        for wish in one.iter().chain(&other) {
            assert!(wish.train < TRAINS && wish.class < CLASSES, "{wish:?}");
            assert!(wish.from < wish.to && wish.to <= LEGS, "{wish:?}");
            assert_eq!(wish.mask().count_ones(), wish.legs());
        }
        let ids: std::collections::BTreeSet<u64> =
            one.iter().chain(&other).map(|wish| wish.id).collect();
        assert_eq!(ids.len(), 20_000);
        let confirmed = one.iter().filter(|wish| wish.confirm).count();
        assert!((6_800..7_200).contains(&confirmed), "{confirmed}");
        assert!(one.iter().zip(&other).any(|(a, b)| a.train != b.train));
    }

    #[test]
    fn a_server_that_sold_something_else_voids_the_run() {
        let mut told = Told::default();
        let mut draw = Draw::new(0, 0);
        let mut sold = Sold::default();
        for _ in 0..1_000 {
            let wish = draw.wish();
            told.hold(true);
            told.finish(&wish, true);
            if wish.confirm {
                sold.holds += 1;
                sold.legs += u64::from(wish.legs());
            }
        }
        assert_eq!(told.check(sold), Ok(()));
        assert_eq!(told.commands(), 2_000);
        assert!(told.check(Sold { legs: sold.legs - 1, ..sold }).is_err());
        assert!(Told { failed: 1, released: told.released - 1, ..told }.check(sold).is_err());
        assert!(Told { refused: 11, ..told }.check(sold).is_err());
    }
}
