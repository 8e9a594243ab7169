//! Parts of what refusals say.

use core::fmt;

use crate::{BerthName, Date, StopRef, TravelClass, UnixMillis};

/// A date, or that there is none.
pub(super) struct OrNone<'a>(pub(super) &'a Option<Date>);
impl fmt::Display for OrNone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(date) => date.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// A stop as its caller named it.
pub(super) struct StopName<'a>(pub(super) &'a StopRef);
impl fmt::Display for StopName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            StopRef::Sequence(seq) => write!(f, "stop number {seq}"),
            StopRef::Station { code, occurrence: 0 | 1 } => code.fmt(f),
            StopRef::Station { code, occurrence } => write!(f, "{code} (visit {occurrence})"),
        }
    }
}

/// Codes in a row.
pub(super) struct List<'a, T>(pub(super) &'a [T]);
impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if i == 0 { "" } else { " " })?;
        }
        if self.0.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

/// Since when, or by whom.
pub(super) struct Since<'a>(pub(super) &'a Option<UnixMillis>);
impl fmt::Display for Since<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "since {at}; the train has left the boarding stop"),
            None => f.write_str("by the operator; only they open it again"),
        }
    }
}

/// A berth by its painted names.
pub(super) struct Berth<'a>(pub(super) &'a BerthName);
impl fmt::Display for Berth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.coach, self.0.number)
    }
}

/// A class, or any.
pub(super) struct OrAny<'a>(pub(super) &'a Option<TravelClass>);
impl fmt::Display for OrAny<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(class) => class.fmt(f),
            None => f.write_str("any class"),
        }
    }
}
