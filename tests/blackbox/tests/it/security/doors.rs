//! Connections that never become calls, and too many of them.

use std::net::SocketAddr;

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use super::{MEMORY_MAX, fixture, hung_up, others_are_served, refused};
use crate::asking::{Answered as _, reserve};
use crate::patience::until;
use crate::server::{Home, Server};

/// The first bytes of a TLS handshake that promises more than will ever come.
const HALF_HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

/// How many say only half of hello: a knob of `.ci/nightly`.
fn half_handshakes() -> usize {
    std::env::var("BERTH_TEST_HANDSHAKES").map_or(60, |text| text.parse().expect("a number"))
}

async fn from(address: [u8; 4], server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((address, 0))).expect("all of 127 is loopback");
    let listener = server.address().parse().expect("an address");
    socket.connect(listener).await.expect("it listens")
}

#[tokio::test]
async fn who_does_not_begin_to_speak_is_hung_up_on() {
    let server = Home::new().serve_with(&["--handshake-seconds", "1"]);
    let (silent, slow) = (20, 20);
    let mut sockets = Vec::new();
    for number in 0..silent + slow {
        let mut socket = TcpStream::connect(server.address()).await.expect("it listens");
        if number >= silent {
            // A byte now and then would not help either: the time is for all of it.
            socket.write_all(b"PRI * HTTP/2.0\r\n\r\nS").await.expect("it is read");
        }
        sockets.push(socket);
    }
    // A session that has nothing to say is another matter.
    let client = server.client().await;
    join_all(sockets.into_iter().map(hung_up)).await;
    let all = silent + slow;
    let counted = async || (server.counted(&refused("greeting")).await == all).then_some(());
    until("each is counted", counted).await;
    client.reserve(reserve("10001", 1)).await.unwrap().done();
    let inside = "berth_connections{listener=\"public\"}";
    until("only the client is left", async || (server.counted(inside).await == 1).then_some(()))
        .await;
}

#[tokio::test]
async fn half_handshakes_are_cut_and_others_served() {
    let home = Home::new();
    let (cert, key) = (fixture("server.pem"), fixture("server.key"));
    let server = home.serve_with(&[
        "--tls-cert",
        cert.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
        "--handshake-seconds",
        "1",
        "--max-connections-per-address",
        "4096",
    ]);
    let before = server.memory();
    let (mut left, mut cut) = (half_handshakes(), 0);
    while left > 0 {
        let wave = left.min(500);
        left -= wave;
        let sockets = join_all((0..wave).map(async |_| {
            let mut socket = TcpStream::connect(server.address()).await.expect("it listens");
            socket.write_all(HALF_HELLO).await.expect("it is read");
            socket
        }))
        .await;
        super::tls::sells(&server, "root.pem", None).await.expect("others are served meanwhile");
        join_all(sockets.into_iter().map(hung_up)).await;
        cut += wave;
    }
    let mut socket = TcpStream::connect(server.address()).await.expect("it listens");
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("it is read");
    hung_up(socket).await;
    for (reason, count) in [("handshake_slow", cut), ("handshake", 1)] {
        let line = format!("{} {count}\n", refused(reason));
        let told = async || super::tls::metrics(&server).await.contains(&line).then_some(());
        until(&line, told).await;
    }
    let grown = server.memory().saturating_sub(before);
    assert!(grown < MEMORY_MAX, "{grown} bytes more");
    eprintln!("counted: {cut} half handshakes, {grown} bytes more");
}

#[tokio::test]
async fn connections_are_bounded_by_address_and_in_all() {
    let server =
        Home::new().serve_with(&["--max-connections", "20", "--max-connections-per-address", "8"]);
    let mut inside = Vec::new();
    for (address, room) in [([127, 0, 0, 2], 8), ([127, 0, 0, 3], 8), ([127, 0, 0, 4], 4)] {
        for _ in 0..room {
            inside.push(from(address, &server).await);
        }
        // One more is hung up on at once, and those who are in stay.
        hung_up(from(address, &server).await).await;
    }
    // The one that did not fit into the house was not looked at by address.
    assert_eq!(server.counted(&refused("address_full")).await, 2);
    assert_eq!(server.counted(&refused("full")).await, 1);
    // The other listener counts its own, and whoever leaves makes room.
    inside.truncate(10);
    until("there is room again", async || {
        let line = "berth_connections{listener=\"public\"}";
        (server.counted(line).await == 10).then_some(())
    })
    .await;
    others_are_served(&server).await;
}

#[tokio::test]
async fn connections_of_age_are_asked_to_leave_and_nobody_notices() {
    let server = Home::new().serve_with(&["--connection-age-seconds", "1"]);
    let options = berth_client::Options::default();
    let client = server.client_with(options).await;
    let single = server
        .client_with(berth_client::Options { calls: berth_client::Calls::Single, ..options })
        .await;
    until("both connections were made anew twice", async || {
        for client in [&client, &single] {
            let hold = client.reserve(reserve("10001", 1)).await.unwrap().done();
            client.release(crate::asking::release(&hold.hold_id)).await.unwrap().done();
        }
        let came = server.counted("berth_connections_total{listener=\"public\"}").await;
        (came >= 6).then_some(())
    })
    .await;
    assert_eq!(server.counted(&refused("age")).await, 0, "all left when they were asked");
}
