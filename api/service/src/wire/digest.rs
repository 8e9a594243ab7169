//! What a request asks, in 64 bits, without its id: the same for every retry, in every build.
//!
//! It is FNV-1a over the protobuf encoding behind field 1. Fields are encoded in the order of their
//! numbers and defaults not at all, so a message has one encoding, and a field that a later version
//! adds changes no digest until it is used. The digest is journaled: it must never change.
//! A collision needs a caller who works against itself: it would take its own retry for known.

use prost::Message;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;
/// Key of field 1 as a length-delimited value.
const REQUEST_ID_KEY: u8 = 0x0a;

/// The digest of a message whose field 1 is its request id.
pub(super) fn of(message: &impl Message) -> u64 {
    let bytes = message.encode_to_vec();
    fnv1a(without_id(&bytes))
}

/// What follows field 1. An id of more than 127 bytes is not skipped: it is refused anyway.
fn without_id(bytes: &[u8]) -> &[u8] {
    match bytes {
        [REQUEST_ID_KEY, len @ 0..=127, rest @ ..] => rest.get(usize::from(*len)..).unwrap_or(rest),
        _ => bytes,
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_proto::v1;

    #[test]
    fn the_id_does_not_count_and_everything_else_does() {
        let one = v1::ReleaseRequest {
            request_id: "7f0c1f0e-3f3b-4c63-9a52-6f8d1f3f3a11".into(),
            hold_id: "00".repeat(16),
            passengers: vec![1],
        };
        let retry = v1::ReleaseRequest { request_id: "x".into(), ..one.clone() };
        assert_eq!(of(&one), of(&retry));
        let none = v1::ReleaseRequest { request_id: String::new(), ..one.clone() };
        assert_eq!(of(&one), of(&none));
        assert_ne!(of(&one), of(&v1::ReleaseRequest { passengers: vec![2], ..one.clone() }));
        assert_ne!(of(&one), of(&v1::ReleaseRequest { passengers: vec![], ..one }));
    }

    #[test]
    fn known_digests_stay() {
        // Journaled: a change of these breaks the retries of every data directory there is.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
