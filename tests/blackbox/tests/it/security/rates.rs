//! How much one may ask for.

use berth_client::{Client, ClientError, Credentials, Token};
use tonic::Code;

use super::issuer::Issuer;
use crate::asking::{Answered as _, confirm, query, reserve};
use crate::server::{Home, patient};
use crate::wire::door::Door;

#[tokio::test]
async fn an_address_that_asks_too_much_is_told_when_to_come_back() {
    let server = Home::new().serve_with(&["--address-rate", "1:12"]);
    let [unary, session] = Door::both(&server).await;
    // Opening the session's stream comes with its first command.
    let mut holds = Vec::new();
    let mut refused = Vec::new();
    for door in [&unary, &session] {
        for _ in 0..10 {
            match door.try_it(&reserve("10001", 1)).await {
                Ok(answer) => holds.push((door, answer.done())),
                Err(fault) => refused.push(fault),
            }
        }
    }
    assert!((12..=16).contains(&holds.len()), "{} holds", holds.len());
    for fault in &refused {
        let ClientError::Overloaded { message, retry_after_ms, .. } = fault else {
            panic!("{fault:?}");
        };
        assert!(message.contains("1 commands a second, 12 at once"), "{message}");
        assert!(retry_after_ms.is_some_and(|ms| ms > 0), "{fault}");
    }
    // What is paid for is taken beyond the limit.
    for (door, hold) in holds.iter().take(3).chain(holds.last()) {
        door.try_it(&confirm(&hold.hold_id)).await.unwrap().done();
    }
    let counted = server.counted("berth_calls_refused_total{reason=\"address_rate\"}").await;
    assert_eq!(counted, refused.len() as u64);
}

#[tokio::test]
async fn one_caller_who_floods_takes_nothing_from_another() {
    let home = Home::new();
    let issuer = Issuer::new(&home);
    let mut flags = issuer.flags().to_vec();
    flags.extend(["--caller-rate", "1:20"]);
    let server = home.serve_with(&flags);
    let client = async |subject: &str| {
        let token = Token::new(&issuer.token(subject, "booking", 600)).unwrap();
        let credentials = Credentials::default().saying(token);
        Client::connect_secured(server.url(), patient(), &credentials).await.unwrap()
    };
    let (flood, other) = (client("flood").await, client("other").await);
    let mut refused = 0;
    for _ in 0..100 {
        if let Err(fault) = flood.query(query("10001")).await {
            assert_eq!(fault.code(), Code::ResourceExhausted, "{fault}");
            refused += 1;
        }
    }
    assert!(refused >= 70, "{refused} of 100");
    for _ in 0..20 {
        other.query(query("10001")).await.expect("it has its own");
    }
}
