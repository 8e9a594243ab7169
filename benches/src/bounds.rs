//! Bounds in seconds and bytes, asserted in release: each is printed with what was measured.

mod expiry;
mod network;

use std::process::ExitCode;

/// Bounds that did not hold.
#[derive(Debug, Default)]
pub struct Ledger {
    broken: usize,
}

impl Ledger {
    /// Prints a figure and whether it is within its bound.
    pub fn at_most(&mut self, what: &str, value: f64, bound: f64, unit: &str) {
        let holds = value <= bound;
        let word = if holds { "ok" } else { "BROKEN" };
        println!("{what:<58} {value:>10.2} {unit:<4} at most {bound:>8.2}  {word}");
        self.broken += usize::from(!holds);
    }
}

/// Measures everything; 1 when a bound is broken.
pub fn run() -> ExitCode {
    let mut ledger = Ledger::default();
    network::measure(&mut ledger);
    // A catalogue of somebody's own is a question about the network only.
    if network::given().is_none() {
        expiry::measure(&mut ledger);
    }
    println!("{} bounds broken", ledger.broken);
    ExitCode::from(u8::from(ledger.broken > 0))
}
