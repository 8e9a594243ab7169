//! A caller as his credential shows him.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use berth_inventory::UnixMillis;

/// What a caller may do: any of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(u8);

/// A word that names no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role: expected booking, read-only, operator or auditor")]
pub struct UnknownRole(pub String);

impl Roles {
    /// None: what nobody needs a credential for.
    pub(crate) const NOBODY: Self = Self(0);
    /// Sells: holds, bookings, enquiries.
    pub const BOOKING: Self = Self(1);
    /// Enquires.
    pub const READ_ONLY: Self = Self(2);
    /// Operates the node and its runs.
    pub const OPERATOR: Self = Self(4);
    /// Reads history and what the node says of itself.
    pub const AUDITOR: Self = Self(8);
    pub(crate) const ALL: Self = Self(15);

    const NAMED: [(Self, &'static str); 4] = [
        (Self::BOOKING, "booking"),
        (Self::READ_ONLY, "read-only"),
        (Self::OPERATOR, "operator"),
        (Self::AUDITOR, "auditor"),
    ];

    /// All of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether one role is in both.
    pub(crate) const fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMED.into_iter().filter(move |(role, _)| self.meet(*role)).map(|(_, name)| name)
    }

    /// As alternatives: `booking or operator`.
    pub(crate) fn either(self) -> String {
        self.names().collect::<Vec<_>>().join(" or ")
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(" and "))
    }
}

/// Words joined by `+`.
impl FromStr for Roles {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        text.split('+').try_fold(Self::NOBODY, |all, word| {
            let role = Self::NAMED.into_iter().find(|(_, name)| *name == word);
            role.map(|(role, _)| all.and(role)).ok_or_else(|| UnknownRole(word.to_owned()))
        })
    }
}

/// Which rate limits a caller has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// More than most.
    Premium,
    /// As most.
    #[default]
    Standard,
    /// Less than most.
    Basic,
}

impl Tier {
    /// By its name; what nobody knows is as most are.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "premium" => Self::Premium,
            "basic" => Self::Basic,
            _ => Self::Standard,
        }
    }
}

/// See the module. An extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Who it is, for logs and limits.
    pub subject: Arc<str>,
    /// For whom it acts.
    pub tenant: Arc<str>,
    pub roles: Roles,
    pub tier: Tier,
    /// From when on the credential is no good.
    pub expires: Option<UnixMillis>,
}

impl Caller {
    /// Its certificate is checked when it connects.
    pub fn of_certificate(name: &str, roles: Roles) -> Self {
        let name: Arc<str> = name.into();
        let tier = Tier::default();
        Self { subject: Arc::clone(&name), tenant: name, roles, tier, expires: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_as_they_are_written() {
        let both = Roles::BOOKING.and(Roles::AUDITOR);
        assert_eq!("booking+auditor".parse(), Ok(both));
        assert_eq!(both.to_string(), "booking and auditor");
        assert_eq!(both.either(), "booking or auditor");
        assert_eq!(Roles::NOBODY.to_string(), "none");
        for wrong in ["", "Booking", "root", "booking+"] {
            assert!(wrong.parse::<Roles>().is_err(), "{wrong:?}");
        }
    }
}
