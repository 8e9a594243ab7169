//! TLS: who trusts whom.

use std::future::poll_fn;
use std::pin::Pin;

use berth_client::{Admin, Client, ClientError, Credentials, v1};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::Body as _;

use super::{fixture, read};
use crate::asking::{Answered as _, reserve};
use crate::patience::until;
use crate::server::{Home, Server, patient};

fn credentials(ca: &str, shown: Option<&str>) -> Credentials {
    let credentials = Credentials::default().trusting(read(ca));
    match shown {
        Some(name) => {
            credentials.showing(read(&format!("{name}.pem")), read(&format!("{name}.key")))
        }
        None => credentials,
    }
}

fn https(address: &str) -> String {
    format!("https://{}", address.replace("127.0.0.1", "localhost"))
}

/// Sells one berth as somebody who trusts `ca` and shows a certificate.
pub async fn sells(server: &Server, ca: &str, shown: Option<&str>) -> Result<(), ClientError> {
    let credentials = credentials(ca, shown);
    let url = https(server.address());
    let client = Client::connect_secured(&url, patient(), &credentials).await?;
    client.reserve(reserve("10001", 1)).await?.done();
    Ok(())
}

async fn operates(server: &Server, shown: Option<&str>) -> Result<(), ClientError> {
    let credentials = credentials("root.pem", shown);
    let url = https(server.admin_address());
    let admin = Admin::connect_secured(&url, patient(), &credentials).await?;
    admin.get_stats(v1::GetStatsRequest {}).await.map(drop)
}

/// What `/metrics` tells over TLS, and so over HTTP/2.
pub async fn metrics(server: &Server) -> String {
    let tls = tonic::transport::ClientTlsConfig::new()
        .ca_certificate(tonic::transport::Certificate::from_pem(read("root.pem")));
    let endpoint = tonic::transport::Endpoint::from_shared(https(server.admin_address())).unwrap();
    let mut channel = endpoint.tls_config(tls).unwrap().connect().await.unwrap();
    let request = http::Request::get("/metrics").body(Body::empty()).unwrap();
    poll_fn(|cx| GrpcService::<Body>::poll_ready(&mut channel, cx)).await.unwrap();
    let answer = channel.call(request).await.unwrap();
    let mut body = answer.into_body();
    let mut text = String::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(piece) = frame.expect("the connection holds").into_data() {
            text.push_str(core::str::from_utf8(&piece).unwrap());
        }
    }
    text
}

#[tokio::test]
async fn only_callers_with_a_certificate_of_the_right_root_get_in() {
    let (cert, key) = (fixture("server.pem"), fixture("server.key"));
    let root = fixture("root.pem");
    let server = Home::new().serve_with(&[
        "--tls-cert",
        cert.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
        "--tls-client-ca",
        root.to_str().unwrap(),
        "--tls-client-role",
        "desk.example=booking",
        "--tls-client-role",
        "operator.example=operator+auditor",
    ]);
    sells(&server, "root.pem", Some("desk")).await.expect("it may");
    operates(&server, Some("operator")).await.expect("it may");
    for (what, told) in [
        ("a server of a strange root", sells(&server, "stranger-root.pem", Some("desk")).await),
        ("no certificate", sells(&server, "root.pem", None).await),
        (
            "a stranger with the name of a friend",
            sells(&server, "root.pem", Some("stranger")).await,
        ),
        ("no certificate for the admin", operates(&server, None).await),
    ] {
        let fault = told.expect_err(what);
        assert_eq!(fault.code(), tonic::Code::Unavailable, "{what}: {fault}");
    }
    for (told, word) in [
        (operates(&server, Some("desk")).await, "needs the role operator"),
        (sells(&server, "root.pem", Some("operator")).await, "needs the role booking"),
    ] {
        let fault = told.expect_err("it may not");
        assert_eq!(fault.code(), tonic::Code::PermissionDenied);
        assert!(fault.to_string().contains(word), "{fault}");
    }
    let plain = Client::connect_with(server.url(), patient()).await;
    if let Ok(client) = plain {
        client.reserve(reserve("10001", 1)).await.expect_err("no TLS, no answer");
    }
    sells(&server, "root.pem", Some("desk")).await.expect("it still may");
}

#[tokio::test]
async fn certificates_are_read_again_when_asked() {
    let home = Home::new();
    let (cert, key) = (home.beside("cert.pem"), home.beside("key.pem"));
    let lay = |name: &str| {
        std::fs::copy(fixture(&format!("{name}.pem")), &cert).unwrap();
        std::fs::copy(fixture(&format!("{name}.key")), &key).unwrap();
    };
    lay("server");
    let server = home.serve_with(&[
        "--tls-cert",
        cert.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ]);
    let hears = async |words: &str| {
        server.hang_up();
        until(words, async || server.said().contains(words).then_some(())).await;
    };
    std::fs::write(&cert, "half a certifi").unwrap();
    hears("the certificates of before are used on").await;
    sells(&server, "root.pem", None).await.expect("those of before");
    lay("server-next");
    hears("the certificates were read again").await;
    sells(&server, "root.pem", None).await.expect("the new ones");
    // A certificate of a strange root is used as told, and trusted by nobody.
    lay("stranger");
    let before = server.said().matches("were read again").count();
    server.hang_up();
    until("it is read", async || {
        (server.said().matches("were read again").count() > before).then_some(())
    })
    .await;
    sells(&server, "root.pem", None).await.expect_err("a strange one");
}

#[test]
fn an_open_door_is_asked_for_in_so_many_words() {
    let home = Home::new();
    let (cert, key) = (fixture("server.pem"), fixture("server.key"));
    let tls = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let open = ["serve", "--listen", "0.0.0.0:0"];
    let admin = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"];
    for (arguments, word) in [
        (open.to_vec(), "say --insecure-without-tls"),
        (admin.to_vec(), "admin_listen is 0.0.0.0:0"),
        ([&open[..], &["--insecure-without-tls"]].concat(), "say --insecure-without-auth"),
        ([&open[..], &tls].concat(), "say --insecure-without-auth"),
    ] {
        let output = home.berth(&arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(word) && said.lines().count() == 1, "{said}");
    }
}
