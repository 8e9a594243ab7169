//! What is signed: the ticket of one who waits, the admission token of one who may come in, and the
//! front end's proof that a challenge was passed.
//!
//! Each says what it is for; none is good for anything else. Numbers are little endian.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use berth_inventory::{RunId, UnixMillis};

use crate::seal::{Keys, Sealer, short_hash};

/// What a letter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    Ticket = 1,
    Pass = 2,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident $name:literal $text:literal),+ $(,)?) => {
        /// Why somebody is not let in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum NotAdmitted { $($(#[$doc])* $variant),+ }

        impl NotAdmitted {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// For people.
            pub const fn said(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for NotAdmitted {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.said())
            }
        }
    };
}

reasons! {
    /// There is no token.
    Missing "missing" "there is no admission token",
    /// The text is none.
    Malformed "malformed" "that is no admission token",
    /// Another version or algorithm than ours.
    Algorithm "algorithm" "the token is of another version or algorithm",
    /// A letter of ours for something else.
    Purpose "purpose" "the token is for something else",
    /// Signed with a key that is not alive.
    Key "key" "the token's key is not in use any more",
    /// The signature is not ours.
    Forged "forged" "the token's signature is not ours",
    /// Its time is over.
    Expired "expired" "the token has expired",
    /// Of another room.
    Room "room" "the token is of another room",
    /// For another run.
    Run "run" "the token is for another run",
    /// Given to another caller.
    Caller "caller" "the token was given to another caller",
    /// Its number was used by another request.
    Spent "spent" "the token was used by another request",
    /// Nobody's turn: not yet, or not any more.
    Turn "turn" "it is not the turn of the token's number",
}

/// A place in a room: a number, and the caller to whom it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// See [`room_mark`].
    pub room: u64,
    /// The number.
    pub number: u32,
    /// See [`caller_mark`].
    pub caller: u64,
}

impl Ticket {
    /// As text.
    pub fn seal(&self, keys: &Keys) -> String {
        let mut body = [0; 20];
        body[..8].copy_from_slice(&self.room.to_le_bytes());
        body[8..12].copy_from_slice(&self.number.to_le_bytes());
        body[12..].copy_from_slice(&self.caller.to_le_bytes());
        keys.seal(Purpose::Ticket, body)
    }

    /// From text.
    ///
    /// # Errors
    /// It is not one of ours.
    pub fn unseal(keys: &Keys, text: &str) -> Result<Self, NotAdmitted> {
        let body: [u8; 20] = keys.unseal(Purpose::Ticket, text)?;
        Ok(Self { room: long(&body, 0), number: long(&body, 8) as u32, caller: long(&body, 12) })
    }
}

/// The right to one hold on one run, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// See [`room_mark`].
    pub room: u64,
    /// The number that was admitted.
    pub number: u32,
    /// See [`caller_mark`].
    pub caller: u64,
    /// See [`Pass::run_mark`].
    pub run: u64,
    /// From then on it is worth nothing.
    pub expires: UnixMillis,
}

impl Pass {
    /// A run, as a token names it.
    pub fn run_mark(run: RunId) -> u64 {
        short_hash(&[b"run", run.to_string().as_bytes()])
    }

    /// As text.
    pub fn seal(&self, keys: &Keys) -> String {
        let mut body = [0; 36];
        body[..8].copy_from_slice(&self.room.to_le_bytes());
        body[8..12].copy_from_slice(&self.number.to_le_bytes());
        body[12..20].copy_from_slice(&self.caller.to_le_bytes());
        body[20..28].copy_from_slice(&self.run.to_le_bytes());
        body[28..].copy_from_slice(&self.expires.0.to_le_bytes());
        keys.seal(Purpose::Pass, body)
    }

    /// From text, checked against what it must be for; `run` is a [`Pass::run_mark`].
    ///
    /// # Errors
    /// It is not ours, not for this, or too old.
    pub fn unseal(
        keys: &Keys,
        text: &str,
        room: u64,
        run: u64,
        caller: u64,
        now: UnixMillis,
    ) -> Result<Self, NotAdmitted> {
        let body: [u8; 36] = keys.unseal(Purpose::Pass, text)?;
        let pass = Self {
            room: long(&body, 0),
            number: long(&body, 8) as u32,
            caller: long(&body, 12),
            run: long(&body, 20),
            expires: UnixMillis(long(&body, 28)),
        };
        let checks = [
            (pass.room == room, NotAdmitted::Room),
            (pass.run == run, NotAdmitted::Run),
            (pass.caller == caller, NotAdmitted::Caller),
            (now < pass.expires, NotAdmitted::Expired),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, why)) => Err(*why),
            None => Ok(pass),
        }
    }
}

fn long(body: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    let rest = &body[at..];
    let length = rest.len().min(8);
    bytes[..length].copy_from_slice(&rest[..length]);
    u64::from_le_bytes(bytes)
}

/// A room as a letter names it: tomorrow's sale of the same name is another room.
pub fn room_mark(name: &str, opens_at: UnixMillis) -> u64 {
    short_hash(&[b"room", name.as_bytes(), &opens_at.0.to_le_bytes()])
}

/// A caller as a letter names it.
pub fn caller_mark(caller: &str) -> u64 {
    short_hash(&[b"caller", caller.as_bytes()])
}

/// An end user of a caller in one room, under a key that nobody else has: so nobody can make up a
/// reference that shares somebody's place.
pub fn person_mark(key: &Sealer, room: u64, caller: u64, end_user: &str) -> u64 {
    let mut bytes = Vec::with_capacity(16 + end_user.len());
    bytes.extend_from_slice(&room.to_le_bytes());
    bytes.extend_from_slice(&caller.to_le_bytes());
    bytes.extend_from_slice(end_user.as_bytes());
    long(&key.mac(&bytes), 0)
}

/// What a front end signs when its challenge was passed: `1.<expires, unix seconds>.<base64url of
/// HMAC-SHA-256 over "berth-proof-1\n<room>\n<end user>\n<expires>">`.
pub fn prove(key: &Sealer, room: &str, end_user: &str, expires_seconds: u64) -> String {
    let mac = key.mac(said(room, end_user, expires_seconds).as_bytes());
    format!("1.{expires_seconds}.{}", BASE64.encode(mac))
}

/// Checks a [`prove`].
///
/// # Errors
/// There is none, it is of another room or person, forged, or too old.
pub fn proof(
    keys: &Keys,
    text: &str,
    room: &str,
    end_user: &str,
    now: UnixMillis,
) -> Result<(), NotAdmitted> {
    if text.is_empty() {
        return Err(NotAdmitted::Missing);
    }
    let mut parts = text.split('.');
    let (Some(version), Some(expires), Some(mac), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(NotAdmitted::Malformed);
    };
    if version != "1" {
        return Err(NotAdmitted::Algorithm);
    }
    let expires: u64 = expires.parse().map_err(|_| NotAdmitted::Malformed)?;
    let mac = BASE64.decode(mac).map_err(|_| NotAdmitted::Malformed)?;
    if mac.len() != 32 {
        return Err(NotAdmitted::Malformed);
    }
    let said = said(room, end_user, expires);
    if !keys.alive().iter().any(|key| key.is_of(said.as_bytes(), &mac)) {
        return Err(NotAdmitted::Forged);
    }
    if now.0 / 1_000 >= expires {
        return Err(NotAdmitted::Expired);
    }
    Ok(())
}

fn said(room: &str, end_user: &str, expires_seconds: u64) -> String {
    format!("berth-proof-1\n{room}\n{end_user}\n{expires_seconds}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn keys(ids: &[u8]) -> Keys {
        Keys::new(ids.iter().map(|id| Sealer::new(*id, &[*id; 32])).collect()).expect("keys")
    }

    fn pass() -> Pass {
        Pass { room: 1, number: 70_000, caller: 3, run: 4, expires: UnixMillis(NOW.0 + 1) }
    }

    fn check(keys: &Keys, text: &str) -> Result<Pass, NotAdmitted> {
        Pass::unseal(keys, text, 1, 4, 3, NOW)
    }

    /// The text of a pass with some of its bytes changed.
    fn tampered(change: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut letter = BASE64.decode(pass().seal(&keys(&[1]))).expect("base64");
        change(&mut letter);
        BASE64.encode(letter)
    }

    #[test]
    fn a_letter_says_what_was_signed() {
        let keys = keys(&[1]);
        let ticket = Ticket { room: 9, number: u32::MAX, caller: 8 };
        assert_eq!(Ticket::unseal(&keys, &ticket.seal(&keys)), Ok(ticket));
        assert_eq!(check(&keys, &pass().seal(&keys)), Ok(pass()));
    }

    #[test]
    fn tokens_that_are_not_good_are_told_apart() {
        use NotAdmitted::{Algorithm, Caller, Expired, Forged, Key, Malformed, Purpose, Room, Run};
        let signer = keys(&[1]);
        let sealed = |change: fn(&mut Pass)| {
            let mut pass = pass();
            change(&mut pass);
            pass.seal(&keys(&[1]))
        };
        let ticket = Ticket { room: 1, number: 1, caller: 3 }.seal(&signer);
        let foreign = Keys::new(vec![Sealer::new(1, &[99; 32])]).expect("a key");
        let table = [
            (String::new(), Malformed),
            ("not base64!".into(), Malformed),
            ("A".repeat(300), Malformed),
            (tampered(|letter| letter.truncate(12)), Malformed),
            (tampered(|letter| letter.insert(9, 0)), Malformed),
            (tampered(|letter| letter[0] = 2), Algorithm),
            (tampered(|letter| letter[1] = 0), Algorithm),
            (tampered(|letter| letter[1] = 2), Algorithm),
            (tampered(|letter| letter[2] = 1), Purpose),
            (ticket, Purpose),
            (tampered(|letter| letter[3] = 2), Key),
            (pass().seal(&foreign), Forged),
            (tampered(|letter| letter[HEAD_OF_NUMBER] ^= 1), Forged),
            (tampered(|letter| *letter.last_mut().expect("a byte") ^= 1), Forged),
            (sealed(|pass| pass.room = 2), Room),
            (sealed(|pass| pass.run = 5), Run),
            (sealed(|pass| pass.caller = 4), Caller),
            (sealed(|pass| pass.expires = NOW), Expired),
        ];
        for (text, why) in table {
            assert_eq!(check(&signer, &text), Err(why), "{text}");
        }
    }

    /// Version, algorithm, purpose, key and room come before the number.
    const HEAD_OF_NUMBER: usize = 12;

    #[test]
    fn every_single_flipped_bit_is_seen() {
        let (signer, sealed) = (keys(&[1]), pass().seal(&keys(&[1])));
        let bits = BASE64.decode(&sealed).expect("base64").len() * 8;
        for bit in 0..bits {
            let text = tampered(|letter| letter[bit / 8] ^= 1 << (bit % 8));
            assert!(check(&signer, &text).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_key_is_changed_while_two_are_alive() {
        let (old, both, new) = (keys(&[1]), keys(&[2, 1]), keys(&[2]));
        let text = pass().seal(&old);
        assert_eq!(check(&both, &text), Ok(pass()));
        assert_eq!(check(&new, &text), Err(NotAdmitted::Key));
        assert_eq!(check(&new, &pass().seal(&both)), Ok(pass()), "the newest signs");
    }

    #[test]
    fn a_proof_is_of_one_person_and_room_for_a_while() {
        let (key, verifier) = (Sealer::new(0, &[5; 32]), keys(&[7, 5]));
        let text = prove(&key, "r", "ann", 1_001);
        let check = |text: &str, room, user, now| proof(&verifier, text, room, user, now);
        assert_eq!(check(&text, "r", "ann", NOW), Ok(()));
        let late = UnixMillis(1_001_000);
        let table = [
            (text.clone(), "r", "ann", late, NotAdmitted::Expired),
            (text.clone(), "s", "ann", NOW, NotAdmitted::Forged),
            (text.clone(), "r", "bob", NOW, NotAdmitted::Forged),
            (text.replace("1001", "2001"), "r", "ann", NOW, NotAdmitted::Forged),
            (text.replacen('1', "2", 1), "r", "ann", NOW, NotAdmitted::Algorithm),
            (text[..text.len() - 1].into(), "r", "ann", NOW, NotAdmitted::Malformed),
            ("1.x.y".into(), "r", "ann", NOW, NotAdmitted::Malformed),
            ("1.1001.".into(), "r", "ann", NOW, NotAdmitted::Malformed),
            ("1".into(), "r", "ann", NOW, NotAdmitted::Malformed),
            (String::new(), "r", "ann", NOW, NotAdmitted::Missing),
        ];
        for (text, room, user, now, why) in table {
            assert_eq!(check(&text, room, user, now), Err(why), "{text} of {user} in {room}");
        }
    }

    #[test]
    fn names_as_numbers_are_apart() {
        let key = Sealer::new(0, &[1; 32]);
        assert_ne!(room_mark("a", UnixMillis(1)), room_mark("a", UnixMillis(2)));
        assert_ne!(caller_mark("a"), caller_mark("b"));
        assert_ne!(person_mark(&key, 1, 1, "a"), person_mark(&key, 2, 1, "a"));
        assert_ne!(person_mark(&key, 1, 1, "a"), person_mark(&key, 1, 2, "a"));
        assert_eq!(person_mark(&key, 1, 1, "a"), person_mark(&key, 1, 1, "a"));
    }
}
