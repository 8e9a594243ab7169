//! What was asked for on days that are over.

use berth_inventory::LegRange;

/// A request as it came, whether or not it got berths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastRequest {
    /// The journey.
    pub legs: LegRange,
    /// Passengers who needed a berth; all or nobody.
    pub heads: u16,
    /// Minutes before the train left its first stop.
    pub before: u32,
}

/// One class of a train on past days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Berths that the class has for everybody.
    pub berths: u16,
    /// The requests of each day, in the order in which they came.
    pub days: Vec<Vec<PastRequest>>,
}
