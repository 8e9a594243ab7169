//! Tokens and roles, and that no secret is ever told.

use berth_client::{Admin, Calls, Client, Credentials, Options, Token, v1};
use serde_json::json;
use tonic::Code;

use super::issuer::Issuer;
use super::read;
use crate::asking::{AHEAD, Answered as _, day, reserve};
use crate::patience::until;
use crate::raw::Raw;
use crate::server::{Home, Server, patient};

async fn client(server: &Server, token: &str, options: Options) -> Client {
    let credentials = Credentials::default().saying(Token::new(token).unwrap());
    Client::connect_secured(server.url(), options, &credentials).await.unwrap()
}

async fn admin(server: &Server, token: &str) -> Admin {
    let credentials = Credentials::default().saying(Token::new(token).unwrap());
    Admin::connect_secured(server.admin_url(), patient(), &credentials).await.unwrap()
}

fn close_sale() -> v1::CloseSaleRequest {
    v1::CloseSaleRequest {
        train: "10001".into(),
        start_date: day(AHEAD),
        ..v1::CloseSaleRequest::default()
    }
}

#[tokio::test]
async fn roles_open_their_calls_and_no_others() {
    let home = Home::new();
    let issuer = Issuer::new(&home);
    let server = home.serve_with(&issuer.flags());
    let desk = issuer.token("desk-1", "booking", 600);
    let booking = client(&server, &desk, patient()).await;
    booking.reserve(reserve("10001", 1)).await.unwrap().done();
    let together = Options { calls: Calls::Batched, ..patient() };
    let session = client(&server, &desk, together).await;
    session.reserve(reserve("10001", 1)).await.unwrap().done();
    let operator = admin(&server, &issuer.token("operator-7", "operator", 600)).await;
    operator.close_sale(close_sale()).await.unwrap();
    operator.get_stats(v1::GetStatsRequest {}).await.unwrap();
    let fault = operator.follow_journal(v1::FollowRequest::default()).await.unwrap_err();
    assert!(fault.to_string().contains("needs the role auditor"), "{fault}");
    for (told, role) in [
        (admin(&server, &desk).await.close_sale(close_sale()).await.map(drop), "operator"),
        (
            client(&server, &issuer.token("screen", "read-only", 600), patient())
                .await
                .reserve(reserve("10001", 1))
                .await
                .map(drop),
            "booking",
        ),
    ] {
        let fault = told.unwrap_err();
        assert_eq!(fault.code(), Code::PermissionDenied);
        assert!(fault.to_string().contains(&format!("needs the role {role}")), "{fault}");
    }
    let nobody = server.client().await.reserve(reserve("10001", 1)).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    assert!(nobody.to_string().contains("authorization: Bearer TOKEN"), "{nobody}");
    // Whoever watches over the node needs no token.
    let mut health = tonic_health::pb::health_client::HealthClient::new(server.channel().await);
    health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
    let said = server.said();
    let line = said.lines().find(|line| line.contains("Operations/CloseSale")).expect("an audit");
    assert!(line.contains("operator-7") && line.contains("agency"), "{line}");
    let told = said.lines().filter(|line| line.contains("an operator's call")).count();
    assert_eq!(told, 2, "what was let in is told of: CloseSale and GetStats\n{said}");
}

#[tokio::test]
async fn forged_and_late_tokens_are_refused_and_counted() {
    let home = Home::new();
    let issuer = Issuer::new(&home);
    let server = home.serve_with(&issuer.flags());
    let mut raw = Raw::connect(server.address()).await;
    let good = issuer.token("desk-1", "booking", 600);
    let (body, _) = good.rsplit_once('.').unwrap();
    let claims = json!({"sub": "desk-1", "tenant": "agency", "roles": ["booking"]});
    let mut forged = vec![
        format!("{body}."),
        format!("{body}.AAAA"),
        issuer.signed(&json!({"alg": "none"}), &claims),
        issuer.signed(&json!({"alg": "HS256", "kid": "one"}), &claims),
        Issuer::new(&Home::new()).token("desk-1", "booking", 600),
        "x".repeat(9_000),
        String::new(),
    ];
    // A flood of them: none is remembered, each is refused.
    forged.extend((0..500).map(|number| format!("{body}.{number}AAAA")));
    let before = server.memory();
    for token in &forged {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let told = raw.call("/berth.v1.Inventory/GetHold", &headers, &[]).await;
        assert_eq!(told.code, Code::Unauthenticated, "{told:?}");
    }
    let late = issuer.token("desk-1", "booking", 0);
    let bearer = format!("Bearer {late}");
    let told = raw.call("/berth.v1.Inventory/GetHold", &[("authorization", &bearer)], &[]).await;
    assert_eq!(told.code, Code::Unauthenticated);
    assert!(told.message.contains("expired"), "{told:?}");
    assert!(server.memory().saturating_sub(before) < super::MEMORY_MAX);
    client(&server, &good, patient()).await.reserve(reserve("10001", 1)).await.unwrap().done();
    let reader = issuer.token("scraper", "auditor", 600);
    let text = server.metrics_as(&reader).await;
    for (reason, count) in [("credential", forged.len()), ("expired", 1)] {
        let line = format!("berth_calls_refused_total{{reason=\"{reason}\"}} {count}");
        assert!(text.contains(&line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn a_session_ends_in_order_with_its_credential_and_goes_on_with_the_next() {
    let home = Home::new();
    let issuer = Issuer::new(&home);
    let server = home.serve_with(&issuer.flags());
    let token = Token::new(&issuer.token("desk-1", "booking", 2)).unwrap();
    let credentials = Credentials::default().saying(token.clone());
    let options = Options { calls: Calls::Batched, ..patient() };
    let client = Client::connect_secured(server.url(), options, &credentials).await.unwrap();
    let fault =
        until("the credential expires", async || match client.reserve(reserve("10001", 1)).await {
            Ok(answer) => {
                let hold = answer.done();
                let freed = client.release(crate::asking::release(&hold.hold_id)).await;
                freed.err()
            }
            Err(fault) => Some(fault),
        })
        .await;
    assert_eq!(fault.code(), Code::Unauthenticated, "{fault}");
    token.replace(&issuer.token("desk-1", "booking", 600)).unwrap();
    client.reserve(reserve("10001", 1)).await.unwrap().done();
}

#[tokio::test]
async fn no_secret_is_ever_told() {
    let home = Home::new();
    let issuer = Issuer::new(&home);
    let environment = [("BERTH_LOG", "trace".to_owned())];
    let (cert, key) = (super::fixture("server.pem"), super::fixture("server.key"));
    let mut flags = issuer.flags().to_vec();
    flags.extend(["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()]);
    let mut server = home.begin_under(&flags, &environment);
    assert!(server.comes_up());
    let good = issuer.token("desk-1", "booking", 600);
    let operator = issuer.token("operator-7", "operator", 600);
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    let connect = async |token: &str| {
        let credentials =
            Credentials::default().trusting(read("root.pem")).saying(Token::new(token).unwrap());
        let url = format!("https://{}", server.address().replace("127.0.0.1", "localhost"));
        Client::connect_secured(&url, patient(), &credentials).await.unwrap()
    };
    let secret_name = "reference-of-a-passenger";
    let ask = v1::ReserveRequest { reference: secret_name.into(), ..reserve("10001", 1) };
    connect(&good).await.reserve(ask).await.unwrap().done();
    let fault = connect(&forged).await.reserve(reserve("10001", 1)).await.unwrap_err();
    let operators =
        Credentials::default().trusting(read("root.pem")).saying(Token::new(&operator).unwrap());
    let url = format!("https://{}", server.admin_address().replace("127.0.0.1", "localhost"));
    let admin = Admin::connect_secured(&url, patient(), &operators).await.unwrap();
    admin.close_sale(close_sale()).await.unwrap();
    let url = server.url().to_owned();
    server.terminate();
    server.ended().await;
    let said = format!("{}\n{fault}\n{fault:?}\n{url}", server.said());
    assert!(said.contains("operator-7") && said.contains("TRACE"), "this log tells much");
    let key = read("server.key");
    let key = key.lines().nth(1).expect("a PEM file has a second line");
    let signature = |token: &str| token.rsplit_once('.').map(|(_, end)| end.to_owned()).unwrap();
    for secret in [
        good.clone(),
        signature(&good),
        signature(&operator),
        signature(&forged),
        key.to_owned(),
        secret_name.to_owned(),
    ] {
        assert!(!said.contains(&secret), "{secret} was told");
    }
}
