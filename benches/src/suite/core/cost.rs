//! What a command of the machine costs: time, allocations, instructions.

use std::time::Instant;

use super::machine::Machine;
use super::train::Shape;

/// Commands of one timed round.
const ROUND: usize = 40_000;
/// Confirmed records stay for the life of a run: a round of them is kept as short as a real train.
const ROUND_BOOKED: usize = 6_000;
/// Rounds of one figure.
pub const ROUNDS: usize = 15;

/// What is asked of the machine, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycle {
    /// Reserve, release: nothing of it is kept for ever.
    Release,
    /// Reserve, confirm, cancel: the booking's record stays.
    Cancel,
}

impl Cycle {
    fn go(self, machine: &mut Machine, commands: usize) -> usize {
        let mut done = 0;
        match self {
            Self::Release => {
                while done < commands {
                    done += machine.reserve_and_release();
                }
            }
            Self::Cancel => {
                while done < commands {
                    done += machine.reserve_confirm_and_cancel();
                }
            }
        }
        done
    }
}

/// Nanoseconds a command, round by round.
pub fn nanoseconds(shape: Shape, cycle: Cycle, count: usize) -> Vec<f64> {
    let mut machine = Machine::half_sold(shape);
    let mut rounds = Vec::with_capacity(count);
    for _ in 0..count {
        let length = match cycle {
            Cycle::Release => ROUND,
            Cycle::Cancel => {
                machine = Machine::half_sold(shape);
                ROUND_BOOKED
            }
        };
        let begun = Instant::now();
        let commands = cycle.go(&mut machine, length);
        rounds.push(begun.elapsed().as_nanos() as f64 / commands as f64);
    }
    rounds
}

/// Allocations of `commands` commands, exact, and how many commands those were.
pub fn allocations(shape: Shape, cycle: Cycle, answers: bool) -> (u64, usize) {
    let mut machine = Machine::half_sold(shape).answers(answers);
    // Whatever grows once has grown.
    let mut commands = cycle.go(&mut machine, if cycle == Cycle::Release { 4 * ROUND } else { 0 });
    let length = match cycle {
        Cycle::Release => ROUND,
        Cycle::Cancel => ROUND_BOOKED,
    };
    let counted = allocation_counter::measure(|| commands = cycle.go(&mut machine, length));
    (counted.count_total, commands)
}

/// What callgrind counts: this function and all it calls, and nothing else.
#[inline(never)]
pub fn counted_commands(machine: &mut Machine, commands: usize) -> usize {
    Cycle::Release.go(machine, commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_gives_a_time() {
        let shape = Shape { coaches: 1, legs: 4 };
        let rounds = nanoseconds(shape, Cycle::Cancel, 2);
        assert!(rounds.len() == 2 && rounds.iter().all(|ns| *ns > 0.0), "{rounds:?}");
    }

    #[test]
    fn an_answer_that_allocates_is_seen() {
        let shape = Shape { coaches: 3, legs: 24 };
        let (inside, _) = allocations(shape, Cycle::Release, false);
        let (all, commands) = allocations(shape, Cycle::Release, true);
        assert!(commands >= ROUND && inside <= all, "{inside} of {all} in {commands}");
    }
}
