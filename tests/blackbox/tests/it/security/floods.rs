//! Floods of HTTP/2 frames, written by hand.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{MEMORY_MAX, others_are_served, refused};
use crate::patience::until;
use crate::server::Server;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// Frames that an attacker sends, most: far more than any bound.
const FRAMES: u32 = 60_000;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The headers of a session, as HPACK without a table.
fn session() -> Vec<u8> {
    let path = b"/berth.v1.Inventory/Session";
    let mut block = vec![0x83, 0x86, 0x04, path.len() as u8];
    block.extend(path);
    block.extend(b"\x01\x09localhost");
    block.extend(b"\x0f\x10\x10application/grpc");
    block.extend(b"\x00\x02te\x08trailers");
    block
}

/// A connection that has been greeted.
async fn greeted(server: &Server) -> TcpStream {
    let mut socket = TcpStream::connect(server.address()).await.expect("it listens");
    let hello = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat();
    socket.write_all(&hello).await.expect("it is read");
    socket
}

/// Sends `frames` until the server hangs up, and reads what it says meanwhile.
async fn flood(socket: TcpStream, frames: impl Fn(u32) -> Vec<u8>) -> bool {
    let (mut answers, mut out) = socket.into_split();
    let reader = tokio::spawn(async move {
        let mut rest = vec![0; 65_536];
        while let Ok(1..) = answers.read(&mut rest).await {}
    });
    for first in (0..FRAMES).step_by(100) {
        let piece: Vec<u8> = (first..first + 100).flat_map(&frames).collect();
        if out.write_all(&piece).await.is_err() {
            break;
        }
    }
    // The server hangs up, whatever else would be sent.
    tokio::time::timeout(crate::patience::PATIENCE, reader).await.is_ok()
}

#[tokio::test]
async fn floods_end_their_own_connection_and_nobody_elses() {
    let server = Server::start();
    others_are_served(&server).await;
    let before = server.memory();
    let stream = |number: u32| 2 * number + 1;
    let attacks = [
        ("pings", Box::new(|_| frame(PING, 0, 0, &[7; 8])) as Box<dyn Fn(u32) -> Vec<u8>>),
        ("settings", Box::new(|_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9]))),
        ("settings of nothing", Box::new(|_| frame(SETTINGS, 0, 0, &[]))),
        ("priorities", Box::new(|number| frame(PRIORITY, 0, stream(number), &[0, 0, 0, 0, 9]))),
        ("room given back", Box::new(|_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]))),
        ("unknown frames", Box::new(|_| frame(0xee, 0xff, 0, &[1, 2, 3]))),
        (
            "rapid resets",
            Box::new(|number| {
                let open = frame(HEADERS, END_HEADERS, stream(number), &session());
                [open, frame(RST_STREAM, 0, stream(number), &[0, 0, 0, 8])].concat()
            }),
        ),
        (
            "one byte a frame",
            Box::new(|number| match number {
                0 => frame(HEADERS, END_HEADERS, 1, &session()),
                _ => frame(DATA, 0, 1, &[0]),
            }),
        ),
        (
            "headers without an end",
            Box::new(|number| match number {
                0 => frame(HEADERS, 0, 1, &session()),
                _ => frame(CONTINUATION, 0, 1, &[]),
            }),
        ),
    ];
    for (ended, (what, frames)) in (1..).zip(attacks) {
        assert!(flood(greeted(&server).await, frames).await, "{what}");
        others_are_served(&server).await;
        let counted = async || (server.counted(&refused("flood")).await == ended).then_some(());
        until(what, counted).await;
    }
    let grown = server.memory().saturating_sub(before);
    assert!(grown < MEMORY_MAX, "{grown} bytes more");
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_what_is_no_frame_ends_its_connection() {
    let server = Server::start();
    // A frame longer than was agreed, and a header that goes on for ever.
    for (count, bytes) in
        [(1, frame(DATA, 0, 1, &vec![0; 70_000])), (2, frame(HEADERS, 0xff, 0, &[0xff; 40]))]
    {
        let mut socket = greeted(&server).await;
        let _ = socket.write_all(&bytes).await;
        super::hung_up(socket).await;
        let counted = async || (server.counted(&refused("protocol")).await == count).then_some(());
        until("a broken connection is counted", counted).await;
    }
    let mut raw = crate::raw::Raw::connect(server.address()).await;
    let long = "x".repeat(20_000);
    let refused = raw.refused("/berth.v1.Inventory/Reserve", &[("x-long", &long)]).await;
    assert!(refused, "headers beyond 16 KiB");
    others_are_served(&server).await;
}
