//! Time as data: milliseconds since 1970-01-01T00:00:00Z, always an argument.

use core::fmt;

/// A span of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

/// Milliseconds since 1970-01-01T00:00:00Z, stamped by the node, never read here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The end of time: later than every deadline.
    pub const MAX: Self = Self(u64::MAX);

    /// Saturates at the end of time: a hold may live too long, it never expires early.
    #[must_use]
    pub const fn saturating_add(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span from `earlier` to `self`, zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for UnixMillis {
    /// RFC 3339, UTC, milliseconds: `2026-11-22T04:30:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let date = crate::Date::from_days(i32::try_from(days).unwrap_or(i32::MAX));
        let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
        write!(f, "{date}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
    }
}
