//! One figure: median of five rounds, with the extremes.

/// Rounds of every measurement.
pub const ROUNDS: usize = 5;

/// Runs `round` five times and prints the median of what it returns.
pub fn figure(name: &str, unit: &str, mut round: impl FnMut() -> f64) {
    let mut values: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    values.sort_by(f64::total_cmp);
    let (low, median, high) = (values[0], values[ROUNDS / 2], values[ROUNDS - 1]);
    println!("{name:<52} {median:>12.1} {unit:<12} ({low:.1} .. {high:.1})");
}
