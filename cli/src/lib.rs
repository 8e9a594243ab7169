//! The `berth` command: composition root, one file for each subcommand.
//!
//! A subcommand is an `Args` struct and a `run` in a file of its own, and one line each in `args`
//! and here. Client commands return what they have to say as a `said::Said`; printing it, and the
//! exit code, are the business of `said` alone. JSON views are in `view`, documented in
//! `docs/cli-json.md`, with a golden file each in `cli/golden`.

mod answer;
mod args;
mod berths;
mod booking;
mod cancel;
pub mod catalogue;
mod confirm;
mod data_dir;
mod extend;
mod hold;
mod import;
mod inspect;
mod journey;
mod logs;
mod ops;
mod passengers;
mod query;
mod release;
mod replay;
mod reserve;
mod room;
mod rules;
mod runs;
mod said;
mod serve;
mod soak;
mod target;
mod view;
mod watch;
mod words;

#[cfg(test)]
mod golden;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};

/// Reads the command line and does what it says. Exit codes: 0 done, 1 fault, 2 usage, 3 refusal,
/// 4 journal damaged or invariant broken.
pub fn main() -> ExitCode {
    // Bare `berth` is `berth serve`, with its settings from `BERTH_*` and the file.
    let command = Cli::parse().command.or_else(|| Cli::parse_from(["berth", "serve"]).command);
    let Some(command) = command else { unreachable!("`berth serve` names a command") };
    match &command {
        Command::Serve(args) => serve::run(args),
        Command::Query(args) => args.target.drive(query::run(args)),
        Command::Berths(args) => args.target.drive(berths::run(args)),
        Command::Watch(args) => args.target.drive(watch::run(args)),
        Command::Reserve(args) => args.target.drive(reserve::run(args)),
        Command::Confirm(args) => args.target.drive(confirm::run(args)),
        Command::Release(args) => args.target.drive(release::run(args)),
        Command::Extend(args) => args.target.drive(extend::run(args)),
        Command::Cancel(args) => args.target.drive(cancel::run(args)),
        Command::Hold(args) => args.target.drive(hold::run(args)),
        Command::Booking(args) => args.target.drive(booking::run(args)),
        Command::Room(args) => room::run(args),
        Command::Runs(args) => args.target.drive(runs::run(args)),
        Command::Ops(args) => ops::run(args),
        Command::Import(args) => import::run(args),
        Command::Rules(args) => rules::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Soak(args) => soak::run(args),
    }
}
