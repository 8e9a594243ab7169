//! Whether what clients were told can have happened: judges of recorded histories.
//!
//! A [`History`] is what many clients asked of a server and were told, with the moments at which
//! they asked and heard, while the server was killed and started again. [`Twin`] is one run as
//! README.md and the comments of the protocol describe it; it shares no code with the engine.
//! [`ordered`] takes the order from the versions in the answers, in time linear in the history;
//! [`search`] believes no version and looks for an order by itself. Both demand that each answer, a
//! refusal too, is the one that the twin gives in that place, and that nobody is told something
//! older than what was known before he asked. A request without an answer may have happened or not,
//! never half.
//!
//! Always true: nothing here knows the engine, the wire, a clock or a file of a data directory.
//! Units: milliseconds since 1970 for what the server says, microseconds for the recorder's clock.

mod file;
pub mod ordered;
mod record;
pub mod search;
mod twin;

#[cfg(test)]
mod tests;

pub use file::{FileFault, read, write};
pub use record::{
    Answer, Ask, BerthPlan, BookingSeen, Event, Happened, History, HoldSeen, Id, Refused, RunPlan,
    Said, Seat, State, Try, UNANSWERED,
};
pub use twin::{Leeway, Twin};
