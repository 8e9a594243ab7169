//! Benches of Berth. `cargo run --release -p berth-benches -- core|engine|bounds`
//!
//! `core` is the pure machine of one run on one thread; `engine` is a whole node in this process,
//! durable, asked through sessions without gRPC. Every figure of these is the median of five
//! rounds, with the lowest and highest beside it. Machines drift: compare figures of one run only.
//! `bounds` asserts what is promised in seconds and bytes: the start of a whole network and the
//! lateness of expiry; it exits with 1 when a bound does not hold.

mod bounds;
mod core_suite;
mod engine_suite;
mod figure;

use clap::{Parser, ValueEnum};

/// Measure Berth on this machine
#[derive(Debug, Parser)]
struct Args {
    /// Which suite
    suite: Suite,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Suite {
    /// The pure machine of one run
    Core,
    /// A whole node without gRPC
    Engine,
    /// What is promised in seconds and bytes
    Bounds,
}

fn main() -> std::process::ExitCode {
    match Args::parse().suite {
        Suite::Core => core_suite::run(),
        Suite::Engine => engine_suite::run(),
        Suite::Bounds => return bounds::run(),
    }
    std::process::ExitCode::SUCCESS
}
