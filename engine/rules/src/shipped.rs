//! The rule books that come with berth.

use std::sync::OnceLock;

use crate::RuleBook;

/// Indian Railways, with the source of every figure.
const INDIAN: &str = include_str!("../../../rules/indian-railways-2025.toml");
/// One pool a class.
const SIMPLE: &str = include_str!("../../../rules/simple.toml");

impl RuleBook {
    /// The book of Indian Railways.
    pub fn indian() -> &'static Self {
        static BOOK: OnceLock<RuleBook> = OnceLock::new();
        BOOK.get_or_init(|| shipped("rules/indian-railways-2025.toml", INDIAN))
    }

    /// The book with one pool for each class, for everybody else.
    pub fn simple() -> &'static Self {
        static BOOK: OnceLock<RuleBook> = OnceLock::new();
        BOOK.get_or_init(|| shipped("rules/simple.toml", SIMPLE))
    }

    /// The book that comes with berth under this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        [Self::indian(), Self::simple()].into_iter().find(|book| book.name() == name)
    }
}

fn shipped(file: &str, text: &str) -> RuleBook {
    RuleBook::parse(file, text).unwrap_or_else(|fault| panic!("a test reads it: {fault}"))
}
