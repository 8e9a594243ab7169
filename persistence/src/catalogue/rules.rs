//! What a catalogue asks of a rule book: pools for trains that have none of their own.
//!
//! Whose rules they are, and how they are written, is not the catalogue's matter.

use std::sync::Arc;

use berth_inventory::{Entry, PlanHash};

/// A rule book as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesText {
    /// BLAKE3 of the text.
    pub hash: PlanHash,
    /// The text.
    pub text: Arc<str>,
}

/// A train with the pools that a rule book gives it, or why the book does not fit it.
pub type Expand<'a> = Box<dyn Fn(&Entry) -> Result<Entry, Box<str>> + Sync + 'a>;

/// A rule book, as far as a catalogue needs it.
pub trait PoolRules {
    /// Its text and hash.
    fn text(&self) -> RulesText;

    /// What gives trains their pools, where all times are meant in `zone`.
    ///
    /// # Errors
    /// The book is for another zone, or the zone does not exist.
    fn in_zone(&self, zone: &str) -> Result<Expand<'_>, Box<str>>;
}
