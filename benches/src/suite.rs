//! The suites: each gives a section of the report, and the rows of the goals that it can measure.

use crate::fault::Bench;
use crate::goal::Goal;
use crate::report::Section;
use crate::setup::Setup;

/// One suite.
pub struct Suite {
    /// As the command line names it.
    pub name: &'static str,
    /// What it measures, in a line.
    pub about: &'static str,
    /// Measures everything for the report; `None` when all it does is rows of goals.
    pub run: Option<fn(&Setup) -> Bench<Section>>,
    /// Measures its rows of the goals. A row that fails is a row that says so, so that one fault
    /// does not hide the others: see [`Target::failed`](crate::goal::Target::failed).
    pub goals: Option<fn(&Setup) -> Vec<Goal>>,
    /// Whether its goals need something that may not be installed, and a longer time.
    pub peers: bool,
}

/// All of them, in the order in which goals are told.
pub const SUITES: &[Suite] = &[];

/// The suite of this name.
pub fn find(name: &str) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.name == name)
}
