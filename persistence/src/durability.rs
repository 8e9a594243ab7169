//! The durability words: what "durable" means before anybody is told.

use core::fmt;
use core::str::FromStr;

/// When a group counts as durable. Everywhere the same three words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// After fdatasync: survives a power cut.
    #[default]
    Power,
    /// After write(2): survives kill -9, not a power cut.
    Process,
    /// Handed to the journal, written every 50 ms: survives neither.
    None,
}

/// Under `none` the journal is written this often, milliseconds.
pub const NONE_WRITE_EVERY_MS: u64 = 50;

impl Durability {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Process => "process",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Not one of the three words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a durability: expected power, process or none")]
pub struct DurabilityError(pub Box<str>);

impl FromStr for Durability {
    type Err = DurabilityError;

    fn from_str(text: &str) -> Result<Self, DurabilityError> {
        [Self::Power, Self::Process, Self::None]
            .into_iter()
            .find(|d| d.word() == text)
            .ok_or_else(|| DurabilityError(text.chars().take(24).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_words_are_read_as_they_are_written() {
        for word in ["power", "process", "none"] {
            assert_eq!(word.parse::<Durability>().unwrap().to_string(), word);
        }
        assert_eq!("power".parse(), Ok(Durability::default()));
        let error = "Power".parse::<Durability>().unwrap_err().to_string();
        assert_eq!(error, "\"Power\" is not a durability: expected power, process or none");
    }
}
