//! The command line as a whole: one variant for each subcommand.

use clap::{Parser, Subcommand};

use crate::{
    berths, booking, cancel, confirm, extend, hold, import, inspect, ops, query, release, replay,
    reserve, room, rules, runs, serve, soak, watch,
};

/// Seat inventory for trains: hold berths while the passenger pays, confirm or release them
///
/// Exit codes: 0 done, 1 fault, 2 usage, 3 refusal, 4 journal damaged or invariant broken.
#[derive(Debug, Parser)]
#[command(name = "berth", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// None: `berth serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a server: an engine with its journal, ready for booking backends
    Serve(Box<serve::ServeArgs>),
    /// Show what is free on a journey
    Query(query::QueryArgs),
    /// Draw the berths of a train and whether they are free on a journey
    Berths(berths::BerthsArgs),
    /// Show what is free on a journey, again whenever it changes
    Watch(watch::WatchArgs),
    /// Hold berths for a party while it pays
    Reserve(reserve::ReserveArgs),
    /// Turn held berths into a booking
    Confirm(confirm::ConfirmArgs),
    /// Give held berths back
    Release(release::ReleaseArgs),
    /// Move the deadline of a hold
    Extend(extend::ExtendArgs),
    /// Cancel booked passengers
    Cancel(cancel::CancelArgs),
    /// Show a hold
    Hold(hold::HoldArgs),
    /// Show a booking
    Booking(booking::BookingArgs),
    /// Wait before a sale: join a waiting room, see where a ticket stands, leave
    Room(room::RoomArgs),
    /// List the open runs
    Runs(runs::RunsArgs),
    /// Operate a server: sale, berths, runs, what it is doing
    Ops(ops::OpsArgs),
    /// Make a catalogue of trains from elsewhere
    Import(import::ImportArgs),
    /// Check a rule book, or show what it makes of a train
    Rules(rules::RulesArgs),
    /// Rebuild the state from the journal of a data directory, and check it
    Replay(replay::ReplayArgs),
    /// Show what is in a data directory
    Inspect(inspect::InspectArgs),
    /// Hammer a server over gRPC, then check that every promise was kept
    Soak(soak::SoakArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usage_faults_are_exit_code_2() {
        let wrong = [
            &["berth", "reserve"][..],
            &["berth", "query", "--train", "12951", "--from", "MMCT", "--to", "NDLS"],
            &["berth", "release", "--hold", "x", "--passengers", "0"],
            &["berth", "nonsense"],
        ];
        for line in wrong {
            let fault = Cli::try_parse_from(line).unwrap_err();
            assert_eq!(fault.exit_code(), 2, "{line:?}: {fault}");
        }
    }
}
