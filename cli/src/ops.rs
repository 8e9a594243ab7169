//! `berth ops`: for operators, over the admin listener.

mod berths;
mod block;
mod close_sale;
mod create_run;
mod info;
mod one_run;
mod open_sale;
mod retire_run;
mod sale;
mod stats;
mod unblock;

#[cfg(test)]
pub use berths::{BerthsChangeView, Done};
#[cfg(test)]
pub use info::InfoView;
#[cfg(test)]
pub use one_run::RunAnswer;
#[cfg(test)]
pub use sale::SaleView;
#[cfg(test)]
pub use stats::StatsView;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// `berth ops`.
#[derive(Debug, Args)]
pub struct OpsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Let pools that were closed be sold again
    OpenSale(sale::SaleArgs),
    /// Stop the sale of pools; holds live on
    CloseSale(sale::SaleArgs),
    /// Take berths out of sale
    Block(berths::BerthsArgs),
    /// Give blocked berths back to sale
    Unblock(berths::BerthsArgs),
    /// Create a run outside the calendar
    CreateRun(one_run::OneRunArgs),
    /// End a run for good
    RetireRun(one_run::OneRunArgs),
    /// Show what the server has done and what it holds
    Stats(stats::StatsArgs),
    /// Show what the server is and how it was set
    Info(info::InfoArgs),
}

/// Runs one of them.
pub fn run(args: &OpsArgs) -> ExitCode {
    match &args.command {
        Command::OpenSale(args) => args.target.drive(open_sale::run(args)),
        Command::CloseSale(args) => args.target.drive(close_sale::run(args)),
        Command::Block(args) => args.target.drive(block::run(args)),
        Command::Unblock(args) => args.target.drive(unblock::run(args)),
        Command::CreateRun(args) => args.target.drive(create_run::run(args)),
        Command::RetireRun(args) => args.target.drive(retire_run::run(args)),
        Command::Stats(args) => args.target.drive(stats::run(args)),
        Command::Info(args) => args.target.drive(info::run(args)),
    }
}
