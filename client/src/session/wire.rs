//! The two messages of a session as bytes: commands are packed, answers are taken apart.
//!
//! A command is encoded once, by its caller, and copied into each message that carries it; an answer
//! is decoded by the caller that waits for it. So the one task behind a session moves bytes and
//! never looks into a hold. Same bytes as prost makes, which a test holds. Source: the encoding of
//! protocol buffers (a key is field number times eight and wire type; 0 varint, 2 length-delimited).

use prost::bytes::{Buf as _, BufMut as _, Bytes};
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_varint, encoded_len_varint,
    skip_field,
};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Field of `Fault` in `SessionAnswer`.
pub const FAULT: u32 = 9;
/// Bytes that a message spends on a command beside its body, most: keys, lengths, the correlation
/// id (six of seven bits hold 48 bits, so seven) and the timeout.
pub const FRAMING_BYTES_MAX: usize = 1 + 5 + 1 + 7 + 1 + 5;

const COMMANDS_KEY: u8 = 1 << 3 | 2;
const CORRELATION_KEY: u8 = 1 << 3;
const TIMEOUT_KEY: u8 = 2 << 3;

/// Appends one command to a message. `body` is the field of the call, key and length included;
/// `timeout_ms` 0 means none.
pub fn put_command(message: &mut Vec<u8>, correlation: u64, timeout_ms: u32, body: &[u8]) {
    let timed = timeout_ms > 0;
    let timeout_len = if timed { 1 + encoded_len_varint(u64::from(timeout_ms)) } else { 0 };
    let length = 1 + encoded_len_varint(correlation) + timeout_len + body.len();
    message.put_u8(COMMANDS_KEY);
    encode_varint(length as u64, message);
    message.put_u8(CORRELATION_KEY);
    encode_varint(correlation, message);
    if timed {
        message.put_u8(TIMEOUT_KEY);
        encode_varint(u64::from(timeout_ms), message);
    }
    message.extend_from_slice(body);
}

/// One answer of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    pub correlation: u64,
    /// Which field the answer is in; 0: in none that is known to be one.
    pub field: u32,
    /// The answer itself, encoded.
    pub body: &'a [u8],
}

/// The bytes are no `SessionResponse`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Takes a message of answers apart.
pub fn answers(message: &[u8]) -> impl Iterator<Item = Result<Said<'_>, Malformed>> {
    let mut rest = message;
    core::iter::from_fn(move || {
        while !rest.is_empty() {
            match field(&mut rest) {
                Ok(Some((1, answer))) => return Some(said(answer)),
                Ok(_) => {}
                Err(malformed) => {
                    rest = &[];
                    return Some(Err(malformed));
                }
            }
        }
        None
    })
}

fn said(mut rest: &[u8]) -> Result<Said<'_>, Malformed> {
    let mut said = Said { correlation: 0, field: 0, body: &[] };
    while !rest.is_empty() {
        if rest[0] == CORRELATION_KEY {
            rest.advance(1);
            said.correlation = decode_varint(&mut rest).map_err(|_| Malformed)?;
        } else if let Some((field @ 2..=FAULT, body)) = field(&mut rest)? {
            (said.field, said.body) = (field, body);
        }
    }
    Ok(said)
}

/// The next field: its number and content if it is length-delimited, nothing if it is skipped.
fn field<'a>(rest: &mut &'a [u8]) -> Result<Option<(u32, &'a [u8])>, Malformed> {
    let (number, kind) = decode_key(rest).map_err(|_| Malformed)?;
    if kind != WireType::LengthDelimited {
        let skipped = skip_field(kind, number, rest, DecodeContext::default());
        return skipped.map(|()| None).map_err(|_| Malformed);
    }
    let length = decode_varint(rest).map_err(|_| Malformed)?;
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let (content, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = behind;
    Ok(Some((number, content)))
}

/// Messages that are bytes already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(message.len());
        out.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use berth_proto::v1;
    use berth_proto::v1::session_answer::Answer;
    use berth_proto::v1::session_command::Command;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn command() -> impl Strategy<Value = v1::SessionCommand> {
        (0..1_u64 << 48, any::<u32>(), ".{0,40}", ".{0,200}").prop_map(
            |(correlation_id, timeout_ms, request_id, hold_id)| {
                let ask = v1::ReleaseRequest { request_id, hold_id, passengers: vec![1, 300] };
                let command = Some(Command::Release(ask));
                v1::SessionCommand { correlation_id, timeout_ms, command }
            },
        )
    }

    fn answer() -> impl Strategy<Value = v1::SessionAnswer> {
        let kind = prop_oneof![
            Just(None),
            (any::<u64>(), ".{0,300}").prop_map(|(run_version, message)| {
                let refusal = v1::Refusal { message, ..Default::default() };
                let outcome = Some(v1::reserve_response::Outcome::Refusal(refusal));
                Some(Answer::Reserve(v1::ReserveResponse {
                    run_version,
                    outcome,
                    ..Default::default()
                }))
            }),
            any::<u32>()
                .prop_map(|code| Some(Answer::Fault(v1::Fault { code, ..Default::default() }))),
            Just(Some(Answer::GetBooking(v1::GetBookingResponse::default()))),
        ];
        (any::<u64>(), kind)
            .prop_map(|(correlation_id, answer)| v1::SessionAnswer { correlation_id, answer })
    }

    proptest! {
        #[test]
        fn packed_commands_are_what_prost_packs(commands in prop::collection::vec(command(), 0..20)) {
            let mut packed = Vec::new();
            for one in &commands {
                let mut body = Vec::new();
                one.command.as_ref().unwrap().encode(&mut body);
                let before = packed.len();
                put_command(&mut packed, one.correlation_id, one.timeout_ms, &body);
                prop_assert!(packed.len() - before <= body.len() + FRAMING_BYTES_MAX);
            }
            let expected = v1::SessionRequest { commands };
            prop_assert_eq!(packed, expected.encode_to_vec());
        }

        #[test]
        fn answers_are_what_prost_reads(answers_in in prop::collection::vec(answer(), 0..20)) {
            let message = v1::SessionResponse { answers: answers_in.clone() }.encode_to_vec();
            let mut read = Vec::new();
            for said in answers(&message) {
                let said = said.unwrap();
                let answer = match said.field {
                    0 => None,
                    2 => Some(Answer::Reserve(v1::ReserveResponse::decode(said.body).unwrap())),
                    8 => Some(Answer::GetBooking(v1::GetBookingResponse::default())),
                    FAULT => Some(Answer::Fault(v1::Fault::decode(said.body).unwrap())),
                    other => panic!("field {other}"),
                };
                read.push(v1::SessionAnswer { correlation_id: said.correlation, answer });
            }
            prop_assert_eq!(read, answers_in);
        }

        #[test]
        fn no_bytes_make_it_fall(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let read: Result<Vec<_>, _> = answers(&bytes).collect();
            if v1::SessionResponse::decode(bytes.as_slice()).is_ok() {
                prop_assert!(read.is_ok(), "prost reads it");
            }
        }
    }

    #[test]
    fn what_a_newer_server_adds_is_skipped() {
        let mut message = v1::SessionResponse {
            answers: vec![v1::SessionAnswer {
                correlation_id: 7,
                answer: Some(Answer::GetHold(v1::GetHoldResponse::default())),
            }],
        }
        .encode_to_vec();
        prost::encoding::uint64::encode(15, &99, &mut message);
        prost::encoding::string::encode(16, &"news".to_owned(), &mut message);
        let read: Vec<_> = answers(&message).collect();
        assert_eq!(read, [Ok(Said { correlation: 7, field: 7, body: &[] })]);
    }
}
