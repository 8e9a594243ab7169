//! Travel classes, berth types and quota codes: three enums that must never be mixed, for "SL" is
//! a class (sleeper) on one form and a berth (side lower) on the other.

use core::fmt;
use core::str::FromStr;

/// A name that is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}; known: {known}")]
pub struct CodeError {
    /// What was expected.
    pub what: &'static str,
    /// The start of what was given.
    pub text: Box<str>,
    /// The names that exist.
    pub known: &'static str,
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident, $what:literal, $known:literal, {
        $($(#[$vdoc:meta])* $variant:ident = $number:literal $code:literal),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $number),+ }

        impl $name {
            /// Every value, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code people read.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// From its stable number, which is also its number in journals and on the wire.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.code())
            }
        }

        impl FromStr for $name {
            type Err = CodeError;
            fn from_str(text: &str) -> Result<Self, CodeError> {
                match text {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(CodeError {
                        what: $what, text: text.chars().take(24).collect(), known: $known,
                    }),
                }
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// Travel class (domain 1.1). Numbers are stable.
    TravelClass, "travel class", "1A 2A 3A 3E SL CC EC EA EV 2S FC", {
        /// AC first class.
        FirstAc = 1 "1A",
        /// AC two tier.
        SecondAc = 2 "2A",
        /// AC three tier.
        ThirdAc = 3 "3A",
        /// AC three tier economy.
        ThirdAcEconomy = 4 "3E",
        /// Sleeper.
        Sleeper = 5 "SL",
        /// AC chair car.
        ChairCar = 6 "CC",
        /// AC executive chair car.
        Executive = 7 "EC",
        /// Anubhuti.
        Anubhuti = 8 "EA",
        /// Vistadome.
        Vistadome = 9 "EV",
        /// Second sitting.
        SecondSitting = 10 "2S",
        /// First class, not air conditioned.
        First = 11 "FC",
    }
}

impl TravelClass {
    /// Air conditioned: its Tatkal opens an hour earlier (domain 1.6).
    pub const fn is_ac(self) -> bool {
        !matches!(self, Self::Sleeper | Self::SecondSitting | Self::First)
    }
}

codes! {
    /// Where in its bay or row a berth or seat is. Numbers are stable.
    BerthType, "berth type", "LB MB UB SLB SMB SUB WS MS AS", {
        /// Lower berth.
        Lower = 1 "LB",
        /// Middle berth.
        Middle = 2 "MB",
        /// Upper berth.
        Upper = 3 "UB",
        /// Side lower berth. Never "SL".
        SideLower = 4 "SLB",
        /// Side middle berth (old Garib Rath coaches only).
        SideMiddle = 5 "SMB",
        /// Side upper berth.
        SideUpper = 6 "SUB",
        /// Window seat.
        Window = 7 "WS",
        /// Middle seat.
        MiddleSeat = 8 "MS",
        /// Aisle seat.
        Aisle = 9 "AS",
    }
}

codes! {
    /// Which side of the aisle, seen towards ascending berth numbers.
    Side, "side", "L R", {
        /// Left: the side of the bays in sleeping coaches.
        Left = 1 "L",
        /// Right: the side of side berths in sleeping coaches.
        Right = 2 "R",
    }
}

/// A quota's code, such as `GN` (general) or `TQ` (Tatkal). Quotas are data, so this is a name.
pub type QuotaCode = crate::ids::ShortName<4>;
