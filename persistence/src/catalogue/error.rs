//! What can be wrong with a catalogue, said so that its author can mend it: which line, which
//! train, which field, which value, and what to do.

use std::path::PathBuf;

use berth_inventory::{PlanFault, TrainNumber};

/// Why a catalogue is refused. Nothing of it is used then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// The file cannot be read.
    #[error("catalogue {} cannot be read: {error}; check --catalogue", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: String,
    },
    /// The text is not UTF-8.
    #[error("line {line} is not UTF-8; save the catalogue as UTF-8")]
    NotUtf8 {
        /// Line, counted from 1.
        line: usize,
    },
    /// There is no train in it.
    #[error(
        "the catalogue has no train; write one with `berth import trains FILE -o CATALOGUE`, or \
         leave --catalogue out for the trains that come with berth"
    )]
    Empty,
    /// The first line is not a header.
    #[error(
        "line 1 is not a catalogue header ({error}); it must read \
         {{\"berth_catalogue\":1,\"zone\":\"Asia/Kolkata\"}}; a list of trains from elsewhere \
         goes through `berth import` first"
    )]
    Header {
        /// What the JSON reader said.
        error: String,
    },
    /// The format is one of the future.
    #[error("the catalogue has format {found}, this berth reads format {known}; update berth")]
    Newer {
        /// Format in the header.
        found: u32,
        /// Format this program knows.
        known: u32,
    },
    /// A train is wrong.
    #[error("line {line}, train {}: {fault}", train.as_deref().unwrap_or("unnamed"))]
    Train {
        /// Line, counted from 1.
        line: u32,
        /// Number, as far as it could be read.
        train: Option<Box<str>>,
        /// What is wrong with it.
        fault: CatalogueFault,
    },
    /// The rule book is not for this catalogue.
    #[error("{why}")]
    Rules {
        /// Why.
        why: Box<str>,
    },
    /// A number stands twice.
    #[error("train {train} stands on line {first} and again on line {second}; remove one of them")]
    DuplicateTrain {
        /// The number.
        train: TrainNumber,
        /// Its first line.
        first: u32,
        /// Its second line.
        second: u32,
    },
}

/// Why a single train is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueFault {
    /// Not JSON, a field missing, unknown or of the wrong type.
    #[error("{error}")]
    Json {
        /// What the JSON reader said, with the column.
        error: String,
    },
    /// A field's text has a shape of its own, and this is not it.
    #[error("{field} {value:?} is not {expected}")]
    Shape {
        /// Which field.
        field: &'static str,
        /// The start of its value.
        value: Box<str>,
        /// What it must look like, with an example.
        expected: &'static str,
    },
    /// The rule book has rules that do not fit the train.
    #[error("the rules do not fit it: {why}")]
    Rules {
        /// Which rule, and why.
        why: Box<str>,
    },
    /// Well written, but not a train.
    #[error(transparent)]
    Plan(#[from] PlanFault),
}

impl CatalogueFault {
    pub(super) fn shape(field: &'static str, value: &str, expected: &'static str) -> Self {
        Self::Shape { field, value: value.chars().take(40).collect(), expected }
    }
}
