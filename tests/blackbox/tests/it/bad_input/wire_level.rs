//! Bytes that no client of ours would send.

use berth_client::v1;
use prost::Message as _;
use tonic::Code;

use super::Victim;
use crate::asking::{query, reserve};
use crate::raw::Raw;

const RESERVE: &str = "/berth.v1.Inventory/Reserve";
/// Stands for four bytes that are no UTF-8.
const MARK: &str = "QQQQ";

/// The message with 0xff in the place of the mark.
fn spoilt(message: &impl prost::Message) -> Vec<u8> {
    let mut bytes = message.encode_to_vec();
    let at = bytes.windows(MARK.len()).position(|w| w == MARK.as_bytes()).expect("the mark");
    bytes[at..at + MARK.len()].fill(0xff);
    bytes
}

#[tokio::test]
async fn a_text_that_is_no_utf8_is_the_callers_fault() {
    let victim = Victim::new().await;
    let mut raw = Raw::connect(victim.server.address()).await;
    let reference = v1::ReserveRequest { reference: MARK.into(), ..reserve("10001", 1) };
    let train = reserve(MARK, 1);
    let run = query(MARK);
    for (path, message) in [
        (RESERVE, spoilt(&reference)),
        (RESERVE, spoilt(&train)),
        ("/berth.v1.Availability/Query", spoilt(&run)),
        (RESERVE, vec![0xff; 64]),
    ] {
        let told = raw.call(path, &[], &message).await;
        assert_eq!(told.code, Code::InvalidArgument, "{told:?}");
        assert!(told.message.contains("decode"), "{told:?}");
    }
    victim.goes_unharmed().await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_and_not_to_be_sent_again() {
    let victim = Victim::new().await;
    for size in [256 * 1_024 + 1, 1_000_000] {
        let mut raw = Raw::connect(victim.server.address()).await;
        let ask = v1::ReserveRequest { reference: "x".repeat(size), ..reserve("10001", 1) };
        let told = raw.call(RESERVE, &[], &ask.encode_to_vec()).await;
        assert_eq!(told.code, Code::ResourceExhausted, "{told:?}");
        assert_eq!(told.pushback.as_deref(), Some("-1"));
    }
    victim.goes_unharmed().await;
}

#[tokio::test]
async fn a_length_that_lies_harms_nobody() {
    let victim = Victim::new().await;
    for length in [0u32, 5, 4_000_000_000] {
        let mut raw = Raw::connect(victim.server.address()).await;
        let mut body = vec![0];
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(&[1, 2, 3]);
        let told = raw.post(RESERVE, &[], body).await;
        assert_ne!(told.code, Code::Ok, "{length}: {told:?}");
    }
    let mut raw = Raw::connect(victim.server.address()).await;
    let told = raw.post(RESERVE, &[], vec![7, 0, 0, 0, 0]).await;
    assert_ne!(told.code, Code::Ok, "an unknown compression flag");
    let told = raw.post(RESERVE, &[], Vec::new()).await;
    assert_ne!(told.code, Code::Ok, "no message at all");
    victim.goes_unharmed().await;
}

#[tokio::test]
async fn a_call_that_does_not_exist_is_unimplemented() {
    let victim = Victim::new().await;
    let mut raw = Raw::connect(victim.server.address()).await;
    for path in ["/berth.v1.Inventory/Steal", "/berth.v2.Inventory/Reserve", "/"] {
        let told = raw.call(path, &[], &[]).await;
        assert_eq!(told.code, Code::Unimplemented, "{path}: {told:?}");
    }
    victim.goes_unharmed().await;
}

#[tokio::test]
async fn what_is_no_http_at_all_is_hung_up_on() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let victim = Victim::new().await;
    for noise in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 512], b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"]
    {
        let mut socket = tokio::net::TcpStream::connect(victim.server.address()).await.unwrap();
        socket.write_all(noise).await.unwrap();
        let mut rest = Vec::new();
        // A reset is as good as an end.
        let _ = socket.read_to_end(&mut rest).await;
    }
    victim.goes_unharmed().await;
}

#[tokio::test]
async fn one_bad_bit_anywhere_in_a_message_never_harms_the_server() {
    let victim = Victim::new().await;
    let mut raw = Raw::connect(victim.server.address()).await;
    // Two passengers want one berth: whatever the bit makes of it is wrong or is refused.
    let ask = v1::ReserveRequest {
        berths: vec![crate::asking::berth("S1", 1); 2],
        ..reserve("10001", 2)
    };
    let good = ask.encode_to_vec();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let told = raw.call(RESERVE, &[], &bad).await;
        if told.code == Code::Ok {
            let answer = v1::ReserveResponse::decode(&told.body[5..]).expect("an answer");
            assert!(answer.outcome.is_some());
        } else {
            assert_eq!(told.code, Code::InvalidArgument, "bit {bit}: {told:?}");
        }
    }
    let events = crate::asking::journal(&victim.server.admin().await, None).await;
    crate::ledger::Ledger::read(&events);
}
