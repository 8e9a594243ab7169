//! What is wrong with a rule book: which file, line and field, both operands, and what to do.

/// Where something stands in a rule book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct At {
    /// Line, counted from 1.
    pub(crate) line: u32,
    /// Field with its table, such as `quota[3].size`; tables of a list are counted from 1.
    pub(crate) field: Box<str>,
}

impl At {
    /// A field of the table that stands here.
    pub(crate) fn of(&self, field: &str) -> Self {
        Self { line: self.line, field: format!("{}.{field}", self.field).into() }
    }

    pub(crate) fn fault(&self, file: &str, what: impl Into<Box<str>>) -> RuleFault {
        let Self { line, field } = self.clone();
        RuleFault { file: file.into(), line, field, what: what.into() }
    }
}

/// Why a rule book is refused, as a whole or for one train.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {field}: {what}")]
pub struct RuleFault {
    /// The file, or the name of a book that comes with berth.
    pub file: Box<str>,
    /// Line, counted from 1.
    pub line: u32,
    /// Field with its table, such as `quota[3].size`; tables of a list are counted from 1.
    pub field: Box<str>,
    /// What is wrong with it.
    pub what: Box<str>,
}
