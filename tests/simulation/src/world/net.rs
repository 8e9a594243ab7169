//! What is on its way between clients and node. It may be late, lost, doubled, or overtaken.

use berth_inventory::{Command, HoldId, RunId};
use berth_node::Outcome;

use crate::dice::Dice;

/// How a request names its run.
#[derive(Clone, Debug)]
pub enum Target {
    /// By train and date.
    Train(RunId),
    /// By hold.
    Hold(HoldId),
    /// By the printed number of a booking.
    Pnr(String),
    /// By train and date; an operator makes it.
    Create(RunId),
}

/// One command of a message.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What.
    pub command: Command,
    /// Of whom.
    pub target: Target,
    /// Patience from arrival on, milliseconds.
    pub timeout: u64,
    /// Its sending; a copy that the network makes gets one of its own.
    pub tag: u64,
}

/// A message on its way to the node, or an outcome on its way back.
#[derive(Clone, Debug)]
pub enum Parcel {
    /// Commands of a client.
    Request(Vec<Asked>),
    /// One answer.
    Reply(u64, Outcome),
}

/// Something on its way.
#[derive(Clone, Debug)]
pub struct Flight {
    /// Whose it is.
    pub client: usize,
    /// It does not arrive before.
    pub due: u64,
    /// What it is.
    pub parcel: Parcel,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Net {
    flights: Vec<Flight>,
}

impl Net {
    /// Sends something off.
    pub fn send(&mut self, flight: Flight) {
        self.flights.push(flight);
    }

    /// What was sent last may arrive at once.
    pub fn hurry(&mut self, now: u64) {
        if let Some(last) = self.flights.last_mut() {
            last.due = now;
        }
    }

    /// Whether something could arrive.
    pub fn has_due(&self, now: u64) -> bool {
        self.flights.iter().any(|flight| flight.due <= now)
    }

    /// When the next thing arrives.
    pub fn next_due(&self) -> Option<u64> {
        self.flights.iter().map(|flight| flight.due).min()
    }

    /// Takes what arrives next: the oldest that is due, or any of them if `overtakes`. Whether it
    /// overtook another of its client.
    pub fn arrive(&mut self, now: u64, overtakes: bool, dice: &mut Dice) -> Option<(Flight, bool)> {
        let due: Vec<usize> =
            (0..self.flights.len()).filter(|at| self.flights[*at].due <= now).collect();
        let first = *due.first()?;
        let at = if overtakes { *dice.of(&due) } else { first };
        let client = self.flights[at].client;
        let passed = due.iter().any(|other| *other < at && self.flights[*other].client == client);
        Some((self.flights.remove(at), passed))
    }

    /// Everything of a client, or of all, is lost; how much.
    pub fn cut(&mut self, client: Option<usize>) -> usize {
        let before = self.flights.len();
        self.flights.retain(|flight| client.is_some_and(|client| flight.client != client));
        before - self.flights.len()
    }

    /// Nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }
}
