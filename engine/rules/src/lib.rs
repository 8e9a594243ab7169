//! Rule books: what a railway decides about its trains, as data.
//!
//! A [`RuleBook`] is read from TOML (docs/rules.md has the schema) and checked; a fault names file,
//! line and field. [`RuleBook::expand`] gives a train without pools those that the rules of a day
//! say. Numbers stand in the book, each with the day from which it holds; what is here are mechanisms.
//!
//! Map: `document` is TOML that knows its lines, `dated` a figure that changes by day, `clock` and
//! `window` are times and stops by rule; `groups` and `trains` say whom a rule is for; `quota`,
//! `lists`, `chart` and `words` are the parts of a book, `book` the whole, `expand` what it makes of a
//! train, `shipped` the books that come with berth.
//!
//! Always true: no I/O and no clock, and a book that was read expands a train the same way for ever.

mod book;
mod chart;
mod clock;
mod dated;
mod document;
mod expand;
mod fault;
mod groups;
mod lists;
mod quota;
mod shipped;
#[cfg(test)]
mod tests;
mod trains;
mod window;
mod words;

pub use book::{RULES_FORMAT, RuleBook};
pub use chart::{Chart, ChartKind, ChartTime, Charts};
pub use dated::Dated;
pub use fault::RuleFault;
pub use lists::{Limit, Rac, Rounding, Waiting};
pub use quota::{Closes, Quota, Release, Size};
pub use trains::Sort;
pub use window::{Station, Window};
pub use words::{Labels, Preference, Reseating, Switches};
