//! An ordinary hour: many runs, popular ones more than others (Zipf 0.8), whole cycles.
//!
//! Parties, classes and journeys are mixed; holds are booked whole or in part, given back, extended;
//! bookings are cancelled whole or in part once a client has some, so that the trains never fill up.

use std::collections::VecDeque;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::soak::flow::{Booked, Flow, Mine, Tries};
use crate::soak::wish::Taste;

use super::Plan;

/// Exponent of the popularity of runs (domain 4.4).
const ZIPF: f64 = 0.8;
/// Bookings that a client keeps before it cancels the oldest.
const BOOKINGS_KEPT: usize = 16;

/// Runs by popularity: which, and the sum of the weights up to it.
#[derive(Debug)]
pub struct Ranks {
    runs: Vec<u32>,
    sums: Vec<f64>,
}

/// Draws who is popular.
pub fn ranks(count: usize, seed: u64) -> Ranks {
    let mut runs: Vec<u32> = (0..count as u32).collect();
    runs.shuffle(&mut SmallRng::seed_from_u64(seed));
    let weights = (1..=count).map(|rank| (rank as f64).powf(-ZIPF));
    let sums = weights
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    Ranks { runs, sums }
}

impl Ranks {
    fn draw(&self, dice: f64) -> u32 {
        let aim = dice * self.sums.last().copied().unwrap_or_default();
        let rank = self.sums.partition_point(|sum| *sum <= aim);
        self.runs[rank.min(self.runs.len() - 1)]
    }
}

pub async fn play(flow: &mut Flow, plan: &Plan) {
    let mut bookings: VecDeque<Booked> = VecDeque::new();
    let tries = Tries::default();
    while flow.goes_on() {
        let dice = flow.rng.random();
        let run = plan.ranks.draw(dice);
        let Ok(mut mine) = flow.reserve(run, Taste::Mixed, &tries).await else { continue };
        if flow.dice(10) == 0 {
            flow.extend(&mut mine, Duration::from_secs(1), &tries).await;
        }
        if flow.dice(20) == 0 {
            flow.look(&mine).await;
        }
        finish(flow, mine, &mut bookings).await;
        while bookings.len() > BOOKINGS_KEPT {
            let Some(oldest) = bookings.pop_front() else { break };
            let many = oldest.passengers.count_ones() > 1;
            if many && flow.dice(3) == 0 {
                flow.cancel(&oldest, lowest(oldest.passengers), &tries).await;
            }
            flow.cancel(&oldest, 0, &tries).await;
        }
    }
}

/// Books, in part or whole, gives back, or lets be.
async fn finish(flow: &mut Flow, mut mine: Mine, bookings: &mut VecDeque<Booked>) {
    let tries = Tries::default();
    let many = mine.held.count_ones() > 1;
    match flow.dice(100) {
        0..50 => bookings.extend(flow.confirm(&mut mine, 0, false, &tries).await.ok()),
        50..58 if many => {
            let some = lowest(mine.held);
            bookings.extend(flow.confirm(&mut mine, some, false, &tries).await.ok());
        }
        58..66 if many => {
            let some = lowest(mine.held);
            let first = flow.confirm(&mut mine, some, true, &tries).await;
            if first.is_ok() && mine.held != 0 {
                bookings.extend(flow.confirm(&mut mine, 0, false, &tries).await.ok());
            }
            bookings.extend(first.ok());
        }
        66..74 if many => {
            let some = lowest(mine.held);
            flow.release(&mut mine, some, &tries).await;
            if mine.held != 0 {
                flow.release(&mut mine, 0, &tries).await;
            }
        }
        98..100 => {}
        _ => {
            flow.release(&mut mine, 0, &tries).await;
        }
    }
}

const fn lowest(set: u8) -> u8 {
    set & set.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn popular_runs_are_drawn_more_often_and_all_are_drawn() {
        let ranks = ranks(50, 1);
        let mut drawn = [0; 50];
        for i in 0..10_000 {
            drawn[ranks.draw(f64::from(i) / 10_000.0) as usize] += 1;
        }
        assert!(drawn.iter().all(|count| *count > 0));
        let (first, last) = (ranks.runs[0] as usize, ranks.runs[49] as usize);
        assert!(drawn[first] > 10 * drawn[last], "{} and {}", drawn[first], drawn[last]);
        assert_eq!(ranks.draw(0.999_999_9), ranks.runs[49]);
    }
}
