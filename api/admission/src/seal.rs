//! Signing: HMAC-SHA-256, and nothing else. A letter names its version, algorithm, purpose and key in
//! four bytes before its body; the MAC, cut to 16 bytes, is over all of them. Text is base64url.
//!
//! Two keys live at a time: the first signs, both are believed. So a key is changed by putting a new
//! one before it, and dropped once nothing signed with it is in use any more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::letters::{NotAdmitted, Purpose};

/// Bytes of a secret, least: as many as its hash has.
pub const SECRET_BYTES_MIN: usize = 32;
const SECRET_BYTES_MAX: usize = 128;
const VERSION: u8 = 1;
/// HMAC-SHA-256. No letter chooses how it is checked: another number is no letter of ours.
const ALGORITHM: u8 = 1;
const HEAD: usize = 4;
/// 128 bits: what a forger would have to guess (RFC 2104, section 5).
const MAC_BYTES: usize = 16;
/// Longest text that is looked at.
const TEXT_MAX: usize = 256;

/// Keys that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// None, or too many.
    #[error("{found} keys given, 1 or 2 may be alive; newest first")]
    Count {
        /// How many.
        found: usize,
    },
    /// A line that is none.
    #[error("line {line} is no key: expected an id from 0 to 255 and 64 to 256 hex digits")]
    Line {
        /// Which, from 1.
        line: usize,
    },
    /// The same id twice.
    #[error("key id {id} is given twice; a new key needs an id of its own")]
    Twice {
        /// Which.
        id: u8,
    },
}

/// One key.
#[derive(Clone)]
pub struct Sealer {
    id: u8,
    mac: Hmac<Sha256>,
}

impl Sealer {
    /// From a secret of any length; `id` is told in the letters.
    pub fn new(id: u8, secret: &[u8]) -> Self {
        // The hash takes secrets of every length.
        let mac = Hmac::new_from_slice(secret).expect("a secret of any length");
        Self { id, mac }
    }

    /// A key of its own for one purpose, from a key that has others.
    pub fn derive(id: u8, key: &[u8], purpose: &str) -> Self {
        Self::new(id, &Self::new(0, key).mac(purpose.as_bytes()))
    }

    pub(crate) fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        self.mac.clone().chain_update(bytes).finalize().into_bytes().into()
    }

    /// In constant time.
    pub(crate) fn is_of(&self, bytes: &[u8], mac: &[u8]) -> bool {
        self.mac.clone().chain_update(bytes).verify_truncated_left(mac).is_ok()
    }
}

/// The keys that are alive.
#[derive(Clone)]
pub struct Keys {
    alive: Vec<Sealer>,
}

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let ids: Vec<u8> = self.alive.iter().map(|key| key.id).collect();
        write!(f, "Keys({ids:?})")
    }
}

impl Keys {
    /// One or two, the newest first.
    ///
    /// # Errors
    /// See [`KeyFault`].
    pub fn new(alive: Vec<Sealer>) -> Result<Self, KeyFault> {
        match alive.as_slice() {
            [new, old] if new.id == old.id => Err(KeyFault::Twice { id: new.id }),
            [_] | [_, _] => Ok(Self { alive }),
            _ => Err(KeyFault::Count { found: alive.len() }),
        }
    }

    /// From lines of an id and a secret in hex digits, the newest first; `#` begins a comment.
    ///
    /// # Errors
    /// See [`KeyFault`]. No fault repeats a secret.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let mut alive = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            if line.trim().is_empty() {
                continue;
            }
            alive.push(parse_line(line).ok_or(KeyFault::Line { line: at + 1 })?);
        }
        Self::new(alive)
    }

    pub(crate) fn alive(&self) -> &[Sealer] {
        &self.alive
    }

    /// Signs a letter.
    pub(crate) fn seal<const N: usize>(&self, purpose: Purpose, body: [u8; N]) -> String {
        let key = &self.alive[0];
        let mut letter = Vec::with_capacity(HEAD + N + MAC_BYTES);
        letter.extend_from_slice(&[VERSION, ALGORITHM, purpose as u8, key.id]);
        letter.extend_from_slice(&body);
        let mac = key.mac(&letter);
        letter.extend_from_slice(&mac[..MAC_BYTES]);
        BASE64.encode(letter)
    }

    /// The body of a letter that we signed for this purpose.
    pub(crate) fn unseal<const N: usize>(
        &self,
        purpose: Purpose,
        text: &str,
    ) -> Result<[u8; N], NotAdmitted> {
        if text.len() > TEXT_MAX {
            return Err(NotAdmitted::Malformed);
        }
        let letter = BASE64.decode(text).map_err(|_| NotAdmitted::Malformed)?;
        let (signed, mac) = letter
            .split_at_checked(letter.len().saturating_sub(MAC_BYTES))
            .filter(|(signed, _)| signed.len() >= HEAD)
            .ok_or(NotAdmitted::Malformed)?;
        if signed[..2] != [VERSION, ALGORITHM] {
            return Err(NotAdmitted::Algorithm);
        }
        if signed[2] != purpose as u8 {
            return Err(NotAdmitted::Purpose);
        }
        let body = <[u8; N]>::try_from(&signed[HEAD..]).map_err(|_| NotAdmitted::Malformed)?;
        let key = self.alive.iter().find(|key| key.id == signed[3]).ok_or(NotAdmitted::Key)?;
        if key.is_of(signed, mac) { Ok(body) } else { Err(NotAdmitted::Forged) }
    }
}

fn parse_line(line: &str) -> Option<Sealer> {
    let mut words = line.split_whitespace();
    let (id, hex) = (words.next()?.parse().ok()?, words.next()?);
    let bytes = SECRET_BYTES_MIN..=SECRET_BYTES_MAX;
    if words.next().is_some() || !hex.len().is_multiple_of(2) || !bytes.contains(&(hex.len() / 2)) {
        return None;
    }
    let digit = |at: usize| (hex.as_bytes()[at] as char).to_digit(16);
    let secret: Option<Vec<u8>> = (0..hex.len() / 2)
        .map(|at| Some((digit(2 * at)? << 4 | digit(2 * at + 1)?) as u8))
        .collect();
    Some(Sealer::new(id, &secret?))
}

/// The first 64 bits of a hash: names as numbers.
pub(crate) fn short_hash(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths first: no two lists of parts are the same bytes.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let hash = <[u8; 32]>::from(hash.finalize());
    hash.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_newest_first() {
        let (new, old) = ("ab".repeat(32), "0F".repeat(64));
        let text = format!("# of this week\n 7 {new} # signs\n\n6 {old}\n");
        assert_eq!(format!("{:?}", Keys::parse(&text).expect("two keys")), "Keys([7, 6])");
        let table = [
            (String::new(), KeyFault::Count { found: 0 }),
            (format!("1 {new}\n2 {new}\n3 {new}"), KeyFault::Count { found: 3 }),
            (format!("1 {new}\n1 {old}"), KeyFault::Twice { id: 1 }),
            (format!("\n256 {new}"), KeyFault::Line { line: 2 }),
            ("1 abcd".into(), KeyFault::Line { line: 1 }),
            (format!("1 {new}z"), KeyFault::Line { line: 1 }),
            (format!("1 {new}zz"), KeyFault::Line { line: 1 }),
            (format!("1 {new} 2"), KeyFault::Line { line: 1 }),
            (format!("1 {}", "ab".repeat(129)), KeyFault::Line { line: 1 }),
        ];
        for (text, fault) in table {
            let told = Keys::parse(&text).expect_err("no keys");
            assert_eq!(told, fault);
            assert!(!told.to_string().contains("abab"), "no secret is repeated");
        }
    }
}
