//! Comparing on a machine that drifts: A B A B, the median of the paired ratios, a 90 % interval.
//!
//! A rate moves by 20 to 30 % within minutes on a shared machine, so a measured value and its
//! reference stand beside each other in time, and only their ratio counts. The interval is a
//! percentile bootstrap of the median with a fixed seed: the same figures give the same interval.

/// Resamples of a bootstrap.
const RESAMPLES: usize = 2_000;
/// Ends of a 90 % interval.
const ENDS: (f64, f64) = (0.05, 0.95);
/// Fewest pairs that a goal may rest on.
pub const PAIRS: usize = 7;

/// A value with its 90 % interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The median.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Median of what was measured, when the value is a ratio.
    pub numerator: Option<f64>,
    /// Median of the reference.
    pub denominator: Option<f64>,
}

impl Estimate {
    /// Of independent samples.
    pub fn of(samples: &[f64]) -> Self {
        let (low, high) = interval(samples);
        Self { value: median(samples), low, high, numerator: None, denominator: None }
    }

    /// One value that does not drift: a count, bytes.
    pub fn exact(value: f64) -> Self {
        Self { value, low: value, high: value, numerator: None, denominator: None }
    }

    /// Of pairs (measured, reference).
    pub fn of_pairs(pairs: &[(f64, f64)]) -> Self {
        let ratios: Vec<_> = pairs.iter().map(|(a, b)| a / b).collect();
        let side =
            |pick: fn(&(f64, f64)) -> f64| median(&pairs.iter().map(pick).collect::<Vec<_>>());
        Self {
            numerator: Some(side(|pair| pair.0)),
            denominator: Some(side(|pair| pair.1)),
            ..Self::of(&ratios)
        }
    }
}

/// Measures A B A B, `pairs` times. What each side returns beside its rate is the caller's.
///
/// # Errors
/// The first fault of either side.
pub fn interleave<A, B, E>(
    pairs: usize,
    mut measured: impl FnMut() -> Result<A, E>,
    mut reference: impl FnMut() -> Result<B, E>,
) -> Result<Vec<(A, B)>, E> {
    (0..pairs).map(|_| Ok((measured()?, reference()?))).collect()
}

/// The middle value; the mean of the two middle ones of an even number. NaN of none.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (n, middle) if n % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Percentile bootstrap of the median.
fn interval(samples: &[f64]) -> (f64, f64) {
    if samples.is_empty() {
        return (f64::NAN, f64::NAN);
    }
    let mut dice = Dice(0x5eed);
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn: Vec<f64> =
                (0..samples.len()).map(|_| samples[dice.below(samples.len())]).collect();
            median(&drawn)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let end = |part: f64| medians[((RESAMPLES - 1) as f64 * part).round() as usize];
    (end(ENDS.0), end(ENDS.1))
}

/// SplitMix64: small, seeded, good enough to draw with.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// A number in [0, 1).
    pub fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_needs_no_order() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn an_interval_is_the_same_every_time_and_holds_the_median() {
        let samples = [0.9, 1.0, 1.1, 1.0, 0.95, 1.05, 1.2];
        let (one, two) = (Estimate::of(&samples), Estimate::of(&samples));
        assert_eq!(one, two);
        assert!(one.low <= one.value && one.value <= one.high, "{one:?}");
        assert!(one.low >= 0.9 && one.high <= 1.2 && one.low < one.high, "{one:?}");
    }

    #[test]
    fn drift_that_hits_both_sides_leaves_the_ratio_alone() {
        let drift = [1.0, 0.8, 1.3, 0.7, 1.1, 0.9, 1.2];
        let pairs: Vec<_> = drift.iter().map(|d| (3.0 * d, 10.0 * d)).collect();
        let estimate = Estimate::of_pairs(&pairs);
        assert!((estimate.value - 0.3).abs() < 1e-9 && (estimate.high - 0.3).abs() < 1e-9);
        assert_eq!((estimate.numerator, estimate.denominator), (Some(3.0), Some(10.0)));
    }

    #[test]
    fn sides_take_turns() {
        let order = std::cell::RefCell::new(String::new());
        let say = |who: char| {
            order.borrow_mut().push(who);
            Ok::<_, ()>(())
        };
        interleave(3, || say('a'), || say('b')).expect("no fault");
        assert_eq!(*order.borrow(), "ababab");
    }

    #[test]
    fn dice_stay_in_their_range() {
        let mut dice = Dice(1);
        let drawn: Vec<_> = (0..1_000).map(|_| dice.below(10)).collect();
        assert!(drawn.iter().all(|n| *n < 10) && (0..10).all(|n| drawn.contains(&n)));
        assert!((0..1_000).map(|_| dice.part()).all(|part| (0.0..1.0).contains(&part)));
    }
}
