//! Drawing with given weights in constant time (Vose's alias method).

use crate::paired::Dice;

/// See the module.
#[derive(Clone, Debug)]
pub struct Weighted {
    /// For each place: how much of it is its own, and whose the rest is.
    cells: Vec<(f64, u32)>,
}

impl Weighted {
    /// Place `n` of `places` is drawn in proportion to 1 / (n + 1)^`exponent`; 0 is uniform.
    pub fn zipf(places: usize, exponent: f64) -> Self {
        Self::of(&(1..=places).map(|rank| (rank as f64).powf(-exponent)).collect::<Vec<_>>())
    }

    /// Place `n` is drawn in proportion to `weights[n]`.
    pub fn of(weights: &[f64]) -> Self {
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let mut part: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..part.len()).partition(|place| part[*place] < 1.0);
        let mut cells: Vec<(f64, u32)> = (0..part.len()).map(|n| (1.0, n as u32)).collect();
        while let (Some(poor), Some(rich)) = (small.pop(), large.pop()) {
            cells[poor] = (part[poor], rich as u32);
            part[rich] -= 1.0 - part[poor];
            if part[rich] < 1.0 { small.push(rich) } else { large.push(rich) }
        }
        Self { cells }
    }

    /// Draws a place.
    pub fn draw(&self, dice: &mut Dice) -> usize {
        let place = dice.below(self.cells.len());
        let (own, other) = self.cells[place];
        if dice.part() < own { place } else { other as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(weighted: &Weighted, places: usize, draws: usize) -> Vec<f64> {
        let mut dice = Dice(7);
        let mut counts = vec![0.0; places];
        (0..draws).for_each(|_| counts[weighted.draw(&mut dice)] += 1.0);
        counts
    }

    #[test]
    fn a_zipf_draw_has_the_weights_it_says() {
        let (places, draws) = (100, 200_000);
        let counts = counts(&Weighted::zipf(places, 0.8), places, draws);
        let whole: f64 = (1..=places).map(|rank| (rank as f64).powf(-0.8)).sum();
        for rank in [1, 2, 10, 50] {
            let expected = draws as f64 * (rank as f64).powf(-0.8) / whole;
            let found = counts[rank - 1];
            assert!((found / expected - 1.0).abs() < 0.1, "rank {rank}: {found} for {expected}");
        }
    }

    #[test]
    fn no_exponent_is_uniform() {
        let counts = counts(&Weighted::zipf(10, 0.0), 10, 100_000);
        assert!(counts.iter().all(|count| (9_500.0..10_500.0).contains(count)), "{counts:?}");
    }
}
