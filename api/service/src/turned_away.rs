//! Who was turned away and why, for /metrics: relaxed atomics only. No label names an address or a
//! caller.

use core::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::door::Side;

/// Why a connection was refused or cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Away {
    /// The system gave no socket.
    Accept,
    /// As many connections as there may be.
    Full,
    /// As many connections of one address as there may be.
    AddressFull,
    /// The TLS handshake failed: no TLS, an unknown certificate.
    Handshake,
    /// The TLS handshake took too long.
    HandshakeSlow,
    /// The peer did not begin to speak HTTP/2 in time.
    Greeting,
    /// It went silent: no answer to a ping, or half a request.
    Silent,
    /// A flood of frames that ask for nothing, or of resets.
    Flood,
    /// What it sent is no HTTP/2.
    Protocol,
    /// It was asked to leave and did not.
    Age,
}

impl Away {
    const ALL: [Self; 10] = [
        Self::Accept,
        Self::Full,
        Self::AddressFull,
        Self::Handshake,
        Self::HandshakeSlow,
        Self::Greeting,
        Self::Silent,
        Self::Flood,
        Self::Protocol,
        Self::Age,
    ];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Full => "full",
            Self::AddressFull => "address_full",
            Self::Handshake => "handshake",
            Self::HandshakeSlow => "handshake_slow",
            Self::Greeting => "greeting",
            Self::Silent => "silent",
            Self::Flood => "flood",
            Self::Protocol => "protocol",
            Self::Age => "age",
        }
    }
}

/// Why a call was refused before it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// It had no credential, or several.
    NoCredential,
    /// Its credential proves nothing.
    Credential,
    /// Its credential has expired.
    Expired,
    /// Its caller has not the role.
    Role,
    /// Its caller has asked too much.
    CallerRate,
    /// Its address has asked too much.
    AddressRate,
}

impl Shut {
    const ALL: [Self; 6] = [
        Self::NoCredential,
        Self::Credential,
        Self::Expired,
        Self::Role,
        Self::CallerRate,
        Self::AddressRate,
    ];

    /// Its name in metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::NoCredential => "no_credential",
            Self::Credential => "credential",
            Self::Expired => "expired",
            Self::Role => "role",
            Self::CallerRate => "caller_rate",
            Self::AddressRate => "address_rate",
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct TurnedAway {
    came: [AtomicU64; Side::ALL.len()],
    inside: [AtomicI64; Side::ALL.len()],
    away: [[AtomicU64; Away::ALL.len()]; Side::ALL.len()],
    shut: [AtomicU64; Shut::ALL.len()],
}

impl TurnedAway {
    /// A connection was let in ...
    pub fn came(&self, side: Side) {
        self.came[side as usize].fetch_add(1, Relaxed);
        self.inside[side as usize].fetch_add(1, Relaxed);
    }

    /// ... and is gone.
    pub fn went(&self, side: Side) {
        self.inside[side as usize].fetch_sub(1, Relaxed);
    }

    /// A connection was turned away.
    pub fn count(&self, side: Side, why: Away) {
        self.away[side as usize][why as usize].fetch_add(1, Relaxed);
    }

    /// A call was refused, or a command of a session.
    pub fn shut(&self, why: Shut) {
        self.shut[why as usize].fetch_add(1, Relaxed);
    }

    /// Writes all of it down.
    pub fn tell(&self) {
        for side in Side::ALL {
            let at = side as usize;
            metrics::counter!("berth_connections_total", "listener" => side.name())
                .absolute(self.came[at].load(Relaxed));
            metrics::gauge!("berth_connections", "listener" => side.name())
                .set(self.inside[at].load(Relaxed) as f64);
            for why in Away::ALL {
                metrics::counter!(
                    "berth_connections_refused_total",
                    "listener" => side.name(), "reason" => why.name()
                )
                .absolute(self.away[at][why as usize].load(Relaxed));
            }
        }
        for why in Shut::ALL {
            metrics::counter!("berth_calls_refused_total", "reason" => why.name())
                .absolute(self.shut[why as usize].load(Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_lists() {
        assert!(Away::ALL.iter().enumerate().all(|(place, why)| *why as usize == place));
        assert!(Side::ALL.iter().enumerate().all(|(place, side)| *side as usize == place));
        assert!(Shut::ALL.iter().enumerate().all(|(place, shut)| *shut as usize == place));
    }
}
